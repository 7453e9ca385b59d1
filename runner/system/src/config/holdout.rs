//! What is kept back from a climb, and asked when it is over.

use serde::{Deserialize, Serialize};

use super::Config;

/// A measurement that no trial makes and no brief shows: `[holdout]`. `piton verify` asks it whether a gain carries over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// The command, in place of that of `[measure]`; that one where absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The seeds of its pairs, one after the other and again from the first; drawn anew where absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seeds: Vec<u64>,
    /// How many pairs are measured.
    #[serde(default = "eight")]
    pub pairs: u32,
    /// What the command may read besides what `[measure]` opens, by the same words: the data that no trial can see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
}

fn eight() -> u32 {
    8
}

/// Fewest pairs: below these the sign test has no 95 % interval.
const FEWEST: u32 = 6;

impl Config {
    /// The experiment that measures what was held out, where there is one.
    pub fn held_out(&self) -> Option<Self> {
        let holdout = self.holdout.as_ref()?;
        let mut config = self.clone();
        if !holdout.command.is_empty() {
            config.measure.command.clone_from(&holdout.command);
            // Both sides in turns is the other command's way.
            config.measure.pair.clear();
        }
        config.measure.read.extend(holdout.read.iter().cloned());
        // Of what is held out the metric alone is asked for.
        config.gates.clear();
        config.guards.clear();
        config.secondary.clear();
        config.metric.memory = None;
        config.measure.timed = None;
        config.measure.aim_s = None;
        Some(config)
    }

    /// What is impossible about `[holdout]`, if anything.
    pub(super) fn holdout_problem(&self) -> Option<String> {
        let holdout = self.holdout.as_ref()?;
        if holdout.command.is_empty() && holdout.seeds.is_empty() && holdout.read.is_empty() {
            return Some(
                "[holdout] holds nothing back: it names a command, seeds, or what only it may read"
                    .to_owned(),
            );
        }
        if holdout.command.first().is_some_and(String::is_empty) {
            return Some("holdout.command is empty".to_owned());
        }
        if !(FEWEST..=1000).contains(&holdout.pairs) {
            return Some(format!(
                "holdout.pairs is {}; an interval needs {FEWEST} at least, and 1000 are the most",
                holdout.pairs
            ));
        }
        let words = holdout.command.join(" ");
        if words.contains("{harness}") && self.harness.is_none() {
            return Some("holdout.command uses {harness}, and there is no [harness]".to_owned());
        }
        if words.contains("{artifact}") && self.build.as_ref().and_then(|b| b.artifact.as_ref()).is_none() {
            return Some("holdout.command uses {artifact}, and [build] names no artifact".to_owned());
        }
        self.held_out()?.measure.opens().problem("holdout")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"a\"\n[metric]\nname = \"m\"\ndirection = \"lower\"\n[scope]\neditable = [\"a\"]\n[measure]\ncommand = [\"usual\"]\nread = [\"/data/train\"]\ntimeout_s = 1\n";

    fn with(holdout: &str) -> Result<Config, String> {
        Config::parse(&format!("{TEXT}[holdout]\n{holdout}")).map_err(|e| e.cause.unwrap_or_default())
    }

    #[test]
    fn only_what_is_held_out_reads_what_is_held_out() {
        let config = with("command = [\"other\"]\nread = [\"/data/test\"]").unwrap();
        assert_eq!((config.measure.command[0].as_str(), config.measure.read.len()), ("usual", 1));
        let other = config.held_out().unwrap();
        assert_eq!((other.measure.command[0].as_str(), other.measure.read.len()), ("other", 2));
    }

    #[test]
    fn a_holdout_that_holds_nothing_back_is_refused() {
        assert!(with("pairs = 8").unwrap_err().contains("holds nothing back"));
        assert!(with("seeds = [1]\npairs = 5").unwrap_err().contains("holdout.pairs is 5"));
        assert!(with("command = [\"{harness}\"]").unwrap_err().contains("no [harness]"));
        assert!(with("command = [\"a\"]\nread = [\"/\"]").unwrap_err().contains("holdout.read"));
    }
}
