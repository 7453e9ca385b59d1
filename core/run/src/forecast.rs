//! How long what is being done will take: from what the run has done before, and saying so.

use piton_base::stats;
use piton_trial::record::Record;
use piton_trial::text::{plural, seconds};

/// Records that are looked at: the last ones.
pub const LAST: usize = 20;

/// What earlier trials of a run took.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forecast {
    /// Seconds of each build.
    builds: Vec<f64>,
    /// Seconds that a pair took, in each.
    pair_s: Vec<f64>,
    /// Pairs of each that was judged.
    pairs: Vec<f64>,
}

/// How many pairs there will be.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// So many.
    Pairs(usize),
    /// As many as the rule asks for; earlier trials say how many that mostly is.
    Like(Forecast),
}

impl Forecast {
    /// From the last records of a run, the baseline's among them.
    pub fn of(records: &[Record]) -> Self {
        let measured = |r: &&Record| r.measured.pairs.len() > 2;
        Self {
            builds: records.iter().map(|r| r.measured.seconds.build).filter(|s| *s > 0.0).collect(),
            // One more is the warm-up.
            pair_s: records
                .iter()
                .filter(measured)
                .map(|r| r.measured.seconds.measure / (r.measured.pairs.len() + 1) as f64)
                .collect(),
            pairs: records
                .iter()
                .filter(|r| r.trial > 0)
                .filter(measured)
                .map(|r| r.measured.pairs.len() as f64)
                .collect(),
        }
    }

    /// How long a build mostly took.
    pub fn build(&self) -> Option<String> {
        let middle = stats::median(&self.builds)?;
        Some(format!("about {} by {} of this run", seconds(middle), plural(self.builds.len(), "build")))
    }

    fn left(&self, done: usize) -> Option<String> {
        let (pairs, pair_s) = (stats::median(&self.pairs)?, stats::median(&self.pair_s)?);
        let from = plural(self.pairs.len(), "trial");
        let left = pairs - done as f64;
        Some(match left > 0.0 {
            true => format!("about {} left by {from} of this run", seconds(left * pair_s)),
            false => format!("longer than most of {from} of this run"),
        })
    }
}

impl Wanted {
    /// How long it will take after `done` pairs, which took so many seconds; nothing where nothing says so.
    pub fn left(&self, done: usize, spent_s: f64) -> Option<String> {
        match self {
            Self::Like(forecast) => forecast.left(done),
            Self::Pairs(_) if done == 0 => None,
            Self::Pairs(wanted) => {
                let left = wanted.saturating_sub(done) as f64 * spent_s / done as f64;
                Some(format!("about {} left by {} so far", seconds(left), plural(done, "pair")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn earlier(pairs: &[f64]) -> Forecast {
        Forecast { builds: vec![10.0, 14.0, 90.0], pair_s: vec![2.0, 4.0, 3.0], pairs: pairs.to_vec() }
    }

    #[test]
    fn an_estimate_says_what_it_is_from_and_there_is_none_from_nothing() {
        assert_eq!(
            (Forecast::default().build(), Wanted::Like(Forecast::default()).left(3, 9.0)),
            (None, None)
        );
        assert_eq!((Wanted::Pairs(8).left(0, 0.0), Wanted::Like(earlier(&[])).left(1, 3.0)), (None, None));
        assert_eq!(earlier(&[]).build().unwrap(), "about 14 s by 3 builds of this run");
        let like = Wanted::Like(earlier(&[7.0, 30.0, 9.0]));
        assert_eq!(like.left(4, 60.0).unwrap(), "about 15 s left by 3 trials of this run");
        assert_eq!(like.left(9, 60.0).unwrap(), "longer than most of 3 trials of this run");
        assert_eq!(Wanted::Pairs(8).left(2, 6.0).unwrap(), "about 18 s left by 2 pairs so far");
    }
}
