//! The worker's side of a lesson.

use super::{ALPHABET, Lesson, Trained};
use std::error::Error;
use std::io::{self, Read, Write};
use std::time::Duration;

/// A model that can be trained: the one thing that a candidate must be.
pub trait Learner: Sized {
    /// Learns from the lesson's text. When it returns, enough of the budget must be left to be scored: [`spent`] says what was used. Bytes
    /// that are not scored before the budget is spent cost 8 bits each.
    fn learn(lesson: &Lesson) -> (Self, Trained);

    /// Takes the byte that came in each stream, and writes how likely each byte of the alphabet is to come next: a raw score for each, all
    /// of the first stream's first. The harness makes probabilities of them, by softmax.
    fn next(&mut self, came: &[u8], scores: &mut [f32]);
}

/// Processor time that this process has used since it was started, of all its threads.
pub fn spent() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The body of a worker's `main`: learns what it is given, is scored, and ends. Never returns.
pub fn serve<L: Learner>() -> ! {
    let status = match run::<L>() {
        Ok(()) => 0,
        Err(e) => {
            eprintln!("worker: {e}");
            3
        }
    };
    std::process::exit(status)
}

fn run<L: Learner>() -> Result<(), Box<dyn Error>> {
    let (mut stdin, mut stdout) = (io::stdin().lock(), io::stdout().lock());
    let lesson = Lesson::read(&mut stdin)?;
    let (mut learner, trained) = L::learn(&lesson);
    stdout.write_all(&trained.encode())?;
    let mut came = lesson.first.clone();
    let mut scores = vec![0.0; came.len() * ALPHABET];
    let mut bytes = Vec::with_capacity(4 * scores.len());
    for at in 0..lesson.length {
        if at > 0 {
            stdin.read_exact(&mut came)?;
        }
        learner.next(&came, &mut scores);
        bytes.clear();
        scores.iter().for_each(|score| bytes.extend(score.to_le_bytes()));
        stdout.write_all(&bytes)?;
        stdout.flush()?;
    }
    // The harness reads what the process used while it is there, and ends it.
    stdin.read_to_end(&mut bytes)?;
    Ok(())
}
