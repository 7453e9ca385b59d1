//! What a climb says before it begins: what will be measured, by which clock, what may be edited, what ends it.

use piton_base::metric::{Direction, Metric};
use piton_trial::text::{clean, plural, width};

use crate::stopping::{self, Budget};

/// What a climb is about to do.
#[derive(Debug)]
pub struct FirstScreen<'a> {
    /// Name of the experiment.
    pub experiment: &'a str,
    /// What is climbed.
    pub metric: &'a Metric,
    /// The measuring command.
    pub command: &'a [String],
    /// Whether a sealed harness of the experiment's own says the figure.
    pub harness: bool,
    /// Limit of a sample, in seconds of the clock on the wall.
    pub limit_s: u64,
    /// Paths below which everything may change.
    pub editable: &'a [String],
    /// Most pairs of a trial.
    pub most_pairs: u32,
    /// Who proposes.
    pub agent: &'a str,
    /// What ends it.
    pub budget: &'a Budget,
}

/// The same in words, a line each.
pub fn lines(first: &FirstScreen) -> Vec<String> {
    let metric = first.metric;
    let better = match metric.direction {
        Direction::Higher => "more is better",
        Direction::Lower => "less is better",
    };
    let unit =
        if metric.unit.is_empty() { String::new() } else { format!(" in {}", clean(&metric.unit, 30)) };
    let by = match metric.meter {
        Some(meter) => format!("piton reads {} itself", meter.reads()),
        None if first.command.first().is_some_and(|word| word == "{piton}") => {
            "piton asks the server and says the figure, by its own clock".to_owned()
        }
        None if first.harness => "the sealed harness says the figure, by its own clock".to_owned(),
        None => "the command says the figure, by a clock of its own".to_owned(),
    };
    let limits = stopping::limits(first.budget);
    let ends = match limits.is_empty() {
        true => "no limit was set: piton stop or Ctrl-C ends it".to_owned(),
        false => format!("{}; piton stop or Ctrl-C sooner", limits.join(" or ")),
    };
    let editable: Vec<String> = first.editable.iter().map(|path| clean(path, 80)).collect();
    let judged =
        metric.evidence.as_ref().map_or_else(String::new, |name| format!("; judged by {}", clean(name, 60)));
    let line = |name: &str, words: String| format!("  {name:<9} {words}");
    let pairs = plural(first.most_pairs as usize, "pair");
    vec![
        format!("{}, before it begins:", clean(first.experiment, 60)),
        line("measures", format!("{}{unit}, {better}{}", clean(&metric.name, 60), judged)),
        line("clock", by),
        line("command", clean(&first.command.join(" "), width::BESIDE)),
        line(
            "takes",
            format!("{} s at most for a sample, {pairs} of samples at most for a trial", first.limit_s),
        ),
        line(
            "edits",
            format!("{} edits {}; all else is sealed", clean(first.agent, 30), editable.join(", ")),
        ),
        line("ends", ends),
    ]
}
