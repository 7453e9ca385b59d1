//! The data files that ship, and the promises of the crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use piton_suite::{Check, Context, Prompt, Suite};

const CLIMB: &str = include_str!("../../harness/suites/climb.toml");
const INSTRUCT: &str = include_str!("../../harness/suites/instruct.toml");

fn climb() -> Suite {
    Suite::parse(CLIMB).unwrap()
}

fn corpus() -> Suite {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/train/corpus.toml");
    Suite::load(&folder).unwrap()
}

fn small(task: &str) -> String {
    format!(
        "name = \"small\"\n[words]\nnames = [\"Ann\", \"Bob\"]\n[[task]]\nname = \"t\"\nfamily = \"f\"\n\
         context = \"short\"\n{task}"
    )
}

fn refusal(task: &str) -> String {
    Suite::parse(&small(task)).unwrap_err().to_string()
}

#[test]
fn the_same_seed_draws_the_same_prompts() {
    assert_eq!(climb().draw(7), climb().draw(7));
    assert_eq!(corpus().documents(7, 0, 50), corpus().documents(7, 0, 50));
}

#[test]
fn another_seed_draws_other_prompts() {
    let texts = |seed| climb().draw(seed).into_iter().map(|prompt| prompt.text).collect::<BTreeSet<_>>();
    assert!(texts(7).is_disjoint(&texts(8)));
}

#[test]
fn a_prompt_drawn_today_is_drawn_for_good() {
    let text = small(
        "prompt = \"{n} {w}\\n\"\nanswer = \"{n}\"\ncount = 3\n[task.slots]\nn = { number = [0, 999] }\nw = { words = \"names\" }\n",
    );
    let drawn: Vec<String> = Suite::parse(&text).unwrap().draw(1).into_iter().map(|p| p.text).collect();
    assert_eq!(drawn, PINNED);
}

const PINNED: [&str; 3] = ["791 Bob\n", "770 Bob\n", "2 Bob\n"];

#[test]
fn a_task_added_to_a_file_changes_no_other_task() {
    let longer = format!("{CLIMB}\n[[task]]\nlike = \"sum\"\nname = \"sum-again\"\n");
    let longer = Suite::parse(&longer).unwrap().draw(3);
    let before = climb().draw(3);
    assert!(longer.len() > before.len() && longer[..before.len()] == before[..]);
}

#[test]
fn an_expected_answer_passes_its_own_checks_and_a_spoilt_one_does_not() {
    for prompt in (0..20).flat_map(|seed| climb().draw(seed)) {
        let Some(expected) = &prompt.expected else { continue };
        assert!(prompt.checks.iter().all(|check| check.passes(expected)), "{expected}");
        assert!(prompt.checks.iter().all(|check| check.passes(&format!("{expected}and more"))));
        let spoilt = &expected[..expected.len() - 2];
        assert!(!prompt.checks.iter().all(|check| check.passes(spoilt)), "{spoilt}");
    }
}

#[test]
fn a_prompt_ends_with_a_line_break_and_says_how_many_tokens_or_has_an_answer() {
    let instruct = Suite::parse(INSTRUCT).unwrap();
    for prompt in climb().draw(1).into_iter().chain(instruct.draw(1)) {
        assert!(prompt.text.ends_with('\n'), "{}", prompt.text);
        assert!(prompt.expected.is_some() || prompt.max_new.is_some(), "{}", prompt.task);
    }
}

#[test]
fn at_least_three_families_of_the_climb_go_over_the_long_context() {
    let long = climb().draw(1).into_iter().filter(|prompt| prompt.context == Context::Long);
    assert!(long.map(|prompt| prompt.family).collect::<BTreeSet<_>>().len() >= 3);
}

#[test]
fn no_sample_asks_the_same_twice() {
    for seed in 0..50 {
        for suite in [climb(), Suite::parse(INSTRUCT).unwrap()] {
            let drawn = suite.draw(seed);
            let texts: BTreeSet<&str> = drawn.iter().map(|prompt| prompt.text.as_str()).collect();
            assert_eq!(texts.len(), drawn.len());
        }
    }
}

#[test]
fn the_instruct_suite_holds_five_families_and_checks_every_answer() {
    let drawn = Suite::parse(INSTRUCT).unwrap().draw(4);
    let families: BTreeSet<&str> = drawn.iter().map(|prompt| prompt.family.as_str()).collect();
    assert_eq!(families, BTreeSet::from(["code", "explain", "poem", "solve", "summarise"]));
    assert!(drawn.iter().all(|prompt| !prompt.checks.is_empty()));
    assert!(
        drawn.iter().all(|prompt| !prompt.checks.iter().all(|check| check.passes("no no no no no no no")))
    );
}

#[test]
fn a_sum_asked_of_an_instruct_model_is_checked_for_the_right_number() {
    for prompt in (0..50).flat_map(|seed| Suite::parse(INSTRUCT).unwrap().draw(seed)) {
        let numbers = numbers(&prompt.text);
        let right = match prompt.task.as_str() {
            "solve-sum" => numbers.iter().sum::<i64>().to_string(),
            "solve-shopping" => (numbers[0] + numbers[1] * numbers[2]).to_string(),
            _ => continue,
        };
        assert!(prompt.checks.contains(&Check::Number { text: right }), "{prompt:?}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let refused = |task: &str, cause: &str| {
        let message = refusal(task);
        assert!(message.contains(cause), "{message}");
    };
    refused("prompt = \"x\\n\"\nanswer = \"y\"\ncolour = 1\n", "colour");
    refused("prompt = \"{name}\\n\"\nanswer = \"y\"\n", "t: no slot is called `name`");
    refused("prompt = \"x\"\nanswer = \"y\"\n", "t: the prompt must end with a line break");
    refused("prompt = \"x\\n\"\n", "max_new must be given");
    refused(
        "prompt = \"x\\n\"\nanswer = \"y\"\nslots.a = { words = \"nouns\" }\n",
        "no words are called `nouns`",
    );
    refused(
        "prompt = \"x\\n\"\nanswer = \"y\"\nslots.a = { words = \"names\", count = 3 }\n",
        "3 different words",
    );
    let slots = "slots.a = { words = \"names\" }\n";
    refused(&format!("prompt = \"{{sum a}}\\n\"\nanswer = \"y\"\n{slots}"), "wants numbers");
    refused(
        &format!("prompt = \"{{twist a}}\\n\"\nanswer = \"y\"\n{slots}"),
        "no function is called `twist`",
    );
    assert!(Suite::parse("include = \"x.toml\"\nname = \"n\"\n").is_err());
}

#[test]
fn a_check_sees_what_it_says() {
    let number = Check::Number { text: "12".into() };
    assert!(number.passes("so 12.") && !number.passes("112 or 120"));
    let no_loop = Check::NoLoop { words: 2, times: 2 };
    assert!(no_loop.passes("a b a b a") && !no_loop.passes("a b a b a b"));
    let lines = Check::Lines { min: 2, max: 2 };
    assert!(lines.passes("one\n\ntwo\n") && !lines.passes("one"));
    let words = Check::Words { min: 2, max: 3 };
    assert!(words.passes("one two") && !words.passes("one") && !words.passes("a b c d"));
    assert!(Check::ContainsAny { texts: vec!["Sea".into()] }.passes("the sea"));
    assert!(!Check::ContainsNone { texts: vec!["Sea".into()] }.passes("the sea"));
}

#[test]
fn shares_decide_which_tasks_a_stage_holds() {
    let corpus = corpus();
    let tasks = |stage| {
        let documents = corpus.documents(1, stage, 400).unwrap();
        documents.into_iter().map(|document| document.task).collect::<BTreeSet<_>>()
    };
    assert!(!tasks(0).contains("recall-large"));
    assert!(tasks(3).contains("recall-large"));
    assert!(corpus.documents(1, 9, 1).is_err());
}

// ---- every family's answer, computed a second time from the text of its prompt ----

#[test]
fn every_determined_answer_of_the_climb_is_right() {
    // The tasks that are taught but not asked too.
    let all = Suite::parse(&CLIMB.replace("\ncount = 0\n", "\ncount = 1\n")).unwrap();
    for prompt in (0..200).flat_map(|seed| all.draw(seed)) {
        match &prompt.expected {
            Some(expected) => assert_eq!(*expected, solve(&prompt), "{}", prompt.text),
            None => assert_eq!(prompt.family, "prose"),
        }
    }
}

fn numbers(text: &str) -> Vec<i64> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

/// The answer, by reading the prompt.
fn solve(prompt: &Prompt) -> String {
    let (_, body) = prompt.text.split_once(':').unwrap();
    let body = body.trim_end().trim_end_matches('.');
    let each = |split: &str, with: &dyn Fn(&str) -> String| -> String {
        body.trim().split(split).map(with).collect::<Vec<_>>().join(split)
    };
    match prompt.task.as_str() {
        "recall" | "recall-long" | "places" | "places-long" => format!("A: {}.\n", look_up(body)),
        "copy" | "copy-long" => format!("A: {}.\n", body.split(".\n").next().unwrap().trim()),
        "sum" => format!("A:{}.\n", numbers(body).iter().sum::<i64>()),
        "largest" => format!("A:{}.\n", numbers(body).iter().max().unwrap()),
        "brackets" => format!("A: {}.\n", spaced(closed(body.trim()))),
        "sort" => format!("A: {}.\n", each(", ", &|all| format!("{all} > {}", spaced(sorted(all))))),
        "reverse" => {
            format!(
                "A: {}.\n",
                each(", ", &|all| format!("{all} > {}", spaced(all.split(' ').rev().collect())))
            )
        }
        "story" => format!("A: {}\n", ends(body)),
        "retell" => format!(
            "A: {}.\n",
            body.trim().replace(" goes ", " went ").replace(" takes ", " took ").replace(" gives ", " gave ")
        ),
        other => panic!("no second computation is written for {other}"),
    }
}

fn look_up(body: &str) -> String {
    let (told, asked) = body.split_once(".\nQ: ").unwrap();
    let facts = told.split(".\n").next().unwrap();
    let facts: BTreeMap<&str, &str> =
        facts.split(", ").map(|fact| fact.trim().split_once(' ').unwrap()).collect();
    asked.split(", ").map(|key| format!("{key} {}", facts[key])).collect::<Vec<_>>().join(", ")
}

fn spaced(words: Vec<&str>) -> String {
    words.join(" ")
}

fn sorted(words: &str) -> Vec<&str> {
    words.split(' ').collect::<BTreeSet<_>>().into_iter().collect()
}

fn closed(open: &str) -> Vec<&str> {
    let mut stack: Vec<&str> = open
        .split(' ')
        .map(|bracket| {
            [("(", ")"), ("[", "]"), ("{", "}"), ("<", ">")].iter().find(|p| p.0 == bracket).unwrap().1
        })
        .collect();
    stack.reverse();
    stack
}

fn ends(body: &str) -> String {
    let (events, asked) = body.split_once("\nQ: ").unwrap();
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    for event in events.split('.').map(str::trim).filter(|event| !event.is_empty()) {
        let words: Vec<&str> = event.split(' ').collect();
        match words[..] {
            [who, "goes", "to", "the", room] => known.insert(who, format!("{who} is in the {room}.")),
            [who, "takes", "the", what] => {
                assert!(!known.contains_key(what), "{event}: it was taken");
                known.insert(what, format!("The {what} is with {who}."))
            }
            [from, "gives", "the", what, "to", to] => {
                assert_eq!(known[what], format!("The {what} is with {from}."));
                known.insert(what, format!("The {what} is with {to}."))
            }
            _ => panic!("{event}"),
        };
    }
    asked.split(", ").map(|key| known[key].clone()).collect::<Vec<_>>().join(" ")
}
