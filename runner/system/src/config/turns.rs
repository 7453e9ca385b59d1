//! Both sides of a pair in one command, and how long a sample shall be: what `[measure]` may say of it.

use piton_core::rule::settings::Preset;

use super::Config;

impl Config {
    /// What is impossible about `measure.pair`, `aim_s` and `timed`, if anything.
    pub(super) fn turns_problem(&self) -> Option<String> {
        let measure = &self.measure;
        let has = |words: &[String], place: &str| words.iter().any(|word| word.contains(place));
        let in_turns = !measure.pair.is_empty();
        if in_turns && !(has(&measure.pair, "{first}") && has(&measure.pair, "{second}")) {
            return Some("measure.pair lacks {first} or {second}, the two sides that it measures".to_owned());
        }
        if in_turns
            && !(has(&measure.pair[..1], "{harness}")
                || measure.pair[0] == "{piton}"
                || has(&measure.pair, "{out}"))
        {
            return Some(
                "measure.pair prints the figures of both sides, so neither side may print there: it begins with {harness}, or writes to {out}"
                    .to_owned(),
            );
        }
        if in_turns && (self.metered() || measure.report.is_some() || self.metric.of.is_some()) {
            return Some(
                "measure.pair is read from one JSON object, and metric.meter, metric.of and measure.report are not read from one: leave out one of the two"
                    .to_owned(),
            );
        }
        let preset = self.rule.preset;
        if in_turns && preset == Preset::Replicates {
            return Some(
                "measure.pair measures pairs, and [rule] preset = \"replicates\" takes single runs: leave one out"
                    .to_owned(),
            );
        }
        if measure.timed.is_some() && measure.aim_s.is_none() {
            return Some(
                "measure.timed says what of a sample counts for measure.aim_s, and that is missing"
                    .to_owned(),
            );
        }
        if measure.aim_s.is_some()
            && (preset == Preset::Provisional || preset == Preset::Replicates || !preset.warms_up())
        {
            return Some(
                "measure.aim_s is reached by a sample that is not timed, and [rule] preset = \"provisional\", \"replicates\" or \"training\" takes none: leave one out"
                    .to_owned(),
            );
        }
        let aim = measure.aim_s?;
        if !(aim > 0.0 && aim <= 3600.0) {
            return Some(format!(
                "measure.aim_s is {aim}; it is a time in seconds, above 0 and at most 3600"
            ));
        }
        let scaled = |words: &[String]| has(words, "{scale}");
        let all = scaled(&measure.command) && (!in_turns || scaled(&measure.pair));
        if self.metric.meter.is_some() && measure.repeat != 1 {
            return Some(
                "measure.repeat and measure.aim_s both say how often the command runs: leave one out"
                    .to_owned(),
            );
        }
        (!all && self.metric.meter.is_none()).then(|| {
            "measure.aim_s makes a sample longer, and nothing says how: give the command {scale}, the number of times that it does its work, or measure by metric.meter"
                .to_owned()
        })
    }
}
