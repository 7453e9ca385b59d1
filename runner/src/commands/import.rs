//! `piton import`: results of other tools, kept as claims beside the ledger and never in it.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::args::ImportArgs;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::report::import::{self, Imported};
use piton_core::trial::text::plural;
use piton_system::clock;
use piton_system::git::Repo;
use piton_system::ledger::Ledger;
use piton_system::terminal;

/// Largest file that is read, in bytes.
const BYTES: u64 = 64 << 20;

/// `piton import`: reads the file of another tool and keeps what it claims under a name.
///
/// # Errors
/// A file that is none of that tool's, a name that is taken, a disk that refuses.
pub(super) fn run(dir: &Path, args: &ImportArgs) -> Result<u8> {
    let imported = keep(dir, args)?;
    tell(&imported, args);
    Ok(exit::DONE)
}

/// Keeps what the file claims.
///
/// # Errors
/// A file that is none of that tool's, a name that is taken, a disk that refuses.
pub(super) fn keep(dir: &Path, args: &ImportArgs) -> Result<Imported> {
    let what = format!("{} was not imported", args.file.display());
    let mut bytes = vec![];
    let file = fs::File::open(dir.join(&args.file)).context(&what)?;
    file.take(BYTES + 1).read_to_end(&mut bytes).context(&what)?;
    if bytes.len() as u64 > BYTES {
        return Err(Error::usage(&what).cause(format!("it is longer than {} MiB", BYTES >> 20)));
    }
    // What is no UTF-8 in a description spoils nothing else.
    let text = String::from_utf8_lossy(&bytes);
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
    if in_ledger(&repo, &name)? || path.exists() {
        return Err(Error::refused(&what)
            .cause(format!("there is a run {name} already"))
            .note("nothing was changed")
            .hint("--name gives it another name"));
    }
    let digest = Sha256::digest(&bytes);
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let imported = Imported { name, at: clock::now(), sha256, ..read };
    let folder = path.parent().expect("below the state");
    fs::create_dir_all(folder).context(&what)?;
    let mut file = tempfile::Builder::new().prefix(".import").tempfile_in(folder).context(&what)?;
    file.write_all(terminal::pretty(&imported).as_bytes()).context(&what)?;
    file.as_file().sync_all().context(&what)?;
    file.persist(&path).map_err(|e| Error::new(&what).cause(e.error))?;
    Ok(imported)
}

fn tell(imported: &Imported, args: &ImportArgs) {
    let facts = json!({
        "run": imported.name, "trials": imported.claims.len(), "skipped": imported.skipped, "earlier": imported.earlier, "measured_by_piton": false
    });
    terminal::either(args.json, &facts, || {
        let mut asides = String::new();
        if imported.skipped > 0 {
            asides.push_str(&format!("; {} could not be read", plural(imported.skipped, "line")));
        }
        if imported.earlier > 0 {
            asides.push_str(&format!(
                "; {} of experiments before it left out",
                plural(imported.earlier, "trial")
            ));
        }
        format!(
            "{} of {} imported as {}{asides}\nthey are claims: piton measured none of them\nnext: piton log --run {2}, piton report --run {2}",
            plural(imported.claims.len(), "trial"),
            args.from.word(),
            imported.name
        )
    });
}

/// Where an imported run lies.
fn place(repo: &Repo, name: &str) -> PathBuf {
    repo.state_dir().join("imports").join(format!("{name}.json"))
}

fn in_ledger(repo: &Repo, name: &str) -> Result<bool> {
    let state = repo.state_dir();
    Ok(Ledger::open_existing(&state)?.map(|ledger| ledger.run(name)).transpose()?.flatten().is_some())
}

/// The imported run of that name, where the ledger has none.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn find(dir: &Path, name: Option<&str>) -> Result<Option<Imported>> {
    let Some(name) = name.filter(|name| !name.contains('/')) else { return Ok(None) };
    let repo = Repo::open(dir)?;
    let path = place(&repo, name);
    // A run of piton's that was begun later under the same name comes first.
    if !path.exists() || in_ledger(&repo, name)? {
        return Ok(None);
    }
    let text = fs::read_to_string(&path).context(format!("{} was not read", path.display()))?;
    serde_json::from_str(&text).context(format!("{} was not read", path.display()))
}
