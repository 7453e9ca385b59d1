//! Pictures: what is drawn, as shapes, before anybody decides what it is drawn on.
//!
//! The page, the file, the share card and the terminal show the same run. So one function draws each picture, into a list of
//! shapes that know nothing of pixels or characters; SVG, PNG and text are made of that list. A test can then
//! ask the shapes themselves whether two labels overlap.

mod axis;
mod card;
mod labels;
mod scatter;
mod small;
mod staircase;
mod svg;
mod text;

use unicode_width::UnicodeWidthChar;

use crate::rule::Verdict;
use crate::trial::{Outcome, Record};

pub use card::{Card, card};
pub use scatter::{Scatter, Spot, scatter};
pub use small::{Share, pairs, strip};
pub use staircase::{Mark, Staircase, staircase};
pub use svg::{Wrap, stylesheet, svg};
pub use text::text;

/// What became of a trial, for the eye: each kind has a shape and a colour of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The incumbent moved to it; also the baseline.
    Kept,
    /// Measured, and not kept.
    Discarded,
    /// A gate failed.
    GateFailed,
    /// It did not run to the end.
    Crashed,
    /// Nothing can be said: the machine moved, or the user stopped it.
    Void,
    /// There was nothing to judge: out of scope, a duplicate, no edit, tampered with.
    NotJudged,
    /// piton's own: the incumbent against itself, provisional keeps together.
    Check,
}

impl Kind {
    /// All of them, in the order in which they are told.
    pub const ALL: [Self; 7] = [
        Self::Kept,
        Self::Discarded,
        Self::GateFailed,
        Self::Crashed,
        Self::Void,
        Self::NotJudged,
        Self::Check,
    ];

    /// The kind of a recorded trial.
    pub fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Baseline | Outcome::Judged { verdict: Verdict::Keep(_), .. } => Self::Kept,
            Outcome::Judged { .. } => Self::Discarded,
            Outcome::GateFailed { .. } => Self::GateFailed,
            Outcome::BuildFailed { .. }
            | Outcome::RunFailed { .. }
            | Outcome::TimedOut { .. }
            | Outcome::OutOfMemory { .. } => Self::Crashed,
            Outcome::Void { .. } | Outcome::Interrupted { .. } => Self::Void,
            Outcome::Bundle { .. } | Outcome::Blind { .. } => Self::Check,
            _ => Self::NotJudged,
        }
    }

    /// In words.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Discarded => "discarded",
            Self::GateFailed => "gate failed",
            Self::Crashed => "crashed",
            Self::Void => "void",
            Self::NotJudged => "not judged",
            Self::Check => "check",
        }
    }

    /// Its colour.
    pub fn ink(self) -> Ink {
        match self {
            Self::Kept => Ink::Kept,
            Self::Discarded => Ink::Discarded,
            Self::GateFailed => Ink::GateFailed,
            Self::Crashed => Ink::Crashed,
            Self::Void => Ink::Void,
            Self::NotJudged => Ink::NotJudged,
            Self::Check => Ink::Check,
        }
    }

    /// Its shape.
    pub fn glyph(self) -> Glyph {
        match self {
            Self::Kept => Glyph::Disc,
            Self::Discarded => Glyph::Ring,
            Self::GateFailed => Glyph::Square,
            Self::Crashed => Glyph::Cross,
            Self::Void => Glyph::Triangle,
            Self::NotJudged => Glyph::Plus,
            Self::Check => Glyph::Frame,
        }
    }
}

/// How many trials of each kind there are, the baseline not among them.
pub fn counts(records: &[Record]) -> Vec<(Kind, usize)> {
    let of = |kind| records.iter().filter(|r| r.trial > 0 && Kind::of(&r.outcome) == kind).count();
    Kind::ALL.into_iter().map(|kind| (kind, of(kind))).filter(|(_, n)| *n > 0).collect()
}

/// What a shape stands for, and so its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Ink {
    Paper,
    Text,
    Faint,
    Grid,
    Line,
    Bar,
    Kept,
    Discarded,
    GateFailed,
    Crashed,
    Void,
    NotJudged,
    Check,
    Verified,
    Agent,
    Build,
    Measure,
    Waiting,
}

impl Ink {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Paper,
        Self::Text,
        Self::Faint,
        Self::Grid,
        Self::Line,
        Self::Bar,
        Self::Kept,
        Self::Discarded,
        Self::GateFailed,
        Self::Crashed,
        Self::Void,
        Self::NotJudged,
        Self::Check,
        Self::Verified,
        Self::Agent,
        Self::Build,
        Self::Measure,
        Self::Waiting,
    ];

    /// Its name in style sheets, and its colour on light and on dark paper.
    pub fn style(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Paper => ("paper", "#ffffff", "#12161c"),
            Self::Text => ("text", "#1b2430", "#e6e9ee"),
            Self::Faint => ("faint", "#566070", "#a3adba"),
            Self::Grid => ("grid", "#e2e6eb", "#2b333d"),
            Self::Line => ("line", "#0b6b2f", "#58d68d"),
            Self::Bar => ("bar", "#8fb89c", "#4c7f5f"),
            Self::Kept => ("kept", "#0b6b2f", "#58d68d"),
            Self::Discarded => ("discarded", "#66707d", "#a3adba"),
            Self::GateFailed => ("gate", "#a34a00", "#f5b041"),
            Self::Crashed => ("crashed", "#b3161b", "#ff8a80"),
            Self::Void => ("void", "#6b2fb3", "#cbb2f7"),
            Self::NotJudged => ("notjudged", "#00697a", "#6fd7e8"),
            Self::Check => ("check", "#1d4fb8", "#9dc1ff"),
            Self::Verified => ("verified", "#1b2430", "#ffffff"),
            Self::Agent => ("agent", "#6b2fb3", "#cbb2f7"),
            Self::Build => ("build", "#a34a00", "#f5b041"),
            Self::Measure => ("measure", "#0b6b2f", "#58d68d"),
            Self::Waiting => ("waiting", "#8a94a1", "#77818e"),
        }
    }
}

/// The shape of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Glyph {
    Disc,
    Ring,
    Square,
    Frame,
    Cross,
    Plus,
    Triangle,
    Diamond,
    Up,
    Down,
}

impl Glyph {
    /// As a character.
    pub fn character(self) -> char {
        match self {
            Self::Disc => '●',
            Self::Ring => '○',
            Self::Square => '■',
            Self::Frame => '□',
            Self::Cross => '×',
            Self::Plus => '+',
            Self::Triangle => '△',
            Self::Diamond => '◆',
            Self::Up => '▲',
            Self::Down => '▼',
        }
    }
}

/// The form of a mark.
#[derive(Debug, Clone, PartialEq)]
pub enum Outline {
    /// A circle of this radius.
    Circle(f64),
    /// A closed area.
    Area(Vec<Point>),
    /// Lines.
    Strokes(Vec<Vec<Point>>),
}

impl Glyph {
    /// Whether it is drawn with lines, and not filled.
    pub fn is_hollow(self) -> bool {
        matches!(self, Self::Ring | Self::Frame | Self::Triangle | Self::Cross | Self::Plus)
    }

    /// Its form around `at`, where marks have the radius `r`.
    pub fn outline(self, at: Point, r: f64) -> Outline {
        let points = |corners: &[(f64, f64)]| -> Vec<Point> {
            corners.iter().map(|(x, y)| Point { x: at.x + x * r, y: at.y + y * r }).collect()
        };
        let square = |half: f64| points(&[(-half, -half), (half, -half), (half, half), (-half, half)]);
        match self {
            Self::Disc => Outline::Circle(r),
            Self::Ring => Outline::Circle(r * 0.75),
            Self::Square => Outline::Area(square(0.9)),
            Self::Frame => Outline::Area(square(0.8)),
            Self::Triangle | Self::Up => Outline::Area(points(&[(0.0, -1.0), (1.0, 0.8), (-1.0, 0.8)])),
            Self::Down => Outline::Area(points(&[(0.0, 1.0), (1.0, -0.8), (-1.0, -0.8)])),
            Self::Diamond => Outline::Area(points(&[(0.0, -1.4), (1.2, 0.0), (0.0, 1.4), (-1.2, 0.0)])),
            Self::Cross => Outline::Strokes(vec![
                points(&[(-0.8, -0.8), (0.8, 0.8)]),
                points(&[(0.8, -0.8), (-0.8, 0.8)]),
            ]),
            Self::Plus => {
                Outline::Strokes(vec![points(&[(-0.9, 0.0), (0.9, 0.0)]), points(&[(0.0, -0.9), (0.0, 0.9)])])
            }
        }
    }
}

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
    pub fn overlaps(&self, other: &Self) -> bool {
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
    pub fn width_of(&self, text: &str, scale: f64) -> f64 {
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
    pub fn rect_of(&self, text: &str, scale: f64, at: Point, anchor: Anchor) -> Rect {
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
mod tests {
    use super::*;

    /// Relative luminance and contrast. Source: WCAG 2.2, section 1.4.3.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |colour: &str| {
            let part = |at: usize| {
                let c = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn what_is_read_has_a_contrast_of_4_5_and_what_is_seen_of_3_on_light_and_dark_paper() {
        let (_, light, dark) = Ink::Paper.style();
        for ink in Ink::ALL {
            let least = match ink {
                // Behind everything, or beside something that says the same.
                Ink::Paper | Ink::Grid | Ink::Bar => continue,
                Ink::Waiting => 3.0,
                _ => 4.5,
            };
            let (name, on_light, on_dark) = ink.style();
            assert!(contrast(on_light, light) >= least, "{name} on light: {}", contrast(on_light, light));
            assert!(contrast(on_dark, dark) >= least, "{name} on dark: {}", contrast(on_dark, dark));
        }
    }

    #[test]
    fn no_two_kinds_have_the_same_shape_or_the_same_colour() {
        for (i, a) in Kind::ALL.into_iter().enumerate() {
            for b in &Kind::ALL[i + 1..] {
                assert_ne!(a.glyph().character(), b.glyph().character());
                assert_ne!(a.ink().style().1, b.ink().style().1);
                assert_ne!(a.ink().style().2, b.ink().style().2);
            }
        }
    }
}
