//! `piton sweep grid`: what a recipe does at each length of prompts and each concurrency, until the machine is full.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::here::Here;
use crate::commands::args::GridArgs;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_server::grid::{GridCell, page, table};
use piton_server::infeasible::Infeasible;
use piton_server::load::figures::Figures;
use piton_server::load::{self, Arrival};
use piton_server::prompts::PromptSource;
use piton_server::recipe::TrialRecipe;
use piton_server::server::{Server, Started};
use piton_system::host;
use piton_system::process::{Runner, STOPPED};
use piton_system::terminal::{self, Progress};

/// Measures the grid.
///
/// # Errors
/// A recipe that is none.
pub(super) fn run(dir: &Path, args: &GridArgs) -> Result<u8> {
    let here = Here::open(dir)?;
    let recipe = here.recipe(args.recipe.as_deref())?;
    let (runner, progress) = (Runner::install()?, Progress::new());
    let stop = || runner.interrupted();
    let (mut lengths, mut levels) = (args.words.clone(), args.concurrency.clone());
    lengths.sort_unstable();
    levels.sort_unstable();
    let mut cells: Vec<GridCell> = vec![];
    for &words in &lengths {
        let mut full = false;
        for &concurrency in &levels {
            // What a shorter prompt or fewer users make too much is too much here.
            let full_below = cells
                .iter()
                .any(|cell| cell.concurrency <= concurrency && cell.reason.is_some() && cell.words <= words);
            if full || full_below {
                cells.push(GridCell {
                    words,
                    concurrency,
                    reason: Some("not tried".to_owned()),
                    skipped: true,
                    figures: None,
                });
                continue;
            }
            progress.doing(&format!("{words} words, concurrency {concurrency}"));
            let cell = match cell(&here, &recipe, words, concurrency, args, &stop)? {
                Some(Ok(figures)) => {
                    GridCell { words, concurrency, reason: None, skipped: false, figures: Some(figures) }
                }
                Some(Err(why)) => {
                    full = true;
                    GridCell {
                        words,
                        concurrency,
                        reason: Some(why.to_string()),
                        skipped: false,
                        figures: None,
                    }
                }
                None => {
                    return Err(Error::new("the grid was not measured to its end")
                        .cause(STOPPED)
                        .status(130));
                }
            };
            cells.push(cell);
        }
    }
    progress.idle();
    if let Some(path) = &args.html {
        fs::write(dir.join(path), page(&recipe, &lengths, &levels, &cells))
            .context(format!("{} was not written", path.display()))?;
    }
    terminal::either(args.json, &serde_json::json!({ "recipe": recipe, "cells": cells }), || {
        table(&lengths, &levels, &cells)
    });
    Ok(exit::DONE)
}

/// One cell: its server started, asked, stopped. `None` where the user stopped it.
fn cell(
    here: &Here,
    recipe: &TrialRecipe,
    words: u32,
    concurrency: u32,
    args: &GridArgs,
    stop: &dyn Fn() -> bool,
) -> Result<Option<std::result::Result<Figures, Infeasible>>> {
    let own = here.work().join("server");
    piton_system::sandbox::private(&own)?;
    let server = match Server::start(&here.config, recipe, &own, &here.work().join("server.log"), stop)? {
        Started::Ready(server) => server,
        Started::Infeasible(why) => return Ok(Some(Err(why))),
        Started::Interrupted => return Ok(None),
    };
    let feasible = here.config.feasible.clone().unwrap_or_default();
    let client = server.client(Duration::from_secs(feasible.request_timeout_s));
    let seed = host::fresh_seed()?;
    let n = (args.rounds * concurrency) as usize;
    let prompts = PromptSource::Synthetic(words).draw(seed, n + 1)?;
    let ask = here.experiment(stop).ask();
    let warm = load::run(&client, &ask, &prompts[..1], Arrival::Concurrency(1), seed, &|_| {}, stop)?;
    let loaded = match warm {
        Some(_) => {
            load::run(&client, &ask, &prompts[1..], Arrival::Concurrency(concurrency), seed, &|_| {}, stop)?
        }
        None => None,
    };
    server.stop(stop);
    let Some(loaded) = loaded else { return Ok(None) };
    let bad = loaded.requests.iter().find_map(|asked| Infeasible::of_answer(&asked.answer.end));
    Ok(Some(match bad {
        Some(why) => Err(why),
        None => Ok(Figures::of(&loaded, None)),
    }))
}
