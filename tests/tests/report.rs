//! The morning after: the report of a real climb of the toy, in all its forms.

use std::fs;

use piton_tests::Scratch;

/// A climb with a keep, a discard, a failed gate, a crash, a build that fails, hostile words and an edit out of scope.
fn climbed() -> Scratch {
    let toy = Scratch::toy();
    let steps = [
        ("90", "slower"),
        ("130", "<script>alert(1)</script> & \"more\""),
        ("7", "a gate fails"),
        ("13", "it dies"),
        ("BROKEN", "no build"),
        ("150", "`code` | @someone #1"),
        ("149", "a little less"),
    ];
    let mut agent = String::from(
        "n=$(cat .piton/agent/n 2>/dev/null || echo 0); echo $((n + 1)) > .piton/agent/n; case $n in ",
    );
    for (i, (speed, words)) in steps.iter().enumerate() {
        let proposal = serde_json::json!({ "description": words }).to_string().replace('\'', "");
        agent.push_str(&format!("{i}) s={speed}; d='{proposal}';; "));
    }
    agent.push_str(
        "esac; echo \"const SPEED: u32 = $s;\" > src/speed.rs; printf %s \"$d\" > \"$PITON_PROPOSAL\"",
    );
    let said = toy.piton(&["climb", "--run", "r", "--agent", &agent, "--trials", "7"]);
    assert_eq!(said.status, 0, "{said:?}");
    toy
}

#[test]
fn the_page_holds_the_whole_run_is_fetched_from_nowhere_and_runs_nobody_elses_script() {
    let toy = climbed();
    let said = toy.piton(&["report"]);
    assert_eq!(said.status, 0, "{said:?}");
    let page = fs::read_to_string(said.out.trim()).unwrap();
    assert!(said.out.trim().ends_with("/.piton/report.html"), "{}", said.out);
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "git overlooks it");
    for there in [
        "not verified",
        "2 kept",
        "2 discarded",
        "1 gate failed",
        "2 crashed",
        "<title id=\"stairs-t\">",
        "toy",
    ] {
        assert!(page.contains(there), "{there}");
    }
    assert!(page.contains("<ins>+const SPEED: u32 = 130;</ins>"), "the diff");
    assert!(page.contains("this is broken"), "why it did not build");
    assert!(page.contains("FAIL "), "the gate");
    assert!(page.contains("aria-label=\"gain of "), "the pairs");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert_eq!(page.matches("<script").count(), 1, "its own");
    for fetched in ["src=", "http://", "https://", "url(", "@import", "<link"] {
        let own = page.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(page.matches(fetched).count(), if fetched == "http://" { own } else { 0 }, "{fetched}");
    }

    // Once it is verified, that figure stands first.
    assert_eq!(toy.piton(&["verify", "--run", "r", "--each"]).status, 0);
    let said = toy.piton(&["report", "-o", "-"]);
    assert!(said.out.contains("verified: HEAD against the baseline in 20 fresh pairs"), "{}", said.out);
    assert!(said.out.contains("once more"), "{}", said.out);
    assert_eq!(toy.piton(&["audit"]).status, 0, "reading changes nothing");
}

#[test]
fn markdown_json_svg_png_and_the_terminal_say_the_same() {
    let toy = climbed();
    let facts = toy.piton(&["report", "--json"]).json();
    assert_eq!((facts["trials"].as_u64(), facts["counts"]["kept"].as_u64()), (Some(7), Some(2)));
    assert_eq!(facts["rows"].as_array().unwrap().len(), 8);
    let sum = facts["sum_of_keeps_pct"].as_f64().unwrap();
    assert!((sum - 50.0).abs() < 4.0, "{sum}");
    assert!(facts["rows"][3]["value"].is_number() && facts["rows"][5]["gain_pct"].is_null(), "{facts}");

    let markdown = toy.piton(&["report", "--md"]).out;
    assert!(markdown.contains("**Not verified**") && markdown.contains("2 kept"), "{markdown}");
    assert!(markdown.contains("| `'code' \\| @someone #1` |"), "{markdown}");

    let svg = toy.piton(&["report", "--svg", "-o", "-"]).out;
    assert!(
        svg.starts_with("<svg ") && svg.contains("#2 +") && svg.contains("prefers-color-scheme"),
        "{svg}"
    );
    assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script"), "{svg}");
    for (arguments, size) in
        [(vec!["report", "--png"], (2064u32, 944u32)), (vec!["report", "--card"], (2400, 1260))]
    {
        let said = toy.piton(&arguments);
        assert_eq!(said.status, 0, "{said:?}");
        let png = fs::read(said.out.trim()).unwrap();
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert_eq!((&png[1..4], number(16), number(20)), (&b"PNG"[..], size.0, size.1));
    }

    let drawn = toy.piton(&["status", "--plot"]).out;
    assert!(drawn.contains('●') && drawn.contains("#2 +") && drawn.contains("2 kept"), "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 100 || line.starts_with("  ")), "{drawn}");
}

#[test]
fn a_report_of_nothing_and_one_that_cannot_be_written_say_so() {
    let toy = Scratch::toy();
    let said = toy.piton(&["report"]);
    assert_eq!(said.status, 3, "{said:?}");
    toy.baseline();
    let said = toy.piton(&["report", "-o", "-"]);
    assert!(said.out.contains("Nothing: no trial was shown to be better."), "{said:?}");
    let said = toy.piton(&["report", "-o", "no/such/place.html"]);
    assert!(said.status == 1 && said.err.contains("no/such/place.html was not written"), "{said:?}");
    std::fs::remove_dir(toy.path().join(".piton")).unwrap();
    std::os::unix::fs::symlink("/tmp", toy.path().join(".piton")).unwrap();
    let said = toy.piton(&["report"]);
    assert!(said.status == 3 && said.err.contains(".piton is a link"), "{said:?}");
}

#[test]
fn the_log_shows_what_is_asked_for_and_no_more() {
    let toy = climbed();
    let trials = |arguments: &[&str]| -> Vec<String> {
        let said = toy.piton(&[&["log"], arguments].concat());
        assert_eq!(said.status, 0, "{said:?}");
        said.out.lines().skip(3).map(|line| line.split_whitespace().next().unwrap().to_owned()).collect()
    };
    assert_eq!(trials(&[]).len(), 8);
    assert_eq!(trials(&["--kept"]), ["2", "6"]);
    assert_eq!(trials(&["--status", "crash"]), ["4", "5"]);
    assert_eq!(trials(&["--reason", "gate"]), ["3"]);
    assert_eq!(trials(&["--reason", "gate:quality"]), ["3"]);
    assert_eq!(trials(&["--reason", "worse", "--last", "1"]), ["7"]);
    assert_eq!(trials(&["--last", "2"]), ["6", "7"]);
    assert_eq!(trials(&["--since", "2h"]).len(), 8);
    assert_eq!(trials(&["--since", "2999-01-01"]).len(), 0);
    let json = toy.piton(&["log", "--json", "--kept"]).json();
    assert_eq!(
        json.as_array().unwrap().iter().map(|r| r["trial"].as_u64().unwrap()).collect::<Vec<_>>(),
        [2, 6]
    );
    assert_eq!(toy.piton(&["log", "--json", "--since", "2999-01-01"]).json(), serde_json::json!([]));
    let said = toy.piton(&["log", "--since", "yesterday"]);
    assert!(said.status == 2 && said.err.contains("\"yesterday\" is no time"), "{said:?}");
}

#[test]
fn two_trials_are_held_against_each_other_by_number_or_by_name() {
    let toy = climbed();
    let diff = |from: &str, to: &str| toy.piton(&["diff", from, to]);
    let said = diff("baseline", "head");
    assert!(said.out.contains("-const SPEED: u32 = 100;\n+const SPEED: u32 = 150;"), "{said:?}");
    let said = diff("3", "2");
    assert!(said.out.contains("-const SPEED: u32 = 7;\n+const SPEED: u32 = 130;"), "{said:?}");
    assert!(diff("6", "head").out.contains("6 and head do not differ below src"));
    let json = toy.piton(&["diff", "0", "2", "--json"]).json();
    assert_eq!((json["added"].as_u64(), json["removed"].as_u64()), (Some(1), Some(1)));
    let said = diff("first", "head");
    assert!(said.status == 2 && said.err.contains("`baseline` or `head`"), "{said:?}");
    assert_eq!(diff("0", "99").status, 3);
    let said = toy.piton(&["show", "2"]);
    for there in ["confinement", "tau = ", "+const SPEED: u32 = 130;"] {
        assert!(said.out.contains(there), "{there}: {}", said.out);
    }
}
