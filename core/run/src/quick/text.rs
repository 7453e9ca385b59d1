//! What `piton quick` prints for people.

use piton_base::metric::OwnMeter;
use piton_trial::text::{clean, plural, seconds};

use super::{ClockReading, QuickReport, pct};

/// Longest command that is shown whole, in characters.
const COMMAND: usize = 200;

/// A value with its unit.
fn value(clock: &ClockReading) -> String {
    match clock.meter {
        OwnMeter::WallS | OwnMeter::CpuS => short(clock.value),
        _ => format!("{} MB", three(clock.value / 1e6)),
    }
}

/// Seconds, also of what takes milliseconds.
fn short(s: f64) -> String {
    match s {
        s if s < 1.0 => format!("{} ms", three(s * 1e3)),
        s if s < 100.0 => format!("{} s", three(s)),
        s => seconds(s),
    }
}

/// Three digits that count.
fn three(x: f64) -> String {
    match x {
        x if x >= 100.0 => format!("{x:.0}"),
        x if x >= 10.0 => format!("{x:.1}"),
        x => format!("{x:.2}"),
    }
}

/// The whole answer.
pub fn words(report: &QuickReport) -> String {
    let mut text = format!("{}\n", clean(&report.command.join(" "), COMMAND));
    let runs = if report.repeat > 1 { format!(" of {} runs each", report.repeat) } else { String::new() };
    text.push_str(&format!(
        "{}{runs} in {}, after a first run of {} that does not count\n\n",
        plural(report.samples, "sample"),
        short(report.seconds),
        short(report.first_s)
    ));
    text.push_str(&format!(
        "  {:<18} {:>9}  {:>8}  {:>12}  {}\n",
        "clock", "one run", "noise", "resolves", "in a trial of"
    ));
    for clock in &report.clocks {
        let resolves = match clock.tau_pct {
            0.0 => "any gain".to_owned(),
            _ => format!("{} %", pct(clock.resolves_pct)),
        };
        let chosen = if clock.meter == report.climb { "   <- climb this" } else { "" };
        text.push_str(&format!(
            "  {:<18} {:>9}  {:>6} %  {:>12}  {}{chosen}\n",
            clock.meter.word(),
            value(clock),
            pct(clock.tau_pct),
            resolves,
            seconds(clock.trial_s)
        ));
    }
    text.push_str(&format!("\nclimb     {}: {}\n", report.climb.word(), report.why));
    text.push_str(
        "noise     how far two samples of the same program lie apart (tau); from so few, to a third or so\n\
         resolves  the smallest gain that a trial keeps four times out of five; smaller ones are kept less often\n",
    );
    for line in found(report) {
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&format!("\npiton.toml for it:\n\n{}", report.toml));
    text
}

/// What there is to know before a climb, a line each.
fn found(report: &QuickReport) -> Vec<String> {
    let mut lines = vec![];
    let mut line = |name: &str, text: String| lines.push(format!("{name:<10}{text}"));
    match report.files.as_slice() {
        [] => line("files", "it leaves none here".to_owned()),
        files => {
            let more = if report.more_files > 0 {
                format!(" and {} more", report.more_files)
            } else {
                String::new()
            };
            let names: Vec<String> = files.iter().map(|name| clean(name, 80)).collect();
            line(
                "files",
                format!(
                    "it leaves or changes {}{more}; a sample's tree is thrown away with them. Files of a commit that it rewrites: [scope] made",
                    names.join(", ")
                ),
            );
        }
    }
    if report.processes {
        line(
            "processes",
            "it leaves processes that go on; piton ended them, and a sample that does so fails: have the command wait for them"
                .to_owned(),
        );
    }
    let walled = &report.walled;
    let outcome = match (&walled.untried, &walled.failed, walled.opens.is_empty()) {
        (Some(why), ..) => format!("not tried: {}", clean(why, 400)),
        (None, Some(why), _) => {
            format!("IT FAILS in a copy of this directory, as [measure] would run it: {}", clean(why, 400))
        }
        (None, None, true) => format!(
            "it works in a copy of this directory, as [measure] would run it; a sample takes {} more than its command there",
            short(walled.beside_s)
        ),
        (None, None, false) => {
            format!("it works in a copy of this directory once piton.toml opens: {}", walled.opens.join("; "))
        }
    };
    line("walls", outcome);
    for refused in &walled.refused {
        line("refused", clean(refused, 400));
    }
    if report.editable.is_empty() {
        line("scope", "nothing obvious to edit is here: say it in [scope] editable".to_owned());
    }
    lines
}
