//! Two metrics against each other, and the front of those that nothing beats in both.

use super::{Anchor, Glyph, Ink, Medium, Picture, Point, Rect, Shape, TrialKind, axis};
use piton_base::metric::Direction;
use piton_trial::text::plural;

/// What a scatter shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// The metric along, and which way is better.
    pub x: (String, Direction),
    /// The metric upwards.
    pub y: (String, Direction),
    /// The trials.
    pub spots: Vec<Spot>,
}

/// One trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Its number.
    pub trial: u32,
    /// What became of it.
    pub kind: TrialKind,
    /// Its values.
    pub at: (f64, f64),
}

impl Scatter {
    /// The trials that no other beats in one metric without being worse in the other, by rising x. Those that failed a gate do not count.
    pub(crate) fn front(&self) -> Vec<Spot> {
        let fit = |spot: &&Spot| matches!(spot.kind, TrialKind::Kept | TrialKind::Discarded);
        let mut spots: Vec<Spot> = self.spots.iter().filter(fit).copied().collect();
        let good = |spot: &Spot| (self.x.1.sign() * spot.at.0, self.y.1.sign() * spot.at.1);
        // Best in x first; among equals the best in y.
        spots.sort_by(|a, b| good(b).partial_cmp(&good(a)).unwrap_or(std::cmp::Ordering::Equal));
        let (mut best, mut front) = (f64::NEG_INFINITY, vec![]);
        for spot in spots {
            if good(&spot).1 > best {
                best = good(&spot).1;
                front.push(spot);
            }
        }
        front.sort_by(|a, b| a.at.0.total_cmp(&b.at.0));
        front
    }
}

/// Draws a scatter.
pub fn scatter(scatter: &Scatter, medium: Medium) -> Picture {
    let mut picture = Picture::new(medium, format!("{} against {}", scatter.y.0, scatter.x.0));
    let front = scatter.front();
    picture.description = format!(
        "{}; nothing beats in both: {}",
        plural(scatter.spots.len(), "trial"),
        front.iter().map(|spot| format!("trial {}", spot.trial)).collect::<Vec<_>>().join(", ")
    );
    let range = |of: fn(&Spot) -> f64| {
        let values = scatter.spots.iter().map(of);
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        let room = ((high - low) * 0.06).max(low.abs() * 0.01).max(1e-12);
        (low - room, high + room)
    };
    let ((x0, x1), (y0, y1)) = (range(|spot| spot.at.0), range(|spot| spot.at.1));
    if !(x1 - x0).is_normal() || !(y1 - y0).is_normal() {
        return picture;
    }
    let (line, radius) = (medium.line(), medium.radius());
    let names = |ticks: &[f64]| -> Vec<String> {
        let step = ticks.get(1).zip(ticks.first()).map_or(1.0, |(b, a)| b - a);
        ticks.iter().map(|tick| axis::label(*tick, step)).collect()
    };
    let rows = axis::ticks(y0, y1, 5);
    let row_names = names(&rows);
    let left = row_names.iter().map(|name| medium.width_of(name, 1.0)).fold(0.0, f64::max) + radius * 2.0;
    let plot = Rect {
        left,
        top: line * 1.5,
        right: medium.width - radius * 2.0,
        bottom: medium.height - line * 2.4,
    };
    let x = |value: f64| plot.left + (plot.right - plot.left) * (value - x0) / (x1 - x0);
    let y = |value: f64| plot.bottom - (plot.bottom - plot.top) * (value - y0) / (y1 - y0);
    let toward = |direction| if direction == Direction::Higher { "more is better" } else { "less is better" };
    let name = |(name, direction): &(String, Direction)| format!("{name}, {}", toward(*direction));
    picture.write(Ink::Faint, Point { x: 0.0, y: line / 2.0 }, Anchor::Start, name(&scatter.y));
    let below = Point { x: medium.width, y: medium.height - line / 2.0 };
    picture.write(Ink::Faint, below, Anchor::End, name(&scatter.x));
    for (value, name) in rows.iter().zip(&row_names) {
        let y = y(*value);
        picture.line(Ink::Grid, vec![Point { x: plot.left, y }, Point { x: plot.right, y }]);
        // Lower down its words would stand on those of the other axis.
        if y <= plot.bottom - line * 0.3 {
            picture.write(Ink::Faint, Point { x: plot.left - radius, y }, Anchor::End, name);
        }
    }
    let widest = names(&axis::ticks(x0, x1, 5)).iter().map(|n| medium.width_of(n, 1.0)).fold(1.0, f64::max);
    let most = ((plot.right - plot.left) / (widest * 1.6)).clamp(1.0, 6.0) as usize;
    let columns = axis::ticks(x0, x1, most);
    for (value, name) in columns.iter().zip(names(&columns)) {
        let x = x(*value);
        picture.line(Ink::Grid, vec![Point { x, y: plot.top }, Point { x, y: plot.bottom }]);
        let half = medium.width_of(&name, 1.0) / 2.0;
        if (half..=medium.width - half).contains(&x) {
            picture.write(Ink::Faint, Point { x, y: plot.bottom + line * 0.7 }, Anchor::Middle, name);
        }
    }
    let points: Vec<Point> = front.iter().map(|spot| Point { x: x(spot.at.0), y: y(spot.at.1) }).collect();
    if points.len() > 1 {
        picture.shapes.push(Shape::Line { ink: Ink::Text, points, dashed: true });
    }
    for kind in TrialKind::ALL.into_iter().rev() {
        let of = scatter.spots.iter().filter(|spot| spot.kind == kind);
        picture.mark(
            Ink::of(kind),
            Glyph::of(kind),
            of.map(|s| Point { x: x(s.at.0), y: y(s.at.1) }).collect(),
        );
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_holds_what_nothing_beats_in_both_and_no_failed_gate() {
        let spot = |trial, kind, at| Spot { trial, kind, at };
        let scatter = Scatter {
            x: ("memory".into(), Direction::Lower),
            y: ("speed".into(), Direction::Higher),
            spots: vec![
                spot(0, TrialKind::Kept, (2.0, 10.0)),
                spot(1, TrialKind::Discarded, (1.0, 8.0)),
                spot(2, TrialKind::Discarded, (1.5, 7.0)),
                spot(3, TrialKind::GateFailed, (0.5, 90.0)),
                spot(4, TrialKind::Kept, (3.0, 12.0)),
            ],
        };
        assert_eq!(scatter.front().iter().map(|s| s.trial).collect::<Vec<_>>(), [1, 0, 4]);
        let other = Scatter { x: ("n".into(), Direction::Higher), ..scatter };
        assert_eq!(other.front().iter().map(|s| s.trial).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn labels_do_not_overlap_wherever_the_values_of_the_axes_fall() {
        for tenth in 0..300 {
            let by = f64::from(tenth) / 10.0;
            let spot = |trial, at| Spot { trial, kind: TrialKind::Discarded, at };
            let scatter = Scatter {
                x: ("memory".into(), Direction::Lower),
                y: ("speed".into(), Direction::Higher),
                spots: vec![spot(1, (1e4 + by * 70.0, 80.0 + by)), spot(2, (12e3, 120.0 + by / 3.0))],
            };
            for medium in [Medium::pixels(960.0, 420.0), Medium::pixels(360.0, 300.0)] {
                super::scatter(&scatter, medium).assert_apart();
            }
        }
    }
}
