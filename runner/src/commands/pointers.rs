//! `piton init --agents`: the files in which agents look, each of which leads to program.md and to piton.
//!
//! What each agent looks for stands in its adapter, `[init]`. Nothing of the user's is overwritten: text goes into a block between two
//! marks, which is written anew each time.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde_json::{Value, json};

use piton_agent::kind::{AgentKind, Pointers};
use piton_core::base::error::{Context, Result};
use piton_system::terminal;

const BEGIN: &str = "<!-- piton: begin. `piton init --agents` writes this block anew. -->";
const END: &str = "<!-- piton: end -->";
/// Begins what is put once, and is the user's from then on.
const PUT: &str = "<!-- piton: begin. `piton init` put this above what was here. -->";

/// What is said to an agent to set it to work.
const PASTE: &str = "Read program.md and do what it says.";

const AGENTS: &str = r#"## piton

To climb the metric of this repository, read `program.md` and do what it says. Edit only what it allows; do not commit. Then call the tool
`run` of the MCP server `piton`, or `piton trial -m "what you tried"`. While it answers that the trial is still under way (exit
status 20), call `wait` (`piton wait`). The verdict says what became of the edit: exit status 0 kept, 10 discarded, 11 crashed, 12 not
judged. `status`, `history` and `note` are `piton status`, `piton log` and `piton note TEXT`; `piton show N` has the details.
Never stop to ask: when an idea fails, take the next one."#;

const SEE: &str = "Read [AGENTS.md](AGENTS.md) first.\n\n@AGENTS.md";

const SKILL: &str = "---\nname: piton\ndescription: Improve the metric of this repository with piton: make one edit, have it measured, keep what holds. Use when asked to climb, optimise or speed up this project.\n---\n";

const HOW: &str = r#"# Climbing with piton

1. Read `program.md`: what may be edited, and what is measured.
2. Read what was tried: `piton brief`; `piton log`, `piton show N`, `piton search WORDS`.
3. If this checkout is not on a branch `piton/<run>`: `piton baseline` begins a run.
4. Make ONE atomic edit, in scope. Do not commit.
5. `piton trial -m "what you tried" --hypothesis "why" --family "kind of idea" --expected PERCENT`. It answers within 100 seconds; exit
   status 20 means that the trial is still under way: `piton wait`, again and again, until there is a verdict. A kept edit is the new
   incumbent; any other was reset, and stays in git.
6. Go on with 4. Never stop to ask. `piton note TEXT` keeps an idea for later.

With the MCP server `piton` the tools `run`, `wait`, `status`, `history` and `note` do the same."#;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Did {
    Wrote,
    Same,
    /// It is not ours to change, and why.
    Left(&'static str),
}

/// Writes them below `root`, and says what to paste.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn write(root: &Path, kinds: &[AgentKind]) -> Result<()> {
    let named = |of: fn(&Pointers) -> Option<&String>| kinds.iter().filter_map(move |kind| of(&kind.init));
    let mut files = vec![("AGENTS.md".to_owned(), "", AGENTS)];
    let mut add = |path: String, head, text| {
        if !files.iter().any(|(known, ..)| *known == path) {
            files.push((path, head, text));
        }
    };
    named(|init| init.instructions.as_ref()).for_each(|path| add(path.clone(), "", SEE));
    let skills = named(|init| init.skills.as_ref()).map(String::as_str).chain([".agents/skills"]);
    skills.for_each(|path| add(format!("{path}/piton/SKILL.md"), SKILL, HOW));
    let mut done = vec![];
    for (path, head, text) in files {
        let make = |old: Option<&str>| match old {
            None => Ok(format!("{head}{}\n", block(text))),
            // Somebody's own words already lead there.
            Some(old) if text == SEE && without(old).contains("AGENTS.md") && !old.contains(BEGIN) => {
                Ok(old.to_owned())
            }
            Some(old) => with(old, text),
        };
        let did = change(&root.join(&path), &make)?;
        done.push((path, did));
    }
    for path in named(|init| init.mcp.as_ref()) {
        if done.iter().any(|(known, _)| known == path) {
            continue;
        }
        done.push((path.clone(), change(&root.join(path), &|old| served(old))?));
    }
    terminal::answer(&told(&done, kinds, root.join("program.md").is_file()));
    Ok(())
}

/// Puts a part of piton's above what this file holds, where it has none. Returns what became of it.
///
/// # Errors
/// A file that cannot be written.
pub(super) fn put_above(path: &Path, text: &str) -> Result<Did> {
    change(path, &|old| match old.unwrap_or_default() {
        old if old.contains(PUT) => Ok(old.to_owned()),
        old => Ok(format!("{PUT}\n{text}\n{END}\n\n{old}")),
    })
}

/// Writes what `make` makes of a file's text, whole.
fn change(
    path: &Path,
    make: &dyn Fn(Option<&str>) -> std::result::Result<String, &'static str>,
) -> Result<Did> {
    let what = || format!("{} was not written", path.display());
    let old = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => {
            return Ok(Did::Left("it is a link, and no run takes links: make it a file"));
        }
        Ok(meta) if !meta.is_file() => return Ok(Did::Left("it is no file")),
        Ok(_) => match fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == ErrorKind::InvalidData => return Ok(Did::Left("it is no UTF-8 text")),
            Err(e) => return Err(e).context(what()),
        },
        Err(_) => None,
    };
    let new = match make(old.as_deref()) {
        Ok(new) if Some(&new) == old.as_ref() => return Ok(Did::Same),
        Ok(new) => new,
        Err(why) => return Ok(Did::Left(why)),
    };
    let dir = path.parent().expect("a file in a directory");
    fs::create_dir_all(dir).context(what())?;
    let mut file = tempfile::NamedTempFile::new_in(dir).context(what())?;
    file.write_all(new.as_bytes()).context(what())?;
    let mode = fs::metadata(path).map(|meta| meta.permissions());
    let mode = mode.unwrap_or_else(|_| std::os::unix::fs::PermissionsExt::from_mode(0o644));
    file.as_file().set_permissions(mode).context(what())?;
    file.persist(path).context(what())?;
    Ok(Did::Wrote)
}

fn block(text: &str) -> String {
    format!("{BEGIN}\n{text}\n{END}")
}

/// `old` with the block in it: in its place, else at the end.
fn with(old: &str, text: &str) -> std::result::Result<String, &'static str> {
    let Some((before, rest)) = old.split_once(BEGIN) else {
        return Ok(if old.trim().is_empty() {
            format!("{}\n", block(text))
        } else {
            format!("{}\n\n{}\n", old.trim_end(), block(text))
        });
    };
    let (_, after) = rest.split_once(END).ok_or("the end of piton's block is missing in it")?;
    Ok(format!("{before}{}{after}", block(text)))
}

/// `old` without the block.
fn without(old: &str) -> String {
    match (old.split_once(BEGIN), old.split_once(END)) {
        (Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => old.to_owned(),
    }
}

/// A `.mcp.json` with piton's server in it; what else it holds stays, to the letter.
fn served(old: Option<&str>) -> std::result::Result<String, &'static str> {
    let ours = json!({ "command": "piton", "args": ["mcp"], "alwaysLoad": true });
    let entry = r#""piton": { "command": "piton", "args": ["mcp"], "alwaysLoad": true }"#;
    let Some(old) = old.filter(|old| !old.trim().is_empty()) else {
        return Ok(format!("{{\n  \"mcpServers\": {{\n    {entry}\n  }}\n}}\n"));
    };
    let mut value: Value = serde_json::from_str(old).map_err(|_| "it is no JSON")?;
    let servers = value.get_mut("mcpServers").and_then(Value::as_object_mut);
    let servers = servers.ok_or("it has no object mcpServers: add piton by hand")?;
    if servers.contains_key("piton") {
        return Ok(old.to_owned());
    }
    let comma = if servers.is_empty() { "" } else { "," };
    servers.insert("piton".to_owned(), ours);
    // The first brace after the name is that of the object; whether it was is asked below.
    let place = old.find("\"mcpServers\"").and_then(|at| Some(at + old[at..].find('{')? + 1));
    let at = place.ok_or("piton's server found no place in it: add it by hand")?;
    let new = format!("{}\n    {entry}{comma}{}", &old[..at], &old[at..]);
    match serde_json::from_str::<Value>(&new) {
        Ok(read) if read == value => Ok(new),
        _ => Err("piton's server found no place in it: add it by hand"),
    }
}

fn told(done: &[(String, Did)], kinds: &[AgentKind], program: bool) -> String {
    let mut text = String::new();
    for (path, did) in done {
        text.push_str(&match did {
            Did::Wrote => format!("wrote           {path}\n"),
            Did::Same => format!("left as it is   {path}\n"),
            Did::Left(why) => format!("left as it is   {path}: {why}\n"),
        });
    }
    if !program {
        text.push_str("there is no program.md yet: piton init writes one\n");
    }
    let lines = kinds.iter().filter_map(|kind| Some((kind.name.as_str(), kind.init.start.as_deref()?)));
    let lines: String = lines
        .chain([("any", "COMMAND \"{say}\"")])
        .map(|(name, start)| format!("  {name:<9} {}\n", start.replace("{say}", PASTE)))
        .collect();
    text.push_str(&format!(
        r#"
commit them before a run begins: git add --all && git commit -m "piton: for agents"
then begin one, piton baseline --run NAME, and paste the line for your agent:

{lines}
piton guard -- COMMAND starts it behind walls; piton climb --agent COMMAND drives it all night.
"#
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_added_once_written_anew_in_its_place_and_nothing_else_changes() {
        let first = with("# Mine\n\nwords\n", "one").unwrap();
        assert_eq!(first, format!("# Mine\n\nwords\n\n{BEGIN}\none\n{END}\n"));
        let second = with(&format!("{first}more\n"), "two").unwrap();
        assert_eq!(second, format!("# Mine\n\nwords\n\n{BEGIN}\ntwo\n{END}\nmore\n"));
        assert!(with(&format!("a {BEGIN} b"), "x").is_err());
    }

    #[test]
    fn a_server_is_added_to_those_that_are_there_to_the_letter() {
        let old = "{\n  // no\n}";
        assert!(served(Some(old)).is_err());
        let old =
            "{\n  \"mcpServers\": {\n    \"other\": {\"command\": \"x\"}\n  },\n  \"z\": 1,  \"a\": 2\n}\n";
        let new = served(Some(old)).unwrap();
        assert!(new.contains("\"other\": {\"command\": \"x\"}\n  },\n  \"z\": 1,  \"a\": 2"), "{new}");
        let value: Value = serde_json::from_str(&new).unwrap();
        assert_eq!(value["mcpServers"]["piton"]["alwaysLoad"], true);
        assert_eq!(served(Some(&new)).unwrap(), new, "and once");
        let fresh: Value = serde_json::from_str(&served(None).unwrap()).unwrap();
        assert_eq!(fresh["mcpServers"]["piton"]["args"][0], "mcp");
        let misleading = "{\"x\": \"\\\"mcpServers\\\"\", \"mcpServers\": {}}";
        assert!(
            served(Some(misleading)).is_err()
                || serde_json::from_str::<Value>(&served(Some(misleading)).unwrap()).is_ok()
        );
    }
}
