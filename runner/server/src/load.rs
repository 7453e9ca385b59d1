//! A load: how many requests stand open at once, or how many begin in a second, and what came of them.

pub mod figures;
pub mod page;
pub mod slo;
pub mod text;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use piton_core::base::error::Result;
use piton_core::base::rng::Random;
use piton_system::clock::Stopwatch;

use crate::answer::Answer;
use crate::client::Client;
use crate::request::Ask;

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// So many stand open at any time: the next begins when one has ended.
    Concurrency(u32),
    /// So many begin in a second on average, whether earlier ones have ended or not, with exponential times between (a Poisson process).
    Rate(f64),
}

impl Arrival {
    /// `concurrency 4` or `rate 2.5/s`.
    pub fn words(self) -> String {
        match self {
            Self::Concurrency(n) => format!("concurrency {n}"),
            Self::Rate(rate) => format!("rate {rate}/s"),
        }
    }
}

/// A request of a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Asked {
    /// When it was begun, in milliseconds since the load began.
    pub begun_ms: f64,
    /// How much later that was than planned; 0 where nothing was planned. A client that falls behind offers less load than it says.
    pub late_ms: f64,
    /// What came of it.
    #[serde(flatten)]
    pub answer: Answer,
}

/// What came of a load.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Loaded {
    /// How requests came.
    pub arrival: Arrival,
    /// From the first request's beginning to the last one's end, in seconds.
    pub wall_s: f64,
    /// The requests in the order in which they were begun.
    pub requests: Vec<Asked>,
}

/// How often it is asked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Asks all `prompts`, as they arrive. `seed` draws the times between; `seen` hears how many have ended. `None` where `stop` said so meanwhile:
/// open requests are dropped then.
///
/// # Errors
/// When the system gives no event queue.
pub fn run(
    client: &Client,
    ask: &Ask,
    prompts: &[String],
    arrival: Arrival,
    seed: u64,
    seen: &dyn Fn(usize),
    stop: &dyn Fn() -> bool,
) -> Result<Option<Loaded>> {
    let watch = Stopwatch::start();
    let ended = RefCell::new(0);
    let one = async |prompt: &String, planned_ms: f64| {
        let begun_ms = watch.seconds() * 1000.0;
        let answer = client.ask(ask.api.path(), ask.body(prompt)).await;
        *ended.borrow_mut() += 1;
        seen(*ended.borrow());
        Asked { begun_ms, late_ms: (begun_ms - planned_ms).max(0.0), answer }
    };
    let asking = async {
        match arrival {
            Arrival::Concurrency(n) => {
                let left = RefCell::new(prompts.iter().collect::<VecDeque<_>>());
                let worker = async || {
                    let mut done = vec![];
                    loop {
                        let next = left.borrow_mut().pop_front();
                        let Some(prompt) = next else { break done };
                        done.push(one(prompt, f64::INFINITY).await);
                    }
                };
                join_all((0..n).map(|_| worker())).await.concat()
            }
            Arrival::Rate(rate) => {
                let times = arrivals(rate, prompts.len(), seed);
                let timed = prompts.iter().zip(times).map(async |(prompt, at_s)| {
                    let at = Duration::from_secs_f64(at_s);
                    tokio::time::sleep(at.saturating_sub(watch.elapsed())).await;
                    one(prompt, at_s * 1000.0).await
                });
                join_all(timed).await
            }
        }
    };
    let stopped = async {
        while !stop() {
            tokio::time::sleep(LOOK).await;
        }
    };
    let requests = crate::client::block_on(async {
        tokio::select! {
            requests = asking => Some(requests),
            () = stopped => None,
        }
    })?;
    Ok(requests.map(|mut requests| {
        requests.sort_by(|a, b| a.begun_ms.total_cmp(&b.begun_ms));
        Loaded { arrival, wall_s: watch.seconds(), requests }
    }))
}

/// When each of `n` requests begins, in seconds: the first at once, then with exponential times between.
fn arrivals(rate: f64, n: usize, seed: u64) -> Vec<f64> {
    let mut random = Random::of_block(seed, "arrivals", 0);
    let mut at = 0.0;
    let mut next = |k: usize| {
        if k > 0 {
            at -= random.between(0.0, 1.0).ln() / rate;
        }
        at
    };
    (0..n).map(&mut next).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_a_rate_come_as_often_as_it_says_and_as_irregularly_as_users() {
        let times = arrivals(5.0, 4001, 1);
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64).sqrt();
        assert!((mean - 0.2).abs() < 0.01 && (deviation - 0.2).abs() < 0.02, "{mean} {deviation}");
        assert_eq!(times, arrivals(5.0, 4001, 1));
    }
}
