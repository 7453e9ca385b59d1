//! One sample of one side, by the command that the experiment names.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::Built;
use crate::config::{Measure, fill};
use crate::confine::{self, Walls};
use crate::error::Result;
use crate::metric::{self, ReadError, Values};
use crate::proc::{self, Done, End, Job, Runner};

/// Everything that a sample needs apart from the side and the seed.
pub struct Bench<'a> {
    /// What starts the command.
    pub runner: &'a Runner,
    /// The command.
    pub measure: &'a Measure,
    /// Metrics that must be there.
    pub needed: Vec<&'a str>,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
    /// What it is started behind.
    pub walls: &'a Walls,
    /// A directory for each sample's own files.
    pub private: PathBuf,
    /// Where output goes.
    pub logs: PathBuf,
}

/// How a sample ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Sampled {
    /// It has values.
    Measured(Values),
    /// It has none.
    Failed {
        /// The harness's word, or `failed`.
        how: String,
        /// One sentence.
        reason: String,
    },
    /// It took too long.
    TimedOut,
    /// The user stopped it.
    Interrupted,
}

impl Sampled {
    /// Why there are no values, in words; `limit_s` is the limit of a sample.
    pub fn words(&self, limit_s: u64) -> String {
        match self {
            Self::Measured(_) => "it was measured".to_owned(),
            Self::Failed { how, reason } => format!("{how}: {reason}"),
            Self::TimedOut => format!("a sample took longer than {limit_s} s"),
            Self::Interrupted => "you stopped it".to_owned(),
        }
    }
}

impl Bench<'_> {
    /// Measures `side` once on the prompts of `seed`, its environment made longer by `padding` bytes.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn sample(&self, side: &Built, seed: u64, padding: u32) -> Result<Sampled> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (tree, sealed, seed) = (text(&side.tree), text(&self.harness.tree), seed.to_string());
        let artifact = side.artifact.as_deref().map(text).unwrap_or_default();
        let harness = self.harness.artifact.as_deref().map(text).unwrap_or_default();
        let mut argv = fill(
            &self.measure.command,
            &[
                ("tree", &tree),
                ("sealed", &sealed),
                ("seed", &seed),
                ("artifact", &artifact),
                ("harness", &harness),
            ],
        );
        argv[0] = proc::absolute(&argv[0]);
        confine::private(&self.private)?;
        let mut env = confine::private_env(proc::bare_env(), &self.private);
        env.push(("PITON_CONFINEMENT".into(), self.walls.least().word().into()));
        env.push(("PITON_SEED".into(), seed.into()));
        env.push(("PITON_PADDING".into(), "x".repeat(padding as usize).into()));
        let sides = [
            Some(&side.tree),
            side.artifact.as_ref(),
            Some(&self.harness.tree),
            self.harness.artifact.as_ref(),
        ];
        let read = [confine::named(&argv), sides.into_iter().flatten().cloned().collect()].concat();
        let mut write = vec![self.private.clone()];
        // Without an artifact, the side is its tree, and a command may build in it.
        write.extend(side.artifact.is_none().then(|| side.tree.clone()));
        write.extend(self.measure.write.iter().map(PathBuf::from));
        let policy = self.walls.measure(read, write, self.measure.network);
        let done = self.runner.run(&Job {
            argv: &argv,
            cwd: &side.tree,
            env,
            policy: Some(&policy),
            stdout: self.logs.join("sample.out"),
            stderr: self.logs.join("sample.log"),
            timeout: Duration::from_secs(self.measure.timeout_s),
            gently: false,
            seen: None,
        })?;
        Ok(self.judge(&done))
    }

    fn judge(&self, done: &Done) -> Sampled {
        let failed = |how: &str, reason: String| Sampled::Failed { how: how.to_owned(), reason };
        let read = metric::read(&done.stdout, self.measure.format, &self.needed);
        let last = || {
            done.stderr
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty())
                .unwrap_or("it printed nothing")
                .to_owned()
        };
        match (&done.end, read) {
            (End::Interrupted, _) => Sampled::Interrupted,
            (End::TimedOut, _) => Sampled::TimedOut,
            (End::Exited(0), Ok(values)) => Sampled::Measured(values),
            // The harness says what happened in its own words, and exits with a status.
            (_, Err(ReadError::Refused { kind, reason })) => failed(&kind, reason),
            (End::Exited(0), Err(error)) => failed("unreadable", error.to_string()),
            (End::Exited(status), _) => failed("failed", format!("exit status {status}: {}", last())),
            (End::Signalled(signal), _) => failed("failed", format!("ended by signal {signal}: {}", last())),
        }
    }
}
