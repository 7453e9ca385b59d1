//! What is impossible about how the output of the measuring command is read.

use std::path::{Component, Path};

use piton_core::base::metric::{Format, is_beside};
use piton_core::trial::text::clean;

use super::{Config, Laid};

impl Config {
    /// Whether the metric is a time of a benchmark, by its format: seconds, of which less is better.
    fn climbs_a_time(&self) -> bool {
        let (name, measure) = (&self.metric.name, &self.measure);
        let other =
            is_beside(name) || measure.patterns.contains_key(name) || measure.pointers.contains_key(name);
        measure.format.of_times() && !other
    }

    /// A direction that neither the metric nor its format says.
    fn direction_problem(&self) -> Option<String> {
        (self.metric.undirected && !self.climbs_a_time()).then(|| {
            format!(
                "metric.direction is missing: which way is better, \"higher\" or \"lower\"; only the times of benchmark tools say it, and format is \"{}\"",
                self.measure.format.word()
            )
        })
    }

    /// The same with the unit that the format has, where none is said.
    pub(super) fn with_unit_of_format(mut self) -> Self {
        if self.metric.unit.is_empty() && self.climbs_a_time() {
            "s".clone_into(&mut self.metric.unit);
        }
        self
    }

    /// What is wrong with report and pointers, if anything.
    pub(super) fn reading_problem(&self) -> Option<String> {
        let measure = &self.measure;
        if let Some(problem) = self.metric.of_problem(measure.format).or_else(|| self.direction_problem()) {
            return Some(problem);
        }
        if let Some(name) = measure.pointers.keys().next()
            && measure.format != Format::Json
        {
            return Some(format!(
                "measure.pointers.{}: pointers lead into JSON, and format is \"{}\"; say format = \"json\", or nothing",
                clean(name, 80),
                measure.format.word()
            ));
        }
        if let Some((name, pointer)) = measure.pointers.iter().find(|(_, pointer)| !pointer.starts_with('/'))
        {
            return Some(format!(
                "measure.pointers.{} is `{}`; a pointer begins with a slash: /results/0/median",
                clean(name, 80),
                clean(pointer, 80)
            ));
        }
        if let Some(name) = measure.pointers.keys().find(|name| measure.patterns.contains_key(*name)) {
            return Some(format!("`{}` has a pattern and a pointer; it has one of them", clean(name, 80)));
        }
        let Some(report) = &measure.report else {
            return measure.places_report().then(|| {
                "[measure] has {report}, and no report: name the file, e.g. report = \"bench.json\""
                    .to_owned()
            });
        };
        let plain = |part: Component| matches!(part, Component::Normal(_));
        let path = Path::new(report);
        if report.is_empty() || report.contains('{') || !path.components().all(plain) {
            return Some(format!(
                "measure.report is `{}`; it is a path from the directory of the experiment, without `..`: \"bench.json\", \"target/criterion\"",
                clean(report, 80)
            ));
        }
        if measure.result() {
            return Some(
                "measure.report and {out} in measure.command are two places for the result; there is one"
                    .to_owned(),
            );
        }
        let artifact = self.build.as_ref().is_some_and(|build| build.artifact.is_some());
        (!measure.places_report() && (artifact || measure.tree == Laid::ReadOnly)).then(|| {
            let why = if artifact { "[build] makes an artifact" } else { "tree is \"read-only\"" };
            format!(
                "measure.report is `{}`, and the command cannot write in its tree, since {why}: tell the tool where to, e.g. command = [.., \"{{report}}\"]",
                clean(report, 80)
            )
        })
    }
}
