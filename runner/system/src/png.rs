//! Pictures as PNG, drawn by tiny-skia.
//!
//! Letters are outlines of a font of this machine; piton brings none along. resvg would draw the SVG, and shape every script that
//! there is; it would also double what a fresh clone has to build. Pictures of piton's are lines, marks and short labels.

#![expect(clippy::disallowed_types, reason = "owns tiny-skia")]

use std::fs;
use std::path::{Path, PathBuf};

use tiny_skia::{Color, FillRule, Paint, PathBuilder, Pixmap, Stroke, StrokeDash, Transform};
use ttf_parser::{Face, OutlineBuilder};

use piton_core::base::error::{Context, Error, Result};
use piton_core::report::plot::{Anchor, Ink, Outline, Picture, Point, Shape};

/// Pixels for each unit of the picture: sharp on screens that have two for one.
const SCALE: f32 = 2.0;

/// Files of fonts to look for, the best first; any other is taken where none of them is there.
const FONTS: [&str; 6] = [
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "LiberationSans-Regular.ttf",
    "Arial.ttf",
    "Helvetica.ttc",
    "SFNS.ttf",
];
/// The same, bold.
const BOLD: [&str; 5] = [
    "DejaVuSans-Bold.ttf",
    "NotoSans-Bold.ttf",
    "LiberationSans-Bold.ttf",
    "Arial Bold.ttf",
    "Helvetica.ttc",
];
/// Where systems keep them.
const PLACES: [&str; 4] =
    ["/usr/share/fonts", "/usr/local/share/fonts", "/System/Library/Fonts", "/Library/Fonts"];
/// Files that are looked at.
const MOST: usize = 20_000;

/// Draws a picture on light paper.
///
/// # Errors
/// A machine without any font.
pub fn png(picture: &Picture) -> Result<Vec<u8>> {
    let what = "the PNG was not made";
    let no_font = || {
        Error::refused(what)
            .cause("this machine has no font to draw its letters with")
            .hint("install one, e.g. fonts-dejavu-core, or take --svg: a browser has fonts")
    };
    let mut files = vec![];
    PLACES.iter().for_each(|place| collect(Path::new(place), &mut files));
    files.sort();
    let read = |names: &[&str]| fs::read(font(&files, names)?).ok();
    let (plain, bold) = (read(&FONTS).ok_or_else(no_font)?, read(&BOLD));
    let face = |data| Face::parse(data, 0).ok();
    let plain = face(&plain).ok_or_else(no_font)?;
    let bold = bold.as_ref().and_then(|data| face(data));
    let whole = |length: f64| ((length + 2.0 * picture.margin) as f32 * SCALE) as u32;
    let (width, height) = (whole(picture.medium.width), whole(picture.medium.height));
    let pixels = Pixmap::new(width, height).ok_or_else(|| Error::new(what).cause("it is too large"))?;
    let margin = picture.margin as f32;
    let place = Transform::from_scale(SCALE, SCALE).pre_translate(margin, margin);
    let mut canvas = Canvas { pixels, place, plain, bold };
    canvas.pixels.fill(colour(Ink::Paper));
    picture.shapes.iter().for_each(|shape| canvas.draw(shape, picture));
    canvas.pixels.encode_png().context(what)
}

/// The files of fonts below a directory.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "ttf" || e == "otf" || e == "ttc")
            && files.len() < MOST
        {
            files.push(path);
        }
    }
}

fn font<'a>(files: &'a [PathBuf], names: &[&str]) -> Option<&'a PathBuf> {
    let named = |name: &&str| files.iter().find(|path| path.file_name().is_some_and(|file| file == *name));
    names.iter().find_map(named).or_else(|| files.first())
}

fn colour(ink: Ink) -> Color {
    let hex = ink.style().1;
    let part = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap_or(0);
    Color::from_rgba8(part(1), part(3), part(5), 255)
}

struct Canvas<'a> {
    pixels: Pixmap,
    place: Transform,
    plain: Face<'a>,
    bold: Option<Face<'a>>,
}

impl Canvas<'_> {
    fn draw(&mut self, shape: &Shape, picture: &Picture) {
        match shape {
            Shape::Line { ink, points, dashed } => {
                let width = if *ink == Ink::Line { 2.0 } else { 1.0 };
                self.stroke(*ink, width, *dashed, |path| along(path, points));
            }
            Shape::Fill { ink, rect } => {
                let (left, right) = (rect.left, rect.right);
                let corners =
                    [(left, rect.top), (right, rect.top), (right, rect.bottom), (left, rect.bottom)];
                self.fill(*ink, |path| area(path, &corners.map(|(x, y)| Point { x, y })));
            }
            Shape::Bars { ink, at } => self.stroke(*ink, 1.5, false, |path| {
                at.iter().for_each(|(x, from, to)| {
                    along(path, &[Point { x: *x, y: *from }, Point { x: *x, y: *to }])
                });
            }),
            Shape::Marks { ink, glyph, scale, at } => {
                let outlines = |path: &mut PathBuilder| {
                    for point in at {
                        match glyph.outline(*point, picture.medium.radius() * scale) {
                            Outline::Circle(r) => path.push_circle(point.x as f32, point.y as f32, r as f32),
                            Outline::Area(corners) => area(path, &corners),
                            Outline::Strokes(strokes) => {
                                strokes.iter().for_each(|stroke| along(path, stroke))
                            }
                        }
                    }
                };
                if glyph.is_hollow() {
                    self.stroke(*ink, 1.5, false, outlines);
                } else {
                    self.fill(*ink, outlines);
                }
            }
            Shape::Text { ink, at, anchor, scale, bold, text } => {
                let face = self.bold.as_ref().filter(|_| *bold).unwrap_or(&self.plain).clone();
                let size = (picture.medium.font * scale) as f32;
                self.fill(*ink, |path| letters(path, &face, text, size, *at, *anchor));
            }
        }
    }

    fn fill(&mut self, ink: Ink, build: impl FnOnce(&mut PathBuilder)) {
        let (mut path, mut paint) = (PathBuilder::new(), Paint::default());
        build(&mut path);
        paint.set_color(colour(ink));
        if let Some(path) = path.finish() {
            self.pixels.fill_path(&path, &paint, FillRule::Winding, self.place, None);
        }
    }

    fn stroke(&mut self, ink: Ink, width: f32, dashed: bool, build: impl FnOnce(&mut PathBuilder)) {
        let (mut path, mut paint) = (PathBuilder::new(), Paint::default());
        build(&mut path);
        paint.set_color(colour(ink));
        let dash = if dashed { StrokeDash::new(vec![4.0, 3.0], 0.0) } else { None };
        let stroke = Stroke { width, dash, ..Stroke::default() };
        if let Some(path) = path.finish() {
            self.pixels.stroke_path(&path, &paint, &stroke, self.place, None);
        }
    }
}

fn along(path: &mut PathBuilder, points: &[Point]) {
    for (i, point) in points.iter().enumerate() {
        if i == 0 {
            path.move_to(point.x as f32, point.y as f32);
        } else {
            path.line_to(point.x as f32, point.y as f32);
        }
    }
}

fn area(path: &mut PathBuilder, points: &[Point]) {
    along(path, points);
    path.close();
}

/// The outlines of a text, as the SVG places it.
fn letters(path: &mut PathBuilder, face: &Face, text: &str, size: f32, at: Point, anchor: Anchor) {
    let scale = size / f32::from(face.units_per_em());
    let glyph = |c: char| face.glyph_index(c).or_else(|| face.glyph_index('?')).unwrap_or_default();
    let advance = |c: char| f32::from(face.glyph_hor_advance(glyph(c)).unwrap_or(0)) * scale;
    let width: f32 = text.chars().map(advance).sum();
    let mut pen = Pen {
        path,
        x: match anchor {
            Anchor::Start => at.x as f32,
            Anchor::Middle => at.x as f32 - width / 2.0,
            Anchor::End => at.x as f32 - width,
        },
        y: at.y as f32 + size * 0.35,
        scale,
    };
    for c in text.chars() {
        face.outline_glyph(glyph(c), &mut pen);
        pen.x += advance(c);
    }
}

/// Draws the outline of a glyph at its place. Fonts count upwards.
struct Pen<'a> {
    path: &'a mut PathBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Pen<'_> {
    fn to(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Pen<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.to(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.to(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.to(x1, y1), self.to(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.to(x1, y1), self.to(x2, y2), self.to(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
