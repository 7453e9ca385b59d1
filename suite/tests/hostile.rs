//! Suite files that nobody means well: refused, or drawn from without a panic, in bounded time.
//! `PROPTEST_CASES=100000` tries for longer.

use piton_suite::Suite;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const CLIMB: &str = include_str!("../../harness/suites/climb.toml");

const WORDS: [&str; 20] = [
    "0",
    "-1",
    "9223372036854775807",
    "4294967295",
    "1e308",
    "nan",
    "[0, 0]",
    "[9, 1]",
    "{",
    "}",
    "{sum ",
    "{product ",
    "\"\"",
    "[]",
    "\n",
    "=",
    "count = 0\n",
    "unique = true\n",
    "like = \"sum\"\n",
    "\u{0}",
];

/// `seed` with a few things taken out, put in twice, or put in from `words`.
fn mutated() -> impl Strategy<Value = String> {
    let edit =
        (any::<Index>(), 0usize..30, prop_oneof![select(&WORDS[..]).prop_map(Some), Just(None)], 0u8..3);
    prop::collection::vec(edit, 0..5).prop_map(|edits| {
        let mut text = CLIMB.to_owned();
        for (place, length, word, kind) in edits {
            let boundary = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let from = boundary(place.index(text.len() + 1));
            let to = boundary((from + length).min(text.len()));
            let piece = match (word, kind) {
                (Some(word), _) => word.to_owned(),
                (None, 0) => text[from..to].repeat(3),
                (None, _) => String::new(),
            };
            text.replace_range(from..if kind == 1 { from } else { to }, &piece);
        }
        text
    })
}

proptest! {
    #[test]
    fn no_suite_file_makes_its_reader_or_the_drawing_panic(text in mutated(), seed in any::<u64>()) {
        match Suite::parse(&text) {
            Ok(suite) => {
                for prompt in suite.draw(seed) {
                    let _ = prompt.checks.iter().all(|check| check.passes(&prompt.text));
                }
                let _ = suite.documents(seed, 0, 5);
            }
            Err(error) => prop_assert!(!error.cause.is_empty()),
        }
    }
}

fn refusal(task: &str) -> String {
    let text = format!(
        "name = \"s\"\n[words]\nw = [\"a\"]\n[[rows.r]]\nc = \"x\"\n[[task]]\nname = \"t\"\nfamily = \"f\"\ncontext = \"short\"\nmax_new = 1\nprompt = \"p\\n\"\n{task}"
    );
    Suite::parse(&text).unwrap_err().to_string()
}

#[test]
fn what_would_take_for_ever_or_has_no_answer_is_refused() {
    assert!(refusal("count = 1001").contains("1001 prompts are wanted"));
    assert!(refusal("slots.n = { number = [0, 9223372036854775807] }").contains("number (low to high)"));
    assert!(
        refusal("slots.n = { number = [0, 9], count = [4000000000, 1] }").contains("4000000000 are wanted")
    );
    assert!(refusal("share = [inf]").contains("a share is inf"));
    let story = "[task.story]\ncount = 1\nrelations = {}\n";
    assert!(refusal(&format!("{story}cast = {{}}\nevents = []")).contains("no events"));
    let event = "events = [{ relation = \"x\", slots = {}, key = \"k\", value = \"v\", text = \"\" }]";
    for cast in ["{ words = \"w\", count = 0 }", "{ row = \"r\" }"] {
        let refused = refusal(&format!("{story}cast = {{ p = {cast} }}\n{event}"));
        assert!(refused.contains("the cast `p` wants at least one"), "{refused}");
    }
}

#[test]
fn files_that_include_one_another_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("a.toml"), "include = \"b.toml\"\nname = \"a\"\n").unwrap();
    std::fs::write(path("b.toml"), "include = \"a.toml\"\nname = \"b\"\n").unwrap();
    assert!(Suite::load(&path("a.toml")).unwrap_err().to_string().contains("include one another"));
    assert!(Suite::load(dir.path()).unwrap_err().to_string().contains("directory"));
}

#[test]
fn a_sum_that_no_number_holds_is_the_largest_there_is() {
    let text = "name = \"s\"\n[[task]]\nname = \"t\"\nfamily = \"f\"\ncontext = \"short\"\nprompt = \"{n}\\n\"\nanswer = \"{product n}\"\n[task.slots]\nn = { number = [1000000, 1000000], count = 9, repeats = true }\n";
    let prompts = Suite::parse(text).unwrap().draw(1);
    assert_eq!(prompts[0].expected.as_deref(), Some("9223372036854775807"));
}
