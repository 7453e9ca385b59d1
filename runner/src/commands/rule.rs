//! `piton rule explain`: when a change of this experiment is kept.

use piton_core::base::metric::Gain;
use std::path::Path;

use serde_json::json;

use super::chosen::experiment;
use piton_core::base::error::{Result, exit};
use piton_core::run::power;
use piton_lab::doctor::KnownMachine;
use piton_system::terminal;

/// Explains the rule in figures of this experiment.
///
/// # Errors
/// No experiment at HEAD.
pub(super) fn run(dir: &Path, json: bool) -> Result<u8> {
    let (config, KnownMachine { tau, seeded, pair_s, .. }) = experiment(dir)?;
    let forecast = tau
        .filter(|tau| *tau > Gain::ZERO && !seeded)
        .map(|tau| power::forecast(&config.rule, config.metric.scale(), tau));
    let facts = json!({ "settings": config.rule, "tau": tau, "forecast": forecast });
    terminal::either(json, &facts, || {
        let rule = power::explain(&config.rule, &config.metric, (tau, seeded), pair_s);
        let checks = config.checks_words().map_or_else(String::new, |checks| format!("{checks}\n"));
        format!("{}\n{checks}\nwhose word the figure is: {}\n", rule.trim_end(), config.trust())
    });
    Ok(exit::DONE)
}
