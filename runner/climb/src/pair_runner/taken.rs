//! The samples of one pair: one side after the other, or both in turns by one command.

use super::{CLOCK, PairResult, PairRunner, WARM_UP};
use crate::sample::{PairSampled, Sampled};
use piton_core::base::conditions::{Apart, Conditions};
use piton_core::base::error::Result;
use piton_core::base::metric::{PairSide, Values};
use piton_core::rule::keep::{self, Draw, First};
use piton_system::host::{Meter, MeterReading};

/// What a pair gave, before the machine is asked whether that counts.
pub(super) struct Taken {
    /// Whose sample came directly before; absent where that says nothing.
    pub before: Option<First>,
    /// The incumbent's values and the challenger's.
    pub values: [Option<Values>; 2],
    /// Why the clock was wrong, where it was.
    pub clock: Option<String>,
    /// What the machine did meanwhile.
    pub conditions: Conditions,
    /// The same of each sample.
    pub apart: Option<Apart>,
}

impl PairRunner<'_> {
    /// One side after the other, in the order of the coin. The error is what ends the trial instead.
    pub(super) fn in_order(
        &mut self,
        draw: Draw,
        doing: &str,
        look: &mut dyn FnMut(First, &Values) -> bool,
    ) -> Result<std::result::Result<Taken, PairResult>> {
        let order = match draw.first {
            First::Incumbent => [First::Incumbent, First::Challenger],
            First::Challenger => [First::Challenger, First::Incumbent],
        };
        if self.spaced && self.last != Some(First::Incumbent) {
            let warm = keep::draw(self.seed, WARM_UP);
            self.last = Some(First::Incumbent);
            match self.sampler.sample(self.incumbent, warm.prompts, warm.padding)? {
                Sampled::Measured(_) => {}
                Sampled::Interrupted => return Ok(Err(PairResult::Interrupted)),
                other => return Ok(Err(PairResult::Failed(First::Incumbent, other))),
            }
        }
        let before = self.last;
        let mut spent: [Option<MeterReading>; 2] = [None, None];
        let (mut values, mut clock): ([Option<Values>; 2], _) = ([None, None], None);
        for side in order {
            self.say(doing);
            self.last = Some(side);
            let meter = Meter::start();
            let sampled = self.sampler.sample(self.side(side), draw.prompts, draw.padding)?;
            spent[usize::from(side == First::Challenger)] = Some(meter.reading());
            let sampled = match sampled {
                Sampled::Measured(sampled) => sampled,
                Sampled::Interrupted => return Ok(Err(PairResult::Interrupted)),
                Sampled::Failed { how, reason, .. } if how == CLOCK => {
                    clock = Some(format!("{how}: {reason}"));
                    break;
                }
                other => return Ok(Err(PairResult::Failed(side, other))),
            };
            if !look(side, &sampled) {
                return Ok(Err(PairResult::Enough(side)));
            }
            values[usize::from(side == First::Challenger)] = Some(sampled);
        }
        let conditions = spent
            .into_iter()
            .flatten()
            .reduce(MeterReading::plus)
            .map_or_else(Conditions::default, MeterReading::conditions);
        let apart = match spent {
            [Some(incumbent), Some(challenger)] => {
                Some(Apart { incumbent: incumbent.conditions(), challenger: challenger.conditions() })
            }
            _ => None,
        };
        Ok(Ok(Taken { before, values, clock, conditions, apart }))
    }

    /// Both in turns. The coin says which of them is called first, and the command draws one more for each of their answers. Nobody ran before
    /// the other then, and the machine was the same for both.
    pub(super) fn in_turns(
        &mut self,
        draw: Draw,
        doing: &str,
        look: &mut dyn FnMut(First, &Values) -> bool,
    ) -> Result<std::result::Result<Taken, PairResult>> {
        self.say(doing);
        self.last = None;
        let second = draw.first.other();
        let meter = Meter::start();
        let sampled =
            self.sampler.pair([self.side(draw.first), self.side(second)], draw.prompts, draw.padding)?;
        let conditions = meter.reading().conditions();
        let taken = |values, clock| Ok(Ok(Taken { before: None, values, clock, conditions, apart: None }));
        let [one, two] = match sampled {
            PairSampled::Measured(values) => values,
            PairSampled::Failed(_, Sampled::Interrupted) => return Ok(Err(PairResult::Interrupted)),
            PairSampled::Failed(_, Sampled::Failed { how, reason, .. }) if how == CLOCK => {
                return taken([None, None], Some(format!("{how}: {reason}")));
            }
            // What nobody takes the blame for is the challenger's: the incumbent alone was measured before.
            PairSampled::Failed(side, other) => {
                let whose = match side {
                    Some(PairSide::First) => draw.first,
                    Some(PairSide::Second) => second,
                    None => First::Challenger,
                };
                return Ok(Err(PairResult::Failed(whose, other)));
            }
        };
        let values = if draw.first == First::Incumbent { [one, two] } else { [two, one] };
        for (side, values) in [First::Incumbent, First::Challenger].into_iter().zip(&values) {
            if !look(side, values) {
                return Ok(Err(PairResult::Enough(side)));
            }
        }
        taken(values.map(Some), None)
    }
}
