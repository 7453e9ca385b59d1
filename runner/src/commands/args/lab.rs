//! `piton lab`: experiments on piton itself, which no climb needs.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Measure the noise: the commit at HEAD against itself, in pairs.
    ///
    /// No run begins and nothing is recorded.
    #[command(after_help = "Example: piton lab noise --pairs 20")]
    Noise {
        /// Pairs to measure.
        #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
        pairs: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Try the gates on variants whose quality is known.
    ///
    /// Builds each variant in a file of variants from the commit at HEAD, measures it on the same prompts, and says which gate
    /// catches what. No run begins and nothing is recorded.
    #[command(
        after_help = "Example: piton lab discriminate --samples 8 > gates.md\n\nExit status: 0 every gate said what it should, 1 not."
    )]
    Discriminate {
        /// The variants.
        #[arg(long, default_value = "tests/variants/variants.toml", value_name = "FILE")]
        variants: PathBuf,
        /// Only those whose name contains this.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Samples of each, with the seeds 1, 2, ...
        #[arg(long, default_value_t = 6, value_name = "N")]
        samples: u32,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Simulate the rule: its error rate, power and cost.
    ///
    /// piton's own code judges simulated trials on many kinds of noise, beside the rules of other tools. Every figure has a bar that
    /// it must keep to; METHODOLOGY.md says what they are.
    #[command(
        after_help = "Example: piton lab simulate --trials 20000\n\nExit status: 0 all bars hold, 1 not."
    )]
    Simulate {
        /// Trials of each cell; the bars are set for 20000.
        #[arg(long, default_value_t = 20_000, value_name = "N", value_parser = clap::value_parser!(u32).range(200..))]
        trials: u32,
        /// Seed of everything: the same seed gives the same table.
        #[arg(long, default_value_t = 1, value_name = "N")]
        seed: u64,
        /// Only the parts whose name contains this, e.g. interleaved.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Rehearse the rule on changes whose effect is known.
    ///
    /// Each variant in a file is held against the commit at HEAD, or against another variant, as a trial would be, so many times; a variant without edits is HEAD
    /// itself and shows the rate of false keeps. No run begins and nothing is recorded.
    #[command(after_help = "Example: piton lab rehearse --only nothing --trials 100")]
    Rehearse {
        /// The variants.
        #[arg(long, default_value = "tests/variants/planted.toml", value_name = "FILE")]
        variants: PathBuf,
        /// Only those whose name contains this.
        #[arg(long, value_name = "TEXT")]
        only: Option<String>,
        /// Trials of each.
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        trials: u32,
        /// Swap incumbent and challenger: what was planted is taken out again.
        #[arg(long)]
        reversed: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}
