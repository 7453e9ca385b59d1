//! A metric that is judged by another one: the same work by a clock that others do not disturb.

use piton_core::base::metric::Clock;
use piton_core::rule::settings::{Budget, Guard};

use super::Config;

impl Config {
    /// The same with a guard on the metric that is shown, where another one is the evidence: who is proven slower by the clock on the wall
    /// is not kept, whatever the other clock says.
    pub(super) fn with_shown_guarded(mut self) -> Self {
        let (name, direction) = (&self.metric.name, self.metric.direction);
        if self.metric.evidence.is_some() && !self.guards.iter().any(|guard| guard.metric == *name) {
            self.guards.push(Guard::percent(name, direction, 0.0));
        }
        self
    }

    /// What pairs are judged by, and so what can disturb them: [`Metric::clock`], but for runs of training, whose budget says it.
    ///
    /// [`Metric::clock`]: piton_core::base::metric::Metric::clock
    pub fn clock(&self) -> Clock {
        match self.rule.budget {
            Budget::Wall => self.metric.clock(),
            Budget::Cpu => Clock::Processor,
            Budget::Steps => Clock::None,
        }
    }

    /// What is impossible about `metric.evidence`, if anything.
    pub(super) fn evidence_problem(&self) -> Option<String> {
        let evidence = self.metric.evidence.as_deref()?;
        if evidence.is_empty() || evidence == self.metric.name {
            return Some(format!(
                "metric.evidence is `{evidence}`; it names another metric than metric.name, or is left out"
            ));
        }
        if self.metric.of.is_some() {
            return Some(
                "metric.evidence and metric.of are both there: a mean is judged by its own benchmarks"
                    .to_owned(),
            );
        }
        None
    }
}
