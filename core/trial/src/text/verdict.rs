//! What became of a trial, in a sentence with the numbers that carry it: why it was kept, discarded or not judged.

use super::{clean, exactly, gain, interval, listed, number, plural, seconds, size, value};
use crate::record::{Outcome, Pair, Record};
use crate::similarity::Like;
use piton_base::metric::{Direction, Gain, Metric};
use piton_base::stats;
use piton_rule::gate::GateResult;
use piton_rule::keep::{Estimate, First, KeepReason, Ordered, Verdict, Worth};

/// A warning, where the challenger's first run was slow.
pub fn slow_start(record: &Record, metric: &Metric) -> Option<String> {
    let slow = gain(record.measured.slow_start?, metric);
    Some(format!("the first run, which is not timed, came out {slow} against the others: something was cold"))
}

/// The verdict of a trial in one sentence, with the numbers that carry it.
///
/// `alpha` is the error of a keep's bound, as a probability.
pub fn verdict(record: &Record, metric: &Metric, alpha: f64) -> String {
    let gain = |by: Gain| gain(by, metric);
    let interval = |estimate: &Estimate| interval(estimate, metric);
    let tail = |estimate: &Estimate| {
        let noun = if record.measured.runs.is_empty() { "pair" } else { "run" };
        let by = clean(&metric.by(), 60);
        format!("{}{by}, {}", plural(estimate.pairs as usize, noun), seconds(record.measured.seconds.total))
    };
    match &record.outcome {
        Outcome::Baseline => match record.measured.runs.len() {
            0 => format!("baseline: {} of two builds", plural(record.measured.pairs.len(), "pair")),
            runs => format!("baseline: {}", plural(runs, "run")),
        },
        Outcome::Judged { verdict: Verdict::Keep(KeepReason::Better), estimate }
            if exact(record, estimate) =>
        {
            format!(
                "kept: {} (exact: this metric gave the same value on every seed), {}",
                exactly(estimate.gain, metric),
                tail(estimate)
            )
        }
        Outcome::Judged { verdict: Verdict::Keep(path), estimate } => format!(
            "kept{}: {}{}, {}",
            match path {
                KeepReason::Better => String::new(),
                KeepReason::Simpler => ", as good and simpler".to_owned(),
                KeepReason::BetterIn(metric) => format!(", as good and better in {metric}"),
                KeepReason::Provisional => " for now".to_owned(),
            },
            gain(estimate.gain),
            estimate.low.map_or_else(String::new, |low| format!(
                " ({} % {} bound {})",
                number((1.0 - alpha) * 100.0),
                // What lies below a gain lies above a value of which less is better.
                if metric.direction == Direction::Higher { "lower" } else { "upper" },
                gain(low)
            )),
            tail(estimate)
        ),
        Outcome::Judged { verdict, estimate } => format!(
            "discarded: {}; {}{}, {}{}",
            match verdict {
                Verdict::Worse => "worse".to_owned(),
                Verdict::Guarded(guarded) => {
                    format!("{guarded} is proven worse than its limit{}", both_sides(record, guarded, metric))
                }
                Verdict::OneOrder => one_order(record, metric),
                Verdict::GivenUp => "given up early".to_owned(),
                _ => "not shown better".to_owned(),
            },
            gain(estimate.gain),
            measured(record, estimate, metric),
            tail(estimate),
            resolution(record, metric)
        ),
        Outcome::Held { estimate, most_pct, .. } => format!(
            "held for a person, not kept: {} in one trial, more than the {} % that are believed of a figure which the candidate's own \
             process may have printed ([rule] implausible_pct), {}; \
             read it: piton show {3}, then: piton accept {3}",
            gain(estimate.gain),
            number(*most_pct),
            tail(estimate),
            record.trial
        ),
        Outcome::Bundle { holds, trials, estimate } => format!(
            "{} {} together: {}; {}{}, {}",
            if trials.len() == 1 { "trial" } else { "trials" },
            trials.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
            if *holds { "they hold" } else { "not shown better, and taken back" },
            gain(estimate.gain),
            interval(estimate),
            tail(estimate)
        ),
        Outcome::Recheck { keep, guard: Some(guard), estimate, .. } => format!(
            "trial {keep} is worse in {guard} than it may be, now that it is measured again: it is taken back, or what stands on it is tested; {}{}, {}",
            gain(estimate.gain),
            interval(estimate),
            tail(estimate)
        ),
        Outcome::Recheck { keep, worth, estimate, .. } => format!(
            "trial {keep} {}; {}{}, {}",
            match worth {
                Worth::Holds => "holds",
                Worth::Less => "is worse than when it was kept; more than half of what was shown is left",
                Worth::Gone =>
                    "is worse than when it was kept: less than half of what was shown is left, and it is taken back, or what stands on it is tested",
            },
            gain(estimate.gain),
            interval(estimate),
            tail(estimate)
        ),
        Outcome::Regate { failed, to, why } => match failed.as_slice() {
            [] => "the incumbent passes its gates alone; it stays".to_owned(),
            [one] => format!("trial {one} fails, alone too: {}; taken back, to trial {to}", clean(why, 400)),
            all => format!(
                "trials {} fail, alone too: {}; taken back, to trial {to}",
                all.iter().map(u32::to_string).collect::<Vec<_>>().join(", "),
                clean(why, 400)
            ),
        },
        Outcome::Blind { verdict, estimate } => format!(
            "the incumbent against itself: {}; {}{}, {}",
            if matches!(verdict, Verdict::Keep(_)) {
                "would have been kept, falsely"
            } else {
                "not kept, rightly"
            },
            gain(estimate.gain),
            interval(estimate),
            tail(estimate)
        ),
        Outcome::GateFailed { estimate, .. } => {
            let apart =
                estimate.as_ref().map_or_else(String::new, |e| format!("; {}, {}", gain(e.gain), tail(e)));
            format!("discarded: a gate failed: {}{apart}", failing(record))
        }
        Outcome::CheckFailed { check, reason, .. } => {
            format!("discarded: check failed: {}: {}", clean(check, 60), clean(reason, 400))
        }
        Outcome::Tampered { what } => {
            format!("discarded: the agent moved what is not its own: {}", what.join("; "))
        }
        Outcome::OutOfScope { paths } => {
            format!("not judged: outside the scope: {}", clean(&listed(paths, 5), 400))
        }
        Outcome::Duplicate { of } => format!("not judged: the same as trial {of}"),
        Outcome::Alike { of } => match &record.claimed.like {
            Some(earlier) => format!("not judged: {}", like(earlier, metric)),
            None => format!("not judged: like trial {of}"),
        },
        Outcome::NoEdit => match record.claimed.begun_as {
            Some(trial) => format!("not judged: no edit beyond trial {trial}, which it began as"),
            None => "not judged: no edit; the worktree is the incumbent".to_owned(),
        },
        Outcome::BuildFailed { error } => format!("crashed: does not build: {}", clean(error, 400)),
        Outcome::RunFailed { how, reason } if how == "crashed" || how == "failed" => {
            format!("crashed: {}", clean(reason, 400))
        }
        Outcome::RunFailed { how, reason } => format!("crashed ({}): {}", clean(how, 40), clean(reason, 400)),
        Outcome::TimedOut { stage, limit_s } => {
            format!("crashed: {} took longer than {limit_s} s", stage.words())
        }
        Outcome::OutOfMemory { reason } => format!("crashed: out of memory: {}", clean(reason, 400)),
        Outcome::Void { reason } => {
            format!("void: {}; nothing is said about the change{}", clean(reason, 400), once_more(record))
        }
        Outcome::Interrupted { stage } => {
            format!("interrupted during {}; nothing is said about the change", stage.words())
        }
    }
}

/// What is to be done about a trial that said nothing of its edit.
fn once_more(record: &Record) -> String {
    match record.again() {
        Some(again) if record.claimed.again.is_none() => {
            format!("; `piton again {}` measures it once more, as a climb does by itself", again.trial)
        }
        Some(again) => format!("; `piton again {}` measures it once more", again.trial),
        None => String::new(),
    }
}

/// The interval of a verdict, and what it rests on where that is tau alone.
fn measured(record: &Record, estimate: &Estimate, metric: &Metric) -> String {
    let text = interval(estimate, metric);
    match (record.outcome.given_up(), text.strip_suffix(')')) {
        (true, Some(open)) => format!("{open} by tau alone)"),
        _ => text,
    }
}

/// `like trial 47, discarded: -2.1 % (93 % the same edit)`.
pub fn like(earlier: &Like, metric: &Metric) -> String {
    let gain = |by: Gain| gain(by, metric);
    let Like { trial, share, kept, reason, gain: measured } = earlier;
    let came = match (kept, measured) {
        (true, measured) => measured.map_or_else(|| "kept".to_owned(), |g| format!("kept: {}", gain(g))),
        (false, Some(g)) if *reason == "given_up" => format!("given up early: {}", gain(*g)),
        (false, Some(g)) if *reason == "worse" || *reason == "not_shown_better" => {
            format!("discarded: {}", gain(*g))
        }
        (false, measured) => {
            let apart = measured.map_or_else(String::new, |g| format!(", {}", gain(g)));
            format!("discarded: {}{apart}", clean(reason, 60))
        }
    };
    format!("like trial {trial}, {came} ({:.0} % the same edit)", share * 100.0)
}

/// ` (50 -> 2500)`: the medians of a metric over the pairs.
fn both_sides(record: &Record, name: &str, metric: &Metric) -> String {
    let median = |side: &dyn Fn(&Pair) -> Option<f64>| {
        stats::median(&record.measured.pairs.iter().filter_map(side).collect::<Vec<_>>())
    };
    let from = median(&|pair| pair.incumbent.get(name).copied());
    let to = median(&|pair| pair.challenger.get(name).copied());
    from.zip(to).map_or_else(String::new, |(from, to)| {
        let [from, to, unit] = value::both_beside(name, from, to, metric);
        format!(" ({from} -> {to}{unit})")
    })
}

/// A gain that is there after the challenger alone, with the medians of both.
fn one_order(record: &Record, metric: &Metric) -> String {
    let of = |after: First| {
        let known = record
            .measured
            .pairs
            .iter()
            .filter_map(|pair| Some(Ordered::of(pair.before?, pair.first, pair.plain().0)));
        let own: Vec<f64> = known.filter(|pair| pair.after == after).map(|pair| pair.gain).collect();
        stats::median(&own).map_or_else(|| "not measured".to_owned(), |by| gain(Gain(by), metric))
    };
    format!(
        "not shown whoever ran before ({} where the incumbent ran after the challenger, {} where it ran after itself)",
        of(First::Challenger),
        of(First::Incumbent)
    )
}

/// Whether a keep rests on a metric that does not vary, and on no test.
fn exact(record: &Record, estimate: &Estimate) -> bool {
    record.measured.tau == Some(Gain::ZERO) && estimate.low.is_none() && record.measured.runs.is_empty()
}

/// What a discard may have missed.
fn resolution(record: &Record, metric: &Metric) -> String {
    record
        .measured
        .resolves
        .map_or_else(String::new, |gain| format!("; this machine resolves {}", size(gain, 1, metric)))
}

/// The gates that failed in a record.
pub fn failing(record: &Record) -> String {
    let failed = record.measured.gates.iter().filter(|reading| !reading.pass);
    let words = |reading: &GateResult| {
        format!("{} {} is not {}", reading.metric, number(reading.value), reading.bound)
    };
    failed.map(words).collect::<Vec<_>>().join("; ")
}
