//! What a brief needs, gathered from the ledger, from git and from the human's guidance.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::run_store::Book;
use piton_core::base::error::{Context, Error, Result};
use piton_core::base::note::{self, Note};
use piton_core::run::brief::{self, BriefFacts, Left};
use piton_core::run::hot_lines::Profile;
use piton_core::run::next_start::NextProposal;
use piton_core::trial::record::Record;
use piton_core::trial::scope::Scope;
use piton_system::beneath;
use piton_system::clock;
use piton_system::git::Repo;
use piton_system::ledger::Ledger;

/// Largest guidance that is read, in bytes; of a long one the ledger holds the beginning.
const GUIDANCE_BYTES: u64 = 64 << 10;

/// Where a human writes what later proposals should know: in the repository's own checkout, where no agent of a climb can write.
pub(crate) fn guidance_path(main_root: &Path) -> PathBuf {
    main_root.join(".piton/guidance.md")
}

/// The brief for trial `next`: what `step` asks for, begun as the near miss `begun` where there is one; `hot` is where the incumbent's time goes.
///
/// # Errors
/// When the ledger or git cannot be read.
pub fn text(
    book: &Book,
    repo: &Repo,
    next: u32,
    left: Left,
    step: &NextProposal,
    begun: Option<u32>,
    hot: Option<&Profile>,
) -> Result<String> {
    let (config, tally, run) = (&book.config, &book.tally, &book.run);
    let best = book.incumbent();
    let value = |record: Option<&Record>| record.and_then(|r| r.value(&config.metric.name));
    let baseline = if best.trial == 0 { Some(best.clone()) } else { book.ledger.record(&run.name, 0)? };
    let diff = match &best.commit {
        Some(commit) if *commit != run.base => {
            repo.diff(repo.commit_id(&run.base)?, repo.commit_id(commit)?)?.text
        }
        _ => String::new(),
    };
    let near = tally.frontier.near();
    Ok(brief::text(&BriefFacts {
        run: &run.name,
        trial: next,
        metric: &config.metric,
        scope: &Scope { editable: config.editable_paths(), ..config.scope.clone() },
        gates: &config.gates,
        checks: baseline.as_ref().map_or(&[], |baseline| &baseline.measured.checks),
        limits: (config.build.as_ref().map(|build| build.timeout_s), config.measure.timeout_s),
        baseline: value(baseline.as_ref()),
        best: (best.trial, value(Some(best))),
        tau: tally.taus.back().copied(),
        lessons: &tally.lessons,
        frontier: &tally.frontier,
        plateau: config.search.plateau,
        last: &book.ledger.last(&run.name, brief::RECORDS)?,
        notes: &book.ledger.notes(&run.name, false, brief::NOTES)?,
        guidance: book.ledger.notes(&run.name, true, 1)?.first().map(|note| note.text.as_str()),
        diff: &diff,
        believed_pct: Some(config.rule.implausible_pct).filter(|pct| *pct > 0.0 && config.candidate_prints()),
        hot,
        left,
        directive: step.directive,
        begun: begun.and_then(|trial| near.iter().find(|near| near.trial == trial)),
    }))
}

/// Reads the human's guidance; where it is not what the ledger holds last, that is recorded. Returns whether it was.
///
/// # Errors
/// A file that cannot be read, or a disk that refuses.
pub fn take_guidance(ledger: &Ledger, main_root: &Path, run: &str) -> Result<bool> {
    let path = guidance_path(main_root);
    let what = || format!("{} was not read", path.display());
    let mut bytes = vec![];
    match fs::metadata(&path) {
        Ok(meta) if meta.is_file() => {
            let file = beneath::open_following(&path).context(what())?;
            file.take(GUIDANCE_BYTES).read_to_end(&mut bytes).context(what())?;
        }
        Ok(_) => return Err(Error::new(what()).cause("it is no file")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(e).context(what()),
    }
    let is = note::text(&String::from_utf8_lossy(&bytes)).unwrap_or_default();
    let was = ledger.notes(run, true, 1)?.pop().map(|note| note.text).unwrap_or_default();
    if is == was {
        return Ok(false);
    }
    let (at, by) = (clock::now(), "human".to_owned());
    ledger.add_note(&Note { run: run.to_owned(), at, by, text: is, guidance: true })?;
    Ok(true)
}
