//! The terminal's picture of a run that goes on, and what its keys mean: functions of what is seen, drawn into cells.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::html::View;
use crate::live_state::{self, Live, LiveTrial};
use crate::plot::{self, Glyph, Medium, TrialKind};
use piton_base::metric::Metric;
use piton_trial::text::{clean, ends, gain, plural, seconds, value};

/// A staircase is not drawn into less than this, in columns and lines.
const STAIRS: (u16, u16) = (40, 9);
/// Trials that are listed at most.
const LAST: usize = 8;
/// Cells of a bar.
const BAR: f64 = 24.0;

/// A key, whatever the terminal calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Character(char),
    /// The end of a line.
    Enter,
    /// Never mind.
    Escape,
    /// The last character goes.
    Back,
    /// Ctrl-C.
    Interrupt,
}

/// What a key asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyAction {
    /// To look on no longer.
    Quit,
    /// That the climb end after the trial in progress.
    Stop,
    /// That this note be left.
    Note(String),
}

/// What the keyboard is at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Asking {
    #[default]
    Nothing,
    Stop,
    Note(String),
}

/// The picture, as far as it has a memory of its own.
#[derive(Debug, Default)]
pub struct Panel {
    asking: Asking,
    /// What the last deed came to.
    said: String,
    /// What changes with trials only, and takes longer than all else.
    climbed: Option<Climbed>,
}

/// The first line and the staircase, and what they were drawn of.
#[derive(Debug)]
struct Climbed {
    of: Drawn,
    head: Line<'static>,
    stairs: Vec<Line<'static>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    run: String,
    trials: usize,
    verification: Option<String>,
    size: (u16, u16),
}

impl Panel {
    /// What a key asks for, if anything.
    pub fn press(&mut self, key: Key) -> Option<KeyAction> {
        if key == Key::Interrupt {
            return Some(KeyAction::Quit);
        }
        match (std::mem::take(&mut self.asking), key) {
            (Asking::Nothing, Key::Character('q')) => return Some(KeyAction::Quit),
            (Asking::Nothing, Key::Character('s')) => self.asking = Asking::Stop,
            (Asking::Nothing, Key::Character('n')) => self.asking = Asking::Note(String::new()),
            (Asking::Stop, Key::Character('y' | 's') | Key::Enter) => return Some(KeyAction::Stop),
            (Asking::Note(text), Key::Enter) if !text.trim().is_empty() => {
                return Some(KeyAction::Note(text));
            }
            (Asking::Note(mut text), Key::Character(c)) => {
                text.push(c);
                self.asking = Asking::Note(text);
            }
            (Asking::Note(mut text), Key::Back) => {
                text.pop();
                self.asking = Asking::Note(text);
            }
            _ => {}
        }
        self.said.clear();
        None
    }

    /// What a deed came to.
    pub fn say(&mut self, words: &str) {
        self.said = clean(words, 300);
    }

    /// Draws what is seen. `nothing` is said where there is no run; `at` is now, in seconds since 1970.
    pub fn draw(&mut self, frame: &mut Frame, view: Option<&View>, live: &Live, nothing: &str, at: u64) {
        let area = frame.area();
        let now = present(live, view.map(|view| view.metric), at);
        let Some(view) = view else {
            let mut lines = vec![Line::from(nothing.to_owned()), Line::default()];
            lines.extend(now);
            frame.render_widget(Paragraph::new(lines), above(area));
            return self.foot(frame);
        };
        let rest = usize::from(above(area).height).saturating_sub(1 + now.len() + 2);
        let stairs = rest >= usize::from(STAIRS.1) + 3 && area.width >= STAIRS.0;
        let last = if stairs { (rest - usize::from(STAIRS.1) - 1).min(LAST) } else { rest.min(LAST) };
        let last = last.min(view.records.len());
        let size = if stairs { (area.width, (rest - last - 1) as u16) } else { (0, 0) };
        let climbed = self.climbed(view, size);
        let mut lines = vec![climbed.head.clone()];
        if stairs {
            lines.extend(climbed.stairs.iter().cloned());
            lines.push(Line::default());
        }
        lines.extend(now);
        lines.push(Line::default());
        let from = view.records.len().saturating_sub(last);
        lines.extend(view.records[from..].iter().rev().map(|record| {
            let (number, kind, rest) = live_state::verdict(record, view.metric);
            let mark = Span::styled(Glyph::of(kind).character().to_string(), colour(kind));
            Line::from(vec![Span::raw(format!("{number:>5} ")), mark, Span::raw(format!(" {rest}"))])
        }));
        frame.render_widget(Paragraph::new(lines), above(area));
        self.foot(frame);
    }

    /// What was climbed, drawn anew only where it is another. A picture of no size is none.
    fn climbed(&mut self, view: &View, size: (u16, u16)) -> &Climbed {
        let verification = view.verification.map(|verification| verification.at.clone());
        let of = Drawn { run: view.run.to_owned(), trials: view.records.len(), verification, size };
        let known = self.climbed.take().filter(|climbed| climbed.of == of);
        self.climbed.insert(known.unwrap_or_else(|| {
            let text = if size.0 > 0 {
                let medium = Medium::cells(size.0.into(), size.1.into());
                plot::text(&plot::staircase(&view.staircase(), medium))
            } else {
                String::new()
            };
            Climbed { of, head: head(view), stairs: text.lines().map(painted).collect() }
        }))
    }

    /// The last line: what the keys do, or what they are at.
    fn foot(&self, frame: &mut Frame) {
        let area = frame.area();
        let text = match &self.asking {
            Asking::Stop => "end the climb after the trial in progress? y: yes, any other key: no".to_owned(),
            Asking::Note(text) => {
                // The end of it is what is being written.
                let room = usize::from(area.width).saturating_sub(40);
                let from = text.chars().count().saturating_sub(room.max(8));
                format!(
                    "note: {}▏  enter: leave it, esc: do not",
                    text.chars().skip(from).collect::<String>()
                )
            }
            Asking::Nothing if !self.said.is_empty() => self.said.clone(),
            Asking::Nothing => "q: quit   s: stop after this trial   n: leave a note".to_owned(),
        };
        let line = Rect { y: area.bottom().saturating_sub(1), height: area.height.min(1), ..area };
        frame.render_widget(Paragraph::new(Line::styled(text, faint())), line);
    }
}

/// All but the last line.
fn above(area: Rect) -> Rect {
    Rect { height: area.height.saturating_sub(1), ..area }
}

fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn colour(kind: TrialKind) -> Style {
    Style::new().fg(match kind {
        TrialKind::Kept => Color::Green,
        TrialKind::Discarded => Color::Gray,
        TrialKind::GateFailed => Color::Yellow,
        TrialKind::CheckFailed => Color::LightMagenta,
        TrialKind::Crashed => Color::Red,
        TrialKind::Void => Color::Magenta,
        TrialKind::NotJudged => Color::Cyan,
        TrialKind::Check => Color::Blue,
    })
}

/// A line of the staircase with its marks in their colours. A plus is also a sign: it stays as it is.
fn painted(line: &str) -> Line<'static> {
    let mut spans: Vec<Span> = vec![];
    for c in line.chars() {
        let kind = TrialKind::ALL
            .into_iter()
            .find(|kind| Glyph::of(*kind) != Glyph::Plus && Glyph::of(*kind).character() == c);
        let style = kind.map_or_else(Style::new, colour);
        match spans.last_mut() {
            Some(span) if span.style == style => span.content.to_mut().push(c),
            _ => spans.push(Span::styled(c.to_string(), style)),
        }
    }
    Line::from(spans)
}

/// The run in a line.
fn head(view: &View) -> Line<'static> {
    let facts = view.facts();
    let mut text = format!("  run {}, {}", clean(view.run, 60), plural(facts.trials, "trial"));
    for (i, (kind, n)) in plot::counts(view.records).into_iter().enumerate() {
        text.push_str(&format!("{} {n} {}", if i == 0 { ":" } else { "," }, kind.word()));
    }
    if let Some((from, to)) = facts.baseline_value.zip(facts.incumbent_value) {
        let [from, to, unit] = value::both(from, to, view.metric);
        text.push_str(&format!("  {from} → {to}{unit}"));
    }
    let verified = view.verification.map_or_else(
        || ", not verified".to_owned(),
        |verification| {
            format!(
                ", verified {} ({})",
                gain(verification.gain, view.metric),
                ends(Some(verification.low), Some(verification.high), view.metric)
            )
        },
    );
    text.push_str(&verified);
    Line::from(vec![Span::styled(clean(view.experiment, 60), bold()), Span::raw(text)])
}

/// What goes on now.
fn present(live: &Live, metric: Option<&Metric>, at: u64) -> Vec<Line<'static>> {
    let gone = |then: u64| seconds(at.saturating_sub(then) as f64);
    let since = live.now.as_ref().map_or_else(String::new, |now| format!("  for {}", gone(now.since)));
    let mut lines =
        vec![Line::from(vec![Span::styled(live.headline(), bold()), Span::styled(since, faint())])];
    if let Some(trial) = live.trial() {
        lines.push(Line::from(format!("  {}  ({} so far)", trial.what, gone(trial.began))));
        lines.extend(metric.into_iter().flat_map(|metric| pairs(trial, metric)));
    }
    lines.extend(live.lines(at).into_iter().map(|(name, value)| {
        Line::from(vec![Span::styled(format!("  {name:<8}"), faint()), Span::raw(value)])
    }));
    lines
}

/// The pairs of a trial, the latest first, and what they say so far.
fn pairs(trial: &LiveTrial, metric: &Metric) -> Vec<Line<'static>> {
    let mut lines = vec![];
    if !trial.gains.is_empty() {
        let gains: Vec<String> = trial.gains.iter().rev().map(|d| gain(*d, metric)).collect();
        lines.push(Line::from(format!(
            "  {}, the latest first: {}",
            plural(trial.pairs, "pair"),
            gains.join("  ")
        )));
    }
    if let Some(evidence) = &trial.evidence {
        let (keep, give_up) = evidence.shares();
        let (kept, given_up) = evidence.words();
        lines.push(bar(keep, TrialKind::Kept, format!("{kept}; at most {} pairs", evidence.most)));
        lines.push(bar(give_up, TrialKind::Discarded, given_up));
    }
    lines
}

fn bar(share: f64, kind: TrialKind, words: String) -> Line<'static> {
    let full = (share * BAR).round() as usize;
    let rest = "░".repeat(BAR as usize - full);
    Line::from(vec![
        Span::raw("  "),
        Span::styled("█".repeat(full), colour(kind)),
        Span::styled(rest, faint()),
        Span::raw(format!(" {words}")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn press(panel: &mut Panel, keys: &str) -> Option<KeyAction> {
        keys.chars().map(|c| panel.press(Key::Character(c))).last().flatten()
    }

    #[test]
    fn a_climb_is_asked_to_end_by_two_keys_and_not_by_one() {
        let mut panel = Panel::default();
        assert_eq!((press(&mut panel, "s"), press(&mut panel, "y")), (None, Some(KeyAction::Stop)));
        assert_eq!(press(&mut panel, "sx"), None);
        assert_eq!(press(&mut panel, "y"), None, "it was not asked for");
        assert_eq!(press(&mut panel, "q"), Some(KeyAction::Quit));
    }

    #[test]
    fn a_note_is_written_and_left_and_its_letters_are_no_commands() {
        let mut panel = Panel::default();
        assert_eq!(press(&mut panel, "nqs!"), None);
        assert_eq!(
            (panel.press(Key::Back), panel.press(Key::Enter)),
            (None, Some(KeyAction::Note("qs".into())))
        );
        press(&mut panel, "nx");
        assert_eq!((panel.press(Key::Escape), panel.press(Key::Enter)), (None, None), "never mind");
        press(&mut panel, "n ");
        assert_eq!(panel.press(Key::Enter), None, "it says nothing");
        press(&mut panel, "nx");
        assert_eq!(panel.press(Key::Interrupt), Some(KeyAction::Quit));
    }

    #[test]
    fn a_terminal_of_any_size_is_drawn_on() {
        let live = Live { trouble: Some("x".into()), ..Live::default() };
        for (width, height) in [(1, 1), (3, 2), (39, 8), (300, 1), (1, 90)] {
            let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
            let mut panel = Panel::default();
            press(&mut panel, "na long note that does not fit into any of these");
            terminal.draw(|frame| panel.draw(frame, None, &live, "nothing yet", 0)).unwrap();
        }
    }
}
