//! Is this machine fit to tell a gain from noise? What it is, what it is doing now, and what that means for the rule.

use std::time::Duration;

use piton_confine::Found;
use piton_core::base::level::Level;
use serde::Serialize;

use piton_core::base::conditions::{Conditions, Limits};
use piton_core::base::metric::{Clock, Gain, Metric, Scale};
use piton_core::report::tables::{self, NoiseReport};
use piton_core::rule::keep::Question;
use piton_core::rule::settings::{Preset, Settings};
use piton_core::run::power;
use piton_core::run::quick::{TURN_S, fitting};
use piton_core::trial::text::{number, seconds, size};
use piton_system::clock;
use piton_system::config::Config;
use piton_system::host::{self, Meter};
use piton_system::sandbox;

/// How long the machine is watched.
const WATCH: Duration = Duration::from_secs(2);

/// What the doctor found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// Processor, cores and system.
    pub machine: String,
    /// How the kernel chooses the clock; absent where it does not say.
    pub governor: Option<String>,
    /// What the machine did in the last two seconds, with nothing of piton's at work.
    pub now: Conditions,
    /// tau of the latest run; absent where there is none.
    pub tau: Option<Gain>,
    /// Seconds that a pair takes, in that run.
    pub pair_s: Option<f64>,
    /// Seconds that an agent's turn took in that run; absent where no agent was waited for.
    pub turn_s: Option<f64>,
    /// The smallest gain that the rule keeps four times out of five.
    pub resolves: Option<Gain>,
    /// The same in percent; absent where differences are compared.
    pub resolves_pct: Option<f64>,
    /// What is climbed.
    pub metric: Metric,
    /// What the walls are worth here, and the attacks that they were tried with.
    pub confinement: Found,
    /// What the experiment opens to its jobs beside what is open to all.
    pub opened: Vec<Opening>,
    /// What became of a build and a sample of the present commit, where that was asked for.
    pub attempt: Option<Attempt>,
    /// What the present commit measured against itself, where that was asked for.
    pub noise: Option<NoiseReport>,
    /// What is wrong, a sentence each; none where the machine is fit.
    pub unfit: Vec<String>,
    /// What would be better, a sentence each.
    pub advice: Vec<String>,
}

/// Something that a section of `piton.toml` opens to its job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Opening {
    /// The section.
    pub section: String,
    /// The key.
    pub key: String,
    /// What it opens.
    pub value: String,
    /// What is to be known of it.
    pub note: Option<String>,
}

/// A build and a sample of one commit.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Attempt {
    /// Why it was not measured; absent where it was.
    pub failed: Option<String>,
    /// How to install what it lacked; absent where it does not say that something is missing.
    pub install: Option<String>,
    /// The section of `piton.toml` whose command failed.
    pub section: Option<String>,
    /// The last lines of what that printed.
    pub tail: String,
    /// What it measured, in words.
    pub measured: Option<String>,
    /// Seconds that the build took; absent where there is none.
    pub build_s: Option<f64>,
    /// Seconds that the sample took.
    pub sample_s: Option<f64>,
    /// How many samples a baseline takes.
    pub baseline_samples: u32,
    /// About how many seconds it takes with them, its builds and its checks; absent where nothing was measured.
    pub baseline_s: Option<f64>,
    /// What its jobs were refused, by their sections.
    pub refused: Vec<RefusedAccess>,
}

/// Something that a job was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedAccess {
    /// The section.
    pub section: String,
    /// What it may not do.
    pub what: String,
    /// The line of that section that opens it; absent where none does.
    pub opens: Option<String>,
    /// What to do or to know besides.
    pub note: Option<String>,
}

impl Findings {
    /// Takes in what became of an attempt: a machine on which it fails is not fit.
    pub fn attempt(&mut self, attempt: Attempt) {
        self.unfit.extend(attempt.failed.iter().map(|why| {
            let install =
                attempt.install.as_ref().map_or_else(String::new, |how| format!("; install it: {how}"));
            format!("the present commit would be no baseline: {why}{install}")
        }));
        self.attempt = Some(attempt);
    }
}

/// What an experiment opens to its jobs.
pub fn opened(config: &Config) -> Vec<Opening> {
    let builds = [("harness", &config.harness), ("build", &config.build)];
    let builds = builds.iter().filter_map(|(name, build)| Some((*name, build.as_ref()?.opens())));
    let mut all = vec![];
    let checks = config.checks.iter().map(|check| ("check", check.opens()));
    for (section, opens) in builds.chain([("measure", config.measure.opens())]).chain(checks) {
        let mut add = |key: &str, value: String, note: Option<&str>| {
            let (section, key, note) = (section.to_owned(), key.to_owned(), note.map(str::to_owned));
            all.push(Opening { section, key, value, note });
        };
        let there = |path: &str| (!sandbox::placed(path).exists()).then_some("is not there");
        opens.read.iter().for_each(|path| add("read", path.clone(), there(path)));
        let kept = "keeps what one job leaves for the next";
        opens.write.iter().for_each(|path| add("write", path.clone(), there(path).or(Some(kept))));
        opens.env.iter().for_each(|(name, value)| add("env", format!("{name} = {value:?}"), None));
        for word in opens.devices {
            let none = sandbox::devices(std::slice::from_ref(word)).is_empty();
            add("devices", word.clone(), none.then_some("this machine has none"));
        }
        let on = [
            ("network", opens.network, "the machine's network"),
            (
                "shared_memory",
                opens.shared_memory,
                "the machine's /dev/shm, which keeps what one job leaves for the next",
            ),
            ("loopback", opens.loopback, "a network with nobody else in it"),
        ];
        on.iter().filter(|(_, on, _)| *on).for_each(|(key, _, note)| add(key, "true".to_owned(), Some(note)));
    }
    all
}

/// What the latest run knows of the machine; absent where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct KnownMachine {
    /// tau of the primary metric, in the unit of gains.
    pub tau: Option<Gain>,
    /// Whether the metric is deterministic for a seed: a trial then finds its own scale.
    pub seeded: bool,
    /// Seconds of a pair.
    pub pair_s: Option<f64>,
    /// Seconds of an agent's turn.
    pub turn_s: Option<f64>,
}

/// Looks at the machine, with what the latest run knows of it.
pub fn examine(config: &Config, known: KnownMachine, walls: &Found) -> Findings {
    let (settings, metric, limits) = (&config.rule, &config.metric, &config.machine);
    let meter = Meter::start();
    clock::wait(WATCH);
    let now = meter.stop();
    let governor = host::governor();
    let resolves = known.tau.filter(|tau| *tau > Gain::ZERO && !known.seeded).map(|tau| {
        power::resolved(&Question::better_on(settings, metric.scale(), tau.0), settings.both_orders)
    });
    // What is much of a unit nobody knows.
    let resolves_pct = resolves.filter(|_| metric.scale() == Scale::Ratio).map(Gain::percent);
    let (mut unfit, advice) =
        judge(settings, (limits, config.clock()), &now, governor.as_deref(), resolves_pct, known);
    if walls.level < Level::Strong {
        unfit.push(format!("the walls reach the level {}: a score could be forged", walls.level));
    }
    let (KnownMachine { tau, pair_s, turn_s, .. }, confinement) = (known, walls.clone());
    Findings {
        machine: host::machine(),
        governor,
        now,
        tau,
        pair_s,
        turn_s,
        resolves,
        resolves_pct,
        metric: metric.clone(),
        confinement,
        opened: vec![],
        attempt: None,
        noise: None,
        unfit,
        advice,
    }
}

fn judge(
    settings: &Settings,
    (limits, clock): (&Limits, Clock),
    now: &Conditions,
    governor: Option<&str>,
    resolves_pct: Option<f64>,
    known: KnownMachine,
) -> (Vec<String>, Vec<String>) {
    let (mut unfit, mut advice) = (vec![], vec![]);
    unfit.extend(limits.spoils(clock, now).map(|why| format!("pairs measured now would be void: {why}")));
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
    // Single runs against the baseline's suit a metric that does not drift, which only its owner knows.
    if let Some(pair_s) =
        known.pair_s.filter(|_| !matches!(settings.preset, Preset::Replicates | Preset::Training))
    {
        let turn_s = known.turn_s.unwrap_or(TURN_S);
        let fitting = fitting(pair_s / turn_s);
        if fitting != settings.preset {
            let name = format!("{fitting:?}").to_lowercase();
            let or = if fitting == Preset::Provisional {
                ", or `replicates` where the metric does not drift"
            } else {
                ""
            };
            advice.push(format!(
                "a pair takes {}, {:.0} % of an agent's turn of {}{}: the preset `{name}` fits that better{or}",
                seconds(pair_s),
                100.0 * pair_s / turn_s,
                seconds(turn_s),
                if known.turn_s.is_some() { "" } else { " (assumed)" },
            ));
        }
    }
    (unfit, advice)
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
            format!("{}: the scale of one pair's gain, in the latest run", size(tau, 2, &found.metric))
        }),
    );
    line("pair", found.pair_s.map_or_else(unknown, seconds));
    line(
        "turn",
        found.turn_s.map_or_else(
            || format!("not known: no agent was waited for; {} assumed", seconds(TURN_S)),
            seconds,
        ),
    );
    line(
        "resolves",
        found.resolves.map_or_else(unknown, |gain| {
            format!("{}: a gain of that size is kept four times out of five", size(gain, 1, &found.metric))
        }),
    );
    for (name, value) in walls(&found.confinement) {
        line(name, value);
    }
    for (n, open) in found.opened.iter().enumerate() {
        let note = open.note.as_ref().map_or_else(String::new, |note| format!(": {note}"));
        let value = format!("[{}] {} {}{note}", open.section, open.key, open.value);
        line(if n == 0 { "opened" } else { "" }, value);
    }
    if let Some(attempt) = &found.attempt {
        let ended = attempt.measured.as_ref().map(|measured| format!("built and measured once: {measured}"));
        line("tried", ended.unwrap_or_else(|| "it was not measured".to_owned()));
        for refused in &attempt.refused {
            let opens = refused.opens.as_ref().map_or_else(String::new, |line| format!(": {line}"));
            let note = refused.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
            line("refused", format!("[{}] it may not {}{opens}{note}", refused.section, refused.what));
        }
    }
    if let Some(noise) = &found.noise {
        tables::noise_words(noise).lines().for_each(|words| line("noise", words.to_owned()));
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
    let given = |held: bool| {
        let names: Vec<&str> =
            found.given.iter().filter(|tried| tried.held == held).map(|tried| &*tried.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    lines.extend(given(true).map(|names| ("given", format!("to builds and measuring commands: {names}"))));
    lines.extend(given(false).map(|names| ("not given", format!("this machine does not let it: {names}"))));
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

    const TEN: KnownMachine = KnownMachine { tau: None, seeded: false, pair_s: Some(10.0), turn_s: None };

    #[test]
    fn a_preset_that_does_not_fit_the_measured_turn_is_told() {
        let advice = |turn_s| {
            let known = KnownMachine { turn_s, ..TEN };
            judge(
                &Settings::default(),
                (&Limits::default(), Clock::Wall),
                &Conditions::default(),
                None,
                Some(2.0),
                known,
            )
            .1
        };
        assert!(advice(None).is_empty() && advice(Some(200.0)).is_empty());
        assert!(advice(Some(20.0))[0].contains("50 % of an agent's turn of 20 s: the preset `provisional`"));
        assert!(advice(Some(1000.0))[0].contains("`thorough`"));
    }

    #[test]
    fn a_machine_whose_time_is_stolen_is_unfit() {
        let now = Conditions { steal_pct: 40.0, pressure_pct: None, load: 0.2, others_pct: None };
        let (unfit, advice) =
            judge(&Settings::default(), (&Limits::default(), Clock::Wall), &now, None, Some(2.0), TEN);
        assert_eq!((unfit.len(), advice.len()), (1, 0), "{unfit:?} {advice:?}");
        let calm = Conditions { steal_pct: 0.0, ..now };
        assert!(
            judge(&Settings::default(), (&Limits::default(), Clock::Wall), &calm, None, Some(2.0), TEN)
                .0
                .is_empty()
        );
    }
}
