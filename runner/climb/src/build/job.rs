//! A build as it runs: its commands behind their walls, and what is taken of what they leave.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{BuildEnd, BuildStore, Built, MAX_ARTIFACT_BYTES, made};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::crash::Crash;
use piton_core::trial::scope;
use piton_system::beneath;
use piton_system::config::{Build, fill};
use piton_system::process::{self, Done, End, Job};
use piton_system::sandbox::{self, JobAccess};
use piton_system::toolchains;
use piton_system::tree::{self, Seal, TreeSnapshot, WHEN};

/// What cannot be said of a tree where this fails.
const SEALED: &str = "the sealed files of the tree were not held";

/// The commands of one build, in a slot.
struct BuildJob<'a> {
    store: &'a BuildStore<'a>,
    build: &'a Build,
    built: &'a Built,
    slot: &'a Path,
    name: &'a str,
    /// Where its commands start.
    here: PathBuf,
    target: PathBuf,
    /// What stands for what in its words.
    values: [(&'static str, String); 4],
    /// The list by which walls hold the sealed files, where there is one.
    held: Option<PathBuf>,
}

impl BuildStore<'_> {
    /// Runs a build in its slot. `name` is that of its logs; with `fetch` what it needs is fetched before.
    pub(super) fn build(
        &self,
        build: &Build,
        built: Built,
        slot: &Path,
        (name, fetch): (&str, bool),
        keep: &[&Built],
    ) -> Result<BuildEnd> {
        let (tree, target) = (built.tree.clone(), slot.join("target"));
        fs::create_dir_all(self.dir.join("logs"))
            .and_then(|()| fs::create_dir_all(&target))
            .context("the slot was not made")?;
        // What a build makes of its tree is its own, but for what is sealed: that is held against what else the build runs.
        let writes = build.artifact.is_none() || fetch && !build.fetch.is_empty();
        let seal = writes.then(|| Seal::lay(&tree, &built.held, true)).transpose().context(SEALED)?;
        let list = slot.join("held");
        let held = match &seal {
            Some(seal) => seal.list(&list).context(SEALED)?.then_some(list),
            None => None,
        };
        let here = scope::below(&tree, &build.within);
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let values = [
            ("tree", text(&here)),
            ("root", text(&tree)),
            ("target", text(&target)),
            ("home", text(&toolchains::home())),
        ];
        let job = BuildJob { store: self, build, built: &built, slot, name, here, target, values, held };
        if let Some(ended) = job.run_all(fetch, seal.as_ref())? {
            return Ok(ended);
        }
        let taken = match &build.artifact {
            Some(artifact) => job.take_artifact(artifact, keep)?,
            None => job.take_tree(keep),
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(ended) => return Ok(ended),
        };
        // A build that fetches, or makes no artifact, may write into its tree.
        let laid = match (fetch || build.artifact.is_none())
            .then(|| TreeSnapshot::of(&tree, built.laid.skipped()))
        {
            Some(Ok(laid)) => Arc::new(laid),
            Some(Err(e)) => {
                let why = format!("the build left a tree that cannot be read: {e}");
                return Ok(BuildEnd::Failed(why.into()));
            }
            None => Arc::clone(&built.laid),
        };
        let (artifact, hash, made) = match taken {
            Some((artifact, hash, made)) => (Some(artifact), Some(hash), Some(made)),
            None => (built.artifact.clone(), built.hash.clone(), built.made.clone()),
        };
        Ok(BuildEnd::Built(Built { artifact, hash, made, laid, ..built }))
    }
}

/// An artifact that was taken: where it lies, its hash, and what it is.
type Artifact = (PathBuf, String, Arc<TreeSnapshot>);

impl BuildJob<'_> {
    fn values(&self) -> [(&str, &str); 4] {
        self.values.each_ref().map(|(name, value)| (*name, value.as_str()))
    }

    /// Runs what fetches, then what builds. Returns how it ended, where nothing was built.
    fn run_all(&self, fetch: bool, seal: Option<&Seal>) -> Result<Option<BuildEnd>> {
        let mut steps: Vec<(&[String], bool)> = vec![];
        if fetch && !self.build.fetch.is_empty() {
            fs::create_dir_all(toolchains::cargo_home()).context("there is nowhere to fetch to")?;
            steps.push((&self.build.fetch, true));
        }
        steps.push((&self.build.command, false));
        for (words, fetching) in steps {
            let (done, why) = self.run(words, fetching)?;
            if let Some(what) = seal.map(Seal::broken).transpose().context(SEALED)?.flatten()
                && done.end != End::Interrupted
            {
                return Ok(Some(BuildEnd::Failed(tree::tampered("build", &what).into())));
            }
            let why = why.or_else(|| tree::refused(seal.is_some(), [&done.stderr, &done.stdout]));
            match done.end {
                End::Exited(0) => {}
                End::TimedOut => return Ok(Some(BuildEnd::TimedOut)),
                End::Interrupted => return Ok(Some(BuildEnd::Interrupted)),
                End::Exited(_) | End::Signalled(_) => {
                    let crash = Crash::of(&done.stderr, &done.stdout).because(why);
                    return Ok(Some(BuildEnd::Failed(crash)));
                }
            }
        }
        Ok(None)
    }

    /// Runs one command. Returns how it ended, and what it was refused, where that may be why it failed.
    fn run(&self, words: &[String], fetching: bool) -> Result<(Done, Option<String>)> {
        let (store, build, name) = (self.store, self.build, self.name);
        let (tree, private, logs) = (&self.built.tree, self.slot.join("private"), store.dir.join("logs"));
        let mut argv = fill(words, &self.values());
        argv[0] = process::absolute(&argv[0]);
        sandbox::private(&private)?;
        let opens = build.opens();
        let env = self.env(fetching, &private);
        let read = [
            sandbox::named(&argv),
            settings_above(self.slot),
            vec![self.slot.to_owned()],
            self.built.open.clone(),
        ];
        let mut write = vec![self.target.clone(), private.clone()];
        // Without an artifact, what is built is the tree itself.
        write.extend(build.artifact.is_none().then(|| tree.clone()));
        if fetching {
            write.extend([tree.clone(), toolchains::cargo_home()]);
        }
        let network = build.network || fetching;
        let own = JobAccess { read: read.concat(), write, network, private: &private, env: &env };
        let mut policy = store.walls.build(&opens, own);
        policy.opened.held.clone_from(&self.held);
        let done = store.runner.run(&Job {
            under: &[],
            argv: &argv,
            cwd: &self.here,
            env,
            policy: Some(&policy),
            stdout: logs.join(format!("{name}.out")),
            stderr: logs.join(format!("{name}.log")),
            timeout: Duration::from_secs(build.timeout_s),
            gently: false,
            seen: Some(&|line| store.progress.doing_what(line)),
            stdin: None,
            watch: None,
            heedless: false,
        })?;
        let failed = store.walls.records_refusals()
            || !matches!(done.end, End::Exited(0) | End::TimedOut | End::Interrupted);
        let section = if name == "harness" { name } else { "build" };
        let why = failed.then(|| store.walls.explain(section, &policy, [&done.stderr, &done.stdout]));
        Ok((done, why.flatten()))
    }

    /// The environment of a command.
    fn env(&self, fetching: bool, private: &Path) -> Vec<(OsString, OsString)> {
        let build = self.build;
        let env = match (fetching, build.network) {
            (true, _) => process::fetching_env(),
            (false, true) => process::network_env(),
            (false, false) => process::bare_env(),
        };
        let mut env = sandbox::private_env(env, private);
        // What a build notes down of times must hold in a copy, whose files have this one: Python's compiled files, for one.
        env.extend(build.artifact.is_none().then(|| ("SOURCE_DATE_EPOCH".into(), WHEN.to_string().into())));
        // Set even when empty: an absent one lets a configuration file above the tree decide.
        let mut flags = build.rustflags.clone();
        flags.push(format!("--remap-path-prefix={}=/piton", self.built.tree.display()));
        env.push(("CARGO_ENCODED_RUSTFLAGS".into(), flags.join("\u{1f}").into()));
        env.extend(sandbox::asked_env(&build.opens(), &self.values()));
        env
    }

    /// Takes the artifact out of what the build left.
    fn take_artifact(
        &self,
        artifact: &String,
        keep: &[&Built],
    ) -> Result<std::result::Result<Option<Artifact>, BuildEnd>> {
        let path = PathBuf::from(&fill(std::slice::from_ref(artifact), &self.values())[0]);
        let (mut file, meta) = match made::open(&path, &[&self.target, &self.built.tree]) {
            Ok(taken) => taken,
            Err(refused) => {
                // What an honest build would write through, or into, is not left for it.
                if refused.stands {
                    beneath::remove_at(&self.target).context("what a build left was not removed")?;
                }
                return Ok(Err(BuildEnd::Failed(refused.why.into())));
            }
        };
        let (bytes, file_name) = (meta.bytes, path.file_name().unwrap_or_default());
        if bytes > MAX_ARTIFACT_BYTES {
            let name = file_name.display();
            let why = format!("the artifact {name} has {bytes} bytes; it may have {MAX_ARTIFACT_BYTES}");
            return Ok(Err(BuildEnd::Failed(why.into())));
        }
        let hash = self.store.store(&mut file, file_name)?;
        let family = if self.name == "harness" { self.name } else { "artifacts" };
        let (artifact, made) = self.store.laid_artifact(&hash, family, keep).ok_or_else(|| {
            Error::new("the artifact was not kept").cause("it is gone, or was altered meanwhile")
        })?;
        Ok(Ok(Some((artifact, hash, made))))
    }

    /// Takes the tree as the build left it, unless only this side's holds what tools load unasked.
    fn take_tree(&self, keep: &[&Built]) -> std::result::Result<Option<Artifact>, BuildEnd> {
        let others: Vec<&Path> = keep.iter().map(|other| &*other.tree).collect();
        let alone = || self.built.held.made_here_alone(&self.built.tree, &others);
        match (!others.is_empty()).then(alone).flatten() {
            Some(what) => Err(BuildEnd::Failed(tree::tampered("build", &what).into())),
            None => Ok(None),
        }
    }
}

/// Settings of cargo and rustup in directories above a slot, which both look for: those of the user's home.
fn settings_above(slot: &Path) -> Vec<PathBuf> {
    let names = [".cargo/config.toml", ".cargo/config"];
    let all = slot.ancestors().skip(1).flat_map(|above| names.map(|name| above.join(name)));
    all.filter(|path| path.is_file()).collect()
}
