//! Where an agent keeps its settings and logins, and by what it is pointed to a private directory instead: `[home]` of an adapter.
//!
//! A user's adapter may name what the known ones name, and no more: places below the home directory, and plain names there.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;

use super::kind::AgentKind;
use piton_system::config;

/// Agents that are no adapter, since `climb` does not drive them: `guard` gives them private settings.
const GUARDED: [&str; 3] = [
    include_str!("../agents/guarded/qwen.toml"),
    include_str!("../agents/guarded/copilot.toml"),
    include_str!("../agents/guarded/cursor-agent.toml"),
];

/// `[home]`: an agent's private directory, made of its user's settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateHome {
    /// Variables that point the agent to its private directory, and where below it.
    pub env: BTreeMap<String, String>,
    /// Directories that it wants to find there.
    #[serde(default)]
    pub dirs: Vec<String>,
    /// `[[home.settings]]`: where its settings and logins lie.
    #[serde(default)]
    pub settings: Vec<SettingsDir>,
    /// `[[home.links]]`: what else it finds there, of its user's.
    #[serde(default)]
    pub links: Vec<LinkedDir>,
}

/// A directory of settings.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsDir {
    /// Where the user has it: `~`, or a path that begins with `~/`.
    pub user: String,
    /// A variable by which the user moves it, perhaps with a path below that: `$NAME`, `$NAME/path`.
    pub moved: Option<String>,
    /// Where it is in the private directory.
    pub own: String,
    /// Names of files and directories that are copied there anew before each call: what the agent writes into them reaches nobody.
    #[serde(default)]
    pub copied: Vec<String>,
    /// Logins that are lent: copied, and of what the agent made of them only fresh tokens are brought back.
    #[serde(default)]
    pub lent: Vec<String>,
}

/// A directory of the user's whose entries are shown as links, which cannot be written through.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkedDir {
    /// Which: `~`, or a path that begins with `~/`.
    pub user: String,
    /// Where the links are in the private directory.
    pub own: String,
    /// Names that are left out, since the agent has its own.
    #[serde(default)]
    pub except: Vec<String>,
}

/// Variables that move the places which begin so.
pub const BASES: [(&str, &str); 4] = [
    ("XDG_CONFIG_HOME", ".config"),
    ("XDG_DATA_HOME", ".local/share"),
    ("XDG_STATE_HOME", ".local/state"),
    ("XDG_CACHE_HOME", ".cache"),
];

/// What is known of a program that is no adapter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Guarded {
    program: String,
    home: PrivateHome,
}

/// That of an agent which piton knows, by the name of its program.
pub fn of(program: &str) -> Option<PrivateHome> {
    let mut guarded = GUARDED.iter().filter_map(|text| config::toml_as::<Guarded>(text).ok());
    AgentKind::all_known()
        .filter(|kind| kind.command[0] == program)
        .find_map(|kind| kind.home)
        .or_else(|| guarded.find(|guarded| guarded.program == program).map(|guarded| guarded.home))
}

impl PrivateHome {
    /// Refuses what would lead out of the home directory or out of the private one, or would change more than the agent's settings.
    ///
    /// # Errors
    /// The key, and what is wrong with it.
    pub fn check(&self) -> Result<(), String> {
        if self.env.is_empty() {
            return Err(
                "home.env is empty: nothing would point the agent to its private directory".to_owned()
            );
        }
        for (name, below) in &self.env {
            if !is_variable(name) || is_reserved(name) {
                return Err(format!("home.env: {name} is no variable that an adapter may set"));
            }
            own(&format!("home.env.{name}"), below)?;
        }
        for dir in &self.dirs {
            own("home.dirs", dir)?;
        }
        for place in &self.settings {
            user("home.settings.user", &place.user)?;
            own("home.settings.own", &place.own)?;
            if let Some(moved) = &place.moved {
                let (name, below) = variable_path(moved);
                if !name.is_some_and(|name| is_variable(name) && !is_reserved(name))
                    || !below.is_empty() && !is_below(below)
                {
                    return Err(format!(
                        "home.settings.moved: {moved} is neither `$NAME` nor `$NAME/path`, without `..`"
                    ));
                }
            }
            for name in &place.copied {
                is_name("home.settings.copied", name)?;
            }
            for path in &place.lent {
                own("home.settings.lent", path)?;
            }
        }
        for place in &self.links {
            user("home.links.user", &place.user)?;
            own("home.links.own", &place.own)?;
            for name in &place.except {
                is_name("home.links.except", name)?;
            }
        }
        Ok(())
    }
}

/// The path of a place in the home directory, from there.
pub fn below_home(place: &str) -> &str {
    place.strip_prefix("~/").unwrap_or_default()
}

/// The variable of `$NAME/path`, and the path.
pub fn variable_path(text: &str) -> (Option<&str>, &str) {
    let (first, below) = text.split_once('/').unwrap_or((text, ""));
    (first.strip_prefix('$'), below)
}

fn user(key: &str, place: &str) -> Result<(), String> {
    match place == "~" || place.strip_prefix("~/").is_some_and(is_below) {
        true => Ok(()),
        false => {
            Err(format!("{key}: {place} does not lie in the home directory: `~`, or `~/path` without `..`"))
        }
    }
}

fn own(key: &str, path: &str) -> Result<(), String> {
    match is_below(path) {
        true => Ok(()),
        false => {
            Err(format!("{key}: `{path}` is no path below the directory: neither absolute, nor with `..`"))
        }
    }
}

fn is_name(key: &str, name: &str) -> Result<(), String> {
    match is_below(name) && !name.contains('/') {
        true => Ok(()),
        false => Err(format!("{key}: `{name}` is no plain name")),
    }
}

/// Whether this is a path of plain names alone.
pub fn is_below(path: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains('\0') && Path::new(path).components().all(plain)
}

fn is_variable(name: &str) -> bool {
    let fit = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && name.chars().all(fit) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// What piton itself tells an agent, and what decides which code a program runs: in a private directory an agent could have written it.
fn is_reserved(name: &str) -> bool {
    ["PITON_", "LD_", "CARGO_", "RUST"].iter().any(|prefix| name.starts_with(prefix))
        || ["PATH", "PWD", "TMPDIR", "TMP", "ENV", "BASH_ENV", "GCONV_PATH", "LOCPATH"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_agent_that_piton_starts_by_name_has_a_private_place_and_points_there() {
        for AgentKind { name, .. } in AgentKind::all_known() {
            let home = of(&name).unwrap_or_else(|| panic!("{name}"));
            for below in home.env.values() {
                assert!(home.dirs.iter().any(|made| made.starts_with(below)), "{name}: {below}");
            }
        }
    }

    #[test]
    fn every_agent_that_only_guard_knows_can_be_read_and_keeps_to_the_same_bounds() {
        for text in GUARDED {
            let guarded: Guarded = config::toml_as(text).unwrap();
            assert_eq!(guarded.home.check(), Ok(()), "{}", guarded.program);
            assert_eq!(of(&guarded.program), Some(guarded.home));
        }
    }

    #[test]
    fn a_home_that_leads_elsewhere_is_refused_with_its_key() {
        let good = "env = { MY_HOME = \"mine\" }\n";
        let settings = "[[settings]]\nuser = \"~/.mine\"\nown = \"mine\"\n";
        let check = |text: &str| config::toml_as::<PrivateHome>(text).unwrap().check();
        assert_eq!(check(&format!("{good}{settings}copied = [\"a\"]\nlent = [\"b/c\"]")), Ok(()));
        let refused = [
            ("env = {}".to_owned(), "home.env"),
            ("env = { LD_PRELOAD = \"x.so\" }".to_owned(), "LD_PRELOAD"),
            ("env = { PITON_SOCKET = \"s\" }".to_owned(), "PITON_SOCKET"),
            ("env = { PATH = \"bin\" }".to_owned(), "PATH"),
            ("env = { MY_HOME = \"../..\" }".to_owned(), "home.env.MY_HOME"),
            (format!("{good}dirs = [\"/etc\"]"), "home.dirs"),
            (format!("{good}{}", settings.replace("~/.mine", "/etc")), "home.settings.user"),
            (format!("{good}{}", settings.replace("~/.mine", "~/../other")), "home.settings.user"),
            (format!("{good}{}", settings.replace("\"mine\"", "\"../mine\"")), "home.settings.own"),
            (format!("{good}{settings}moved = \"/etc\""), "home.settings.moved"),
            (format!("{good}{settings}moved = \"$A/../b\""), "home.settings.moved"),
            (format!("{good}{settings}moved = \"$PWD\""), "home.settings.moved"),
            (format!("{good}{settings}copied = [\"a/b\"]"), "home.settings.copied"),
            (format!("{good}{settings}copied = [\"..\"]"), "home.settings.copied"),
            (format!("{good}{settings}lent = [\"../../.bashrc\"]"), "home.settings.lent"),
            (format!("{good}[[links]]\nuser = \"/\"\nown = \"root\""), "home.links.user"),
        ];
        for (text, key) in refused {
            let why = check(&text).unwrap_err();
            assert!(why.contains(key), "{text}: {why}");
        }
    }
}
