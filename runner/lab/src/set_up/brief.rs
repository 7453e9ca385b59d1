//! What an agent is told that is to complete an experiment: what was found, what the files are, what the try printed, what it did wrong.

use std::collections::BTreeSet;

use super::room::{AT, KEYS};
use super::{ROUNDS, Round, SetUp};
use crate::doctor::Attempt;
use piton_core::trial::text::clean;

/// Most files of the project that are named.
const FILES: usize = 300;
/// Most lines of the end of what failed.
const TAIL: usize = 40;

/// What a known agent is told. All else stands in the brief.
pub(super) fn prompt(names: &[&str]) -> String {
    format!(
        "You set up an unattended experiment for the project in this directory. A runner reads your files, tries them and tells you what was wrong.\n\
         Nobody reads along: never ask, never wait for an answer, decide yourself.\n\n\
         1. Read the brief in .piton/brief.md. Look into the project for what it leaves open.\n\
         2. Edit {} in {AT}, and nothing else: no source, no test. Nothing else can be written.\n\
         3. Stop. Do not commit, do not install anything, do not start piton.\n",
        names.join(", ")
    )
}

/// The brief.
pub(super) fn brief(of: &SetUp, tried: Option<&Attempt>, rounds: &[Round]) -> String {
    let facts = of.facts;
    let mut text = format!(
        "# The experiment to set up\n\n\
         piton lets a coding agent climb a metric of a project: it edits, piton builds, checks and measures, and keeps what holds. You say what\n\
         is measured, what checks it, and what may be edited: `{AT}/piton.toml`, with `measure.sh` where one line is not enough, and `program.md`\n\
         for the agent that climbs. They will lie in this directory. You may write: {}.\n\n\
         Every key is in `{KEYS}`, with what it means. What lies there is what you begin with.\n\n\
         ## What must hold\n\n\
         - `[measure]` measures what users of the project would want faster, smaller or better, on work that it does anyway: a benchmark that is there is best.\n\
         - `[[check]]` runs the project's tests, or holds an output (`golden = \"baseline\"`): an edit that breaks the program must not be measured.\n\
         - `[scope] editable` is the code that decides the metric. Tests, benchmarks, their data, build manifests and `measure.sh` are not in it; keep \"@default\" in `locked`.\n\
         - Commands are lists of words without a shell. They run behind walls, without a network, in trees that hold what is committed: `{{tree}}` is the\n\
           edited one, `{{sealed}}` the one that nobody edits, where `measure.sh` lies. What git ignores is not there; `from_checkout` links it.\n\
         - A sample that takes 1 to 20 s is best. Nothing is downloaded while it is measured: `[build] fetch` may use the network once.\n\
         - `[rule]`, `[machine]`, `[[gate]]` and `write` are for a person: leave them.\n\
         - piton tries the files twice: as the project is, where they must measure, and with every editable file emptied, where they must fail.\n",
        of.names.join(", ")
    );
    if let Some(say) = of.say {
        text.push_str(&format!("\n## What the user wants\n\n{}\n", clean(say, 4000)));
    }
    text.push_str("\n## What was found\n\n");
    let first = match of.standing {
        true => "An experiment is there already, and you are to mend it. What piton would draft by itself:",
        false => "The first of these is what the draft measures:",
    };
    text.push_str(&format!("It lies in `{}`. {first}\n", clean(&facts.at, 400)));
    for draft in of.candidates.iter().take(20) {
        text.push_str(&format!("- {}: {}\n", clean(&draft.bench, 100), clean(&draft.kind, 200)));
        draft.needs.iter().for_each(|need| text.push_str(&format!("  - it lacks: {}\n", clean(need, 400))));
    }
    let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
    text.push_str(&format!("\nInstalled: {}.", list(&facts.programs)));
    if !facts.ignored.is_empty() {
        text.push_str(&format!(" In the checkout, and in no commit: {}.", list(&facts.ignored)));
    }
    text.push_str("\n\nFiles that are committed:\n");
    for path in facts.files.keys().take(FILES) {
        text.push_str(&format!("    {}\n", clean(path, 160)));
    }
    if facts.files.len() > FILES {
        text.push_str(&format!("    and {} more\n", facts.files.len() - FILES));
    }
    match rounds.last() {
        None => {
            text.push_str("\n## What the draft came to\n\n");
            match tried {
                Some(tried) => text.push_str(&attempt(tried)),
                None => text.push_str("It was not tried: it is not complete.\n"),
            }
        }
        Some(last) => {
            text.push_str(&format!(
                "\n## What your files came to, round {} of {ROUNDS}\n\nThey are as you left them. They do not hold:\n",
                rounds.len()
            ));
            if let Some(call) = &last.call {
                text.push_str(&format!("- you: {}\n", clean(call, 400)));
            }
            last.refused.iter().for_each(|why| text.push_str(&format!("- {}\n", clean(why, 1000))));
            if let Some(tried) = &last.tried {
                text.push_str(&attempt(tried));
            }
        }
    }
    text
}

/// What a try came to. Words of others stand in lines of their own, as data.
fn attempt(tried: &Attempt) -> String {
    let mut text = String::new();
    match (&tried.failed, &tried.measured) {
        (Some(why), _) => {
            let section = tried.section.as_deref().unwrap_or("measure");
            text.push_str(&format!("- [{section}] failed: {}\n", clean(why, 1000)));
        }
        (None, Some(measured)) => text.push_str(&format!("- it measured {}\n", clean(measured, 400))),
        (None, None) => {}
    }
    if let Some(how) = &tried.install {
        text.push_str(&format!(
            "- something is not installed, and you may not install it: {}\n",
            clean(how, 200)
        ));
    }
    for refused in &tried.refused {
        let opens = refused.opens.as_ref().map_or_else(String::new, |line| {
            format!("; this line of [{}] opens it: {line}", refused.section)
        });
        text.push_str(&format!(
            "- its walls: [{}] may not {}{opens}\n",
            refused.section,
            clean(&refused.what, 300)
        ));
    }
    let lines: Vec<&str> = tried.tail.lines().collect();
    if tried.failed.is_some() && !lines.is_empty() {
        text.push_str("\nThe last lines that it printed (data):\n\n");
        lines[lines.len().saturating_sub(TAIL)..]
            .iter()
            .for_each(|line| text.push_str(&format!("    {}\n", clean(line, 300))));
    }
    text
}
