//! From a challenger's commit to an outcome: build it, measure it in pairs, ask the gates and the rule.

mod checked;
mod pairs;
mod single;

use crate::build::{BuildEnd, Built};
use crate::context::World;
use crate::pair_runner::PairRunner;
use crate::run_store::Book;
use crate::run_trial::unsettled;
use crate::sample::Sampled;
use piton_core::base::conditions::Pauses;
use piton_core::base::error::Result;
use piton_core::base::metric::{Gain, Values};
use piton_core::rule::gate::{self, GateResult, Samples};
use piton_core::rule::keep::{self, First, Question, RecordedGain, Verdict, Worth};
use piton_core::rule::settings::{self, Preset};
use piton_core::run::forecast::{self, Forecast, Wanted};
use piton_core::run::pair_history::{exact, noisy_spell, slow_start};
use piton_core::run::power;
use piton_core::trial::record::{Outcome, Pair, Record, Sides, Stage, medians};
use piton_core::trial::state::State;
use piton_system::clock::Stopwatch;
use piton_system::failpoint;
use piton_system::git::{Id, Repo};
use piton_system::host;

use pairs::{By, Paired, readings};

/// Trials that say whether waiting for a calm machine helps.
const LOOKED_BACK: usize = 3;

/// What a challenger is judged by.
pub(crate) struct Evaluator<'a> {
    /// Where it happens.
    pub world: &'a World,
    /// The run: its experiment, and what was judged before.
    pub book: &'a Book,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
}

impl Evaluator<'_> {
    /// Builds and measures the challenger in `record`, and asks the gates and the rule. What would be kept by more than is believed is
    /// held, unless a person has accepted it.
    ///
    /// # Errors
    /// When piton itself fails. What the challenger does is an outcome.
    pub fn judge(&self, work: &Repo, base: Id, record: &mut Record) -> Result<Outcome> {
        let outcome = self.put_to_the_test(work, base, record)?;
        let config = &self.book.config;
        Ok(match record.claimed.accepted {
            None if config.candidate_prints() => {
                let level = self.book.incumbent().value(&config.metric.name).unwrap_or(0.0);
                if record.value(&config.metric.name).is_some_and(|to| settings::runs_out(level, to)) {
                    return Ok(outcome);
                }
                let size = (level, record.measured.tau.unwrap_or(Gain::ZERO));
                let implausible = |gain| config.rule.implausible(config.metric.scale(), size, gain);
                outcome.held(implausible, config.rule.implausible_pct)
            }
            _ => outcome,
        })
    }

    /// What the last trials say of how long this one takes, for a person who waits; nothing where none does.
    fn forecast(&self) -> Result<Option<Forecast>> {
        if !self.world.progress.moves() {
            return Ok(None);
        }
        let last = self.book.ledger.last(&self.book.run.name, forecast::LAST)?;
        Ok(Some(Forecast::of(&last)))
    }

    fn put_to_the_test(&self, work: &Repo, base: Id, record: &mut Record) -> Result<Outcome> {
        let (world, config) = (self.world, &self.book.config);
        let challenger = work.commit_id(record.committed()?)?;
        let building = Stopwatch::start();
        world.doing("building the challenger");
        if let Some(build) = self.forecast()?.and_then(|forecast| forecast.build()) {
            world.progress.doing_what(&build);
        }
        let build_store = world.build_store();
        // What it is held against must still be there when it is built.
        let incumbent = self.book.incumbent();
        let other = build_store.existing(base, incumbent.provenance.artifact.as_deref(), &[], config)?;
        let keep: Vec<&Built> = other.iter().collect();
        let built = build_store.challenger(challenger, &keep, config, false)?;
        record.measured.seconds.build = building.seconds();
        let limit_s = config.build.as_ref().map_or(0, |build| build.timeout_s);
        let challenger = match built {
            BuildEnd::Built(built) => built,
            BuildEnd::Failed(crash) => {
                record.measured.tail = some(crash.tail);
                return Ok(Outcome::BuildFailed { error: crash.reason });
            }
            BuildEnd::TimedOut => return Ok(Outcome::TimedOut { stage: Stage::Build, limit_s }),
            BuildEnd::Interrupted => return Ok(Outcome::Interrupted { stage: Stage::Build }),
        };
        record.provenance.artifact = challenger.hash.clone();
        self.book.ledger.progress(State::Built, record)?;
        failpoint::point("built");
        // Where the command is given the tree too, an artifact is not all that is measured.
        let whole = !config.measure.command.iter().any(|word| word.contains("{tree}"));
        let hash = challenger.hash.as_deref().filter(|_| whole);
        // What was accepted was judged before, when it was held.
        let twin = match record.claimed.accepted {
            Some(_) => None,
            None => self.book.ledger.judged(&record.run, None, hash)?,
        };
        if let Some(of) = twin {
            return Ok(Outcome::Duplicate { of });
        }
        if record.claimed.again.is_none() && record.claimed.accepted.is_none() {
            record.claimed.again = unsettled(&self.book.ledger, &record.run, None, hash)?;
        }
        let other = match other {
            Some(other) => Some(other),
            None => self.in_place(base, incumbent, &[&challenger])?,
        };
        let Some(other) = other else {
            let reason = "the incumbent's artifact is gone and was not built again".to_owned();
            return Ok(Outcome::Void { reason });
        };
        if let Some(reason) = two(&other, &challenger, record) {
            return Ok(Outcome::Void { reason });
        }
        if let Some(fallen) = self.checked(&other, &challenger, record)? {
            return Ok(fallen);
        }
        match config.rule.preset {
            Preset::Replicates => self.run_by_run(&other, &challenger, record),
            Preset::Provisional => {
                self.hold((&other, &challenger), By::TwoPairs, &[First::Incumbent], record)
            }
            _ => self.hold((&other, &challenger), By::Rule, &[First::Incumbent], record),
        }
    }

    /// Holds the incumbent, with its provisional keeps, against the last commit that is more than that.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn bundle(
        &self,
        ids: (Id, Id),
        sides: (&Record, &Record),
        trials: Vec<u32>,
        record: &mut Record,
    ) -> Result<Outcome> {
        record.provenance.artifact = sides.1.provenance.artifact.clone();
        let gone = || Ok(Outcome::Void { reason: "a side was not built again".to_owned() });
        // The incumbent first: it is more likely to be there.
        let Some(incumbent) = self.in_place(ids.1, sides.1, &[])? else { return gone() };
        let Some(verified) = self.in_place(ids.0, sides.0, &[&incumbent])? else { return gone() };
        if let Some(reason) = two(&verified, &incumbent, record) {
            return Ok(Outcome::Void { reason });
        }
        Ok(match self.hold((&verified, &incumbent), By::Rule, &[First::Challenger], record)? {
            Outcome::Judged { verdict, estimate } => {
                Outcome::Bundle { holds: matches!(verdict, Verdict::Keep(_)), trials, estimate }
            }
            other => unsaid(other, record),
        })
    }

    /// Holds a keep, as it is now, against what it stands on; `recorded` is what was recorded of it.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn recheck(
        &self,
        ids: (Id, Id),
        sides: (&Record, &Record),
        recorded: RecordedGain,
        record: &mut Record,
    ) -> Result<Outcome> {
        let (before, keep) = sides;
        record.provenance.artifact = keep.provenance.artifact.clone();
        let gone = || Ok(Outcome::Void { reason: "a side was not built again".to_owned() });
        let Some(kept) = self.in_place(ids.1, keep, &[])? else { return gone() };
        let Some(before) = self.in_place(ids.0, before, &[&kept])? else { return gone() };
        if let Some(reason) = two(&before, &kept, record) {
            return Ok(Outcome::Void { reason });
        }
        let doubted: &[First] =
            if keep.trial == self.book.incumbent().trial { &[First::Challenger] } else { &[] };
        let track = self.book.tally.histories(false).primary;
        Ok(match self.hold((&before, &kept), By::RecordedGain(recorded), doubted, record)? {
            Outcome::Judged { verdict: Verdict::Guarded(guard), estimate } => {
                Outcome::Recheck { keep: keep.trial, worth: Worth::Gone, estimate, guard: Some(guard) }
            }
            Outcome::Judged { estimate, .. } => {
                let worth =
                    keep::again(&self.book.config.rule, &track.track_of(&record.measured.pairs), recorded).0;
                match worth {
                    Some(worth) => Outcome::Recheck { keep: keep.trial, worth, estimate, guard: None },
                    None => Outcome::Void { reason: "its pairs say nothing".to_owned() },
                }
            }
            other => unsaid(other, record),
        })
    }

    /// Holds the incumbent against itself, as if it were a challenger: what comes of it is what the rule says of nothing.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn blind(&self, base: Id, record: &mut Record) -> Result<Outcome> {
        let incumbent = self.book.incumbent();
        record.provenance.artifact = incumbent.provenance.artifact.clone();
        let Some(built) = self.in_place(base, incumbent, &[])? else {
            return Ok(Outcome::Void { reason: "the incumbent was not built again".to_owned() });
        };
        // One program on both sides, on purpose.
        record.provenance.sides = Some(Sides { incumbent: built.side(), challenger: built.side() });
        let both = [First::Incumbent, First::Challenger];
        Ok(match self.hold((&built, &built), By::Rule, &both, record)? {
            Outcome::Judged { verdict, estimate } => Outcome::Blind { verdict, estimate },
            other => unsaid(other, record),
        })
    }

    fn in_place(&self, base: Id, incumbent: &Record, keep: &[&Built]) -> Result<Option<Built>> {
        let (build_store, config) = (self.world.build_store(), &self.book.config);
        if let Some(built) =
            build_store.existing(base, incumbent.provenance.artifact.as_deref(), keep, config)?
        {
            return Ok(Some(built));
        }
        // Only after somebody cleared what piton keeps, or where a tree without an artifact made room for others.
        Ok(match build_store.challenger(base, keep, config, true)? {
            BuildEnd::Built(built) => Some(built),
            _ => None,
        })
    }

    /// Trials in a row, up to the last, that waited for a calm machine and went on without.
    fn waited_in_vain(&self) -> Result<u32> {
        let last = self.book.ledger.last(&self.book.run.name, LOOKED_BACK)?;
        Ok(last.iter().rev().take_while(|record| record.measured.widened.is_some()).count() as u32)
    }

    fn hold(
        &self,
        (incumbent, challenger): (&Built, &Built),
        by: By,
        doubted: &[First],
        record: &mut Record,
    ) -> Result<Outcome> {
        let seed = host::fresh_seed()?;
        record.provenance.seed = Some(seed);
        let measuring = Stopwatch::start();
        let config = &self.book.config;
        let mut runner = PairRunner::new(self.world, config, self.harness, (incumbent, challenger), seed);
        runner.wanted = self.forecast()?.map(Wanted::Like);
        let mut trial = Paired {
            config,
            by,
            histories: self
                .book
                .tally
                .histories(record.measured.changes.as_ref().is_some_and(|c| c.simpler))
                .in_parts(config.metric.parts()),
            samples: Samples::default(),
            ill: None,
            pairs: vec![],
            widened: None,
            asked: vec![],
            tail: String::new(),
        };
        runner.pauses = Pauses::of_trial(&config.machine, self.waited_in_vain()?);
        // By what the baseline showed, before this trial's values are there.
        runner.exact = exact(&self.book.record(0)?.measured.pairs, &config.judging());
        let taus: Vec<Gain> = self.book.tally.taus.iter().copied().collect();
        if let Some(times) = noisy_spell(trial.histories.primary.tau, &taus) {
            let reason = format!("tau is {times:.1} times what it mostly was in this run");
            if !runner.pause_first(&reason) {
                return Ok(Outcome::Interrupted { stage: Stage::Measure });
            }
        }
        let outcome = trial.run(&mut runner, &self.world.status_file)?;
        let Paired { samples, pairs, widened, asked, histories, tail, ill, .. } = trial;
        record.measured.doubt = ill.filter(|(side, _)| doubted.contains(side)).map(|(_, why)| why);
        record.measured.incumbent_gates = gate::read(&config.gates, &samples.incumbent);
        let samples = samples.challenger;
        record.measured.tail = some(tail);
        // The warm-up counts for the gates only: it was not there to be timed.
        let timed: Vec<Values> = pairs.iter().map(|pair: &Pair| pair.challenger.clone()).collect();
        record.measured.metrics = medians(if timed.is_empty() { &samples } else { &timed });
        let unwarmed = by == By::TwoPairs || !config.rule.preset.warms_up();
        if let (false, Some(warm_up), Some(timed)) =
            (unwarmed || timed.is_empty(), samples.first(), &record.measured.metrics)
        {
            record.measured.slow_start = slow_start(&config.metric, warm_up, timed, histories.primary.tau);
        }
        record.measured.gates = readings(&config.gates, &samples, &outcome);
        let tau = histories.primary.tau;
        record.measured.tau = Some(tau);
        record.measured.widened = widened;
        let scale = tau.0 * widened.map_or(1.0, |widened| widened.times);
        let question = || Question::better_on(&config.rule, config.metric.scale(), scale);
        // Of a metric that is deterministic for a seed the pairs of a trial say what its scale is.
        let known = tau > Gain::ZERO && !histories.primary.track().seeded;
        record.measured.resolves = known.then(|| power::resolved(&question(), config.rule.both_orders));
        record.measured.pairs = pairs;
        record.measured.asked = asked;
        record.measured.void_pairs = runner.void_pairs;
        record.measured.seconds.measure = measuring.seconds();
        Ok(outcome)
    }
}

/// The outcome of a challenger whose sample lacks a figure that the rule needs.
fn unreadable(reason: &str) -> Outcome {
    Outcome::RunFailed { how: "unreadable".to_owned(), reason: reason.to_owned() }
}

/// What a sample of the challenger without values makes of its trial.
fn failed(sampled: Sampled, limit_s: u64) -> Outcome {
    match sampled {
        Sampled::Failed { how, reason, .. } => Outcome::failed(how, reason),
        Sampled::Interrupted => Outcome::Interrupted { stage: Stage::Measure },
        // Nothing that the challenger did.
        changed @ Sampled::Changed(_) => Outcome::Void { reason: changed.words(limit_s) },
        _ => Outcome::TimedOut { stage: Stage::Measure, limit_s },
    }
}

/// Whether a sample without values is the doing of the program that was measured.
fn blamed(sampled: &Sampled) -> bool {
    match sampled {
        Sampled::Failed { how, .. } => {
            !matches!(Outcome::failed(how.clone(), String::new()), Outcome::Void { .. })
        }
        Sampled::Measured(_) | Sampled::Interrupted | Sampled::Changed(_) => false,
        _ => true,
    }
}

/// A test of piton's own in which no verdict was reached: nothing is said, whatever a challenger would be told.
fn unsaid(outcome: Outcome, record: &Record) -> Outcome {
    match outcome {
        outcome @ (Outcome::Void { .. } | Outcome::Interrupted { .. }) => outcome,
        Outcome::GateFailed { gate, .. } => {
            let failed = record.measured.gates.iter().find(|reading| reading.metric == gate && !reading.pass);
            let words = failed.map_or(gate, GateResult::words);
            Outcome::Void { reason: format!("what was kept fails {words}") }
        }
        other => Outcome::Void { reason: format!("what was kept was not measured: {}", other.reason()) },
    }
}

/// Records what the two sides are, and says why they cannot be held against each other, if so.
fn two(incumbent: &Built, challenger: &Built, record: &mut Record) -> Option<String> {
    let sides = Sides { incumbent: incumbent.side(), challenger: challenger.side() };
    record.provenance.sides.insert(sides).one().map(str::to_owned).or_else(|| incumbent.unlike(challenger))
}

/// A text that says something.
fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
