//! The experiment, read from `piton.toml` and checked before anything starts.

#![expect(clippy::disallowed_methods, reason = "reads configuration")]

mod benchmarks;
mod checks;
mod evidence;
mod holdout;
mod meters;
mod opens;
mod placeholders;
mod reading;
pub mod sweep;
mod turns;

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

pub use checks::CheckCommand;
pub use holdout::Holdout;
pub use opens::{GPUS, Opens};
pub use placeholders::fill;

/// The JSON schema (draft 7) of the file, for editors. Made from `docs/piton-toml.md` and held against it by a test.
pub const SCHEMA: &str = include_str!("config/piton.schema.json");

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
    /// What is kept back from a climb, and asked by `piton verify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<Holdout>,
    /// What says whether a challenger is still correct.
    #[serde(
        default,
        rename = "check",
        deserialize_with = "checks::one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub checks: Vec<CheckCommand>,
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
    /// The model server whose recipes are the trials; absent where a trial is an edit of something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<sweep::Server>,
    /// What it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<sweep::Load>,
    /// What makes a recipe infeasible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feasible: Option<sweep::Feasible>,
    /// The models that may be served, the one that is wanted most first.
    #[serde(default, rename = "model", skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<sweep::Model>,
    /// How recipes are tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<sweep::Sweep>,
    /// The file that a recipe is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<sweep::Apply>,
    /// The service that may run already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<sweep::Service>,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Places of metrics in a JSON document, by name: JSON pointers such as `/results/0/median` (RFC 6901).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pointers: BTreeMap<String, String>,
    /// The file or directory in which the command leaves its figures, from the directory of the experiment; absent where it prints them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// The command that measures both sides of a pair at once, in turns: `{first}` and `{second}` are their artifacts, or their trees where there
    /// are none. Which side is which is a coin's. Absent where a pair is one run of `command` for each side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pair: Vec<String>,
    /// How long a sample of the incumbent shall take, in seconds: `{scale}`, or how often a metered command runs, grows as the incumbent gets
    /// faster. Absent where a sample is as long as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim_s: Option<f64>,
    /// The metric that says how many seconds of a sample count for that; absent where the whole of it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed: Option<String>,
    /// How often one sample runs the command, where piton's own meters read it: what they read is divided by that.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub repeat: u32,
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
    /// Words of commands that it starts itself: what they name is read, as what its own words name.
    #[serde(skip)]
    pub names: Vec<String>,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_once(repeat: &u32) -> bool {
    *repeat == 1
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

    /// Whether the command is told where its report is to lie, and writes it there rather than at a place of its own in the tree.
    pub fn places_report(&self) -> bool {
        self.command.iter().chain(self.env.values()).any(|word| word.contains("{report}"))
    }

    /// How its output is read. The patterns were tried when the experiment was read.
    pub fn reading(&self) -> ReadOptions {
        let compiled = |(name, text): (&String, &String)| Some((name.clone(), Regex::new(text).ok()?));
        let patterns = self.patterns.iter().filter_map(compiled).collect();
        let alone = self.result() || self.report.is_some() || self.by_harness();
        let (pointers, mean) = (self.pointers.clone(), None);
        ReadOptions { format: self.format, last: self.last, patterns, pointers, mean, alone }
    }

    /// Whether a `[harness]` of the experiment's own is what is started, or piton itself: a program that meets the candidate only as another
    /// process.
    pub fn by_harness(&self) -> bool {
        let apart = |word: &String| word.contains("{harness}") || word == "{piton}";
        self.commands().all(|(_, command)| command.first().is_some_and(apart))
    }

    /// The commands that measure, by their keys.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &[String])> {
        let pair = (!self.pair.is_empty()).then_some(("measure.pair", &self.pair[..]));
        std::iter::once(("measure.command", &self.command[..])).chain(pair)
    }
}

impl Config {
    /// Parses and checks the text of a `piton.toml`.
    ///
    /// # Errors
    /// An unknown key, a missing one, an impossible value: each by name, with its line where there is one.
    pub fn parse(text: &str) -> Result<Self> {
        let mut config: Self = toml::from_str(&sweep::completed(text)).map_err(|e| {
            // TOML itself refuses a second [machine]: what serde finds twice stands there by both of its names.
            let twice = "[machine] and its old name [noise] are both there; write all of it under [machine]";
            bad(e.to_string().replace("duplicate field `machine`", twice))
        })?;
        if config.is_sweep() {
            config.knobs.iter_mut().for_each(|knob| sweep::RECIPE.clone_into(&mut knob.file));
        }
        match config.problem() {
            Some(problem) => Err(bad(problem)),
            None => Ok(config
                .with_unit_of_format()
                .with_benchmarks_guarded()
                .with_shown_guarded()
                .with_server_read()),
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
        let measure = &self.measure;
        let by_format =
            |name: &&str| !measure.patterns.contains_key(*name) && !measure.pointers.contains_key(*name);
        self.printed().into_iter().filter(by_format).find_map(|name| {
            let problem = self.measure.format.problem(name)?;
            Some(format!("the metric `{name}` can never be read: {problem}"))
        })
    }

    fn problem(&self) -> Option<String> {
        if let Some(problem) = self.sweep_problem() {
            return Some(problem);
        }
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
        if let Some(problem) = self.evidence_problem().or_else(|| self.turns_problem()) {
            return Some(problem);
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
        for (key, words) in self.measure.commands() {
            if words.iter().any(|word| word.contains("{harness}")) && self.harness.is_none() {
                return Some(format!("{key} uses {{harness}}, and there is no [harness]"));
            }
            if let Some(problem) = command(key, words) {
                return Some(problem);
            }
        }
        let words = self.measure.command.join(" ");
        if words.contains("{artifact}") && self.build.as_ref().and_then(|b| b.artifact.as_ref()).is_none() {
            return Some("measure.command uses {artifact}, and [build] names no artifact".to_owned());
        }
        positive("measure.timeout_s", self.measure.timeout_s)
            .or_else(|| self.reading_problem())
            .or_else(|| self.check_problem())
            .or_else(|| self.holdout_problem())
            .or_else(|| self.meter_problem())
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
        self = self.with_benchmarks_recorded(record);
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
        !self.measure.by_harness() && self.metric.meter.is_none()
    }

    /// Metrics that decide by their differences: the primary one, second ones, guards.
    pub fn judging(&self) -> Vec<&str> {
        let secondary = self.secondary.iter().map(|second| second.metric.as_str());
        let guards = self.guards.iter().map(|guard| guard.metric.as_str());
        std::iter::once(self.metric.judged_by()).chain(secondary).chain(guards).collect()
    }

    /// Whose word the figure is, and what that is worth, for people.
    pub fn trust(&self) -> String {
        if let Some(meter) = self.metric.meter {
            return format!(
                "piton reads {} itself, from the kernel: nothing that an edit prints has a part in it, so no gain is held as implausible. \
                 But {}: what must still be right when it is less, a [[check]] or the command itself has to ask (a command that exits with another status than 0 ends the trial as a crash); read what was kept",
                meter.reads(),
                meter.leaves_open()
            );
        }
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
        // A mean is made of what is there.
        let mut names = match &self.metric.of {
            Some(of) => of.names().iter().map(String::as_str).collect(),
            None => vec![self.metric.name.as_str()],
        };
        names.extend(self.metric.evidence.as_deref());
        names.extend(self.measure.timed.as_deref());
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
mod schema;

#[cfg(test)]
mod tests;
