//! A run in which each trial ended in another way, and what was measured of it in the morning.

use piton_core::base::commit::CommitId;
use piton_core::base::conditions::Conditions;
use piton_core::base::metric::{Direction, Gain, Metric, Values};
use piton_core::rule::gate::{Gate, Pool, read};
use piton_core::rule::keep::{Asked, Estimate, Evidence, First, KeepReason, Question, TestResult, Verdict};
use piton_core::rule::settings::Settings;
use piton_core::run::summary;
use piton_core::trial::changes::{Changes, ConstantChange};
use piton_core::trial::check::{CheckResult, FailedTest};
use piton_core::trial::record::{
    Claimed, Measured, Outcome, Pair, Provenance, Record, Seconds, Stage, Status,
};

pub fn metric() -> Metric {
    Metric {
        name: "avg_generation_tps".into(),
        direction: Direction::Higher,
        unit: "tokens/s".into(),
        meter: None,
        scale: None,
        memory: Some("avg_peak_memory_gb".into()),
        memory_unit: None,
        evidence: None,
        ..Metric::of("", Direction::Higher)
    }
}

pub fn values(tps: f64, agreement: f64) -> Values {
    let pairs = [
        ("avg_generation_tps", tps),
        ("avg_peak_memory_gb", 0.021),
        ("agreement", agreement),
        ("ttft_ms", 61.5),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub fn estimate(gain: f64, pairs: u32) -> Estimate {
    let ends = (pairs >= 6).then_some((gain - 0.01, gain + 0.01));
    Estimate { pairs, gain: Gain(gain), low: ends.map(|e| Gain(e.0)), high: ends.map(|e| Gain(e.1)) }
}

fn asked(pairs: u32) -> Asked {
    Asked {
        about: "better".into(),
        question: Question::better(&Settings::default(), 0.02),
        answer: TestResult::No,
        evidence: Evidence { pairs, log_e: -0.9, futility: -1.7 },
    }
}

/// One record for every way in which a trial can end, in the order in which a night might see them.
pub fn records() -> Vec<Record> {
    let judged = |verdict, gain, pairs| Outcome::Judged { verdict, estimate: estimate(gain, pairs) };
    let endings: Vec<(&str, Outcome)> = vec![
        ("baseline", Outcome::Baseline),
        ("LOGITS_AT_EVERY_POSITION true -> false", judged(Verdict::Keep(KeepReason::Better), 0.0305, 11)),
        ("PREFILL_BATCH 1 -> 32", judged(Verdict::Keep(KeepReason::Better), 0.41, 7)),
        ("CACHE_PAGE 64 -> 256", judged(Verdict::NotShownBetter, -0.003, 9)),
        ("one loop instead of two", judged(Verdict::Keep(KeepReason::Simpler), -0.001, 22)),
        (
            "begin with the last tile",
            judged(Verdict::Keep(KeepReason::BetterIn("ttft_ms".into())), 0.002, 31),
        ),
        ("a second copy of the weights", judged(Verdict::Guarded("avg_peak_memory_gb".into()), 0.01, 8)),
        (
            "the incumbent against itself",
            Outcome::Blind { verdict: Verdict::NotShownBetter, estimate: estimate(0.001, 8) },
        ),
        ("two tokens at a time", judged(Verdict::Keep(KeepReason::Provisional), 0.04, 2)),
        (
            "1 provisional keep together",
            Outcome::Bundle { holds: false, trials: vec![8], estimate: estimate(-0.002, 6) },
        ),
        (
            "zero the cache before each prompt",
            Outcome::Judged {
                verdict: Verdict::GivenUp,
                estimate: Estimate {
                    pairs: 2,
                    gain: Gain(-0.12),
                    low: Some(Gain(-0.15)),
                    high: Some(Gain(-0.09)),
                },
            },
        ),
        (
            "WINDOW 0 -> 128",
            Outcome::GateFailed { gate: "agreement".into(), estimate: Some(estimate(0.2, 1)) },
        ),
        (
            "a faster harness",
            Outcome::OutOfScope { paths: vec!["harness/src/main.rs".into(), "notes.txt".into()] },
        ),
        (
            "a ref moved",
            Outcome::Tampered { what: vec!["refs/heads/piton/nov20 is at nothing, not at 12".into()] },
        ),
        ("the same page size again", Outcome::Duplicate { of: 3 }),
        ("nearly the same page size", Outcome::Alike { of: 3 }),
        ("no edit", Outcome::NoEdit),
        (
            "unroll by eight",
            Outcome::BuildFailed { error: "error[E0425]: cannot find value `x` (src/math.rs:9:5)".into() },
        ),
        (
            "index without checks",
            Outcome::RunFailed {
                how: "crashed".into(),
                reason: "the worker panicked: index out of bounds".into(),
            },
        ),
        ("wait for a lock", Outcome::RunFailed { how: "hung".into(), reason: "no token for 10 s".into() }),
        ("fold everything at compile time", Outcome::TimedOut { stage: Stage::Build, limit_s: 300 }),
        (
            "a table of all products",
            Outcome::OutOfMemory { reason: "the worker asked for more than 4096 MB".into() },
        ),
        ("fuse gate and up", Outcome::Void { reason: "the incumbent was not measured".into() }),
        ("=fuse\tgate and up\u{202e}", Outcome::Interrupted { stage: Stage::Measure }),
        (
            "skip the empty lines",
            Outcome::CheckFailed {
                check: "unit".into(),
                reason: "2 of 41 tests failed: parse::keeps_empty_lines: assertion `left == right` failed (src/parse.rs:9:5)".into(),
                tests: vec![
                    FailedTest {
                        name: "parse::keeps_empty_lines".into(),
                        why: "assertion `left == right` failed (src/parse.rs:9:5)".into(),
                    },
                    FailedTest { name: "parse::counts ```lines```".into(), why: String::new() },
                ],
            },
        ),
    ];
    let gates = gates();
    let commit =
        |n: usize| Some(CommitId::of(format!("{n:x}").repeat(40).chars().take(40).collect::<String>()));
    let mut incumbent = commit(1);
    endings
        .into_iter()
        .enumerate()
        .map(|(i, (description, outcome))| {
            let edited = outcome != Outcome::NoEdit;
            let pairs = outcome.estimate().map_or(if i == 0 { 8 } else { 0 }, |e| e.pairs);
            let gain = outcome.estimate().map_or(Gain::ZERO, |e| e.gain);
            let agreement = if matches!(outcome, Outcome::GateFailed { .. }) { 0.862 } else { 1.0 };
            let fell = matches!(outcome, Outcome::CheckFailed { .. });
            let checked = CheckResult {
                name: "unit".into(),
                passed: false,
                seconds: 3.0,
                seed: 7,
                tests: Some(41),
                output: None,
                names: vec![],
            };
            let measured = pairs > 0 || outcome == Outcome::Baseline;
            let challenger = values(650.0 * gain.0.exp(), agreement);
            let changes = Changes {
                constants: description.split_once(' ').filter(|_| description.contains("->")).map_or(
                    vec![],
                    |(name, rest)| {
                        let (from, to) = rest.split_once(" -> ").unwrap();
                        vec![ConstantChange {
                            name: name.into(),
                            from: Some(from.into()),
                            to: Some(to.into()),
                        }]
                    },
                ),
                lines_added: 1,
                lines_removed: 1,
                trade_offs: vec![],
                ..Changes::default()
            };
            let record = Record {
                run: "nov20".into(),
                trial: i as u32,
                started: "2026-11-20T22:00:00Z".into(),
                commit: if edited { commit(i + 1) } else { None },
                parent: if i == 0 { None } else { incumbent.clone() },
                outcome,
                claimed: Claimed { description: description.into(), ..Default::default() },
                measured: Measured {
                    metrics: measured.then(|| challenger.clone()),
                    pairs: (0..pairs)
                        .map(|n| Pair {
                            first: if n % 2 == 0 { First::Incumbent } else { First::Challenger },
                            prompts: u64::from(n),
                            incumbent: values(650.0, 1.0),
                            challenger: challenger.clone(),
                            gain,
                            position: Gain(0.001),
                            conditions: Conditions {
                                steal_pct: 1.5,
                                pressure_pct: Some(3.0),
                                load: 1.1,
                                others_pct: None,
                            },
                            before: None,
                            apart: None,
                            scale: 1,
                        })
                        .collect(),
                    tau: measured.then_some(Gain(0.02)),
                    resolves: measured.then_some(Gain(0.018)),
                    asked: if pairs == 0 { vec![] } else { vec![asked(pairs)] },
                    gates: if measured { read(&gates, std::slice::from_ref(&challenger)) } else { vec![] },
                    checks: if fell { vec![checked] } else { vec![] },
                    changes: (edited && i > 0).then(|| changes.clone()),
                    since_baseline: (edited && i > 0).then_some(changes),
                    seconds: Seconds {
                        agent: 0.0,
                        build: 5.5,
                        measure: 7.0 * f64::from(pairs),
                        total: 6.0 + 7.0 * f64::from(pairs),
                    },
                    ..Default::default()
                },
                provenance: Provenance {
                    artifact: edited.then(|| "ab".repeat(32)),
                    seed: Some(7),
                    harness: Some("cd".repeat(32)),
                    seal: "ef".repeat(20),
                    rule: Settings::default().name(),
                    confinement: piton_core::base::level::Level::Full,
                    machine: "a processor, 2 cores, linux 6.18".into(),
                    piton: "0.1.0".into(),
                    ..Default::default()
                },
            };
            if record.outcome.status() == Status::Keep {
                incumbent.clone_from(&record.commit);
            }
            record
        })
        .collect()
}

/// A verification of the run as it stood after a trial: trial 2 pays no longer.
pub fn verification(records: &[Record], head: usize) -> summary::Verification {
    summary::Verification {
        run: "nov20".into(),
        at: "2026-11-21T07:00:00Z".into(),
        baseline: records[0].commit.clone().unwrap(),
        head: records[head].commit.clone().unwrap(),
        seed: 7,
        gain: Gain(0.4),
        low: Gain(0.38),
        high: Gain(0.43),
        naive: Gain(0.5),
        pairs: records[1].measured.pairs.clone(),
        held_out: None,
        each: vec![summary::Again {
            trial: 2,
            description: String::new(),
            recorded: Gain(0.41),
            own: (Gain(0.4), 7, true),
            held_out: None,
            without: Some((Gain(0.001), 12, false)),
        }],
        seconds: 9.0,
    }
}

pub fn gates() -> [Gate; 1] {
    [Gate { metric: "agreement".into(), min: Some(0.998), max: None, pool: Pool::Mean, after: 1 }]
}
