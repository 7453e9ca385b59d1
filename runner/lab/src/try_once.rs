//! `piton doctor --try`: the present commit built and measured once, to see what the walls refuse it.

use std::fs;

use crate::doctor::{Attempt, RefusedAccess};
use piton_climb::build::{BuildEnd, BuildStore};
use piton_climb::checks::{Checked, Checker};
use piton_climb::context::World;
use piton_climb::sample::{Sampled, Sampler};
use piton_core::base::error::{Context, Result};
use piton_core::rule::keep;
use piton_core::trial::denied;
use piton_core::trial::text;
use piton_system::beneath;
use piton_system::config::Config;
use piton_system::host;
use piton_system::state_home::Place;

/// Builds and measures the commit that is checked out, in a place of its own that is removed: no run's slots are touched.
///
/// # Errors
/// When piton itself fails: a disk that refuses, a command that cannot be started.
pub fn attempt(world: World, config: &Config) -> Result<Attempt> {
    let commit = world.repo.head()?.commit;
    let dir = world.repo.state_dir().join("try");
    let world = World { walls: world.walls.recording_refusals(), ..world };
    fs::create_dir_all(dir.join("logs")).context("the commit was not tried")?;
    let place = Place::of(&dir);
    let build_store = BuildStore { dir: dir.clone(), place: &place, ..world.build_store() };
    world.begin_long("building and measuring the present commit once");
    let measured = || -> Result<std::result::Result<String, String>> {
        let harness = build_store.harness(commit, config)?;
        let side = match build_store.challenger(commit, &[], config, true)? {
            BuildEnd::Built(built) => built,
            BuildEnd::Failed(error) => return Ok(Err(format!("it does not build: {}", error.reason))),
            BuildEnd::TimedOut => return Ok(Err("its build took too long".to_owned())),
            BuildEnd::Interrupted => return Ok(Err(piton_system::process::STOPPED.to_owned())),
        };
        let sampler = Sampler { place: &place, logs: dir.join("logs"), ..world.sampler(config, &harness) };
        let mut said = match sampler.sample(&side, keep::draw(host::fresh_seed()?, 0).prompts, 0)? {
            Sampled::Measured(values) => {
                let value = values.get(&config.metric.name).copied().unwrap_or_default();
                format!("{} {value}", config.metric.name)
            }
            other => return Ok(Err(other.words(config.measure.timeout_s))),
        };
        let checker = Checker { place: &place, logs: dir.join("logs"), ..world.checker(config, &harness) };
        for check in &config.checks {
            match checker.run(check, &side, None, None)? {
                Checked::Held(result) => said.push_str(&format!("; checked {}", text::check(&result))),
                Checked::Fell(_, fault, _) => {
                    return Ok(Err(format!("its check {} fails: {}", check.name, fault.reason)));
                }
                Checked::Changed(what) => return Ok(Err(what)),
                Checked::Interrupted => return Ok(Err(piton_system::process::STOPPED.to_owned())),
            }
        }
        Ok(Ok(said))
    };
    let ended = measured();
    world.progress.idle();
    for made in place.known().iter().chain([&dir]) {
        let _ = beneath::remove_at(made);
    }
    let (measured, failed) = match ended? {
        Ok(measured) => (Some(measured), None),
        Err(why) => (None, Some(why)),
    };
    let refused = world.walls.refused().into_iter().map(|(section, one)| RefusedAccess {
        section,
        opens: denied::opening(std::slice::from_ref(&one)).pop(),
        what: one.what,
        note: one.note,
    });
    Ok(Attempt { failed, measured, refused: refused.collect() })
}
