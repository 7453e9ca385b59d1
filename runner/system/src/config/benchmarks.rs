//! A metric that is the mean of several benchmarks: each of them is guarded, and \"all\" are those of the baseline.

use std::collections::BTreeMap;

use piton_core::base::metric::{Of, OwnMeter, Scale, Values};
use piton_core::rule::settings::Guard;
use piton_core::trial::record::Record;

use super::Config;

/// What the key of a benchmark's scale begins with in the record of a baseline.
const KEY: &str = "of ";

impl Config {
    /// The same with a guard on each benchmark that is known of its metric's mean and has none of its own.
    pub(super) fn with_benchmarks_guarded(mut self) -> Self {
        let (direction, limit) = (self.metric.direction, self.metric.of_limit_pct());
        let names = self.metric.of.as_ref().map(|of| of.names().to_vec()).unwrap_or_default();
        for name in names {
            if !self.guards.iter().any(|guard| guard.metric == name) {
                self.guards.push(Guard::percent(&name, direction, limit));
            }
        }
        self
    }

    /// The same once the baseline was measured: all of its benchmarks are those of these samples.
    ///
    /// # Errors
    /// A benchmark that not all samples have, in words.
    pub fn with_benchmarks_of(&self, samples: &[Values]) -> Result<Self, String> {
        let mut config = self.clone();
        let (Some(mean), Some(Of::All(names))) = (self.metric.mean(), &mut config.metric.of) else {
            return Ok(config);
        };
        let measure = &self.measure;
        let picked = |name: &str| {
            measure.patterns.contains_key(name)
                || measure.pointers.contains_key(name)
                || OwnMeter::named(name).is_some()
        };
        *names = mean.settled(samples, &picked)?;
        Ok(config.with_benchmarks_guarded())
    }

    /// The benchmarks that the baseline settled, for its record: they are compared by their ratios.
    pub fn benchmark_scales(&self) -> BTreeMap<String, Scale> {
        match &self.metric.of {
            Some(Of::All(names)) => names.iter().map(|name| (format!("{KEY}{name}"), Scale::Ratio)).collect(),
            _ => BTreeMap::new(),
        }
    }

    /// The same as the baseline's record settled it.
    pub(super) fn with_benchmarks_recorded(mut self, baseline: &Record) -> Self {
        if let Some(Of::All(names)) = &mut self.metric.of {
            let recorded = baseline.measured.scales.keys().filter_map(|key| key.strip_prefix(KEY));
            *names = recorded.map(str::to_owned).collect();
        }
        self.with_benchmarks_guarded()
    }
}
