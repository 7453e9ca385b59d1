//! What was tried, taken in from the ledger and from git, and found again.

use piton_core::base::error::Result;
use piton_core::base::metric::Metric;
use piton_core::run::next_start::OnSimilar;
use piton_core::trial::record::{Outcome, Record};
use piton_core::trial::similarity::{ALIKE, DiffLine, EditFeatures, Like};
use piton_core::trial::text;
use piton_system::git::{Id, Repo};
use piton_system::ledger::{Ledger, RememberedEdit, RememberedTrial};

/// Most bytes of an edit that are looked at.
pub const LOOKED_AT: usize = 256 << 10;
/// Most bytes of each side of an edit that are indexed.
const INDEXED: usize = 16 << 10;
/// Trials that are taken in at once.
const AT_ONCE: usize = 500;
/// Error of the bound that a keep is told with.
const ALPHA: f64 = 0.02;

/// Takes in what was decided since the last time: all of a run, where nothing is remembered.
///
/// # Errors
/// When the ledger or a commit cannot be read, or the memory cannot be written.
pub fn catch_up(ledger: &Ledger, repo: &Repo, run: &str) -> Result<()> {
    let memory = ledger.memory()?;
    let from = memory.next(run)?;
    if from >= ledger.next_trial(run)? {
        return Ok(());
    }
    let mut some = vec![];
    let Some(known) = ledger.run(run)? else { return Ok(()) };
    let metric = ledger.config(&known)?.metric;
    ledger.each(run, from, &mut |record| {
        some.push(tried(repo, &record, &metric)?);
        if some.len() == AT_ONCE {
            memory.take(&some)?;
            some.clear();
        }
        Ok(())
    })?;
    memory.take(&some)
}

/// A trial as it is remembered.
fn tried(repo: &Repo, record: &Record, metric: &Metric) -> Result<RememberedTrial> {
    let own = record.outcome != Outcome::Baseline && !record.outcome.check();
    let ids = record.parent.as_deref().zip(record.commit.as_deref()).filter(|_| own);
    let lines = match ids.map(|(from, to)| (repo.commit_id(from), repo.commit_id(to))) {
        // A commit that is gone takes its lines with it; its words stand in the ledger.
        Some((Ok(from), Ok(to))) => Some(repo.lines(from, to, LOOKED_AT)?),
        Some(_) => Some(vec![]),
        None => None,
    };
    Ok(RememberedTrial {
        run: record.run.clone(),
        trial: record.trial,
        kept: record.outcome.kept(),
        settles: record.outcome.settles(),
        reason: record.outcome.reason().chars().take(60).collect(),
        gain: record.outcome.estimate().map(|estimate| estimate.gain),
        edit: lines.map(|lines| RememberedEdit {
            words: [
                record.claimed.description.clone(),
                record.claimed.claim.hypothesis.clone().unwrap_or_default(),
                record.claimed.claim.family.clone().unwrap_or_default(),
            ],
            came: text::verdict(record, metric, ALPHA),
            added: side(&lines, true),
            removed: side(&lines, false),
            features: EditFeatures::of(&lines),
        }),
    })
}

fn side(lines: &[DiffLine], added: bool) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| line.added == added) {
        if text.len() + line.text.len() > INDEXED {
            break;
        }
        text.push_str(line.text.trim());
        text.push('\n');
    }
    text
}

/// The trial of this run that judged nearly the same edit as that of `commit` to `base`, the nearest; `except` is none.
///
/// # Errors
/// When the memory or a commit cannot be read.
pub fn like(
    (ledger, repo): (&Ledger, &Repo),
    run: &str,
    (base, commit): (Id, Id),
    except: Option<u32>,
) -> Result<Option<Like>> {
    catch_up(ledger, repo, run)?;
    let Some(features) = EditFeatures::of(&repo.lines(base, commit, LOOKED_AT)?) else { return Ok(None) };
    let found = ledger.memory()?.like(run, &features, ALIKE)?;
    Ok(found.into_iter().find(|like| Some(like.trial) != except))
}

/// Whether an edit that is like this one is not to be measured: what was kept is no reason, since it may pay again elsewhere, and what few pairs
/// ended is none either.
pub fn refuses(on_similar: OnSimilar, like: &Like) -> bool {
    on_similar == OnSimilar::Refuse && !like.kept && like.reason != "given_up"
}
