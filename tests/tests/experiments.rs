//! The decision log: written from the ledger, with what people wrote in it.

use std::fs;

use piton_tests::Scratch;

/// A run with an idea that ships, one that was rejected twice and a note.
fn climbed() -> Scratch {
    let toy = Scratch::toy();
    toy.baseline();
    let trials = [("120", "tiling", 0), ("90", "unrolling", 10), ("7", "unrolling", 10)];
    for (speed, family, status) in trials {
        toy.speed(speed);
        let said =
            toy.piton(&["trial", "-m", &format!("`{speed}` | <!-- piton:end -->"), "--family", family]);
        assert_eq!(said.status, status, "{said:?}");
    }
    assert_eq!(toy.piton(&["note", "the cache is read twice"]).status, 0);
    toy
}

fn write(toy: &Scratch, args: &[&str]) -> String {
    let said = toy.piton(&[&["log", "--experiments"], args].concat());
    assert_eq!(said.status, 0, "{said:?}");
    said.out
}

#[test]
fn every_idea_has_its_status_its_figures_and_a_place_for_people() {
    let toy = climbed();
    let said = toy.piton(&["log", "--experiments"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(
        said.out.trim(),
        toy.path().canonicalize().unwrap().join("EXPERIMENTS.md").display().to_string()
    );
    assert!(said.err.contains("EXPERIMENTS.md is an edit outside the scope"), "{}", said.err);
    let text = toy.read("EXPERIMENTS.md");
    for words in [
        "## Shipping\n\n### tiling\n\n**shipping**; 1 trial, 1 kept.\n",
        "| r | 1 | `better` | +19.",
        "## Rejected\n\n### unrolling\n\n**rejected**; 2 trials, 0 kept.\n",
        "Trial 2 of r: worse, -2",
        "Trial 3 of r: a gate failed, `quality` 0.5 is not `>= 0.9`",
        "## Planned\n\n### the-cache-is-read-twice\n",
        "| shipping | 1 | a kept change of it is in the branch of a run",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    assert_eq!(write(&toy, &["-o", "-"]), text, "the same bytes");
    let mine =
        text.replace("yours unrolling -->\n", "yours unrolling -->\nThe compiler does it: never again.\n");
    toy.write("EXPERIMENTS.md", &mine);
    let times = || fs::metadata(toy.path().join("EXPERIMENTS.md")).unwrap().modified().unwrap();
    let before = times();
    write(&toy, &[]);
    assert_eq!((toy.read("EXPERIMENTS.md"), times()), (mine.clone(), before), "nothing is new");

    // The ledger grows, and another run begins elsewhere.
    fs::rename(toy.path().join("EXPERIMENTS.md"), toy.path().join(".git/kept.md")).unwrap();
    toy.speed("80");
    assert_eq!(toy.piton(&["trial", "-m", "once more", "--family", "unrolling"]).status, 10);
    write(&toy, &["-o", ".git/kept.md"]);
    let grown = toy.read(".git/kept.md");
    assert!(
        grown.contains("never again.\n<!-- piton:end -->") && grown.contains("**rejected**; 3 trials"),
        "{grown}"
    );
    assert!(grown.contains("2 trials ended so"), "{grown}");
    toy.git(&["switch", "--quiet", "main"]);
    assert_eq!(toy.piton(&["baseline", "--run", "s"]).status, 0);
    write(&toy, &["-o", ".git/kept.md", "--run", "s"]);
    let other = toy.read(".git/kept.md");
    assert!(
        other.contains("## Of other ideas") && other.ends_with("never again.\n<!-- piton:end -->\n"),
        "{other}"
    );
    write(&toy, &["-o", ".git/kept.md"]);
    let both = toy.read(".git/kept.md");
    assert!(!both.contains("## Of other ideas") && both.contains("never again."), "{both}");
    assert!(both.contains("\n| r | `toy` |") && both.contains("\n| s | `toy` |"), "{both}");
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn a_file_that_piton_did_not_write_or_that_was_edited_between_the_lines_is_never_overwritten() {
    let toy = climbed();
    let refused = |cause: &str| {
        let before = toy.read("EXPERIMENTS.md");
        let said = toy.piton(&["log", "--experiments"]);
        assert_eq!(said.status, 3, "{said:?}");
        assert!(
            said.err.contains("EXPERIMENTS.md was not written") && said.err.contains(cause),
            "{}",
            said.err
        );
        assert_eq!(toy.read("EXPERIMENTS.md"), before);
    };
    toy.write("EXPERIMENTS.md", "# My own\n");
    refused("piton did not write what is there");
    assert!(write(&toy, &["-o", "log.md"]).contains("log.md"));
    let text = toy.read("log.md");
    toy.write("EXPERIMENTS.md", &text.replace("**rejected**", "**great**"));
    refused("it was edited outside of the markers");
    toy.write("EXPERIMENTS.md", &text.replacen("<!-- piton:end -->\n", "", 1));
    refused("is missing, or out of its place, at line");
    fs::remove_file(toy.path().join("EXPERIMENTS.md")).unwrap();
    std::os::unix::fs::symlink(toy.path().join("log.md"), toy.path().join("EXPERIMENTS.md")).unwrap();
    refused("it is a link");

    for wrong in
        [&["log", "-o", "x"][..], &["log", "--experiments", "--json"], &["log", "--experiments", "--kept"]]
    {
        assert_eq!(toy.piton(wrong).status, 2, "{wrong:?}");
    }
    let said = toy.piton(&["log", "--experiments", "-o", "no/such/place.md"]);
    assert!(said.status == 1 && said.err.contains("no/such/place.md was not written"), "{said:?}");
    assert_eq!(Scratch::toy().piton(&["log", "--experiments"]).status, 3, "no run");

    // From within the walls nothing is written outside of them.
    fs::remove_file(toy.path().join("EXPERIMENTS.md")).unwrap();
    fs::remove_file(toy.path().join("log.md")).unwrap();
    let inside = format!("{} log --experiments -o there.md", piton_tests::piton().display());
    let said = toy.piton(&["guard", "--", "sh", "-c", &inside]);
    assert!(said.status == 3 && said.err.contains("was not carried out"), "{said:?}");
    assert!(!toy.path().join("there.md").exists());
}
