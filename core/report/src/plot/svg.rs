//! Pictures as SVG.
//!
//! Colours are classes, so that one drawing serves light paper and dark; a picture that stands alone carries the style sheet with it.

use std::fmt::Write;

use super::{Anchor, Glyph, Ink, Outline, Picture, Point, Shape};

/// What stands around the shapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrap<'a> {
    /// A file of its own: with a style sheet, light or dark as the reader's system is.
    Alone,
    /// In a page that has the style sheet; the name makes ids unlike those of other pictures there.
    Inline(&'a str),
    /// The same, without a title that is told twice: its description is its label.
    Small,
}

/// The classes of the inks: `f-` fills, `s-` draws lines; on dark paper where the reader's system is dark.
pub fn stylesheet() -> String {
    let rules = |colour: fn(Ink) -> &'static str| -> String {
        let rule = |ink: Ink| {
            let (name, value) = (ink.style().0, colour(ink));
            format!(".f-{name}{{fill:{value};color:{value}}}.s-{name}{{stroke:{value}}}")
        };
        Ink::ALL.into_iter().map(rule).collect()
    };
    let (light, dark) = (rules(|ink| ink.style().1), rules(|ink| ink.style().2));
    format!("{light}@media screen and (prefers-color-scheme:dark){{{dark}}}")
}

/// `text` as it may stand in SVG.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A coordinate: a tenth of a pixel is enough.
fn n(x: f64) -> String {
    let text = format!("{x:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A picture as SVG.
pub fn svg(picture: &Picture, wrap: Wrap) -> String {
    let medium = picture.medium;
    let (edge, both) = (n(-picture.margin), 2.0 * picture.margin);
    let (width, height) = (n(medium.width + both), n(medium.height + both));
    let mut out = format!("<svg viewBox=\"{edge} {edge} {width} {height}\" role=\"img\"");
    if wrap == Wrap::Alone {
        let _ = write!(out, " xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\"");
    }
    if wrap == Wrap::Small {
        let _ = write!(
            out,
            " class=\"small\" width=\"{width}\" height=\"{height}\" aria-label=\"{}\">",
            escaped(&picture.description)
        );
    } else {
        let id = if let Wrap::Inline(id) = wrap { id } else { "picture" };
        let _ = write!(
            out,
            " aria-labelledby=\"{id}-t {id}-d\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', 'Liberation Sans', Arial, sans-serif\" font-size=\"{}\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
            n(medium.font),
            escaped(&picture.title),
            escaped(&picture.description)
        );
    }
    if wrap == Wrap::Alone {
        let _ = write!(
            out,
            "<style>{}</style><rect class=\"f-paper\" x=\"{edge}\" y=\"{edge}\" width=\"{width}\" height=\"{height}\"/>",
            stylesheet()
        );
    }
    picture.shapes.iter().for_each(|shape| draw(shape, picture, &mut out));
    out.push_str("</svg>");
    out
}

fn draw(shape: &Shape, picture: &Picture, out: &mut String) {
    match shape {
        Shape::Line { ink, points, dashed } => {
            let path = through(points);
            let width = if *ink == Ink::Line { 2 } else { 1 };
            let dash = if *dashed { " stroke-dasharray=\"4 3\"" } else { "" };
            let _ = write!(
                out,
                "<path class=\"s-{}\" fill=\"none\" stroke-width=\"{width}\"{dash} d=\"{path}\"/>",
                ink.style().0
            );
        }
        Shape::Fill { ink, rect } => {
            let _ = write!(
                out,
                "<rect class=\"f-{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                ink.style().0,
                n(rect.left),
                n(rect.top),
                n(rect.right - rect.left),
                n(rect.bottom - rect.top)
            );
        }
        Shape::Bars { ink, at } => {
            let mut path = String::new();
            for (x, from, to) in at {
                let _ = write!(path, "M{} {}V{}", n(*x), n(*from), n(*to));
            }
            let _ = write!(out, "<path class=\"s-{}\" stroke-width=\"1.5\" d=\"{path}\"/>", ink.style().0);
        }
        Shape::Marks { ink, glyph, scale, at } => {
            let path: String =
                at.iter().map(|point| outline(*glyph, *point, picture.medium.radius() * scale)).collect();
            let name = ink.style().0;
            let drawn = if glyph.is_hollow() {
                format!("class=\"s-{name}\" fill=\"none\" stroke-width=\"1.5\"")
            } else {
                format!("class=\"f-{name}\"")
            };
            let _ = write!(out, "<path {drawn} d=\"{path}\"/>");
        }
        Shape::Text { ink, at, anchor, scale, bold, text } => {
            let size = picture.medium.font * scale;
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let weight = if *bold { " font-weight=\"bold\"" } else { "" };
            let sized = if *scale == 1.0 { String::new() } else { format!(" font-size=\"{}\"", n(size)) };
            let _ = write!(
                out,
                "<text class=\"f-{}\" x=\"{}\" y=\"{}\"{anchor}{weight}{sized}>{}</text>",
                ink.style().0,
                n(at.x),
                // The middle of the letters lies about a third of their size above the line that they stand on.
                n(at.y + size * 0.35),
                escaped(text)
            );
        }
    }
}

/// A mark as a path around `at`.
fn outline(glyph: Glyph, at: Point, r: f64) -> String {
    match glyph.outline(at, r) {
        // Nearly around, and closed.
        Outline::Circle(r) => {
            let radius = n(r);
            format!("M{} {}a{radius} {radius} 0 1 1 0 .1z", n(at.x - r), n(at.y))
        }
        Outline::Area(points) => through(&points) + "Z",
        Outline::Strokes(strokes) => strokes.iter().map(|stroke| through(stroke)).collect(),
    }
}

/// A path through points.
fn through(points: &[Point]) -> String {
    let mut path = String::new();
    for (i, point) in points.iter().enumerate() {
        let _ = write!(path, "{}{} {}", if i == 0 { 'M' } else { 'L' }, n(point.x), n(point.y));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Medium;

    #[test]
    fn no_text_leaves_its_place() {
        let mut picture = Picture::new(Medium::pixels(10.0, 10.0), "<a>&\"");
        picture.write(Ink::Text, Point::default(), Anchor::Start, "</text><script>");
        let text = svg(&picture, Wrap::Alone);
        assert!(text.contains("&lt;/text&gt;&lt;script&gt;") && text.contains("&lt;a&gt;&amp;&quot;"));
        assert!(!text.contains("<script"));
    }

    #[test]
    fn a_coordinate_has_one_digit_at_most() {
        assert_eq!((n(3.0), n(-0.01), n(2.55)), ("3".into(), "0".into(), "2.5".into()));
    }
}
