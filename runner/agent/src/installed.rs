//! Which agents are there: path, version, and whether one is logged in, as far as that can be told without a secret.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::kind::{AgentKind, CostUnit};
use piton_core::base::error::{Context, Result};
use piton_core::trial::text::clean;
use piton_system::host;
use piton_system::process::{self, End, Job, Runner};

/// How long an agent may take to say its version.
const PATIENCE: Duration = Duration::from_secs(10);

/// An agent that piton knows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Installed {
    /// Its name for `--agent`.
    pub name: String,
    /// Where its program is; absent where it is not installed.
    pub path: Option<String>,
    /// Its version, in its own words.
    pub version: Option<String>,
    /// What speaks for its being logged in: a variable that is set or a file that is there, by its name. Nothing is read of either.
    pub login: Option<String>,
    /// What it tells of its cost.
    pub tells: Vec<CostUnit>,
    /// Whether its turns can be limited.
    pub turns: bool,
    /// Whether its money can be limited.
    pub money: bool,
}

/// Looks for an agent.
///
/// # Errors
/// When piton cannot make a temporary directory.
pub fn detect(kind: &AgentKind, runner: &Runner) -> Result<Installed> {
    let program = process::absolute(&kind.command[0]);
    let path = Path::new(&program).is_file().then(|| program.clone());
    let version = match path {
        Some(_) => version(&program, runner)?,
        None => None,
    };
    Ok(Installed {
        name: kind.name.clone(),
        path,
        version,
        login: login(kind, &|name| std::env::var_os(name).map(PathBuf::from)),
        tells: kind.reports.clone(),
        turns: !kind.turns.is_empty(),
        money: !kind.money.is_empty(),
    })
}

fn version(program: &str, runner: &Runner) -> Result<Option<String>> {
    host::check_temporary_directory()?;
    let scratch = tempfile::tempdir().context("no version was asked for")?;
    let argv = [program.to_owned(), "--version".to_owned()];
    let done = runner.run(&Job {
        under: &[],
        argv: &argv,
        cwd: scratch.path(),
        env: process::full_env(),
        policy: None,
        stdout: scratch.path().join("out"),
        stderr: scratch.path().join("err"),
        timeout: PATIENCE,
        gently: true,
        seen: None,
        stdin: None,
        watch: None,
        heedless: false,
    });
    // One that cannot even be started has no version.
    let Ok(done) = done else { return Ok(None) };
    let told = done.stdout.lines().chain(done.stderr.lines()).map(str::trim).find(|line| !line.is_empty());
    Ok(told.filter(|_| done.end == End::Exited(0)).map(|line| clean(line, 60)))
}

/// The name of what speaks for a login.
fn login(kind: &AgentKind, variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<String> {
    let set = |name: &&String| variable(name).is_some_and(|value| !value.as_os_str().is_empty());
    if let Some(name) = kind.keys.iter().find(set) {
        return Some(format!("${name}"));
    }
    kind.login.iter().find(|place| at(place, variable).is_some_and(|path| path.is_file())).cloned()
}

/// A path that may begin with `~` or a variable.
fn at(place: &str, variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let (first, rest) = place.split_once('/')?;
    let base = match first.strip_prefix('$') {
        Some(name) => variable(name)?,
        None => variable("HOME").filter(|_| first == "~")?,
    };
    Some(base.join(rest))
}

/// The list for people.
pub fn words(agents: &[Installed]) -> String {
    let mut text = format!("{:<9} {:<26} {:<34} {}\n", "agent", "version", "logged in", "tells");
    for agent in agents {
        let version = match (&agent.path, &agent.version) {
            (None, _) => "not installed",
            (Some(_), None) => "installed, tells no version",
            (Some(_), Some(version)) => version,
        };
        let login =
            agent.login.as_ref().map_or_else(|| "no sign of it".to_owned(), |name| format!("by {name}"));
        let tells: Vec<&str> = agent
            .tells
            .iter()
            .map(|unit| match unit {
                CostUnit::Usd => "money",
                CostUnit::Tokens => "tokens",
            })
            .collect();
        let line = format!("{:<9} {version:<26} {login:<34} {}", agent.name, tells.join(", "));
        text.push_str(&format!("{}\n", line.trim_end()));
        if let Some(path) = &agent.path {
            text.push_str(&format!("          {}\n", clean(path, 300)));
        }
    }
    text.push_str(
        "\nA login is seen by the name of a variable or a file; whether it holds shows the first call.\nAny other command: piton climb --agent 'COMMAND', or with an adapter of your own: piton agents --show aider > mine.toml\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_told_by_its_name_and_never_by_its_value() {
        let dir = tempfile::tempdir().unwrap();
        let codex = AgentKind::known("codex").unwrap();
        let home = dir.path().to_owned();
        let with = |name: &'static str, value: PathBuf| {
            let home = home.clone();
            login(&codex, &move |asked| match asked {
                "HOME" => Some(home.clone()),
                asked if asked == name => Some(value.clone()),
                _ => None,
            })
        };
        assert_eq!(with("X", "".into()), None);
        assert_eq!(with("OPENAI_API_KEY", "sk-secret".into()), Some("$OPENAI_API_KEY".to_owned()));
        assert_eq!(with("OPENAI_API_KEY", "".into()), None, "set to nothing is not set");
        std::fs::create_dir(dir.path().join(".codex")).unwrap();
        std::fs::write(dir.path().join(".codex/auth.json"), "{}").unwrap();
        assert_eq!(with("X", "".into()), Some("~/.codex/auth.json".to_owned()));
        let moved = with("CODEX_HOME", dir.path().join(".codex"));
        assert_eq!(moved, Some("$CODEX_HOME/auth.json".to_owned()));
    }
}
