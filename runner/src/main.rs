//! `piton`: see the library for what it does.

use std::process::ExitCode;

use clap::Parser;
use piton::error::Context;
use piton::{commands, lay, say};

fn main() -> ExitCode {
    piton_confine::enter_if_asked();
    lay::serve_if_asked();
    let cli = commands::Cli::parse();
    let done =
        std::env::current_dir().context("piton did not start").and_then(|dir| commands::run(cli, &dir));
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            say::error(&error);
            ExitCode::from(error.status)
        }
    }
}
