//! Records, and texts as nobody would write them who means well.
#![allow(dead_code, reason = "each test file uses its part")]

use piton_core::base::commit::CommitId;
use std::collections::BTreeMap;

use piton_core::base::conditions::Conditions;
use piton_core::base::metric::{Gain, Metric};
use piton_core::base::note::Note;
use piton_core::rule::gate::{Gate, GateResult, Pool};
use piton_core::rule::keep::{Estimate, First, KeepReason, Verdict};
use piton_core::run::brief::{self, BriefFacts, Left};
use piton_core::run::lessons::Lessons;
use piton_core::run::next_start::Frontier;
use piton_core::run::rechecks;
use piton_core::trial::changes::{Changes, ConstantChange};
use piton_core::trial::check::FailedTest;
use piton_core::trial::proposal::Claim;
use piton_core::trial::record::{Claimed, Measured, Outcome, Pair, Provenance, Record, Seconds, Stage};
use piton_core::trial::scope::Scope;
use piton_core::trial::similarity::Like;
use proptest::prelude::*;
use proptest::sample::select;

/// A text with everything in it that breaks tables, terminals, fences and spreadsheets.
pub fn foreign() -> impl Strategy<Value = String> {
    const PIECES: [&str; 20] = [
        "\t",
        "\n",
        "\r\n",
        "\u{0}",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{7}",
        "=1+1",
        "@x",
        "```",
        "\"",
        "'",
        "\\",
        "|",
        "\u{85}",
        "\u{2028}",
        "\u{feff}",
        "\u{e0041}",
        "é",
        "𝒳",
    ];
    prop::collection::vec(
        prop_oneof![select(&PIECES[..]).prop_map(str::to_owned), "[a-z ]{1,9}", any::<String>()],
        0..8,
    )
    .prop_map(|pieces| pieces.concat())
}

/// `seed` with a few things taken out, put in twice, or put in from `words`.
pub fn mutated(seed: &str, words: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    let (seed, words) = (seed.to_owned(), words.to_vec());
    let edit = (
        any::<prop::sample::Index>(),
        0usize..40,
        prop_oneof![select(words).prop_map(Some), Just(None)],
        0u8..3,
    );
    prop::collection::vec(edit, 0..6).prop_map(move |edits| {
        let mut text = seed.clone();
        for (place, length, word, kind) in edits {
            let from = boundary(&text, place.index(text.len() + 1));
            let to = boundary(&text, (from + length).min(text.len()));
            let piece = match (word, kind) {
                (Some(word), _) => word.to_owned(),
                (None, 0) => text[from..to].repeat(3),
                (None, _) => String::new(),
            };
            let end = if kind == 1 { from } else { to };
            text.replace_range(from..end, &piece);
        }
        text
    })
}

/// The brief after these records.
pub fn brief_of(
    records: &[Record],
    metric: &Metric,
    diff: &str,
    notes: &[Note],
    guidance: Option<&str>,
) -> String {
    let (mut lessons, mut frontier) = (Lessons::default(), Frontier::default());
    for record in records {
        lessons.take(record, metric);
        frontier.take(record);
    }
    let best = rechecks::incumbent(records);
    let scope = Scope {
        editable: vec!["candidate/src".into()],
        locked: None,
        max_file_bytes: 1 << 20,
        max_bytes: 8 << 20,
        max_files: 500,
        from_checkout: vec![],
        made: vec![],
    };
    let gates =
        [Gate { metric: "agreement".into(), min: Some(0.998), max: None, pool: Pool::Mean, after: 1 }];
    let step = frontier.step(10);
    brief::text(&BriefFacts {
        run: "nov20",
        trial: records.last().map_or(0, |r| r.trial.saturating_add(1)),
        metric,
        scope: &scope,
        gates: &gates,
        checks: &[],
        limits: (Some(300), 60),
        baseline: records.first().and_then(|r| r.value(&metric.name)),
        best: best.map_or((0, None), |r| (r.trial, r.value(&metric.name))),
        tau: records.iter().rev().find_map(|r| r.measured.tau),
        lessons: &lessons,
        frontier: &frontier,
        plateau: 10,
        last: &records[records.len().saturating_sub(brief::RECORDS)..],
        notes,
        guidance,
        diff,
        believed_pct: Some(300.0),
        hot: None,
        left: Left { trials: Some(12), seconds: Some(7000.0), ..Left::default() },
        directive: step.directive,
        begun: step.starts.first().and_then(|trial| frontier.near().iter().find(|near| near.trial == *trial)),
    })
}

/// A record in which nothing happened yet.
pub fn blank(trial: u32, outcome: Outcome) -> Record {
    Record {
        run: "r".into(),
        trial,
        started: "2026-11-20T22:00:00Z".into(),
        commit: Some(CommitId::of(format!("{trial:040}"))),
        parent: Some(CommitId::of("9".repeat(40))),
        outcome,
        claimed: Claimed::default(),
        measured: Measured::default(),
        provenance: Provenance {
            confinement: piton_core::base::level::Level::Strong,
            seal: "5".repeat(40),
            rule: "coin pairs".into(),
            machine: "a machine".into(),
            piton: "0.1.0".into(),
            ..Default::default()
        },
    }
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("finite", |x| x.is_finite()),
        -1.0f64..1.0,
        Just(0.0),
        Just(f64::MAX)
    ]
}

fn values() -> impl Strategy<Value = BTreeMap<String, f64>> {
    (prop::collection::btree_map(foreign(), number(), 0..4), number(), number()).prop_map(
        |(mut values, tps, loss)| {
            values.extend([("tps".to_owned(), tps), ("loss".to_owned(), loss)]);
            values
        },
    )
}

fn estimate() -> impl Strategy<Value = Estimate> {
    (0u32..99, number(), prop::option::of(number()), prop::option::of(number())).prop_map(
        |(pairs, gain, low, high)| Estimate {
            pairs,
            gain: Gain(gain),
            low: low.map(Gain),
            high: high.map(Gain),
        },
    )
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        select(vec![
            Verdict::Keep(KeepReason::Better),
            Verdict::Keep(KeepReason::Simpler),
            Verdict::Keep(KeepReason::Provisional),
            Verdict::Worse,
            Verdict::NotShownBetter,
            Verdict::GivenUp,
        ]),
        "[a-z]{1,9}".prop_map(|metric| Verdict::Keep(KeepReason::BetterIn(metric))),
        "[a-z]{1,9}".prop_map(Verdict::Guarded),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Baseline),
        Just(Outcome::NoEdit),
        Just(Outcome::TimedOut { stage: Stage::Build, limit_s: 9 }),
        (verdict(), estimate()).prop_map(|(verdict, estimate)| Outcome::Judged { verdict, estimate }),
        (verdict(), estimate()).prop_map(|(verdict, estimate)| Outcome::Blind { verdict, estimate }),
        (any::<bool>(), estimate()).prop_map(|(holds, estimate)| Outcome::Bundle {
            holds,
            trials: vec![1, 2],
            estimate
        }),
        prop::option::of(estimate())
            .prop_map(|estimate| Outcome::GateFailed { gate: "tps".into(), estimate }),
        prop::collection::vec(foreign(), 0..9).prop_map(|paths| Outcome::OutOfScope { paths }),
        any::<u32>().prop_map(|of| Outcome::Alike { of }),
        foreign().prop_map(|error| Outcome::BuildFailed { error }),
        (foreign(), foreign()).prop_map(|(how, reason)| Outcome::RunFailed { how, reason }),
        foreign().prop_map(|reason| Outcome::OutOfMemory { reason }),
        (foreign(), foreign(), prop::collection::vec((foreign(), foreign()), 0..9)).prop_map(
            |(check, reason, tests)| {
                let tests = tests.into_iter().map(|(name, why)| FailedTest { name, why }).collect();
                Outcome::CheckFailed { check, reason, tests }
            }
        ),
        foreign().prop_map(|reason| Outcome::Void { reason }),
    ]
}

fn changes() -> impl Strategy<Value = Changes> {
    (foreign(), prop::option::of(foreign()), prop::collection::vec(foreign(), 0..3)).prop_map(
        |(name, value, names)| Changes {
            constants: vec![ConstantChange { name, from: value.clone(), to: value }],
            functions_added: names.clone(),
            dependencies_removed: names,
            ..Changes::default()
        },
    )
}

fn pair() -> impl Strategy<Value = Pair> {
    (any::<bool>(), any::<u64>(), values(), values(), number(), number()).prop_map(
        |(incumbent_first, prompts, incumbent, challenger, gain, load)| Pair {
            first: if incumbent_first { First::Incumbent } else { First::Challenger },
            prompts,
            incumbent,
            challenger,
            gain: Gain(gain),
            position: Gain::ZERO,
            conditions: Conditions { steal_pct: 0.5, pressure_pct: None, load, others_pct: None },
            before: None,
            apart: None,
            scale: 1,
        },
    )
}

/// A record of anything that can have happened, with anybody's words in it.
pub fn record() -> impl Strategy<Value = Record> {
    let texts = (foreign(), outcome(), prop::option::of(changes()));
    let numbers = (prop::option::of(values()), prop::collection::vec(pair(), 0..4), any::<u64>(), number());
    let words = (prop::option::of(foreign()), prop::option::of(foreign()), prop::option::of(number()));
    (any::<u32>(), texts, numbers, words).prop_map(
        |(
            trial,
            (description, outcome, changes),
            (metrics, pairs, seed, number),
            (why, family, expected_pct),
        )| {
            let reading = GateResult {
                metric: "tps".into(),
                value: number,
                bound: ">= 0.5".into(),
                pass: number > 0.5,
            };
            let like = family.as_ref().map(|reason| Like {
                trial,
                share: 0.9,
                kept: number > 0.0,
                reason: reason.clone(),
                gain: expected_pct.map(Gain),
            });
            Record {
                claimed: Claimed {
                    // As a damaged ledger may have it: a proposal's family is a plain word.
                    claim: Claim { hypothesis: why, family, expected_pct },
                    begun_as: like.as_ref().map(|like| like.trial),
                    like,
                    description,
                    ..Default::default()
                },
                measured: Measured {
                    metrics,
                    pairs,
                    tau: Some(Gain(number.abs())),
                    resolves: Some(Gain(number.abs())),
                    gates: vec![reading],
                    since_baseline: changes.clone(),
                    changes,
                    seconds: Seconds { agent: 0.0, build: 1.0, measure: number, total: number },
                    ..Default::default()
                },
                provenance: Provenance { seed: Some(seed), ..blank(trial, outcome.clone()).provenance },
                ..blank(trial, outcome)
            }
        },
    )
}
