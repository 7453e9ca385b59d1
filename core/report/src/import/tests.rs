use proptest::prelude::*;
use proptest::{collection, sample};

use super::*;
use crate::plot;

fn kinds(imported: &Imported) -> Vec<TrialKind> {
    imported.claims.iter().map(ImportedTrial::kind).collect()
}

#[test]
fn a_table_of_autoresearch_is_read_and_the_zero_of_a_crash_is_no_value() {
    let text = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.997900\t44.0\tkeep\tbaseline\nb2c3d4e\t0.993200\t44.2\tkeep\tincrease LR to 0.04\nc3d4e5f\t1.005000\t44.0\tdiscard\tswitch to GeLU\nd4e5f6g\t0.000000\t0.0\tcrash\tdouble model width (OOM)\nhalf a li";
    let found = read(Source::Autoresearch, text, None).unwrap();
    assert_eq!(kinds(&found), [TrialKind::Kept, TrialKind::Kept, TrialKind::Discarded, TrialKind::Crashed]);
    assert_eq!((found.claims[3].value, found.skipped, found.metric.as_str()), (None, 1, "val_bpb"));
    let stairs = found.staircase();
    assert!(stairs.end() > Gain::ZERO && stairs.verification.is_none() && stairs.claimed.is_some());
    assert!(found.log().starts_with("imported from autoresearch: these are its claims."), "{}", found.log());
}

#[test]
fn a_ledger_of_labloop_is_read_with_the_direction_of_its_manifest() {
    let text = "{\"goal\": \"maximize\", \"manifest\": 1, \"metric\": \"acc\", \"run\": \"python train.py\"}\n{\"commit\": null, \"direction\": \"main\", \"duration_seconds\": 41.2, \"harness\": null, \"incumbent\": null, \"index\": 0, \"metric\": 0.5, \"note\": \"baseline\", \"outcome\": \"kept\", \"stdout_tail\": \"\"}\n{\"commit\": \"a1f4c02\", \"duration_seconds\": 38.9, \"incumbent\": 0.5, \"index\": 1, \"metric\": 0.6, \"note\": \"\", \"outcome\": \"kept\"}\n{\"duration_seconds\": 3.0, \"index\": 2, \"metric\": null, \"outcome\": \"timed_out\"}\n{\"index\": 3, \"outc";
    let found = read(Source::Labloop, text, None).unwrap();
    assert_eq!(kinds(&found), [TrialKind::Kept, TrialKind::Kept, TrialKind::Crashed]);
    assert_eq!((found.direction, found.metric.as_str(), found.skipped), (Direction::Higher, "acc", 1));
    assert!((found.staircase().end().0 - 1.2f64.ln()).abs() < 1e-12);
}

#[test]
fn a_log_of_pi_autoresearch_is_read_with_its_configuration() {
    let text = "{\"type\":\"config\",\"name\":\"tests\",\"metricName\":\"total_s\",\"metricUnit\":\"s\",\"bestDirection\":\"lower\"}\n{\"run\":1,\"commit\":\"abc1234\",\"metric\":42.3,\"metrics\":{},\"status\":\"keep\",\"description\":\"baseline\",\"timestamp\":1773000000000,\"segment\":0,\"confidence\":null}\n{\"run\":2,\"commit\":\"abc1235\",\"metric\":0,\"metrics\":{},\"status\":\"crash\",\"description\":\"no\",\"timestamp\":1773000000000}\n{\"run\":3,\"commit\":\"abc1236\",\"metric\":40,\"metrics\":{},\"status\":\"checks_failed\",\"description\":\"skip\"}\n{\"type\":\"hook\"}";
    let found = read(Source::PiAutoresearch, text, None).unwrap();
    assert_eq!(kinds(&found), [TrialKind::Kept, TrialKind::Crashed, TrialKind::CheckFailed]);
    assert_eq!((found.claims[1].value, found.unit.as_str()), (None, "s"));
}

#[test]
fn a_file_of_something_else_is_refused() {
    assert!(read(Source::Autoresearch, "a,b,c\n1,2,3\n", None).unwrap_err().contains("its first line"));
    assert!(read(Source::Labloop, "{}\n[]\n\"x\"\n", None).unwrap_err().contains("no trial of labloop"));
    assert!(read(Source::PiAutoresearch, "", None).is_err());
}

/// A line of JSON of the words that the readers look for, with values as nobody would write them.
fn line() -> impl Strategy<Value = String> {
    let word = sample::select(vec![
        "manifest",
        "metric",
        "goal",
        "maximize",
        "minimize",
        "outcome",
        "index",
        "fork",
        "direction",
        "commit",
        "note",
        "duration_seconds",
        "type",
        "config",
        "metricName",
        "metricUnit",
        "bestDirection",
        "lower",
        "higher",
        "status",
        "run",
        "keep",
        "crash",
        "failed",
        "main",
        "description",
    ]);
    let value = prop_oneof![
        any::<f64>().prop_map(|x| if x.is_finite() { x.to_string() } else { format!(" {x}") }),
        sample::select(vec![
            "0",
            "1",
            "-0.0",
            "1e308",
            "5e-324",
            "null",
            "true",
            "[[]]",
            " NaN",
            " -Infinity"
        ])
        .prop_map(str::to_owned),
        word.clone().prop_map(|word| format!("\"{word}\"")),
        "[^\"\\\\]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ];
    let pairs = collection::vec((word, value), 0..8);
    let object = pairs.prop_map(|pairs| {
        let pairs = pairs.iter().map(|(name, value)| format!("\"{name}\":{value}"));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    });
    // Trials more often than chance would make them.
    prop_oneof![
        2 => object,
        2 => any::<f64>().prop_map(|x| format!("{{\"index\":1,\"outcome\":\"kept\",\"metric\":{x}}}")),
        2 => any::<f64>().prop_map(|x| format!("{{\"run\":1,\"status\":\"keep\",\"metric\":{x}}}")),
        1 => "[\\x00-\\x7f]{0,80}",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(
        lines in collection::vec(line(), 0..7),
        rows in collection::vec(("[^\n]{0,40}", any::<f64>(), "keep|crash|discard|[a-z]{0,9}"), 0..4),
        higher in any::<bool>(),
    ) {
        let rows = rows.iter().map(|(text, value, status)| format!("{text}\t{value}\t2\t{status}\tx\n"));
        let table = format!("commit\tm\tmemory_gb\tstatus\td\n{}", rows.collect::<String>());
        let direction = higher.then_some(Direction::Higher);
        let lines = lines.join("\n");
        for (source, text) in
            [(Source::Autoresearch, &table), (Source::Labloop, &lines), (Source::PiAutoresearch, &lines)]
        {
            if let Ok(found) = read(source, text, direction) {
                found.log();
                let stairs = found.staircase();
                plot::staircase(&stairs, plot::Medium::pixels(360.0, 300.0));
            }
        }
    }
}
