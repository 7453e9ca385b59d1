//! Is this machine fit to tell a gain from noise? What it is, what it is doing now, and what that means for the rule.

use std::time::Duration;

use piton_confine::{Found, Level};
use serde::Serialize;

use crate::clock;
use crate::conditions::{Conditions, Limits};
use crate::forecast;
use crate::host::{self, Meter};
use crate::metric::percent;
use crate::rule::Question;
use crate::terms::{Preset, Settings};
use crate::words::{number, seconds};

/// How long the machine is watched.
const WATCH: Duration = Duration::from_secs(2);
/// An agent's turn is taken to be this long where nobody says otherwise, in seconds.
const TURN_S: f64 = 180.0;

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// Processor, cores and system.
    pub machine: String,
    /// How the kernel chooses the clock; absent where it does not say.
    pub governor: Option<String>,
    /// What the machine did in the last two seconds, with nothing of piton's at work.
    pub now: Conditions,
    /// tau of the latest run, natural logarithm; absent where there is none.
    pub tau: Option<f64>,
    /// Seconds that a pair takes, in that run.
    pub pair_s: Option<f64>,
    /// The smallest gain that the rule keeps four times out of five, in percent.
    pub resolves_pct: Option<f64>,
    /// What the walls are worth here, and the attacks that they were tried with.
    pub confinement: Found,
    /// What is wrong, a sentence each; none where the machine is fit.
    pub unfit: Vec<String>,
    /// What would be better, a sentence each.
    pub advice: Vec<String>,
}

/// Looks at the machine, with what the latest run knows of it.
pub fn examine(
    settings: &Settings,
    limits: &Limits,
    tau: Option<f64>,
    pair_s: Option<f64>,
    walls: &Found,
) -> Findings {
    let meter = Meter::start();
    clock::wait(WATCH);
    let now = meter.stop();
    let governor = host::governor();
    let resolves_pct =
        tau.filter(|tau| *tau > 0.0).map(|tau| percent(forecast::resolved(&Question::better(settings, tau))));
    let (mut unfit, advice) = judge(settings, limits, &now, governor.as_deref(), resolves_pct, pair_s);
    if walls.level < Level::Strong {
        unfit.push(format!("the walls reach the level {}: a score could be forged", walls.level));
    }
    let confinement = walls.clone();
    Findings {
        machine: host::machine(),
        governor,
        now,
        tau,
        pair_s,
        resolves_pct,
        confinement,
        unfit,
        advice,
    }
}

fn judge(
    settings: &Settings,
    limits: &Limits,
    now: &Conditions,
    governor: Option<&str>,
    resolves_pct: Option<f64>,
    pair_s: Option<f64>,
) -> (Vec<String>, Vec<String>) {
    let (mut unfit, mut advice) = (vec![], vec![]);
    unfit.extend(limits.void(now).map(|why| format!("pairs measured now would be void: {why}")));
    if now.load > 1.0 {
        advice.push(format!(
            "something else is at work here (load {}): end it, or expect a larger tau",
            number(now.load)
        ));
    }
    if governor.is_some_and(|governor| governor != "performance") {
        advice.push(
            "the clock of the processor follows the load: the governor `performance` makes tau smaller"
                .to_owned(),
        );
    }
    if let Some(pct) = resolves_pct.filter(|pct| *pct > 10.0) {
        unfit.push(format!("the noise is so high that gains below {pct:.0} % are mostly missed"));
    }
    if let Some(pair_s) = pair_s {
        let fitting = fitting(pair_s / TURN_S);
        if fitting != settings.preset {
            let name = format!("{fitting:?}").to_lowercase();
            advice.push(format!(
                "a pair takes {}, {:.0} % of an agent's turn of {}: the preset `{name}` fits that better",
                seconds(pair_s),
                100.0 * pair_s / TURN_S,
                seconds(TURN_S)
            ));
        }
    }
    (unfit, advice)
}

/// The preset for a pair that costs this share of an agent's turn.
fn fitting(share: f64) -> Preset {
    match share {
        share if share < 0.02 => Preset::Thorough,
        share if share < 0.08 => Preset::Standard,
        share if share < 0.25 => Preset::Frugal,
        _ => Preset::Provisional,
    }
}

/// The same for people.
pub fn words(found: &Findings) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<10} {value}\n"));
    let unknown = || "not known: no run has begun; piton baseline measures it".to_owned();
    line("machine", found.machine.clone());
    line("governor", found.governor.clone().unwrap_or_else(|| "the kernel does not say".to_owned()));
    line("load", number(found.now.load));
    line(
        "pressure",
        found.now.pressure_pct.map_or_else(
            || "the kernel does not say".to_owned(),
            |p| format!("{p:.1} % of the time some process waited for a core"),
        ),
    );
    line("steal", format!("{:.1} % of the processor went to other machines", found.now.steal_pct));
    line(
        "tau",
        found.tau.map_or_else(unknown, |tau| {
            format!("{:.2} %: the scale of one pair's gain, in the latest run", percent(tau))
        }),
    );
    line("pair", found.pair_s.map_or_else(unknown, seconds));
    line(
        "resolves",
        found.resolves_pct.map_or_else(unknown, |pct| {
            format!("{pct:.1} %: a gain of that size is kept four times out of five")
        }),
    );
    for (name, value) in walls(&found.confinement) {
        line(name, value);
    }
    for advice in &found.advice {
        line("advice", advice.clone());
    }
    if found.unfit.is_empty() {
        text.push_str("\nfit to climb\n");
    }
    found.unfit.iter().for_each(|why| text.push_str(&format!("\nUNFIT: {why}\n")));
    text
}

/// The walls, and how they held, as lines.
fn walls(found: &Found) -> Vec<(&'static str, String)> {
    let through: Vec<&str> =
        found.attacks.iter().filter(|tried| !tried.held).map(|tried| &*tried.name).collect();
    let held = found.attacks.len() - through.len();
    let mut lines = vec![("walls", format!("level {}, Landlock ABI {}", found.level, found.abi))];
    lines.extend(found.walls.iter().map(|wall| ("", wall.clone())));
    lines.push(("attacks", format!("{held} of {} held", found.attacks.len())));
    lines.extend(through.iter().map(|name| ("", format!("got through: {name}"))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_a_pair_decides_how_thoroughly_to_look() {
        assert_eq!(
            [0.01, 0.05, 0.2, 0.5].map(fitting),
            [Preset::Thorough, Preset::Standard, Preset::Frugal, Preset::Provisional]
        );
    }

    #[test]
    fn a_machine_whose_time_is_stolen_is_unfit() {
        let now = Conditions { steal_pct: 40.0, pressure_pct: None, load: 0.2 };
        let (unfit, advice) =
            judge(&Settings::default(), &Limits::default(), &now, None, Some(2.0), Some(10.0));
        assert_eq!((unfit.len(), advice.len()), (1, 0), "{unfit:?} {advice:?}");
        let calm = Conditions { steal_pct: 0.0, ..now };
        assert!(
            judge(&Settings::default(), &Limits::default(), &calm, None, Some(2.0), Some(10.0)).0.is_empty()
        );
    }
}
