//! `piton init`: the files of an experiment, for a project that has none.
//!
//! Gathers what is known of the directory, has `piton_lab::draft` say what could be made of it, writes the files of one draft, and builds
//! and measures once what they say. What was not written by piton is never changed.

mod asked;
mod attempt;
mod existing;
mod gather;
mod install;
mod told;

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::Serialize;

use super::args::InitArgs;
use super::pointers;
use piton_agent::kind::AgentKind;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::base::level::Level;
use piton_core::trial::scope::below;
use piton_core::trial::text::clean;
use piton_lab::doctor::Attempt;
use piton_lab::draft::{self, Draft, Facts, MEASURE, PROGRAM};
use piton_lab::set_up::SetUpReport;
use piton_system::config;
use piton_system::git::Repo;
use piton_system::process;
use piton_system::terminal;

/// What was found, written and tried.
#[derive(Debug, Serialize)]
struct Report {
    /// What the project was taken for.
    kind: String,
    /// What is measured, as `--bench` names it.
    bench: String,
    /// What else could be.
    others: Vec<String>,
    /// Files that were written.
    wrote: Vec<String>,
    /// Files that were there, and are as they were.
    left: Vec<String>,
    /// What is to be known of files that were there.
    notes: Vec<String>,
    /// Commands that installed what it needs.
    installed: Vec<String>,
    /// What is to be seen to.
    needs: Vec<String>,
    /// Commands that install what runs its tests, where these are no check yet.
    tests_need: Vec<String>,
    /// Names of the checks that a challenger must pass before it is measured.
    checks: Vec<String>,
    /// What became of the try; absent where nothing was tried.
    tried: Option<Attempt>,
    /// The place to change, where the try failed.
    change: Option<String>,
    /// What an agent made of it, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_up: Option<SetUpReport>,
    /// Whether the files were committed.
    committed: bool,
}

impl Report {
    /// Of what measures `chosen`, one of `candidates`. Nothing is written yet.
    fn of(chosen: &Draft, candidates: &[Draft]) -> Self {
        let others = candidates.iter().filter(|other| other.bench != chosen.bench);
        Self {
            kind: chosen.kind.clone(),
            bench: chosen.bench.clone(),
            others: others.map(|other| other.bench.clone()).collect(),
            checks: chosen.checks.iter().map(|check| check.name.clone()).collect(),
            wrote: vec![],
            left: vec![],
            notes: vec![],
            installed: vec![],
            needs: chosen
                .install
                .iter()
                .map(|command| install::line(command))
                .chain(chosen.needs.clone())
                .collect(),
            tests_need: chosen.tests_need.iter().map(|command| command.join(" ")).collect(),
            tried: None,
            change: None,
            set_up: None,
            committed: false,
        }
    }

    /// Whether what was tried failed.
    fn failed(&self) -> bool {
        self.tried.as_ref().is_some_and(|tried| tried.failed.is_some())
            || self.set_up.as_ref().is_some_and(|asked| !asked.holds)
    }
}

/// `piton init`.
pub(super) fn run(dir: &Path, least: Level, args: &InitArgs) -> Result<u8> {
    let repo = Repo::open(dir)?;
    if let Some(own) = &args.agents {
        let own = own.iter().map(|file| AgentKind::read(file, dir, "nothing was written"));
        let kinds = AgentKind::all_known().map(Ok).chain(own).collect::<Result<Vec<AgentKind>>>()?;
        let root = repo.within().map_or_else(|| dir.to_owned(), |within| below(repo.root(), within));
        return pointers::write(&root, &kinds).map(|()| exit::DONE);
    }
    let dir = &fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let within = within(&repo, dir);
    // A branch without a commit holds nothing yet.
    let head = repo.head().ok().map(|head| head.commit);
    let mut facts = gather::facts(&repo, dir, &within, head)?;
    let mut candidates = draft::candidates(&facts);
    let mut bench = match (&args.bench, &args.agent) {
        // An agent finds out itself what is to be measured.
        (None, Some(_)) => candidates[0].bench.clone(),
        (named, _) => choose(&candidates, named.as_deref())?.bench.clone(),
    };
    let installed = install::run(dir, named(&candidates, &bench), args.install)?;
    if !installed.is_empty() {
        facts = gather::facts(&repo, dir, &within, head)?;
        candidates = draft::candidates(&facts);
        // What is there now may say better what it is.
        if candidates.iter().all(|draft| draft.bench != bench) {
            bench.clone_from(&candidates[0].bench);
        }
    }
    if args.agent.is_some() {
        let here = asked::Here { dir, least, repo: &repo, within: &within, facts: &facts, args };
        let report = Report { installed, ..here.run(head, candidates)? };
        return Ok(tell(&report, &repo, &within, args.json));
    }
    let chosen = named(&candidates, &bench);
    let mut report = Report { installed, ..Report::of(chosen, &candidates) };
    existing::results(dir, args.import, &mut report)?;
    let fresh = !dir.join(config::FILE).exists();
    write(dir, chosen, &facts, fresh, &mut report)?;
    let sure = chosen.needs.is_empty() && chosen.install.is_empty();
    // What is not installed cannot be tried.
    if let (true, true, Some(head)) = (fresh && chosen.install.is_empty(), !args.no_try, head) {
        attempt::run(dir, least, head, &within, &mut report)?;
        if let Some(draft) = chosen.without_words().filter(|_| attempt::says_other_words(&report)) {
            let what = "piton.toml was not written anew";
            fs::write(dir.join(config::FILE), draft::piton_toml(&draft, &facts)).context(what)?;
            report.checks.retain(|check| check != draft::OUTPUT);
            attempt::run(dir, least, head, &within, &mut report)?;
        }
    }
    let works = report.tried.as_ref().map_or(sure, |tried| tried.failed.is_none());
    if args.commit && works && !report.wrote.is_empty() {
        commit(dir, &report.wrote)?;
        report.committed = true;
    }
    Ok(tell(&report, &repo, &within, args.json))
}

/// Prints the report. Returns the exit status.
fn tell(report: &Report, repo: &Repo, within: &str, json: bool) -> u8 {
    terminal::either(json, report, || format!("{}{}", told::place(repo, within), told::told(report)));
    if report.failed() { exit::BASELINE } else { exit::DONE }
}

/// Where a directory lies in its repository; empty for the root.
fn within(repo: &Repo, dir: &Path) -> String {
    let root = fs::canonicalize(repo.root()).unwrap_or_else(|_| repo.root().to_owned());
    dir.strip_prefix(root).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The draft of a name that stands among them.
fn named<'a>(candidates: &'a [Draft], bench: &str) -> &'a Draft {
    candidates.iter().find(|draft| draft.bench == bench).unwrap_or(&candidates[0])
}

/// The draft that is named, or that a person at the terminal chooses, else the first.
fn choose<'a>(candidates: &'a [Draft], named: Option<&str>) -> Result<&'a Draft> {
    let by = |name: &str| candidates.iter().find(|draft| draft.bench == name);
    if let Some(name) = named {
        return by(name).ok_or_else(|| {
            let names: Vec<&str> = candidates.iter().map(|draft| draft.bench.as_str()).collect();
            Error::usage(format!("nothing was written: there is no benchmark `{}` here", clean(name, 80)))
                .cause(format!("piton found: {}", names.join(", ")))
                .hint("leave --bench out for the first of them")
        });
    }
    let first = &candidates[0];
    if candidates.len() == 1 {
        return Ok(first);
    }
    let lines: Vec<String> = candidates
        .iter()
        .enumerate()
        .map(|(n, draft)| format!("  {}. {}: {}", n + 1, draft.bench, draft.kind))
        .collect();
    let question =
        format!("What is to be measured?\n{}\nNumber or name, Enter for the first:", lines.join("\n"));
    let Some(answer) = terminal::ask(&question) else { return Ok(first) };
    let numbered = answer.parse::<usize>().ok().and_then(|n| candidates.get(n.checked_sub(1)?));
    numbered.or_else(|| by(&answer)).ok_or_else(|| {
        Error::usage(format!("nothing was written: `{}` is none of them", clean(&answer, 80)))
            .hint("type a number or a name of the list")
    })
}

/// Writes what is not there. A `measure.sh` belongs to the `piton.toml` that calls it.
fn write(dir: &Path, draft: &Draft, facts: &Facts, fresh: bool, report: &mut Report) -> Result<()> {
    let mut files = vec![];
    if fresh {
        files.push((config::FILE, draft::piton_toml(draft, facts)));
        files.extend(draft::measure_sh(draft).map(|text| (MEASURE, text)));
    } else {
        report.left.push(config::FILE.to_owned());
    }
    if fresh {
        files.extend(draft.files.iter().map(|(name, text)| (name.as_str(), text.clone())));
    }
    files.push((PROGRAM, draft::program_md(draft)));
    for (name, text) in files {
        let list = if create(&dir.join(name), &text)? { &mut report.wrote } else { &mut report.left };
        list.push(name.to_owned());
    }
    if draft.by_itself {
        existing::program(dir, draft, report)?;
    }
    if fresh {
        make(dir, draft, report);
    }
    Ok(())
}

/// Has the ecosystem's own commands make files that are not there, which builds are locked to.
fn make(dir: &Path, draft: &Draft, report: &mut Report) {
    for (path, command) in &draft.makes {
        if dir.join(path).exists() {
            // It is there, and no commit has it: git ignores it, or nobody added it.
            report.wrote.push(path.clone());
            continue;
        }
        let argv: Vec<std::ffi::OsString> = command.iter().map(Into::into).collect();
        match process::ask(&argv, dir) {
            Ok(done) if done.status == Some(0) && dir.join(path).exists() => report.wrote.push(path.clone()),
            Ok(done) => report.needs.push(format!(
                "{}, and commit {path}: it failed now: {}",
                command.join(" "),
                piton_core::trial::crash::Crash::of(&done.err, &done.out).reason
            )),
            Err(_) => report.needs.push(format!("{}, and commit {path}", command.join(" "))),
        }
    }
}

/// Makes a file that is not there. Returns whether it was not.
fn create(path: &Path, text: &str) -> Result<bool> {
    let what = || format!("{} was not written", path.display());
    match fs::File::create_new(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).context(what()).map(|()| true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e).context(what()),
    }
}

/// Commits these files and nothing else, by the user's own git, with whatever hooks he has.
fn commit(dir: &Path, files: &[String]) -> Result<()> {
    let git = |words: &[&str]| -> Result<()> {
        let argv = ["git"].iter().chain(words).map(Into::into).chain(files.iter().map(Into::into));
        let done = process::ask(&argv.collect::<Vec<_>>(), dir)?;
        if done.status == Some(0) {
            return Ok(());
        }
        Err(Error::refused("the files are written, and were not committed")
            .cause(clean(done.err.trim(), 400))
            .note("nothing else was changed")
            .hint(told::commit_line(files)))
    };
    // What git ignores is added all the same: builds are locked to it.
    git(&["add", "--force", "--"])?;
    git(&["commit", "--quiet", "--message", "Add an experiment for piton", "--"])
}
