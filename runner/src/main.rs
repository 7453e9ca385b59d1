//! `piton`: see the library for what it does.

use std::process::ExitCode;

use piton::commands;
use piton_core::base::error::Context;
use piton_system::terminal;
use piton_system::worktree_writer;

fn main() -> ExitCode {
    piton_confine::enter_if_asked();
    worktree_writer::serve_if_asked();
    let cli = commands::parse();
    let done =
        std::env::current_dir().context("piton did not start").and_then(|dir| commands::run(cli, &dir));
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(error.status)
        }
    }
}
