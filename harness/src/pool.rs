//! Several samples taken together.
//!
//! A trial takes its samples with different seeds, and an error that one of them misses shows in their sum.

use crate::counts::{Quality, Timing};
use crate::report::Versions;
use serde::Deserialize;
use std::io::BufRead;

/// Longest line that is read, in bytes.
const MAX_LINE: u64 = 64 << 20;

/// The sum of several samples.
#[derive(Debug, Default)]
pub struct Pool {
    /// How many there were.
    pub samples: usize,
    /// How good the tokens were.
    pub quality: Quality,
    /// How fast they came.
    pub timing: Timing,
    /// What they were measured with.
    pub versions: Option<Versions>,
}

/// What is read of a sample's JSON object.
#[derive(Deserialize)]
struct Sample {
    outcome: String,
    reason: Option<String>,
    quality: Option<Quality>,
    timing: Option<Timing>,
    versions: Option<Versions>,
}

impl Pool {
    /// Adds up the samples that `input` holds as JSON objects, one a line. Blank lines are skipped.
    ///
    /// # Errors
    /// Where a line is no sample, was not measured, or was measured with something else than the first.
    pub fn read(mut input: impl BufRead) -> Result<Self, String> {
        let mut pool = Self::default();
        for number in 1.. {
            let mut line = String::new();
            let read = std::io::Read::take(&mut input, MAX_LINE).read_line(&mut line);
            if read.map_err(|e| format!("line {number}: {e}"))? == 0 {
                break;
            }
            if !line.trim().is_empty() {
                pool.add(&line).map_err(|cause| format!("line {number}: {cause}"))?;
            }
        }
        if pool.samples == 0 { Err("there is no sample on standard input".to_owned()) } else { Ok(pool) }
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let sample: Sample = serde_json::from_str(line).map_err(|e| format!("not a sample: {e}"))?;
        let (Some(quality), Some(timing), Some(versions)) = (sample.quality, sample.timing, sample.versions)
        else {
            let reason = sample.reason.unwrap_or_default();
            return Err(format!("the sample was not measured ({}): {reason}", sample.outcome));
        };
        if *self.versions.get_or_insert_with(|| versions.clone()) != versions {
            return Err("measured with another harness, suite or model than the first sample".to_owned());
        }
        self.samples += 1;
        self.quality.pool(&quality);
        self.timing.pool(&timing);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;

    fn line(suite: &str, positions: u64, agreeing: u64) -> String {
        let quality = Quality { positions, agreeing, ..Quality::default() };
        let mut object = report::scores("measured", &quality, &Timing { samples: 1, ..Timing::default() });
        object["versions"] = serde_json::json!(Versions::new(suite, "a", "b"));
        object.to_string() + "\n"
    }

    #[test]
    fn samples_are_pooled_by_their_counts() {
        let lines = line("climb", 900, 900) + "\n" + &line("climb", 100, 90);
        let pool = Pool::read(lines.as_bytes()).unwrap();
        assert_eq!((pool.samples, pool.timing.samples, pool.quality.agreement()), (2, 2, 0.99));
    }

    #[test]
    fn samples_of_different_suites_are_not_pooled() {
        let lines = line("climb", 900, 900) + &line("instruct", 100, 90);
        assert!(Pool::read(lines.as_bytes()).unwrap_err().starts_with("line 2: measured with another"));
    }

    #[test]
    fn a_sample_that_was_not_measured_is_not_counted_as_a_perfect_one() {
        let lines = line("climb", 900, 900) + r#"{"outcome": "hung", "reason": "no token"}"#;
        assert_eq!(
            Pool::read(lines.as_bytes()).unwrap_err(),
            "line 2: the sample was not measured (hung): no token"
        );
    }

    #[test]
    fn no_sample_is_an_error() {
        assert!(Pool::read(&b"\n"[..]).is_err());
    }
}
