//! Options of `piton server`: what a sweep's measuring command is started with.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    #[command(subcommand)]
    pub measured: Measured,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Measured {
    /// One recipe.
    #[command(override_usage = "piton server sample [OPTIONS]")]
    Sample {
        #[command(flatten)]
        of: Of,
        /// The recipe.
        #[arg(long, value_name = "FILE")]
        recipe: PathBuf,
    },
    /// Two recipes, in turns.
    #[command(override_usage = "piton server pair [OPTIONS]")]
    Pair {
        #[command(flatten)]
        of: Of,
        /// The recipe that is started first.
        #[arg(long, value_name = "FILE")]
        first: PathBuf,
        /// The other one.
        #[arg(long, value_name = "FILE")]
        second: PathBuf,
    },
    /// Start a service again when the piton that stopped it has ended.
    Restore {
        /// What is to be started.
        order: PathBuf,
        /// It has left piton already.
        #[arg(long)]
        away: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The directory of the experiment, as it was sealed.
    #[arg(long, value_name = "DIR")]
    pub sealed: PathBuf,
    /// Draws the prompts.
    #[arg(long, value_name = "N")]
    pub seed: u64,
}
