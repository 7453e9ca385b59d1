//! `piton search`: what was tried, by words or by an edit.

use std::path::Path;

use serde::Serialize;

use super::args::SearchArgs;
use super::chosen::chosen;
use piton_climb::recall;
use piton_climb::run_store::Book;
use piton_core::base::error::{Error, Result, exit};
use piton_core::trial::similarity::EditFeatures;
use piton_core::trial::text::width;
use piton_core::trial::text::{clean, gain};
use piton_system::git::Repo;
use piton_system::ledger::{Hit, Ledger, Run, Where};
use piton_system::terminal;

/// Share of an edit from which on a trial is shown.
const SHOWN: f64 = 0.2;

/// A trial that was found.
#[derive(Debug, Serialize)]
struct FoundTrial {
    run: String,
    trial: u32,
    status: &'static str,
    reason: String,
    gain_pct: Option<f64>,
    /// What the value changed by, with its unit.
    change: Option<String>,
    family: Option<String>,
    description: String,
    /// Share of the edit, where an edit was sought.
    share: Option<f64>,
    /// Where it matches, where words were sought.
    snippet: Option<String>,
}

impl SearchArgs {
    /// Searches, and prints what was found.
    ///
    /// # Errors
    /// No run, no word that could be sought, no edit in this checkout, or a memory that cannot be used.
    pub(super) fn run(self, dir: &Path) -> Result<u8> {
        let (repo, ledger, run) = chosen(dir, &self.which)?;
        for run in if self.all { ledger.runs()? } else { vec![run.clone()] } {
            recall::catch_up(&ledger, &repo, &run.name)?;
        }
        let (found, all) = match self.words.is_empty() {
            true => (self.by_edit(&repo, ledger, run)?, true),
            false => self.by_words(&ledger, &run)?,
        };
        terminal::either(self.which.json, &found, || {
            let head = match (found.is_empty(), all) {
                (true, _) => "nothing like it was tried\n",
                (false, false) => "no trial holds all the words; these hold some\n\n",
                (false, true) => "",
            };
            let lines: String = found.iter().map(|found| found.words(self.all)).collect();
            format!("{head}{lines}")
        });
        Ok(exit::DONE)
    }

    fn by_words(&self, ledger: &Ledger, run: &Run) -> Result<(Vec<FoundTrial>, bool)> {
        if !self.words.iter().any(|word| word.chars().any(char::is_alphanumeric)) {
            return Err(Error::usage("nothing was sought: there is no letter and no digit in these words")
                .hint("piton search unroll loop"));
        }
        let place = if self.diff { Where::Lines } else { Where::Everything };
        let run = (!self.all).then_some(run.name.as_str());
        let (hits, all) = ledger.memory()?.search(&self.words, place, run, self.limit)?;
        let found = |Hit { run, trial, snippet }| found(ledger, &run, trial, None, Some(snippet));
        Ok((hits.into_iter().map(found).collect::<Result<Vec<_>>>()?.into_iter().flatten().collect(), all))
    }

    /// The trials whose edit is like that in this checkout.
    fn by_edit(&self, repo: &Repo, ledger: Ledger, run: Run) -> Result<Vec<FoundTrial>> {
        let runs = if self.all { ledger.runs()? } else { vec![run.clone()] };
        let book = Book::open(ledger, run)?;
        let base = repo.commit_id(book.incumbent().committed()?)?;
        let lines = repo.present_lines(base, &book.config.scope, recall::LOOKED_AT)?;
        let features = EditFeatures::of(&lines).ok_or_else(|| {
            Error::refused("nothing was sought: the editable files of this checkout are the incumbent's")
                .hint("edit first, or search by words")
        })?;
        let mut like = vec![];
        for run in runs {
            let near = book.ledger.memory()?.like(&run.name, &features, SHOWN)?;
            like.extend(near.into_iter().map(|like| (run.name.clone(), like)));
        }
        like.sort_by(|a, b| b.1.share.total_cmp(&a.1.share));
        like.truncate(self.limit as usize);
        let found =
            like.iter().map(|(run, like)| found(&book.ledger, run, like.trial, Some(like.share), None));
        Ok(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }
}

/// What the ledger says of a trial; `None` where it has it no more.
fn found(
    ledger: &Ledger,
    run: &str,
    trial: u32,
    share: Option<f64>,
    snippet: Option<String>,
) -> Result<Option<FoundTrial>> {
    let Some(record) = ledger.record(run, trial)? else { return Ok(None) };
    let Some(metric) =
        ledger.run(run)?.map(|run| ledger.config(&run)).transpose()?.map(|config| config.metric)
    else {
        return Ok(None);
    };
    Ok(Some(FoundTrial {
        run: record.run,
        trial,
        status: record.outcome.status().word(),
        reason: record.outcome.reason(),
        gain_pct: record.outcome.estimate().and_then(|estimate| metric.gain_pct(estimate.gain)),
        change: record.outcome.estimate().map(|estimate| gain(estimate.gain, &metric)),
        family: record.claimed.claim.family,
        description: record.claimed.description,
        share,
        snippet,
    }))
}

impl FoundTrial {
    fn words(&self, all: bool) -> String {
        let run = if all { format!("{} ", self.run) } else { String::new() };
        let by = self.change.as_ref().map_or_else(String::new, |change| format!(" {change}"));
        let family = self.family.as_ref().map_or_else(String::new, |name| format!(" [{name}]"));
        let share =
            self.share.map_or_else(String::new, |share| format!(", {:.0} % the same edit", share * 100.0));
        let mut text = format!(
            "{run}trial {} {} ({}){by}{share}{family} {}\n",
            self.trial,
            self.status,
            clean(&self.reason, 60),
            clean(&self.description, width::LINE)
        );
        if let Some(snippet) = &self.snippet {
            let snippet = snippet.split_whitespace().collect::<Vec<_>>().join(" ");
            text.push_str(&format!("    {}\n", clean(&snippet, 200)));
        }
        text
    }
}
