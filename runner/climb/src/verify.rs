//! Verification: HEAD of a run against its baseline in fresh pairs, and each keep measured once more.

use crate::build::{BuildEnd, Built};
use crate::context::World;
use crate::pair_runner::{PairResult, PairRunner};
use crate::run_store::Book;
use crate::run_trial::Session;
use piton_core::base::error::{Error, Result};
use piton_core::base::metric::{Gain, Values};
use piton_core::rule::gate::{self, GateResult, Samples};
use piton_core::rule::keep::{self, Case, First, Verdict};
use piton_core::rule::settings::Preset;
use piton_core::run::forecast::{self, Forecast, Wanted};
use piton_core::run::pair_history::{MetricHistory, exact};
use piton_core::run::rechecks;
use piton_core::run::summary::{Again, HeldOut, Verification};
use piton_core::trial::record::{Pair, Record, Sides};
use piton_system::clock::{self, Stopwatch};
use piton_system::config::{Config, Holdout};
use piton_system::git::Id;
use piton_system::host;
use piton_system::terminal::Tone;

const WHAT: &str = "nothing was verified";

/// Pairs of a verification: its 95 % interval is then the 6th and the 15th of them.
pub const PAIRS: u32 = 20;
/// The same where a pair is two runs of training: the interval is then all of them.
pub const PAIRS_OF_TRAINING: u32 = 8;

/// Measures the incumbent against the baseline in [`PAIRS`] fresh coin pairs, and on what is held out; with `each`, every keep too.
///
/// # Errors
/// Nothing kept, a side that does not build or cannot be measured, Ctrl-C. Nothing is recorded then.
pub fn verify(session: &Session, each: bool) -> Result<Verification> {
    let config = &session.book.config;
    let held_out = config.held_out();
    let verifier = Verifier {
        world: session.world,
        book: &session.book,
        harness: &session.harness,
        holdout: config.holdout.as_ref().zip(held_out.as_ref()),
    };
    let pairs = if config.rule.preset == Preset::Training { PAIRS_OF_TRAINING } else { PAIRS };
    let records = session.book.records()?;
    let keeps: Vec<&Record> = records.iter().filter(|record| record.outcome.kept()).collect();
    // Not the last keep, where provisional ones were taken back.
    let Some(last) = rechecks::incumbent(&records).filter(|_| !keeps.is_empty()).filter(|r| r.trial > 0)
    else {
        return Err(Error::refused(format!(
            "nothing was verified: run {} has kept nothing yet",
            session.book.run.name
        )));
    };
    if each && session.book.config.rule.preset == Preset::Replicates {
        return Err(Error::usage("nothing was verified: --each asks the rule for pairs")
            .cause("this run judges single runs, and knows no scale of a pair")
            .hint("piton verify, without --each, measures HEAD against the baseline"));
    }
    let watch = Stopwatch::start();
    let baseline = verifier.built(&records[0], &[])?;
    let head = verifier.built(last, &[&baseline])?;
    two(&baseline, &head)?;
    let seed = host::fresh_seed()?;
    let pairs = verifier.pairs(
        (&baseline, &head),
        &records,
        &Drawn { config, seed, seeds: &[] },
        &mut |taken| taken.len() < pairs as usize,
        Wanted::Pairs(pairs as usize),
        "HEAD against the baseline",
    )?;
    let pairs = pairs
        .map_err(|sick| fails(sick, ("HEAD", last.trial), ("the baseline", 0), &session.book.run.name))?;
    let gains: Vec<Gain> = pairs.iter().map(|pair| pair.gain).collect();
    let interval = Gain::sign_interval(&gains, 0.025).expect("so many pairs have one");
    let mut verification = Verification {
        run: session.book.run.name.clone(),
        at: clock::now(),
        baseline: session.book.run.base.clone(),
        head: last.committed()?.clone(),
        seed,
        gain: Gain::median(&gains).unwrap_or(Gain::ZERO),
        low: interval.0,
        high: interval.1,
        naive: keeps.iter().filter_map(|record| record.outcome.estimate()).map(|e| e.gain).sum(),
        pairs,
        held_out: verifier.held_out((&baseline, &head), &records, "HEAD against the baseline")?,
        each: vec![],
        seconds: 0.0,
    };
    if each {
        for keep in &keeps {
            verification.each.push(verifier.again(keep, last, &records)?);
        }
    }
    session.world.progress.idle();
    let again = session.book.tally.branch_state.outstanding(&session.book.config.rule);
    for again in again {
        let told = format!("still to be tested again, at the end of a climb: {again}");
        session.world.progress.line(Tone::Neutral, &told);
    }
    verification.seconds = watch.seconds();
    session.book.ledger.add_verification(&verification)?;
    Ok(verification)
}

/// What measures the sides of a verification.
struct Verifier<'a> {
    world: &'a World,
    book: &'a Book,
    harness: &'a Built,
    /// What is held out, and the experiment that measures it.
    holdout: Option<(&'a Holdout, &'a Config)>,
}

/// What pairs are taken by.
struct Drawn<'a> {
    config: &'a Config,
    /// Seed of coins, and of prompts where these have none of their own.
    seed: u64,
    /// The seeds of prompts, in turn.
    seeds: &'a [u64],
}

impl Verifier<'_> {
    /// What the gain is on what is held out; `None` where nothing is.
    fn held_out(&self, sides: (&Built, &Built), records: &[Record], doing: &str) -> Result<Option<HeldOut>> {
        let Some((holdout, config)) = self.holdout else { return Ok(None) };
        let drawn = Drawn { config, seed: host::fresh_seed()?, seeds: &holdout.seeds };
        let wanted = holdout.pairs as usize;
        let more = &mut |pairs: &[Pair]| pairs.len() < wanted;
        let doing = format!("{doing}, on what is held out");
        let pairs = self.pairs(sides, records, &drawn, more, Wanted::Pairs(wanted), &doing)?;
        // No gate is asked of it.
        let pairs = pairs.map_err(|_| Error::new(WHAT))?;
        let gains: Vec<Gain> = pairs.iter().map(|pair| pair.gain).collect();
        let (low, high) = Gain::sign_interval(&gains, 0.025).expect("so many pairs have one");
        Ok(Some(HeldOut {
            gain: Gain::median(&gains).unwrap_or(Gain::ZERO),
            low,
            high,
            pairs: wanted as u32,
        }))
    }

    /// One keep: against its own incumbent, and HEAD against HEAD without it.
    fn again(&self, keep: &Record, last: &Record, records: &[Record]) -> Result<Again> {
        let repo = &self.world.repo;
        let parent = records.iter().find(|r| r.commit == keep.parent && (r.trial == 0 || r.outcome.kept()));
        let parent = parent.ok_or_else(|| Error::new("a keep without its incumbent"))?;
        let (over, parent) = (parent.trial, self.built(parent, &[])?);
        let name = format!("trial {}", keep.trial);
        let kept = self.built(keep, &[&parent])?;
        two(&parent, &kept)?;
        let own =
            self.asked(&parent, &kept, records, &format!("{name} against its own incumbent"))?.map_err(
                |sick| fails(sick, ("the keep", keep.trial), ("its incumbent", over), &self.book.run.name),
            )?;
        let held_out =
            self.held_out((&parent, &kept), records, &format!("{name} against its own incumbent"))?;
        let told = |without| Again {
            trial: keep.trial,
            description: keep.claimed.description.clone(),
            recorded: keep.outcome.estimate().map_or(Gain::ZERO, |e| e.gain),
            own,
            held_out: held_out.clone(),
            without,
        };
        let without = match repo.without(
            repo.commit_id(last.committed()?)?,
            repo.commit_id(keep.committed()?)?,
            repo.commit_id(keep.held_against()?)?,
        )? {
            None => None,
            Some(commit) => match self.build(commit, None, &[])? {
                BuildEnd::Built(built) => {
                    let head = self.built(last, &[&built])?;
                    // Later keeps may have undone it, or its program is the same without it: then it is worth nothing there.
                    if sides(&built, &head).one().is_some() {
                        return Ok(told(Some((Gain::ZERO, 0, false))));
                    }
                    let asked =
                        self.asked(&built, &head, records, &format!("HEAD against HEAD without {name}"))?;
                    match asked {
                        Ok(asked) => Some(asked),
                        Err(sick @ (First::Challenger, _)) => {
                            let others = ("HEAD without the keep", keep.trial);
                            return Err(fails(sick, ("HEAD", last.trial), others, &self.book.run.name));
                        }
                        // Nobody ever judged that program: later keeps build on this one.
                        Err((First::Incumbent, _)) => None,
                    }
                }
                _ => None,
            },
        };
        Ok(told(without))
    }

    /// The rule asked about fresh pairs, until it has an answer: median gain, pairs, and whether it would keep again.
    fn asked(
        &self,
        from: &Built,
        to: &Built,
        records: &[Record],
        doing: &str,
    ) -> Result<std::result::Result<(Gain, u32, bool), FailedSide>> {
        let history = self.book.config.histories(records, false).primary;
        let decide =
            |pairs: &[Pair]| keep::decide(&Case::of(self.book.config.rule.clone(), history.track_of(pairs)));
        let seed = host::fresh_seed()?;
        let more = &mut |pairs: &[Pair]| decide(pairs).0 == Verdict::Continue;
        let like = Wanted::Like(Forecast::of(&records[records.len().saturating_sub(forecast::LAST)..]));
        let drawn = Drawn { config: &self.book.config, seed, seeds: &[] };
        Ok(self.pairs((from, to), records, &drawn, more, like, doing)?.map(|pairs| {
            let (verdict, estimate, _) = decide(&pairs);
            (estimate.gain, estimate.pairs, matches!(verdict, Verdict::Keep(_)))
        }))
    }

    fn pairs(
        &self,
        sides: (&Built, &Built),
        records: &[Record],
        drawn: &Drawn,
        more: &mut dyn FnMut(&[Pair]) -> bool,
        wanted: Wanted,
        doing: &str,
    ) -> Result<std::result::Result<Vec<Pair>, FailedSide>> {
        let gates = &drawn.config.gates;
        let mut samples = Samples::default();
        let mut look = |side, values: &Values| samples.look(gates, side, values);
        let mut runner = PairRunner::new(self.world, drawn.config, self.harness, sides, drawn.seed);
        runner.seeds = drawn.seeds.to_vec();
        runner.wanted = Some(wanted);
        runner.exact =
            records.first().is_some_and(|first| exact(&first.measured.pairs, &self.book.config.judging()));
        let metric = &self.book.config.metric;
        let mut history =
            MetricHistory::begin(metric.judged_by(), metric.judged_direction(), metric.scale(), records);
        let mut ended = runner.warm_up(&mut look)?;
        let mut pairs = vec![];
        while ended.is_none() && more(&pairs) {
            match runner.next_pair(&format!("{doing}, pair {}", pairs.len() + 1), &mut look)? {
                PairResult::Pair(raw) => {
                    let pair = history.judge(raw);
                    pairs.push(
                        pair.ok_or_else(|| Error::new(WHAT).cause("a value is missing, or no number"))?,
                    );
                }
                other => ended = Some(other),
            }
        }
        // A gate that was not due yet is read at the end, as before a keep.
        let unread = |side| {
            let readings = gate::read_all(gates, samples.of(side));
            Some((side, readings.into_iter().find(|reading| !reading.pass)?))
        };
        match ended {
            None => Ok(match unread(First::Challenger).or_else(|| unread(First::Incumbent)) {
                Some(sick) => Err(sick),
                None => Ok(pairs),
            }),
            Some(PairResult::Enough(side)) => {
                let failed = samples.failing(gates, side).ok_or_else(|| Error::new(WHAT))?;
                Ok(Err((side, failed)))
            }
            Some(other) => Err(other.error(WHAT, self.book.config.measure.timeout_s)),
        }
    }

    fn built(&self, record: &Record, keep: &[&Built]) -> Result<Built> {
        let commit = self.world.repo.commit_id(record.committed()?)?;
        self.build(commit, record.provenance.artifact.as_deref(), keep)?
            .built(WHAT, &format!("trial {}", record.trial))
    }

    fn build(&self, commit: Id, hash: Option<&str>, keep: &[&Built]) -> Result<BuildEnd> {
        let (build_store, config) = (self.world.build_store(), &self.book.config);
        match build_store.existing(commit, hash, keep, config)? {
            Some(built) => Ok(BuildEnd::Built(built)),
            None => build_store.challenger(commit, keep, config, true),
        }
    }
}

/// A side that failed a gate, and what it read.
type FailedSide = (First, GateResult);

/// What is said of a verification in which a side failed a gate: `to` is the challenger, `from` the incumbent of the pairs.
fn fails((side, reading): FailedSide, to: (&str, u32), from: (&str, u32), run: &str) -> Error {
    let (name, trial) = if side == First::Challenger { to } else { from };
    Error::new("nothing was verified: what was measured fails a gate")
        .cause(format!("{name} (trial {trial}) fails {}", reading.words()))
        .note("nothing was recorded, and the branch is where it was: no figure is told of a program that fails its gates")
        .hint(format!("piton climb --run {run} goes on with it: an incumbent that fails in a trial is measured alone, and the run goes back to the last keep that passes"))
}

fn sides(from: &Built, to: &Built) -> Sides {
    Sides { incumbent: from.side(), challenger: to.side() }
}

/// Nothing is measured against itself.
fn two(from: &Built, to: &Built) -> Result<()> {
    let why = sides(from, to).one().map(str::to_owned).or_else(|| from.unlike(to));
    why.map_or(Ok(()), |why| Err(Error::new(WHAT).cause(why).note("nothing was recorded")))
}
