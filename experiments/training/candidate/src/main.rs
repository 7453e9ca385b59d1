//! A language model over bytes that is trained and scored within a budget of processor time: plain Rust, and simple in every way that a
//! first version is simple.

mod attention;
mod math;
mod model;
mod settings;
mod stream;
#[cfg(test)]
mod tests;

use math::Random;
use model::Model;
use piton_worker::train::{Learner, Lesson, Trained, serve, spent};
use settings::{BATCH, DECAY_FROM, HANDING_OVER, LEARNING_RATE, PAST, REACH, SPARE, WARM_UP};
use stream::Streams;

/// Bytes of each stream that are scored on trial, to know what that takes.
const TRIED: usize = 48;

/// The candidate: what the harness gives a lesson, and then scores.
struct Student {
    model: Model,
    streams: Streams,
}

impl Learner for Student {
    fn learn(lesson: &Lesson) -> (Self, Trained) {
        let mut random = Random(lesson.seed);
        let mut model = Model::new(&mut random);
        let streams = lesson.first.len();
        let seconds = || spent().as_secs_f32();
        let until = lesson.budget.as_secs_f32() - SPARE * scoring(&model, lesson);
        let begun = seconds();
        let (mut now, mut step, mut trained) = (begun, 0.0, Trained::default());
        // A step that would not be over in time is not begun.
        while lesson.text.len() > PAST + REACH && now + step < until {
            let share = (now - begun) / (until - begun);
            let rate = (share / WARM_UP).min((1.0 - share) / (1.0 - DECAY_FROM)).min(1.0);
            let (past, next) = pieces(&lesson.text, &mut random);
            model.learn(&past, &next);
            model.step(LEARNING_RATE * rate);
            trained.steps += 1;
            trained.tokens += next.len() as u64;
            step = seconds() - now;
            now += step;
        }
        (Self { model, streams: Streams::new(streams) }, trained)
    }

    fn next(&mut self, came: &[u8], scores: &mut [f32]) {
        scores.copy_from_slice(&self.streams.next(&self.model, came));
    }
}

/// Processor time that being scored will take, in seconds: by the quickest of a few bytes, which says most alike each time.
fn scoring(model: &Model, lesson: &Lesson) -> f32 {
    let mut tried = Streams::full(lesson.first.len());
    let quickest = (0..TRIED)
        .map(|_| {
            let begun = spent();
            tried.next(model, &lesson.first);
            spent() - begun
        })
        .min();
    (quickest.unwrap_or_default().as_secs_f32() + HANDING_OVER) * lesson.length as f32
}

/// [`BATCH`] pieces of the text, drawn at random: of each position the bytes that came last, and the one that comes next.
fn pieces(text: &[u8], random: &mut Random) -> (Vec<[u8; PAST]>, Vec<u8>) {
    let (mut past, mut next) = (vec![], vec![]);
    for _ in 0..BATCH {
        let begins = PAST + random.below(text.len() - PAST - REACH);
        for at in begins..begins + REACH {
            past.push(std::array::from_fn(|back| text[at - 1 - back]));
            next.push(text[at]);
        }
    }
    (past, next)
}

fn main() {
    serve::<Student>()
}
