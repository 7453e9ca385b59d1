//! Runs the checks of an experiment over what was built: each behind the walls of a measurement, in a copy of its own.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::Built;
use crate::context::World;
use crate::sample::{LaidSide, Left, Report, WalledCommand, signal_name};
use piton_core::base::error::{Context, Result};
use piton_core::base::metric::ReadError;
use piton_core::rule::keep;
use piton_core::trial::check::{
    CheckEnd, CheckFault, CheckOutput, CheckResult, CheckRun, Expected, TestFormat, TestReport, judge, words,
};
use piton_core::trial::crash::Crash;
use piton_core::trial::scope;
use piton_system::beneath;
use piton_system::config::{CheckCommand, Config, Laid, fill};
use piton_system::host;
use piton_system::process::{self, Done, End, Job};
use piton_system::sandbox;
use piton_system::state_home::Place;
use piton_system::toolchains;
use piton_system::tree::{self, Seal, sha256};

/// Largest report that is read, in bytes.
const REPORT_BYTES: u64 = 64 << 20;
/// What cannot be said where this fails.
const WHAT: &str = "a check was not run";

/// What runs checks.
pub struct Checker<'a> {
    /// Where they run.
    pub world: &'a World,
    /// Whose checks they are.
    pub config: &'a Config,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
    /// Where trees lie, outside of every repository.
    pub place: &'a Place,
    /// Where output goes.
    pub logs: PathBuf,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    /// It held.
    Held(CheckResult),
    /// It did not, why, and the last lines of what it printed.
    Fell(CheckResult, CheckFault, String),
    /// What should be checked is not what was built any more: nothing was started.
    Changed(String),
    /// The user stopped it.
    Interrupted,
}

/// The files that a check's output is read from.
struct Outputs {
    printed: PathBuf,
    errors: PathBuf,
    result: PathBuf,
}

impl World {
    /// What runs checks, by the words of `config`.
    pub fn checker<'a>(&'a self, config: &'a Config, harness: &'a Built) -> Checker<'a> {
        let logs = self.repo.state_dir().join("logs");
        Checker { world: self, config, harness, place: &self.place, logs }
    }
}

impl Checker<'_> {
    /// Runs one check over `side`, with the seed `again` where it is run again. `baseline` is what it came to there, where this is not the
    /// baseline itself.
    ///
    /// # Errors
    /// When the command cannot be started at all, or a disk refuses.
    pub fn run(
        &self,
        check: &CheckCommand,
        side: &Built,
        baseline: Option<&CheckResult>,
        again: Option<u64>,
    ) -> Result<Checked> {
        if let Some(what) = side.changed().or_else(|| self.harness.changed()) {
            return Ok(Checked::Changed(what));
        }
        let seed = match (again, baseline) {
            (Some(seed), _) => seed,
            // What is compared byte for byte is made of the same numbers.
            (None, Some(baseline)) if check.golden.is_some() => baseline.seed,
            // As many bits as a sample is given.
            _ => keep::draw(host::fresh_seed()?, 0).prompts,
        };
        self.world.doing(&format!("checking: {}", check.name));
        let laid = LaidSide::lay(self.place, side, check.tree)?;
        let ended = self.started(check, side, &laid, seed);
        laid.clear()?;
        let Some((run, seconds)) = ended? else { return Ok(Checked::Interrupted) };
        let fault = judge(&run, Expected { baseline, sha256: check.sha256() });
        let report = run.report.as_ref().and_then(|report| report.as_ref().ok());
        let output = run.output.as_ref().and_then(|output| output.as_ref().ok());
        let result = CheckResult {
            name: check.name.clone(),
            passed: fault.is_none(),
            seconds,
            seed,
            tests: report.map(TestReport::ran),
            output: output.map(|output| output.sha256.clone()),
            names: baseline.map_or_else(|| report.map_or_else(Vec::new, TestReport::kept_names), |_| vec![]),
        };
        Ok(match fault {
            None => Checked::Held(result),
            Some(fault) => Checked::Fell(result, fault, run.crash.tail),
        })
    }

    /// Runs the command where `side` is laid. `None` where the user stopped it.
    fn started(
        &self,
        check: &CheckCommand,
        side: &Built,
        laid: &LaidSide,
        seed: u64,
    ) -> Result<Option<(CheckRun, f64)>> {
        let within = &self.config.within;
        let here = scope::below(&laid.tree, within);
        let private = self.place.at()?.join("private");
        sandbox::private(&private)?;
        let told = check.places_report().then_some(&*private);
        let placed =
            check.report.clone().map(|said| Report::at(said, &here, told)).transpose().context(WHAT)?;
        // What the build left there is not what this check found.
        let in_commit =
            placed.as_ref().map(|report| report.clear(within, &side.held)).transpose().context(WHAT)?;
        if let Some(why) = in_commit.flatten() {
            let end = CheckEnd::Tampered(why);
            return Ok(Some((CheckRun { end, report: None, output: None, crash: Crash::default() }, 0.0)));
        }
        let writes = check.tree == Laid::Fresh;
        let sealed = "what is sealed in its tree was not held";
        let seal = writes.then(|| Seal::lay(&laid.tree, &side.held, false)).transpose().context(sealed)?;
        let list = self.place.at()?.join("held");
        let listed = seal.as_ref().map(|seal| seal.list(&list)).transpose().context(sealed)?;
        let list = listed.unwrap_or(false).then_some(list);
        let at = (&*here, &*private, placed.as_ref());
        let (done, walled) = self.job(check, side, laid, at, (writes, list), seed)?;
        let tampered =
            seal.as_ref().map(Seal::broken).transpose().context("its tree cannot be read")?.flatten();
        let end = match (&done.end, tampered) {
            (End::Interrupted, _) => return Ok(None),
            (_, Some(what)) => CheckEnd::Tampered(tree::tampered("check", &what)),
            (End::TimedOut, _) => CheckEnd::TimedOut(check.timeout_s),
            (End::Exited(status), _) => CheckEnd::Exited(*status),
            (End::Signalled(signal), _) => CheckEnd::Signalled(signal_name(*signal)),
        };
        let why = walled.or_else(|| tree::refused(seal.is_some(), [&done.stderr, &done.stdout]));
        let failed = !matches!(end, CheckEnd::Exited(0));
        let crash = Crash::of(&done.stderr, &done.stdout).because(why.filter(|_| failed));
        let left = self.left(check, placed.as_ref());
        let report =
            check.format.tells_tests().then(|| left.clone().and_then(|left| report(check.format, &left)));
        let output =
            check.golden.is_some().then(|| left.and_then(|left| output(&left, check.compares_words())));
        Ok(Some((CheckRun { end, report, output, crash }, done.seconds)))
    }

    /// The job itself. Returns how it ended, and what it was refused, where that may be why it failed.
    fn job(
        &self,
        check: &CheckCommand,
        side: &Built,
        laid: &LaidSide,
        (here, private, report): (&Path, &Path, Option<&Report>),
        (writes, list): (bool, Option<PathBuf>),
        seed: u64,
    ) -> Result<(Done, Option<String>)> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let target = laid.scratch.join("target");
        if check.command.iter().any(|word| word.contains("{target}")) {
            let built_in = side.tree.parent().map(|slot| slot.join("target")).filter(|built| built.is_dir());
            match built_in {
                Some(built_in) => tree::copy(&built_in, &target),
                None => fs::create_dir(&target),
            }
            .context(WHAT)?;
        }
        let optional = |path: Option<&Path>| path.map(text).unwrap_or_default();
        let seed = seed.to_string();
        let values: [(&str, &str); 10] = [
            ("tree", &text(here)),
            ("root", &text(&laid.tree)),
            ("sealed", &text(&scope::below(&self.harness.tree, &self.config.within))),
            ("seed", &seed),
            ("artifact", &optional(laid.artifact.as_deref())),
            ("harness", &optional(self.harness.artifact.as_deref())),
            ("target", &text(&target)),
            ("home", &text(&toolchains::home())),
            ("out", &sandbox::RESULT.to_string()),
            ("report", &report.map(|report| text(&report.place())).unwrap_or_default()),
        ];
        let mut argv = fill(&check.command, &values);
        argv[0] = process::absolute(&argv[0]);
        fs::create_dir_all(&self.logs).context(WHAT)?;
        let (walls, outputs) = (&self.world.walls, self.outputs());
        let mut write: Vec<PathBuf> = target.is_dir().then_some(target).into_iter().collect();
        write.extend(writes.then(|| laid.tree.clone()));
        let command = WalledCommand {
            walls,
            opens: check.opens(),
            harness: self.harness,
            sides: &[side],
            scratch: &laid.scratch,
            private,
            argv: &argv,
            names: &[],
            values: &values,
            seed: &seed,
            write,
            held: list,
            result: check.result().then_some(outputs.result),
        };
        let (env, policy) = command.prepare()?;
        let done = self.world.runner.run(&Job {
            argv: &argv,
            cwd: here,
            env,
            policy: Some(&policy),
            stdout: outputs.printed,
            stderr: outputs.errors,
            timeout: Duration::from_secs(check.timeout_s),
            gently: false,
            seen: Some(&|line| self.world.progress.doing_what(line)),
            stdin: None,
            watch: None,
            heedless: false,
            under: &[],
        })?;
        let failed = !matches!(done.end, End::Exited(0) | End::TimedOut | End::Interrupted);
        let explained = (failed || walls.records_refusals())
            .then(|| walls.explain("check", &policy, [&done.stderr, &done.stdout]))
            .flatten();
        Ok((done, explained.filter(|_| failed)))
    }

    fn outputs(&self) -> Outputs {
        let at = |name| self.logs.join(name);
        Outputs { printed: at("check.out"), errors: at("check.log"), result: at("check.result") }
    }

    /// What a check's output is: the file or directory that it left, what it wrote to its descriptor, else what it printed.
    fn left(&self, check: &CheckCommand, report: Option<&Report>) -> std::result::Result<Left, String> {
        let outputs = self.outputs();
        match report {
            Some(report) => report.take(&self.logs.join("check.report")).map_err(|e| match e {
                ReadError::NoReport { path, why } if why.starts_with("nothing is there") => {
                    format!("it left no `{path}`")
                }
                ReadError::NoReport { path, why } => format!("`{path}`: {why}"),
                other => other.to_string(),
            }),
            None if check.result() => Ok(Left::File(outputs.result)),
            None => Ok(Left::File(outputs.printed)),
        }
    }
}

/// Reads a report: one file, or the `.xml` files of a directory.
fn report(format: TestFormat, left: &Left) -> std::result::Result<TestReport, String> {
    match left {
        Left::File(file) => format.read(&printed(file)?),
        Left::Directory(files) if format == TestFormat::Junit => {
            let own = files.iter().filter(|file| file.path.ends_with(".xml"));
            let all: Vec<&str> = own.map(|file| file.text.as_str()).collect();
            match all.is_empty() {
                true => Err("the directory has no .xml file".to_owned()),
                false => format.read(&all.join("\n")),
            }
        }
        Left::Directory(_) => Err("it is a directory".to_owned()),
    }
}

/// What was left to be compared, whole or by its words.
fn output(left: &Left, by_words: bool) -> std::result::Result<CheckOutput, String> {
    let Left::File(file) = left else { return Err("it is a directory".to_owned()) };
    if by_words {
        let said = words(&printed(file)?);
        return Ok(CheckOutput { sha256: tree::sha256_of(said.as_bytes()), bytes: said.len() as u64 });
    }
    let bytes = fs::metadata(file).map_err(|e| e.to_string())?.len();
    Ok(CheckOutput { sha256: sha256(file).map_err(|e| e.to_string())?, bytes })
}

/// The text of a file that is no larger than a report may be.
fn printed(file: &Path) -> std::result::Result<String, String> {
    let mut bytes = vec![];
    let opened = beneath::open(file).map_err(|e| e.to_string())?;
    opened.take(REPORT_BYTES + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    match bytes.len() as u64 > REPORT_BYTES {
        true => Err(format!("it has more than {} MiB", REPORT_BYTES >> 20)),
        false => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}
