//! The timed part of a sample: workers are started, asked and ended, and nobody looks yet at whether they were right.

use crate::answer::Timed;
use crate::clock::{self, Moment};
use crate::outcome::{Failure, Kind};
use crate::plausible;
use crate::process::{Patience, Spent, Worker};
use crate::setup::{Setup, Startable};
use piton_base::metric::PairSide;
use piton_base::rng::Random;
use piton_worker::Request;
use rustix::rand::{GetRandomFlags, getrandom};
use std::time::Duration;

/// What a worker did.
pub struct Timings {
    /// One for each prompt.
    pub answers: Vec<Timed>,
    /// What it used.
    pub spent: Spent,
    /// From its start until it had loaded the model, with all waiting.
    pub load: Duration,
}

/// A failure, and whose it is.
pub type SideFailure = (PairSide, Failure);

/// Starts a worker, asks it every prompt, and ends it.
///
/// # Errors
/// What it did instead.
pub fn time(startable: &Startable, setup: &Setup) -> Result<Timings, Failure> {
    let mut session = Session::start(startable, setup, setup.options.whole)?;
    let moment = Moment::now();
    for prompt in 0..setup.tasks.len() {
        session.ask(prompt)?;
    }
    let elapsed = moment.elapsed();
    let timings = session.end()?;
    plausible::check_drift(elapsed.0, elapsed.1)?;
    Ok(timings)
}

/// Which side answers first, for each prompt: fair coins of the seed, and one more for who is started first.
pub fn coins(seed: u64, prompts: usize) -> Vec<PairSide> {
    let mut random = Random::of_block(seed, "who of a pair answers first", 0);
    let coin = |_| if random.word() >> 63 == 0 { PairSide::First } else { PairSide::Second };
    (0..=prompts).map(coin).collect()
}

/// Starts two workers on the same cores and asks both every prompt, one after the other, each time in the order of a coin. Whoever does not
/// answer stands still, and is seen to: it can neither work nor disturb.
///
/// # Errors
/// What one of them did instead, and which: then neither is measured.
pub fn time_pair(sides: [&Startable; 2], setup: &Setup) -> Result<[Timings; 2], SideFailure> {
    let whole = 2 * setup.options.whole;
    let coins = coins(setup.options.seed, setup.tasks.len());
    let (begins, coins) = coins.split_last().expect("one more than there are prompts");
    let mut sessions = [None, None];
    for side in [*begins, begins.other()] {
        let by = |failure| (side, failure);
        let mut session = Session::start(sides[side.index()], setup, whole).map_err(by)?;
        session.worker.pause().map_err(by)?;
        sessions[side.index()] = Some(session);
    }
    let [Some(first), Some(second)] = sessions else { unreachable!("both were started") };
    let mut sessions = [first, second];
    let moment = Moment::now();
    for (prompt, begins) in coins.iter().enumerate() {
        for side in [*begins, begins.other()] {
            let session = &mut sessions[side.index()];
            let answered = session.worker.resume().and_then(|()| session.ask(prompt));
            answered.and_then(|()| session.worker.pause()).map_err(|failure| (side, failure))?;
        }
    }
    let elapsed = moment.elapsed();
    let [first, second] = sessions;
    let end = |side: PairSide, mut session: Session| {
        session.worker.resume().and_then(|()| session.end()).map_err(|failure| (side, failure))
    };
    let timings = [end(PairSide::First, first)?, end(PairSide::Second, second)?];
    plausible::check_drift(elapsed.0, elapsed.1).map_err(|failure| (PairSide::First, failure))?;
    Ok(timings)
}

/// A worker that is being asked.
struct Session<'a> {
    setup: &'a Setup,
    worker: Worker,
    answers: Vec<Timed>,
    load: Duration,
}

impl<'a> Session<'a> {
    fn start(startable: &Startable, setup: &'a Setup, whole: Duration) -> Result<Self, Failure> {
        let began = clock::now();
        let patience = Patience { silence: setup.options.silence, end: began + whole };
        let worker = Worker::start(&startable.launch(), patience)?;
        let answers = Vec::with_capacity(setup.tasks.len());
        Ok(Self { setup, worker, answers, load: clock::now().saturating_sub(began) })
    }

    fn ask(&mut self, prompt: usize) -> Result<(), Failure> {
        let (task, checkpoint) = (&self.setup.tasks[prompt], &self.setup.checkpoint);
        let (vocab, end) = (checkpoint.config.vocab as u32, &checkpoint.config.end);
        let mut ask = || {
            let (max_new, prompt) = (task.max_new as u32, task.tokens.clone());
            let timed = self.worker.ask(&Request { nonce: secret()?, max_new, prompt }, vocab, end)?;
            let (tokens, seconds) = (timed.tokens.len(), timed.last.as_secs_f64());
            plausible::check_speed(tokens, seconds, checkpoint.weight_bytes, self.setup.options.cores)?;
            Ok(timed)
        };
        let timed = ask().map_err(|failure: Failure| failure.at_prompt(prompt + 1, &task.prompt.task))?;
        self.answers.push(timed);
        Ok(())
    }

    fn end(self) -> Result<Timings, Failure> {
        let spent = self.worker.finish()?;
        let clocked = self.answers.iter().map(|timed| timed.last).sum();
        let weight_bytes = self.setup.checkpoint.weight_bytes;
        plausible::check_unclocked(spent.load, spent.idle, clocked, weight_bytes)?;
        Ok(Timings { answers: self.answers, spent, load: self.load })
    }
}

/// A number that nobody can have known before.
///
/// # Errors
/// `bad_setup` where the kernel gives none.
pub fn secret() -> Result<u64, Failure> {
    let mut bytes = [0; 8];
    let filled = getrandom(&mut bytes, GetRandomFlags::empty())
        .map_err(|e| Failure::new(Kind::BadSetup, format!("the kernel gives no random numbers: {e}")))?;
    if filled < bytes.len() {
        return Err(Failure::new(Kind::BadSetup, "the kernel gives too few random numbers"));
    }
    Ok(u64::from_ne_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_are_those_of_the_seed_and_fall_on_both_sides_alike() {
        assert_eq!(coins(7, 20), coins(7, 20));
        assert_ne!(coins(7, 20), coins(8, 20));
        let first = (0..500).flat_map(|seed| coins(seed, 19)).filter(|side| *side == PairSide::First).count();
        assert!((4700..5300).contains(&first), "{first} of 10000");
    }
}
