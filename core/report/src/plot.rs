//! Pictures: what is drawn, as shapes, before anybody decides what it is drawn on.
//!
//! The page, the file, the share card and the terminal show the same run. So one function draws each picture, into a list of
//! shapes that know nothing of pixels or characters; SVG, PNG and text are made of that list. A test can then
//! ask the shapes themselves whether two labels overlap.

mod axis;
mod card;
mod labels;
mod looks;
mod scatter;
mod small;
mod staircase;
mod stairs;
mod svg;
mod text;

use unicode_width::UnicodeWidthChar;

pub use card::{Card, card};
pub use looks::{Glyph, Ink, Outline, TrialKind, counts};
pub use scatter::{Scatter, Spot, scatter};
pub use small::{Share, pairs, strip};
pub use staircase::staircase;
pub(crate) use stairs::drawable;
pub use stairs::{Mark, Staircase};
pub use svg::{Wrap, stylesheet, svg};
pub use text::text;

/// A place: x to the right, y down.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

/// An upright rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Rect {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Rect {
    /// Whether the two have an area in common.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.top < other.bottom
            && other.top < self.bottom
    }

    /// Whether `other` lies within.
    pub fn holds(&self, other: &Self) -> bool {
        self.left <= other.left
            && other.right <= self.right
            && self.top <= other.top
            && other.bottom <= self.bottom
    }
}

/// Which point of a text stands at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// One thing that is drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A line through points.
    Line {
        /// Its colour.
        ink: Ink,
        /// The points.
        points: Vec<Point>,
        /// Whether it is broken.
        dashed: bool,
    },
    /// A filled rectangle.
    Fill {
        /// Its colour.
        ink: Ink,
        /// Where.
        rect: Rect,
    },
    /// Upright bars: x, and both ends.
    Bars {
        /// Their colour.
        ink: Ink,
        /// Where.
        at: Vec<(f64, f64, f64)>,
    },
    /// Marks of one kind.
    Marks {
        /// Their colour.
        ink: Ink,
        /// Their shape.
        glyph: Glyph,
        /// Their size, as a multiple of the ordinary one.
        scale: f64,
        /// Where.
        at: Vec<Point>,
    },
    /// A line of text.
    Text {
        /// Its colour.
        ink: Ink,
        /// Where: the middle of its height.
        at: Point,
        /// What of it stands there.
        anchor: Anchor,
        /// Its size, as a multiple of the ordinary one.
        scale: f64,
        /// Whether it is bold.
        bold: bool,
        /// The text.
        text: String,
    },
}

/// A picture: shapes on a paper of a size, and what it shows in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What it is drawn for.
    pub medium: Medium,
    /// Empty room around it.
    pub margin: f64,
    /// What it is, in a few words.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub description: String,
    /// The shapes, first drawn first.
    pub shapes: Vec<Shape>,
}

/// What a picture is drawn for: how large it is, and how large a character.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Medium {
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
    /// Size of the ordinary font; 1 in characters.
    pub font: f64,
    /// Whether it is made of characters: then the unit is one.
    pub cells: bool,
}

impl Medium {
    /// For a page or a file, in pixels.
    pub fn pixels(width: f64, height: f64) -> Self {
        Self { width, height, font: 12.0, cells: false }
    }

    /// For a terminal, in characters.
    pub fn cells(columns: usize, lines: usize) -> Self {
        Self { width: columns as f64, height: lines as f64, font: 1.0, cells: true }
    }

    /// Height of a line of text.
    pub fn line(&self) -> f64 {
        if self.cells { 1.0 } else { self.font * 1.3 }
    }

    /// Half the width of a mark.
    pub fn radius(&self) -> f64 {
        if self.cells { 0.5 } else { self.font / 3.0 }
    }

    /// Width of a text: never less than what a common sans-serif font takes. The widths are those of DejaVu Sans, which is wide.
    pub(crate) fn width_of(&self, text: &str, scale: f64) -> f64 {
        if self.cells {
            return text.chars().map(|c| c.width().unwrap_or(0) as f64).sum();
        }
        let em = |c: char| match c {
            'i' | 'j' | 'l' | 'I' | '\'' | '|' | ' ' | '.' | ',' | ':' | ';' | '!' => 0.36,
            'f' | 'r' | 't' | '(' | ')' | '[' | ']' | '/' | '\\' | '-' | '"' => 0.46,
            'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 1.0,
            '#' | '+' | '=' | '<' | '>' | '~' | '^' | '·' => 0.84,
            'A'..='Z' | '&' => 0.79,
            c if c.is_ascii() => 0.64,
            c => {
                if c.width() == Some(2) {
                    1.1
                } else {
                    0.9
                }
            }
        };
        text.chars().map(em).sum::<f64>() * self.font * scale
    }

    /// The rectangle of a text that stands at `at`.
    pub(crate) fn rect_of(&self, text: &str, scale: f64, at: Point, anchor: Anchor) -> Rect {
        let (width, half) = (self.width_of(text, scale), self.line() * scale / 2.0);
        let left = match anchor {
            Anchor::Start => at.x,
            Anchor::Middle => at.x - width / 2.0,
            Anchor::End => at.x - width,
        };
        // A character has a whole cell.
        if self.cells {
            let (left, top) = (left.max(0.0).floor(), at.y.floor());
            return Rect { left, top, right: left + width, bottom: top + 1.0 };
        }
        Rect { left, top: at.y - half, right: left + width, bottom: at.y + half }
    }

    /// The nearest place that a character can stand at.
    fn snapped(&self, at: Point) -> Point {
        if self.cells { Point { x: at.x.floor(), y: at.y.floor() + 0.5 } } else { at }
    }
}

impl Shape {
    /// The same elsewhere.
    fn moved(mut self, x: f64, y: f64) -> Self {
        let to = |point: &mut Point| (point.x, point.y) = (point.x + x, point.y + y);
        match &mut self {
            Self::Line { points: at, .. } | Self::Marks { at, .. } => at.iter_mut().for_each(to),
            Self::Text { at, .. } => to(at),
            Self::Fill { rect, .. } => {
                *rect = Rect {
                    left: rect.left + x,
                    top: rect.top + y,
                    right: rect.right + x,
                    bottom: rect.bottom + y,
                };
            }
            Self::Bars { at, .. } => at.iter_mut().for_each(|bar| *bar = (bar.0 + x, bar.1 + y, bar.2 + y)),
        }
        self
    }
}

impl Picture {
    fn new(medium: Medium, title: impl Into<String>) -> Self {
        Self { medium, margin: 0.0, title: title.into(), description: String::new(), shapes: vec![] }
    }

    fn write(&mut self, ink: Ink, at: Point, anchor: Anchor, text: impl Into<String>) {
        self.write_in(1.0, false, ink, at, anchor, text);
    }

    fn write_in(
        &mut self,
        scale: f64,
        bold: bool,
        ink: Ink,
        at: Point,
        anchor: Anchor,
        text: impl Into<String>,
    ) {
        self.shapes.push(Shape::Text { ink, at, anchor, scale, bold, text: text.into() });
    }

    fn line(&mut self, ink: Ink, points: Vec<Point>) {
        self.shapes.push(Shape::Line { ink, points, dashed: false });
    }

    fn mark(&mut self, ink: Ink, glyph: Glyph, at: Vec<Point>) {
        self.marks(ink, glyph, 1.0, at);
    }

    fn marks(&mut self, ink: Ink, glyph: Glyph, scale: f64, at: Vec<Point>) {
        if !at.is_empty() {
            self.shapes.push(Shape::Marks { ink, glyph, scale, at });
        }
    }

    /// The texts, with the rectangles that they take.
    pub fn texts(&self) -> impl Iterator<Item = (&str, Rect)> {
        self.shapes.iter().filter_map(|shape| match shape {
            Shape::Text { at, anchor, scale, text, .. } => {
                Some((text.as_str(), self.medium.rect_of(text, *scale, *at, *anchor)))
            }
            _ => None,
        })
    }
}

/// `text` in at most `most` characters, an ellipsis where it goes on.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

#[cfg(test)]
impl Picture {
    /// No text stands on another, and none leaves the paper.
    fn assert_apart(&self) {
        let texts: Vec<(&str, Rect)> = self.texts().collect();
        for (i, (text, rect)) in texts.iter().enumerate() {
            for (other, taken) in &texts[i + 1..] {
                assert!(!rect.overlaps(taken), "{:?}: {text} on {other}", self.medium);
            }
            assert!(rect.left >= -0.01 && rect.right <= self.medium.width + 0.01, "{text}: {rect:?}");
        }
    }
}
