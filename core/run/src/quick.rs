//! What some runs of a command say of it before there is an experiment: how much its clocks differ by themselves, which gain a trial would
//! resolve, and which clock to climb.

mod file;
mod text;

use serde::Serialize;

use piton_base::metric::{Direction, Gain, Metric, OwnMeter, Readings};
use piton_base::stats;
use piton_rule::keep::History;
use piton_rule::settings::Preset;

pub use file::experiment;
pub use text::words;

/// A sample is to take so long, in seconds: a short command is run several times in one.
const SAMPLE_S: f64 = 0.1;
/// Most runs in a sample.
const MOST_REPEATS: f64 = 100.0;
/// A command that is on a processor for less of its time waits for something.
const WAITS: f64 = 0.5;
/// One that is there for more uses several.
const PARALLEL: f64 = 1.3;
/// More waiting for a core than this, in percent: the machine is too busy to tell waiting from queueing.
const BUSY_PCT: f64 = 50.0;
/// The wall clock is climbed though it is that many times as noisy, where processor time would miss something.
const WORTH: f64 = 4.0;
/// An agent's turn, in seconds, where nobody has seen one: what a pair may cost is a share of it.
pub const TURN_S: f64 = 180.0;

/// How often one sample is to run a command that takes `wall_s` seconds.
pub fn repeats(wall_s: f64) -> u32 {
    (SAMPLE_S / wall_s.max(1e-6)).ceil().clamp(1.0, MOST_REPEATS) as u32
}

/// The preset for a pair that costs this share of an agent's turn.
pub fn fitting(share: f64) -> Preset {
    match share {
        share if share < 0.02 => Preset::Thorough,
        share if share < 0.08 => Preset::Standard,
        share if share < 0.25 => Preset::Frugal,
        _ => Preset::Provisional,
    }
}

/// What was seen of a command.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seen {
    /// Its words.
    pub command: Vec<String>,
    /// What a first run cost, which found nothing prepared.
    pub first: Readings,
    /// What each sample after it cost, a run of it.
    pub samples: Vec<Readings>,
    /// Runs in a sample.
    pub repeat: u32,
    /// Seconds that all samples took.
    pub seconds: f64,
    /// Share of the time in which some process waited for a core, in percent; absent where the kernel does not tell.
    pub pressure_pct: Option<f64>,
    /// Files that it left in the directory or changed there, as paths from it: the first few.
    pub files: Vec<String>,
    /// How many more.
    pub more_files: usize,
    /// Whether it left processes that went on.
    pub processes: bool,
    /// How it went behind the walls.
    pub walled: Walled,
    /// What is likely to be edited, as paths from the directory; none where nothing obvious is there.
    pub editable: Vec<String>,
    /// Name of the experiment.
    pub name: String,
}

/// How the command went behind the walls, as `[measure]` would run it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Walled {
    /// The words of `[measure] command`.
    pub command: Vec<String>,
    /// Why it was not tried; absent where it was.
    pub untried: Option<String>,
    /// Why it failed in the end; absent where it did not.
    pub failed: Option<String>,
    /// What it was refused, a sentence each.
    pub refused: Vec<String>,
    /// The lines of `[measure]` that open that, as they were tried.
    pub opens: Vec<String>,
    /// Seconds that a sample takes beside the command's own time: copies of the tree, walls.
    pub beside_s: f64,
}

/// What one of piton's meters said of the command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClockReading {
    /// Which.
    pub meter: OwnMeter,
    /// The middle of the samples, in its unit.
    pub value: f64,
    /// The scale of the difference between two samples, in percent; 0 where it does not vary.
    pub tau_pct: f64,
    /// The smallest gain that a trial keeps four times out of five: by so many percent less.
    pub resolves_pct: f64,
    /// Pairs of such a trial, on the average.
    pub pairs: f64,
    /// Seconds that it takes, without the agent's turn and the build.
    pub trial_s: f64,
}

/// What is said of a command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuickReport {
    /// Its words.
    pub command: Vec<String>,
    /// Samples that were taken, without the first run.
    pub samples: usize,
    /// Runs in each.
    pub repeat: u32,
    /// Seconds that they took.
    pub seconds: f64,
    /// Seconds by the wall clock of the first run.
    pub first_s: f64,
    /// What each meter said.
    pub clocks: Vec<ClockReading>,
    /// The one to climb.
    pub climb: OwnMeter,
    /// Why.
    pub why: String,
    /// How thoroughly, for what a pair costs.
    pub preset: Preset,
    /// Share of its time in which it was on a processor; above 1 where it used several.
    pub busy: f64,
    /// Files that it left or changed.
    pub files: Vec<String>,
    /// How many more.
    pub more_files: usize,
    /// Whether it left processes.
    pub processes: bool,
    /// How it went behind the walls.
    pub walled: Walled,
    /// What is likely to be edited.
    pub editable: Vec<String>,
    /// The `piton.toml` that fits.
    pub toml: String,
}

/// What the rule resolves, in taus, and the mean number of pairs that it takes: the same for any tau, where nothing but the preset is set. A look is to take a
/// second, so the numbers stand here; they are those of [`power::resolved`], which a test holds them to.
///
/// [`power::resolved`]: super::power::resolved
fn resolution(preset: Preset) -> (f64, f64) {
    match preset {
        Preset::Thorough => (0.68, 35.7),
        Preset::Standard => (0.914, 21.1),
        Preset::Frugal | Preset::Training => (1.58, 10.4),
        // Of single runs nothing of the kind is known: they are no pairs.
        Preset::Provisional | Preset::Replicates => (1.34, 13.9),
    }
}

/// What is to be said of a command that was seen.
pub fn report(seen: Seen) -> QuickReport {
    let middle = |meter: OwnMeter| {
        let values: Vec<f64> = seen.samples.iter().map(|one| one.of(meter)).collect();
        stats::median(&values).unwrap_or_default()
    };
    let sample_s = middle(OwnMeter::WallS) * f64::from(seen.repeat);
    let pair_s = 2.0 * (sample_s + seen.walled.beside_s);
    let preset = fitting(pair_s / TURN_S);
    let (taus, resolving_pairs) = resolution(preset);
    let clock = |meter: OwnMeter| {
        let tau = tau(&seen.samples, meter);
        let gain = Gain(tau * taus);
        // One that does not vary keeps with the second pair that shows the same gain.
        let pairs = if tau > 0.0 { resolving_pairs } else { 2.0 };
        ClockReading {
            meter,
            value: middle(meter),
            tau_pct: Gain(tau).percent(),
            // Lower is better: by so much less.
            resolves_pct: -100.0 * (-gain.0).exp_m1(),
            pairs,
            trial_s: pairs * pair_s,
        }
    };
    let clocks = [OwnMeter::WallS, OwnMeter::CpuS, OwnMeter::PeakMemoryBytes].map(clock).to_vec();
    let busy = middle(OwnMeter::CpuS) / middle(OwnMeter::WallS).max(1e-9);
    let (climb, why) = choose(clocks[0].tau_pct, clocks[1].tau_pct, busy, seen.pressure_pct);
    let toml = experiment(&seen, climb, preset);
    QuickReport {
        command: seen.command,
        samples: seen.samples.len(),
        repeat: seen.repeat,
        seconds: seen.seconds,
        first_s: seen.first.wall_s,
        clocks,
        climb,
        why,
        preset,
        busy,
        files: seen.files,
        more_files: seen.more_files,
        processes: seen.processes,
        walled: seen.walled,
        editable: seen.editable,
        toml,
    }
}

/// tau of a meter, by what each sample differs by from the one before it.
fn tau(samples: &[Readings], meter: OwnMeter) -> f64 {
    let metric = Metric::of(meter.word(), Direction::Lower);
    let gain = |pair: &[Readings]| metric.gain(pair[0].of(meter), pair[1].of(meter));
    let gains: Vec<f64> = samples.windows(2).filter_map(gain).map(|gain| gain.0).collect();
    let mut history = History::default();
    history.null_pairs(&gains);
    history.tau()
}

/// The clock to climb, and why; noise in percent.
fn choose(wall: f64, cpu: f64, busy: f64, pressure: Option<f64>) -> (OwnMeter, String) {
    let noises = format!("{} % against {} %", pct(cpu), pct(wall));
    if let Some(pressure) = pressure.filter(|pressure| *pressure > BUSY_PCT && busy < PARALLEL) {
        let why = format!(
            "the machine was busy (some process waited for a core {pressure:.0} % of the time), which the wall clock counts and processor time does not. \
             Whether the command waits by itself, piton can tell on a quiet machine"
        );
        return (OwnMeter::CpuS, why);
    }
    if busy < WAITS {
        let why = format!(
            "the command is on a processor for {:.0} % of its time and waits for the rest, which processor time does not count",
            100.0 * busy
        );
        return (OwnMeter::WallS, why);
    }
    if busy > PARALLEL && wall <= WORTH * cpu {
        let why = format!(
            "the command uses {busy:.1} processors at once: only the wall clock sees whether they are used better"
        );
        return (OwnMeter::WallS, why);
    }
    if wall < cpu {
        return (OwnMeter::WallS, format!("it is no noisier than processor time ({noises})"));
    }
    let mut why = format!("processor time is steadier than the wall clock ({noises})");
    if busy > PARALLEL {
        why.push_str("; it does not see whether several processors are used better: for that, climb wall_s");
    }
    (OwnMeter::CpuS, why)
}

/// Percent for people: one digit behind the point where there is need.
fn pct(value: f64) -> String {
    if value >= 10.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests;
