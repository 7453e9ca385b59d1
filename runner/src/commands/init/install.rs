//! What a project needs and has not installed: asked for, and installed by its own package manager.
//!
//! It runs as its user would run it: outside of the walls, with the network, in the checkout. Behind the walls there is no network, and what
//! was installed is read from there (`[scope] from_checkout`).

use std::ffi::OsString;
use std::path::Path;

use piton_core::base::error::{Error, Result};
use piton_core::trial::crash::Crash;
use piton_core::trial::text::clean;
use piton_lab::draft::Draft;
use piton_system::process;
use piton_system::terminal;

/// What is said of a command that was not run.
pub(super) fn line(command: &[String]) -> String {
    format!("{}: what it needs is not installed; --install has piton init run it", command.join(" "))
}

/// Installs what a draft needs, and what its tests need, where `sure` or a person at the terminal says so. Returns the commands that ran.
pub(super) fn run(dir: &Path, draft: &Draft, sure: bool) -> Result<Vec<String>> {
    let commands: Vec<&Vec<String>> = draft.install.iter().chain(&draft.tests_need).collect();
    let lines: Vec<String> = commands.iter().map(|command| command.join(" ")).collect();
    if commands.is_empty() || !sure && !agreed(&lines) {
        return Ok(vec![]);
    }
    for (command, line) in commands.iter().zip(&lines) {
        terminal::tell(&format!("installing: {line}"));
        let argv: Vec<OsString> = command.iter().map(Into::into).collect();
        let failed = |why: String| {
            Error::refused(format!("nothing was written: `{line}` failed"))
                .cause(why)
                .note("what it installed before that may be there")
                .hint("run it yourself, then piton init; or leave --install out")
        };
        let done = process::ask(&argv, dir).map_err(|error| failed(error.to_string()))?;
        if done.status != Some(0) {
            return Err(failed(clean(&Crash::of(&done.err, &done.out).reason, 400)));
        }
    }
    Ok(lines)
}

/// Whether a person at the terminal wants it installed now.
fn agreed(lines: &[String]) -> bool {
    let question = format!(
        "What this project needs is not installed. Install it now, in this checkout and outside of the walls: {}? [y/N]",
        lines.join(" && ")
    );
    terminal::ask(&question)
        .is_some_and(|answer| ["y", "yes"].contains(&answer.to_ascii_lowercase().as_str()))
}
