//! `piton recipe`: recipes shown, hashed, compared, and put into a configuration file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{ApplyArgs, RecipeCommand};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::recipe::edit::{self, Edited, FileFormat, OwnedKey};
use piton_core::recipe::{Recipe, owned};
use piton_system::replace::Replaced;
use piton_system::terminal;

/// Largest recipe that is read, in bytes.
const MOST: u64 = 1 << 20;

/// Carries out a command of `piton recipe`.
///
/// # Errors
/// A file that is no recipe, and a file that cannot be edited.
pub(super) fn run(dir: &Path, command: &RecipeCommand) -> Result<u8> {
    match command {
        RecipeCommand::Show { recipe, json } => {
            let recipe = read(dir, recipe)?;
            terminal::either(*json, &recipe.to_json(), || owned::recipe_words(&recipe));
            Ok(exit::DONE)
        }
        RecipeCommand::Hash { recipe, json } => hash(&read(dir, recipe)?, *json),
        RecipeCommand::Diff { one, other, json } => {
            let (one, other) = (read(dir, one)?, read(dir, other)?);
            let differences = one.differences(&other);
            terminal::either(*json, &differences, || owned::difference_words(&one, &other));
            Ok(if differences.is_empty() { exit::DONE } else { exit::DISCARDED })
        }
        RecipeCommand::Apply(args) => apply(dir, args),
    }
}

/// Reads a recipe.
///
/// # Errors
/// A file that cannot be read, or that is no recipe.
pub(super) fn read(dir: &Path, path: &Path) -> Result<Recipe> {
    let (what, mut text) = (format!("{} was not read", path.display()), String::new());
    let file = File::open(dir.join(path)).context(&what).map_err(|error| error.status(2))?;
    file.take(MOST + 1).read_to_string(&mut text).context(&what)?;
    Recipe::read(&text, &path.display().to_string())
}

fn hash(recipe: &Recipe, json: bool) -> Result<u8> {
    let hash = recipe.hash();
    let whole =
        json!({"recipe_hash": hash, "canonical": recipe.canonical(), "names_machine": recipe.is_whole()});
    terminal::either(json, &whole, || hash.clone());
    if !recipe.is_whole() {
        terminal::tell(
            "this hash is of model and knobs: the recipe does not name both [machine] and [inputs], which SPEC-013's hash is of too",
        );
    }
    Ok(exit::DONE)
}

/// What became of a file.
pub(super) struct Applied {
    keys: Vec<OwnedKey>,
    edited: Edited,
    format: FileFormat,
    /// The old file, where a new one was written.
    pub(super) backup: Option<PathBuf>,
}

/// Puts a recipe's values into the file `to`; `keys` leads from the recipe's names to the file's. Where the file holds them already, or `write`
/// is not asked for, nothing is written.
///
/// # Errors
/// A file whose format nobody says, one that cannot be edited without loss, and keys that are none.
pub(super) fn put(
    recipe: &Recipe,
    to: &Path,
    keys: &[(String, String)],
    format: Option<FileFormat>,
    write: bool,
) -> Result<Applied> {
    let what = || format!("{} was not changed", to.display());
    let format = format.or_else(|| FileFormat::of(to)).ok_or_else(|| {
        Error::usage(what())
            .cause("its name does not say what it is")
            .note("nothing was written")
            .hint("--format yaml, toml, json or env")
    })?;
    let keys = owned::owned_keys(recipe, keys, format)?;
    let file = Replaced::open(to, edit::MOST as u64)?;
    let edited = edit::edit(format, file.text()?, &keys)
        .map_err(|refusal| Error::refused(what()).cause(refusal).note("nothing was written"))?;
    let backup = match write && !edited.changes.is_empty() {
        true => Some(file.with(&edited.text)?),
        false => None,
    };
    Ok(Applied { keys, edited, format, backup })
}

impl Applied {
    /// In one line: what the file holds now, and where the old one is.
    pub(super) fn words(&self, to: &Path) -> String {
        let values = owned::applied_words(&self.keys);
        match &self.backup {
            Some(backup) => format!("applied: {values} (backup at {})", backup.display()),
            None => format!("unchanged: {} holds {values}", to.display()),
        }
    }
}

fn apply(dir: &Path, args: &ApplyArgs) -> Result<u8> {
    let recipe = read(dir, &args.recipe)?;
    let write = !args.dry_run && !args.compare;
    let applied = put(&recipe, &dir.join(&args.to), &args.keys, args.format.map(Into::into), write)?;
    let Applied { keys, edited, .. } = &applied;
    let same = edited.changes.is_empty();
    let report = json!({
        "file": args.to, "format": applied.format, "recipe_hash": recipe.hash(), "changes": edited.changes,
        "written": applied.backup.is_some(), "backup": applied.backup,
    });
    terminal::either(args.json, &report, || match () {
        () if args.compare => owned::comparison_words(keys, edited),
        () if args.dry_run && !same => owned::change_words(edited),
        () => applied.words(&args.to),
    });
    if applied.backup.is_some() {
        terminal::tell("piton restarts no server: yours has the new values when it reads the file again");
    }
    Ok(if args.compare && !same { exit::DISCARDED } else { exit::DONE })
}
