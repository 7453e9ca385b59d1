//! A query on an SQLite database: steps of its virtual machine, which no load of the machine changes.

use super::{CheckDraft, Draft, Facts, Figure, Trust, words};

/// Drafts for the queries beside a database, or beside scripts that make one.
pub(super) fn drafts(facts: &Facts) -> Vec<Draft> {
    let (makers, queries): (Vec<&String>, Vec<&String>) =
        facts.files.keys().filter(|path| path.ends_with(".sql")).partition(|path| makes(facts.text(path)));
    let Some(data) = data(facts, makers) else { return vec![] };
    queries.into_iter().map(|query| draft(facts, query, &data)).collect()
}

/// Whether a script makes or fills tables, as far as it says.
fn makes(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["create table", "insert into", "create virtual table"].iter().any(|word| text.contains(word))
}

/// What the queries are asked of.
struct Data {
    /// The database, or the scripts, for people.
    name: String,
    /// Words for sqlite3, in `sh`, before those of a query.
    words: String,
}

/// The database that is committed; else one in memory, made by the scripts: the tables before what fills them.
fn data(facts: &Facts, mut makers: Vec<&String>) -> Option<Data> {
    let database =
        facts.files.keys().find(|path| [".sqlite", ".sqlite3", ".db"].iter().any(|end| path.ends_with(end)));
    if let Some(database) = database {
        return Some(Data { name: database.clone(), words: format!("-readonly \"$2/{database}\"") });
    }
    let table = |path: &&String| facts.text(path).to_ascii_lowercase().contains("create table");
    makers.sort_by_key(|path| (!table(path), (*path).clone()));
    makers.iter().any(table).then(|| {
        let read = |path: &&String| format!(" \".read '$2/{path}'\"");
        let name = makers.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(" and ");
        Data {
            name: format!("what {name} makes"),
            words: format!(":memory:{}", makers.iter().map(read).collect::<String>()),
        }
    })
}

fn draft(facts: &Facts, query: &str, data: &Data) -> Draft {
    let name = query.rsplit('/').next().unwrap_or(query).trim_end_matches(".sql");
    let mut draft = Draft::new(name, format!("the query {query} on {}", data.name), vec![query.to_owned()]);
    // sqlite3 obeys lines that begin with a dot: one of those could turn the count off. It tells the steps of each statement.
    let script = format!(
        "if grep -q '^\\.' \"$1/{query}\"; then\n  echo \"error: {query} holds a line that begins with a dot: only SQL is measured\" >&2\n  exit 1\nfi\n\
         said=$(sqlite3 -batch -bail {} '.stats vmstep' \".read '$1/{query}'\") || exit\n\
         printf '%s\\n' \"$said\" | awk '/^VM-steps: [0-9]+$/ {{ sum += $2; told = 1 }} END {{ if (told) print \"vm_steps: \" sum }}'",
        data.words
    );
    draft.script = Some(script);
    draft.measure = words(&["sh", "{sealed}/measure.sh", "{tree}", "{sealed}"]);
    draft.figure = Figure::Printed {
        name: "vm_steps".to_owned(),
        direction: "lower",
        reading: "format = \"lines\"\n".to_owned(),
    };
    draft.trust = Trust::Meter;
    let line = format!("exec sqlite3 -batch -bail {} \".read '$1/{query}'\"", data.words);
    draft.checks = vec![CheckDraft {
        name: "same answer".to_owned(),
        command: words(&["sh", "-c", &line, "sh", "{tree}", "{sealed}"]),
        format: "exit",
        more: "golden = \"baseline\"\n".to_owned(),
        ..CheckDraft::default()
    }];
    if !facts.programs.contains("sqlite3") {
        draft.needs.push("install sqlite3: it is not in PATH".to_owned());
    }
    draft
}
