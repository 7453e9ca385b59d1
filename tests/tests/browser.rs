//! The pages as people see them: in a real browser, on a wide screen and a narrow one, light and dark, printed, without scripts.

use std::fs;
use std::path::Path;
use std::time::Instant;

use piton_tests::night::{Plan, night};
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
