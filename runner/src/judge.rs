//! From a challenger's commit to an outcome: build it, measure it in pairs, ask the gates and the rule.

use crate::build::{BuildEnd, Built, Workshop};
use crate::clock::Stopwatch;
use crate::config::Config;
use crate::error::Result;
use crate::git::{Id, Repo};
use crate::ledger::Ledger;
use crate::measure::{Bench, Sampled};
use crate::metric::Values;
use crate::proc::Runner;
use crate::rule::{First, Verdict};
use crate::say::Progress;
use crate::trial::{Outcome, Pair, Record, Stage, medians};
use crate::{gate, host, rule, words};

/// What every command needs that measures.
pub struct World {
    /// The repository, from where the user stands.
    pub repo: Repo,
    /// Starts processes.
    pub runner: Runner,
    /// Tells what is going on.
    pub progress: Progress,
}

impl World {
    /// Where things are built.
    pub fn workshop(&self) -> Workshop<'_> {
        Workshop {
            dir: self.repo.state_dir(),
            repo: &self.repo,
            runner: &self.runner,
            progress: &self.progress,
        }
    }

    /// What measures, by the words of `config`.
    pub fn bench<'a>(&'a self, config: &'a Config, harness: &'a Built) -> Bench<'a> {
        Bench {
            runner: &self.runner,
            measure: &config.measure,
            needed: config.needed(),
            harness,
            logs: self.repo.state_dir().join("logs"),
        }
    }
}

/// What a challenger is judged by.
pub struct Judge<'a> {
    /// Where it happens.
    pub world: &'a World,
    /// The sealed experiment.
    pub config: &'a Config,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
    /// Knows what was judged before.
    pub ledger: &'a Ledger,
}

impl Judge<'_> {
    /// Builds and measures the challenger in `record`, and asks the gates and the rule.
    ///
    /// # Errors
    /// When piton itself fails. What the challenger does is an outcome.
    pub fn judge(&self, work: &Repo, base: Id, incumbent: &Record, record: &mut Record) -> Result<Outcome> {
        let world = self.world;
        let challenger = work.commit_id(record.commit.as_deref().unwrap_or_default())?;
        let building = Stopwatch::start();
        world.progress.doing("building the challenger");
        let build = self.config.build.as_ref();
        let built = world.workshop().challenger(challenger, Some(base), build, false)?;
        record.seconds.build = building.seconds();
        let limit_s = build.map_or(0, |b| b.timeout_s);
        let challenger = match built {
            BuildEnd::Built(built) => built,
            BuildEnd::Failed(error) => return Ok(Outcome::BuildFailed { error }),
            BuildEnd::TimedOut => return Ok(Outcome::TimedOut { stage: Stage::Build, limit_s }),
            BuildEnd::Interrupted => return Ok(Outcome::Interrupted { stage: Stage::Build }),
        };
        record.artifact = challenger.hash.clone();
        if let Some(of) = self.ledger.judged(&record.run, None, challenger.hash.as_deref())? {
            return Ok(Outcome::Duplicate { of });
        }
        let other = match world.workshop().existing(base, incumbent.artifact.as_deref()) {
            Some(built) => built,
            // Only after somebody cleared .git/piton.
            None => match world.workshop().challenger(base, None, build, true)? {
                BuildEnd::Built(built) => built,
                _ => {
                    return Ok(Outcome::Void {
                        reason: "the incumbent's artifact is gone and was not built again".to_owned(),
                    });
                }
            },
        };
        let seed = host::fresh_seed()?;
        record.seed = Some(seed);
        let measuring = Stopwatch::start();
        let mut pairs = Pairs {
            judge: self,
            seed,
            incumbent: &other,
            challenger: &challenger,
            samples: vec![],
            pairs: vec![],
        };
        let outcome = pairs.run();
        record.metrics = medians(&pairs.samples);
        record.gates = gate::read(&self.config.gates, &pairs.samples);
        if pairs.samples.is_empty() {
            record.gates.clear();
        }
        record.pairs = pairs.pairs;
        record.seconds.measure = measuring.seconds();
        outcome
    }
}

/// The pairs of one trial.
struct Pairs<'a, 'w> {
    judge: &'a Judge<'w>,
    seed: u64,
    incumbent: &'a Built,
    challenger: &'a Built,
    /// The challenger's samples, also one whose pair was not finished.
    samples: Vec<Values>,
    pairs: Vec<Pair>,
}

impl Pairs<'_, '_> {
    fn run(&mut self) -> Result<Outcome> {
        let config = self.judge.config;
        let bench = self.judge.world.bench(config, self.judge.harness);
        loop {
            let draw = rule::draw(self.seed, self.pairs.len() as u32);
            let order = match draw.first {
                First::Incumbent => [First::Incumbent, First::Challenger],
                First::Challenger => [First::Challenger, First::Incumbent],
            };
            let mut values: [Option<Values>; 2] = [None, None];
            for side in order {
                let gains: Vec<String> = self.pairs.iter().map(|p| words::gain(p.gain)).collect();
                self.judge.world.progress.doing(&format!(
                    "pair {} of {}: {side:?}  [{}]",
                    self.pairs.len() + 1,
                    config.rule.pairs,
                    gains.join(" ")
                ));
                let built = if side == First::Incumbent { self.incumbent } else { self.challenger };
                let sampled = match bench.sample(built, draw.prompts)? {
                    Sampled::Measured(sampled) => sampled,
                    Sampled::Interrupted => return Ok(Outcome::Interrupted { stage: Stage::Measure }),
                    other if side == First::Incumbent => {
                        return Ok(Outcome::Void {
                            reason: format!("the incumbent was not measured: {other:?}"),
                        });
                    }
                    Sampled::TimedOut => {
                        return Ok(Outcome::TimedOut {
                            stage: Stage::Measure,
                            limit_s: config.measure.timeout_s,
                        });
                    }
                    Sampled::Failed { how, reason } => return Ok(Outcome::failed(how, reason)),
                };
                if side == First::Challenger {
                    self.samples.push(sampled.clone());
                    let readings = gate::read(&config.gates, &self.samples);
                    if let Some(failed) = readings.iter().find(|reading| !reading.pass) {
                        let estimate = (!self.pairs.is_empty()).then(|| self.decide().1);
                        return Ok(Outcome::GateFailed { gate: failed.metric.clone(), estimate });
                    }
                }
                values[usize::from(side == First::Challenger)] = Some(sampled);
            }
            let [Some(incumbent), Some(challenger)] = values else { unreachable!("both sides ran") };
            let value = |values: &Values| values.get(&config.metric.name).copied().unwrap_or(f64::NAN);
            let Some(gain) = config.metric.direction.log_gain(value(&incumbent), value(&challenger)) else {
                return Ok(Outcome::RunFailed {
                    how: "unreadable".to_owned(),
                    reason: format!("{} is not greater than zero", config.metric.name),
                });
            };
            self.pairs.push(Pair { first: draw.first, prompts: draw.prompts, incumbent, challenger, gain });
            let (verdict, estimate) = self.decide();
            if verdict != Verdict::Continue {
                return Ok(Outcome::Judged { verdict, estimate });
            }
        }
    }

    fn decide(&self) -> (Verdict, rule::Estimate) {
        let gains: Vec<f64> = self.pairs.iter().map(|pair| pair.gain).collect();
        rule::decide(&self.judge.config.rule, &gains)
    }
}
