//! The experiment, read from `piton.toml` and checked before anything starts.

#![expect(clippy::disallowed_methods, reason = "reads configuration")]

mod opens;
mod placeholders;

use std::collections::BTreeMap;

use regex::Regex;
use serde::{Deserialize, Serialize};

use piton_core::base::conditions::Limits;
use piton_core::base::error::{Error, Result};
use piton_core::base::metric::{Format, Metric, ReadOptions};
use piton_core::rule::gate::Gate;
use piton_core::rule::settings::{Guard, SecondaryMetric, Settings};
use piton_core::run::next_start::Search;
use piton_core::run::pair_history::MetricHistories;
use piton_core::run::tuner::Knob;
use piton_core::trial::changes::TradeOff;
use piton_core::trial::record::Record;
use piton_core::trial::scope::{self, Scope};
use piton_core::trial::text::clean;

pub use opens::{GPUS, Opens};
pub use placeholders::fill;

/// Name of the file, in the directory of its experiment.
pub const FILE: &str = "piton.toml";

/// An experiment: everything that is fixed for all its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the experiment.
    pub name: String,
    /// What is climbed.
    pub metric: Metric,
    /// What may be edited.
    pub scope: Scope,
    /// How the locked harness is built, once, from sealed sources; absent where the measuring command is enough.
    pub harness: Option<Build>,
    /// How a challenger is built; absent where there is nothing to build.
    pub build: Option<Build>,
    /// How a side is measured.
    pub measure: Measure,
    /// When a challenger is kept.
    #[serde(default)]
    pub rule: Settings,
    /// Where proposals start, and what becomes of one that was tried before.
    #[serde(default)]
    pub search: Search,
    /// Other metrics in which a change may be better.
    #[serde(default, rename = "second")]
    pub secondary: Vec<SecondaryMetric>,
    /// Metrics that a keep may not make worse.
    #[serde(default, rename = "guard")]
    pub guards: Vec<Guard>,
    /// What the machine may do during a pair before the pair is void. `[noise]` is its old name.
    #[serde(default, alias = "noise")]
    pub machine: Limits,
    /// Bounds on the challenger's metrics.
    #[serde(default, rename = "gate")]
    pub gates: Vec<Gate>,
    /// Constants that the built-in proposer tries.
    #[serde(default, rename = "knob")]
    pub knobs: Vec<Knob>,
    /// What known changes cost.
    #[serde(default, rename = "trade_off")]
    pub trade_offs: Vec<TradeOff>,
    /// The directory of the experiment in its repository, without a slash at its end; empty for the root.
    #[serde(skip)]
    pub within: String,
}

/// How something is built: `[harness]` and `[build]`.
///
/// Commands are lists of words, run without a shell in a directory that piton made, with a cleared environment.
/// `{tree}` is the experiment's directory in the exported source tree, `{root}` the whole of that, `{target}` a directory to build in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// Run once when a run begins, with the network: fetches what the build needs.
    #[serde(default)]
    pub fetch: Vec<String>,
    /// The build.
    pub command: Vec<String>,
    /// The file that the build makes and that is measured; absent where the built tree itself is measured.
    pub artifact: Option<String>,
    /// Flags for rustc, sealed with the experiment.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// Wall-clock limit in seconds.
    pub timeout_s: u64,
    /// Whether the build itself may use the network. What it needs is better fetched.
    #[serde(default)]
    pub network: bool,
    /// Files and directories that the build may write besides its own, by the same words as `read`.
    #[serde(default)]
    pub write: Vec<String>,
    /// The directory of the experiment in the exported tree.
    #[serde(skip)]
    pub within: String,
    /// Files and directories that the build may read besides its own and the system's: by absolute path, or below the user's home, as
    /// `~/` or `{home}/`.
    #[serde(default)]
    pub read: Vec<String>,
    /// Variables of its environment. `{home}` stands for the user's home directory, `{env:NAME}` for the variable of piton's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Devices: `nvidia`, `amd`, `all-gpus`, or paths below /dev.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Whether it uses the machine's own /dev/shm: what one job leaves there, the next one finds.
    #[serde(default)]
    pub shared_memory: bool,
    /// Whether it may use a network in which nobody is but itself.
    #[serde(default)]
    pub loopback: bool,
}

/// How a side is measured: `[measure]`.
///
/// `{harness}` is the built harness, `{artifact}` the built file of the side, `{tree}` the experiment's directory in its exported
/// tree, `{root}` the whole of that, `{sealed}` the experiment's directory in the sealed tree, `{seed}` the seed of the prompts. `{out}` is
/// the number of a descriptor that is open for writing: where the command names it, the result is what was written there, and
/// nothing that is printed counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// The command, as a list of words.
    pub command: Vec<String>,
    /// How its output is read.
    #[serde(default)]
    pub format: Format,
    /// Of a metric that is printed several times, the last value is taken; else that is an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub last: bool,
    /// Metrics that a regular expression finds in a line, by name; its first group is the number. The others stand in the format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub patterns: BTreeMap<String, String>,
    /// Wall-clock limit of one sample in seconds. Past it the whole tree of processes is killed.
    pub timeout_s: u64,
    /// Whether the command may use the network. What it measures may then, too.
    #[serde(default)]
    pub network: bool,
    /// Files and directories that it may write besides its own, by the same words as `read`.
    #[serde(default)]
    pub write: Vec<String>,
    /// How the side's tree is given to it.
    #[serde(default)]
    pub tree: Laid,
    /// Files and directories that the command may read besides its own and the system's: by absolute path, or below the user's home, as
    /// `~/` or `{home}/`.
    #[serde(default)]
    pub read: Vec<String>,
    /// Variables of its environment. `{home}` stands for the user's home directory, `{env:NAME}` for the variable of piton's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Devices: `nvidia`, `amd`, `all-gpus`, or paths below /dev.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Whether it uses the machine's own /dev/shm: what one job leaves there, the next one finds.
    #[serde(default)]
    pub shared_memory: bool,
    /// Whether it may use a network in which nobody is but itself.
    #[serde(default)]
    pub loopback: bool,
    /// The directory of the experiment in the exported tree.
    #[serde(skip)]
    pub within: String,
}

/// How a tree is given to a measuring command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Laid {
    /// A copy that is made for each sample, which may write there where there is no artifact.
    #[default]
    Fresh,
    /// The tree that was built, moved to where copies lie and never written: spares the copy of a large tree, and shows by its times how old it is.
    ReadOnly,
}

impl Measure {
    /// Whether the result is what is written to a descriptor of its own, rather than what is printed.
    pub fn result(&self) -> bool {
        self.command.iter().any(|word| word.contains("{out}"))
    }

    /// How its output is read. The patterns were tried when the experiment was read.
    pub fn reading(&self) -> ReadOptions {
        let compiled = |(name, text): (&String, &String)| Some((name.clone(), Regex::new(text).ok()?));
        let patterns = self.patterns.iter().filter_map(compiled).collect();
        let alone = self.result() || self.by_harness();
        ReadOptions { format: self.format, last: self.last, patterns, alone }
    }

    /// Whether a `[harness]` of the experiment's own is what is started: a program that meets the candidate only as another process.
    fn by_harness(&self) -> bool {
        self.command.first().is_some_and(|word| word.contains("{harness}"))
    }
}

impl Config {
    /// Parses and checks the text of a `piton.toml`.
    ///
    /// # Errors
    /// An unknown key, a missing one, an impossible value: each by name, with its line where there is one.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|e| {
            // TOML itself refuses a second [machine]: what serde finds twice stands there by both of its names.
            let twice = "[machine] and its old name [noise] are both there; write all of it under [machine]";
            bad(e.to_string().replace("duplicate field `machine`", twice))
        })?;
        match config.problem() {
            Some(problem) => Err(bad(problem)),
            None => Ok(config),
        }
    }

    /// The same experiment in the directory `within` of its repository: its paths are those of the repository from here on.
    pub fn rooted(mut self, within: &str) -> Self {
        self.within = within.to_owned();
        self.scope = self.scope.rooted(within);
        self.knobs.iter_mut().for_each(|knob| knob.file = scope::join(within, &knob.file));
        self.harness.iter_mut().chain(&mut self.build).for_each(|build| within.clone_into(&mut build.within));
        within.clone_into(&mut self.measure.within);
        self
    }

    /// The editable paths as `piton.toml` has them, from the directory of the experiment.
    pub fn editable_paths(&self) -> Vec<String> {
        self.within_experiment(&self.scope.editable)
    }

    /// Paths of the repository as `piton.toml` has them.
    pub fn within_experiment(&self, paths: &[String]) -> Vec<String> {
        let short =
            |path: &String| path.strip_prefix(&scope::join(&self.within, "")).unwrap_or(path).to_owned();
        if self.within.is_empty() { paths.to_vec() } else { paths.iter().map(short).collect() }
    }

    /// The same for an experiment that is to begin: what runs that began earlier could say without harm or use is refused.
    ///
    /// # Errors
    /// Those of [`Config::parse`]; a metric that the format can never read; a placeholder that a command does not have; memory that
    /// is counted in nobody knows what.
    pub fn parse_new(text: &str) -> Result<Self> {
        let config = Self::parse(text)?;
        match config.unreadable().or_else(|| config.misplaced()).or_else(|| config.metric.problem()) {
            Some(problem) => Err(bad(problem)),
            None => Ok(config),
        }
    }

    /// A metric that can never be read.
    fn unreadable(&self) -> Option<String> {
        let by_format = |name: &&str| !self.measure.patterns.contains_key(*name);
        self.needed().into_iter().filter(by_format).find_map(|name| {
            let problem = self.measure.format.problem(name)?;
            Some(format!("the metric `{name}` can never be read: {problem}"))
        })
    }

    fn problem(&self) -> Option<String> {
        let command = |name: &str, words: &[String]| {
            words.first().is_none_or(String::is_empty).then(|| format!("{name} is empty"))
        };
        let positive = |name: &str, n: u64| {
            (n == 0).then(|| format!("{name} is 0; it is a number of seconds, at least 1"))
        };
        let builds = [("harness", &self.harness), ("build", &self.build)];
        let mut found = builds.iter().filter_map(|(name, build)| build.as_ref().map(|b| (name, b)));
        if let Some(problem) = found.find_map(|(name, b)| {
            command(&format!("{name}.command"), &b.command)
                .or_else(|| (!b.fetch.is_empty()).then(|| command(&format!("{name}.fetch"), &b.fetch))?)
                .or_else(|| positive(&format!("{name}.timeout_s"), b.timeout_s))
        }) {
            return Some(problem);
        }
        let builds = [("harness", &self.harness), ("build", &self.build)];
        let mut asked = builds.iter().filter_map(|(name, build)| Some((*name, build.as_ref()?.opens())));
        let asked = asked.by_ref().chain([("measure", self.measure.opens())]);
        if let Some(problem) = asked.into_iter().find_map(|(name, opens)| opens.problem(name)) {
            return Some(problem);
        }
        if self.metric.name.is_empty() {
            return Some("metric.name is empty".to_owned());
        }
        if let Some(name) = self.needed().into_iter().find(|name| clean(name, name.len()) != **name) {
            return Some(format!("the metric `{}` has characters that no table can hold", clean(name, 80)));
        }
        if self.harness.as_ref().is_some_and(|h| h.artifact.is_none()) {
            return Some("harness.artifact is missing: the file that the harness build makes".to_owned());
        }
        if let Some((name, why)) = self.measure.patterns.iter().find_map(|(name, text)| {
            let why = match Regex::new(text) {
                Err(error) => error.to_string(),
                Ok(regex) if regex.captures_len() < 2 => {
                    "it has no group: the number stands in the first, e.g. 'loss ([0-9.]+)'".to_owned()
                }
                Ok(_) => return None,
            };
            Some((name, why))
        }) {
            return Some(format!("measure.patterns.{}: {why}", clean(name, 80)));
        }
        let words = self.measure.command.join(" ");
        if words.contains("{harness}") && self.harness.is_none() {
            return Some("measure.command uses {harness}, and there is no [harness]".to_owned());
        }
        if words.contains("{artifact}") && self.build.as_ref().and_then(|b| b.artifact.as_ref()).is_none() {
            return Some("measure.command uses {artifact}, and [build] names no artifact".to_owned());
        }
        command("measure.command", &self.measure.command)
            .or_else(|| positive("measure.timeout_s", self.measure.timeout_s))
            .or_else(|| self.scope.problem())
            .or_else(|| self.rule.problem())
            .or_else(|| self.machine.problem())
            .or_else(|| self.guards.iter().find_map(Guard::problem))
            .or_else(|| self.gates.iter().find_map(Gate::problem))
            .or_else(|| {
                let most = self.rule.fewest_pairs();
                let late = self.gates.iter().find(|gate| gate.after > most)?;
                Some(format!(
                    "the gate on `{}` is read after {} samples, and a keep may have {most}",
                    late.metric, late.after
                ))
            })
            .or_else(|| {
                self.knobs.iter().find_map(|knob| {
                    (!self.scope.contains(&knob.file)).then(|| {
                        format!("the knob {} lies in {}, outside scope.editable", knob.name, knob.file)
                    })
                })
            })
            .or_else(|| {
                self.trade_offs.iter().find_map(|t| match (&t.constant, &t.added) {
                    (Some(_), None) => None,
                    (None, Some(pattern)) => {
                        regex::Regex::new(pattern).err().map(|e| format!("trade_off.added: {e}"))
                    }
                    _ => Some(format!("the trade-off \"{}\" needs either constant or added", t.says)),
                })
            })
    }

    /// The experiment as the baseline settled it: the scale of every metric is what its record says, and that of ratios in runs from
    /// before there was a choice.
    pub fn with_scales_of(mut self, baseline: Option<&Record>) -> Self {
        let Some(record) = baseline else { return self };
        let scale = |key: &str| Some(record.measured.scales.get(key).copied().unwrap_or_default());
        self.metric.scale = scale(&self.metric.name);
        self.secondary.iter_mut().for_each(|s| s.scale = scale(&format!("second {}", s.metric)));
        self.guards.iter_mut().for_each(|g| g.scale = scale(&format!("guard {}", g.metric)));
        self
    }

    /// A trial that begins after these records.
    pub fn histories(&self, records: &[Record], simpler: bool) -> MetricHistories {
        MetricHistories::begin(&self.metric, &self.secondary, &self.guards, records, simpler)
    }

    /// Whether the candidate's own process may print the figure: no `[harness]` of the experiment's own stands between the two. What a
    /// sealed script times or reads is the candidate's word all the same where it runs in the script's process or prints to its output.
    pub fn candidate_prints(&self) -> bool {
        !self.measure.by_harness()
    }

    /// Metrics that decide by their differences: the primary one, second ones, guards.
    pub fn judging(&self) -> Vec<&str> {
        let secondary = self.secondary.iter().map(|second| second.metric.as_str());
        let guards = self.guards.iter().map(|guard| guard.metric.as_str());
        std::iter::once(self.metric.name.as_str()).chain(secondary).chain(guards).collect()
    }

    /// Whose word the figure is, and what that is worth, for people.
    pub fn trust(&self) -> String {
        if !self.candidate_prints() {
            return "a [harness] built from the sealed tree prints it; an edit can change it only through what that harness measures"
                .to_owned();
        }
        let held = match self.rule.implausible_pct {
            0.0 => "nothing is held for a person ([rule] implausible_pct = 0)".to_owned(),
            pct => format!(
                "a gain of more than {pct} % in one trial is held for a person ([rule] implausible_pct)"
            ),
        };
        if self.measure.result() {
            return format!(
                "the measuring command writes it to {{out}}: code in an edit can only where it runs in a process that has that descriptor, \
                 as in a benchmark that imports it (`piton redteam` says so by trying). Code that leaves its work undone is fast, too: \
                 {held}; read what was kept"
            );
        }
        format!(
            "code in an edit may print it: no [harness] process stands between. The walls keep an edit from the ledger and from other files, \
             and do not make its figure true; {held}. piton cannot tell a smaller lie from the truth: read what was kept"
        )
    }

    /// Metrics that every sample must have: the primary one, the gated ones, the one for memory.
    pub fn needed(&self) -> Vec<&str> {
        let mut names = vec![self.metric.name.as_str()];
        names.extend(self.gates.iter().map(|gate| gate.metric.as_str()));
        names.extend(self.metric.memory.as_deref());
        names.extend(self.secondary.iter().map(|second| second.metric.as_str()));
        names.extend(self.guards.iter().map(|guard| guard.metric.as_str()));
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn bad(cause: String) -> Error {
    Error::usage(format!("the experiment was not read: {FILE} cannot be used"))
        .cause(cause)
        .note("nothing was started and nothing was changed")
        .hint("compare it with the example in the README")
}

/// The text of a [`FILE`] with these bytes, absent where a commit holds none.
///
/// # Errors
/// No file, or one that is not UTF-8.
pub fn text(bytes: Option<Vec<u8>>) -> Result<String> {
    let bytes = bytes.ok_or_else(|| {
        Error::usage(format!("the experiment was not read: there is no {FILE} in this commit"))
            .note("nothing was started and nothing was changed")
            .hint("the README shows the smallest one; commit it first")
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        bad(format!("line {line} is not UTF-8 text"))
    })
}

/// Parses a TOML text of a shape that another module owns.
///
/// # Errors
/// What is wrong, with its line.
pub fn toml_as<T: serde::de::DeserializeOwned>(text: &str) -> std::result::Result<T, String> {
    toml::from_str(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod documented;

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        name = "toy"
        [metric]
        name = "tps"
        direction = "higher"
        [scope]
        editable = ["src"]
        [measure]
        command = ["sh", "measure.sh"]
        timeout_s = 10
    "#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        Config::parse(&GOOD.replace(from, to)).unwrap_err().cause.unwrap()
    }

    #[test]
    fn the_smallest_experiment_is_a_metric_a_scope_and_a_command() {
        assert_eq!(Config::parse(GOOD).unwrap().rule, Settings::default());
    }

    #[test]
    fn the_experiment_that_ships_can_be_used() {
        Config::parse(include_str!("../../../piton.toml")).unwrap();
    }

    #[test]
    fn what_a_harness_prints_no_candidate_prints_so_a_name_may_stand_there_in_other_places() {
        let ships = Config::parse(include_str!("../../../piton.toml")).unwrap();
        let prints = r#"{"prompts": [{"agreement": 1}], "metrics": {"agreement": 0.5}}"#;
        let read = |how| {
            piton_core::base::metric::read(prints, &how, &["agreement"]).map(|values| values["agreement"])
        };
        assert_eq!(read(ships.measure.reading()), Ok(0.5));
        assert!(read(piton_core::base::metric::Format::Json.into()).is_err());
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        assert!(refusal("timeout_s", "timeout_seconds = 1\ntimeout_s").contains("timeout_seconds"));
    }

    #[test]
    fn a_missing_metric_is_refused_by_name() {
        assert!(
            refusal("[metric]\n        name = \"tps\"\n        direction = \"higher\"", "")
                .contains("metric")
        );
    }

    #[test]
    fn impossible_values_are_refused_by_name() {
        assert!(refusal("timeout_s = 10", "timeout_s = 0").contains("measure.timeout_s is 0"));
        let fetch = "timeout_s = 10\n[build]\nfetch = [\"\"]\ncommand = [\"make\"]\ntimeout_s = 9";
        assert!(refusal("timeout_s = 10", fetch).contains("build.fetch is empty"));
        assert!(refusal("\"higher\"", "\"sideways\"").contains("sideways"));
        assert!(refusal("[\"src\"]", "[\"../src\"]").contains("../src"));
        assert!(refusal("timeout_s = 10", "timeout_s = 10\nwrite = [\"out\"]").contains("measure.write"));
        assert!(refusal("timeout_s = 10", "timeout_s = 10\nwrite = [\"/\"]").contains("measure.write"));
        for path in
            ["data", "/", "//", "/.", "~", "~/", "{home}", "{home}/", "~/../you", "~root/x", "/a/../.."]
        {
            assert!(
                refusal("timeout_s = 10", &format!("timeout_s = 10\nread = [{path:?}]"))
                    .contains("measure.read")
            );
        }
        for device in ["gpu", "/dev", "/dev/", "/dev/shm", "/dev/pts/0", "/etc/passwd", "/dev/../etc"] {
            let keys = format!("timeout_s = 10\ndevices = [{device:?}]");
            assert!(refusal("timeout_s = 10", &keys).contains("measure.devices"), "{device}");
        }
        for name in ["", "A=B", "PITON_SEED"] {
            let keys = format!("timeout_s = 10\nenv = {{ {name:?} = \"1\" }}");
            assert!(refusal("timeout_s = 10", &keys).contains("measure.env"), "{name}");
        }
        assert!(refusal("timeout_s = 10", "timeout_s = 10\n[rule]\nn_max = 2").contains("rule.n_max is 2"));
        assert!(refusal("timeout_s = 10", "timeout_s = 10\n[rule]\nalpha = 2.0").contains("rule.alpha is 2"));
        assert!(
            refusal("timeout_s = 10", "timeout_s = 10\n[machine]\nsteal_pct = -1")
                .contains("machine.steal_pct")
        );
        let guard = "timeout_s = 10\n[[guard]]\nmetric = \"m\"\ndirection = \"lower\"\nlimit_pct = 200";
        assert!(refusal("timeout_s = 10", guard).contains("limit_pct 200"));
        assert!(refusal("\"measure.sh\"", "\"{harness}\"").contains("no [harness]"));
        assert!(
            refusal("timeout_s = 10", "timeout_s = 10\n[[gate]]\nmetric = \"x\"")
                .contains("neither min nor max")
        );
    }

    #[test]
    fn the_old_name_of_the_machines_limits_is_read_and_both_names_at_once_are_refused() {
        let old = "timeout_s = 10\n[noise]\nsteal_pct = 7";
        let machine = Config::parse(&GOOD.replace("timeout_s = 10", old)).unwrap().machine;
        assert_eq!(machine, Limits { steal_pct: 7.0, ..Limits::default() });
        for both in [format!("{old}\n[machine]\npause_s = 1"), format!("{old}\n[machine]\nsteal_pct = 7")] {
            assert!(
                refusal("timeout_s = 10", &both)
                    .contains("[machine] and its old name [noise] are both there")
            );
        }
    }

    fn fresh_refusal(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        let text = GOOD.replace(from, to);
        Config::parse(&text).unwrap();
        Config::parse_new(&text).unwrap_err().cause.unwrap()
    }

    #[test]
    fn a_metric_that_its_format_can_never_read_is_refused_and_a_pattern_reads_it() {
        for name in ["acc@1", "val loss", "score(ms)"] {
            let lines = format!("\"{name}\"\n        direction");
            let text = GOOD.replace("\"tps\"\n        direction", &lines);
            Config::parse_new(&text).unwrap();
            let text = text.replace("timeout_s", "format = \"lines\"\n        timeout_s");
            let why = Config::parse_new(&text).unwrap_err().cause.unwrap();
            assert!(why.contains(&format!("`{name}` can never be read")), "{why}");
            Config::parse_new(&format!("{text}\n[measure.patterns]\n'{name}' = 'x ([0-9.]+)'")).unwrap();
        }
        let guard = "format = \"lines\"\ntimeout_s = 10\n[[guard]]\nmetric = \"a b\"\ndirection = \"lower\"\nlimit_pct = 1.0";
        assert!(fresh_refusal("timeout_s = 10", guard).contains("`a b` can never be read"));
        let pattern = |text: &str| {
            refusal("timeout_s = 10", &format!("timeout_s = 10\n[measure.patterns]\ntps = '{text}'"))
        };
        assert!(pattern("loss [0-9]+").contains("no group") && pattern("(").contains("measure.patterns.tps"));
    }

    #[test]
    fn a_placeholder_that_nothing_fills_in_is_refused_with_those_that_there_are() {
        let build =
            |word: &str| format!("timeout_s = 10\n[build]\ncommand = [\"sh\", '{word}']\ntimeout_s = 9");
        let why = fresh_refusal("timeout_s = 10", &build("{sealed}/build.sh"));
        assert!(
            why.contains("build.command has {sealed}") && why.contains("{tree}, {root}, {target}"),
            "{why}"
        );
        for word in ["{seal}", "x={targets}", "cd {artifact} && make", "{Tree}/x"] {
            assert!(fresh_refusal("timeout_s = 10", &build(word)).contains("nothing fills in"), "{word}");
        }
        for word in ["{tree}/a", "awk \"{print}\" f", "echo ${home} {} {1}", "{ print }", "{\"a\": 1}", "[{n"]
        {
            let text = GOOD.replace("timeout_s = 10", &build(word));
            assert!(Config::parse_new(&text).is_ok(), "{word}");
        }
        assert!(fresh_refusal("\"measure.sh\"", "\"{target}/x\"").contains("measure.command has {target}"));
        assert!(fresh_refusal("\"measure.sh\"", "\"{sealed}/x\", \"{tre}\"").contains("{tre}"));
    }

    #[test]
    fn memory_that_is_counted_in_nobody_knows_what_is_refused() {
        let memory = |keys: &str| format!("direction = \"higher\"\n        {keys}");
        assert!(
            fresh_refusal("direction = \"higher\"", &memory("memory = \"peak_vram\""))
                .contains("memory_unit")
        );
        let unit = |unit: &str| memory(&format!("memory = \"peak\"\nmemory_unit = \"{unit}\""));
        assert!(fresh_refusal("direction = \"higher\"", &unit("stones")).contains("stones"));
        assert!(
            fresh_refusal("direction = \"higher\"", &memory("memory_unit = \"mb\"")).contains("is missing")
        );
        let fits =
            |keys: &str| Config::parse_new(&GOOD.replace("direction = \"higher\"", keys)).unwrap().metric;
        assert_eq!(fits(&unit("mb")).gigabytes(2048.0), 2.0);
        assert_eq!(fits(&memory("memory = \"peak_vram_mb\"")).gigabytes(512.0), 0.5);
    }

    #[test]
    fn a_metric_whose_name_would_break_the_table_is_refused() {
        for name in ["a\\tb", "a\\u001b[2J", "=1+1", "a\\u202eb"] {
            assert!(refusal("\"tps\"", &format!("\"{name}\"")).contains("no table can hold"), "{name}");
        }
    }

    #[test]
    fn the_file_of_another_system_is_read_and_what_is_no_text_is_refused_with_its_line() {
        let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
        assert_eq!(Config::parse(&windows).unwrap(), Config::parse(GOOD).unwrap());
        let refused = text(Some(b"a = 1\nb = \"\xff\"\n".to_vec())).unwrap_err();
        assert_eq!(refused.cause.unwrap(), "line 2 is not UTF-8 text");
        assert!(text(None).unwrap_err().what.contains("there is no piton.toml"));
    }

    #[test]
    fn what_a_section_opens_is_read_as_it_stands_and_is_closed_where_nothing_is_said() {
        let keys = r#"timeout_s = 10
            read = ["/data", "~/.cache/huggingface", "{home}/models"]
            env = { HF_HOME = "{home}/.cache/huggingface", TOKEN = "{env:TOKEN}" }
            devices = ["nvidia", "/dev/dri"]
            shared_memory = true
            loopback = true"#;
        let config = Config::parse(&GOOD.replace("timeout_s = 10", keys)).unwrap();
        let opens = config.measure.opens();
        assert_eq!((opens.read.len(), opens.env.len(), opens.devices.len()), (3, 2, 2));
        assert!(opens.shared_memory && opens.loopback && !opens.network);
        let closed = Config::parse(GOOD).unwrap();
        let opens = closed.measure.opens();
        assert!(opens.read.is_empty() && opens.env.is_empty() && opens.devices.is_empty());
        assert!(!opens.shared_memory && !opens.loopback && !opens.network);
    }

    #[test]
    fn a_knob_outside_the_scope_is_refused() {
        let knob = "timeout_s = 10\n[[knob]]\nname = \"A\"\nfile = \"lib/a.rs\"\nvalues = [\"1\"]";
        assert!(refusal("timeout_s = 10", knob).contains("outside scope.editable"));
    }

    #[test]
    fn placeholders_are_filled_word_by_word_without_a_shell() {
        let words = ["{tree}/run".to_owned(), "a b; rm {seed}".to_owned()];
        assert_eq!(fill(&words, &[("tree", "/x y"), ("seed", "7")]), ["/x y/run", "a b; rm 7"]);
    }
}
