//! Small pictures: the pairs of one trial, and where the time went.

use super::{Anchor, Glyph, Ink, Medium, Picture, Point, Rect, Shape};
use piton_base::metric::{Gain, Metric};
use piton_trial::text::{gain, noun, plural, seconds};

/// The gain of each pair of a trial in the order in which they were measured, about zero; the broken line is their median.
pub fn pairs(gains: &[Gain], middle: Gain, metric: &Metric) -> Picture {
    let (gains, middle) = (Gain::numbers(gains), middle.0);
    let mut picture = Picture::new(Medium { font: 9.0, ..Medium::pixels(240.0, 60.0) }, "pairs");
    let (low, high) =
        gains.iter().chain([&middle]).fold((0.0f64, 0.0f64), |(a, b), g| (a.min(*g), b.max(*g)));
    picture.description = format!(
        "{} of {}: from {} to {}, median {}",
        noun(metric),
        plural(gains.len(), "pair"),
        gain(Gain(low), metric),
        gain(Gain(high), metric),
        gain(Gain(middle), metric)
    );
    let room = ((high - low) * 0.1).max(1e-6);
    let (low, high) = (low - room, high + room);
    let y = |g: f64| 60.0 * (high - g) / (high - low);
    let across = |g: f64| vec![Point { x: 0.0, y: y(g) }, Point { x: 240.0, y: y(g) }];
    picture.line(Ink::Faint, across(0.0));
    picture.shapes.push(Shape::Line { ink: Ink::Line, points: across(middle), dashed: true });
    let x = |i: usize| 240.0 * (i as f64 + 0.5) / gains.len() as f64;
    let at = gains.iter().enumerate().map(|(i, g)| Point { x: x(i), y: y(*g) }).collect();
    picture.mark(Ink::Text, Glyph::Disc, at);
    picture
}

/// A share of the time.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Its colour.
    pub ink: Ink,
    /// What it was spent on.
    pub name: &'static str,
    /// Seconds.
    pub seconds: f64,
}

/// Where the time went: one bar, and its parts in words below.
pub fn strip(shares: &[Share], width: f64) -> Picture {
    let mut picture = Picture::new(Medium::pixels(width, 22.0), "where the time went");
    let all: f64 = shares.iter().map(|share| share.seconds).sum();
    let mut words = vec![];
    let mut x = 0.0;
    for share in shares.iter().filter(|share| share.seconds > 0.0) {
        let part = share.seconds / all;
        let right = (x + width * part).min(width);
        let rect = Rect { left: x, top: 0.0, right, bottom: 22.0 };
        picture.shapes.push(Shape::Fill { ink: share.ink, rect });
        let text = format!("{} {:.0} %", share.name, part * 100.0);
        if picture.medium.width_of(&text, 1.0) + 8.0 < right - x {
            picture.write(Ink::Paper, Point { x: (x + right) / 2.0, y: 11.0 }, Anchor::Middle, text);
        }
        words.push(format!("{} {} ({:.0} %)", share.name, seconds(share.seconds), part * 100.0));
        x = right;
    }
    picture.description = words.join(", ");
    picture
}
