//! `piton import`: results of other tools, kept as claims beside the ledger and never in it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::args::Import;
use super::beginning;
use crate::error::{Context, Error, Result, exit};
use crate::git::Repo;
use crate::import::{self, Imported};
use crate::ledger::Ledger;
use crate::{clock, say};

/// Largest file that is read, in bytes.
const BYTES: u64 = 64 << 20;

/// Reads the file of another tool and keeps what it claims under a name.
///
/// # Errors
/// A file that is none of that tool's, a name that is taken, a disk that refuses.
pub(super) fn run(dir: &Path, args: &Import) -> Result<u8> {
    let what = format!("{} was not imported", args.file.display());
    let text = beginning(&dir.join(&args.file), BYTES).context(&what)?;
    if text.len() as u64 > BYTES {
        return Err(Error::usage(&what).cause(format!("it is longer than {} MiB", BYTES >> 20)));
    }
    let read = import::read(args.from, &text, args.direction).map_err(|why| {
        Error::usage(&what).cause(why).note("nothing was changed").hint("--from says whose file it is")
    })?;
    let repo = Repo::open(dir)?;
    let stem =
        || args.file.file_stem().map_or_else(|| "old".into(), |stem| stem.to_string_lossy().into_owned());
    let name = args.name.clone().unwrap_or_else(|| format!("{}-{}", args.from.word(), stem()));
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > 80 || name.starts_with('.') || !name.chars().all(fit) {
        return Err(Error::usage(&what)
            .cause(format!("{name:?} is no name: letters, digits, `-`, `_` and `.`"))
            .hint("--name NAME"));
    }
    let path = place(&repo, &name);
    let known =
        repo.state_dir().join("ledger.db").exists() && Ledger::open(&repo.state_dir())?.run(&name)?.is_some();
    if known || path.exists() {
        return Err(Error::refused(&what)
            .cause(format!("there is a run {name} already"))
            .note("nothing was changed")
            .hint("--name gives it another name"));
    }
    let digest = Sha256::digest(text.as_bytes());
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let imported = Imported { name, at: clock::now(), sha256, ..read };
    let folder = path.parent().expect("below the state");
    fs::create_dir_all(folder).context(&what)?;
    let mut file = tempfile::Builder::new().prefix(".import").tempfile_in(folder).context(&what)?;
    file.write_all(serde_json::to_string_pretty(&imported).context(&what)?.as_bytes()).context(&what)?;
    file.as_file().sync_all().context(&what)?;
    file.persist(&path).map_err(|e| Error::new(&what).cause(e.error))?;
    if args.json {
        say::json(&json!({
            "run": imported.name, "trials": imported.claims.len(), "skipped": imported.skipped, "measured_by_piton": false
        }));
    } else {
        let skipped = match imported.skipped {
            0 => String::new(),
            n => format!("; {n} lines are no trial"),
        };
        say::answer(&format!(
            "{} trials of {} imported as {}{skipped}\nthey are claims: piton measured none of them\nnext: piton log --run {2}, piton report --run {2}",
            imported.claims.len(),
            args.from.word(),
            imported.name
        ));
    }
    Ok(exit::DONE)
}

/// Where an imported run lies.
fn place(repo: &Repo, name: &str) -> PathBuf {
    repo.state_dir().join("imports").join(format!("{name}.json"))
}

/// The imported run of that name, where the ledger has none.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn find(dir: &Path, name: Option<&str>) -> Result<Option<Imported>> {
    let Some(name) = name.filter(|name| !name.contains('/')) else { return Ok(None) };
    let path = place(&Repo::open(dir)?, name);
    if !path.exists() {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).context(format!("{} was not read", path.display()))?;
    serde_json::from_str(&text).context(format!("{} was not read", path.display()))
}
