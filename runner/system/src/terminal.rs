//! The only module that prints.
//!
//! What a command answers goes to standard output; progress and errors go to standard error, so that
//! `piton log --json | jq` sees nothing else. Colours and the moving line appear on a terminal only. Whatever goes through here as text
//! can move no cursor, turn no line around and hide nothing: what another wrote may be in any of it.

#![expect(clippy::disallowed_methods, reason = "owns the standard streams")]

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

use piton_core::base::error::Error;
use piton_core::trial::text::{clean, plain_json, printable};

/// Prints an answer to standard output, ended by one line break. A reader that has gone is no error.
pub fn answer(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = writeln!(out, "{}", printable(text.trim_end_matches('\n')));
}

/// Prints an answer that is a file: its bytes as they are.
pub fn bytes(content: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(content).and_then(|()| out.flush());
}

/// Columns of the terminal that answers go to; absent where there is none.
pub fn columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    Some(rustix::termios::tcgetwinsize(std::io::stdout()).ok()?.ws_col.into())
}

/// The files that standard output and standard error go to, where it is files that they go to.
pub fn files() -> Vec<(PathBuf, Metadata)> {
    let (out, err) = (std::io::stdout(), std::io::stderr());
    let mut files = vec![];
    for (stream, number) in [(out.as_fd(), 1), (err.as_fd(), 2)] {
        let file = stream.try_clone_to_owned().map(File::from);
        let meta = file.and_then(|file| file.metadata()).ok().filter(Metadata::is_file);
        let path = fs::read_link(format!("/proc/self/fd/{number}")).ok();
        files.extend(path.zip(meta));
    }
    files
}

/// Hands on what another piton answered.
pub fn copy(text: &str) {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Hands on what another piton told meanwhile.
pub fn copy_error(text: &str) {
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Tells something on standard error, before there is any progress to tell.
pub fn tell(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", printable(text));
}

/// Prints a diff; on a terminal what was added is green and what was removed is red.
pub fn diff(text: &str) {
    let mut out = anstream::stdout().lock();
    for line in printable(text).lines() {
        let colour = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => None,
            Some(b'+') => Some(AnsiColor::Green),
            Some(b'-') => Some(AnsiColor::Red),
            Some(b'@') => Some(AnsiColor::Cyan),
            _ => None,
        };
        let style = Style::new().fg_color(colour.map(Into::into));
        if writeln!(out, "{style}{line}{style:#}").is_err() {
            break;
        }
    }
}

/// An answer of many lines, each printed as it comes.
#[derive(Debug)]
pub struct Lines {
    gone: bool,
}

impl Lines {
    /// Nothing is printed yet.
    pub fn new() -> Self {
        Self { gone: false }
    }

    /// Prints a line. Returns whether somebody still reads.
    pub fn line(&mut self, text: &str) -> bool {
        self.gone = self.gone || writeln!(anstream::stdout().lock(), "{}", printable(text)).is_err();
        !self.gone
    }
}

impl Default for Lines {
    fn default() -> Self {
        Self::new()
    }
}

/// Prints an answer for programs: one JSON document.
pub fn json(value: &impl serde::Serialize) {
    answer(&pretty(value));
}

/// Prints an answer: the value for a program that asked for JSON, the text for a person.
pub fn either(as_json: bool, value: &impl serde::Serialize, text: impl FnOnce() -> String) {
    if as_json { json(value) } else { answer(&text()) }
}

/// A JSON document as programs are given it.
pub fn pretty(value: &impl serde::Serialize) -> String {
    plain_json(&serde_json::to_string_pretty(value).expect("our own types serialise"))
}

/// Prints an error to standard error.
pub fn error(error: &Error) {
    let style = Style::new().bold().fg_color(Some(AnsiColor::Red.into()));
    let text = printable(&error.to_string());
    let rest = text.strip_prefix("error:").unwrap_or(&text);
    let _ = writeln!(anstream::stderr().lock(), "{style}error:{style:#}{rest}");
}

/// What a verdict means for the colour it is shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// Less important.
    Dim,
    /// A keep.
    Good,
    /// A discard.
    Neutral,
    /// A crash.
    Bad,
}

impl Tone {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => Style::new().bold().fg_color(Some(AnsiColor::Green.into())),
            Self::Neutral => Style::new().fg_color(Some(AnsiColor::Yellow.into())),
            Self::Bad => Style::new().fg_color(Some(AnsiColor::Red.into())),
        }
    }
}

/// Whether a person reads what is answered.
pub fn answers_a_terminal() -> bool {
    std::io::stdout().is_terminal()
}

/// Whether a person sees what is told meanwhile.
pub fn tells_a_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Tells what is going on, on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    listener: Option<ProgressListener>,
}

/// Somebody who is told what is being done, too.
struct ProgressListener(Box<dyn Fn(&str) + Send + Sync>);

impl fmt::Debug for ProgressListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressListener")
    }
}

impl Progress {
    /// Progress for a person on a terminal, or for a log.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {prefix} {msg:.dim} {elapsed:>4}")
                    .expect("a fixed template"),
            );
            bar
        });
        Self { bar, listener: None }
    }

    /// Has `listener` told what is being done, too.
    pub fn with_listener(mut self, listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.listener = Some(ProgressListener(Box::new(listener)));
        self
    }

    /// Hands on what another piton told, as it is.
    pub fn copy(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| copy_error(text)),
            None => copy_error(text),
        }
    }

    /// A line that stays.
    pub fn line(&self, tone: Tone, text: &str) {
        let print = || {
            let (style, text) = (tone.style(), printable(text));
            let _ = writeln!(anstream::stderr().lock(), "{style}{text}{style:#}");
        };
        match &self.bar {
            // One that says nothing yet, or no longer, would be drawn by that.
            Some(bar) if !bar.is_finished() && !bar.prefix().is_empty() => bar.suspend(print),
            _ => print(),
        }
    }

    /// What is being done now: a moving line on a terminal; nothing in a log.
    pub fn doing(&self, text: &str) {
        if let Some(ProgressListener(listener)) = &self.listener {
            listener(text);
        }
        if let Some(bar) = &self.bar {
            // After `idle` it has ended, and would not be drawn again.
            if bar.is_finished() {
                bar.reset();
            }
            bar.reset_elapsed();
            // First, or the estimate of what was done before is drawn beside what is done now.
            bar.set_message("");
            bar.set_prefix(printable(text));
            bar.enable_steady_tick(Duration::from_millis(120));
        }
    }

    /// Whether there is a moving line, for a person who waits.
    pub fn moves(&self) -> bool {
        self.bar.is_some()
    }

    /// The latest word of what is being done, beside the moving line.
    pub fn doing_what(&self, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(clean(text, 200));
        }
    }

    /// Long work begins: a moving line on a terminal, a line that stays in a log.
    pub fn begin_long(&self, text: &str) {
        match &self.bar {
            Some(_) => self.doing(text),
            None => {
                self.doing(text);
                self.line(Tone::Dim, text);
            }
        }
    }

    /// Nothing is being done any more.
    pub fn idle(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Asks a person for a line; `None` where nobody sits at a terminal, or nothing was typed.
pub fn ask(question: &str) -> Option<String> {
    if !std::io::stdin().is_terminal() || !tells_a_terminal() {
        return None;
    }
    let mut err = anstream::stderr().lock();
    write!(err, "{} ", printable(question)).and_then(|()| err.flush()).ok()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok()?;
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Standard input as text; of one with more than `most` bytes, one byte more.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn input(most: u64) -> std::io::Result<String> {
    let mut text = String::new();
    std::io::stdin().take(most + 1).read_to_string(&mut text)?;
    Ok(text)
}
