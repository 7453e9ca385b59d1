//! `piton agents`: which agents piton can drive, and whether they are there.

use piton_agent::installed;
use piton_agent::kind::{AgentKind, KNOWN};
use piton_core::base::error::{Error, Result, exit};
use piton_system::process::Runner;
use piton_system::terminal::{self, Progress};

/// Lists the agents, or prints the adapter of one.
///
/// # Errors
/// An agent that piton does not know.
pub(super) fn run(show: Option<&str>, json: bool) -> Result<u8> {
    if let Some(name) = show {
        let Some((_, text)) = KNOWN.iter().find(|(known, _)| *known == name) else {
            let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
            return Err(Error::usage(format!("no adapter was printed: piton knows no agent {name}"))
                .hint(format!("it knows {}", names.join(", "))));
        };
        terminal::answer(text);
        return Ok(exit::DONE);
    }
    let (runner, progress) = (Runner::install()?, Progress::new());
    let mut agents = vec![];
    for (name, _) in KNOWN {
        progress.doing(&format!("looking for {name}"));
        agents.extend(AgentKind::known(name).map(|kind| installed::detect(&kind, &runner)).transpose()?);
    }
    progress.idle();
    terminal::either(json, &agents, || installed::words(&agents));
    Ok(exit::DONE)
}
