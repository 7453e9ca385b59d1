//! The experiment as it stands in the checkout: what is measured at once, and recorded nowhere.

use std::fs;
use std::path::{Path, PathBuf};

use piton_core::base::error::{Context, Error, Result};
use piton_server::recipe::TrialRecipe;
use piton_server::sample::Experiment;
use piton_system::config::{self, Config};
use piton_system::{sandbox, terminal};

/// An experiment that is read from a directory, and a place for servers that is removed in the end.
pub(in crate::commands) struct Here {
    /// The experiment.
    pub config: Config,
    dir: PathBuf,
    work: PathBuf,
}

impl Here {
    /// The one in `dir`.
    ///
    /// # Errors
    /// None there, or one without a server.
    pub fn open(dir: &Path) -> Result<Self> {
        let text = config::text(fs::read(dir.join(config::FILE)).ok())?;
        let config = Config::parse(&text)?;
        if !config.is_sweep() {
            return Err(Error::usage("no server was started: piton.toml has no [server]")
                .hint("docs/sweeps.md shows the smallest one"));
        }
        let work = std::env::temp_dir().join(format!("piton-server-{}", std::process::id()));
        sandbox::private(&work)?;
        Ok(Self { config, dir: dir.to_owned(), work })
    }

    /// What samples are taken by.
    pub fn experiment<'a>(&'a self, stop: &'a dyn Fn() -> bool) -> Experiment<'a> {
        Experiment { config: &self.config, dir: &self.dir, work: self.work.clone(), reference: None, stop }
    }

    /// The recipe of a file; the first one of the experiment where none is named.
    ///
    /// # Errors
    /// A file that is no recipe of this experiment.
    pub fn recipe(&self, path: Option<&Path>) -> Result<TrialRecipe> {
        let Some(path) = path else {
            return Ok(TrialRecipe::first(&self.config, &self.config.models[0].name));
        };
        let what = format!("{} was not read", path.display());
        let text = fs::read_to_string(self.dir.join(path)).context(&what).map_err(|error| error.status(2))?;
        TrialRecipe::parse(&text, &self.config).map_err(|why| Error::usage(what).cause(why))
    }

    /// Where servers' own directories lie.
    pub fn work(&self) -> &Path {
        &self.work
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.work) {
            terminal::tell(&format!("{} is left: {error}", self.work.display()));
        }
    }
}
