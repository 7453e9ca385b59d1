//! The night's figure: HEAD of a run against its baseline in fresh pairs, and each keep measured once more.

use crate::build::{BuildEnd, Built};
use crate::calibration::{Course, exact};
use crate::clock::{self, Stopwatch};
use crate::drive::Session;
use crate::duel::{Duel, Round};
use crate::error::{Error, Result};
use crate::expensive;
use crate::git::Id;
use crate::rule::{self, Case, Verdict};
use crate::standing::{Again, Night};
use crate::terms::Preset;
use crate::trial::{Pair, Record, Sides};
use crate::{host, stats};

const WHAT: &str = "nothing was verified";

/// Pairs of the night's figure: its 95 % interval is then the 6th and the 15th of them.
pub const PAIRS: u32 = 20;

impl Session<'_> {
    /// Measures the incumbent against the baseline in [`PAIRS`] fresh coin pairs; with `each`, every keep too.
    ///
    /// # Errors
    /// Nothing kept, a side that does not build or cannot be measured, Ctrl-C. Nothing is recorded then.
    pub fn verify(&mut self, each: bool) -> Result<Night> {
        let records = self.book.records()?;
        let keeps: Vec<&Record> = records.iter().filter(|record| record.outcome.kept()).collect();
        // Not the last keep, where provisional ones were taken back.
        let Some(last) = expensive::incumbent(&records).filter(|_| !keeps.is_empty()).filter(|r| r.trial > 0)
        else {
            return Err(Error::refused(format!(
                "nothing was verified: run {} has kept nothing yet",
                self.book.run.name
            )));
        };
        if each && self.book.config.rule.preset == Preset::Replicates {
            return Err(Error::usage("nothing was verified: --each asks the rule for pairs")
                .cause("this run judges single runs, and knows no scale of a pair")
                .hint("piton verify, without --each, measures HEAD against the baseline"));
        }
        let watch = Stopwatch::start();
        let baseline = self.built(&records[0], &[])?;
        let head = self.built(last, &[&baseline])?;
        two(&baseline, &head)?;
        let seed = host::fresh_seed()?;
        let pairs = self.pairs(
            &baseline,
            &head,
            &records,
            seed,
            &mut |pairs| pairs.len() < PAIRS as usize,
            "HEAD against the baseline",
        )?;
        let gains: Vec<f64> = pairs.iter().map(|pair| pair.gain).collect();
        let interval = stats::sign_interval(&gains, 0.025).expect("twenty pairs have one");
        let mut night = Night {
            run: self.book.run.name.clone(),
            at: clock::now(),
            baseline: self.book.run.base.clone(),
            head: last.commit.clone().unwrap_or_default(),
            seed,
            gain: stats::median(&gains).unwrap_or(0.0),
            low: interval.0,
            high: interval.1,
            naive: keeps.iter().filter_map(|record| record.outcome.estimate()).map(|e| e.gain).sum(),
            pairs,
            each: vec![],
            seconds: 0.0,
        };
        if each {
            for keep in &keeps {
                night.each.push(self.again(keep, last, &records)?);
            }
        }
        self.world.progress.idle();
        night.seconds = watch.seconds();
        self.book.ledger.verified(&night)?;
        Ok(night)
    }

    /// One keep: against its own incumbent, and HEAD against HEAD without it.
    fn again(&self, keep: &Record, last: &Record, records: &[Record]) -> Result<Again> {
        let repo = &self.world.repo;
        let id = |text: &Option<String>| repo.commit_id(text.as_deref().unwrap_or_default());
        let parent = records.iter().find(|r| r.commit == keep.parent && (r.trial == 0 || r.outcome.kept()));
        let parent = self.built(parent.ok_or_else(|| Error::new("a keep without its incumbent"))?, &[])?;
        let name = format!("trial {}", keep.trial);
        let kept = self.built(keep, &[&parent])?;
        two(&parent, &kept)?;
        let own = self.asked(&parent, &kept, records, &format!("{name} against its own incumbent"))?;
        let told = |without| Again {
            trial: keep.trial,
            description: keep.description.clone(),
            recorded: keep.outcome.estimate().map_or(0.0, |e| e.gain),
            own,
            without,
        };
        let without = match repo.without(id(&last.commit)?, id(&keep.commit)?, id(&keep.parent)?)? {
            None => None,
            Some(commit) => match self.build(commit, None, &[])? {
                BuildEnd::Built(built) => {
                    let head = self.built(last, &[&built])?;
                    // Later keeps may have undone it, or its program is the same without it: then it is worth nothing there.
                    if sides(&built, &head).one().is_some() {
                        return Ok(told(Some((0.0, 0, false))));
                    }
                    Some(self.asked(&built, &head, records, &format!("HEAD against HEAD without {name}"))?)
                }
                _ => None,
            },
        };
        Ok(told(without))
    }

    /// The rule asked about fresh pairs, until it has an answer: median gain, pairs, and whether it would keep again.
    fn asked(&self, from: &Built, to: &Built, records: &[Record], doing: &str) -> Result<(f64, u32, bool)> {
        let course = self.book.config.courses(records, false).primary;
        let hear =
            |pairs: &[Pair]| rule::hear(&Case::of(self.book.config.rule.clone(), course.track_of(pairs)));
        let seed = host::fresh_seed()?;
        let more = &mut |pairs: &[Pair]| hear(pairs).0 == Verdict::Continue;
        let (verdict, estimate, _) = hear(&self.pairs(from, to, records, seed, more, doing)?);
        Ok((estimate.gain, estimate.pairs, matches!(verdict, Verdict::Keep(_))))
    }

    fn pairs(
        &self,
        from: &Built,
        to: &Built,
        records: &[Record],
        seed: u64,
        more: &mut dyn FnMut(&[Pair]) -> bool,
        doing: &str,
    ) -> Result<Vec<Pair>> {
        let mut duel = Duel::new(self.world, &self.book.config, &self.harness, (from, to), seed);
        duel.exact = records.first().is_some_and(|first| exact(&first.pairs, &self.book.config.judging()));
        let metric = &self.book.config.metric;
        let mut course = Course::begin(&metric.name, metric.direction, metric.scale(), records);
        let mut ended = duel.warm_up(&mut |_| true)?;
        let mut pairs = vec![];
        while ended.is_none() && more(&pairs) {
            match duel.round(&format!("{doing}, pair {}", pairs.len() + 1), &mut |_| true)? {
                Round::Pair(mut pair) => {
                    let gain = course.pair(pair.first, &pair.incumbent, &pair.challenger);
                    (pair.gain, pair.position) =
                        gain.ok_or_else(|| Error::new(WHAT).cause("a value is missing, or no number"))?;
                    pairs.push(pair);
                }
                other => ended = Some(other),
            }
        }
        match ended {
            None => Ok(pairs),
            Some(other) => Err(other.error(WHAT, self.book.config.measure.timeout_s)),
        }
    }

    fn built(&self, record: &Record, keep: &[&Built]) -> Result<Built> {
        let commit = self.world.repo.commit_id(record.commit.as_deref().unwrap_or_default())?;
        self.build(commit, record.artifact.as_deref(), keep)?.built(WHAT, &format!("trial {}", record.trial))
    }

    fn build(&self, commit: Id, hash: Option<&str>, keep: &[&Built]) -> Result<BuildEnd> {
        let (workshop, config) = (self.world.workshop(), &self.book.config);
        match workshop.existing(commit, hash, keep, config)? {
            Some(built) => Ok(BuildEnd::Built(built)),
            None => workshop.challenger(commit, keep, config, true),
        }
    }
}

fn sides(from: &Built, to: &Built) -> Sides {
    Sides { incumbent: from.side(), challenger: to.side() }
}

/// Nothing is measured against itself.
fn two(from: &Built, to: &Built) -> Result<()> {
    let why = sides(from, to).one().map(str::to_owned).or_else(|| from.unlike(to));
    why.map_or(Ok(()), |why| Err(Error::new(WHAT).cause(why).note("nothing was recorded")))
}
