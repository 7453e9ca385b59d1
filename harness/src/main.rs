//! The command line of the locked harness.

use clap::Parser;
use harness::commands::{Arguments, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    piton_confine::enter_if_asked();
    run(Arguments::parse())
}
