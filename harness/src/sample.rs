//! One sample, or a pair of them: workers are timed and ended, and only then is scored what they said.

use crate::answer::Timed;
use crate::clock;
use crate::counts::{Checks, Quality, Timing};
use crate::model::Reference;
use crate::outcome::{Failure, Kind};
use crate::plausible;
use crate::process::end_survivors;
use crate::prompts::{self, Task};
use crate::report::{Judged, PromptLine, Report, Versions};
use crate::score::{self, Scored};
use crate::setup::{Options, Setup};
use crate::timing::{self, SideFailure, Timings};
use piton_base::metric::PairSide;
use piton_rule::estimator::{Estimator, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;
use tokenizers::Tokenizer;

/// Takes one sample. All children of the calling process are ended: it must have no others than the worker.
///
/// # Errors
/// What kept it from being measured.
pub fn run(options: Options, worker: &Path) -> Result<Report, Failure> {
    let setup = Setup::open(options)?;
    let startable = setup.worker(worker)?;
    // After all else that this process reads: nothing comes between that and the worker.
    startable.read_in()?;
    setup.cores.step_aside();
    let timed = timing::time(&startable, &setup);
    let survivors = end_survivors();
    if survivors > 0 {
        return Err(survived(survivors, timed.err()));
    }
    Scorer::load(&setup)?.report(&timed?)
}

/// Takes a sample of each of two workers, prompt by prompt in turns.
///
/// # Errors
/// What kept it from being measured, and by whom where it was one of them.
pub fn run_pair(options: Options, workers: [&Path; 2]) -> Result<[Report; 2], PairFailure> {
    let setup = Setup::open(options)?;
    let by = |side: PairSide| move |failure| PairFailure::from((side, failure));
    let first = setup.worker(workers[0]).map_err(by(PairSide::First))?;
    let second = setup.worker(workers[1]).map_err(by(PairSide::Second))?;
    first.read_in()?;
    second.read_in()?;
    setup.cores.step_aside();
    let timed = timing::time_pair([&first, &second], &setup);
    let survivors = end_survivors();
    if survivors > 0 {
        let (side, other) = timed.err().map_or((None, None), |(side, other)| (Some(side), Some(other)));
        return Err(PairFailure { side, failure: survived(survivors, other) });
    }
    let [one, two] = timed?;
    let scorer = Scorer::load(&setup)?;
    let mut reports = [
        scorer.report(&one).map_err(by(PairSide::First))?,
        scorer.report(&two).map_err(by(PairSide::Second))?,
    ];
    if setup.options.cores == 1 {
        let seconds = paired_seconds(&setup.tasks, [&one, &two]).ok_or_else(|| {
            Failure::new(Kind::Implausible, "a worker answered a prompt in no time on its processor")
        })?;
        for (report, seconds) in reports.iter_mut().zip(seconds) {
            report.timing.paired_cpu_s = seconds;
        }
    }
    Ok(reports)
}

/// What both sides had on a processor by the prompts on which they differ least and most typically: [`Estimator::Agreed`] over the tasks, and
/// what each did beside its answers. `None` where a time is 0.
///
/// The ratio of the two is what the prompts say; their size is that of the total times. A side that made fewer tokens of a prompt is taken by
/// its time for each.
fn paired_seconds(tasks: &[Task], sides: [&Timings; 2]) -> Option<[f64; 2]> {
    let answers = sides[0].answers.iter().zip(&sides[1].answers);
    let parts: Vec<Part> = tasks
        .iter()
        .zip(answers)
        .map(|(task, (one, two))| {
            let tokens = [one, two].map(|timed| timed.tokens.len() as f64);
            let mean = (tokens[0] + tokens[1]) / 2.0;
            let seconds = |timed: &Timed, tokens: f64| timed.on_processor.as_secs_f64() * mean / tokens;
            let (first_s, second_s) = (seconds(one, tokens[0]), seconds(two, tokens[1]));
            Part { family: task.prompt.task.clone(), first_s, second_s }
        })
        .collect();
    let ratio = Estimator::Agreed.log_ratio(&parts)?;
    let [one, two] = sides.map(|side| side.spent.asked.saturating_sub(side.spent.idle).as_secs_f64());
    let size = (one * two).sqrt();
    let [idle_one, idle_two] = sides.map(|side| side.spent.idle.as_secs_f64());
    Some([size * (ratio / 2.0).exp() + idle_one, size * (-ratio / 2.0).exp() + idle_two])
}

/// A pair that was not measured.
pub struct PairFailure {
    /// Whose doing it is, where it is that of one of them.
    pub side: Option<PairSide>,
    /// What happened.
    pub failure: Failure,
}

impl From<Failure> for PairFailure {
    fn from(failure: Failure) -> Self {
        Self { side: None, failure }
    }
}

impl From<SideFailure> for PairFailure {
    fn from((side, failure): SideFailure) -> Self {
        Self { side: Some(side), failure }
    }
}

/// What a worker left behind explains whatever else went wrong: a child that holds the pipe open looks like a
/// worker that hangs.
fn survived(count: usize, other: Option<Failure>) -> Failure {
    let reason = format!("{count} processes were left beside the worker; they were ended");
    let mut failure = Failure::new(Kind::Survivors, reason);
    if let Some(other) = other {
        failure.reason = format!("{}; and {}", failure.reason, other.reason);
        failure.detail = other.detail;
    }
    failure.hint("a worker may start threads, and no processes")
}

/// The reference model, loaded once the workers have ended: it neither takes time from them nor counts as their memory.
struct Scorer<'a> {
    setup: &'a Setup,
    reference: Reference,
    began: Duration,
}

impl<'a> Scorer<'a> {
    fn load(setup: &'a Setup) -> Result<Self, Failure> {
        let began = clock::now();
        let loaded = setup.cores.each(1, |_| Reference::load(&setup.checkpoint)).pop();
        let none = || Err(Failure::new(Kind::BadSetup, "no core loaded the reference"));
        Ok(Self { setup, reference: loaded.unwrap_or_else(none)?, began })
    }

    /// Scores all that a worker answered.
    fn report(&self, timings: &Timings) -> Result<Report, Failure> {
        let Self { setup, reference, .. } = self;
        let tasks = &setup.tasks;
        let early = |i: usize| timings.answers[i].tokens.len() < tasks[i].max_new;
        let chosen = chosen(tasks.len(), setup.options.scale as usize, early, &mut any)?;
        let scored = setup.cores.each(chosen.len(), |place| {
            let i = chosen[place];
            score::score(reference, &tasks[i].tokens, &timings.answers[i].tokens, tasks[i].max_new)
        });
        let spent = &timings.spent;
        let by_processor = if setup.options.cores == 1 { spent.asked.as_secs_f64() } else { 0.0 };
        let mut report = Report {
            quality: Quality::default(),
            timing: Timing {
                samples: 1,
                peak_memory_bytes: spent.peak_memory,
                load_cpu_s: spent.load.as_secs_f64(),
                idle_cpu_s: spent.idle.as_secs_f64(),
                asked_cpu_s: by_processor,
                paired_cpu_s: by_processor,
                ..Timing::default()
            },
            prompts: vec![],
            asked: Vec::with_capacity(tasks.len()),
            versions: Versions::new(setup.source.name(), &setup.source.sha256, &reference.sha256),
            seed: setup.options.seed,
            scale: setup.options.scale,
            confinement: setup.confinement,
            cores: setup.cores.clone(),
            load_ms: ms(timings.load),
            scoring_ms: 0.0,
        };
        let mut scored: BTreeMap<usize, _> = chosen.into_iter().zip(scored).collect();
        for (i, (task, timed)) in tasks.iter().zip(&timings.answers).enumerate() {
            let (first, last) = (timed.first.as_secs_f64(), timed.last.as_secs_f64());
            report.timing.add_prompt(task.tokens.len(), timed.tokens.len(), first, last);
            report.asked.push((task.prompt.task.clone(), ms(timed.last), ms(timed.on_processor)));
            let Some(scored) = scored.remove(&i) else { continue };
            let judged = scored
                .and_then(|scored: Scored| judge(&setup.tokenizer, task, timed, &scored, &mut report))
                .map_err(|failure| failure.at_prompt(i + 1, &task.prompt.task))?;
            report.prompts.push(PromptLine::new(task, timed, judged));
        }
        report.scoring_ms = ms(clock::now().saturating_sub(self.began));
        plausible::check_finite(&report.values())?;
        Ok(report)
    }
}

/// Which of the answers are scored: of each prompt of the suite that of one round, drawn once all have been given, and whatever ended early.
///
/// A worker cannot know which, and a sample of many rounds is scored as quickly as one of one round. `any` gives a number below another.
fn chosen(
    all: usize,
    rounds: usize,
    early: impl Fn(usize) -> bool,
    any: &mut impl FnMut(usize) -> Result<usize, Failure>,
) -> Result<Vec<usize>, Failure> {
    let prompts = all / rounds.max(1);
    let mut chosen: BTreeSet<usize> = (prompts * rounds..all).chain((0..all).filter(|i| early(*i))).collect();
    for prompt in 0..prompts {
        chosen.insert(any(rounds)? * prompts + prompt);
    }
    Ok(chosen.into_iter().collect())
}

/// A number below `count` that nobody can have known before.
fn any(count: usize) -> Result<usize, Failure> {
    Ok(((u128::from(timing::secret()?) * count as u128) >> 64) as usize)
}

/// Adds one scored answer to the report's counts.
fn judge(
    tokenizer: &Tokenizer,
    task: &Task,
    timed: &Timed,
    scored: &Scored,
    report: &mut Report,
) -> Result<Judged, Failure> {
    let prompt = &task.prompt;
    if scored.ended_early(task.max_new) {
        return Err(ended_early(task, scored));
    }
    let text = |tokens: &[u32]| {
        let text = tokenizer.decode(tokens, true);
        text.map_err(|e| Failure::new(Kind::BadModel, format!("the tokenizer did not decode an answer: {e}")))
    };
    let (answer, exact_answer) = (text(&timed.tokens)?, text(&scored.exact)?);
    let mut counts = scored.counts();
    let checks = Checks {
        total: prompt.checks.len() as u64,
        passed: prompts::passed(prompt, &answer),
        exact: prompts::passed(prompt, &exact_answer),
    };
    if checks.total > 0 {
        counts.checks.insert(format!("{}/{}", prompt.context.name(), prompt.family), checks);
    }
    report.quality.pool(&counts);
    Ok(Judged::new(&counts, checks, &answer, &exact_answer))
}

fn ended_early(task: &Task, scored: &Scored) -> Failure {
    let regret = scored.positions.last().map_or(f64::NAN, |last| last.regret());
    Failure::new(
        Kind::EndedEarly,
        format!(
            "an end-of-text after {} of {} tokens, where the reference would have gone on (regret {regret:.2} nats)",
            scored.positions.len(),
            task.max_new
        ),
    )
}

fn ms(duration: Duration) -> f64 {
    1e3 * duration.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_prompt_of_the_suite_is_scored_once_in_a_round_that_nobody_knows_and_what_ended_early_always() {
        let mut rounds = [2, 0, 1].into_iter();
        let mut any = |_| Ok(rounds.next().unwrap());
        assert_eq!(chosen(9, 3, |i| i == 4, &mut any).unwrap(), [1, 4, 5, 6]);
        assert_eq!(chosen(4, 1, |_| false, &mut |_| Ok(0)).unwrap(), [0, 1, 2, 3], "a single round whole");
    }
}
