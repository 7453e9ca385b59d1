//! What the tuner goes by where trials are recipes of a model server.

use std::collections::BTreeSet;

use super::Climber;
use piton_agent::SweepContext;
use piton_core::base::error::Result;
use piton_core::run::recipes::Knobs;
use piton_core::trial::record::Record;
use piton_core::trial::scope;
use piton_server::recipe::TrialRecipe;
use piton_system::config::sweep::RECIPE;

/// Trials of one recipe that came to nothing after which it is not proposed again.
const TRIES: usize = 2;

impl Climber<'_, '_> {
    /// The recipes that were tried in this run; `None` where trials are none.
    pub(super) fn sweep(&self) -> Result<Option<SweepContext<'_>>> {
        let (book, repo) = (&self.session.book, &self.session.world.repo);
        let config = &book.config;
        if !config.is_sweep() {
            return Ok(None);
        }
        let recipe = scope::join(&book.run.within, RECIPE);
        let records = book.records()?;
        let knobs = |record: &Record| -> Option<Knobs> {
            let commit = repo.commit_id(record.commit.as_deref()?).ok()?;
            let text = String::from_utf8(repo.file(commit, &recipe)?).ok()?;
            TrialRecipe::parse(&text, config).ok().map(|recipe| recipe.knobs)
        };
        let (mut tried, mut open) = (BTreeSet::new(), Vec::<Knobs>::new());
        for (record, knobs) in records.iter().filter_map(|record| Some((record, knobs(record)?))) {
            // What the machine spoiled says nothing of a recipe, and what spoils it each time is the recipe.
            if record.outcome.settles()
                || record.trial == 0
                || open.iter().filter(|one| **one == knobs).count() + 1 >= TRIES
            {
                tried.insert(knobs);
            } else {
                open.push(knobs);
            }
        }
        let seed = records.first().and_then(|record| record.provenance.seed).unwrap_or_default();
        Ok(Some(SweepContext { config, recipe, tried, seed }))
    }
}
