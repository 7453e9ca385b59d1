//! Pictures as text, for a terminal.

use unicode_width::UnicodeWidthChar;

use super::{Glyph, Ink, Picture, Point, Shape};

/// A grid of characters. A wide one is followed by a cell that holds nothing.
struct Grid {
    cells: Vec<Vec<Option<char>>>,
}

impl Grid {
    fn set(&mut self, column: f64, row: f64, c: char) {
        let within = column >= 0.0 && row >= 0.0;
        let cell = self.cells.get_mut(row as usize).and_then(|row| row.get_mut(column as usize));
        if let (true, Some(cell)) = (within, cell) {
            *cell = Some(c);
        }
    }

    fn get(&self, column: f64, row: f64) -> Option<char> {
        *self.cells.get(row as usize)?.get(column as usize)?
    }

    fn write(&mut self, mut column: f64, row: f64, text: &str) {
        for c in text.chars() {
            let width = c.width().unwrap_or(0);
            if width == 0 {
                continue;
            }
            self.set(column, row, c);
            if width == 2
                && let Some(cell) =
                    self.cells.get_mut(row as usize).and_then(|r| r.get_mut(column as usize + 1))
            {
                *cell = None;
            }
            column += width as f64;
        }
    }
}

/// A picture that was drawn for characters, as lines of text.
pub fn text(picture: &Picture) -> String {
    let (columns, rows) = (picture.medium.width as usize, picture.medium.height as usize);
    let mut grid = Grid { cells: vec![vec![Some(' '); columns]; rows] };
    for shape in &picture.shapes {
        match shape {
            Shape::Line { ink: Ink::Grid, points, .. } => {
                for column in points[0].x as usize..points[1].x as usize {
                    grid.set(column as f64, points[0].y, '·');
                }
            }
            Shape::Line { points, .. } => {
                points.windows(2).for_each(|ends| stroke(&mut grid, ends[0], ends[1]))
            }
            Shape::Fill { rect, ink } => {
                let c = if *ink == Ink::Waiting { '░' } else { '█' };
                for column in rect.left.round() as usize..rect.right.round() as usize {
                    grid.set(column as f64, rect.top, c);
                }
            }
            Shape::Bars { at, .. } => {
                for (x, from, to) in at {
                    for row in from.min(*to) as usize..=from.max(*to) as usize {
                        if grid.get(*x, row as f64).is_some_and(|c| matches!(c, ' ' | '·')) {
                            grid.set(*x, row as f64, '┆');
                        }
                    }
                }
            }
            Shape::Marks { glyph, at, .. } => {
                for point in at {
                    let last = rows.saturating_sub(1) as f64;
                    let row = if matches!(glyph, Glyph::Down) { (point.y - 0.01).min(last) } else { point.y };
                    grid.set(point.x, row, glyph.character());
                }
            }
            Shape::Text { at, anchor, text, .. } => {
                let rect = picture.medium.rect_of(text, 1.0, *at, *anchor);
                grid.write(rect.left, at.y, text);
            }
        }
    }
    let line =
        |row: &Vec<Option<char>>| row.iter().flatten().collect::<String>().trim_end().to_owned() + "\n";
    grid.cells.iter().map(line).collect()
}

/// A line along a row or a column, with corners where it turns.
fn stroke(grid: &mut Grid, from: Point, to: Point) {
    let (a, b) = ((from.x.floor(), from.y.floor()), (to.x.floor(), to.y.floor()));
    if a.1 == b.1 {
        let (left, right) = (a.0.min(b.0) as usize, a.0.max(b.0) as usize);
        for column in left..=right {
            let old = grid.get(column as f64, a.1);
            let c = match old {
                // The end of an upright line.
                Some('│') if column == left && to.x >= from.x => continue,
                Some('┌' | '└') => continue,
                _ => '─',
            };
            grid.set(column as f64, a.1, c);
        }
        return;
    }
    let up = b.1 < a.1;
    for row in a.1.min(b.1) as usize + 1..a.1.max(b.1) as usize {
        grid.set(a.0, row as f64, '│');
    }
    let meets = matches!(grid.get(a.0, a.1), Some('─'));
    grid.set(
        a.0,
        a.1,
        if !meets {
            '│'
        } else if up {
            '┘'
        } else {
            '┐'
        },
    );
    grid.set(b.0, b.1, if up { '┌' } else { '└' });
}
