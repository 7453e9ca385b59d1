//! From a challenger's commit to an outcome: build it, measure it in pairs, ask the gates and the rule.

use crate::alone::{Alone, Run};
use crate::book::Book;
use crate::build::{BuildEnd, Built};
use crate::calibration::{Courses, exact, noisy_spell, slow_start};
use crate::clock::Stopwatch;
use crate::conditions::{Apart, Voided, unfair};
use crate::config::Config;
use crate::duel::{Duel, Round};
use crate::error::Result;
use crate::expensive::{self, FRESH_RUNS, Judgement, Known, Side};
use crate::flight::State;
use crate::gate::{self, Gate, Reading, Samples};
use crate::git::{Id, Repo};
use crate::live::Evidence;
use crate::measure::Sampled;
use crate::metric::Values;
use crate::pulse::Pulse;
use crate::rule::{self, Asked, Claim, Estimate, First, Path, Question, Verdict};
use crate::terms::{self, Preset};
use crate::trial::{Outcome, Pair, Record, Sides, Stage, medians};
use crate::world::World;
use crate::{fail, forecast, host, words};

/// What a challenger is judged by.
pub struct Judge<'a> {
    /// Where it happens.
    pub world: &'a World,
    /// The run: its experiment, and what was judged before.
    pub book: &'a Book,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
}

impl Judge<'_> {
    /// Builds and measures the challenger in `record`, and asks the gates and the rule. What would be kept by more than is believed is
    /// held, unless a person has accepted it.
    ///
    /// # Errors
    /// When piton itself fails. What the challenger does is an outcome.
    pub fn judge(&self, work: &Repo, base: Id, record: &mut Record) -> Result<Outcome> {
        let outcome = self.put_to_the_test(work, base, record)?;
        let config = &self.book.config;
        Ok(match record.accepted {
            None if config.candidate_prints() => {
                let level = self.book.incumbent().value(&config.metric.name).unwrap_or(0.0);
                if record.value(&config.metric.name).is_some_and(|to| terms::runs_out(level, to)) {
                    return Ok(outcome);
                }
                let size = (level, record.tau.unwrap_or(0.0));
                let implausible = |gain| config.rule.implausible(config.metric.scale(), size, gain);
                outcome.held(implausible, config.rule.implausible_pct)
            }
            _ => outcome,
        })
    }

    fn put_to_the_test(&self, work: &Repo, base: Id, record: &mut Record) -> Result<Outcome> {
        let (world, config) = (self.world, &self.book.config);
        let challenger = work.commit_id(record.commit.as_deref().unwrap_or_default())?;
        let building = Stopwatch::start();
        world.doing("building the challenger");
        let workshop = world.workshop();
        // What it is held against must still be there when it is built.
        let incumbent = self.book.incumbent();
        let other = workshop.existing(base, incumbent.artifact.as_deref(), &[], config)?;
        let keep: Vec<&Built> = other.iter().collect();
        let built = workshop.challenger(challenger, &keep, config, false)?;
        record.seconds.build = building.seconds();
        let limit_s = config.build.as_ref().map_or(0, |build| build.timeout_s);
        let challenger = match built {
            BuildEnd::Built(built) => built,
            BuildEnd::Failed(crash) => {
                record.tail = some(crash.tail);
                return Ok(Outcome::BuildFailed { error: crash.reason });
            }
            BuildEnd::TimedOut => return Ok(Outcome::TimedOut { stage: Stage::Build, limit_s }),
            BuildEnd::Interrupted => return Ok(Outcome::Interrupted { stage: Stage::Build }),
        };
        record.artifact = challenger.hash.clone();
        self.book.ledger.progress(State::Built, record)?;
        fail::point("built");
        // Where the command is given the tree too, an artifact is not all that is measured.
        let whole = !config.measure.command.iter().any(|word| word.contains("{tree}"));
        let hash = challenger.hash.as_deref().filter(|_| whole);
        // What was accepted was judged before, when it was held.
        let twin = match record.accepted {
            Some(_) => None,
            None => self.book.ledger.judged(&record.run, None, hash)?,
        };
        if let Some(of) = twin {
            return Ok(Outcome::Duplicate { of });
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
        record.artifact = sides.1.artifact.clone();
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

    /// Holds a keep, as it is now, against what it stands on; `claim` is what was recorded of it.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn recheck(
        &self,
        ids: (Id, Id),
        sides: (&Record, &Record),
        claim: Claim,
        record: &mut Record,
    ) -> Result<Outcome> {
        let (before, keep) = sides;
        record.artifact = keep.artifact.clone();
        let gone = || Ok(Outcome::Void { reason: "a side was not built again".to_owned() });
        let Some(kept) = self.in_place(ids.1, keep, &[])? else { return gone() };
        let Some(before) = self.in_place(ids.0, before, &[&kept])? else { return gone() };
        if let Some(reason) = two(&before, &kept, record) {
            return Ok(Outcome::Void { reason });
        }
        let doubted: &[First] =
            if keep.trial == self.book.incumbent().trial { &[First::Challenger] } else { &[] };
        let track = self.book.tally.courses(false).primary;
        Ok(match self.hold((&before, &kept), By::Claim(claim), doubted, record)? {
            Outcome::Judged { estimate, .. } => {
                let worth = rule::again(&self.book.config.rule, &track.track_of(&record.pairs), claim).0;
                match worth {
                    Some(worth) => Outcome::Recheck { keep: keep.trial, worth, estimate },
                    None => Outcome::Void { reason: "its pairs say nothing".to_owned() },
                }
            }
            other => unsaid(other, record),
        })
    }

    /// Single runs of the challenger against the mean of the incumbent's.
    fn run_by_run(&self, incumbent: &Built, challenger: &Built, record: &mut Record) -> Result<Outcome> {
        let config = &self.book.config;
        let seed = host::fresh_seed()?;
        record.seed = Some(seed);
        let measuring = Stopwatch::start();
        let mut alone = Alone::new(self.world, config, self.harness);
        let outcome = self.runs(&mut alone, (incumbent, challenger), seed, record);
        record.void_pairs = alone.void_runs;
        record.seconds.measure = measuring.seconds();
        outcome
    }

    fn runs(
        &self,
        alone: &mut Alone,
        (incumbent, challenger): (&Built, &Built),
        seed: u64,
        record: &mut Record,
    ) -> Result<Outcome> {
        let config = &self.book.config;
        let limit_s = config.measure.timeout_s;
        let mut samples = Samples::default();
        let runs_before = self.book.tally.runs();
        let side = config.metric.side();
        let unreadable = |metric: &str| unreadable(&format!("{metric} is missing, or no number"));
        let Some(mut known) = runs_before.known(side) else {
            return Ok(Outcome::Void { reason: "the baseline has too few runs".to_owned() });
        };
        let mut seeds = runs_before.seeds().to_vec();
        while known.runs < FRESH_RUNS {
            let prompts = rule::draw(seed, record.reference.len() as u32).prompts;
            match alone.sample(incumbent, prompts, "the incumbent once more")? {
                Run::Counts(Sampled::Measured(values)) => {
                    let Some(fresh) = side.of(&values) else { return Ok(unreadable(side.metric)) };
                    if known.runs > 0 && known.drifts(fresh) {
                        let reason = "the incumbent moved by more than its runs vary: this metric drifts, and wants pairs";
                        return Ok(Outcome::Void { reason: reason.to_owned() });
                    }
                    known = known.with(fresh);
                    let holds = samples.look(&config.gates, First::Incumbent, &values);
                    record.reference.push(values);
                    record.run_seeds.push(prompts);
                    seeds.push(prompts);
                    record.incumbent_gates = gate::read(&config.gates, &record.reference);
                    if let (false, Some(failed)) = (holds, samples.failing(&config.gates, First::Incumbent)) {
                        return Ok(doubtful(failed.words(), record));
                    }
                }
                Run::Counts(Sampled::Interrupted) => {
                    return Ok(Outcome::Interrupted { stage: Stage::Measure });
                }
                Run::Counts(other) => {
                    let why = other.words(limit_s);
                    return Ok(match blamed(&other) {
                        true => doubtful(why, record),
                        false => Outcome::Void { reason: why },
                    });
                }
                Run::Void(reason) => return Ok(Outcome::Void { reason }),
            }
        }
        let mut runs = vec![];
        loop {
            // On prompts that the incumbent's runs had, not the same ones in every trial.
            let turn = record.trial as usize + runs.len();
            let fresh = || rule::draw(seed, FRESH_RUNS + runs.len() as u32).prompts;
            let prompts = seeds.get(turn % seeds.len().max(1)).copied().unwrap_or_else(fresh);
            let values =
                match alone.sample(challenger, prompts, &format!("run {} of at most 3", runs.len() + 1))? {
                    Run::Counts(Sampled::Measured(values)) => values,
                    Run::Counts(other) => {
                        record.tail = some(other.tail().to_owned());
                        return Ok(failed(other, limit_s));
                    }
                    Run::Void(reason) => return Ok(Outcome::Void { reason }),
                };
            let Some(run) = side.of(&values) else { return Ok(unreadable(side.metric)) };
            runs.push(run);
            record.runs.push(values);
            record.run_seeds.push(prompts);
            record.metrics = medians(&record.runs);
            record.gates = gate::read_all(&config.gates, &record.runs);
            let mean = runs.iter().sum::<f64>() / runs.len() as f64;
            let gain = mean - known.mean;
            let estimate = Estimate { pairs: runs.len() as u32, gain, low: None, high: None };
            if let Some(failed) = record.gates.iter().find(|reading| !reading.pass) {
                return Ok(Outcome::GateFailed { gate: failed.metric.clone(), estimate: Some(estimate) });
            }
            for guard in &config.guards {
                let side = guard.side();
                let values: Vec<f64> = record.runs.iter().filter_map(|run| side.of(run)).collect();
                let Some(known) = self.of_incumbent(record, side).filter(|_| values.len() == runs.len())
                else {
                    return Ok(unreadable(side.metric));
                };
                let limit = guard.limit_on(side.scale, runs_before.level(side.metric));
                if known.worse(&values, limit) {
                    let verdict = Verdict::Guarded(guard.metric.clone());
                    return Ok(Outcome::Judged { verdict, estimate });
                }
            }
            let least = config.rule.least(side.scale, runs_before.level(side.metric));
            let verdict = match known.judge(&runs, config.rule.alpha) {
                Judgement::Again => continue,
                Judgement::Keep if gain > least.max(config.rule.delta(side.scale)) => {
                    Verdict::Keep(Path::Better)
                }
                Judgement::Discard if known.z(&runs) < -1.0 => Verdict::Worse,
                _ => Verdict::NotShownBetter,
            };
            return Ok(Outcome::Judged { verdict, estimate });
        }
    }

    /// What is known of the incumbent in another metric, with the fresh runs of this trial.
    fn of_incumbent(&self, record: &Record, side: Side) -> Option<Known> {
        let known = self.book.tally.runs().known(side)?;
        Some(record.reference.iter().filter_map(|run| side.of(run)).fold(known, Known::with))
    }

    /// Holds the incumbent against itself, as if it were a challenger: what comes of it is what the rule says of nothing.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn blind(&self, base: Id, record: &mut Record) -> Result<Outcome> {
        let incumbent = self.book.incumbent();
        record.artifact = incumbent.artifact.clone();
        let Some(built) = self.in_place(base, incumbent, &[])? else {
            return Ok(Outcome::Void { reason: "the incumbent was not built again".to_owned() });
        };
        // One program on both sides, on purpose.
        record.sides = Some(Sides { incumbent: built.side(), challenger: built.side() });
        let both = [First::Incumbent, First::Challenger];
        Ok(match self.hold((&built, &built), By::Rule, &both, record)? {
            Outcome::Judged { verdict, estimate } => Outcome::Blind { verdict, estimate },
            other => unsaid(other, record),
        })
    }

    /// Measures the incumbent alone on fresh prompts, until every gate is due, and where it fails those that it stands on, the latest first:
    /// the run goes back to the first that holds. `way` are the baseline and the keeps that lead to the incumbent. `None` where the baseline
    /// fails too: then it is not the incumbent that is at fault.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn regate(&self, way: &[Record], record: &mut Record) -> Result<Option<Outcome>> {
        let config = &self.book.config;
        let seed = host::fresh_seed()?;
        record.seed = Some(seed);
        let measuring = Stopwatch::start();
        let mut alone = Alone::new(self.world, config, self.harness);
        let (mut failed, mut why, mut draws) = (vec![], String::new(), 0);
        for of in way.iter().rev() {
            let id = self.world.repo.commit_id(of.commit.as_deref().unwrap_or_default())?;
            let Some(built) = self.in_place(id, of, &[])? else {
                return Ok(Some(Outcome::Void { reason: format!("trial {} was not built again", of.trial) }));
            };
            let mut samples = vec![];
            let wanted = gate::enough(&config.gates, ALONE);
            let fails = loop {
                if samples.len() >= wanted as usize {
                    let readings = gate::read_all(&config.gates, &samples);
                    break readings.into_iter().find(|reading| !reading.pass).map(|failed| failed.words());
                }
                let prompts = rule::draw(seed, draws).prompts;
                draws += 1;
                let doing = format!("trial {} alone, sample {} of {wanted}", of.trial, samples.len() + 1);
                match alone.sample(&built, prompts, &doing)? {
                    Run::Counts(Sampled::Measured(values)) => {
                        samples.push(values);
                        record.run_seeds.push(prompts);
                    }
                    Run::Counts(Sampled::Interrupted) => {
                        return Ok(Some(Outcome::Interrupted { stage: Stage::Measure }));
                    }
                    Run::Counts(other) if blamed(&other) => {
                        break Some(other.words(config.measure.timeout_s));
                    }
                    Run::Counts(other) => {
                        let reason = other.words(config.measure.timeout_s);
                        return Ok(Some(Outcome::Void { reason }));
                    }
                    Run::Void(reason) => return Ok(Some(Outcome::Void { reason })),
                }
            };
            if failed.is_empty() {
                record.metrics = medians(&samples);
                record.gates = gate::read_all(&config.gates, &samples);
                record.gates.retain(|_| !samples.is_empty());
            }
            record.runs.append(&mut samples);
            record.void_pairs.append(&mut alone.void_runs);
            record.seconds.measure = measuring.seconds();
            let Some(fails) = fails else {
                return Ok(Some(Outcome::Regate { failed, to: of.trial, why }));
            };
            if failed.is_empty() {
                why = fails;
            }
            failed.push(of.trial);
        }
        Ok(None)
    }

    fn in_place(&self, base: Id, incumbent: &Record, keep: &[&Built]) -> Result<Option<Built>> {
        let (workshop, config) = (self.world.workshop(), &self.book.config);
        if let Some(built) = workshop.existing(base, incumbent.artifact.as_deref(), keep, config)? {
            return Ok(Some(built));
        }
        // Only after somebody cleared what piton keeps, or where a tree without an artifact made room for others.
        Ok(match workshop.challenger(base, keep, config, true)? {
            BuildEnd::Built(built) => Some(built),
            _ => None,
        })
    }

    fn hold(
        &self,
        (incumbent, challenger): (&Built, &Built),
        by: By,
        doubted: &[First],
        record: &mut Record,
    ) -> Result<Outcome> {
        let seed = host::fresh_seed()?;
        record.seed = Some(seed);
        let measuring = Stopwatch::start();
        let config = &self.book.config;
        let mut duel = Duel::new(self.world, config, self.harness, (incumbent, challenger), seed);
        let mut trial = Held {
            config,
            by,
            courses: self.book.tally.courses(record.changes.as_ref().is_some_and(|c| c.simpler)),
            samples: Samples::default(),
            ill: None,
            pairs: vec![],
            asked: vec![],
            tail: String::new(),
        };
        // By what the baseline showed, before this trial's values are there.
        duel.exact = exact(&self.book.record(0)?.pairs, &config.judging());
        let taus: Vec<f64> = self.book.tally.taus.iter().copied().collect();
        if let Some(times) = noisy_spell(trial.courses.primary.tau, &taus) {
            let reason = format!("tau is {times:.1} times what it mostly was in this run");
            if !duel.calm(&reason) {
                return Ok(Outcome::Interrupted { stage: Stage::Measure });
            }
        }
        let outcome = trial.run(&mut duel, &self.world.pulse)?;
        let Held { samples, pairs, asked, courses, tail, ill, .. } = trial;
        record.doubt = ill.filter(|(side, _)| doubted.contains(side)).map(|(_, why)| why);
        record.incumbent_gates = gate::read(&config.gates, &samples.incumbent);
        let samples = samples.challenger;
        record.tail = some(tail);
        // The warm-up counts for the gates only: it was not there to be timed.
        let timed: Vec<Values> = pairs.iter().map(|pair: &Pair| pair.challenger.clone()).collect();
        record.metrics = medians(if timed.is_empty() { &samples } else { &timed });
        if let (false, Some(warm_up), Some(timed)) =
            (by == By::TwoPairs || timed.is_empty(), samples.first(), &record.metrics)
        {
            record.slow_start = slow_start(&config.metric, warm_up, timed, courses.primary.tau);
        }
        record.gates = readings(&config.gates, &samples, &outcome);
        let tau = courses.primary.tau;
        record.tau = Some(tau);
        let question = || Question::better_on(&config.rule, config.metric.scale(), tau);
        // Of a metric that is deterministic for a seed the pairs of a trial say what its scale is.
        let known = tau > 0.0 && !courses.primary.track().seeded;
        record.resolves = known.then(|| forecast::resolved(&question(), config.rule.both_orders));
        record.pairs = pairs;
        record.asked = asked;
        record.void_pairs = duel.void_pairs;
        record.seconds.measure = measuring.seconds();
        Ok(outcome)
    }
}

/// Samples that a side alone is measured by, at least.
const ALONE: u32 = 4;

/// What decides how many pairs there are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    /// The rule.
    Rule,
    /// Two pairs are enough, for now.
    TwoPairs,
    /// What was recorded of a keep.
    Claim(Claim),
}

/// A trial in the course of its pairs.
struct Held<'a> {
    config: &'a Config,
    by: By,
    courses: Courses,
    samples: Samples,
    /// The side that failed a gate or gave no values, and how.
    ill: Option<(First, String)>,
    pairs: Vec<Pair>,
    asked: Vec<Asked>,
    /// The last lines of what a challenger's sample printed that failed.
    tail: String,
}

impl Held<'_> {
    fn run(&mut self, duel: &mut Duel, pulse: &Pulse) -> Result<Outcome> {
        let (gates, tau) = (&self.config.gates, self.courses.primary.tau);
        let samples = &mut self.samples;
        let warm = (self.by != By::TwoPairs)
            .then(|| duel.warm_up(&mut |side, values| samples.look(gates, side, values)));
        if let Some(round) = warm.transpose()?.flatten() {
            return Ok(self.ended(round));
        }
        loop {
            let metric = &self.config.metric;
            let gains: Vec<String> =
                self.courses.primary.gains.iter().map(|gain| words::gain(*gain, metric)).collect();
            let doing = format!(
                "pair {} [{}] tau {}",
                self.pairs.len() + 1,
                gains.join(" "),
                words::size(tau, 2, metric)
            );
            let samples = &mut self.samples;
            let mut pair = match duel.round(&doing, &mut |side, values| samples.look(gates, side, values))? {
                Round::Pair(pair) => pair,
                other => return Ok(self.ended(other)),
            };
            let (first, sides) = (pair.first, (&pair.incumbent, &pair.challenger));
            let Some((gain, position)) = self.courses.pair_after(pair.before, first, sides.0, sides.1) else {
                return Ok(unreadable(&format!("{} is missing, or no number", self.config.metric.name)));
            };
            if let Some(guard) = self.courses.unread() {
                return Ok(unreadable(&format!("the guard's metric {guard} is missing, or no number")));
            }
            (pair.gain, pair.position) = (gain, position);
            self.pairs.push(pair);
            let (verdict, estimate) = self.hear();
            let better = self.asked.first().filter(|_| self.by != By::TwoPairs);
            pulse.measured(&self.courses.primary.gains, better.map(Evidence::of));
            if verdict == Verdict::Continue {
                duel.spaced = self.config.rule.both_orders && rule::waits_for_order(&self.asked);
                continue;
            }
            // Nothing is kept before every gate has been read, however few samples there are.
            let unread =
                gate::read_all(gates, &self.samples.challenger).into_iter().find(|reading| !reading.pass);
            return Ok(match unread {
                Some(failed) if matches!(verdict, Verdict::Keep(_)) => {
                    Outcome::GateFailed { gate: failed.metric, estimate: Some(estimate) }
                }
                None if matches!(verdict, Verdict::Keep(_)) => match self.unfair(duel) {
                    Some(reason) => Outcome::Void { reason },
                    None => Outcome::Judged { verdict, estimate },
                },
                _ => Outcome::Judged { verdict, estimate },
            });
        }
    }

    fn hear(&mut self) -> (Verdict, Estimate) {
        let case = self.courses.case(&self.config.rule);
        let (verdict, estimate, asked) = rule::hear(&case);
        self.asked = asked;
        match self.by {
            By::Rule => (verdict, estimate),
            By::TwoPairs => (expensive::provisional(&case), estimate),
            By::Claim(claim) => {
                let (worth, asked) = rule::again(&case.settings, &case.primary, claim);
                self.asked = asked.into_iter().collect();
                // What it is worth is said by who asked for it.
                (worth.map_or(Verdict::Continue, |_| Verdict::NotShownBetter), estimate)
            }
        }
    }

    /// Why the sides had not the same machine, where they had not.
    fn unfair(&self, duel: &Duel) -> Option<String> {
        if duel.exact {
            return None;
        }
        let metric = &self.config.metric;
        let value = |values: &Values| values.get(&metric.name).copied();
        let voided = duel.void_pairs.iter().map(|pair| Voided {
            apart: pair.apart,
            gain: pair.values.as_ref().and_then(|[one, other]| metric.gain(value(one)?, value(other)?)),
        });
        let apart: Vec<Apart> = self.pairs.iter().filter_map(|pair| pair.apart).collect();
        let plain: Vec<f64> = self.pairs.iter().map(|p| p.gain + p.first.sign() * p.position).collect();
        unfair(&apart, &plain, &voided.collect::<Vec<_>>(), &self.config.noise)
    }

    /// What a round that is no pair makes of the trial.
    fn ended(&mut self, round: Round) -> Outcome {
        match round {
            Round::Pair(_) => unreachable!("a pair does not end a trial"),
            Round::Interrupted => Outcome::Interrupted { stage: Stage::Measure },
            Round::Void(reason) => Outcome::Void { reason },
            Round::Enough(side) => {
                let failed = self.samples.failing(&self.config.gates, side);
                let why = failed.as_ref().map_or_else(String::new, Reading::words);
                self.ill = Some((side, why.clone()));
                if side == First::Incumbent {
                    return Outcome::Void { reason: format!("the incumbent fails {why}") };
                }
                let gate = failed.map_or_else(String::new, |reading| reading.metric);
                let estimate = (!self.pairs.is_empty()).then(|| self.hear().1);
                Outcome::GateFailed { gate, estimate }
            }
            Round::Failed(First::Incumbent, how) => {
                let why = how.words(self.config.measure.timeout_s);
                self.ill = blamed(&how).then(|| (First::Incumbent, why.clone()));
                Outcome::Void { reason: format!("the incumbent was not measured: {why}") }
            }
            Round::Failed(First::Challenger, how) => {
                self.tail = how.tail().to_owned();
                let why = how.words(self.config.measure.timeout_s);
                self.ill = blamed(&how).then_some((First::Challenger, why));
                failed(how, self.config.measure.timeout_s)
            }
        }
    }
}

/// The gates for the record: those that were due, or all, where one that was not due yet stood before a keep.
fn readings(gates: &[Gate], samples: &[Values], outcome: &Outcome) -> Vec<Reading> {
    let due = if samples.is_empty() { vec![] } else { gate::read(gates, samples) };
    let asked_all = outcome.kept() || matches!(outcome, Outcome::GateFailed { .. });
    if asked_all && due.iter().all(|reading| reading.pass) { gate::read_all(gates, samples) } else { due }
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

/// The outcome of a trial whose incumbent did what it may not.
fn doubtful(why: String, record: &mut Record) -> Outcome {
    let reason = format!("the incumbent fails: {why}");
    record.doubt = Some(why);
    Outcome::Void { reason }
}

/// A test of piton's own in which no verdict was reached: nothing is said, whatever a challenger would be told.
fn unsaid(outcome: Outcome, record: &Record) -> Outcome {
    match outcome {
        outcome @ (Outcome::Void { .. } | Outcome::Interrupted { .. }) => outcome,
        Outcome::GateFailed { gate, .. } => {
            let failed = record.gates.iter().find(|reading| reading.metric == gate && !reading.pass);
            let words = failed.map_or(gate, Reading::words);
            Outcome::Void { reason: format!("what was kept fails {words}") }
        }
        other => Outcome::Void { reason: format!("what was kept was not measured: {}", other.reason()) },
    }
}

/// Records what the two sides are, and says why they cannot be held against each other, if so.
fn two(incumbent: &Built, challenger: &Built, record: &mut Record) -> Option<String> {
    let sides = Sides { incumbent: incumbent.side(), challenger: challenger.side() };
    record.sides.insert(sides).one().map(str::to_owned).or_else(|| incumbent.unlike(challenger))
}

/// A text that says something.
fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
