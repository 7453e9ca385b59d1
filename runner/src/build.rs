//! From a commit to something that can be measured.
//!
//! What is built is what the commit holds, exported blob by blob into a directory that piton made. The harness
//! is built once, from the sealed tree, in a place of its own. A challenger is built in whichever of two slots
//! the incumbent does not live in; its artifact is copied out, named by its hash, and never built again.

mod room;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::config::{Build, fill};
use crate::confine::{self, Walls};
use crate::crash::Crash;
use crate::error::{Context, Error, Result, exit};
use crate::git::{Id, Repo};
use crate::proc::{self, Done, End, Job, Runner};
use crate::say::Progress;

/// Largest artifact, in bytes: every one that was judged is kept.
const MAX_ARTIFACT_BYTES: u64 = 512 << 20;

/// The place below `.git/piton` where things are built and kept.
pub struct Workshop<'a> {
    /// `.git/piton`.
    pub dir: PathBuf,
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
    /// The tree that it was built from, exported.
    pub tree: PathBuf,
    /// The artifact, where the build makes one.
    pub artifact: Option<PathBuf>,
    /// SHA-256 of the artifact, hexadecimal.
    pub hash: Option<String>,
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
            Self::Interrupted => return Err(Error::new(what).cause(proc::STOPPED).status(130)),
        };
        let error = Error::new(what).status(exit::BASELINE).cause(why).note("nothing was recorded");
        Err(error.hint("the whole output of the build is in .git/piton/logs/build.log"))
    }
}

impl Workshop<'_> {
    /// Exports the sealed tree and builds the harness in it, if there is one.
    ///
    /// # Errors
    /// When it does not build.
    pub fn harness(&self, base: Id, build: Option<&Build>) -> Result<Built> {
        let slot = self.dir.join("sealed");
        let tree = slot.join("tree");
        self.repo.export(self.repo.tree_id(base)?, &tree)?;
        let Some(build) = build else { return Ok(Built { tree, artifact: None, hash: None }) };
        let failed = |why: String| {
            Err(Error::new("the run did not begin: the harness was not built")
                .status(exit::BASELINE)
                .cause(why)
                .note("no branch was made and nothing was recorded")
                .hint(format!("the whole output is in {}", self.dir.join("logs/harness.log").display())))
        };
        // Its sources are sealed: what they need is fetched once for each of them.
        let (mark, sealed) = (slot.join("fetched"), self.repo.tree_id(base)?.to_string());
        let fetch = fs::read_to_string(&mark).ok().as_deref() != Some(&sealed);
        match self.build(build, &slot, "harness", fetch)? {
            BuildEnd::Built(built) => {
                fs::write(mark, sealed).context("the sealed slot was not marked")?;
                Ok(built)
            }
            BuildEnd::Failed(crash) => failed(crash.reason),
            BuildEnd::TimedOut => failed(format!("it took longer than {} s", build.timeout_s)),
            BuildEnd::Interrupted => failed(proc::STOPPED.to_owned()),
        }
    }

    /// Builds `commit` in the slot that does not hold `incumbent`. `fetch` allows the network, once per run.
    ///
    /// # Errors
    /// When piton itself fails: a disk that refuses, a build command that does not exist.
    pub fn challenger(
        &self,
        commit: Id,
        incumbent: Option<Id>,
        build: Option<&Build>,
        fetch: bool,
    ) -> Result<BuildEnd> {
        let holds = |slot: &Path| fs::read_to_string(slot.join("commit")).unwrap_or_default();
        let slots = ["a", "b"].map(|name| self.dir.join("slots").join(name));
        let slot = slots
            .iter()
            .find(|slot| incumbent.is_none_or(|incumbent| holds(slot) != incumbent.to_string()))
            .expect("an incumbent lives in one slot at most");
        let end = self.built_in(slot, commit, build, fetch)?;
        // With an artifact the slot is free again at once; without one, the tree itself is what is measured.
        if matches!(&end, BuildEnd::Built(Built { artifact: None, .. })) {
            fs::write(slot.join("commit"), commit.to_string()).context("the slot was not marked")?;
        }
        Ok(end)
    }

    /// Builds the incumbent a second time, in the slot that the next challenger will use: the same program, laid out anew.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn again(&self, commit: Id, build: Option<&Build>) -> Result<BuildEnd> {
        self.built_in(&self.dir.join("slots/b"), commit, build, true)
    }

    fn built_in(&self, slot: &Path, commit: Id, build: Option<&Build>, fetch: bool) -> Result<BuildEnd> {
        fs::create_dir_all(slot).context("the slot was not made")?;
        let _ = fs::remove_file(slot.join("commit"));
        let tree = slot.join("tree");
        self.repo.export(self.repo.tree_id(commit)?, &tree)?;
        match build {
            None => Ok(BuildEnd::Built(Built { tree, artifact: None, hash: None })),
            Some(build) => self.build(build, slot, "build", fetch),
        }
    }

    /// What was built for `commit` and recorded with the artifact `hash`: never built again while it is there.
    pub fn existing(&self, commit: Id, hash: Option<&str>) -> Option<Built> {
        match hash {
            Some(hash) => {
                let artifact =
                    fs::read_dir(self.dir.join("artifacts").join(hash)).ok()?.flatten().next()?.path();
                // Named by its hash, and held to it: an artifact that was altered is not the incumbent.
                let same = sha256(&artifact).ok()? == hash;
                same.then(|| Built {
                    tree: self.dir.join("sealed/tree"),
                    artifact: Some(artifact),
                    hash: Some(hash.to_owned()),
                })
            }
            None => {
                let slots = ["a", "b"].map(|name| self.dir.join("slots").join(name));
                let slot = slots
                    .iter()
                    .find(|s| fs::read_to_string(s.join("commit")).is_ok_and(|c| c == commit.to_string()))?;
                Some(Built { tree: slot.join("tree"), artifact: None, hash: None })
            }
        }
    }

    fn build(&self, build: &Build, slot: &Path, name: &str, fetch: bool) -> Result<BuildEnd> {
        let (tree, target) = (slot.join("tree"), slot.join("target"));
        let logs = self.dir.join("logs");
        fs::create_dir_all(&logs)
            .and_then(|()| fs::create_dir_all(&target))
            .context("the slot was not made")?;
        let values = [("tree", &*tree.to_string_lossy()), ("target", &*target.to_string_lossy())];
        let private = slot.join("private");
        let run = |words: &[String], fetching: bool| -> Result<Done> {
            let mut argv = fill(words, &values);
            argv[0] = proc::absolute(&argv[0]);
            confine::private(&private)?;
            let env = if fetching { proc::fetching_env() } else { proc::bare_env() };
            let mut env = confine::private_env(env, &private);
            // Set even when empty: an absent one lets a configuration file above the tree decide.
            let mut flags = build.rustflags.clone();
            flags.push(format!("--remap-path-prefix={}=/piton", tree.display()));
            env.push(("CARGO_ENCODED_RUSTFLAGS".into(), flags.join("\u{1f}").into()));
            let read = [confine::named(&argv), self.settings_above(slot), vec![tree.clone()]].concat();
            let mut write = vec![target.clone(), private.clone()];
            // Without an artifact, what is built is the tree itself.
            write.extend(build.artifact.is_none().then(|| tree.clone()));
            write.extend(build.write.iter().map(PathBuf::from));
            if fetching {
                write.extend([tree.clone(), confine::cargo_home()]);
            }
            let policy = self.walls.build(read, write, build.network || fetching);
            let done = self.runner.run(&Job {
                argv: &argv,
                cwd: slot,
                env,
                policy: Some(&policy),
                stdout: logs.join(format!("{name}.out")),
                stderr: logs.join(format!("{name}.log")),
                timeout: Duration::from_secs(build.timeout_s),
                gently: false,
                seen: Some(&|line| self.progress.doing_what(line)),
                stdin: None,
                watch: None,
                heedless: false,
            })?;
            Ok(done)
        };
        let mut steps: Vec<(&[String], bool)> = vec![];
        if fetch && !build.fetch.is_empty() {
            fs::create_dir_all(confine::cargo_home()).context("there is nowhere to fetch to")?;
            steps.push((&build.fetch, true));
        }
        steps.push((&build.command, false));
        for (words, fetching) in steps {
            let done = run(words, fetching)?;
            match done.end {
                End::Exited(0) => {}
                End::TimedOut => return Ok(BuildEnd::TimedOut),
                End::Interrupted => return Ok(BuildEnd::Interrupted),
                End::Exited(_) | End::Signalled(_) => {
                    return Ok(BuildEnd::Failed(Crash::of(&done.stderr, &done.stdout)));
                }
            }
        }
        let Some(artifact) = &build.artifact else {
            return Ok(BuildEnd::Built(Built { tree, artifact: None, hash: None }));
        };
        let made = PathBuf::from(&fill(std::slice::from_ref(artifact), &values)[0]);
        if !made.is_file() {
            return Ok(BuildEnd::Failed(
                format!("the build succeeded and made no {}", made.display()).into(),
            ));
        }
        let bytes = fs::metadata(&made).context("the artifact was not read")?.len();
        if bytes > MAX_ARTIFACT_BYTES {
            let name = made.file_name().unwrap_or_default().display();
            let why = format!("the artifact {name} has {bytes} bytes; it may have {MAX_ARTIFACT_BYTES}");
            return Ok(BuildEnd::Failed(why.into()));
        }
        let (artifact, hash) = self.store(&made)?;
        Ok(BuildEnd::Built(Built { tree, artifact: Some(artifact), hash: Some(hash) }))
    }

    /// Settings of cargo and rustup in directories above a slot, which both look for. Those of this repository
    /// only as they are sealed: another one stands there for the build that cannot read it to fail.
    fn settings_above(&self, slot: &Path) -> Vec<PathBuf> {
        let root = self.repo.main_root();
        let names = [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"];
        let all = slot.ancestors().skip(1).flat_map(|above| names.map(|name| above.join(name)));
        let open = |path: &PathBuf| match path.strip_prefix(&root) {
            Ok(name) => match (fs::read(path), fs::read(self.dir.join("sealed/tree").join(name))) {
                (Ok(here), Ok(sealed)) => here == sealed,
                _ => false,
            },
            Err(_) => path.is_file(),
        };
        all.filter(open).collect()
    }

    /// Copies an artifact to a place named by its hash, where nobody writes.
    fn store(&self, made: &Path) -> Result<(PathBuf, String)> {
        let what = "the artifact was not kept";
        let hash = sha256(made).context(what)?;
        let dir = self.dir.join("artifacts").join(&hash);
        let kept = dir.join(made.file_name().expect("a file"));
        if !sha256(&kept).is_ok_and(|h| h == hash) {
            fs::create_dir_all(&dir).context(what)?;
            let part = dir.join(".part");
            fs::copy(made, &part).context(what)?;
            fs::set_permissions(&part, fs::Permissions::from_mode(0o555)).context(what)?;
            fs::rename(&part, &kept).context(what)?;
        }
        Ok((kept, hash))
    }
}

/// SHA-256 of a file, hexadecimal. However large it is, it is never held whole.
///
/// # Errors
/// When it cannot be read.
pub fn sha256(path: &Path) -> std::io::Result<String> {
    let (mut file, mut hash, mut part) = (fs::File::open(path)?, Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut part)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hash.update(&part[..n]),
        }
    }
}
