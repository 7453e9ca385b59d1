//! The files that a run leaves in the user's checkout: the table and the transcript, under names that are not the user's own.
//!
//! A `results.tsv` or `run.log` that piton did not make is never written to: piton's go by another name then, which is told once and
//! remembered.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TABLE;
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::scope;
use piton_system::beneath;
use piton_system::git::{Repo, Site};
use piton_system::ledger::{Ledger, Printed};

/// The table.
pub const RESULTS: &str = "results.tsv";
/// What the last trial's commands printed.
pub const LOG: &str = "run.log";
/// The directory of guidance, worktrees and reports.
pub const OWN: &str = ".piton";

/// The names of piton's files in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Of the table.
    pub table: String,
    /// Of the transcript.
    pub log: String,
}

impl Default for Names {
    fn default() -> Self {
        Self { table: RESULTS.to_owned(), log: LOG.to_owned() }
    }
}

/// The files of one experiment in one checkout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentFiles {
    /// The directory of the experiment in the user's checkout.
    pub dir: PathBuf,
    /// What they are called.
    pub names: Names,
}

impl ExperimentFiles {
    /// Where the table is printed.
    pub fn table(&self) -> PathBuf {
        self.dir.join(&self.names.table)
    }

    /// Where the transcript goes.
    pub fn log(&self) -> PathBuf {
        self.dir.join(&self.names.log)
    }
}

/// A mark of a site: the root of the repository's own checkout has the plain name, as it had before there were others.
pub(super) fn mark(name: &str, site: &Site) -> String {
    match (&site.worktree, site.within.as_str()) {
        (None, "") => name.to_owned(),
        (None, within) => format!("{name} {within}"),
        (Some(worktree), within) => format!("{name} {within}@{worktree}"),
    }
}

/// The mark of the names.
const NAMES: &str = "files";

/// The files of a site, as they were called last.
///
/// # Errors
/// When the ledger cannot be read.
pub fn files(ledger: &Ledger, repo: &Repo, site: &Site) -> Result<ExperimentFiles> {
    let names = ledger.mark(&mark(NAMES, site))?.unwrap_or_default();
    Ok(ExperimentFiles { dir: repo.directory(site), names })
}

/// The same, with names at which nothing of the user's stands; and which name was not free, where it was not so before.
///
/// # Errors
/// When the ledger or the directory cannot be written.
pub fn settle(ledger: &Ledger, repo: &Repo, site: &Site) -> Result<(ExperimentFiles, Vec<String>)> {
    let known: Option<Names> = ledger.mark(&mark(NAMES, site))?;
    let printed: Option<Printed> = ledger.mark(&mark(TABLE, site))?;
    // Before names were remembered there were only these.
    let older = known.is_none() && ledger.runs()?.iter().any(|run| run.site(repo) == *site);
    let before = known.clone().unwrap_or_default();
    let dir = repo.directory(site);
    fs::create_dir_all(&dir).context(format!("{} was not made", dir.display()))?;
    let tracked = |name: &str| repo.tracks(&scope::join(&site.within, name));
    let made = known.is_some() || older;
    let table = |name: &str| {
        let (path, was) = (dir.join(name), made && name == before.table);
        let same = printed.as_ref().is_some_and(|printed| printed.untouched(&path));
        !tracked(name) && (same || free(&path, was, is_table))
    };
    let log = |name: &str| !tracked(name) && free(&dir.join(name), made && name == before.log, is_log);
    let what = "no name was found for a file of piton's";
    let none =
        || Error::new(what).cause(format!("{} has files of every name that it could have", dir.display()));
    let names = Names {
        table: choose(&before.table, RESULTS, &table).ok_or_else(none)?,
        log: choose(&before.log, LOG, &log).ok_or_else(none)?,
    };
    let mut told = vec![];
    for (is, was, usual) in [(&names.table, &before.table, RESULTS), (&names.log, &before.log, LOG)] {
        if is != was {
            told.push(format!("{usual} is your own file and stays as it is: piton's goes to {is}"));
        }
    }
    if known.as_ref() != Some(&names) {
        ledger.set_mark(&mark(NAMES, site), &names)?;
    }
    repo.exclude(&ignored(site, &names))?;
    Ok((ExperimentFiles { dir, names }, told))
}

/// The tables of piton's that stand in a site where the ledger has printed none; a file that git tracks is the user's.
///
/// # Errors
/// When the ledger cannot be read.
pub fn stray(ledger: Option<&Ledger>, repo: &Repo, site: &Site) -> Result<Vec<PathBuf>> {
    if let Some(ledger) = ledger
        && let Some(printed) = ledger.mark::<Printed>(&mark(TABLE, site))?
        && ledger.run(&printed.run)?.is_some()
    {
        return Ok(vec![]);
    }
    let dir = repo.directory(site);
    let names = [RESULTS.to_owned(), format!("piton-{RESULTS}")].into_iter();
    let ours = names.filter(|name| !repo.tracks(&scope::join(&site.within, name))).map(|name| dir.join(name));
    let table = |path: &PathBuf| {
        let file = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file());
        file && first_line(path).is_some_and(|line| is_table(&line))
    };
    Ok(ours.filter(table).collect())
}

/// The name of before where it still serves, else the first that does.
fn choose(before: &str, usual: &str, serves: &dyn Fn(&str) -> bool) -> Option<String> {
    let others =
        (1..100).map(|n| if n == 1 { format!("piton-{usual}") } else { format!("piton-{n}-{usual}") });
    [before.to_owned(), usual.to_owned()].into_iter().chain(others).find(|name| serves(name))
}

/// Whether a file of piton's may stand at `path`: there is none, or it is one of piton's own. `was` where piton had it there before.
fn free(path: &Path, was: bool, ours: fn(&str) -> bool) -> bool {
    let Ok(meta) = fs::symlink_metadata(path) else { return true };
    // A link or an empty directory in the place of piton's own file holds nothing, and is replaced.
    if !meta.is_file() {
        return was;
    }
    was && (meta.len() == 0 || first_line(path).is_some_and(|line| ours(&line)))
}

fn first_line(path: &Path) -> Option<String> {
    let mut line = vec![];
    let mut file = BufReader::new(beneath::open(path).ok()?);
    std::io::Read::take(&mut file, 1 << 16).read_until(b'\n', &mut line).ok()?;
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// What stands in a table; `None` where no plain file is.
pub fn text(path: &Path) -> Option<Vec<u8>> {
    fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file).and_then(|_| fs::read(path).ok())
}

/// Whether a table with this header was printed by piton: that of others which begin alike ends with the description.
fn is_table(header: &str) -> bool {
    header.starts_with("commit\t")
        && header.contains("\tmemory_gb\tstatus\tdescription\ttrial\tparent\treason\t")
}

/// Whether a transcript that begins so is piton's.
fn is_log(line: &str) -> bool {
    line.starts_with("$ ")
}

/// What git is to overlook of a site.
fn ignored(site: &Site, names: &Names) -> Vec<String> {
    let base = scope::join(&pattern(&site.within), "");
    let base = base.trim_start_matches('/');
    vec![format!("/{base}{}", names.table), format!("/{base}{}", names.log), format!("/{base}{OWN}/")]
}

/// A path as a pattern that means it alone.
fn pattern(path: &str) -> String {
    let special = |c: char| matches!(c, '\\' | '*' | '?' | '[' | ' ' | '!' | '#');
    path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// The user's own files that an edit may touch without being judged by them, as paths of the repository: a table and a log that he tracks
/// are written by whatever he runs there.
pub fn overlooked(within: &str) -> [String; 2] {
    [scope::join(within, RESULTS), scope::join(within, LOG)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_another_tool_is_not_taken_for_pitons() {
        assert!(is_table("commit\ttps\tmemory_gb\tstatus\tdescription\ttrial\tparent\treason\tgain_pct\n"));
        for other in ["commit\tval_bpb\tmemory_gb\tstatus\tdescription\n", "", "a,b\n", "trial\treason\n"] {
            assert!(!is_table(other), "{other}");
        }
    }

    #[test]
    fn the_first_name_that_serves_is_taken_and_the_one_of_before_first() {
        assert_eq!(choose(LOG, LOG, &|_| true).unwrap(), "run.log");
        assert_eq!(choose(LOG, LOG, &|name| name != LOG).unwrap(), "piton-run.log");
        assert_eq!(choose("piton-run.log", LOG, &|_| true).unwrap(), "piton-run.log");
        assert_eq!(choose(LOG, LOG, &|name| name.starts_with("piton-3")).unwrap(), "piton-3-run.log");
    }

    #[test]
    fn what_git_overlooks_is_meant_alone() {
        let site = |within: &str| Site { worktree: None, within: within.to_owned() };
        assert_eq!(ignored(&site(""), &Names::default()), ["/results.tsv", "/run.log", "/.piton/"]);
        assert_eq!(ignored(&site("a/b [x]"), &Names::default())[2], "/a/b\\ \\[x]/.piton/");
        assert_eq!(mark("table", &site("")), "table");
        assert_ne!(
            mark("table", &site("a")),
            mark("table", &Site { worktree: Some("a".into()), within: String::new() })
        );
    }
}
