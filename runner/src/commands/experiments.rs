//! `piton log --experiments`: the decision log, written from the ledger into a file that people write in, too.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::args::LogArgs;
use super::chosen::chosen;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::report::decision_log::{Experiments, Human, Trouble};
use piton_core::report::finalize::measured;
use piton_core::trial::scope::below;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Run};
use piton_system::terminal;

/// Its name, at the root of the checkout.
const FILE: &str = "EXPERIMENTS.md";

/// Writes the decision log of all runs, or of one.
///
/// # Errors
/// No run, or a file that is not piton's, in which a marker is missing, or that cannot be written.
pub(super) fn run(dir: &Path, args: &LogArgs) -> Result<u8> {
    let (repo, ledger, run) = chosen(dir, &args.which)?;
    let named = args.which.run.as_ref().map(|_| run.name.as_str());
    let all = gather(&ledger, named, &run.within)?;
    let to_output = args.output.as_deref() == Some(Path::new("-"));
    let path = match args.output.as_deref() {
        Some(file) if !to_output => dir.join(file),
        _ => below(repo.root(), &run.within).join(FILE),
    };
    let what = format!("{} was not written", path.display());
    let old = match fs::symlink_metadata(&path) {
        Ok(meta) if meta.is_symlink() => {
            return Err(Error::refused(&what)
                .cause("it is a link, and piton follows none")
                .hint("name the file that it leads to: piton log --experiments -o FILE"));
        }
        Ok(_) => Some(fs::read(&path).context(&what)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::new(&what).cause(error)),
    };
    let human = match &old {
        Some(bytes) => human(bytes, &what)?,
        None => Human::default(),
    };
    let text = all.text(&human);
    if to_output {
        terminal::bytes(text.as_bytes());
        return Ok(exit::DONE);
    }
    if old.as_deref() != Some(text.as_bytes()) {
        write(&path, &text).context(&what)?;
    }
    terminal::answer(&path.display().to_string());
    warn(&repo, &path);
    Ok(exit::DONE)
}

/// What the ledger knows, of every run of the experiment in the directory `within`, or of one.
fn gather(ledger: &Ledger, named: Option<&str>, within: &str) -> Result<Experiments> {
    let mut all = Experiments::default();
    let meant = |run: &Run| named.map_or(run.within == within, |name| name == run.name);
    for run in ledger.runs()?.into_iter().filter(meant) {
        let config = ledger.config(&run)?;
        all.begin(&run.name, &config.name, &config.metric);
        ledger.each(&run.name, 0, &mut |record| {
            all.take(&record);
            Ok(())
        })?;
        ledger.notes(&run.name, false, usize::MAX)?.iter().for_each(|note| all.note(note));
        let verifications = ledger.verifications(&run.name)?;
        let each = all.head().and_then(|head| measured(&verifications, head, true)).cloned();
        all.end(verifications.last(), each.as_ref());
    }
    Ok(all)
}

/// What people wrote in the file that is there.
fn human(bytes: &[u8], what: &str) -> Result<Human> {
    let refuse = |cause: String, hint: &str| {
        Err(Error::refused(what).cause(cause).note("the file is as it was").hint(hint))
    };
    let elsewhere = "write it elsewhere, or move that file: piton log --experiments -o FILE";
    let Ok(text) = std::str::from_utf8(bytes) else {
        return refuse("it is no text that piton wrote".to_owned(), elsewhere);
    };
    match Human::read(text) {
        Ok(human) => Ok(human),
        Err(Trouble::Foreign) => refuse("piton did not write what is there".to_owned(), elsewhere),
        Err(Trouble::Marker(line)) => refuse(
            format!("a marker `piton:yours` or `piton:end` is missing, or out of its place, at line {line}"),
            "put it back, so that your text between the markers can be told from piton's",
        ),
        Err(Trouble::Edited) => refuse(
            "it was edited outside of the markers, and that would be lost".to_owned(),
            "move your text between `piton:yours` and `piton:end` in a copy, remove the file, and write it again",
        ),
    }
}

/// The file whole, or as it was.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| *dir != Path::new("")).map_or(PathBuf::from("."), Path::to_path_buf);
    let mode = fs::metadata(path).map_or(0o644, |meta| meta.permissions().mode() & 0o777);
    let mut file = tempfile::Builder::new().prefix(".experiments").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
    file.persist(path).map(|_| ()).map_err(|e| e.error)
}

/// In the checkout of a run a file more is an edit outside the scope.
fn warn(repo: &Repo, path: &Path) {
    let branch = repo.head().map(|head| head.branch).unwrap_or_default();
    if branch.starts_with("piton/") && path.starts_with(repo.root()) {
        terminal::tell(&format!(
            "note: this checkout is on {branch}, where {} is an edit outside the scope: move it before the next trial",
            path.file_name().unwrap_or_default().to_string_lossy()
        ));
    }
}
