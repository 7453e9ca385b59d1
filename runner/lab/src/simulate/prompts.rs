//! A machine that answers prompts: pairs that are made of many, with the noise of a shared machine between them and in them.
//!
//! Work is told in milliseconds of an undisturbed machine. What others do to it comes in three ways: the speed drifts, for all alike; bursts
//! take a share of the machine for a while, which hits the prompts that are answered then; and each prompt errs by itself, with heavy tails and
//! the more the shorter it is. A clock of processor time sees the last, and little of the others, in steps.

use super::hours::{Hour, Sizes};
use piton_core::base::rng::Random;
use piton_core::rule::estimator::{Estimator, Part};
use piton_core::rule::keep::First;

/// How the two samples of a pair are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Design {
    /// One side answers all prompts, then the other.
    Sequential,
    /// Prompt by prompt, with a coin for each; who does not answer stands still.
    Interleaved,
}

/// What a prompt's time is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// The clock on the wall.
    Wall,
    /// Processor time of the worker, read at both ends of each prompt.
    Processor,
    /// The same, read at both ends of the sample.
    ProcessorWhole,
}

/// Pairs that are made of many prompts, and how one number is made of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PromptPairs {
    pub hour: Hour,
    pub design: Design,
    pub clock: Clock,
    /// `None` where the pairs of the baseline with itself choose.
    pub estimator: Option<Estimator>,
}

/// A prompt: its family, its work, and the share of that in which the prompt is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Prompt {
    pub family: &'static str,
    work_ms: f64,
    reading: f64,
}

const LONG: &str = "long";
const SHORT: &str = "short";

/// The prompts of a sample: three long ones hold half of the time, and are mostly read; twenty short ones the rest.
pub(crate) const PROMPTS: [Prompt; 23] = {
    let mut prompts = [Prompt { family: LONG, work_ms: 80.0, reading: 0.95 }; 23];
    let short = [(8.0, 0.6), (10.0, 0.3), (12.0, 0.5), (14.0, 0.4), (16.0, 0.7)];
    let mut at = 3;
    while at < 23 {
        let (work_ms, reading) = short[at % 5];
        prompts[at] = Prompt { family: SHORT, work_ms, reading };
        at += 1;
    }
    prompts
};

impl Prompt {
    /// What it takes of the suite's time.
    pub fn share_of_time(&self) -> f64 {
        self.work_ms / PROMPTS.iter().map(|prompt| prompt.work_ms).sum::<f64>()
    }
}

/// What a change does: natural logarithms, positive where it makes the engine faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    /// To everything.
    All(f64),
    /// To reading alone.
    Reading(f64),
    /// To writing alone.
    Writing(f64),
    /// To the long prompts alone.
    Long(f64),
    /// To the short prompts, and to the long ones.
    Apart(f64, f64),
}

impl From<f64> for Effect {
    fn from(gain: f64) -> Self {
        Self::All(gain)
    }
}

impl Effect {
    /// The share of its work that a prompt then takes.
    fn share(self, prompt: &Prompt) -> f64 {
        let long = prompt.family == LONG;
        let part = |of: f64, gain: f64| 1.0 - of + of * (-gain).exp();
        match self {
            Self::All(gain) => (-gain).exp(),
            Self::Reading(gain) => part(prompt.reading, gain),
            Self::Writing(gain) => part(1.0 - prompt.reading, gain),
            Self::Long(gain) => part(f64::from(u8::from(long)), gain),
            Self::Apart(short, gain) => (if long { -gain } else { -short }).exp(),
        }
    }

    /// What it is worth to the whole suite.
    pub fn total(self) -> f64 {
        if let Self::All(gain) = self {
            return gain;
        }
        let before: f64 = PROMPTS.iter().map(|prompt| prompt.work_ms).sum();
        let after: f64 = PROMPTS.iter().map(|prompt| prompt.work_ms * self.share(prompt)).sum();
        (before / after).ln()
    }
}

/// Step of the clock of processor time.
const STEP_MS: f64 = 4.0;

/// Both clocks of one answer, in milliseconds.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    wall: f64,
    processor: f64,
}

/// A machine that answers prompts.
pub(crate) struct PromptMachine {
    sizes: Sizes,
    drift: f64,
    /// By how much what runs is lengthened, and for how long still.
    burst: f64,
    left_ms: f64,
    /// Processor time of each side so far.
    spent: [f64; 2],
    /// All time so far.
    now_ms: f64,
}

impl PromptMachine {
    /// One at a random point of its drift.
    pub fn new(sizes: Sizes, random: &mut Random) -> Self {
        let drift = sizes.drift.0 * random.normal();
        let left_ms = exponential(random, sizes.bursts.0);
        Self { sizes, drift, burst: 0.0, left_ms, spent: [0.0; 2], now_ms: 0.0 }
    }

    /// The prompts of a pair of a change of this effect, by this clock. Of an interleaved pair `first` says only which side is called the first,
    /// since each prompt has a coin of its own. Who answers second takes `second` less, as a natural logarithm.
    pub fn pair(
        &mut self,
        PromptPairs { design, clock, .. }: PromptPairs,
        (first, effect, second): (First, Effect, f64),
        random: &mut Random,
    ) -> Vec<Part> {
        let mut read = [[Times::default(); 2]; PROMPTS.len()];
        let whole = self.spent;
        let challenger = usize::from(first == First::Incumbent);
        let mut answer =
            |machine: &mut Self, random: &mut Random, at: usize, side: usize, (later, cold): (bool, bool)| {
                let share = if side == challenger { effect.share(&PROMPTS[at]) } else { 1.0 };
                let work = PROMPTS[at].work_ms * share * if later { (-second).exp() } else { 1.0 };
                let before = machine.spent[side];
                let times = machine.answer(work, cold, random);
                machine.spent[side] += times.processor;
                read[at][side] = Times { processor: stepped(before, machine.spent[side], random), ..times };
                side
            };
        let mut last = None;
        match design {
            Design::Sequential => {
                for side in [0, 1] {
                    for at in 0..PROMPTS.len() {
                        answer(self, random, at, side, (side == 1, false));
                    }
                }
            }
            Design::Interleaved => {
                for at in 0..PROMPTS.len() {
                    let begins = (random.word() & 1) as usize;
                    for (side, later) in [(begins, false), (1 - begins, true)] {
                        last = Some(answer(self, random, at, side, (later, last != Some(side))));
                    }
                }
            }
        }
        let part = |family: &str, times: [f64; 2]| Part {
            family: family.to_owned(),
            first_s: times[0] / 1e3,
            second_s: times[1] / 1e3,
        };
        match clock {
            Clock::ProcessorWhole => {
                let read = [0, 1].map(|side: usize| stepped(whole[side], self.spent[side], random));
                vec![part("whole", read)]
            }
            clock => std::iter::zip(PROMPTS, read)
                .map(|(prompt, read)| {
                    part(prompt.family, read.map(|t| if clock == Clock::Wall { t.wall } else { t.processor }))
                })
                .collect(),
        }
    }

    /// Seconds that everything has taken.
    pub fn seconds(&self) -> f64 {
        self.now_ms / 1e3
    }

    /// How long so much work takes now.
    fn answer(&mut self, work_ms: f64, cold: bool, random: &mut Random) -> Times {
        let Sizes { own: (warm, after_other), waits, processor, .. } = self.sizes;
        let short = (20.0 / work_ms).sqrt();
        let sd = if cold { after_other } else { warm } * short;
        let work_ms = work_ms * (sd * heavy(random)).exp();
        let waiting = (waits * short * heavy(random)).exp();
        let (mut left, mut times) = (work_ms, Times::default());
        loop {
            let disturbed = (self.drift - self.sizes.warming * self.seconds()).exp() * (1.0 + self.burst);
            let slow = disturbed * waiting;
            let done = left.min(self.left_ms / slow);
            left -= done;
            times.wall += done * slow;
            times.processor += done * (1.0 + processor * (disturbed - 1.0));
            self.left_ms -= done * slow;
            if left <= 0.0 {
                break;
            }
            self.turn(random);
        }
        self.now_ms += times.wall;
        self.drifts(times.wall, random);
        times
    }

    /// A burst begins or ends.
    fn turn(&mut self, random: &mut Random) {
        let (between, length, size) = self.sizes.bursts;
        if self.burst > 0.0 {
            (self.burst, self.left_ms) = (0.0, exponential(random, between));
            return;
        }
        let lasting = if random.between(0.0, 1.0) < 0.1 { 10.0 * length } else { length };
        self.burst = size * random.between(-1.0, 1.0).exp2();
        self.left_ms = exponential(random, lasting);
    }

    fn drifts(&mut self, after_ms: f64, random: &mut Random) {
        let (sd, lasting) = self.sizes.drift;
        let kept = (-after_ms / lasting).exp();
        self.drift = kept * self.drift + sd * (1.0 - kept * kept).sqrt() * random.normal();
    }
}

/// What a clock shows between these moments, which goes in steps and stands anywhere between two: something at least.
fn stepped(from_ms: f64, to_ms: f64, random: &mut Random) -> f64 {
    let phase = random.between(0.0, STEP_MS);
    let shown = ((to_ms - from_ms + phase) / STEP_MS).floor() * STEP_MS;
    shown.max(STEP_MS / 4.0)
}

fn exponential(random: &mut Random, mean: f64) -> f64 {
    -mean * random.between(0.0, 1.0).ln()
}

/// Student's t with three degrees of freedom, cut where its exponential would have no mean.
fn heavy(random: &mut Random) -> f64 {
    let squares: f64 = (0..3).map(|_| random.normal().powi(2)).sum();
    (random.normal() / (squares / 3.0).sqrt()).clamp(-8.0, 8.0)
}
