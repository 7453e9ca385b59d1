//! The command as `[measure]` would run it: behind the walls, in a copy of its directory, by the piton.toml that is proposed.

use std::fs;
use std::path::{Path, PathBuf};

use piton_climb::context::World;
use piton_climb::status_file::StatusFile;
use piton_core::base::error::{Context, Error, Result};
use piton_core::base::level::Level;
use piton_core::base::metric::OwnMeter;
use piton_core::rule::settings::Preset;
use piton_core::run::quick::{self, Seen, Walled};
use piton_core::trial::denied::{self, Denied};
use piton_system::beneath;
use piton_system::config::{self, Config};
use piton_system::git::Excerpt;
use piton_system::process::Runner;
use piton_system::sandbox::Walls;
use piton_system::state_home::Place;
use piton_system::terminal::Progress;

use super::WHAT;
use crate::try_once::{Sample, Tried};

/// How often the walls are opened further before piton gives up.
const TRIES: usize = 5;
/// What stands for what is edited where nothing is known of it, so that there is something.
const NOTHING: (&str, &str) = ("src/nothing", "");

pub(super) struct Trial<'a> {
    pub excerpt: &'a Excerpt,
    pub dir: &'a Path,
    pub runner: &'a Runner,
    pub own: &'a Path,
}

/// What is said of walls that were not tried.
pub(super) fn untried(dir: &Path, command: &[String], why: &Error) -> Walled {
    let why = why.cause.clone().unwrap_or_else(|| why.what.clone());
    Walled { command: words(dir, command), untried: Some(why), ..Walled::default() }
}

/// The words of `[measure] command`: a path into the directory is one into the side's tree.
fn words(dir: &Path, command: &[String]) -> Vec<String> {
    let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let moved = |(at, word): (usize, &String)| {
        let below = [dir, &real].into_iter().find_map(|dir| Path::new(word).strip_prefix(dir).ok());
        let relative = word.strip_prefix("./").unwrap_or(word);
        match below {
            Some(below) if below == Path::new("") => "{tree}".to_owned(),
            Some(below) => format!("{{tree}}/{}", below.display()),
            // A program is looked for before the walls stand, from where piton stands.
            None if at == 0 && word.contains('/') && !word.starts_with('/') => format!("{{tree}}/{relative}"),
            None => word.clone(),
        }
    };
    command.iter().enumerate().map(moved).collect()
}

impl Trial<'_> {
    /// Runs it, and opens what it is refused until it works or nothing more can be opened.
    ///
    /// # Errors
    /// When piton itself fails.
    pub fn walled(&self, seen: &Seen) -> Result<Walled> {
        let mut walled = Walled { command: words(self.dir, &seen.command), ..Walled::default() };
        let state = self.own.join("state");
        fs::create_dir_all(state.join("logs")).context(WHAT)?;
        let place = Place::of(&state);
        let done = self.tries(seen, &mut walled, &state, &place);
        if let Some(made) = place.known() {
            let _ = beneath::remove_at(&made);
        }
        if let Err(error) = done {
            walled.untried = Some(error.cause.unwrap_or(error.what));
        }
        Ok(walled)
    }

    fn tries(&self, seen: &Seen, walled: &mut Walled, state: &Path, place: &Place) -> Result<()> {
        // What attacks on the walls showed is remembered beside all places.
        let remembered: PathBuf = place.at()?.parent().unwrap_or(state).to_owned();
        let walls = Walls::probe(&remembered, self.dir, Level::None)?.recording_refusals();
        let mut refused: Vec<Denied> = vec![];
        for _ in 0..TRIES {
            let proposed = Seen { walled: walled.clone(), ..seen.clone() };
            let text = quick::experiment(&proposed, OwnMeter::CpuS, Preset::Standard);
            let mut config = Config::parse_new(&text)?;
            let repo = self.excerpt.commit(&[(config::FILE, &text), NOTHING])?;
            config = config.rooted(repo.within().unwrap_or_default());
            let commit = repo.head()?.commit;
            let world = World {
                repo,
                runner: self.runner.clone(),
                progress: Progress::new(),
                status_file: StatusFile::new(state.to_owned()),
                walls: walls.clone(),
                place: Place::of(state),
            };
            let tried = Tried { world: &world, config: &config, dir: state, place };
            let ended = tried.measured(commit)?;
            world.progress.idle();
            let before = denied::opening(&refused);
            for (_, one) in walls.refused() {
                if !refused.contains(&one) {
                    refused.push(one);
                }
            }
            walled.refused = refused.iter().map(sentence).collect();
            match ended {
                Ok(Sample { values, seconds, .. }) => {
                    let own = values.get(OwnMeter::WallS.word()).copied().unwrap_or(0.0);
                    walled.beside_s = (seconds - own * f64::from(seen.repeat)).max(0.0);
                    walled.failed = None;
                    return Ok(());
                }
                Err(why) => walled.failed = Some(why),
            }
            let opens = denied::opening(&refused);
            if opens == before || self.runner.interrupted() {
                return Ok(());
            }
            walled.opens = opens;
        }
        Ok(())
    }
}

fn sentence(denied: &Denied) -> String {
    let opens = denied::opening(std::slice::from_ref(denied)).pop();
    let opens = opens.map_or_else(String::new, |line| format!(": {line}"));
    let note = denied.note.as_ref().map_or_else(String::new, |note| format!(" ({note})"));
    format!("it may not {}{opens}{note}", denied.what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_into_the_directory_is_one_into_the_sides_tree() {
        let of = |words: &[&str]| {
            let command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            super::words(Path::new("/no/such/dir"), &command)
        };
        assert_eq!(of(&["./run.sh", "data/x"]), ["{tree}/run.sh", "data/x"]);
        assert_eq!(of(&["bin/run"]), ["{tree}/bin/run"]);
        assert_eq!(
            of(&["/usr/bin/python3", "/no/such/dir/bench.py", "/no/such/dir", "/no/such/dirs"]),
            ["/usr/bin/python3", "{tree}/bench.py", "{tree}", "/no/such/dirs"]
        );
        assert_eq!(of(&["python3", "bench.py"]), ["python3", "bench.py"]);
    }
}
