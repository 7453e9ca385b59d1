//! The Test Anything Protocol, with subtests as `node --test` and others nest them.

use std::sync::LazyLock;

use regex::Regex;

use super::{NamedTest, TestEnd, TestReport, lines};

static TEST: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^( *)(not )?ok\b(?: +\d+)?(?: +-)? *(.*)$").expect("a pattern of piton's own")
});
static PLAN: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^1\.\.(\d+)").expect("a pattern of piton's own"));
static DIRECTIVE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)(?:^|[^\\])# *(todo|skip)\b.*$").expect("a pattern of piton's own"));
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r" +# *time=[0-9.]+(?:ms|s)?(?: *$|( +#))").expect("a pattern of piton's own")
});
static SAID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\s+(?:error|message): *(.*)$").expect("a pattern of piton's own"));

/// Spaces by which a subtest is set in.
const STEP: usize = 4;

/// Reads a stream. A plan at the top that more or fewer tests follow is told.
pub(super) fn read(text: &str) -> Result<TestReport, String> {
    let lines: Vec<_> = lines(text).collect();
    let (mut tests, mut above): (Vec<NamedTest>, Vec<String>) = (vec![], vec![]);
    let (mut plan, mut at_top, mut broken) = (None, 0, None);
    // Some runners name a group of tests by a comment above them alone.
    let mut comment = "";
    for (at, line) in lines.iter().enumerate() {
        let depth = (line.len() - line.trim_start_matches(' ').len()) / STEP;
        if let Some(name) = line.trim_start().strip_prefix("# Subtest: ") {
            above.truncate(depth);
            above.push(name.to_owned());
        } else if let Some(text) = line.strip_prefix("# ") {
            comment = text;
        } else if let Some(out) = line.strip_prefix("Bail out!") {
            broken = Some(format!("it bailed out: {}", out.trim()));
        } else if let Some(said) = PLAN.captures(line) {
            plan = said[1].parse::<usize>().ok();
        } else if let Some(test) = TEST.captures(line).filter(|test| test[1].len().is_multiple_of(STEP)) {
            // What it took is no part of a name: it is another time at each run.
            let described = TIME.replace(&test[3], "$1");
            let directive = DIRECTIVE.captures(&described).map(|found| found[1].to_lowercase());
            let own = match DIRECTIVE.find(&described) {
                Some(found) => described
                    [..found.start() + usize::from(!described[found.start()..].starts_with('#'))]
                    .trim_end(),
                None => described.trim_end(),
            };
            at_top += usize::from(depth == 0);
            let mut name: Vec<&str> = above.iter().take(depth).map(String::as_str).collect();
            name.push(own);
            let end = match (directive.as_deref(), test.get(2)) {
                (Some("skip"), _) => TestEnd::Skipped,
                (Some(_), _) | (None, None) => TestEnd::Passed,
                (None, Some(_)) => TestEnd::Failed(match (why(&lines[at + 1..]), comment) {
                    (why, _) if !why.is_empty() => why,
                    (_, "") => String::new(),
                    (_, comment) => format!("below \"{comment}\""),
                }),
            };
            tests.push(NamedTest { name: name.join(" > "), end });
        }
    }
    if tests.is_empty() && plan.is_none() && broken.is_none() {
        return Err("it has no line `ok` or `not ok` of the Test Anything Protocol".to_owned());
    }
    let unlike = plan.filter(|plan| *plan != at_top);
    let broken = broken.or(unlike.map(|plan| format!("its plan is {plan}, and {at_top} came")));
    Ok(TestReport { broken, ..TestReport::of(tests) })
}

/// The error in the block behind a failed test, or in the comments there.
fn why(lines: &[std::borrow::Cow<'_, str>]) -> String {
    let mut own = lines.iter().take_while(|line| !TEST.is_match(line)).take(40).peekable();
    if own.peek().is_some_and(|line| line.trim_start().starts_with('#')) {
        return own.next().map_or_else(String::new, |line| line.trim_start_matches([' ', '#']).to_owned());
    }
    while let Some(line) = own.next() {
        if line.trim() == "..." {
            break;
        }
        if let Some(said) = SAID.captures(line) {
            // What it consists of follows, its message among it.
            if said[1].trim().is_empty() {
                continue;
            }
            let block = matches!(said[1].trim(), "|" | "|-" | ">" | ">-");
            return match block {
                true => own.next().map_or_else(String::new, |line| line.trim().to_owned()),
                false => said[1].trim().trim_matches(['\'', '"']).to_owned(),
            };
        }
    }
    String::new()
}
