//! The tables of an experiment whose trials are recipes of a model server: `[server]` and what belongs to it.
//!
//! Such an experiment is one like any other: its editable path is `recipe.toml`, and piton itself is the measuring command. What of the other
//! tables a user would always write the same is added to the text here, at its end, so that every line of the user's keeps its number.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use piton_core::run::recipes::Order;

use super::Config;

/// The file that a trial edits, in the directory of the experiment.
pub const RECIPE: &str = "recipe.toml";
/// What recipe 0 answers, in the directory of the experiment: what later answers are held against.
pub const ANSWERS: &str = "answers.json";
/// The value of a knob whose flag is left out.
pub const UNSET: &str = "unset";
/// The value of a knob whose flag stands alone.
pub const ON: &str = "true";
/// The value of such a knob whose flag is left out.
pub const OFF: &str = "false";

/// How the server is started and stopped: `[server]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its command: `{port}`, `{model}` and `{knobs}` stand for something.
    pub command: Vec<String>,
    /// The path that answers with 200 once it serves.
    #[serde(default = "health")]
    pub ready: String,
    /// How long that may take, in seconds.
    #[serde(default = "ready_timeout")]
    pub ready_timeout_s: u64,
    /// How long it may take to end after SIGTERM, in seconds; then it is killed.
    #[serde(default = "grace")]
    pub stop_grace_s: u64,
    /// Most memory that each of its processes may address, in MB (10^6 bytes); absent for as much as there is.
    #[serde(default)]
    pub memory_mb: Option<u64>,
    /// How many cores it is held to; absent for all of them.
    #[serde(default)]
    pub cores: Option<usize>,
    /// Variables of its environment, by the words of `[measure] env`.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What it may read besides its own program, its models and the system.
    #[serde(default)]
    pub read: Vec<String>,
    /// Devices, by the words of `[measure] devices`.
    #[serde(default)]
    pub devices: Vec<String>,
}

/// What it is asked: `[load]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// `suite`, `synthetic:N`, or a JSONL file in the repository.
    pub prompts: String,
    /// Tokens of context that a request must have room for; absent where nobody minds.
    pub context: Option<u64>,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Requests of a sample.
    pub requests: u32,
    /// Requests open at once.
    pub concurrency: u32,
    /// Requests before a sample that do not count; what they answer is held against recipe 0's answers.
    pub warm_up: u32,
    /// The call.
    pub api: ApiCall,
    /// Further fields of each request.
    pub extra: BTreeMap<String, toml::Value>,
}

impl Default for Load {
    fn default() -> Self {
        let extra = [("cache_prompt", toml::Value::Boolean(false))];
        Self {
            prompts: "suite".to_owned(),
            context: None,
            max_tokens: 48,
            requests: 6,
            concurrency: 1,
            warm_up: 6,
            api: ApiCall::Completions,
            extra: extra.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }
}

/// What makes a recipe infeasible: `[feasible]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Feasible {
    /// Longest median time to the first token, in milliseconds.
    pub ttft_ms: f64,
    /// Limit of one request, in seconds.
    pub request_timeout_s: u64,
    /// Texts that an answer may not hold: the model's marks of an end, which a server that reads them wrongly lets through.
    pub stop_tokens: Vec<String>,
    /// The share of recipe 0's answers that a recipe must give too, from their beginning; absent where any answer will do.
    pub agreement: Option<f64>,
}

impl Default for Feasible {
    fn default() -> Self {
        Self { ttft_ms: 60_000.0, request_timeout_s: 300, stop_tokens: vec![], agreement: None }
    }
}

/// A model that may be served: `[[model]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name, as in recipes.
    pub name: String,
    /// Its file or directory: what `{model}` stands for.
    pub path: String,
    /// How large it is, for `--min-model-size` and `--max-model-size`: `7B`, `1.5B`, `360M`.
    #[serde(default)]
    pub params: Option<String>,
}

/// Which call a load makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiCall {
    /// `/completions`.
    Completions,
    /// `/chat/completions`.
    Chat,
}

/// What decides between recipes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepRule {
    /// `[rule]`, by pairs.
    #[default]
    Pairs,
    /// The best median of a few replicates.
    Median,
}

/// Whether both sides of a pair run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SidesRun {
    /// Where the memory is enough for both.
    #[default]
    Auto,
    /// Always.
    Resident,
    /// Never.
    Restart,
}

/// What is wanted of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Tokens per second.
    #[default]
    Throughput,
    /// A short time to the first token.
    Latency,
    /// Tokens per second, and no longer tails.
    Stable,
}

/// How recipes are tried: `[sweep]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sweep {
    /// What decides.
    pub rule: SweepRule,
    /// Whether both sides of a pair run at once.
    pub sides: SidesRun,
    /// What the tuner proposes.
    pub proposer: Order,
    /// What is wanted.
    pub profile: Profile,
    /// Samples of each model in stage 1.
    pub stage1_samples: u32,
    /// Samples of each recipe with `rule = "median"`.
    pub replicates: u32,
    /// Within so many percent of the best median, `rule = "median"` takes the shorter time to the first token.
    pub tie_pct: f64,
    /// Limit of a sweep by the clock on the wall, in seconds.
    pub max_duration_s: Option<u64>,
    /// Sweeps whose exports are kept.
    pub retain_runs: u32,
}

impl Default for Sweep {
    fn default() -> Self {
        Self {
            rule: SweepRule::default(),
            sides: SidesRun::default(),
            proposer: Order::default(),
            profile: Profile::default(),
            stage1_samples: 1,
            replicates: 3,
            tie_pct: 2.0,
            max_duration_s: None,
            retain_runs: 50,
        }
    }
}

/// The file of a service's settings that a recipe is written to: `[apply]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// A yaml, toml, json or env file.
    pub file: String,
    /// The key there of `model` and of each knob.
    pub keys: BTreeMap<String, String>,
}

/// A service that runs already: `[service]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// The port of loopback that it serves on: `piton sweep` looks there before it starts anything.
    pub port: u16,
    /// The command that stops it.
    pub stop: Vec<String>,
    /// The command that starts it again.
    pub start: Vec<String>,
}

fn health() -> String {
    "/health".to_owned()
}

fn ready_timeout() -> u64 {
    120
}

fn grace() -> u64 {
    10
}

/// A model's size in parameters, as `7B` or `360M` says it.
pub fn parameters(text: &str) -> Option<f64> {
    let (digits, times) = match text.trim().to_ascii_uppercase() {
        text if text.ends_with('B') => (text.trim_end_matches('B').to_owned(), 1e9),
        text if text.ends_with('M') => (text.trim_end_matches('M').to_owned(), 1e6),
        text if text.ends_with('K') => (text.trim_end_matches('K').to_owned(), 1e3),
        text => (text, 1.0),
    };
    digits.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0).map(|n| n * times)
}

/// The text with the tables that every such experiment has, where it lacks them; as it is where it has no `[server]`.
pub(super) fn completed(text: &str) -> String {
    let Ok(table) = text.parse::<toml::Table>() else { return text.to_owned() };
    let Some(server) = table.get("server").and_then(toml::Value::as_table) else { return text.to_owned() };
    let lacks = |name: &str| !table.contains_key(name);
    let section = |name: &str, key: &str| table.get(name).and_then(|table| table.get(key));
    let whole =
        |value: Option<&toml::Value>, else_: i64| value.and_then(toml::Value::as_integer).unwrap_or(else_);
    let mut text = text.to_owned() + "\n";
    let one_core = whole(server.get("cores"), 0) == 1 && server.get("devices").is_none();
    let profile = section("sweep", "profile").and_then(toml::Value::as_str);
    let latency = profile == Some("latency");
    if lacks("metric") {
        let (name, direction, unit) =
            if latency { ("ttft_ms", "lower", "ms") } else { ("tokens_per_s", "higher", "tokens/s") };
        let _ = write!(text, "[metric]\nname = \"{name}\"\ndirection = \"{direction}\"\nunit = \"{unit}\"\n");
        if one_core && !latency {
            text.push_str("evidence = \"tokens_per_cpu_s\"\n");
        }
    }
    if lacks("scope") {
        let _ = writeln!(text, "[scope]\neditable = [\"{RECIPE}\"]\nlocked = []");
    }
    if lacks("measure") {
        let sides = "\"--sealed\", \"{sealed}\", \"--seed\", \"{seed}\"";
        // Two starts, two ends, and every request of both at its limit would be hours: what a sample may take is a few of each.
        let ready = whole(server.get("ready_timeout_s"), 120) + whole(server.get("stop_grace_s"), 10);
        let request = whole(section("feasible", "request_timeout_s"), 300);
        let _ = write!(
            text,
            "[measure]\ncommand = [\"{{piton}}\", \"server\", \"sample\", {sides}, \"--recipe\", \"{{tree}}/{RECIPE}\"]\n\
             pair = [\"{{piton}}\", \"server\", \"pair\", {sides}, \"--first\", \"{{first}}/{RECIPE}\", \"--second\", \"{{second}}/{RECIPE}\"]\n\
             loopback = true\ntimeout_s = {}\n",
            ready + 4 * request
        );
    }
    if lacks("search") {
        // Recipes are alike by nature.
        text.push_str("[search]\nlike = \"allow\"\n");
    }
    if lacks("second") && !latency {
        text.push_str("[[second]]\nmetric = \"ttft_ms\"\ndirection = \"lower\"\n");
    }
    if lacks("guard") && profile == Some("stable") {
        for metric in ["ttft_p95_ms", "itl_p95_ms"] {
            let _ =
                write!(text, "[[guard]]\nmetric = \"{metric}\"\ndirection = \"lower\"\nlimit_pct = 10.0\n");
        }
    }
    if let (true, Some(share)) = (lacks("gate"), section("feasible", "agreement")) {
        let _ = write!(text, "[[gate]]\nmetric = \"agreement\"\nmin = {share}\n");
    }
    text
}

/// The text of an experiment with other values of knobs, and another context, as a command line asks for them. Comments are lost.
///
/// # Errors
/// Words of what is wrong: a knob that is not there, a text that is none of TOML.
pub fn with_overrides(
    text: &str,
    axes: &[(String, Vec<String>)],
    context: Option<u64>,
) -> Result<String, String> {
    let mut table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    for (name, values) in axes {
        let knobs = table.get_mut("knob").and_then(toml::Value::as_array_mut);
        let named = |knob: &&mut toml::Value| knob.get("name").and_then(toml::Value::as_str) == Some(name);
        let knob = knobs.into_iter().flatten().find(named).and_then(toml::Value::as_table_mut);
        let knob = knob.ok_or_else(|| format!("no [[knob]] is called `{name}`"))?;
        let values = values.iter().cloned().map(toml::Value::String).collect();
        knob.insert("values".to_owned(), toml::Value::Array(values));
    }
    if let Some(context) = context {
        let load = table.entry("load").or_insert_with(|| toml::Value::Table(toml::Table::new()));
        let load = load.as_table_mut().ok_or("[load] is no table")?;
        let context = i64::try_from(context).map_err(|error| error.to_string())?;
        load.insert("context".to_owned(), toml::Value::Integer(context));
    }
    toml::to_string(&table).map_err(|error| error.to_string())
}

impl Config {
    /// Whether its trials are recipes of a model server.
    pub fn is_sweep(&self) -> bool {
        self.server.is_some()
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Every knob at its first value: where a sweep starts.
    pub fn first_values(&self) -> BTreeMap<String, String> {
        let first = |knob: &super::Knob| Some((knob.name.clone(), knob.values.first()?.clone()));
        self.knobs.iter().filter_map(first).collect()
    }

    /// What the measuring command reads besides what its words name.
    pub(super) fn with_server_read(mut self) -> Self {
        let Some(server) = &self.server else { return self };
        let words = server.command.iter().chain(self.models.iter().map(|model| &model.path)).cloned();
        self.measure.names = words.collect();
        self.measure.read.extend(server.read.iter().cloned());
        self.measure.devices.extend(server.devices.iter().cloned());
        self
    }

    /// What is impossible about a sweep, if anything.
    pub(super) fn sweep_problem(&self) -> Option<String> {
        let Some(server) = &self.server else {
            return (!self.models.is_empty())
                .then(|| "[[model]] belongs to [server], and there is none".to_owned())
                .or_else(|| {
                    let knob = self.knobs.iter().find(|knob| knob.file.is_empty())?;
                    Some(format!(
                        "the knob {} names no file, and there is no [server] whose flag it could be",
                        knob.name
                    ))
                });
        };
        let has = |place: &str| server.command.iter().any(|word| word.contains(place));
        if server.command.first().is_none_or(String::is_empty) {
            return Some("server.command is empty".to_owned());
        }
        if let Some(place) = ["{port}", "{model}"].into_iter().find(|place| !has(place)) {
            return Some(format!("server.command has no {place}: piton says there which one is meant"));
        }
        if !self.knobs.is_empty() && !server.command.iter().any(|word| word == "{knobs}") {
            return Some("server.command has no word {knobs}: there the flags of [[knob]] go".to_owned());
        }
        if self.models.is_empty() {
            return Some("there is no [[model]]: name = \"...\", path = \"...\"".to_owned());
        }
        if self.scope.editable != [RECIPE] {
            return Some(format!(
                "scope.editable is not [\"{RECIPE}\"], and a trial of a server edits nothing else"
            ));
        }
        self.models_problem().or_else(|| self.axes_problem()).or_else(|| self.load_problem())
    }

    fn models_problem(&self) -> Option<String> {
        let mut seen = std::collections::BTreeSet::new();
        self.models.iter().find_map(|model| {
            if model.name.is_empty() || !seen.insert(&model.name) {
                return Some(format!("two models are called `{}`, or one has no name", model.name));
            }
            let size = model.params.as_deref()?;
            parameters(size)
                .is_none()
                .then(|| format!("model {}: params is `{size}`; write 7B or 360M", model.name))
        })
    }

    fn axes_problem(&self) -> Option<String> {
        let mut seen = std::collections::BTreeSet::new();
        self.knobs.iter().find_map(|knob| {
            let name = &knob.name;
            if name.is_empty()
                || name == "model"
                || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
            {
                return Some(format!(
                    "the knob `{name}`: a name has letters, digits, - and _, and is not `model`"
                ));
            }
            if !seen.insert(name) {
                return Some(format!("the knob {name} is there twice"));
            }
            if knob.flag.as_deref().is_none_or(|flag| !flag.starts_with('-')) {
                return Some(format!("the knob {name} has no flag: flag = \"--cache-type-k\""));
            }
            if knob.values.is_empty() {
                return Some(format!("the knob {name} has no values"));
            }
            let twice = knob.values.iter().enumerate().find(|(n, value)| knob.values[..*n].contains(value));
            twice.map(|(_, value)| format!("the knob {name} has the value `{value}` twice"))
        })
    }

    fn load_problem(&self) -> Option<String> {
        let (load, sweep) = (self.load.clone().unwrap_or_default(), self.sweep.clone().unwrap_or_default());
        let feasible = self.feasible.clone().unwrap_or_default();
        let counts = [
            ("load.requests", load.requests),
            ("load.concurrency", load.concurrency),
            ("load.max_tokens", load.max_tokens),
            ("sweep.stage1_samples", sweep.stage1_samples),
            ("sweep.replicates", sweep.replicates),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, n)| *n == 0) {
            return Some(format!("{key} is 0; it is at least 1"));
        }
        if feasible.agreement.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return Some("feasible.agreement is a share, from 0 to 1".to_owned());
        }
        if feasible.agreement.is_some() && load.warm_up == 0 {
            return Some(
                "feasible.agreement is read from the answers of the warm-up, and load.warm_up is 0"
                    .to_owned(),
            );
        }
        let knobs = self.apply.iter().flat_map(|apply| apply.keys.keys());
        let strange = knobs
            .into_iter()
            .find(|name| *name != "model" && !self.knobs.iter().any(|knob| knob.name == **name));
        strange.map(|name| format!("apply.keys names `{name}`, and no knob is called so"))
    }
}
