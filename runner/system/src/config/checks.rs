//! Checks of correctness: `[[check]]`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path};

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor, value};
use serde::{Deserialize, Serialize};

use super::{Config, Laid, Opens};
use piton_core::trial::check::TestFormat;
use piton_core::trial::text::clean;

/// A command that says whether a challenger is still correct: `[[check]]`. It runs once in a trial, before any pair, behind the walls of
/// `[measure]`, in a copy of the challenger's built tree, whose sealed files are held.
///
/// The words that stand for something are those of `[measure]`, and `{target}`, a copy of the directory that the build built in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckCommand {
    /// Its name, in the log and in reasons; `check 1`, `check 2`, ... where it has none.
    #[serde(default)]
    pub name: String,
    /// The command, as a list of words.
    pub command: Vec<String>,
    /// How its report is read.
    #[serde(default)]
    pub format: TestFormat,
    /// The file that it leaves, from the directory of the experiment, where that is read in place of what it prints; of JUnit's files also
    /// a directory.
    #[serde(default)]
    pub report: Option<String>,
    /// SHA-256 that its output must have, hexadecimal, `baseline` for what the baseline's had, or `words` for the same without its numbers.
    #[serde(default)]
    pub golden: Option<String>,
    /// Wall-clock limit in seconds.
    #[serde(default = "minutes")]
    pub timeout_s: u64,
    /// Whether it may use the network.
    #[serde(default)]
    pub network: bool,
    /// Files and directories that it may write besides its own, by the same words as `read`.
    #[serde(default)]
    pub write: Vec<String>,
    /// How the challenger's tree is given to it.
    #[serde(default)]
    pub tree: Laid,
    /// Files and directories that it may read besides its own and the system's: by absolute path, or below the user's home, as `~/` or
    /// `{home}/`.
    #[serde(default)]
    pub read: Vec<String>,
    /// Variables of its environment. `{home}` stands for the user's home directory, `{env:NAME}` for the variable of piton's own.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Devices: `nvidia`, `amd`, `all-gpus`, or paths below /dev.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Whether it uses the machine's own /dev/shm.
    #[serde(default)]
    pub shared_memory: bool,
    /// Whether it may use a network in which nobody is but itself.
    #[serde(default)]
    pub loopback: bool,
}

fn minutes() -> u64 {
    600
}

/// The word for what the baseline's output was.
const BASELINE: &str = "baseline";
/// The word for what the baseline's output was without its numbers.
const WORDS: &str = "words";

impl CheckCommand {
    /// What it opens.
    pub fn opens(&self) -> Opens<'_> {
        let Self { read, write, env, devices, network, shared_memory, loopback, .. } = self;
        let (network, shared_memory, loopback) = (*network, *shared_memory, *loopback);
        Opens { read, write, env, devices, network, shared_memory, loopback }
    }

    /// Whether its report is what is written to a descriptor of its own, rather than what is printed.
    pub fn result(&self) -> bool {
        self.command.iter().any(|word| word.contains("{out}"))
    }

    /// Whether the command is told where its report is to lie, and writes it there rather than at a place of its own in the tree.
    pub fn places_report(&self) -> bool {
        self.command.iter().chain(self.env.values()).any(|word| word.contains("{report}"))
    }

    /// The SHA-256 that is written down for its output.
    pub fn sha256(&self) -> Option<&str> {
        self.golden.as_deref().filter(|golden| ![BASELINE, WORDS].contains(golden))
    }

    /// Whether of its output only the words are compared.
    pub fn compares_words(&self) -> bool {
        self.golden.as_deref() == Some(WORDS)
    }

    fn problem(&self, at: usize, config: &Config) -> Option<String> {
        let key = |key: &str| format!("check.{key} of `{}`", clean(&self.name, 60));
        let words = self.command.join(" ");
        if self.command.first().is_none_or(String::is_empty) {
            return Some(format!("check.command is empty in the {}. check", at + 1));
        }
        if self.timeout_s == 0 {
            return Some(format!("{} is 0; it is a number of seconds, at least 1", key("timeout_s")));
        }
        if clean(&self.name, 60) != self.name {
            return Some(format!(
                "{} has characters that no table can hold, or more than 60 of them",
                key("name")
            ));
        }
        let hex = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(golden) = self.sha256().filter(|golden| !hex(golden)) {
            return Some(format!(
                "{} is `{}`; it is \"baseline\", \"words\" or a SHA-256 of 64 hexadecimal digits, as `sha256sum FILE` prints it",
                key("golden"),
                clean(golden, 80)
            ));
        }
        if let Some(report) = &self.report {
            let plain = |part: Component| matches!(part, Component::Normal(_));
            if report.is_empty() || report.contains('{') || !Path::new(report).components().all(plain) {
                return Some(format!(
                    "{} is `{}`; it is a path below the directory of the experiment, without `..`",
                    key("report"),
                    clean(report, 80)
                ));
            }
            if self.result() {
                return Some(format!(
                    "{} is there, and so is {{out}}: a report is read from one place",
                    key("report")
                ));
            }
            if self.tree == Laid::ReadOnly && !self.places_report() {
                return Some(format!(
                    "{} is there, and tree is \"read-only\", so that it cannot be written there: tell the tool where to, e.g. command = [.., \"{{report}}\"]",
                    key("report")
                ));
            }
            if !self.format.tells_tests() && self.golden.is_none() {
                return Some(format!(
                    "{} is there, and neither a format nor `golden` reads it",
                    key("report")
                ));
            }
        } else if self.places_report() {
            return Some(format!("{} has {{report}}, and there is no report: name the file", key("command")));
        } else if self.format == TestFormat::Junit && !self.result() {
            return Some(format!(
                "{} is \"junit\", which no test runner prints: name the file that it writes, report = \"junit.xml\"",
                key("format")
            ));
        }
        if words.contains("{harness}") && config.harness.is_none() {
            return Some(format!("{} uses {{harness}}, and there is no [harness]", key("command")));
        }
        if words.contains("{artifact}") && config.build.as_ref().and_then(|b| b.artifact.as_ref()).is_none() {
            return Some(format!("{} uses {{artifact}}, and [build] names no artifact", key("command")));
        }
        self.opens().problem("check")
    }
}

impl Config {
    /// What the checks ask of a challenger, for people; `None` where there are none.
    pub fn checks_words(&self) -> Option<String> {
        let one = |check: &CheckCommand| {
            let tests = match check.format {
                TestFormat::Exit => "",
                _ => ", every test of the baseline",
            };
            let golden = match (&check.golden, check.sha256()) {
                (Some(_), None) if check.compares_words() => ", the output of the baseline but for numbers",
                (Some(_), None) => ", the output of the baseline",
                (Some(_), Some(_)) => ", the output that is written down",
                (None, _) => "",
            };
            format!("{} (exit status 0{tests}{golden})", check.name)
        };
        let all: Vec<String> = self.checks.iter().map(one).collect();
        (!all.is_empty()).then(|| {
            format!(
                "before anything is measured a change passes its checks, the fastest first: {}; one that fails is run over the incumbent, too, \
                 and where it fails there nothing is said of the change",
                all.join(", ")
            )
        })
    }

    /// What is wrong with the checks, if anything.
    pub(super) fn check_problem(&self) -> Option<String> {
        let mut checks = self.checks.iter().enumerate();
        if let Some(problem) = checks.find_map(|(at, check)| check.problem(at, self)) {
            return Some(problem);
        }
        let twice = |(at, check): (usize, &CheckCommand)| {
            let again = self.checks[..at].iter().any(|earlier| earlier.name == check.name);
            again.then(|| {
                format!("two checks are called `{}`: each has a name of its own", clean(&check.name, 60))
            })
        };
        self.checks.iter().enumerate().find_map(twice)
    }
}

/// One `[check]`, or several `[[check]]`; those without a name get one.
pub(super) fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CheckCommand>, D::Error> {
    struct OneOrMany;
    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Vec<CheckCommand>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table [check], or tables [[check]]")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
            CheckCommand::deserialize(value::MapAccessDeserializer::new(map)).map(|check| vec![check])
        }
        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(value::SeqAccessDeserializer::new(seq))
        }
    }
    let mut checks = deserializer.deserialize_any(OneOrMany)?;
    for (at, check) in checks.iter_mut().enumerate().filter(|(_, check)| check.name.is_empty()) {
        check.name = format!("check {}", at + 1);
    }
    Ok(checks)
}
