//! The staircase, drawn. The axis shows levels as values of the metric, from the value that the baseline had; the verified figure,
//! where there is one, stands beside the end of the line.

use super::labels::{Wanted, place};
use super::stairs::{Mark, Staircase};
use super::{Anchor, Glyph, Ink, Medium, Picture, Point, Rect, Shape, TrialKind, axis, shortened};
use piton_base::metric::Direction;
use piton_trial::text::plural;

/// Keeps that are labelled at most: among more, a label is a needle.
const LABELS: usize = 200;
/// Trials above which discarded ones have no bars.
const BARS: usize = 150;

/// Trials above which labels do not make way for the marks of what was not kept: there is no room then.
const CROWD: usize = 700;

/// Where things stand in the picture.
struct PlotArea<'a> {
    stairs: &'a Staircase,
    plot: Rect,
    range: (f64, f64),
    last: f64,
}

impl PlotArea<'_> {
    fn x(&self, trial: f64) -> f64 {
        self.plot.left + (self.plot.right - self.plot.left) * (trial + 0.5) / (self.last + 1.0)
    }

    fn y_of_height(&self, height: f64) -> f64 {
        let share = (height - self.range.0) / (self.range.1 - self.range.0);
        self.plot.bottom - (self.plot.bottom - self.plot.top) * share
    }

    fn y(&self, level: f64) -> f64 {
        self.y_of_height(self.stairs.height_of(level))
    }

    fn y_within(&self, level: f64) -> f64 {
        self.y(level).clamp(self.plot.top, self.plot.bottom)
    }
}

/// Draws a staircase.
pub fn staircase(stairs: &Staircase, medium: Medium) -> Picture {
    let title = match &stairs.claimed {
        None => format!("{}: {}", stairs.run, stairs.metric),
        Some(by) => format!("{}: {}, as claimed by {by}", stairs.run, stairs.metric),
    };
    let mut picture = Picture::new(medium, title);
    picture.description = stairs.words();
    let (line, radius) = (medium.line(), medium.radius());
    let top = legend(stairs, &mut picture);
    let range = stairs.range();
    let rows: Vec<TrialKind> = TrialKind::ALL
        .into_iter()
        .filter(|kind| stairs.marks.iter().any(|mark| mark.kind == *kind && mark.level.is_none()))
        .collect();
    let most = ((medium.height / line) as usize / 4).clamp(2, 7);
    let values = stairs.values(range, most);
    let step = values.get(1).zip(values.first()).map_or(1.0, |(b, a)| b - a);
    let shares =
        shares(values.iter().map(|value| {
            stairs.gain(stairs.direction.sign() * (stairs.height(*value) - stairs.height_of(0.0)))
        }));
    let labels = values.iter().map(|value| axis::label(*value, step));
    let names: Vec<(String, String)> = labels.zip(shares).collect();
    let widest = |texts: &mut dyn Iterator<Item = &str>| {
        texts.map(|text| medium.width_of(text, 1.0)).fold(0.0, f64::max)
    };
    let left = widest(&mut names.iter().map(|(value, _)| value.as_str()))
        .max(widest(&mut rows.iter().map(|kind| kind.word())));
    let right = widest(&mut names.iter().map(|(_, gain)| gain.as_str()));
    let gap = radius * 2.0;
    let below = line * (rows.len() as f64 + 1.0) + if medium.cells { 1.0 } else { radius };
    let (left, top) = (left + gap, top + if medium.cells { 0.0 } else { radius });
    let plot = Rect {
        left: if medium.cells { left.ceil() } else { left },
        top,
        right: medium.width - right - gap,
        bottom: (medium.height - below).max(top + line),
    };
    // The verified figure stands behind the last trial.
    let extra = if stairs.verification.is_some() { (f64::from(stairs.last()) * 0.04).max(0.8) } else { 0.0 };
    let area = PlotArea { stairs, plot, range, last: f64::from(stairs.last()) + extra };
    for (value, (name, share)) in values.iter().zip(&names) {
        let y = area.y_of_height(stairs.height(*value));
        picture.line(Ink::Grid, vec![Point { x: plot.left, y }, Point { x: plot.right, y }]);
        // At an edge its words would stand on those of the legend or of the trials.
        let half = if medium.cells { 0.0 } else { line / 2.0 - radius };
        if (plot.top + half..=plot.bottom - half).contains(&y) {
            picture.write(Ink::Faint, Point { x: plot.left - gap / 2.0, y }, Anchor::End, name);
            picture.write(Ink::Faint, Point { x: medium.width, y }, Anchor::End, share);
        }
    }
    trials(&area, &rows, &mut picture);
    let stairs_line = climbed(&area, &mut picture);
    marks(&area, &rows, &mut picture);
    let mut taken = stairs_line;
    verified(&area, &mut picture, &mut taken);
    names_of_keeps(&area, &mut picture, taken);
    picture
}

/// Gains along an axis: without a decimal where none has one.
fn shares(gains: impl Iterator<Item = String>) -> Vec<String> {
    let gains: Vec<String> = gains.collect();
    let round = gains.iter().all(|gain| gain.ends_with(".0 %"));
    if round { gains.iter().map(|gain| gain.replace(".0 %", " %")).collect() } else { gains }
}

/// Every kind that occurs with its mark and its number, and what the axes are; returns where the rest may begin.
fn legend(stairs: &Staircase, picture: &mut Picture) -> f64 {
    let medium = picture.medium;
    let (line, radius) = (medium.line(), medium.radius());
    let mut entries: Vec<(Ink, Glyph, String)> = TrialKind::ALL
        .into_iter()
        .filter_map(|kind| {
            let n = stairs.marks.iter().filter(|m| m.trial > 0 && m.kind == kind).count();
            (n > 0).then(|| (Ink::of(kind), Glyph::of(kind), format!("{n} {}", kind.word())))
        })
        .collect();
    if stairs.verification.is_some() {
        entries.push((Ink::Verified, Glyph::Diamond, "verified".to_owned()));
    }
    let (mut x, mut y) = (0.0, line / 2.0);
    for (ink, glyph, text) in entries {
        let width = radius * 4.0 + medium.width_of(&text, 1.0);
        if x > 0.0 && x + width > medium.width {
            (x, y) = (0.0, y + line);
        }
        picture.mark(ink, glyph, vec![Point { x: x + radius, y }]);
        picture.write(Ink::Text, Point { x: x + radius * 4.0, y }, Anchor::Start, text);
        x += width + radius * 4.0;
    }
    y += line * if medium.cells { 1.0 } else { 1.3 };
    let unit = match (stairs.start, stairs.unit.as_str()) {
        (None, _) => "as a multiple of the baseline".to_owned(),
        (_, "") => "measured".to_owned(),
        (_, unit) => unit.to_owned(),
    };
    let name = format!("{}, {unit}", stairs.metric);
    let over = if stairs.direction == Direction::Higher {
        "gain over the baseline"
    } else {
        "change from the baseline"
    };
    picture.write(Ink::Faint, Point { x: 0.0, y }, Anchor::Start, &name);
    if medium.width_of(&name, 1.0) + medium.width_of(over, 1.0) + radius * 4.0 < medium.width {
        picture.write(Ink::Faint, Point { x: medium.width, y }, Anchor::End, over);
    }
    y + line / 2.0
}

/// The axis of trials, and a row for each kind that has trials without a level.
fn trials(area: &PlotArea, rows: &[TrialKind], picture: &mut Picture) {
    let medium = picture.medium;
    let (line, plot) = (medium.line(), area.plot);
    let first = plot.bottom + line / 2.0 + if medium.cells { 0.0 } else { medium.radius() };
    for (i, kind) in rows.iter().enumerate() {
        let y = first + line * i as f64;
        let at = Point { x: plot.left - medium.radius(), y };
        picture.write(Ink::Faint, at, Anchor::End, kind.word());
    }
    let y = medium.height - line / 2.0;
    let width = medium.width_of(&area.stairs.last().to_string(), 1.0) + medium.radius() * 4.0;
    let most = ((plot.right - plot.left) / width).clamp(1.0, 12.0) as usize;
    for trial in axis::trials(area.stairs.last(), most) {
        let x = area.x(f64::from(trial));
        picture.write(Ink::Faint, Point { x, y }, Anchor::Middle, trial.to_string());
    }
    picture.write(Ink::Faint, Point { x: medium.width, y }, Anchor::End, "trial");
}

/// The line of the best so far. Returns the room that it takes.
fn climbed(area: &PlotArea, picture: &mut Picture) -> Vec<Rect> {
    let mut points: Vec<Point> = vec![];
    for (trial, level) in &area.stairs.line {
        let (x, y) = (area.x(f64::from(*trial)), area.y_within(*level));
        points.extend(points.last().map(|before| Point { x, y: before.y }));
        points.push(Point { x, y });
    }
    if let Some(end) = points.last().copied() {
        points.push(Point { x: area.x(area.stairs.last().into()), y: end.y });
    }
    let rects = points.windows(2).map(|ends| Rect {
        left: ends[0].x.min(ends[1].x) - 0.5,
        right: ends[0].x.max(ends[1].x) + 0.5,
        top: ends[0].y.min(ends[1].y) - 0.01,
        bottom: ends[0].y.max(ends[1].y) + 0.01,
    });
    let rects = rects.collect();
    picture.line(Ink::Line, points);
    rects
}

fn marks(area: &PlotArea, rows: &[TrialKind], picture: &mut Picture) {
    let (medium, plot) = (picture.medium, area.plot);
    let few = area.stairs.marks.len() <= BARS;
    let bars = area.stairs.marks.iter().filter(|mark| few || mark.kind == TrialKind::Kept);
    let at: Vec<(f64, f64, f64)> = bars
        .filter_map(|mark| {
            let (low, high) = mark.ends?;
            Some((area.x(mark.trial.into()), area.y_within(low), area.y_within(high)))
        })
        .filter(|(_, low, high)| low != high)
        .collect();
    if !at.is_empty() {
        picture.shapes.push(Shape::Bars { ink: Ink::Bar, at });
    }
    // A crowd is drawn smaller; what was kept is drawn last, above it.
    let wide = (plot.right - plot.left) / (area.last + 1.0) / (medium.radius() * 2.0);
    let scale = wide.clamp(0.5, 1.0);
    for kind in TrialKind::ALL.into_iter().rev() {
        let (mut inside, mut above, mut below, mut without) = (vec![], vec![], vec![], vec![]);
        for mark in area.stairs.marks.iter().filter(|mark| mark.kind == kind) {
            let x = area.x(mark.trial.into());
            match mark.level.map(|level| area.y(level)) {
                Some(y) if y < plot.top => above.push(Point { x, y: plot.top }),
                Some(y) if y > plot.bottom => below.push(Point { x, y: plot.bottom }),
                Some(y) => inside.push(Point { x, y }),
                None => without.push(Point { x, y: 0.0 }),
            }
        }
        let row = rows.iter().position(|row| *row == kind).unwrap_or(0) as f64;
        let first = plot.bottom + medium.line() / 2.0 + if medium.cells { 0.0 } else { medium.radius() };
        without.iter_mut().for_each(|point| point.y = first + medium.line() * row);
        inside.extend(without);
        for (glyph, at) in [(Glyph::of(kind), inside), (Glyph::Up, above), (Glyph::Down, below)] {
            picture.marks(Ink::of(kind), glyph, scale, at);
        }
    }
}

/// The verified figure, behind the last trial.
fn verified(area: &PlotArea, picture: &mut Picture, taken: &mut Vec<Rect>) {
    let Some((middle, low, high)) = area.stairs.verification else { return };
    let (x, radius) = (area.x(area.last), picture.medium.radius());
    let (y, low, high) = (area.y_within(middle), area.y_within(low), area.y_within(high));
    picture.shapes.push(Shape::Bars { ink: Ink::Verified, at: vec![(x, low, high)] });
    picture.mark(Ink::Verified, Glyph::Diamond, vec![Point { x, y }]);
    taken.push(Rect {
        left: x - radius,
        right: x + radius,
        top: low.min(high).min(y - radius),
        bottom: low.max(high).max(y + radius),
    });
}

/// The names of the keeps, the greatest gains first. How many have no room is told: all of them are in the table.
fn names_of_keeps(area: &PlotArea, picture: &mut Picture, mut taken: Vec<Rect>) {
    let medium = picture.medium;
    let radius = medium.radius();
    let mut keeps: Vec<&Mark> = area.stairs.keeps().filter(|mark| mark.level.is_some()).collect();
    keeps.sort_by(|a, b| {
        b.gain.partial_cmp(&a.gain).unwrap_or(std::cmp::Ordering::Equal).then(a.trial.cmp(&b.trial))
    });
    let place_of =
        |mark: &Mark| Point { x: area.x(mark.trial.into()), y: area.y_within(mark.level.unwrap_or(0.0)) };
    let around = |mark: &Mark| {
        let at = place_of(mark);
        Rect { left: at.x - radius, right: at.x + radius, top: at.y - radius, bottom: at.y + radius }
    };
    taken.extend(keeps.iter().map(|mark| around(mark)));
    let others = area.stairs.marks.iter().filter(|mark| mark.kind != TrialKind::Kept && mark.level.is_some());
    let others: Vec<Rect> =
        if area.stairs.marks.len() > CROWD { vec![] } else { others.map(around).collect() };
    let most = (medium.width / medium.width_of("x", 1.0) / 4.0) as usize;
    let names = |mark: &Mark| {
        let by = mark.gain.map_or_else(String::new, |g| format!(" {}", area.stairs.gain(g.0)));
        let whole = format!("#{}{by} {}", mark.trial, shortened(&mark.label, most.min(28)));
        [whole, format!("#{}{by}", mark.trial), format!("#{}", mark.trial)]
    };
    // One line is left for the note.
    let note = Point { x: area.plot.left + radius, y: area.plot.top + medium.line() / 2.0 };
    let note = medium.snapped(note);
    let said = |n: usize| format!("{} of {} are not labelled", n, plural(keeps.len(), "keep"));
    taken.push(medium.rect_of(&said(keeps.len()), 1.0, note, Anchor::Start));
    // Where the long names leave no room for all, shorter ones for all are better.
    let placed = (0..3).map(|from| {
        let wanted: Vec<Wanted> = keeps
            .iter()
            .take(LABELS)
            .map(|mark| Wanted { mark: place_of(mark), texts: names(mark)[from..].to_vec() })
            .collect();
        place(&wanted, &area.plot, taken.clone(), &others, &medium)
    });
    let placed =
        placed.reduce(|best, other| if other.len() > best.len() { other } else { best }).unwrap_or_default();
    let missing = keeps.len() - placed.len();
    for label in placed {
        if let Some([from, to]) = label.leader {
            picture.line(Ink::Faint, vec![from, to]);
        }
        picture.write(Ink::Text, label.at, label.anchor, label.text);
    }
    if missing > 0 {
        picture.write(Ink::Faint, note, Anchor::Start, said(missing));
    }
}

#[cfg(test)]
mod tests;
