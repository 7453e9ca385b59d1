use crate::math::Random;
use crate::model::Model;
use crate::settings::{PAST, REACH};
use crate::stream::Streams;
use piton_worker::train::ALPHABET;

fn piece(random: &mut Random) -> (Vec<[u8; PAST]>, Vec<u8>) {
    let text: Vec<u8> = (0..PAST + REACH).map(|_| random.below(4) as u8).collect();
    let past = (PAST..text.len()).map(|at| std::array::from_fn(|back| text[at - 1 - back])).collect();
    (past, text[PAST..].to_vec())
}

#[test]
fn the_way_back_is_the_slope_of_the_way_forth() {
    let mut random = Random(7);
    let mut model = Model::new(&mut random);
    let (past, next) = piece(&mut random);
    // The products that begin at zero are moved away from it, so that every gradient counts.
    for _ in 0..20 {
        model.learn(&past, &next);
        model.step(0.01);
    }
    let before = model.learn(&past, &next);
    let squares = model.slide(0.02);
    let after = model.learn(&past, &next);
    let (expected, got) = (0.02 * squares, before - after);
    assert!((got / expected - 1.0).abs() < 0.15, "{got} for {expected}");
}

#[test]
fn what_is_learnt_of_a_text_is_known_when_it_is_scored_byte_by_byte() {
    let mut random = Random(11);
    let mut model = Model::new(&mut random);
    let (past, next) = piece(&mut random);
    for _ in 0..200 {
        model.learn(&past, &next);
        model.step(0.003);
    }
    let loss = model.learn(&past, &next);
    let mut streams = Streams::new(1);
    streams.next(&model, &[past[0][1]]);
    let mut streams_loss = 0.0;
    for (past, next) in past.iter().zip(&next).skip(1) {
        let mut scores = streams.next(&model, &[past[0]]);
        assert_eq!(scores.len(), ALPHABET);
        let score = scores[usize::from(*next)];
        streams_loss += crate::math::softmax(&mut scores) - score;
    }
    streams_loss /= next.len() as f32;
    assert!(loss < 1.0 && (streams_loss - loss).abs() < 0.5, "{streams_loss} for {loss}");
}
