//! `piton recipe`: what a recipe says, and how it enters a configuration file.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use piton_core::recipe::edit::FileFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum RecipeCommand {
    /// Show a recipe: model, knobs, the arguments that they become, hash.
    #[command(after_help = "Example: piton recipe show recipe.toml --json > recipe.json")]
    Show {
        /// recipe.toml, or a recipe as JSON.
        recipe: PathBuf,
        /// Print it as JSON, as a sweep exports it.
        #[arg(long)]
        json: bool,
    },
    /// Print a recipe's hash: SHA-256 of its canonical JSON.
    ///
    /// The JSON is that of RFC 8785, of what SPEC-013 names: model, knobs, machine (chip, ram_gb, binary_version) and inputs (target_context, candidate_models). Figures, flags and the model's path are
    /// left out. Of a recipe that names no [machine] or no [inputs] the hash is of the rest, and piton says so.
    #[command(after_help = "Example: piton recipe hash recipe.toml")]
    Hash {
        /// recipe.toml, or a recipe as JSON.
        recipe: PathBuf,
        /// Print hash and canonical JSON as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show in which settings two recipes differ.
    #[command(
        after_help = "Example: piton recipe diff before.toml recipe.toml\n\nExit status: 0 they set the same, 10 they differ."
    )]
    Diff {
        /// The one.
        one: PathBuf,
        /// The other.
        other: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Put a recipe's values into a configuration file.
    ///
    /// The file is YAML, TOML, JSON or a list of variables (.env). Only the values of the recipe's own keys change: comments, order and every other byte stay. A knob that is unset has its key left out.
    /// The new file replaces the old one in one step, with its mode and owner; the old one is kept as FILE.bak-SECONDS-N. Where the file holds the recipe already, nothing is written. What piton cannot
    /// edit without loss it refuses, with the line. No server is restarted.
    #[command(
        after_help = "Examples: piton recipe apply recipe.toml --to config.yaml --dry-run\n          piton recipe apply recipe.toml --to server.toml --keys kv=cache.bits\n\nExit status: 0 done, 2 no recipe or no such key, 3 refused, 10 (--compare) they differ."
    )]
    Apply(ApplyArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// recipe.toml, or a recipe as JSON.
    pub recipe: PathBuf,
    /// The file that is edited.
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
    /// Which keys of the file they are, e.g. model=model,kv=server.kv_bits. A name is a knob, `model` or `model.path`; what is not named is not applied. Absent: the model and every knob, by their own names.
    #[arg(long, value_name = "NAME=KEY", value_delimiter = ',', value_parser = key)]
    pub keys: Vec<(String, String)>,
    /// The file's format, where its name does not say it.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<FormatName>,
    /// Say what would change, and write nothing.
    #[arg(long, conflicts_with = "compare")]
    pub dry_run: bool,
    /// Show what the file says beside what the recipe says, and write nothing.
    #[arg(long)]
    pub compare: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// A format of configuration files, as it is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FormatName {
    Yaml,
    Toml,
    Json,
    Env,
}

impl From<FormatName> for FileFormat {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Yaml => Self::Yaml,
            FormatName::Toml => Self::Toml,
            FormatName::Json => Self::Json,
            FormatName::Env => Self::Env,
        }
    }
}

fn key(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, key)) if !name.is_empty() && !key.is_empty() => Ok((name.to_owned(), key.to_owned())),
        _ => Err("write NAME=KEY, e.g. kv=server.kv_bits".to_owned()),
    }
}
