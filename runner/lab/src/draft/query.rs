//! A query on an SQLite database: steps of its virtual machine, which no load of the machine changes.

use super::{CheckDraft, Draft, Facts, Figure, Trust, words};

/// Drafts for queries beside a database.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let database =
        facts.files.keys().find(|path| [".sqlite", ".sqlite3", ".db"].iter().any(|end| path.ends_with(end)));
    let Some(database) = database else { return vec![] };
    let queries = facts.files.keys().filter(|path| path.ends_with(".sql"));
    let draft = |query: &String| {
        let name = query.rsplit('/').next().unwrap_or(query).trim_end_matches(".sql");
        let mut draft = Draft::new(name, format!("the query {query} on {database}"), vec![query.clone()]);
        let run = |more: &[&str]| {
            let mut command = words(&["sqlite3", "-batch", "-readonly", &format!("{{sealed}}/{database}")]);
            command.extend(words(more));
            command
        };
        draft.measure = run(&[".stats vmstep", &format!(".read {{tree}}/{query}")]);
        draft.figure = Figure::Printed {
            name: "vm_steps".to_owned(),
            direction: "lower",
            reading: "format = \"regex\"\npatterns = { vm_steps = 'VM-steps: ([0-9]+)' }\nlast = true\n"
                .to_owned(),
        };
        draft.trust = Trust::Printed;
        draft.checks = vec![CheckDraft {
            name: "same answer".to_owned(),
            command: run(&[&format!(".read {{tree}}/{query}")]),
            format: "exit",
            more: "golden = \"baseline\"\n".to_owned(),
            ..CheckDraft::default()
        }];
        if !facts.programs.contains("sqlite3") {
            draft.needs.push("install sqlite3: it is not in PATH".to_owned());
        }
        draft
    };
    queries.map(draft).collect()
}
