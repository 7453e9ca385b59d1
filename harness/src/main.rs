//! The command line of the locked harness.

use clap::Parser;
use harness::commands::{Arguments, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    run(Arguments::parse())
}
