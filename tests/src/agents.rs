//! The real agents of the tests: programs of other people, at versions that `.ci/run` installs.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::Scratch;
use crate::model::Model;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Real {
    /// goose 1.34.0, spoken to by chat completions.
    Goose,
    /// codex 0.169.0, spoken to by the Responses API.
    Codex,
}

/// All that the tests know.
pub const ALL: [Real; 2] = [Real::Goose, Real::Codex];

impl Real {
    /// What it is called on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Goose => "goose",
            Self::Codex => "codex",
        }
    }

    /// The directory of its binary.
    fn dir(self) -> PathBuf {
        let below = match self {
            Self::Goose => "@aaif/goose-binary-linux-x64/bin",
            Self::Codex => "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin",
        };
        installed().join("node_modules").join(below)
    }
}

/// Where `.ci/run` installs them.
fn installed() -> PathBuf {
    let cache = || {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
        base.unwrap_or_default().join("piton-test-agents")
    };
    std::env::var_os("PITON_TEST_AGENTS").map_or_else(cache, PathBuf::from)
}

/// Those that are installed here. Says which are not, past what catches the output of a test that passes.
pub fn present() -> Vec<Real> {
    let (there, absent): (Vec<Real>, Vec<Real>) =
        ALL.into_iter().partition(|agent| agent.dir().join(agent.name()).is_file());
    for agent in absent {
        let dir = agent.dir();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no {} in {}; .ci/agents installs it",
            agent.name(),
            dir.display()
        );
    }
    there
}

/// A user who never ran an agent before, and whose agent talks to a scripted model.
#[derive(Debug)]
pub struct User {
    home: TempDir,
    agent: Real,
    model: Model,
}

impl User {
    /// A user of `agent`.
    pub fn of(agent: Real, model: Model) -> Self {
        let home = TempDir::new().expect("a temporary directory");
        if agent == Real::Codex {
            let settings = format!(
                "model = \"scripted\"\nmodel_provider = \"p\"\n[analytics]\nenabled = false\n[model_providers.p]\nname = \"p\"\nbase_url = \"{}/v1\"\nenv_key = \"OPENAI_API_KEY\"\nwire_api = \"responses\"\n",
                model.url()
            );
            fs::create_dir(home.path().join(".codex")).expect("a directory");
            fs::write(home.path().join(".codex/config.toml"), settings).expect("a file");
        }
        Self { home, agent, model }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The home directory.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// `piton` in `toy`, with this user's environment; not started yet.
    pub fn piton(&self, toy: &Scratch, args: &[&str]) -> Command {
        let mut command = toy.command(args);
        self.lend(&mut command);
        command
    }

    /// The agent itself, not started yet.
    pub fn agent(&self, args: &[&str], cwd: &Path) -> Command {
        let mut command = Command::new(self.agent.dir().join(self.agent.name()));
        command.args(args).current_dir(cwd);
        self.lend(&mut command);
        command
    }

    /// Gives a command this user's environment.
    fn lend(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut dirs = vec![self.agent.dir()];
        dirs.extend(crate::piton().parent().map(Path::to_owned));
        dirs.extend(std::env::split_paths(&path));
        let path: OsString = std::env::join_paths(dirs).expect("no colon in a directory");
        for moved in ["CODEX_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(moved);
        }
        command.env("PATH", path).env("HOME", self.home()).env("OPENAI_API_KEY", "x");
        command
            .env("GOOSE_PROVIDER", "openai")
            .env("GOOSE_MODEL", "scripted")
            .env("OPENAI_HOST", self.model.url());
        command
            .env("GOOSE_DISABLE_KEYRING", "1")
            .env("GOOSE_TELEMETRY_ENABLED", "false")
            .env("GOOSE_MODE", "auto");
    }
}
