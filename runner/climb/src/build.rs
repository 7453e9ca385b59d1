//! From a commit to something that can be measured.
//!
//! What is built is what the commit holds, exported object by object into a directory that piton made. The harness
//! is built once, from the sealed tree, in a place of its own. A challenger is built in a slot that holds nothing which is still to be
//! measured; its artifact is copied out, named by its hash, and never built again. Slots are known by the tree that lies in them: a keep
//! commits the same tree anew.

mod job;
mod keep;
mod made;
mod room;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::trial::crash::Crash;
use piton_core::trial::record::Side;
use piton_system::config::Config;
use piton_system::git::{Id, Repo};
use piton_system::process::{self, Runner};
use piton_system::sandbox::{self, Walls};
use piton_system::state_home::Place;
use piton_system::terminal::Progress;
pub use piton_system::tree::sha256;
use piton_system::tree::{SealedPaths, TreeSnapshot};

/// Largest artifact, in bytes: every one that was judged is kept.
const MAX_ARTIFACT_BYTES: u64 = 512 << 20;
/// The file in a slot that says which tree lies there.
const MARK: &str = "holds";
/// Names of the slots.
const SLOTS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Where things are built and kept.
pub struct BuildStore<'a> {
    /// `.git/piton`.
    pub dir: PathBuf,
    /// Where trees lie, outside of every repository.
    pub place: &'a Place,
    /// Where commits are read from.
    pub repo: &'a Repo,
    /// What starts the builds.
    pub runner: &'a Runner,
    /// Is told how they go.
    pub progress: &'a Progress,
    /// What they are started behind.
    pub walls: &'a Walls,
}

/// Something built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The tree that it was built from, exported: the root of the repository.
    pub tree: PathBuf,
    /// The artifact, where the build makes one.
    pub artifact: Option<PathBuf>,
    /// SHA-256 of the artifact, hexadecimal.
    pub hash: Option<String>,
    /// Git's id of the tree.
    pub of: String,
    /// What the tree holds.
    laid: Arc<TreeSnapshot>,
    /// What the artifact is.
    made: Option<Arc<TreeSnapshot>>,
    /// What of the tree every job leaves alone.
    pub held: Arc<SealedPaths>,
    /// Paths in the user's checkout that the tree has links to.
    pub open: Vec<PathBuf>,
    /// Submodules that are empty in it.
    absent: Vec<String>,
}

impl Built {
    /// What was measured where this was measured.
    pub fn side(&self) -> Side {
        let measured = self.hash.clone().unwrap_or_else(|| self.laid.digest().to_owned());
        Side { tree: self.of.clone(), measured }
    }

    /// Why this cannot be held against `other`, whatever was edited; `None` where it can. Submodules are sealed, but lie outside of the
    /// repository: one side may have been laid while one was checked out, the other while it was not.
    pub(crate) fn unlike(&self, other: &Self) -> Option<String> {
        let (one, other) = (&self.absent, &other.absent);
        let differs =
            one.iter().find(|name| !other.contains(name)).or(other.iter().find(|name| !one.contains(name)));
        differs.map(|name| {
            format!("the submodule {name} is checked out in one side's tree, and not in the other's")
        })
    }

    /// The same of a tree that was moved to `tree`.
    fn moved(self, tree: &Path) -> Self {
        Self { laid: Arc::new(self.laid.moved(tree)), tree: tree.to_owned(), ..self }
    }

    /// The files of its tree and its artifact, but for what is opened of the user's checkout.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.laid.paths().chain(self.artifact.clone())
    }

    /// What is not as it was when it was built or laid; `None` where all is.
    pub fn changed(&self) -> Option<String> {
        let seen = [Some((&self.tree, &self.laid)), self.artifact.as_ref().zip(self.made.as_ref())];
        seen.into_iter().flatten().find_map(|(path, seen)| match seen.is_unchanged() {
            Ok(true) => None,
            Ok(false) => Some(format!("{} is not what was built any more", path.display())),
            Err(error) => Some(format!("{} cannot be read any more: {error}", path.display())),
        })
    }
}

/// How a build ended.
#[derive(Debug, Clone)]
pub enum BuildEnd {
    /// It made what it should.
    Built(Built),
    /// It failed: its first error, and the last lines of what it printed.
    Failed(Crash),
    /// It took too long.
    TimedOut,
    /// The user stopped it.
    Interrupted,
}

impl BuildEnd {
    /// What was built, or an error that says `what` did not happen because `name` was not built.
    ///
    /// # Errors
    /// Every other end.
    pub fn built(self, what: &str, name: &str) -> Result<Built> {
        let why = match self {
            Self::Built(built) => return Ok(built),
            Self::Failed(crash) => format!("{name} does not build: {}", crash.reason),
            Self::TimedOut => format!("the build of {name} took too long"),
            Self::Interrupted => return Err(Error::new(what).cause(process::STOPPED).status(130)),
        };
        let error = Error::new(what).status(exit::BASELINE).cause(why).note("nothing was recorded");
        Err(error.hint("the whole output of the build is in .git/piton/logs/build.log"))
    }
}

impl BuildStore<'_> {
    /// Exports the sealed tree and builds the harness in it, if there is one.
    ///
    /// # Errors
    /// When it does not build.
    pub fn harness(&self, base: Id, config: &Config) -> Result<Built> {
        let slot = self.place.at()?.join("sealed");
        let built = self.lay(&slot, base, config)?;
        let Some(build) = &config.harness else { return Ok(built) };
        let failed = |why: String| {
            Err(Error::new("the run did not begin: the harness was not built")
                .status(exit::BASELINE)
                .cause(why)
                .note("no branch was made and nothing was recorded")
                .hint(format!("the whole output is in {}", self.dir.join("logs/harness.log").display())))
        };
        // Its sources are sealed: what they need is fetched once for each of them.
        let mark = slot.join("fetched");
        let fetch = fs::read_to_string(&mark).ok().as_deref() != Some(&built.of);
        let of = built.of.clone();
        match self.build(build, built, &slot, ("harness", fetch), &[])? {
            BuildEnd::Built(built) => {
                fs::write(mark, of).context("the sealed slot was not marked")?;
                Ok(built)
            }
            BuildEnd::Failed(crash) => failed(crash.reason),
            BuildEnd::TimedOut => failed(format!("it took longer than {} s", build.timeout_s)),
            BuildEnd::Interrupted => failed(process::STOPPED.to_owned()),
        }
    }

    /// Builds `commit` where nothing of `keep` lies. `fetch` allows the network, once per run.
    ///
    /// # Errors
    /// When piton itself fails: a disk that refuses, a build command that does not exist.
    pub fn challenger(&self, commit: Id, keep: &[&Built], config: &Config, fetch: bool) -> Result<BuildEnd> {
        self.built_in(&self.free("slots", 0, keep)?, commit, keep, config, fetch)
    }

    /// Builds the baseline a second time, in the slot that the next challenger will use: the same program, laid out anew.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn again(&self, commit: Id, keep: &[&Built], config: &Config) -> Result<BuildEnd> {
        self.built_in(&self.free("slots", 1, keep)?, commit, keep, config, true)
    }

    /// The first slot from number `first` on in which nothing of `keep` lies.
    fn free(&self, family: &str, first: usize, keep: &[&Built]) -> Result<PathBuf> {
        let family = self.place.at()?.join(family);
        let mut slots = SLOTS[first..].iter().map(|name| family.join(name));
        let free = slots.find(|slot| keep.iter().all(|built| built.tree != slot.join("tree")));
        free.ok_or_else(|| Error::new("nothing was built: every slot is in use"))
    }

    fn built_in(
        &self,
        slot: &Path,
        commit: Id,
        keep: &[&Built],
        config: &Config,
        fetch: bool,
    ) -> Result<BuildEnd> {
        // What a build makes of its tree may hold the tree's path: it is built where it will be measured, as every other is.
        if config.build.as_ref().is_some_and(|build| build.artifact.is_none()) {
            return self.at_work(slot, |here| self.built_at(here, commit, keep, config, fetch));
        }
        self.built_at(slot, commit, keep, config, fetch)
    }

    fn built_at(
        &self,
        slot: &Path,
        commit: Id,
        keep: &[&Built],
        config: &Config,
        fetch: bool,
    ) -> Result<BuildEnd> {
        let built = self.lay(slot, commit, config)?;
        let end = match &config.build {
            None => BuildEnd::Built(built),
            Some(build) => self.build(build, built, slot, ("build", fetch), keep)?,
        };
        // With an artifact the slot is free again at once; without one, the tree itself is what is measured.
        if let BuildEnd::Built(built @ Built { artifact: None, .. }) = &end {
            self.mark(slot, built)?;
        }
        Ok(end)
    }

    /// Moves a slot to where samples are taken, works there, and moves it back, however that went.
    fn at_work(&self, slot: &Path, work: impl FnOnce(&Path) -> Result<BuildEnd>) -> Result<BuildEnd> {
        let what = "nothing was built: its slot could not be moved";
        let here = self.place.scratch()?;
        sandbox::private(&here)?;
        fs::create_dir_all(slot).and_then(|()| fs::rename(slot, &here)).context(what)?;
        let end = work(&here);
        fs::rename(&here, slot).context(what)?;
        Ok(match end? {
            BuildEnd::Built(built) => BuildEnd::Built(built.moved(&slot.join("tree"))),
            other => other,
        })
    }

    /// Makes a slot hold what `commit` does and nothing else, and holds it to that.
    fn lay(&self, slot: &Path, commit: Id, config: &Config) -> Result<Built> {
        let what = "the tree was not laid";
        fs::create_dir_all(slot).context(what)?;
        let _ = fs::remove_file(slot.join(MARK));
        let (tree, of) = (slot.join("tree"), self.repo.tree_id(commit)?);
        self.repo.export(of, &tree)?;
        let open = self.link(&tree, config)?;
        let laid = Arc::new(TreeSnapshot::of(&tree, &linked(&tree, config)).context(what)?);
        if laid.digest() != self.repo.tree_digest(of)? {
            return Err(Error::new(what)
                .cause(format!("{} does not hold what commit {commit} does", tree.display()))
                .note("nothing was measured"));
        }
        let absent = self.absent(of, &tree)?;
        let held = Arc::new(SealedPaths::of(&config.scope, self.repo.paths(of)?.into_iter()));
        let of = of.to_string();
        Ok(Built { tree, artifact: None, hash: None, of, laid, made: None, held, open, absent })
    }

    /// The submodules of the tree `of` that are empty where it was laid.
    fn absent(&self, of: Id, tree: &Path) -> Result<Vec<String>> {
        let empty =
            |path: &String| fs::read_dir(tree.join(path)).is_ok_and(|mut entries| entries.next().is_none());
        Ok(self.repo.submodules(of)?.into_iter().filter(empty).collect())
    }

    /// Links what the experiment opens of the user's checkout into an exported tree. Returns where it lies.
    fn link(&self, tree: &Path, config: &Config) -> Result<Vec<PathBuf>> {
        let what = "the tree was not laid";
        let mut open = vec![];
        for path in &config.scope.from_checkout {
            let (link, there) = (tree.join(path), self.repo.main_root().join(path));
            let refuse = |why: String| {
                Error::refused(format!("{what}: scope.from_checkout cannot be obeyed"))
                    .cause(why)
                    .note("nothing was measured")
            };
            if fs::symlink_metadata(&link).is_ok() {
                return Err(refuse(format!("{path} is tracked by git: it is in the tree already"))
                    .hint("leave it out of scope.from_checkout, which is for what git ignores"));
            }
            let real = fs::canonicalize(&there).map_err(|e| {
                refuse(format!("{}: {e}", there.display()))
                    .hint("install the dependencies in the checkout first")
            })?;
            fs::create_dir_all(link.parent().expect("below the tree")).context(what)?;
            std::os::unix::fs::symlink(&there, &link).context(what)?;
            open.extend([there, real]);
        }
        open.dedup();
        Ok(open)
    }

    /// What was built for `commit` and recorded with the artifact `hash`: never built again while it is there. Nothing of `keep` is
    /// touched.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn existing(
        &self,
        commit: Id,
        hash: Option<&str>,
        keep: &[&Built],
        config: &Config,
    ) -> Result<Option<Built>> {
        let of = self.repo.tree_id(commit)?.to_string();
        if config.build.as_ref().and_then(|build| build.artifact.as_ref()).is_none() {
            let family = self.place.at()?.join("slots");
            return Ok(SLOTS.iter().find_map(|name| self.marked(&family.join(name), &of, config)));
        }
        let Some((artifact, made)) = hash.and_then(|hash| self.laid_artifact(hash, "artifacts", keep)) else {
            return Ok(None);
        };
        // Beside the slots, so that each challenger is built where the last was.
        let family = self.place.at()?.join("sides");
        let there = SLOTS.iter().find_map(|name| self.marked(&family.join(name), &of, config));
        let built = match there {
            Some(built) => built,
            None => {
                let slot = self.free("sides", 0, keep)?;
                let built = self.lay(&slot, commit, config)?;
                self.mark(&slot, &built)?;
                built
            }
        };
        Ok(Some(Built { artifact: Some(artifact), hash: hash.map(str::to_owned), made: Some(made), ..built }))
    }
}

/// Paths in an exported tree at which links to the user's checkout stand.
fn linked(tree: &Path, config: &Config) -> Vec<PathBuf> {
    let paths = config.scope.from_checkout.iter().map(|path| tree.join(path));
    paths.filter_map(|path| path.strip_prefix(tree).map(Path::to_owned).ok()).collect()
}
