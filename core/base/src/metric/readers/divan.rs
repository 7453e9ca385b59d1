//! Divan's tree: a name at each branch, and a column for each statistic.

use super::BenchmarkValue;
use super::units::time;

/// Characters of one branch: `├─ `, `│  ` or three blanks.
const BRANCH: usize = 3;

/// The tree of one benchmark program after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lines {
    /// Where the first column of figures begins, in characters, once a heading was seen.
    column: Option<usize>,
    /// Which column has the median.
    median: usize,
    /// Names on the way to the last branch, the program's first.
    path: Vec<String>,
}

impl Lines {
    pub fn line(&mut self, line: &str) -> Option<BenchmarkValue> {
        if let Some((before, headings)) = line.split_once("fastest") {
            self.median =
                headings.split('\u{2502}').position(|heading| heading.trim() == "median").unwrap_or(2);
            self.column = Some(before.chars().count());
            self.path = vec![before.trim().to_owned()];
            return None;
        }
        let column = self.column?;
        let chars: Vec<char> = line.chars().collect();
        let branch = chars.iter().take(column).position(|c| matches!(c, '\u{251c}' | '\u{2570}'))?;
        let text = |chars: &[char]| chars.iter().collect::<String>();
        let from = (branch + BRANCH).min(chars.len());
        let name = text(&chars[from..column.clamp(from, chars.len())]).trim().to_owned();
        self.path.truncate(1 + branch / BRANCH);
        self.path.push(name);
        let figures = text(&chars[column.min(chars.len())..]);
        let median = figures.split('\u{2502}').nth(self.median)?.trim().to_owned();
        // A branch that has branches has no figures.
        (!median.is_empty()).then(|| {
            let value = time(&median).ok_or_else(|| format!("its median is `{median}`"));
            BenchmarkValue { name: self.path.join("::"), value }
        })
    }
}
