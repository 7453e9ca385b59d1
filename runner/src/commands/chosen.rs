//! Which run, and which experiment, a command is about.

use piton_core::base::metric::Gain;
use std::path::{Path, PathBuf};

use super::args::Which;
use piton_climb::ledger_witness;
use piton_core::base::error::{Error, Result};
use piton_core::run::summary;
use piton_core::trial::record::Record;
use piton_lab::doctor::KnownMachine;
use piton_system::config::{self, Config};
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Run};

/// A run to read about: the one that is named, else that of this checkout's branch, else the latest; of the experiment where one stands,
/// where one stands in one.
pub(super) fn chosen(dir: &Path, which: &Which) -> Result<(Repo, Ledger, Run)> {
    let repo = Repo::open(dir)?;
    let none = || {
        Error::refused("there is nothing to show: no run has begun in this repository")
            .hint("begin one: piton climb --trials 6, or piton baseline")
    };
    let Some(ledger) = Ledger::open_existing(&repo.state_dir())? else {
        ledger_witness::check_ledger_is_current(&repo)?;
        return Err(none());
    };
    if let Some(name) = &which.run {
        let run = ledger.run(name)?.ok_or_else(|| {
            Error::refused(format!("there is no run {name}")).hint("piton log shows the latest")
        })?;
        return Ok((repo, ledger, run));
    }
    let run = match here(&repo, &ledger)? {
        Some(run) => run,
        None => match ledger.latest()? {
            None => return Err(none()),
            Some(other) => return Err(elsewhere(repo.within().unwrap_or_default(), &other)),
        },
    };
    Ok((repo, ledger, run))
}

/// The directory of the experiment of this name, in the repository that holds `dir`: `experiments/NAME`.
///
/// # Errors
/// None of that name.
pub(super) fn named(dir: &Path, name: &str) -> Result<PathBuf> {
    let all = Repo::open(dir)?.root().join(EXPERIMENTS);
    let has = |dir: &Path| dir.join(config::FILE).is_file();
    let found = all.join(name);
    if !name.contains('/') && has(&found) {
        return Ok(found);
    }
    let mut names: Vec<String> = std::fs::read_dir(&all)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| has(&entry.path()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let there = if names.is_empty() {
        "none is there".to_owned()
    } else {
        format!("there are: {}", names.join(", "))
    };
    Err(Error::usage(format!("there is no experiment `{name}` in this repository"))
        .cause(format!("{EXPERIMENTS}/{name}/{} is not there", config::FILE))
        .note("nothing was started and nothing was changed")
        .hint(format!("{there}; without --experiment, the one of this directory is meant")))
}

/// Where the experiments of a repository lie that has several.
const EXPERIMENTS: &str = "experiments";

/// The run that is meant where none is named.
fn here(repo: &Repo, ledger: &Ledger) -> Result<Option<Run>> {
    let branch = repo.head().ok().and_then(|head| head.branch.strip_prefix("piton/").map(str::to_owned));
    let branch = branch.map(|name| ledger.run(&name)).transpose()?.flatten();
    match repo.within() {
        Some(within) => match branch.filter(|run| run.within == within) {
            Some(run) => Ok(Some(run)),
            None => ledger.latest_within(within),
        },
        None => branch.map_or_else(|| ledger.latest(), |run| Ok(Some(run))),
    }
}

fn elsewhere(within: &str, other: &Run) -> Error {
    let place =
        |within: &str| if within.is_empty() { "the root of the repository" } else { within }.to_owned();
    Error::refused(format!(
        "there is nothing to show: no run of the experiment in {} has begun",
        place(within)
    ))
    .cause(format!("the latest run, {}, is of the experiment in {}", other.name, place(&other.within)))
    .hint(format!("name that one: --run {}, or begin one here: piton climb --trials 6", other.name))
}

/// A run to read about, with its ledger and its experiment.
pub(super) fn find(dir: &Path, which: &Which) -> Result<(Ledger, Run, Config)> {
    let (_, ledger, run) = chosen(dir, which)?;
    let config = ledger.config(&run)?;
    Ok((ledger, run, config))
}

/// A run to read about, with its experiment and its records.
pub(super) fn reading(dir: &Path, which: &Which) -> Result<(Repo, Run, Config, Vec<Record>)> {
    let (repo, ledger, run) = chosen(dir, which)?;
    let config = ledger.config(&run)?;
    let records = ledger.records(&run.name)?;
    Ok((repo, run, config, records))
}

/// The experiment of the commit at HEAD, and what the latest run knows of the machine.
pub(super) fn experiment(dir: &Path) -> Result<(Config, KnownMachine)> {
    let repo = Repo::open(dir)?;
    let (_, config) = piton_climb::context::experiment(&repo, repo.head()?.commit)?;
    let Some(ledger) = Ledger::open_existing(&repo.state_dir())? else {
        return Ok((config, KnownMachine::default()));
    };
    let records = match ledger.latest_within(repo.within().unwrap_or_default())? {
        Some(run) => ledger.records(&run.name)?,
        None => vec![],
    };
    let measured = records.iter().any(|record| !record.measured.pairs.is_empty());
    let config = config.with_scales_of(records.first());
    let track = measured.then(|| config.histories(&records, false).primary.track());
    let (tau, seeded) =
        (track.as_ref().map(|track| Gain(track.tau)), track.is_some_and(|track| track.seeded));
    let (pair_s, turn_s) = (summary::pair_seconds(&records), summary::turn_seconds(&records));
    Ok((config, KnownMachine { tau, seeded, pair_s, turn_s }))
}
