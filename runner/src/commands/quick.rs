//! `piton quick -- COMMAND`: what a command costs, how noisy that is, and the piton.toml that climbs it.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use super::args::QuickArgs;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::run::quick::words;
use piton_lab::quick::{self, QuickOptions};
use piton_system::config;
use piton_system::terminal;

/// Looks at a command; with `--write`, writes the piton.toml that it found.
///
/// # Errors
/// A command that fails, and a piton.toml that is there where one is to be written.
pub(super) fn run(dir: &Path, args: &QuickArgs) -> Result<u8> {
    let path = dir.join(config::FILE);
    if args.write && path.symlink_metadata().is_ok() {
        return Err(there(&path));
    }
    let options = QuickOptions { runs: args.runs, time: args.time };
    let report = quick::run(dir, &args.command, options)?;
    terminal::either(args.json, &report, || words(&report));
    if args.write {
        let what = || format!("{} was not written", path.display());
        let mut file = match File::create_new(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => return Err(there(&path)),
            file => file.context(what())?,
        };
        file.write_all(report.toml.as_bytes()).context(what())?;
        terminal::tell(&format!(
            "\nwrote {}; next: read it, `git add {} && git commit -m piton`, then `piton doctor --try`",
            path.display(),
            config::FILE
        ));
    }
    Ok(exit::DONE)
}

fn there(path: &Path) -> Error {
    Error::usage(format!("{} was not written", path.display()))
        .cause("there is one")
        .note("nothing was changed")
        .hint("without --write, piton quick prints the one that it would write")
}
