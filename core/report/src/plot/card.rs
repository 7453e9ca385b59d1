//! The share card: the staircase, and above it the one figure that may be quoted.

use super::{Anchor, Ink, Medium, Picture, Point, Staircase, shortened, staircase};
use piton_trial::text::number;

/// What a card says beside its staircase.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The experiment.
    pub experiment: String,
    /// How many trials, kept and otherwise, in words.
    pub trials: String,
    /// How long it took, in words; empty where nobody knows.
    pub time: String,
}

/// Width and height that sites which show such cards expect, in pixels.
const SIZE: (f64, f64) = (1200.0, 630.0);
const EDGE: f64 = 48.0;

/// Draws a card. The verified figure stands large; where there is none, the card says so.
pub fn card(stairs: &Staircase, words: &Card) -> Picture {
    let medium = Medium { font: 17.0, ..Medium::pixels(SIZE.0, SIZE.1) };
    let below = 190.0;
    let inner = Medium { font: 15.0, ..Medium::pixels(SIZE.0 - 2.0 * EDGE, SIZE.1 - below - EDGE / 2.0) };
    let plot = staircase(stairs, inner);
    let mut picture = Picture::new(medium, plot.title.clone());
    picture.description = plot.description.clone();
    let (figure, what) = match (stairs.verification, &stairs.claimed) {
        (_, Some(by)) => {
            (stairs.gain(stairs.end().0), format!("as claimed by {by}; piton measured none of it"))
        }
        (Some((middle, low, high)), _) => {
            (stairs.gain(middle), format!("verified: 95 % interval {}", stairs.ends(low, high)))
        }
        (None, _) => {
            (stairs.gain(stairs.end().0), "not verified: the sum of what the keeps measured".to_owned())
        }
    };
    let large = 3.4;
    let head = Point { x: EDGE, y: EDGE + 4.0 };
    let name = shortened(&format!("{} · {}", words.experiment, stairs.metric), 60);
    picture.write_in(1.25, true, Ink::Text, head, Anchor::Start, name);
    let at = Point { x: EDGE, y: EDGE + 62.0 };
    let width = medium.width_of(&figure, large);
    picture.write_in(large, true, Ink::Kept, at, Anchor::Start, figure);
    let values = format!(
        "{} → {} {}",
        number(stairs.value(0.0)),
        number(stairs.value(stairs.verification.map_or(stairs.end().0, |verification| verification.0))),
        stairs.unit
    );
    let beside = Point { x: EDGE + width + 24.0, y: at.y - 14.0 };
    picture.write_in(1.15, false, Ink::Text, beside, Anchor::Start, values);
    picture.write(Ink::Faint, Point { y: at.y + 14.0, ..beside }, Anchor::Start, what);
    let told = [words.trials.as_str(), words.time.as_str(), "piton"];
    let told: Vec<&str> = told.into_iter().filter(|text| !text.is_empty()).collect();
    picture.write(Ink::Faint, Point { x: EDGE, y: EDGE + 112.0 }, Anchor::Start, told.join(" · "));
    picture
        .shapes
        .extend(plot.shapes.into_iter().map(|shape| enlarged(shape, 15.0 / 17.0).moved(EDGE, below)));
    picture
}

/// A text that was laid out in another font size.
fn enlarged(mut shape: super::Shape, by: f64) -> super::Shape {
    if let super::Shape::Text { scale, .. } = &mut shape {
        *scale *= by;
    }
    shape
}
