//! Who proposes: the built-in tuner, a known agent by its adapter, or any command.

mod dialects;
pub mod events;
pub mod faults;
pub mod installed;
pub mod kind;
mod vigil;
mod walls;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use piton_confine::Level;

use crate::error::{Context, Error, Result};
use crate::proc::{self, End, Job, Runner};
use crate::session::{Call, Order};
use crate::sweep::{self, Knob};
use crate::trial::Cost;
use crate::words::clean;

use events::{Heard, Last};
use faults::asks;
use kind::{Figure, Filling, Kind};
use vigil::{Vigil, Why};

pub use walls::Room;

/// A proposer.
#[derive(Debug, Clone, PartialEq)]
pub enum Agent {
    /// Tries the declared values of the declared constants.
    Tuner,
    /// One that piton knows how to start and to read.
    Known(Box<Known>),
    /// A command line for `sh`, run in the worktree.
    Command(String),
}

/// A known agent, as the user wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    kind: Kind,
    /// Its program, by its whole path.
    program: String,
    model: Option<String>,
    words: Vec<String>,
    turns: Option<u32>,
    same_session: bool,
}

/// What a proposer came back with. Whether there is an edit is for the trial to see.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// How the call ended.
    pub call: Call,
    /// The same, where it turns out that there is no edit.
    pub idle: Call,
    /// What it says that it did.
    pub description: Option<String>,
    /// Whether an edit that it left is a whole one, though the call may have failed.
    pub whole: bool,
    /// What the call has cost.
    pub cost: Cost,
    /// The model, where it tells.
    pub model: Option<String>,
    /// The session that it can go on with.
    pub session: Option<String>,
}

impl Reply {
    fn of(call: Call, description: Option<String>) -> Self {
        let cost = Cost::default();
        Self { idle: call.clone(), call, description, whole: true, cost, model: None, session: None }
    }
}

/// Largest proposal file that is read, in bytes. Of a long description the record holds the beginning.
const PROPOSAL_BYTES: u64 = 8 << 20;

/// What a proposer may know.
pub struct Desk<'a> {
    /// Its worktree.
    pub worktree: &'a Path,
    /// The repository's `.git`, which it may not write.
    pub state: &'a Path,
    /// Editable paths.
    pub editable: &'a [String],
    /// What the user lets it write besides.
    pub more: &'a [PathBuf],
    /// The weakest walls that will do.
    pub least: Level,
    /// What starts commands.
    pub runner: &'a Runner,
    /// Constants that the tuner tries.
    pub knobs: &'a [Knob],
    /// Settings of them that were tried in this run.
    pub tried: &'a BTreeSet<(String, String)>,
    /// Text of the brief.
    pub brief: String,
    /// Where output goes.
    pub logs: PathBuf,
    /// Limit on a command's wall clock.
    pub timeout: Duration,
    /// Limit on the time without a word or an edit.
    pub stall: Duration,
    /// Money that is left, in US dollars, where there is a limit.
    pub usd: Option<f64>,
    /// The session to go on with.
    pub session: Option<&'a str>,
}

impl Agent {
    /// The agent that an order names; `dir` is where a file with an adapter is looked for.
    ///
    /// # Errors
    /// One that is not installed, an adapter that cannot be read, an option that it does not have.
    pub fn choose(order: &Order, dir: &Path) -> Result<Self> {
        let what = "the climb did not start: its agent cannot be used";
        let text = order.agent.as_str();
        let kind = match Kind::known(text) {
            Some(kind) => kind,
            None if is_file(text) => read_kind(&dir.join(text)).map_err(|why| {
                Error::usage(what)
                    .cause(format!("{}: {why}", clean(text, 200)))
                    .note("nothing was started and nothing was changed")
                    .hint("`piton agents --show aider` prints an adapter to begin with")
            })?,
            None => {
                let given = [
                    ("--model", order.model.is_some()),
                    ("--agent-args", !order.words.is_empty()),
                    ("--agent-turns", order.turns.is_some()),
                    ("--same-session", order.same_session),
                ];
                if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
                    return Err(Error::usage(what)
                        .cause(format!(
                            "{option} is for an agent that piton knows, and `{}` is none",
                            clean(text, 80)
                        ))
                        .note("nothing was started and nothing was changed")
                        .hint("`piton agents` lists those that it knows"));
                }
                return Ok(if text == "tuner" { Self::Tuner } else { Self::Command(text.to_owned()) });
            }
        };
        let lacks = |option: &str| {
            Error::usage(what)
                .cause(format!("{} has nothing like {option}", kind.name))
                .note("nothing was started and nothing was changed")
        };
        if order.model.is_some() && kind.model.is_empty() {
            return Err(lacks("--model"));
        }
        if order.turns.is_some() && kind.turns.is_empty() {
            return Err(lacks("--agent-turns"));
        }
        if order.same_session && kind.session.is_empty() {
            return Err(lacks("--same-session"));
        }
        let program = proc::absolute(&kind.command[0]);
        if !Path::new(&program).is_file() {
            return Err(Error::usage(what)
                .cause(format!("{} is not installed: no `{}` in PATH", kind.name, kind.command[0]))
                .note("nothing was started and nothing was changed")
                .hint("`piton agents` lists what is installed"));
        }
        Ok(Self::Known(Box::new(Known {
            kind,
            program,
            model: order.model.clone(),
            words: order.words.clone(),
            turns: order.turns,
            same_session: order.same_session,
        })))
    }

    /// Its name, for the log.
    pub fn name(&self) -> &str {
        match self {
            Self::Tuner => "tuner",
            Self::Known(known) => &known.kind.name,
            Self::Command(command) => command,
        }
    }

    /// Its name, for the record: of a command line, which may hold a secret, the program alone.
    pub fn program(&self) -> Option<String> {
        match self {
            Self::Tuner => None,
            Self::Known(known) => Some(clean(&known.kind.name, 80)),
            Self::Command(command) => {
                let program = command.split_whitespace().find(|word| !word.contains('='))?;
                Some(clean(program.rsplit('/').next().unwrap_or(program), 80))
            }
        }
    }

    /// Whether its calls tell this of their cost.
    pub fn tells(&self, figure: Figure) -> bool {
        matches!(self, Self::Known(known) if known.kind.tells(figure))
    }

    /// Whether a call of it that fails is worth a pause: what is wrong may pass. A command line that fails is wrong itself.
    pub fn recovers(&self) -> bool {
        matches!(self, Self::Known(_))
    }

    /// Whether each call goes on with the session of the one before.
    pub fn keeps_session(&self) -> bool {
        matches!(self, Self::Known(known) if known.same_session)
    }

    /// Asks for one proposal: an edit of the worktree.
    ///
    /// # Errors
    /// When the worktree cannot be written, or a declared knob is not there.
    pub fn propose(&self, desk: &Desk) -> Result<Reply> {
        match self {
            Self::Tuner => tune(desk),
            Self::Known(known) => ask(&Asked::Known(known), desk),
            Self::Command(command) => ask(&Asked::Command(command), desk),
        }
    }
}

/// Whether `--agent` names a file with an adapter.
pub fn is_file(text: &str) -> bool {
    text.ends_with(".toml") && !text.contains(char::is_whitespace)
}

fn read_kind(path: &Path) -> std::result::Result<Kind, String> {
    Kind::parse(&fs::read_to_string(path).map_err(|e| e.to_string())?)
}

fn tune(desk: &Desk) -> Result<Reply> {
    let source = |file: &str| fs::read_to_string(desk.worktree.join(file)).ok();
    Ok(match sweep::next(desk.knobs, desk.tried, source) {
        Ok(Some(proposal)) => {
            fs::write(desk.worktree.join(&proposal.file), &proposal.content)
                .context("the tuner's edit was not written")?;
            Reply::of(Call::Done, Some(proposal.description))
        }
        Ok(None) => Reply::of(Call::Exhausted, None),
        Err(why) => Reply::of(Call::Failed(why), None),
    })
}

/// Who is asked.
enum Asked<'a> {
    Known(&'a Known),
    Command(&'a str),
}

fn ask(who: &Asked, desk: &Desk) -> Result<Reply> {
    let what = "the agent was not started";
    // The brief lies where the agent cannot write, the proposal where it can.
    let (told, own) = (desk.worktree.join(".piton"), Room::own(desk.worktree));
    let (brief, proposal) = (told.join("brief.md"), own.join("proposal.json"));
    let write = || -> io::Result<()> {
        for dir in [&told, &own] {
            if fs::symlink_metadata(dir).is_ok_and(|meta| !meta.is_dir()) {
                fs::remove_file(dir)?;
            }
            fs::create_dir_all(dir)?;
        }
        clear(&proposal)?;
        clear(&brief)?;
        // Made anew: a link that somebody left in its place would have piton write where an agent may not.
        File::create_new(&brief)?.write_all(desk.brief.as_bytes())
    };
    write().context(what)?;
    let temporary = tempfile::Builder::new().prefix("piton-agent-").tempdir().context(what)?;
    let prompt = prompt(desk.editable, &brief, &proposal);
    let prompt_file = temporary.path().join("prompt.md");
    fs::write(&prompt_file, &prompt).context(what)?;
    let room = Room {
        worktree: desk.worktree,
        state: desk.state,
        editable: desk.editable,
        temporary: temporary.path(),
        more: desk.more,
        least: desk.least,
    };
    let policy = room.policy()?;
    let mut env = proc::full_env();
    let (argv, kind) = match who {
        Asked::Command(command) => (vec!["/bin/sh".to_owned(), "-c".to_owned(), (*command).to_owned()], None),
        Asked::Known(known) => {
            let unset = |name: &str| std::env::var_os(name).is_none();
            let given = known.kind.env.iter().filter(|(name, _)| unset(name));
            env.extend(given.map(|(name, value)| (OsString::from(name), OsString::from(value))));
            (known.argv(&prompt, &prompt_file, &own, desk), Some(&known.kind))
        }
    };
    env.extend(room.env());
    env.push(("PITON_BRIEF".into(), brief.into()));
    env.push(("PITON_PROPOSAL".into(), proposal.clone().into()));
    let (stdout, stderr) = (desk.logs.join("agent.out"), desk.logs.join("agent.log"));
    let edits = desk.editable.iter().map(|path| desk.worktree.join(path)).chain([own.clone()]).collect();
    let vigil = Vigil::new(kind, &stdout, &stderr, edits, desk.stall);
    let done = desk.runner.run(&Job {
        argv: &argv,
        cwd: desk.worktree,
        env,
        stdout: stdout.clone(),
        stderr,
        timeout: desk.timeout,
        gently: true,
        seen: None,
        policy: Some(&policy),
        stdin: kind.is_some_and(Kind::by_stdin).then_some(&*prompt_file),
        watch: Some(&|elapsed| vigil.look(elapsed)),
        heedless: false,
    })?;
    let (heard, why) = vigil.end(&done);
    let description = description(&proposal);
    let ended = match (&done.end, why) {
        (End::Interrupted, _) => Some(Call::Interrupted),
        // codex reports a limit and then sleeps until it ends: what was heard last is why it is silent.
        (End::TimedOut, Some(Why::Stalled) | None) if matches!(heard.last, Some(Last::Limited { .. })) => {
            None
        }
        (End::TimedOut, Some(Why::Stalled)) => Some(Call::Stalled(desk.stall.as_secs())),
        // Its last event had come; that it did not exit changes nothing.
        (End::TimedOut, Some(Why::Lingered)) => None,
        (End::TimedOut, None) => Some(Call::TimedOut(desk.timeout.as_secs())),
        _ => None,
    };
    let cost = Cost { calls: 1, usd: heard.usd, tokens_in: heard.tokens_in, tokens_out: heard.tokens_out };
    let model = heard.model.clone().or(match who {
        Asked::Known(known) => known.model.clone(),
        Asked::Command(_) => None,
    });
    let model = model.map(|model| clean(&model, 200));
    let (call, idle) = match (ended, kind, &done.end) {
        (Some(call), _, _) => (call.clone(), call),
        (None, Some(_), _) => judged(&heard),
        (None, None, End::Exited(0)) => (Call::Done, Call::Done),
        (None, None, end) => {
            let why = match end {
                End::Exited(status) => format!("exit status {status}"),
                End::Signalled(signal) => format!("ended by signal {signal}"),
                End::TimedOut | End::Interrupted => "it was ended".to_owned(),
            };
            (Call::Failed(why.clone()), Call::Failed(why))
        }
    };
    // What a command line edited before it failed is judged like any edit: its status says little. Of an agent that piton reads, a call
    // that failed leaves half an edit, unless it had come as far as its proposal.
    let whole = kind.is_none() || !call.failed() || description.is_some();
    Ok(Reply { call, idle, description, whole, cost, model, session: heard.session })
}

/// How a call ended, by what was heard of it: with an edit, and without.
fn judged(heard: &Heard) -> (Call, Call) {
    match heard.last.clone() {
        Some(Last::Done) => {
            let denied: Vec<String> = heard.denied.iter().cloned().collect();
            let idle = match (denied.is_empty(), asks(&heard.said)) {
                (false, _) => Call::Denied(denied),
                (true, true) => Call::Asked(clean(&heard.said, 400)),
                (true, false) => Call::Done,
            };
            (Call::Done, idle)
        }
        last => {
            let call = match last {
                Some(Last::Spent) => Call::Spent,
                Some(Last::Limited { why, until }) => Call::Limited { why, until },
                Some(Last::Unauthorised(why)) => Call::Unauthorised(why),
                Some(Last::Failed(why)) => Call::Failed(why),
                Some(Last::Done) | None => Call::Failed("it said nothing".to_owned()),
            };
            (call.clone(), call)
        }
    }
}

/// What a known agent is told. All else stands in the files that this names.
fn prompt(editable: &[String], brief: &Path, proposal: &Path) -> String {
    format!(
        "You propose one change in an unattended experiment. A runner measures it and keeps it or puts it back.\n\
         Nobody reads along: never ask, never wait for an answer, decide yourself.\n\n\
         1. Read program.md, then the brief in {}.\n\
         2. Make one atomic change, by editing files below: {}. Nothing else can be written.\n\
         3. Write your proposal, JSON as the brief says, to {}.\n\
         4. Stop. Do not commit and do not measure: the runner does both.\n",
        brief.display(),
        editable.join(", "),
        proposal.display()
    )
}

impl Known {
    fn argv(&self, prompt: &str, prompt_file: &Path, own: &Path, desk: &Desk) -> Vec<String> {
        let filling = Filling {
            prompt,
            prompt_file: &prompt_file.to_string_lossy(),
            own: &own.to_string_lossy(),
            model: self.model.as_deref(),
            turns: self.turns,
            usd: desk.usd.filter(|_| !self.kind.money.is_empty()),
            session: desk.session.filter(|_| self.same_session),
            more: &self.words,
        };
        let mut argv = self.kind.argv(&filling);
        argv[0].clone_from(&self.program);
        argv
    }
}

/// Removes what stands at `path`, whatever it is; a link, not what it points at.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// The description in a proposal file; absent when there is none, or when it is too large or no JSON.
pub fn description(path: &Path) -> Option<String> {
    fs::symlink_metadata(path).ok().filter(|meta| meta.is_file() && meta.len() <= PROPOSAL_BYTES)?;
    let mut bytes = vec![];
    File::open(path).ok()?.take(PROPOSAL_BYTES).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let value: serde_json::Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let text = value.get("description")?.as_str()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(write: impl FnOnce(&Path)) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proposal.json");
        write(&path);
        description(&path)
    }

    #[test]
    fn a_question_counts_only_where_there_is_no_edit() {
        let heard = Heard { last: Some(Last::Done), said: "Shall I go on?".into(), ..Heard::default() };
        let (with, without) = judged(&heard);
        assert_eq!((with, without.word()), (Call::Done, "asked"));
        let denied = Heard { denied: ["Bash".to_owned()].into(), ..heard };
        assert_eq!(judged(&denied).1, Call::Denied(vec!["Bash".to_owned()]));
    }

    #[test]
    fn of_a_command_line_the_record_names_the_program_alone() {
        let name = |text: &str| Agent::Command(text.to_owned()).program();
        assert_eq!(name("KEY=secret /usr/bin/claude -p --key secret"), Some("claude".to_owned()));
        assert_eq!(Agent::Tuner.program(), None);
    }

    #[test]
    fn a_proposal_that_is_no_plain_file_of_a_sane_size_has_no_description() {
        let text = |bytes: &[u8]| described(|path| fs::write(path, bytes).unwrap());
        assert_eq!(text(b"{\"description\": \" wider tiles \"}"), Some("wider tiles".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbf{\"description\": \"a\xffb\"}"), Some("a\u{fffd}b".to_owned()));
        for none in [&b""[..], b"{}", b"[]", b"{\"description\": 7}", b"{\"description\": \" \"}", b"\0"] {
            assert_eq!(text(none), None, "{none:?}");
        }
        assert_eq!(described(|path| fs::create_dir(path).unwrap()), None);
        assert_eq!(described(|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()), None);
        assert_eq!(described(|path| File::create(path).unwrap().set_len(PROPOSAL_BYTES + 1).unwrap()), None);
    }
}
