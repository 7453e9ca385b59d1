//! One call of an agent: what it is given, behind which walls it is started, and how it ended.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;

use super::events::{AgentEnd, CallOutput};
use super::faults::asks_user;
use super::home::{Home, User};
use super::kind::{AgentKind, Filling};
use super::proposal;
use super::watchdog::{Watchdog, Why};
use super::{CallContext, KnownAgent, Reply, Workspace};
use piton_core::base::error::{Context, Result};
use piton_core::run::stopping::Call;
use piton_core::trial::record::Cost;
use piton_core::trial::text::clean;
use piton_system::beneath::Dir;
use piton_system::host;
use piton_system::process::{self, End, Job};

/// What the agent is told, and what it leaves.
const BRIEF: &str = "brief.md";
const PROPOSAL: &str = "proposal.json";

/// Who is asked.
pub(super) enum CalledAgent<'a> {
    Known(&'a KnownAgent),
    Command(&'a str),
}

pub(super) fn ask(who: &CalledAgent, context: &CallContext) -> Result<Reply> {
    let what = "the agent was not started";
    // The brief lies where the agent cannot write, the proposal where it can.
    let (told, own) = (context.dir.join(".piton"), Workspace::own_dir(context.dir));
    let (brief, proposal) = (told.join(BRIEF), own.join(PROPOSAL));
    let write = || -> io::Result<()> {
        // Whatever somebody left in their place goes; a link is not followed.
        let dir = Dir::open(context.dir)?;
        dir.put_dirs(below(context.dir, &own))?.remove(OsStr::new(PROPOSAL))?;
        dir.put_dirs(below(context.dir, &told))?
            .put(OsStr::new(BRIEF), context.brief.as_bytes(), 0o666)
            .map(|_| ())
    };
    write().context(what)?;
    host::check_temporary_directory()?;
    let temporary = tempfile::Builder::new().prefix("piton-agent-").tempdir().context(what)?;
    let usual = || prompt(&context.places(), &brief, &proposal);
    let prompt = context.prompt.map_or_else(usual, str::to_owned);
    let prompt_file = temporary.path().join("prompt.md");
    fs::write(&prompt_file, &prompt).context(what)?;
    // A command line of the user's own has nothing of any agent's.
    let home = match (who, User::own()) {
        (CalledAgent::Known(known), Some(user)) => {
            Home::of_kind(&known.kind, context.homes, context.session.is_none(), user)?
        }
        _ => None,
    };
    let workspace = Workspace {
        worktree: context.worktree,
        dir: context.dir,
        editable: context.editable,
        temporary: temporary.path(),
        home: home.as_ref(),
        more: context.more,
        least: context.least,
    };
    let policy = workspace.policy()?;
    let mut env = process::full_env();
    let (argv, kind) = match who {
        CalledAgent::Command(command) => {
            (vec!["/bin/sh".to_owned(), "-c".to_owned(), (*command).to_owned()], None)
        }
        CalledAgent::Known(known) => {
            let unset = |name: &str| std::env::var_os(name).is_none();
            let given = known.kind.env.iter().filter(|(name, _)| unset(name));
            env.extend(given.map(|(name, value)| (OsString::from(name), OsString::from(value))));
            (known.argv(&prompt, &prompt_file, &own, context), Some(&known.kind))
        }
    };
    env.extend(workspace.env());
    env.push(("PITON_BRIEF".into(), brief.into()));
    env.push(("PITON_PROPOSAL".into(), proposal.clone().into()));
    let (stdout, stderr) = (context.logs.join("agent.out"), context.logs.join("agent.log"));
    let edits =
        context.editable.iter().map(|path| context.worktree.join(path)).chain([own.clone()]).collect();
    let watchdog = Watchdog::new(kind, &stdout, &stderr, edits, context.stall);
    let done = context.runner.run(&Job {
        under: &[],
        argv: &argv,
        cwd: context.dir,
        env,
        stdout: stdout.clone(),
        stderr,
        timeout: context.timeout,
        gently: true,
        seen: None,
        policy: Some(&policy),
        stdin: kind.is_some_and(AgentKind::by_stdin).then_some(&*prompt_file),
        watch: Some(&|elapsed| watchdog.look(elapsed)),
        heedless: false,
    })?;
    let (output, why) = watchdog.end(&done);
    let proposal = proposal::read(context.dir, below(context.dir, &proposal)).unwrap_or_default();
    let ended = match (&done.end, why) {
        (End::Interrupted, _) => Some(Call::Interrupted),
        // codex reports a limit and then sleeps until it ends: what was heard last is why it is silent.
        (End::TimedOut, Some(Why::Stalled) | None)
            if matches!(output.last, Some(AgentEnd::Limited { .. })) =>
        {
            None
        }
        (End::TimedOut, Some(Why::Stalled)) => Some(Call::Stalled(context.stall.as_secs())),
        // Its last event had come; that it did not exit changes nothing.
        (End::TimedOut, Some(Why::Lingered)) => None,
        (End::TimedOut, None) => Some(Call::TimedOut(context.timeout.as_secs())),
        _ => None,
    };
    let cost = Cost { calls: 1, usd: output.usd, tokens_in: output.tokens_in, tokens_out: output.tokens_out };
    let model = output.model.clone().or(match who {
        CalledAgent::Known(known) => known.model.clone(),
        CalledAgent::Command(_) => None,
    });
    let model = model.map(|model| clean(&model, 200));
    let (call, idle) = match (ended, kind, &done.end) {
        (Some(call), _, _) => (call.clone(), call),
        (None, Some(_), _) => judged(&output),
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
    let whole = kind.is_none() || !call.failed() || proposal.description.is_some();
    Ok(Reply { call, idle, proposal, whole, cost, model, session: output.session })
}

/// How a call ended, by what was heard of it: with an edit, and without.
fn judged(output: &CallOutput) -> (Call, Call) {
    match output.last.clone() {
        Some(AgentEnd::Done) => {
            let denied: Vec<String> = output.denied.iter().cloned().collect();
            let idle = match (denied.is_empty(), asks_user(&output.said)) {
                (false, _) => Call::Denied(denied),
                (true, true) => Call::Asked(clean(&output.said, 400)),
                (true, false) => Call::Done,
            };
            (Call::Done, idle)
        }
        last => {
            let call = match last {
                Some(AgentEnd::Spent) => Call::Spent,
                Some(AgentEnd::Limited { why, until }) => Call::Limited { why, until },
                Some(AgentEnd::Unauthorised(why)) => Call::Unauthorised(why),
                Some(AgentEnd::Failed(why)) => Call::Failed(why),
                Some(AgentEnd::Done) | None => Call::Failed("it said nothing".to_owned()),
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

impl KnownAgent {
    fn argv(&self, prompt: &str, prompt_file: &Path, own: &Path, context: &CallContext) -> Vec<String> {
        let filling = Filling {
            prompt,
            prompt_file: &prompt_file.to_string_lossy(),
            own: &own.to_string_lossy(),
            model: self.model.as_deref(),
            turns: self.turns,
            usd: context.usd.filter(|_| !self.kind.money.is_empty()),
            session: context.session.filter(|_| self.same_session),
            more: &self.words,
        };
        let mut argv = self.kind.argv(&filling);
        argv[0].clone_from(&self.program);
        argv
    }
}

/// A path below `dir`, relative to it.
fn below<'p>(dir: &Path, path: &'p Path) -> &'p Path {
    path.strip_prefix(dir).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_counts_only_where_there_is_no_edit() {
        let output =
            CallOutput { last: Some(AgentEnd::Done), said: "Shall I go on?".into(), ..CallOutput::default() };
        let (with, without) = judged(&output);
        assert_eq!((with, without.word()), (Call::Done, "asked"));
        let denied = CallOutput { denied: ["Bash".to_owned()].into(), ..output };
        assert_eq!(judged(&denied).1, Call::Denied(vec!["Bash".to_owned()]));
    }
}
