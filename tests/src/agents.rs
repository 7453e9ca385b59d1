//! The real agents of the tests: programs of other people, at versions that `.ci/run` installs.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
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
    /// claude 2.1.329, spoken to by the Messages API.
    Claude,
    /// opencode 1.18.33, spoken to by chat completions.
    Opencode,
}

/// All that the tests know.
pub const ALL: [Real; 4] = [Real::Goose, Real::Codex, Real::Claude, Real::Opencode];

impl Real {
    /// What it is called on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Goose => "goose",
            Self::Codex => "codex",
            Self::Claude => "claude",
            Self::Opencode => "opencode",
        }
    }

    /// Its command line where somebody drives it by hand, without a person, and where it may start `server` over MCP. The prompt goes to
    /// its standard input. Behind piton's walls it cannot make its own.
    pub fn driven(self, server: &[&str], walls: bool) -> Vec<String> {
        let (program, rest) = (json!(server[0]), json!(server[1..]));
        let (line, last) = match self {
            Self::Goose => (
                "goose run --no-session --no-profile --with-builtin developer --max-turns 40 --output-format stream-json -i - --with-extension",
                Some(server.join(" ")),
            ),
            Self::Codex if walls => ("codex exec --json --skip-git-repo-check -s danger-full-access -c", None),
            Self::Codex => ("codex exec --json --skip-git-repo-check -s workspace-write -c", None),
            Self::Claude => (
                "claude -p --output-format stream-json --verbose --permission-mode acceptEdits --allowedTools Bash,Edit,mcp__piton__* --mcp-config",
                Some(json!({ "mcpServers": { "piton": { "command": program, "args": rest, "alwaysLoad": true } } }).to_string()),
            ),
            // It is told of the server by its settings.
            Self::Opencode => ("opencode run --format json", None),
        };
        // What codex starts has of its environment what is named here.
        let last = last.or_else(|| {
            let text =
                format!("mcp_servers.piton={{command={program}, args={rest}, env_vars=[\"PITON_SOCKET\"]}}");
            (self == Self::Codex).then_some(text)
        });
        line.split(' ').map(str::to_owned).chain(last).collect()
    }

    /// The directory of its binary.
    fn dir(self) -> PathBuf {
        let below = match self {
            Self::Goose => "@aaif/goose-binary-linux-x64/bin",
            Self::Codex => "@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin",
            Self::Claude => "@anthropic-ai/claude-code-linux-x64",
            Self::Opencode => "opencode-linux-x64/bin",
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

/// Of those that are installed here, the ones that `.ci/run` installs: what they do with limits and silence is known and tested.
pub fn usual() -> Vec<Real> {
    present().into_iter().filter(|agent| matches!(agent, Real::Goose | Real::Codex)).collect()
}

/// Those that are installed here. Says which are not, past what catches the output of a test that passes.
pub fn present() -> Vec<Real> {
    let (there, absent): (Vec<Real>, Vec<Real>) =
        ALL.into_iter().partition(|agent| agent.dir().join(agent.name()).is_file());
    for agent in absent {
        let dir = agent.dir();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no {} in {}; `.ci/agents all` installs it",
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
        // goose's shell is a login shell.
        let path = crate::piton();
        let profile = format!("PATH={}:$PATH\n", path.parent().expect("in a directory").display());
        for name in [".profile", ".bashrc"] {
            fs::write(home.path().join(name), &profile).expect("a file");
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

    /// A command line of the agent's, not started yet.
    pub fn agent(&self, line: &[String], cwd: &Path) -> Command {
        let mut command = Command::new(self.agent.dir().join(&line[0]));
        command.args(&line[1..]).current_dir(cwd).env("PWD", cwd);
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
        command.env("PATH", path).env("HOME", self.home());
        let url = self.model.url();
        let own: Vec<(&str, String)> = match self.agent {
            Real::Goose => vec![
                ("GOOSE_PROVIDER", "openai".into()),
                ("GOOSE_MODEL", "scripted".into()),
                ("OPENAI_HOST", url),
                ("OPENAI_API_KEY", "x".into()),
                ("GOOSE_DISABLE_KEYRING", "1".into()),
                ("GOOSE_TELEMETRY_ENABLED", "false".into()),
                ("GOOSE_MODE", "auto".into()),
            ],
            Real::Codex => vec![("OPENAI_API_KEY", "x".into())],
            Real::Claude => vec![
                ("ANTHROPIC_BASE_URL", url),
                ("ANTHROPIC_API_KEY", "x".into()),
                ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1".into()),
            ],
            // It would fetch its plugins from a registry, for each new user.
            Real::Opencode => vec![
                ("OPENCODE_CONFIG_CONTENT", opencode(&url)),
                ("OPENCODE_DISABLE_MODELS_FETCH", "1".into()),
                ("OPENCODE_DISABLE_AUTOUPDATE", "1".into()),
                ("npm_config_offline", "true".into()),
            ],
        };
        command.envs(own);
    }
}

/// Settings by which opencode speaks to the model, and starts piton's server.
fn opencode(url: &str) -> String {
    let options = json!({ "baseURL": format!("{url}/v1"), "apiKey": "x" });
    let models = json!({ "scripted": { "name": "scripted" } });
    let provider =
        json!({ "npm": "@ai-sdk/openai-compatible", "name": "p", "options": options, "models": models });
    let server = json!({ "piton": { "type": "local", "command": ["piton", "mcp", "--block", "1s"] } });
    let all = json!({ "model": "p/scripted", "small_model": "p/scripted", "provider": { "p": provider }, "mcp": server });
    all.to_string()
}
