//! `piton recipe`: recipes shown, hashed, compared, and put into a configuration file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::json;

use super::args::{ApplyArgs, RecipeCommand};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::recipe::edit::{self, FileFormat};
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

fn apply(dir: &Path, args: &ApplyArgs) -> Result<u8> {
    let recipe = read(dir, &args.recipe)?;
    let format = args.format.map(FileFormat::from).or_else(|| FileFormat::of(&args.to)).ok_or_else(|| {
        Error::usage(format!("{} was not changed", args.to.display()))
            .cause("its name does not say what it is")
            .hint("--format yaml, toml, json or env")
    })?;
    let keys = owned::owned_keys(&recipe, &args.keys, format)?;
    let file = Replaced::open(&dir.join(&args.to), edit::MOST as u64)?;
    let edited = edit::edit(format, file.text()?, &keys).map_err(|refusal| {
        Error::refused(format!("{} was not changed", args.to.display()))
            .cause(refusal)
            .note("nothing was written")
    })?;
    let same = edited.changes.is_empty();
    let backup = match same || args.dry_run || args.compare {
        true => None,
        false => Some(file.with(&edited.text)?),
    };
    let report = json!({
        "file": args.to, "format": format, "recipe_hash": recipe.hash(), "changes": edited.changes,
        "written": backup.is_some(), "backup": backup,
    });
    terminal::either(args.json, &report, || match &backup {
        Some(backup) => format!("applied: {} (backup at {})", owned::applied_words(&keys), backup.display()),
        None if args.compare => owned::comparison_words(&keys, &edited),
        None if same => format!("unchanged: {} holds {}", args.to.display(), owned::applied_words(&keys)),
        None => owned::change_words(&edited),
    });
    if backup.is_some() {
        terminal::tell("piton restarts no server: yours has the new values when it reads the file again");
    }
    Ok(if args.compare && !same { exit::DISCARDED } else { exit::DONE })
}
