//! What is known of each agent, as data: how it is started without a person, limited, told what to do, and read; what `piton init --agents`
//! writes for it; and where its settings and its login lie.
//!
//! The known ones stand in `runner/agent/agents/`, one file each; a user's own file of the same shape makes an adapter for any other
//! command. All that differs in code is how the events of each are read: `events = "..."` chooses one of those dialects.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use piton_core::base::error::Error;
use piton_core::trial::text::clean;

use super::private_home::{PrivateHome, is_below};
use piton_system::config;

/// The adapters that piton brings along: name and text. A new agent is one file and one line here.
pub const KNOWN: [(&str, &str); 6] = [
    ("claude", include_str!("../agents/claude.toml")),
    ("codex", include_str!("../agents/codex.toml")),
    ("goose", include_str!("../agents/goose.toml")),
    ("opencode", include_str!("../agents/opencode.toml")),
    ("gemini", include_str!("../agents/gemini.toml")),
    ("aider", include_str!("../agents/aider.toml")),
];

/// An adapter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentKind {
    /// What it is called.
    pub name: String,
    /// Program and arguments; no shell is involved. Without `{prompt}` or `{prompt_file}` the prompt goes to standard input.
    pub command: Vec<String>,
    /// Words that choose a model.
    #[serde(default)]
    pub model: Vec<String>,
    /// Words that limit its turns.
    #[serde(default)]
    pub turns: Vec<String>,
    /// Words that limit its money.
    #[serde(default)]
    pub money: Vec<String>,
    /// Words that go on with a session.
    #[serde(default)]
    pub session: Vec<String>,
    /// How what it prints is read.
    pub events: Dialect,
    /// What it tells of its cost.
    #[serde(default)]
    pub reports: Vec<CostUnit>,
    /// Variables of which one holds its key.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Files of which one is there where it is logged in.
    #[serde(default)]
    pub login: Vec<String>,
    /// What its environment is given, where the user has not set it.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// How `text` is read.
    #[serde(default)]
    pub patterns: Patterns,
    /// What `piton init --agents` writes and prints for it.
    #[serde(default)]
    pub init: Pointers,
    /// Its private directory, and what of its user's settings is copied or lent there. Where absent, that of the known agent whose
    /// program it starts; of a program that nobody knows there is none.
    pub home: Option<PrivateHome>,
}

/// `[init]`: where an agent looks for what it is to do, and how a person starts it with piton's MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointers {
    /// A file that leads to AGENTS.md, for an agent that does not read that one by itself: *.md, from the root of the repository.
    pub instructions: Option<String>,
    /// A directory of skills.
    pub skills: Option<String>,
    /// A file with an object `mcpServers`: *.json.
    pub mcp: Option<String>,
    /// The command line that a person pastes; `{say}` is what is said to the agent.
    pub start: Option<String>,
}

impl Pointers {
    fn check(&self) -> Result<(), String> {
        let git = |path: &str| path.split('/').any(|part| part.eq_ignore_ascii_case(".git"));
        let each = [
            ("instructions", &self.instructions, ".md"),
            ("skills", &self.skills, ""),
            ("mcp", &self.mcp, ".json"),
        ];
        for (name, path, suffix) in each {
            let Some(path) = path else { continue };
            if !is_below(path) || git(path) {
                return Err(format!("init.{name}: `{path}` is no path in the repository"));
            }
            if !path.ends_with(suffix) {
                return Err(format!("init.{name}: `{path}` does not end in {suffix}"));
            }
        }
        match &self.start {
            Some(start) if !start.contains("{say}") => {
                Err("init.start does not say where the words for the agent stand: {say}".to_owned())
            }
            Some(start) if start.contains(char::is_control) => Err("init.start is not one line".to_owned()),
            _ => Ok(()),
        }
    }
}

/// How an agent's output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// `claude --output-format stream-json`.
    Claude,
    /// `codex exec --json`.
    Codex,
    /// `goose run --output-format stream-json`.
    Goose,
    /// `opencode run --format json`.
    Opencode,
    /// `gemini --output-format stream-json`.
    Gemini,
    /// Lines, by patterns; it is done when it exits with 0.
    Text,
}

/// What an agent tells of its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CostUnit {
    /// US dollars.
    Usd,
    /// Tokens.
    Tokens,
}

/// Regular expressions, each tried on every line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patterns {
    /// US dollars, in the first group.
    pub usd: Option<String>,
    /// Tokens that the model read.
    pub tokens_in: Option<String>,
    /// Tokens that it wrote.
    pub tokens_out: Option<String>,
    /// The call failed.
    pub failed: Option<String>,
}

/// What the words of a command are filled with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filling<'a> {
    /// What the agent is told.
    pub prompt: &'a str,
    /// A file that holds the same.
    pub prompt_file: &'a str,
    /// A directory that it may write.
    pub own: &'a str,
    /// The model, where the user chose one.
    pub model: Option<&'a str>,
    /// Most turns.
    pub turns: Option<u32>,
    /// Most money, in US dollars.
    pub usd: Option<f64>,
    /// The session to go on with.
    pub session: Option<&'a str>,
    /// Further words of the user's.
    pub more: &'a [String],
}

impl AgentKind {
    /// A known one, by its name.
    pub fn known(name: &str) -> Option<Self> {
        let (_, text) = KNOWN.iter().find(|(known, _)| *known == name)?;
        Some(Self::parse(text).expect("a test parses them all"))
    }

    /// All that piton brings along, in the order of [`KNOWN`].
    pub fn all_known() -> impl Iterator<Item = Self> {
        KNOWN.iter().filter_map(|(name, _)| Self::known(name))
    }

    /// Reads and checks the text of an adapter.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let kind: Self = config::toml_as(text)?;
        if kind.command.first().is_none_or(String::is_empty) {
            return Err("command is empty".to_owned());
        }
        let patterns = &kind.patterns;
        let each = [
            ("usd", &patterns.usd, true),
            ("tokens_in", &patterns.tokens_in, true),
            ("tokens_out", &patterns.tokens_out, true),
            ("failed", &patterns.failed, false),
        ];
        for (name, pattern, grouped) in each {
            let Some(pattern) = pattern else { continue };
            let regex = regex::Regex::new(pattern).map_err(|e| format!("patterns.{name}: {e}"))?;
            if grouped && regex.captures_len() < 2 {
                return Err(format!("patterns.{name} has no group: ( ) around the number"));
            }
        }
        kind.init.check()?;
        if let Some(home) = &kind.home {
            home.check()?;
            let fit = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if kind.name.is_empty() || kind.name.starts_with('.') || !kind.name.chars().all(fit) {
                return Err(format!(
                    "name: `{}` names no directory, which [home] needs: letters, digits, - _ .",
                    kind.name
                ));
            }
        }
        Ok(kind)
    }

    /// Reads and checks a file with an adapter; an error says that `what` did not happen.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(file: &Path, dir: &Path, what: &str) -> piton_core::base::error::Result<Self> {
        let text = fs::read_to_string(dir.join(file)).map_err(|e| e.to_string());
        text.and_then(|text| Self::parse(&text)).map_err(|why| {
            Error::usage(what)
                .cause(format!("{}: {why}", clean(&file.to_string_lossy(), 200)))
                .note("nothing was started and nothing was changed")
                .hint("`piton agents --show aider` prints an adapter to begin with")
        })
    }

    /// The command line.
    pub fn argv(&self, filling: &Filling) -> Vec<String> {
        let (turns, usd) = (filling.turns.map(|n| n.to_string()), filling.usd.map(|usd| format!("{usd:.4}")));
        let mut argv = self.command.clone();
        let mut add = |words: &[String], wanted: bool| argv.extend(words.iter().filter(|_| wanted).cloned());
        add(&self.model, filling.model.is_some());
        add(&self.turns, turns.is_some());
        add(&self.money, usd.is_some());
        add(filling.more, true);
        add(&self.session, filling.session.is_some());
        let values = [
            ("own", filling.own),
            ("model", filling.model.unwrap_or_default()),
            ("turns", turns.as_deref().unwrap_or_default()),
            ("usd", usd.as_deref().unwrap_or_default()),
            ("session", filling.session.unwrap_or_default()),
            ("prompt_file", filling.prompt_file),
            // Last, so that nothing in the prompt is filled in.
            ("prompt", filling.prompt),
        ];
        config::fill(&argv, &values)
    }

    /// Whether the prompt goes to standard input.
    pub(crate) fn by_stdin(&self) -> bool {
        !self.command.iter().any(|word| word.contains("{prompt}") || word.contains("{prompt_file}"))
    }

    /// Whether it tells this of its cost.
    pub fn reports(&self, unit: CostUnit) -> bool {
        self.reports.contains(&unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_adapter_that_piton_brings_along_can_be_read_and_bears_its_name() {
        for (name, text) in KNOWN {
            assert_eq!(AgentKind::parse(text).map(|kind| kind.name), Ok(name.to_owned()));
        }
        assert_eq!(AgentKind::known("cluade"), None);
    }

    #[test]
    fn a_command_line_has_what_was_asked_for_and_nothing_else() {
        let claude = AgentKind::known("claude").unwrap();
        let plain = claude.argv(&Filling { prompt: "do it", ..Filling::default() });
        assert_eq!(plain, claude.command);
        assert!(claude.by_stdin());
        let more = ["--effort".to_owned(), "low".to_owned()];
        let all = Filling {
            model: Some("m"),
            turns: Some(9),
            usd: Some(0.5),
            session: Some("s"),
            more: &more,
            ..Filling::default()
        };
        let tail = &claude.argv(&all)[claude.command.len()..];
        assert_eq!(tail.join(" "), "--model m --max-turns 9 --max-budget-usd 0.5000 --effort low --resume s");
    }

    #[test]
    fn a_prompt_in_a_word_is_not_filled_in_itself() {
        let opencode = AgentKind::known("opencode").unwrap();
        let argv = opencode.argv(&Filling { prompt: "say {model} and {prompt_file}", ..Filling::default() });
        assert_eq!(argv.last().unwrap(), "say {model} and {prompt_file}");
        assert!(!opencode.by_stdin());
    }

    #[test]
    fn an_adapter_of_the_users_is_refused_with_the_reason() {
        let own =
            |rest: &str| AgentKind::parse(&format!("name = \"x\"\nevents = \"text\"\n{rest}")).unwrap_err();
        assert!(own("command = []").contains("command is empty"));
        assert!(own("command = [\"x\"]\nmoney_limit = 3").contains("money_limit"));
        assert!(own("command = [\"x\"]\n[patterns]\nusd = \"cost\"").contains("patterns.usd has no group"));
        assert!(own("command = [\"x\"]\n[patterns]\nfailed = \"(\"").contains("patterns.failed"));
        let table = |table: &str| own(&format!("command = [\"x\"]\n{table}"));
        assert!(table("[home]\nenv = { A = \"a\" }\nwrite = [\"~\"]").contains("write"));
        assert!(table("[home]\nenv = { A = \"../a\" }").contains("home.env.A"));
        assert!(table("[init]\ninstructions = \".git/hooks/x.md\"").contains("init.instructions"));
        assert!(table("[init]\nmcp = \"piton.toml\"").contains("init.mcp"));
        assert!(table("[init]\nstart = \"x\"").contains("{say}"));
        let named = AgentKind::parse(
            "name = \"../x\"\ncommand = [\"x\"]\nevents = \"text\"\n[home]\nenv = { A = \"a\" }",
        );
        assert!(named.unwrap_err().starts_with("name: "));
    }
}
