//! What stands for what: a shape and a colour of its own for each kind of trial.

use super::Point;
use piton_trial::record::Record;

pub use piton_trial::record::TrialKind;

/// How many trials of each kind there are, the baseline not among them.
pub fn counts(records: &[Record]) -> Vec<(TrialKind, usize)> {
    let of = |kind| records.iter().filter(|r| r.trial > 0 && TrialKind::of(&r.outcome) == kind).count();
    TrialKind::ALL.into_iter().map(|kind| (kind, of(kind))).filter(|(_, n)| *n > 0).collect()
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
    CheckFailed,
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
    /// The colour of a kind of trial.
    pub fn of(kind: TrialKind) -> Self {
        match kind {
            TrialKind::Kept => Self::Kept,
            TrialKind::Discarded => Self::Discarded,
            TrialKind::GateFailed => Self::GateFailed,
            TrialKind::CheckFailed => Self::CheckFailed,
            TrialKind::Crashed => Self::Crashed,
            TrialKind::Void => Self::Void,
            TrialKind::NotJudged => Self::NotJudged,
            TrialKind::Check => Self::Check,
        }
    }

    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Paper,
        Self::Text,
        Self::Faint,
        Self::Grid,
        Self::Line,
        Self::Bar,
        Self::Kept,
        Self::Discarded,
        Self::GateFailed,
        Self::CheckFailed,
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
            Self::CheckFailed => ("checkfailed", "#9c1f6f", "#f49ad0"),
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
    Slab,
    Frame,
    Cross,
    Plus,
    Triangle,
    Diamond,
    Up,
    Down,
}

impl Glyph {
    /// The shape of a kind of trial.
    pub fn of(kind: TrialKind) -> Self {
        match kind {
            TrialKind::Kept => Self::Disc,
            TrialKind::Discarded => Self::Ring,
            TrialKind::GateFailed => Self::Square,
            TrialKind::CheckFailed => Self::Slab,
            TrialKind::Crashed => Self::Cross,
            TrialKind::Void => Self::Triangle,
            TrialKind::NotJudged => Self::Plus,
            TrialKind::Check => Self::Frame,
        }
    }

    /// As a character.
    pub(crate) fn character(self) -> char {
        match self {
            Self::Disc => '●',
            Self::Ring => '○',
            Self::Square => '■',
            Self::Slab => '▬',
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
            Self::Slab => Outline::Area(points(&[(-1.1, -0.5), (1.1, -0.5), (1.1, 0.5), (-1.1, 0.5)])),
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
        for (i, a) in TrialKind::ALL.into_iter().enumerate() {
            for b in &TrialKind::ALL[i + 1..] {
                assert_ne!(Glyph::of(a).character(), Glyph::of(*b).character());
                assert_ne!(Ink::of(a).style().1, Ink::of(*b).style().1);
                assert_ne!(Ink::of(a).style().2, Ink::of(*b).style().2);
            }
        }
    }
}
