//! `piton watch`: the run in the terminal, as it goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::args::Which;
use super::{frames, note, stop};
use piton_climb::follow::{self, Change, RunFollower};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::report::tui::{Key, KeyAction, Panel};
use piton_system::clock;
use piton_system::git::Repo;
use piton_system::host;
use piton_system::process::EndRequests;
use piton_system::terminal;

/// How often it is looked whether anything is new.
const EVERY: Duration = Duration::from_millis(100);

const WHAT: &str = "nothing is drawn";

/// Draws until it is told to end.
///
/// # Errors
/// No terminal, no repository, a run that is not there.
pub(super) fn run(dir: &Path, wanted: Option<String>) -> Result<u8> {
    if !terminal::answers_a_terminal() {
        return Err(Error::refused(WHAT)
            .cause("standard output is no terminal")
            .hint("piton status --plot prints the staircase once; piton log prints the trials"));
    }
    let asked = EndRequests::install()?;
    let mut follower = RunFollower::new(Repo::open(dir)?, wanted.clone());
    follower.refresh();
    follow::require_named_run(&follower)?;
    // A measurement may be going on.
    host::lower_priority();
    let screen = Screen::take()?;
    let ended = follow(dir, wanted.as_deref(), &mut follower, screen, &asked);
    ended.map(|()| exit::DONE)
}

/// The terminal, which is given back as it was however this ends; a panic gives it back before it is told.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> Result<Self> {
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore()).context(WHAT)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn follow(
    dir: &Path,
    wanted: Option<&str>,
    follower: &mut RunFollower,
    mut screen: Screen,
    asked: &EndRequests,
) -> Result<()> {
    let (mut panel, diffs, mut drawn) = (Panel::default(), BTreeMap::new(), None);
    let mut anew = true;
    while !asked.interrupted() && !asked.asked_to_end() {
        anew |= follower.refresh() > Change::Nothing;
        let now = clock::unix();
        // While something is at work its time goes on.
        if anew || (follower.live().now.is_some() && drawn != Some(now)) {
            let view = follower.followed().map(|followed| frames::of(followed, &diffs));
            let nothing = follow::no_run_text(wanted, follower.live().now.as_ref());
            screen
                .0
                .draw(|frame| panel.draw(frame, view.as_ref(), follower.live(), &nothing, now))
                .context("the terminal cannot be drawn on any longer")?;
            (anew, drawn) = (false, Some(now));
        }
        let Some(key) = pressed(&mut anew)? else { continue };
        anew = true;
        let run = follower.followed().map(|followed| followed.run.name.clone());
        let done = match panel.press(key) {
            None => continue,
            Some(KeyAction::Quit) => return Ok(()),
            Some(KeyAction::Stop) => {
                stop::ask(&follower.repo().state_dir(), false, run.as_deref()).map(|done| done.words)
            }
            Some(KeyAction::Note(text)) => {
                note::keep(dir, &text, None, &Which { run, json: false }).map(|note| note::kept(&note))
            }
        };
        panel.say(&done.unwrap_or_else(|error| error.to_string()));
    }
    Ok(())
}

/// Waits a little for a key. `anew` is set where the terminal has another size.
fn pressed(anew: &mut bool) -> Result<Option<Key>> {
    let what = "no key can be read any longer";
    match event::poll(EVERY) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        // A signal came.
        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => return Ok(None),
        Err(e) => return Err(Error::new(what).cause(e)),
    }
    Ok(match event::read().context(what)? {
        Event::Key(key) if key.kind != KeyEventKind::Release => meant(key),
        Event::Resize(..) => {
            *anew = true;
            None
        }
        _ => None,
    })
}

fn meant(key: KeyEvent) -> Option<Key> {
    match key.code {
        KeyCode::Char('c' | 'd') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Interrupt),
        KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => None,
        KeyCode::Char(c) => Some(Key::Character(c)),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Escape),
        KeyCode::Backspace => Some(Key::Back),
        _ => None,
    }
}
