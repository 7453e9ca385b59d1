//! Reports and logs of long runs, from ledgers with generated records and real commits.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Instant;

use piton_tests::Scratch;
use piton_tests::night::{self, Plan, RUN};

fn night(trials: u32, keeps: u32) -> Scratch {
    night::night(Plan { trials, keeps, verified: true })
}

#[test]
fn a_report_of_2000_trials_with_150_keeps_has_less_than_3_mb_and_says_what_it_left_out() {
    let toy = night(2000, 150);
    let begun = Instant::now();
    let said = toy.piton(&["report", "--run", RUN]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = std::fs::read(said.out.trim()).unwrap();
    // Not asserted: a build with debug assertions on a busy machine says nothing about a night's report.
    eprintln!("{} bytes in {:.2} s", page.len(), begun.elapsed().as_secs_f64());
    assert!(page.len() < 3_000_000, "{}", page.len());
    let page = String::from_utf8(page).unwrap();
    assert_eq!(page.matches("<details class=\"trial\"").count(), 2001);
    assert!(page.contains("To keep this page small it holds no details of "), "what is left out is told");
    let json = toy.piton(&["report", "--json"]).json();
    let rows = json["rows"].as_array().unwrap();
    let keep = rows[1..].iter().find(|row| row["status"] == "keep").unwrap();
    let first = page.find(&format!("id=\"t{}\"", keep["trial"])).unwrap();
    let end = first + page[first..].find("</details>").unwrap();
    assert!(page[first..end].contains("<ins>+pub fn step_"), "a keep has its diff, however old");
}

#[test]
fn a_log_whose_reader_has_gone_ends_and_is_no_error() {
    let toy = night(300, 20);
    let mut log = toy.command(&["log", "--run", RUN, "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(log.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert_eq!(first, "[\n");
    assert_eq!(log.wait().unwrap().code(), Some(0));
}

#[test]
#[ignore = "measures: prints when the first and the last line of a log of 20,000 trials come"]
fn the_first_line_of_a_log_of_20_000_trials() {
    let toy = night(20_000, 150);
    for arguments in [
        vec!["log", "--run", RUN],
        vec!["log", "--run", RUN, "--kept"],
        vec!["log", "--run", RUN, "--last", "20"],
    ] {
        let begun = Instant::now();
        let mut log = toy.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(log.stdout.take().unwrap()).lines();
        // The fourth is the first with a trial.
        assert!(lines.nth(3).is_some());
        let first = begun.elapsed().as_secs_f64();
        let all = lines.count();
        log.wait().unwrap();
        eprintln!(
            "{arguments:?}: first {:.1} ms, {all} more in {:.2} s",
            first * 1e3,
            begun.elapsed().as_secs_f64()
        );
    }
    let begun = Instant::now();
    toy.piton(&["report", "--run", RUN]);
    eprintln!("the report: {:.2} s", begun.elapsed().as_secs_f64());
}
