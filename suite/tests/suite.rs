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
fn a_prompt_ends_with_a_line_break_or_in_an_answer_begun_and_says_how_many_tokens() {
    let instruct = Suite::parse(INSTRUCT).unwrap();
    for prompt in climb().draw(1).into_iter().chain(instruct.draw(1)) {
        assert!(prompt.text.ends_with('\n') || prompt.text.contains("\nA: "), "{}", prompt.text);
        assert!(!prompt.text.ends_with(' '), "the space belongs to the token that is asked for");
        assert!(prompt.length.is_some() || prompt.max_new.is_some(), "{}", prompt.task);
    }
}

/// An answer begun with wrong words, a question for a key that is not there, words in place of others.
const SPOILT: &str = r#"
name = "spoilt"
[words]
names = ["Ann", "Bob", "Cid", "Dee", "Eve", "Fay"]
odd = ["mat", "rug"]
[[task]]
name = "begun"
family = "f"
context = "short"
count = 20
prompt = "Say: {names}.\n"
answer = "A: {names}.\n"
slots.names = { words = "names", count = 5 }
begun = { words = [1, 3], wrong = 1, from = "odd" }
[[task]]
name = "broken"
family = "f"
context = "short"
count = 20
prompt = "Say: {names}.\n"
answer = "A: {names}.\n"
slots.names = { words = "names", count = 5 }
broken = { words = 2, from = "odd" }
[[task]]
name = "then"
family = "f"
context = "short"
prompt = "Say: {names}.\n"
answer = "A: {names}"
then = ", {more}.\n"
slots.names = { words = "names", count = 2 }
slots.more = { words = "odd" }
"#;

#[test]
fn an_answer_begun_with_a_wrong_word_stands_in_the_prompt_and_the_rest_is_asked_for() {
    let drawn = Suite::parse(SPOILT).unwrap().draw(1);
    for prompt in drawn.iter().filter(|prompt| prompt.task == "begun") {
        let (asked, begun) = prompt.text.split_once(".\n").unwrap();
        let names = asked.strip_prefix("Say: ").unwrap();
        let given = begun.strip_prefix("A: ").unwrap().split(' ').count();
        assert!((1..=3).contains(&given));
        assert_eq!(begun.matches("mat").count() + begun.matches("rug").count(), 1, "{begun}");
        let rest: Vec<&str> = names.split(' ').skip(given).collect();
        assert_eq!(prompt.expected.as_deref(), Some(&*format!(" {}.\n", rest.join(" "))));
        assert_eq!(prompt.length, prompt.expected);
    }
}

#[test]
fn a_broken_prompt_determines_its_answer_up_to_the_first_word_that_was_replaced() {
    let drawn = Suite::parse(SPOILT).unwrap().draw(1);
    for prompt in drawn.iter().filter(|prompt| prompt.task == "broken") {
        let words = prompt.text.strip_prefix("Say: ").unwrap();
        let known = words.find("mat").unwrap_or(99).min(words.find("rug").unwrap_or(99));
        assert_eq!(
            prompt.expected.as_deref(),
            Some(&*format!("A: {}", &words[..known]).trim_end().to_owned())
        );
        let wrong = words.matches("mat").count() + words.matches("rug").count();
        assert_eq!(wrong, 2, "{words}");
        assert_eq!(prompt.length.as_ref().unwrap().split(' ').count(), 6, "as long as the whole answer");
    }
}

#[test]
fn what_is_asked_for_after_the_answer_is_counted_and_not_checked() {
    let drawn = Suite::parse(SPOILT).unwrap().draw(1);
    let prompt = drawn.iter().find(|prompt| prompt.task == "then").unwrap();
    let (expected, length) = (prompt.expected.as_ref().unwrap(), prompt.length.as_ref().unwrap());
    assert!(length.starts_with(expected.as_str()) && length.len() > expected.len() + 4, "{length}");
    assert!(prompt.checks[0].passes(expected));
}

#[test]
fn the_climb_asks_mostly_for_what_its_templates_do_not_determine() {
    for seed in 0..20 {
        let (mut determined, mut asked) = (0, 0);
        for prompt in climb().draw(seed) {
            // In letters, since this crate knows no tokens; stories are asked for by tokens, of about 4 letters.
            let length = prompt.length.map_or(4 * prompt.max_new.unwrap_or(0) as usize, |text| text.len());
            asked += length;
            determined += prompt.expected.map_or(0, |text| text.len());
        }
        assert!(2 * determined < asked, "seed {seed}: {determined} of {asked} letters");
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
    refused("prompt = \"x\\n\"\nmax_new = 1\nthen = \"y\"\n", "`then` goes on from an answer");
    let broken = |with: &str| {
        format!("prompt = \"x\\n\"\nanswer = \"y\"\nbroken = {{ words = 1, from = \"{with}\" }}\n")
    };
    refused(&broken("nouns"), "words are replaced by others of `nouns`");
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
            None => assert!(prompt.family == "prose" || prompt.task.ends_with("-odd"), "{}", prompt.task),
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
    match prompt.task.trim_end_matches("-odd").trim_end_matches("-few") {
        "places" | "recall-long" | "places-long" if prompt.task.ends_with("-odd") => {
            looked_up_while_told(body, prompt)
        }
        "recall" if prompt.task.ends_with("-odd") => {
            let (known, _) = body.rsplit_once(", ").unwrap();
            format!("A: {}", look_up(known))
        }
        "copy" | "copy-long" if prompt.task.ends_with("-odd") => copied_until_a_place(body),
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

/// What is determined of a list in which words were replaced: no more than what the list as it stands gives.
fn looked_up_while_told(body: &str, prompt: &Prompt) -> String {
    let told = body.split(".\n").next().unwrap();
    let expected = prompt.expected.clone().unwrap();
    for pair in expected.trim_start_matches("A:").split(", ").filter(|pair| pair.trim().contains(' ')) {
        assert!(told.contains(pair.trim().trim_end_matches([',', '.'])), "{pair} of {}", prompt.text);
    }
    expected
}

/// The words up to the first of another kind.
fn copied_until_a_place(body: &str) -> String {
    let kinds: toml::Table = CLIMB.parse().unwrap();
    let places: Vec<&str> =
        kinds["words"]["places"].as_array().unwrap().iter().filter_map(|word| word.as_str()).collect();
    let words = body.split(".\n").next().unwrap().split_whitespace();
    let words: Vec<&str> = words.take_while(|word| !places.contains(word)).collect();
    if words.is_empty() { "A:".into() } else { format!("A: {}", words.join(" ")) }
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
