//! The environment and the walls of a command that is started where a side is laid: of a sample, and of a check.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::build::Built;
use piton_core::base::error::{Context, Result};
use piton_system::config::Opens;
use piton_system::process;
use piton_system::sandbox::{self, JobAccess, Policy, Walls};

/// A command and what it is given.
pub(crate) struct WalledCommand<'a> {
    /// What it is started behind.
    pub walls: &'a Walls,
    /// What its section of `piton.toml` opens.
    pub opens: Opens<'a>,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
    /// Who is measured: a side, or both.
    pub sides: &'a [&'a Built],
    /// Where that is laid, and nothing else.
    pub scratch: &'a Path,
    /// Its private directory.
    pub private: &'a Path,
    /// Its words, filled in.
    pub argv: &'a [String],
    /// Words of commands that it starts itself.
    pub names: &'a [String],
    /// What words between braces stand for.
    pub values: &'a [(&'a str, &'a str)],
    /// Its seed.
    pub seed: &'a str,
    /// What it may write besides its private directory.
    pub write: Vec<PathBuf>,
    /// The list of what is held in its tree, where that is held by mounts.
    pub held: Option<PathBuf>,
    /// The file that takes its result, made anew; absent where that is printed.
    pub result: Option<PathBuf>,
}

impl WalledCommand<'_> {
    /// Its environment and what it may do.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn prepare(self) -> Result<(Vec<(OsString, OsString)>, Policy)> {
        let network = self.opens.network;
        let env = if network { process::network_env() } else { process::bare_env() };
        let mut env = sandbox::private_env(env, self.private);
        env.extend(sandbox::asked_env(&self.opens, self.values));
        env.push(("PITON_CONFINEMENT".into(), self.walls.least().word().into()));
        env.push(("PITON_SEED".into(), self.seed.into()));
        let sealed = [Some(&self.harness.tree), self.harness.artifact.as_ref()];
        let open = self.sides.iter().flat_map(|side| &side.open).chain(&self.harness.open);
        // Who looks upwards may list what is above, too: nothing but this side's own. Nothing else of it is open: the tree that was built and
        // the artifact that is kept would tell by their paths and times which side this is.
        let read = [
            sandbox::named(self.argv),
            sandbox::named(self.names),
            sealed.into_iter().flatten().chain(open).cloned().collect(),
            vec![self.scratch.to_owned()],
        ]
        .concat();
        let write = [vec![self.private.to_owned()], self.write].concat();
        let own = JobAccess { read, write, network, private: self.private, env: &env };
        let mut policy = self.walls.measure(&self.opens, own);
        policy.opened.held = self.held;
        if let Some(result) = self.result {
            File::create(&result).context("it was not started: there is no file for its result")?;
            policy.opened.result = Some(result);
        }
        Ok((env, policy))
    }
}
