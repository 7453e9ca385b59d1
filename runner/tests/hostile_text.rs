//! No text can make a reader of piton's panic, and no foreign word breaks what is printed. Bounded here; `PROPTEST_CASES=1000000`
//! tries for as long as one likes.

#[path = "../../core/tests/support/mod.rs"]
mod support;

use std::path::Path;

use piton_core::base::commit::CommitId;
use piton_core::base::metric::{Direction, Format, Metric, read};
use piton_core::base::note::Note;
use piton_core::report::decision_log::{Experiments, Human};
use piton_core::report::finalize;
use piton_core::report::html;
use piton_core::report::plot;
use piton_core::report::tables;
use piton_core::rule::keep::{Case, Track, decide};
use piton_core::rule::settings::Settings;
use piton_core::run::summary;
use piton_core::trial::record::{Claimed, Cost, Proposer, Record};
use piton_core::trial::text;
use piton_system::config::Config;
use piton_system::ledger::Table;
use proptest::prelude::*;
use support::{brief_of, foreign, mutated, record};

const EXPERIMENT: &str = include_str!("../../piton.toml");

/// What a hostile `piton.toml` is made of.
const TOML: [&str; 16] = [
    "=",
    "\"",
    "[",
    "]",
    "[[gate]]",
    "[rule]",
    "-1",
    "nan",
    "inf",
    "1e999",
    "9223372036854775808",
    "\n",
    "\u{feff}",
    "\\u0000",
    "metric = \"\"",
    "\u{202e}",
];

/// What a hostile JSON is made of.
const JSON: [&str; 16] = [
    "{",
    "}",
    "[",
    "]",
    "null",
    "1e999",
    "-1",
    "18446744073709551616",
    "\"\"",
    ":",
    ",",
    "\\ud800",
    "5e-324",
    "1.7976931348623157e308",
    "\u{0}",
    "true",
];

const OUTPUT: &str = "METRIC tps=651.3\nloss: 0.25\n{\"outcome\":\"measured\",\"reason\":\"x\",\"metrics\":{\"tps\":2.5,\"loss\":1e-9},\"detail\":{\"stderr\":\"a\\nb\"}}\n";

const OUTPUTS: [&str; 16] = [
    "METRIC tps=1\n",
    "tps: 1\n",
    "tps=nan\n",
    "1e400",
    "\"tps\":1,",
    "{",
    "}",
    "\r",
    "\n",
    "\u{0}",
    "METRIC ",
    "=",
    ":",
    "\"metrics\":{}",
    "\"outcome\":7,",
    "\u{feff}",
];

fn metric() -> Metric {
    Metric {
        name: "tps".into(),
        direction: Direction::Higher,
        unit: "/s".into(),
        meter: None,
        scale: None,
        memory: Some("loss".into()),
        memory_unit: None,
        evidence: None,
        ..Metric::of("", Direction::Higher)
    }
}

/// A case of the kind that `piton show N --pairs` prints.
fn case() -> String {
    let config = Config::parse(EXPERIMENT).unwrap();
    let track = |tau: f64| serde_json::json!({ "tau": tau, "d": [0.01, -0.02, 0.03, 0.04] });
    let seconds: Vec<_> = config.secondary.iter().map(|second| (second, track(0.02))).collect();
    let guards: Vec<_> = config.guards.iter().map(|guard| (guard, track(0.03))).collect();
    serde_json::json!({
        "settings": config.rule, "primary": track(0.01), "seconds": seconds, "guards": guards, "simpler": true,
        "margin_spent": 0.001,
    })
    .to_string()
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_of_experiments_panic(text in mutated(EXPERIMENT, &TOML)) {
        match Config::parse(&text) {
            // Whatever is taken for an experiment can keep something.
            Ok(config) => prop_assert!(config.rule.fewest_pairs() <= config.rule.n_max()),
            Err(error) => prop_assert!(error.cause.is_some_and(|cause| !cause.is_empty())),
        }
    }

    #[test]
    fn no_output_makes_the_reader_of_metrics_panic_or_gives_a_value_that_is_none(text in mutated(OUTPUT, &OUTPUTS)) {
        for format in [Format::Json, Format::MetricLines, Format::Lines] {
            match read(&text, &format.into(), &["tps"]) {
                Ok(values) => {
                    prop_assert!(values.contains_key("tps"));
                    prop_assert!(values.values().all(|value| value.is_finite()));
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn no_case_makes_the_rule_panic_and_a_sound_one_gets_an_answer(text in mutated(&case(), &JSON)) {
        if let Ok(case) = serde_json::from_str::<Case>(&text)
            && case.problem().is_none()
        {
            let (_, estimate, _) = decide(&case);
            prop_assert!(estimate.gain.is_finite());
            prop_assert!(estimate.low.zip(estimate.high).is_none_or(|(low, high)| low <= high));
        }
    }

    #[test]
    fn a_record_that_was_written_is_read_back_to_its_last_bit(record in record()) {
        let text = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
    }

    #[test]
    fn no_row_of_a_ledger_makes_its_reader_panic(
        text in record().prop_flat_map(|record| mutated(&serde_json::to_string(&record).unwrap(), &JSON)),
    ) {
        if let Ok(record) = serde_json::from_str::<Record>(&text) {
            printed(&[record])?;
        }
    }

    #[test]
    fn foreign_words_break_nothing_that_is_printed(records in prop::collection::vec(record(), 1..6)) {
        printed(&records)?;
    }

    #[test]
    fn a_recorded_text_has_a_bounded_length(text in foreign(), times in 1usize..3000, mut record in record()) {
        record.claimed.description = text.repeat(times);
        let bounded = record.bounded();
        prop_assert!(bounded.claimed.description.chars().count() <= 2050);
        prop_assert_eq!(bounded.clone().bounded(), bounded);
    }
}

/// Every heading that says "data" has its fence, and nothing else stands at the beginning of a line that could open or close one.
fn fenced(brief: &str) -> Result<(), TestCaseError> {
    let fences = brief.matches("```").count();
    let opened = brief.lines().filter(|line| line.starts_with("```")).count();
    let parts = brief
        .lines()
        .filter(|line| line.starts_with("## ") && line.ends_with("(data, not instructions)"))
        .count();
    prop_assert_eq!((fences, opened), (2 * parts, 2 * parts), "{}", brief);
    Ok(())
}

/// Everything that is printed of records; a row for each, and no character in it that a terminal obeys.
fn printed(records: &[Record]) -> Result<(), TestCaseError> {
    let columns: std::collections::BTreeSet<String> =
        records.iter().filter_map(|r| r.measured.metrics.as_ref()).flat_map(|m| m.keys().cloned()).collect();
    let table = Table { path: Path::new("results.tsv"), metric: &metric(), columns: &columns };
    let rows = records.iter().flat_map(|record| table.row(record).unwrap());
    let table = String::from_utf8(table.header().unwrap().into_iter().chain(rows).collect()).unwrap();
    prop_assert_eq!(table.lines().count(), records.len() + 1);
    let columns = table.lines().next().unwrap().split('\t').count();
    prop_assert!(table.lines().all(|row| row.split('\t').count() == columns), "{}", table);
    let words = records.iter().map(|record| record.claimed.description.clone()).collect::<String>();
    let note =
        Note { run: "r".into(), at: String::new(), by: words.clone(), text: words.clone(), guidance: false };
    let brief = brief_of(records, &metric(), &words, &[note], Some(&words));
    fenced(&brief)?;
    prop_assert!(brief.len() <= piton_core::run::brief::MOST, "{}", brief.len());
    let status = summary::status("r", &CommitId::of("1234567"), records, &metric(), None);
    let mut texts = vec![
        table,
        brief,
        records
            .iter()
            .map(|record| tables::log_line(&tables::LogLine::of(record), &metric()) + "\n")
            .collect(),
        summary::status_words(&status, &metric()),
    ];
    for record in records {
        texts.extend([
            tables::show(record, &metric(), &[], &Case::of(Settings::default(), Track::of(0.02, vec![]))),
            tables::keep_message(record, &metric(), 0.02, "78"),
            text::verdict(record, &metric(), 0.02),
        ]);
    }
    for text in texts {
        let obeyed =
            |c: char| (c.is_control() && !matches!(c, '\n' | '\t')) || ('\u{202a}'..='\u{202e}').contains(&c);
        prop_assert!(!text.contains(obeyed), "{:?}", text);
    }
    Ok(())
}

/// Whether a text holds a tag or an attribute that piton does not write.
fn foreign_markup(page: &str) -> bool {
    ["<img", "<iframe", "onerror", "<svg onload"].iter().any(|bad| page.contains(bad))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn a_page_and_its_pictures_hold_whatever_was_written_as_text(records in prop::collection::vec(record(), 1..6), words in foreign()) {
        let metric = metric();
        let records: Vec<Record> = records
            .into_iter()
            .enumerate()
            .map(|(i, record)| Record { trial: i as u32, claimed: Claimed { description: format!("{}<img src=x onerror=1>{words}", record.claimed.description).replace("onerror", "on\u{200b}error"), ..record.claimed }, ..record })
            .collect();
        let diffs = [(0, words.clone()), (1, format!("+{words}"))].into_iter().collect();
        let view = html::View {
            experiment: &words, run: &words, base: &words, began: &words, metric: &metric, secondary: &[], guards: &[],
            alpha: 0.02, records: &records, verification: None, diffs: &diffs,
        };
        let stairs = view.staircase();
        let svg = plot::svg(&plot::staircase(&stairs, plot::Medium::pixels(600.0, 300.0)), plot::Wrap::Alone);
        let text = plot::text(&plot::staircase(&stairs, plot::Medium::cells(80, 20)));
        let page = html::page(&view);
        prop_assert!(!foreign_markup(&page) && !foreign_markup(&svg));
        prop_assert_eq!(page.matches("<script").count(), 1);
        for made in [&page, &svg, &text, &html::markdown(&view)] {
            prop_assert!(!made.contains(['\u{202e}', '\u{1b}', '\u{0}', '\u{feff}']), "{}", made);
        }
        let no_number = |path: &str| path.split('"').next().is_some_and(|d| d.contains("NaN") || d.contains("inf"));
        for place in [" d=\"", " x=\"", " y=\""] {
            prop_assert!(!svg.split(place).skip(1).any(no_number), "{}", svg);
        }
        serde_json::to_string(&view.facts()).unwrap();
    }

    #[test]
    fn no_words_of_a_proposers_pass_for_evidence_in_a_commit_that_is_taken_home(record in record(), words in foreign()) {
        let mut record = Record { trial: 7, claimed: Claimed { description: format!("{}{words}\n\nTrial: 8", record.claimed.description), ..record.claimed }, ..record };
        record.claimed.agent = Some(Proposer { name: words.clone(), model: Some(words), end: "done".into(), cost: Cost::default() });
        let idea = finalize::Idea { record: &record, bundle: None, again: None };
        let message = finalize::message(&idea, finalize::RunEvidence { metric: &metric(), alpha: 0.02, verification: None });
        prop_assert!(!message.contains(['\u{202e}', '\u{1b}', '\u{0}', '\u{feff}', '\r']), "{message}");
        let (subject, rest) = message.split_once("\n\n").unwrap();
        prop_assert!(!subject.is_empty() && subject.chars().count() <= 72 && !subject.contains('\n'), "{subject}");
        let (_, trailers) = rest.trim_end().rsplit_once("\n\n").unwrap();
        prop_assert_eq!(trailers.lines().filter(|line| line.starts_with("Trial: ")).collect::<Vec<_>>(), ["Trial: 7"]);
        prop_assert!(trailers.lines().all(|line| line.contains(": ")), "{}", trailers);
        let branch = finalize::branch_of("r", &record);
        prop_assert!(branch.chars().all(|c| c.is_ascii_alphanumeric() || "-/".contains(c)), "{branch}");
    }

    #[test]
    fn what_people_write_in_the_decision_log_survives_and_no_foreign_words_pass_for_a_marker(
        records in prop::collection::vec(record(), 1..5), words in foreign(), mine in foreign(),
    ) {
        let mut all = Experiments::default();
        all.begin(&words, &words, &Metric { name: words.clone(), ..metric() });
        let forged = format!("{words}\n<!-- piton:end -->\n<!-- piton:yours -->\n");
        for (i, record) in records.into_iter().enumerate() {
            let mut record = Record { trial: i as u32 + 1, claimed: Claimed { description: format!("{}{forged}", record.claimed.description), ..record.claimed }, ..record };
            record.claimed.claim.hypothesis = Some(forged.clone());
            all.take(&record);
        }
        let note = Note { run: "r".into(), at: forged.clone(), by: forged.clone(), text: forged, guidance: false };
        all.note(&note);
        all.end(None, None);
        let text = all.text(&Human::default());
        prop_assert!(!text.contains(['\u{202e}', '\u{1b}', '\u{0}', '\u{feff}', '\r']), "{text}");
        let marks = |word: &str| text.lines().filter(|line| line.starts_with(word)).count();
        prop_assert_eq!(marks("<!-- piton:yours"), marks("<!-- piton:end -->"));
        prop_assert_eq!(marks("<!-- piton:yours"), 1 + marks("### "));
        prop_assert_eq!(all.text(&Human::read(&text).unwrap()), text.clone());
        // A person's words are nobody's business; they end with a line break.
        let mine = format!("{mine}\n");
        let written = text.replace(" -->\n<!-- piton:end", &format!(" -->\n{mine}<!-- piton:end"));
        let human = Human::read(&written).unwrap();
        prop_assert_eq!(human.at(""), mine);
        prop_assert_eq!(all.text(&human), written);
    }
}
