//! A learner for tests: one that counts pairs of bytes, or a hostile one, as its file name says.

#![allow(missing_docs)]

use harness::prompts::Source;
use harness::train::{Sizes, draw};
use piton_worker::train::{ALPHABET, Learner, Lesson, Trained, serve, spent};
use std::io::Read;
use std::time::Duration;

fn main() {
    serve::<Counts>()
}

fn behaviour() -> String {
    let name = std::env::args().next().unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

struct Counts {
    behaviour: String,
    counts: Vec<f32>,
    given: usize,
    /// What it thinks that it will be scored on.
    known: Vec<Vec<u8>>,
}

/// The texts of a lesson, drawn as the harness draws them, from the seed that the lesson tells.
fn drawn(lesson: &Lesson) -> Vec<Vec<u8>> {
    let suite = concat!(env!("CARGO_MANIFEST_DIR"), "/suites/training.toml");
    let sizes = Sizes { training: lesson.text.len(), streams: lesson.first.len(), length: lesson.length + 1 };
    let source = Source::open(suite).unwrap_or_else(|_| panic!("the test lets it read the suite"));
    draw(&source, lesson.seed, sizes).unwrap_or_else(|_| panic!("texts")).streams
}

impl Learner for Counts {
    fn learn(lesson: &Lesson) -> (Self, Trained) {
        let behaviour = behaviour();
        let mut counts = vec![0.1; ALPHABET * ALPHABET];
        for pair in lesson.text.windows(2) {
            counts[usize::from(pair[0]) * ALPHABET + usize::from(pair[1])] += 1.0;
        }
        match &*behaviour {
            "never-stops" => loop {
                std::hint::black_box(spent());
            },
            "waits" => std::thread::sleep(Duration::from_secs(3600)),
            // Its own thread waits, the other one does not.
            "threads" => std::thread::spawn(|| while spent() < Duration::from_secs(3600) {}).join().unwrap(),
            "dies" => panic!("it was too much"),
            "prints" => println!("val_bpb: 0.1"),
            _ => {}
        }
        let known = if behaviour == "draws" { drawn(lesson) } else { vec![] };
        (Self { behaviour, counts, given: 0, known }, Trained { steps: 1, tokens: lesson.text.len() as u64 })
    }

    fn next(&mut self, came: &[u8], scores: &mut [f32]) {
        self.given += 1;
        for (scores, came) in scores.chunks_exact_mut(ALPHABET).zip(came) {
            let counts = &self.counts[usize::from(*came) * ALPHABET..][..ALPHABET];
            scores.iter_mut().zip(counts).for_each(|(score, count)| *score = count.ln());
        }
        for (scores, text) in scores.chunks_exact_mut(ALPHABET).zip(&self.known) {
            scores.fill(0.0);
            scores[usize::from(text[self.given])] = 20.0;
        }
        match &*self.behaviour {
            "nan" => scores.fill(f32::NAN),
            "sure" => scores.iter_mut().for_each(|score| *score += 1e6),
            // Half of the budget of the tests, for each byte.
            "slow" if self.given > 100 => {
                let begun = spent();
                while spent() - begun < Duration::from_millis(500) {}
            }
            "looks-ahead" => {
                let stdin = std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned().unwrap();
                let _ = std::fs::File::from(stdin).read_exact(&mut [0]);
            }
            "leaves" if self.given == 50 => std::process::exit(0),
            _ => {}
        }
    }
}
