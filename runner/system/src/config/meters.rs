//! Which metrics of an experiment piton reads by its own meters, and which from what is printed.

use std::collections::BTreeSet;

use piton_core::base::metric::OwnMeter;

use super::Config;

impl Config {
    /// The needed metrics that are read from what the measuring command prints.
    pub fn printed(&self) -> Vec<&str> {
        self.needed().into_iter().filter(|name| !self.by_own_meter(name)).collect()
    }

    /// Whether piton's own meters read something of each sample.
    pub fn metered(&self) -> bool {
        self.metric.meter.is_some() || self.needed().into_iter().any(|name| self.by_own_meter(name))
    }

    /// Whether piton's own meter reads this one. A primary metric without `meter`, and one with a pattern or a pointer, is printed whatever its name.
    fn by_own_meter(&self, name: &str) -> bool {
        if name == self.metric.name {
            return self.metric.meter.is_some();
        }
        let measure = &self.measure;
        let picked = measure.patterns.contains_key(name) || measure.pointers.contains_key(name);
        OwnMeter::named(name).is_some() && !picked
    }

    /// What is wrong about meters, if anything.
    pub(super) fn meter_problem(&self) -> Option<String> {
        let repeat = self.measure.repeat;
        let others: BTreeSet<&str> = self.printed().into_iter().collect();
        if repeat == 0 {
            return Some(
                "measure.repeat is 0; it is how often a sample runs the command, at least 1".to_owned(),
            );
        }
        if let Some(meter) = OwnMeter::named(&self.metric.name)
            .filter(|named| self.metric.meter.is_some_and(|meter| meter != *named))
        {
            return Some(format!(
                "metric.name is `{}`, which is the name of another of piton's meters than metric.meter",
                meter.word()
            ));
        }
        match (repeat > 1, self.metered(), others.first()) {
            (true, false, _) => Some(format!(
                "measure.repeat is {repeat}, and the metric is what the command prints: it is for piton's own meters, e.g. [metric] meter = \"cpu_s\""
            )),
            (true, true, Some(name)) => Some(format!(
                "measure.repeat is {repeat}, and `{name}` is read from what the command prints, which it would print as often: leave one of the two out"
            )),
            _ => None,
        }
    }
}
