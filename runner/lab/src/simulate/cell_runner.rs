//! Many trials on all cores, with the same figures on any number of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::SimulateOptions;
use piton_core::base::rng::Random;

/// A mean and its standard error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mean {
    /// The mean.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
}

/// What one block of trials adds to a mean.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    count: f64,
    total: f64,
    squares: f64,
}

/// Runs the trials of cells.
pub struct CellRunner<'a> {
    /// How many, from which seed, on how many threads.
    pub options: &'a SimulateOptions,
}

impl CellRunner<'_> {
    /// Means of the `K` figures of `trials` trials. `block` runs as many trials as it is told, one after the
    /// other on one machine, and reports the figures of each. A block has random numbers of its own, so
    /// threads change nothing.
    pub fn means<const K: usize>(
        &self,
        name: &str,
        (trials, per_block): (u32, u32),
        block: impl Fn(Random, u32, &mut dyn FnMut([f64; K])) + Sync,
    ) -> [Mean; K] {
        let blocks = trials.div_ceil(per_block) as usize;
        let (next, sums) = (AtomicUsize::new(0), Mutex::new(vec![[Sum::default(); K]; blocks]));
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= blocks {
                    return;
                }
                let mut own = [Sum::default(); K];
                let todo = per_block.min(trials - index as u32 * per_block);
                block(Random::of_block(self.options.seed, name, index as u64), todo, &mut |figures| {
                    own.iter_mut().zip(figures).for_each(|(sum, figure)| sum.add(figure));
                });
                sums.lock().expect("no thread panics")[index] = own;
            }
        };
        std::thread::scope(|scope| (0..self.options.threads.max(1)).for_each(|_| drop(scope.spawn(work))));
        let sums = sums.into_inner().expect("no thread panics");
        std::array::from_fn(|figure| mean(&sums.iter().map(|block| block[figure]).collect::<Vec<_>>()))
    }
}

impl Sum {
    fn add(&mut self, figure: f64) {
        self.count += 1.0;
        self.total += figure;
        self.squares += figure * figure;
    }
}

/// Trials of one block share a machine and a tau, so the error is that of blocks, or of single trials where
/// that is more. One success is added for it: what happened in none of n trials is not certain never to.
fn mean(blocks: &[Sum]) -> Mean {
    let of = |part: fn(&Sum) -> f64| blocks.iter().map(part).sum::<f64>();
    let count = of(|block| block.count);
    let value = of(|block| block.total) / count;
    let singly = (of(|block| block.squares) + 1.0) / count - value * value;
    let apart: f64 = blocks.iter().map(|block| (block.total - value * block.count).powi(2)).sum();
    let spare = (blocks.len() as f64 / (blocks.len() as f64 - 1.0).max(1.0)).sqrt();
    Mean { value, error: (singly.max(0.0) / count).sqrt().max(spare * apart.sqrt() / count) }
}
