//! What every command needs that builds and measures.

use crate::build::{BuildStore, Built};
use crate::sample::{Sampler, Wash};
use crate::status_file::StatusFile;
use piton_agent::hold::AgentPause;
use piton_core::base::error::{Error, Result};
use piton_core::trial::scope;
use piton_system::config::{self, Config};
use piton_system::git::{Id, Repo};
use piton_system::process::Runner;
use piton_system::sandbox::Walls;
use piton_system::state_home::Place;
use piton_system::terminal::Progress;

/// The repository, the processes and the terminal.
pub struct World {
    /// The repository, from where the user stands.
    pub repo: Repo,
    /// Starts processes.
    pub runner: Runner,
    /// Tells what is going on.
    pub progress: Progress,
    /// Tells it to those who look on, too.
    pub status_file: StatusFile,
    /// What programs are started behind.
    pub walls: Walls,
    /// Where trees lie, outside of every repository.
    pub place: Place,
}

impl World {
    /// Says what is done now: to a person at the terminal, and to those who look on.
    pub fn doing(&self, text: &str) {
        self.progress.doing(text);
        self.status_file.stage(text);
    }

    /// The same of long work.
    pub fn begin_long(&self, text: &str) {
        self.progress.begin_long(text);
        self.status_file.stage(text);
    }

    /// Where things are built.
    pub fn build_store(&self) -> BuildStore<'_> {
        BuildStore {
            dir: self.repo.state_dir(),
            place: &self.place,
            repo: &self.repo,
            runner: &self.runner,
            progress: &self.progress,
            walls: &self.walls,
        }
    }

    /// What measures, by the words of `config`.
    pub fn sampler<'a>(&'a self, config: &'a Config, harness: &'a Built) -> Sampler<'a> {
        Sampler {
            runner: &self.runner,
            measure: &config.measure,
            metric: &config.metric,
            needed: config.printed(),
            metered: config.metered(),
            harness,
            walls: &self.walls,
            place: &self.place,
            logs: self.repo.state_dir().join("logs"),
            agent_pause: AgentPause::of(self.repo.state_dir()),
            wash: Wash::default(),
            scale: 1,
            profiler: None,
        }
    }
}

/// The experiment that a commit holds in the directory where the user stands, or above it: its text, and what that says.
///
/// # Errors
/// None there, or one that cannot be used.
pub fn experiment(repo: &Repo, commit: Id) -> Result<(String, Config)> {
    let within = repo.within().unwrap_or_default();
    let path = scope::join(within, config::FILE);
    let Some(bytes) = repo.file(commit, &path) else {
        let found = if repo.within().is_none() { repo.experiments(commit)? } else { vec![] };
        return Err(no_experiment(&path, &found, repo.root().join(&path).exists()));
    };
    let text = config::text(Some(bytes))?;
    let config = Config::parse_new(&text)?.rooted(within);
    Ok((text, config))
}

/// There is none at `path`; `elsewhere` are the directories that have one, and `there` says whether the file is merely not committed.
fn no_experiment(path: &str, elsewhere: &[String], there: bool) -> Error {
    let error = Error::usage(format!("the experiment was not read: there is no {path} in this commit"))
        .note("nothing was started and nothing was changed");
    match (elsewhere.first(), there) {
        (Some(first), _) => {
            let all: Vec<&str> = elsewhere.iter().take(8).map(String::as_str).collect();
            error
                .cause(format!(
                    "this directory and those above it have none; there are experiments in {}",
                    all.join(", ")
                ))
                .hint(format!(
                    "go to the one that you mean, e.g.: cd {first}, from the root of the repository"
                ))
        }
        (None, true) => error.hint(format!("it is there and not committed: git add {path} && git commit")),
        (None, false) => error.hint("`piton init` writes one where you stand; commit it first"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_beside_an_experiment_is_told_where_it_lies() {
        let elsewhere = no_experiment("piton.toml", &["a".into(), "b/c".into()], false).to_string();
        assert!(elsewhere.contains("experiments in a, b/c") && elsewhere.contains("cd a"), "{elsewhere}");
        assert!(no_experiment("a/piton.toml", &[], true).hint.unwrap().contains("git add a/piton.toml"));
        assert!(no_experiment("piton.toml", &[], false).hint.unwrap().contains("piton init"));
    }
}
