//! `piton init --agent`: an agent completes what piton could not find out, and piton believes nothing of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Report, attempt, commit, make};
use crate::commands::args::InitArgs;
use crate::commands::world;
use piton_agent::Agent;
use piton_climb::context::World;
use piton_core::base::error::{Context, Error, Result};
use piton_core::base::level::Level;
use piton_core::run::stopping::{self, Budget, ClimbOptions, Hooks};
use piton_core::trial::scope::join;
use piton_core::trial::text::{clean, plural, printable};
use piton_lab::doctor::Attempt;
use piton_lab::draft::{self, Draft, Facts, MEASURE, PROGRAM};
use piton_lab::set_up::{LOGS, SetUp, SetUpReport};
use piton_lab::try_once::{self, Files};
use piton_system::beneath;
use piton_system::config::{self, Config};
use piton_system::git::{Id, Repo};
use piton_system::terminal::Tone;

const WHAT: &str = "nothing was set up and nothing was written";
/// All that an agent may write.
const NAMES: [&str; 3] = [config::FILE, PROGRAM, MEASURE];
/// Where its files are kept, where they do not hold.
const KEPT: &str = "init";

/// Where it is asked, and for what.
pub(super) struct Here<'a> {
    pub dir: &'a Path,
    pub least: Level,
    pub repo: &'a Repo,
    pub within: &'a str,
    pub facts: &'a Facts,
    pub args: &'a InitArgs,
}

impl Here<'_> {
    /// Drafts, tries, and asks where that is not enough. Writes what holds, else the draft.
    pub fn run(&self, head: Option<Id>, mut candidates: Vec<Draft>) -> Result<Report> {
        let head = head.ok_or_else(|| {
            Error::usage(WHAT)
                .cause("nothing is committed yet, and piton builds and measures what a commit holds")
                .hint("git add --all && git commit, then start it again")
        })?;
        let (options, agent) = self.agent()?;
        let world = world(self.dir, self.least)?;
        if world.walls.found().level == Level::None {
            return Err(Error::refused(WHAT)
                .cause("the level of this machine's walls is none: nothing would confine the agent, nor what it has built and run")
                .hint("piton init, without --agent, writes a draft"));
        }
        if let Some(bench) = &self.args.bench {
            let chosen = super::choose(&candidates, Some(bench))?.bench.clone();
            candidates.sort_by_key(|draft| draft.bench != chosen);
        }
        let mut report = Report::of(&candidates[0], &candidates);
        let standing = self.dir.join(config::FILE).exists();
        if standing {
            // What a draft would lack says nothing of what is there.
            report.needs.clear();
            report.kind = "the experiment that is there".to_owned();
        }
        let names = self.names(standing)?;
        let drafted = self.drafted(&candidates[0], standing, &names)?;
        let makes = candidates[0].makes.iter().filter(|(path, _)| !standing && !self.dir.join(path).exists());
        let new: Vec<PathBuf> = makes.map(|(path, _)| self.dir.join(path)).collect();
        if !standing {
            make(self.dir, &candidates[0], &mut report);
        }
        let ended =
            self.complete(&world, (&options, &agent), (head, &candidates), (&drafted, &names), &mut report);
        if ended.is_err() {
            new.iter().for_each(|path| drop(fs::remove_file(path)));
        }
        self.write(ended?, &mut report)?;
        if self.args.commit && !report.failed() && report.needs.is_empty() && !report.wrote.is_empty() {
            commit(self.dir, &report.wrote)?;
            report.committed = true;
        }
        Ok(report)
    }

    fn agent(&self) -> Result<(ClimbOptions, Agent)> {
        let args = self.args;
        let options = ClimbOptions {
            agent: args.agent.clone().unwrap_or_default(),
            model: args.model.clone(),
            words: args.agent_args.0.clone(),
            turns: None,
            same_session: false,
            budget: Budget { usd: args.max_usd, ..Budget::default() },
            timeout: args.agent_timeout,
            stall: args.stall,
            more: args.more.clone(),
            hooks: Hooks::default(),
            profile: false,
        };
        match Agent::choose(&options, self.dir, WHAT)? {
            Agent::Tuner => Err(Error::usage(WHAT)
                .cause("the tuner tries constants, and knows nothing of a project")
                .hint("`piton agents` lists agents that do")),
            agent => Ok((options, agent)),
        }
    }

    /// What the agent may write: where there is no experiment, what is not there; where there is one, its files, if git has them as they are.
    fn names(&self, standing: bool) -> Result<Vec<&'static str>> {
        let there = |name: &&str| self.dir.join(name).exists();
        if !standing {
            return Ok(NAMES.into_iter().filter(|name| !there(name)).collect());
        }
        let dirty = self.repo.dirty()?;
        let path = |name: &str| join(self.within, name);
        let held = |name: &&str| self.repo.tracks(&path(name)) && !dirty.contains(&path(name));
        match NAMES.into_iter().filter(there).find(|name| !held(name)) {
            None => Ok(NAMES.to_vec()),
            Some(name) => Err(Error::refused(WHAT)
                .cause(format!("{name} is there, and no commit has it as it is: what an agent changes of it could not be put back"))
                .note("it is as it was")
                .hint(format!("git add {name} && git commit, or move it away; then start it again"))),
        }
    }

    /// What the agent begins with.
    fn drafted(&self, draft: &Draft, standing: bool, names: &[&str]) -> Result<Files> {
        let mut files = Files::new();
        if standing {
            for name in names.iter().filter(|name| self.dir.join(name).exists()) {
                let text = fs::read(self.dir.join(name)).context(WHAT)?;
                files.insert((*name).to_owned(), text);
            }
            return Ok(files);
        }
        let texts = [
            (config::FILE, Some(draft::piton_toml(draft, self.facts))),
            (PROGRAM, Some(draft::program_md(draft))),
            (MEASURE, draft::measure_sh(draft)),
        ];
        let own = texts.into_iter().filter(|(name, _)| names.contains(name));
        files.extend(own.filter_map(|(name, text)| Some((name.to_owned(), text?.into_bytes()))));
        Ok(files)
    }

    /// Tries the draft, and has it completed where it is not whole. Returns the files to be written.
    fn complete(
        &self,
        world: &World,
        (options, agent): (&ClimbOptions, &Agent),
        (head, candidates): (Id, &[Draft]),
        (drafted, names): (&Files, &[&str]),
        report: &mut Report,
    ) -> Result<Files> {
        let anew = || crate::commands::world(self.dir, self.least);
        let beside = self.beside(names, report)?;
        let all: Files =
            beside.iter().chain(drafted).map(|(name, text)| (name.clone(), text.clone())).collect();
        let first = if report.needs.is_empty() { self.tried(&anew, head, &all)? } else { None };
        if world.runner.interrupted() {
            return Err(Error::new(WHAT).cause(piton_system::process::STOPPED).status(130));
        }
        let says = |files: &Files| {
            let text = config::text(files.get(config::FILE).cloned()).ok()?;
            Config::parse_new(&text).ok()
        };
        let measured = first.as_ref().is_some_and(|tried| tried.failed.is_none());
        let checked = says(drafted).is_some_and(|config| !config.checks.is_empty());
        if measured && checked && self.args.say.is_none() {
            world.progress.line(Tone::Plain, "the agent was not asked: the draft measures, and has checks; --say TEXT asks it all the same");
            attempt::note(first.unwrap_or_default(), &all, report);
            return Ok(drafted.clone());
        }
        let asked = SetUp {
            world,
            anew: &anew,
            agent,
            options,
            dir: self.dir,
            within: self.within,
            head,
            facts: self.facts,
            candidates,
            names,
            standing: self.dir.join(config::FILE).exists(),
            beside: &beside,
            say: self.args.say.as_deref(),
        };
        let asked = asked.run(drafted, first.as_ref())?;
        let files = if asked.holds {
            report.needs.clear();
            report.kind = format!("set up by {}", clean(&asked.agent, 80));
            let last = asked.rounds.last().and_then(|round| round.tried.clone());
            attempt::note(last.unwrap_or_default(), &asked.files, report);
            let config = says(&asked.files);
            report.checks =
                config.into_iter().flat_map(|config| config.checks).map(|check| check.name).collect();
            asked.files.clone()
        } else {
            if let Some(first) = first {
                attempt::note(first, &all, report);
            }
            self.keep(&asked)?;
            drafted.clone()
        };
        report.set_up = Some(asked);
        Ok(files)
    }

    fn tried(&self, anew: &dyn Fn() -> Result<World>, head: Id, files: &Files) -> Result<Option<Attempt>> {
        match try_once::attempt_with(anew()?, head, self.within, files) {
            // What cannot be read is the agent's to mend, too.
            Err(error) if error.status == Error::usage("").status => Ok(Some(Attempt {
                failed: Some(error.cause.unwrap_or(error.what)),
                section: Some(config::FILE.to_owned()),
                ..Attempt::default()
            })),
            done => done.map(Some),
        }
    }

    /// What is committed beside its files: locks that were made, and files of these names that are the user's.
    fn beside(&self, names: &[&str], report: &mut Report) -> Result<Files> {
        let own = NAMES.into_iter().filter(|name| !names.contains(name) && self.dir.join(name).exists());
        report.left.extend(own.map(str::to_owned));
        let read = |name: &String| Ok((name.clone(), fs::read(self.dir.join(name)).context(WHAT)?));
        report.wrote.iter().chain(&report.left).map(read).collect()
    }

    /// Keeps the agent's last files, where they do not hold: they may be worth a look.
    fn keep(&self, asked: &SetUpReport) -> Result<()> {
        let dir = self.repo.state_dir().join(KEPT);
        let _ = beneath::remove_at(&dir);
        fs::create_dir_all(&dir).context("the agent's files were not kept")?;
        for (name, text) in &asked.files {
            fs::write(dir.join(name), text).context("the agent's files were not kept")?;
        }
        Ok(())
    }

    fn write(&self, files: Files, report: &mut Report) -> Result<()> {
        for (name, text) in files {
            let there = fs::read(self.dir.join(&name)).ok();
            if there.as_ref() == Some(&text) {
                report.left.push(name);
                continue;
            }
            beneath::put(self.dir, Path::new(&name), &text).context(format!("{name} was not written"))?;
            report.wrote.push(name);
        }
        Ok(())
    }
}

/// What the agent made of it, for people.
pub(super) fn told(asked: &SetUpReport, wrote: bool) -> String {
    let rounds = plural(asked.rounds.len(), "round");
    let cost = stopping::cost(&asked.cost);
    let agent = clean(&asked.agent, 80);
    let mut text = match asked.holds {
        true => format!(
            "{agent} set it up in {rounds} ({cost}); piton refused or tried each, and once more with every editable file emptied\n"
        ),
        false => format!(
            "{agent} did not set it up in {rounds} ({cost}): {}; the agent's last files are in .git/piton/{KEPT}, what it printed in .git/piton/{LOGS}\n",
            if wrote { "piton's own draft was written" } else { "the files that are there are as they were" }
        ),
    };
    for (n, round) in asked.rounds.iter().enumerate() {
        if let Some(why) = round.why() {
            text.push_str(&format!("  round {}: {}\n", n + 1, clean(&why, 600)));
        }
    }
    if !asked.chose.is_empty() {
        text.push_str("it chose:\n");
        asked.chose.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    }
    if !asked.diff.is_empty() {
        text.push_str(&format!("it changed of piton's draft:\n{}\n", printable(asked.diff.trim_end())));
    }
    text
}
