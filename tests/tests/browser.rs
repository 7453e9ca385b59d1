//! The pages as people see them: in a real browser, on a wide screen and a narrow one, light and dark, printed, without scripts.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use piton_tests::night::{self, Plan, night};
use piton_tests::served::{Served, let_through, waiting};
use piton_tests::{Scratch, browser};

/// Puts a page and what it must say into `dir`.
fn put(dir: &Path, name: &str, toy: &Scratch, run: &[&str]) {
    let begun = Instant::now();
    let page = dir.join(format!("{name}.html"));
    let said = toy.piton(&[&["report", "-o", page.to_str().unwrap()], run].concat());
    assert_eq!(said.status, 0, "{said:?}");
    let bytes = fs::metadata(&page).unwrap().len();
    eprintln!("{name}: {bytes} bytes, made in {:.2} s", begun.elapsed().as_secs_f64());
    assert!(bytes <= 3_000_000, "{name}: {bytes} bytes");
    let facts = toy.piton(&[&["report", "--json"], run].concat());
    fs::write(dir.join(format!("{name}.json")), facts.out).unwrap();
}

#[test]
fn every_report_can_be_read_at_1280_and_400_px_light_dark_printed_without_scripts_and_by_keyboard() {
    let pages = Scratch::empty();
    for (name, trials, keeps, verified) in
        [("keeps15", 48, 15, true), ("keeps150", 450, 150, true), ("trials2000", 2000, 150, false)]
    {
        put(pages.path(), name, &night(Plan { trials, keeps, verified }), &[]);
    }
    let nothing = Scratch::toy();
    nothing.baseline();
    put(pages.path(), "nothing", &nothing, &[]);
    let old = concat!(env!("CARGO_MANIFEST_DIR"), "/imports/pi-autoresearch.jsonl");
    let said = nothing.piton(&["import", old, "--from", "pi-autoresearch", "--name", "old"]);
    assert_eq!(said.status, 0, "{said:?}");
    put(pages.path(), "claims", &nothing, &["--run", "old"]);
    if let Some(keep) = std::env::var_os("PITON_KEEP_SCREENSHOTS") {
        for page in fs::read_dir(pages.path()).unwrap().flatten() {
            fs::copy(page.path(), Path::new(&keep).join(page.file_name())).unwrap();
        }
    }
    let Some(said) = browser::run("report.mjs", &[pages.path()]) else { return };
    assert_eq!(said.status, 0, "{}\n{}", said.out, said.err);
}

#[test]
fn a_page_that_is_open_shows_the_trial_as_it_goes_on_and_its_buttons_and_stays_sound() {
    let (toy, open) = waiting();
    let served = Served::start(&toy, &[]);
    let mut trial: Option<Child> = None;
    let sound = browser::talk("live.mjs", &[&served.url()], |word| match word {
        "begin" => {
            toy.speed("130");
            let mut command = toy.command(&["trial", "-m", "<b>faster</b> tiles"]);
            trial = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().ok();
        }
        // The warm-up, and two pairs.
        "pairs" => let_through(&open, 3),
        "end" => let_through(&open, 1000),
        other => panic!("nobody knows what {other} means"),
    });
    let Some(sound) = sound else { return };
    assert!(sound);
    assert!(trial.expect("it began").wait().unwrap().success());
    assert_eq!(toy.piton(&["notes", "--json"]).json()[0]["text"], "mind the <gap>");
}

#[test]
fn a_page_of_2000_trials_takes_in_what_comes() {
    let toy = night(Plan { trials: 2000, keeps: 150, verified: false });
    let served = Served::start(&toy, &["--run", night::RUN]);
    let mut entered = Instant::now();
    let (mut rows, mut pictures) = (vec![], vec![]);
    let sound = browser::talk("rows.mjs", &[&served.url(), "2001", "12"], |word| match word {
        "enter" => {
            night::one_more(&toy, 1999);
            entered = Instant::now();
        }
        "row" => rows.push(entered.elapsed().as_secs_f64() * 1e3),
        "picture" => pictures.push(entered.elapsed().as_secs_f64() * 1e3),
        other => panic!("nobody knows what {other} means"),
    });
    let Some(sound) = sound else { return };
    assert!(sound);
    for (what, mut times) in [("row", rows), ("picture", pictures)] {
        assert_eq!(times.len(), 12);
        times.sort_by(f64::total_cmp);
        let (median, longest) = (times[6], times[11]);
        eprintln!(
            "from the ledger to the eye, 2,000 trials, its {what}: median {median:.0} ms, longest {longest:.0} ms"
        );
    }
}
