//! Edits that a test plants in a published project, one trial each, by a scripted agent: each has a verdict that is known before.

use std::fmt::Write;
use std::fs;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::projects::{begun, busy, command, project};
use crate::{Said, Scratch};

/// An edit: in each file, every `from` becomes `to`; an empty `from` is the end of the file.
pub type Edit<'a> = &'a [(&'a str, &'a str, &'a str)];

/// A project, what is planted in it, and the reasons that its verdicts may have: a pipe stands between them.
#[derive(Debug)]
pub struct Planted<'a> {
    /// What is measured, in a few words.
    pub kind: &'a str,
    /// Its name among the projects.
    pub name: &'a str,
    /// Files that stand beside what was published.
    pub more: &'a [(&'a str, &'a str)],
    /// What makes the published project slower before anybody looks at it, where a gain is that it is taken out again.
    pub slowed: Edit<'a>,
    /// Words for `piton init`.
    pub init: &'a [&'a str],
    /// The edits, each with its name and its reasons. The first is the gain; the others are made on top of it.
    pub edits: [(&'a str, Edit<'a>, &'a str); 6],
}

/// Reasons of an edit that changes nothing.
pub const NOTHING: &str = "not_shown_better|worse|given_up|one_order|void|duplicate";

/// What stands in a file of the project, edited.
fn edited(scratch: &Scratch, edit: Edit<'_>) {
    for (path, from, to) in edit {
        let text = scratch.read(path);
        let text = match from.is_empty() {
            true => text + to,
            false => {
                assert!(text.contains(from), "`{from}` in {path}");
                text.replace(from, to)
            }
        };
        scratch.write(path, &text);
    }
}

/// Copies of the files of an edit, below `dir`: what the agent lays over its worktree.
fn laid(scratch: &Scratch, edit: Edit<'_>, dir: &std::path::Path) {
    for (path, ..) in edit {
        let to = dir.join(path);
        fs::create_dir_all(to.parent().expect("below it")).expect("a directory");
        fs::copy(scratch.path().join(path), to).expect("a file");
    }
}

/// A trial of a planted edit.
#[derive(Debug)]
pub struct Trial {
    /// Why it ended.
    pub reason: String,
    /// How many pairs were measured.
    pub pairs: usize,
    /// Its row.
    pub row: String,
}

impl Planted<'_> {
    /// Has the edits made and judged, and holds each to its reasons; `None` where the project is not there. What is seen is printed as a
    /// row of a table.
    pub fn judged(&self) -> Option<Vec<Trial>> {
        let clone = Instant::now();
        let scratch = project(self.name, self.more)?;
        if !self.slowed.is_empty() {
            edited(&scratch, self.slowed);
            scratch.commit("slower than it was published");
        }
        let report = begun(&scratch, self.init);
        assert_eq!(report["needs"], serde_json::json!([]), "nothing is left to do by hand: {report}");
        busy(&scratch);
        let plants = TempDir::new().expect("a temporary directory");
        for (n, (_, edit, _)) in self.edits.iter().enumerate() {
            edited(&scratch, edit);
            laid(&scratch, edit, &plants.path().join((n + 1).to_string()));
            // All but the first are undone: they are made on top of it.
            match n {
                0 => scratch.commit("the gain"),
                _ => drop(scratch.git(&["checkout", "--quiet", "--", "."])),
            }
        }
        scratch.git(&["reset", "--quiet", "--hard", "HEAD~1"]);
        let first = self.climbed(&scratch, &plants, "1");
        let seconds = clone.elapsed().as_secs_f64();
        let said = [first, self.climbed(&scratch, &plants, "5")];
        let log = crate::projects::piton(&scratch, &["log", "--run", "r", "--json"]).json();
        let pairs = |trial: &str| {
            let number = |record: &Value| record["trial"].as_u64() == trial.parse().ok();
            let record = log.as_array().expect("a list").iter().find(|record| number(record));
            record.and_then(|record| record["pairs"].as_array()).map_or(0, Vec::len)
        };
        let table = scratch.table();
        let proposed = table.iter().filter(|row| row[4].starts_with("plant "));
        let trials: Vec<Trial> = proposed
            .map(|row| Trial { reason: row[7].clone(), pairs: pairs(&row[5]), row: row.join(" | ") })
            .collect();
        println!("{}", self.row(seconds, &trials));
        assert_eq!(trials.len(), self.edits.len(), "{table:#?}\n{said:#?}");
        for ((name, _, reasons), trial) in self.edits.iter().zip(&trials) {
            assert!(reasons.split('|').any(|one| one == trial.reason), "{name}: not {reasons}: {trial:#?}");
            let unmeasured = ["build_failed", "out_of_scope"].contains(&&*trial.reason)
                || trial.reason.starts_with("check:");
            assert!(!unmeasured || trial.pairs == 0, "{name}: nothing is measured after {}", trial.reason);
        }
        Some(trials)
    }

    /// So many trials of the agent, which lays the next edit over its worktree. What is outside of its scope is open to it.
    fn climbed(&self, scratch: &Scratch, plants: &TempDir, trials: &str) -> Said {
        let dir = plants.path().display();
        let agent = format!(
            r#"n=$(($(cat {dir}/n 2>/dev/null || echo 0) + 1)); echo $n > {dir}/n; cp -R {dir}/$n/. . && echo "{{\"description\":\"plant $n\"}}" > "$PITON_PROPOSAL""#
        );
        let work = scratch.path().join(".piton/work");
        fs::create_dir_all(&work).expect("a directory");
        let (dir, work) = (dir.to_string(), work.to_string_lossy().into_owned());
        let open = ["--allow-write", &dir, "--allow-write", &work];
        let climb = ["climb", "--run", "r", "--trials", trials, "--agent", &agent];
        let said: Said =
            command(scratch, &[&climb[..], &open].concat()).output().expect("piton starts").into();
        assert_eq!(said.status, 0, "{said:?}");
        said
    }

    /// What was seen, as a row of a table in Markdown: kind, commands, seconds from the clone to the end of the first trial, lines by hand,
    /// verdicts.
    fn row(&self, seconds: f64, trials: &[Trial]) -> String {
        let mut row = format!("| {} ({}) | init, climb | {seconds:.0} | 0", self.kind, self.name);
        for ((name, ..), trial) in self.edits.iter().zip(trials) {
            let _ = write!(row, " | {name}: {} after {} pairs", trial.reason, trial.pairs);
        }
        row + " |"
    }
}
