//! The `piton.toml` that fits a command.

use piton_base::metric::OwnMeter;
use piton_rule::settings::Preset;
use piton_trial::text::toml_value::{list, quoted};

use super::{SAMPLE_S, Seen};

/// Least limit on a sample, in seconds, and how many times its own time it may take.
const LEAST_S: f64 = 10.0;
const TIMES: f64 = 10.0;

/// The experiment that climbs this meter of the command.
pub fn experiment(seen: &Seen, climb: OwnMeter, preset: Preset) -> String {
    let longest = seen.samples.iter().map(|one| one.wall_s).fold(seen.first.wall_s, f64::max);
    let timeout = (TIMES * longest * f64::from(seen.repeat.max(1))).ceil().max(LEAST_S);
    let mut text = format!(
        "# `piton quick` wrote it. Every key: docs/piton-toml.md; `piton rule explain` says what the rule means here.\nname = {}\n\n",
        quoted(&seen.name)
    );
    text.push_str(&format!(
        "[metric]\nmeter = \"{}\"    # piton reads it itself: what the command prints does not count\n\n[scope]\n",
        climb.word()
    ));
    if seen.editable.is_empty() {
        text.push_str(
            "editable = [\"src\"]    # a guess: say which files and directories an agent may change\n",
        );
    } else {
        text.push_str(&format!("editable = {}    # all that an agent may change\n", list(&seen.editable)));
    }
    text.push_str(&format!("\n[measure]\ncommand = {}\n", list(&seen.walled.command)));
    if seen.repeat > 1 {
        text.push_str(&format!(
            "repeat = {}    # runs in a sample, so that one takes {SAMPLE_S} s or more\n",
            seen.repeat
        ));
    }
    text.push_str(&format!("timeout_s = {timeout:.0}\n"));
    for line in &seen.walled.opens {
        text.push_str(&format!("{line}    # the walls refused it\n"));
    }
    if !matches!(preset, Preset::Standard) {
        let word = format!("{preset:?}").to_lowercase();
        text.push_str(&format!("\n[rule]\npreset = \"{word}\"    # for what a pair costs here\n"));
    }
    text.push_str(
        "\n# Doing nothing is fast, too: have your tests run once for each trial, before anything is measured.\n# [[check]]\n# name = \"tests\"\n# command = [\"make\", \"test\"]\n# timeout_s = 600\n",
    );
    text
}
