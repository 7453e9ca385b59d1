//! Labels that do not overlap: each is tried at several places beside its mark, the most important first, and left out where none is free.

use super::{Anchor, Medium, Point, Rect};

/// A label that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The mark that it belongs to.
    pub mark: Point,
    /// What it says, longest first: a shorter one is taken where the longer does not fit.
    pub texts: Vec<String>,
}

/// A label that has its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// Where.
    pub at: Point,
    /// What of it stands there.
    pub anchor: Anchor,
    /// What it says.
    pub text: String,
    /// A line to its mark, where it stands away from it.
    pub leader: Option<[Point; 2]>,
}

/// Lines away from its mark that a label may stand.
const FAR: u32 = 6;

/// Places labels in `room`, clear of `obstacles` and of each other, and where there is room also clear of `marks`. What has no place is
/// missing from the answer.
pub fn place(
    wanted: &[Wanted],
    room: &Rect,
    mut obstacles: Vec<Rect>,
    marks: &[Rect],
    medium: &Medium,
) -> Vec<Placed> {
    let mut placed = vec![];
    for label in wanted {
        let find = |marks: &[Rect]| {
            label.texts.iter().find_map(|text| free(text, label.mark, room, (&obstacles, marks), medium))
        };
        if let Some((found, rects)) = find(marks).or_else(|| find(&[])) {
            obstacles.extend(rects);
            placed.push(found);
        }
    }
    placed
}

fn free(
    text: &str,
    mark: Point,
    room: &Rect,
    (obstacles, marks): (&[Rect], &[Rect]),
    medium: &Medium,
) -> Option<(Placed, Vec<Rect>)> {
    let (line, gap) = (medium.line(), medium.radius() * 1.5);
    let clear =
        |rect: &Rect| room.holds(rect) && !obstacles.iter().chain(marks).any(|other| rect.overlaps(other));
    for away in 1..=FAR {
        for up in [true, false] {
            let distance = gap + line * (f64::from(away) - 0.5);
            let y = if up { mark.y - distance } else { mark.y + distance };
            for anchor in [Anchor::Middle, Anchor::End, Anchor::Start] {
                let x = match anchor {
                    Anchor::Middle => mark.x,
                    Anchor::Start => mark.x - gap,
                    Anchor::End => mark.x + gap,
                };
                let at = medium.snapped(Point { x, y });
                let rect = medium.rect_of(text, 1.0, at, anchor);
                let near = if up { rect.bottom } else { rect.top };
                let from = if up { mark.y - gap } else { mark.y + gap };
                let leader =
                    (away > 1).then_some([Point { x: mark.x, y: from }, Point { x: mark.x, y: near }]);
                // A hair's breadth, so that no label stands on it.
                let path = leader.map(|[a, b]| Rect {
                    left: a.x - 0.5,
                    right: a.x + 0.5,
                    top: a.y.min(b.y),
                    bottom: a.y.max(b.y),
                });
                if clear(&rect) && path.as_ref().is_none_or(clear) {
                    let rects = std::iter::once(rect).chain(path).collect();
                    return Some((Placed { at, anchor, text: text.to_owned(), leader }, rects));
                }
            }
        }
    }
    None
}
