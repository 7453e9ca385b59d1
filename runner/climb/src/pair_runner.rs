//! Measures two sides in pairs, in coin order, on the same prompts; voids a pair for what the machine did meanwhile.

mod taken;

use std::time::Duration;

use taken::Taken;

use crate::build::Built;
use crate::context::World;
use crate::sample::{Sampled, Sampler};
use piton_core::base::conditions::{Limits, Next, Pauses};
use piton_core::base::error::{Error, Result};
use piton_core::base::metric::{Clock, Values};
use piton_core::rule::keep::{self, First};
use piton_core::run::forecast::Wanted;
use piton_core::run::sample_scale;
use piton_core::trial::record::{RawPair, VoidPair};
use piton_system::clock::{self, Stopwatch};
use piton_system::config::Config;
use piton_system::host::Meter;
use piton_system::process;
use piton_system::terminal::Tone;

/// Two sides and the stream that their coins come from.
pub struct PairRunner<'a> {
    /// Tells what is going on, and knows whether the user asked to stop.
    world: &'a World,
    /// What measures.
    sampler: Sampler<'a>,
    /// What voids a pair.
    limits: &'a Limits,
    /// What its metric counts by.
    clock: Clock,
    /// How long it waits for a calm machine.
    pub pauses: Pauses,
    /// It waited long enough: pairs count however busy the machine is.
    pub counts_all: bool,
    /// Pairs that were void for something else than what others took of the machine.
    moved: u32,
    /// The one that is in place.
    incumbent: &'a Built,
    /// The one on trial.
    challenger: &'a Built,
    /// Seed of coins, prompts and padding.
    seed: u64,
    /// Each side runs once before the first pair.
    pub warms_up: bool,
    /// Seeds for the pairs, in turn, where they are not to be drawn.
    pub seeds: Vec<u64>,
    /// The samples that were not timed: the challenger's, the incumbent's.
    pub warm: Vec<Values>,
    /// Its metrics are exact: the machine voids no pair.
    pub exact: bool,
    /// Pairs that did not count.
    pub void_pairs: Vec<VoidPair>,
    /// The incumbent runs before each pair: a pair that begins with it shows then what it is worth after itself.
    pub spaced: bool,
    /// How many pairs there will be, where that is known: it tells a person who waits how long that takes.
    pub wanted: Option<Wanted>,
    /// Since the first pair began, and how many were measured since.
    begun: Option<(Stopwatch, usize)>,
    /// Both sides are measured by one command.
    in_turns: bool,
    /// How long a sample of the incumbent shall take, and the metric that says how long it took.
    aim: Option<(f64, Option<String>)>,
    /// Draws used up.
    drawn: u32,
    /// Whose sample was the last.
    last: Option<First>,
}

/// What came of measuring a pair.
#[derive(Debug, Clone, PartialEq)]
pub enum PairResult {
    /// Both sides gave their values; the metric's history says what the gain is.
    Pair(RawPair),
    /// Whoever looked at this side's samples has seen enough.
    Enough(First),
    /// A side gave no values.
    Failed(First, Sampled),
    /// Too many pairs were void, and waiting helps nothing.
    Void(String),
    /// The user stopped it.
    Interrupted,
}

impl PairResult {
    /// Why there is no pair, in words; `limit_s` is the limit of a sample.
    pub fn words(&self, limit_s: u64) -> String {
        match self {
            Self::Pair(_) => "there is one".to_owned(),
            Self::Enough(_) => "whoever looked had seen enough".to_owned(),
            Self::Failed(_, sampled) => sampled.words(limit_s),
            Self::Void(reason) => reason.clone(),
            Self::Interrupted => process::STOPPED.to_owned(),
        }
    }

    /// The same as an error that says `what` did not happen.
    pub fn error(&self, what: &str, limit_s: u64) -> Error {
        let error = Error::new(what).cause(self.words(limit_s)).note("nothing was recorded");
        if *self == Self::Interrupted { error.status(130) } else { error }
    }
}

/// The draw of the warm-up: no pair gets so far.
const WARM_UP: u32 = u32::MAX;
/// The harness's word for a clock that ran at another rate meanwhile, whatever it measured: that voids a pair.
pub(crate) const CLOCK: &str = "clock";
/// How long the machine is watched before a pause ends.
const WATCH: Duration = Duration::from_secs(2);

impl<'a> PairRunner<'a> {
    /// A runner that has not begun.
    pub fn new(
        world: &'a World,
        config: &'a Config,
        harness: &'a Built,
        sides: (&'a Built, &'a Built),
        seed: u64,
    ) -> Self {
        let (incumbent, challenger) = sides;
        let sampler = world.sampler(config, harness);
        Self {
            world,
            sampler,
            limits: &config.machine,
            clock: config.clock(),
            warms_up: config.rule.preset.warms_up(),
            seeds: vec![],
            pauses: Pauses::of_trial(&config.machine, 0),
            counts_all: false,
            moved: 0,
            incumbent,
            challenger,
            seed,
            warm: vec![],
            exact: false,
            void_pairs: vec![],
            spaced: false,
            wanted: None,
            begun: None,
            in_turns: !config.measure.pair.is_empty(),
            aim: config.measure.aim_s.map(|aim_s| (aim_s, config.measure.timed.clone())),
            drawn: 0,
            last: None,
        }
    }

    /// Has piton's own meters read every sample, too, whatever the metric is. Not where one command measures both sides.
    pub fn meter_all(&mut self) {
        self.sampler.metered |= !self.in_turns;
    }

    fn side(&self, side: First) -> &Built {
        if side == First::Incumbent { self.incumbent } else { self.challenger }
    }

    /// One sample of each side that is not timed: pages come into memory, and a grave error shows. `look` sees the values of both
    /// sides and says whether to go on.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn warm_up(&mut self, look: &mut dyn FnMut(First, &Values) -> bool) -> Result<Option<PairResult>> {
        if !self.warms_up {
            return Ok(None);
        }
        let draw = keep::draw(self.seed, WARM_UP);
        let mut scale = None;
        for side in [First::Challenger, First::Incumbent] {
            // Which side it is stands nowhere that an agent may read.
            self.world.progress.doing("warming up");
            self.world.status_file.stage("warming up");
            self.last = Some(side);
            let watch = Stopwatch::start();
            let sampled = self.sampler.sample(self.side(side), draw.prompts, draw.padding)?;
            let whole_s = watch.seconds();
            if let (First::Incumbent, Sampled::Measured(values)) = (side, &sampled) {
                scale = self.scaled(values, whole_s);
            }
            match sampled {
                Sampled::Measured(values) if !look(side, &values) => {
                    return Ok(Some(PairResult::Enough(side)));
                }
                Sampled::Measured(values) => self.warm.push(values),
                Sampled::Interrupted => return Ok(Some(PairResult::Interrupted)),
                other => return Ok(Some(PairResult::Failed(side, other))),
            }
        }
        // From here on, and for both sides: the incumbent's time alone decides, and before any pair.
        self.sampler.scale = scale.unwrap_or(1);
        Ok(None)
    }

    /// How many times the work of the incumbent's sample makes one of the length that is wanted.
    fn scaled(&self, values: &Values, whole_s: f64) -> Option<u32> {
        let (aim_s, timed) = self.aim.as_ref()?;
        let took_s = match timed {
            Some(name) => values.get(name).copied()?,
            None => whole_s,
        };
        Some(sample_scale::times(*aim_s, took_s))
    }

    /// The next pair that counts. `doing` is told to people; `look` sees every sample and says whether to go on.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn next_pair(
        &mut self,
        doing: &str,
        look: &mut dyn FnMut(First, &Values) -> bool,
    ) -> Result<PairResult> {
        loop {
            let mut draw = keep::draw(self.seed, self.drawn);
            if let Some(seed) = self.seeds.get(self.drawn as usize % self.seeds.len().max(1)) {
                draw.prompts = *seed;
            }
            // Before the machine is watched. Those who look on are told the gains apart.
            self.world.status_file.stage(doing.split(" [").next().unwrap_or(doing));
            let watch = Stopwatch::start();
            let taken = if self.in_turns {
                self.in_turns(draw, doing, look)?
            } else {
                self.in_order(draw, doing, look)?
            };
            let Taken { before, values, clock, conditions, apart } = match taken {
                Ok(taken) => taken,
                Err(ended) => return Ok(ended),
            };
            let disturbed = self.sampler.agent_pause.disturbed();
            self.drawn += 1;
            let counts = self.exact || self.counts_all;
            let busy = if counts { None } else { self.limits.spoils(self.clock, &conditions) };
            let moved = clock.or(disturbed);
            let by_others = moved.is_none();
            let (reason, values) = match (moved.or(busy), values) {
                (None, [Some(incumbent), Some(challenger)]) => {
                    let (first, prompts) = (draw.first, draw.prompts);
                    let scale = self.sampler.scale;
                    let raw =
                        RawPair { first, before, prompts, incumbent, challenger, conditions, apart, scale };
                    self.begun.iter_mut().for_each(|(_, measured)| *measured += 1);
                    return Ok(PairResult::Pair(raw));
                }
                (reason, values) => (reason.expect("both sides ran, or the clock moved"), values),
            };
            let values = match values {
                [Some(incumbent), Some(challenger)] => Some([incumbent, challenger]),
                _ => None,
            };
            let draw = self.drawn - 1;
            self.void_pairs.push(VoidPair { draw, reason: reason.clone(), conditions, apart, values });
            self.moved += u32::from(!by_others);
            if self.moved > self.limits.void_pairs {
                return Ok(PairResult::Void(format!(
                    "{} pairs were void, more than [machine] void_pairs = {}; the last because {reason}",
                    self.moved, self.limits.void_pairs
                )));
            }
            match self.pauses.spoiled(watch.seconds()) {
                Next::GoOn if by_others => self.go_on(&reason),
                Next::GoOn => {}
                Next::Pause { most_s } => {
                    if !self.pause(most_s, &reason) {
                        return Ok(PairResult::Interrupted);
                    }
                }
            }
        }
    }

    /// From now on pairs count.
    fn go_on(&mut self, reason: &str) {
        self.counts_all = true;
        let told = format!(
            "the machine is as busy as before after {:.0} s of waiting and void pairs ([machine] pause_s = {}, void_pairs = {}): {reason}; from here on pairs count all the same",
            self.pauses.lost_s(),
            self.limits.pause_s,
            self.limits.void_pairs
        );
        self.world.progress.line(Tone::Neutral, &told);
    }

    /// Tells a person who waits what is done, and how long it will take.
    fn say(&mut self, doing: &str) {
        let (watch, measured) = self.begun.get_or_insert_with(|| (Stopwatch::start(), 0));
        self.world.progress.doing(doing);
        if let Some(left) = self.wanted.as_ref().and_then(|wanted| wanted.left(*measured, watch.seconds())) {
            self.world.progress.doing_what(&left);
        }
    }

    /// Tells by what the pairs are judged that count although the machine is busy.
    pub(crate) fn tell_widened(&self, times: f64) {
        self.world.progress.line(Tone::Neutral, &format!("they are judged by {times:.1} times tau"));
    }

    /// Waits for a calm machine before the first pair, where `reason` says that it is none. False when the user asked to stop.
    pub(crate) fn pause_first(&mut self, reason: &str) -> bool {
        match self.pauses.longest() {
            Some(most_s) if self.clock == Clock::Wall && !self.exact => self.pause(most_s, reason),
            _ => true,
        }
    }

    fn pause(&mut self, most_s: f64, reason: &str) -> bool {
        let after = "then pairs are measured again, and where waiting helps nothing they count all the same";
        match wait_until_calm(self.world, (self.limits, self.clock), most_s, reason, after) {
            Some((seconds, calm)) => self.pauses.paused(seconds, calm),
            None => return false,
        }
        true
    }
}

/// Waits until the machine is calm, or so many seconds. Returns how long that took and whether it is calm; `None` when the user asked to stop.
pub(crate) fn wait_until_calm(
    world: &World,
    (limits, clock): (&Limits, Clock),
    most_s: f64,
    reason: &str,
    after: &str,
) -> Option<(f64, bool)> {
    let watch = Stopwatch::start();
    let told = format!("paused for {most_s:.0} s at most ([machine] pause_s): {reason}; {after}");
    world.progress.line(Tone::Dim, &told);
    while watch.seconds() < most_s {
        world.doing(&told);
        let meter = Meter::start();
        clock::wait(WATCH.min(Duration::from_secs_f64(most_s)));
        if world.runner.interrupted() {
            return None;
        }
        if limits.spoils(clock, &meter.stop()).is_none() {
            return Some((watch.seconds(), true));
        }
    }
    Some((watch.seconds(), false))
}
