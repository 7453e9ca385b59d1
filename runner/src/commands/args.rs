//! The command line: commands, arguments and their help.

#[cfg(test)]
mod documented;
mod groups;
mod lab;
mod load;
mod options;
mod recipe;
mod server;
mod sweep;
mod values;
mod version;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};
use piton_core::base::level::Level;

pub(super) use groups::command;
pub use groups::parse;
pub(super) use lab::LabCommand;
pub(super) use load::LoadArgs;
pub(super) use options::{
    ClimbArgs, ExportArgs, ExportFormat, FinalizeArgs, ImportArgs, InitArgs, LogArgs, ProfileArgs,
    ProposalWords, QuickArgs, ReportArgs, SearchArgs, ServeArgs, Which,
};
pub(super) use recipe::{ApplyArgs, RecipeCommand};
pub(super) use server::{Measured, ServerArgs};
pub(super) use sweep::{AbArgs, GridArgs, SweepArgs, SweepCommand};
use values::duration;

const AFTER: &str = "\
`piton` alone says where you stand and what to type next; `piton COMMAND --help`
says more of a command.

Exit status: 0 done (trial: kept), 1 failed, 2 usage or piton.toml, 3 refused
(tree, branch, run, lock), 4 the harness or the baseline cannot be built or
measured, 10 discarded, 11 crashed, 12 not judged, 20 the trial is still under
way, 130 stopped by Ctrl-C.";

/// Let a coding agent climb a metric unattended; keep a change only when it holds.
///
/// An agent edits, a locked harness measures it in pairs against the best so far, and piton commits what is
/// better and resets the rest. Everything tried stays in git, below refs/piton/; the table is results.tsv.
#[derive(Debug, Parser)]
#[command(name = "piton", version = version::VERSION.as_str(), after_help = AFTER, max_term_width = 80)]
pub struct Cli {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    /// Minimum level of the walls around builds, measuring commands and agents: none, partial, strong or full; below it, piton starts nothing.
    #[arg(long, global = true, default_value = "strong", value_name = "LEVEL")]
    pub(super) confinement: Level,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at a command: its cost and noise, what a trial would resolve.
    ///
    /// Runs the command a few times in this directory, by the wall clock, processor time and memory, and says how much each differs by itself, the smallest gain that a trial resolves
    /// and in how long, and which clock to climb. Then it runs it once behind the walls, in a copy of what git would take of this directory, and says what they refused and the line of
    /// piton.toml that opens it. Last it prints a piton.toml for the command. It needs no piton.toml, no commit and no git, and leaves nothing but what the command leaves.
    #[command(
        after_help = "Examples: piton quick -- python3 bench.py\n          piton quick --write -- make bench\n\nExit status: 0 measured, 1 the command fails, 2 usage, 130 Ctrl-C."
    )]
    Quick(QuickArgs),
    /// Measure a model server: its tokens per second, its latency.
    ///
    /// Streams fresh prompts to an OpenAI-compatible server that runs already, at each concurrency or rate that you name, and shows what users of it would see: tokens per second, time
    /// to the first text (TTFT), times between texts (ITL), time per token (TPOT), each at the 50th, 95th and 99th percentile, and what failed, with the server's words. Requests before
    /// that warm it up and do not count. It stops nothing that it did not start. What each figure is: docs/sweeps.md.
    #[command(
        after_help = "Examples: piton load http://127.0.0.1:8080 --concurrency 1,2,4\n          piton load http://127.0.0.1:8080 --rate 2,5 --slo ttft=500,itl=50\n\nExit status: 0 every request was answered, 1 some failed, 2 usage, 130 Ctrl-C."
    )]
    Load(LoadArgs),
    /// Find the model and the settings that a model server serves best.
    ///
    /// Stage 1 starts the server of piton.toml with each [[model]] in its order and stops at the first that can be served; what cannot be is told with one reason and the line of the log. Stage 2
    /// is a climb whose trials are recipes: a knob at a time, in pairs on fresh prompts, kept only when shown better, on a branch of its own with ledger, report and resume. At the end the winner is held against the
    /// start in 20 fresh pairs. Ctrl-C is safe: no server is left. docs/sweeps.md shows the tables.
    #[command(
        after_help = "Examples: piton sweep --dry-run\n          piton sweep --max-duration 2h --json\n          piton sweep --axis kv=unset,q8_0 --agent claude\n\nExit status: 0 recommended, 1 failed, 2 usage, 10 no model can be served, 11 the\ntime was over, 12 a service runs already, 130 Ctrl-C."
    )]
    Sweep(Box<SweepArgs>),
    /// Measure recipes of a model server: what `[measure]` starts in a sweep.
    #[command(hide = true)]
    Server(ServerArgs),
    /// Begin a run by hand: seal, build, measure, make its branch.
    ///
    /// Seals the locked files, builds, measures the baseline and makes the branch piton/<run>. The checkout is switched to that branch; no file changes. Then edit, and `piton trial -m "..."`.
    #[command(after_help = "Example: piton baseline --run nov20")]
    Baseline {
        /// Name of the run; today's date where absent.
        #[arg(long)]
        run: Option<String>,
        /// Print the baseline's record as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge the edit in this checkout: build, measure, keep or reset.
    ///
    /// Commits it and measures it in pairs against the best so far. Only the editable paths count. A kept edit moves the branch; any other is reset, and stays in git at
    /// refs/piton/<run>/trials/<n>. A process of its own carries the trial out: it goes on when this one is ended, and `piton wait`
    /// tells its verdict. Called again for the same edit meanwhile, it waits for the same trial. Ctrl-C on a terminal interrupts the
    /// trial, which is safe: the edit stays as it is.
    #[command(
        after_help = "Example: piton trial -m \"fuse the gate and up projections\"\n\nExit status: 0 kept, 10 discarded, 11 crashed, 12 not judged, 20 still under way: piton wait goes on with it."
    )]
    Trial {
        #[command(flatten)]
        words: ProposalWords,
        /// Wait so long for the verdict, e.g. 30s or 5m; 95s where absent, without limit on a terminal.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        wait: Option<Duration>,
        /// Print the trial's record as JSON, or where it is.
        #[arg(long)]
        json: bool,
    },
    /// Wait for the trial under way and print its verdict.
    ///
    /// Answers as `piton trial` would have: the same words, JSON and exit status. Where no trial is under way, it tells the verdict that
    /// nobody was told yet; where there is none, it says so and shows the last. Ctrl-C ends the waiting, not the trial.
    #[command(
        after_help = "Example: piton wait\n\nExit status: 0 kept, 10 discarded, 11 crashed, 12 not judged or nothing to wait for, 20 still under way."
    )]
    Wait {
        /// Wait so long, e.g. 30s or 5m; 95s where absent, without limit on a terminal.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        timeout: Option<Duration>,
        /// Print the trial's record as JSON, or where it is.
        #[arg(long)]
        json: bool,
    },
    /// Serve an agent over MCP, on standard input and output.
    ///
    /// The tools are status, run, wait, history and note. An agent starts it by itself, in the checkout where it edits: `piton init --agents` writes the .mcp.json for that. `run` has the
    /// edit judged as `piton trial` does; what it returns is what the commands print with --json, shortened, and their words.
    #[command(after_help = "Example: claude mcp add piton -- piton mcp")]
    Mcp {
        /// Longest that a call of `run` or `wait` blocks; 240s where the client is told of progress, else 50s, where absent.
        #[arg(long, value_name = "TIME", value_parser = duration)]
        block: Option<Duration>,
    },
    /// Find what to measure here, write its piton.toml, try it once.
    ///
    /// Finds benchmark, tests and sources in what is committed, of packages of Cargo (criterion, divan, programs), Python (pytest-benchmark,
    /// scripts), JavaScript (tinybench, mitata, scripts), Go, C and C++ (make, CMake, Meson, Google Benchmark), of a training script, of a
    /// query on SQLite. Writes piton.toml, program.md and, where needed, measure.sh; no file that is there is overwritten. Then builds and
    /// measures once behind the walls, in a place of its own, and says what it saw. With --agent an agent completes what does not work or has
    /// no check: behind walls, at most three times, and what it wrote is tried as any other. With --agents it writes what agents look for
    /// instead: AGENTS.md, CLAUDE.md, GEMINI.md, skills and .mcp.json; in files that are there, a marked block is added, or written
    /// anew, and the rest stays as it is.
    #[command(
        after_help = "Examples: piton init\n          piton init --bench parse --commit\n          piton init --agent claude --say 'startup time of the command line'\n          piton init --agents\n\nExit status: 0 done, 2 no such benchmark, 4 the files are written, and what they say could not be built or measured, or the agent could not complete them."
    )]
    Init(InitArgs),
    /// Accept, as a person, a trial that is held for one.
    ///
    /// Its edit is measured again, and kept where the rule says so. A gain beyond `[rule] implausible_pct` is held where the candidate's own process may have printed the figure: such a process can
    /// print anything. Read the edit first (`piton show N`). It is laid over the incumbent of now, and judged as a new trial whose record
    /// says that a person accepted it. Agents behind the walls cannot call this.
    #[command(
        after_help = "Example: piton log --reason held_implausible && piton show 3 && piton accept 3\n\nExit status: 0 kept, 3 it is not held or does not fit, 10 not shown again, 11 crashed, 12 not judged."
    )]
    Accept {
        /// Number of the trial.
        trial: u32,
        /// Who accepts it; your name in git where absent.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Measure the edit of a trial again that said too little of it.
    ///
    /// One that was void, or that fewer than three pairs ended (`given_up`). Its edit is laid over the incumbent of now and judged as a new trial, whose
    /// record names the old one. Each is measured again once; a climb does so by itself with what was void.
    #[command(
        after_help = "Example: piton log --reason given_up && piton again 7\n\nExit status: 0 kept, 3 it is judged already or does not fit, 10 discarded, 11 crashed, 12 not judged."
    )]
    Again {
        /// Number of the trial.
        trial: u32,
        #[command(flatten)]
        which: Which,
    },
    /// Carry out the trial that was asked for.
    #[command(hide = true)]
    Carry {
        /// In a session of its own already.
        #[arg(long)]
        away: bool,
    },
    /// Climb unattended: ask for an edit, try it, keep or reset, again.
    ///
    /// Works in a worktree of its own below .piton/, on the branch piton/<run>: your checkout and your branch
    /// are left alone. Without --agent the built-in tuner tries the constants declared in piton.toml. An agent that
    /// piton knows is started without a person, a fresh session for each proposal, and its events are read: a rate limit is
    /// waited for, a call that fails is no trial and is tried again, one that stalls is ended. Any other command is run by sh in that
    /// worktree, once for each proposal, with the path of a brief in $PITON_BRIEF; it may leave {"description": "...",
    /// "hypothesis": "...", "family": "...", "expected_gain": percent} at $PITON_PROPOSAL. Ctrl-C ends the trial in progress, records it as interrupted, and leaves everything whole.
    /// Hooks may also stand in ~/.config/piton/hooks.toml, e.g. on_stop = ["notify-send", "piton"].
    #[command(
        after_help = "Examples: piton climb --trials 6\n          piton climb --agent claude --for 8h --max-usd 20\n          piton climb --agent 'my-agent --brief $PITON_BRIEF' --for 8h\n\nExit status: 0 a limit was reached, 1 it ended because the agent is not let in, fails, or proposes nothing that runs."
    )]
    Climb(Box<ClimbArgs>),
    /// Run your own agent behind the walls that `climb` uses.
    ///
    /// It may write the editable paths of this checkout, a directory of its own and, where piton knows it by its name, a
    /// private copy of its settings, and nothing else: not .git, not the ledger, not results.tsv, nothing in your home
    /// directory. It keeps the network. `piton trial`, called inside, is carried out outside. While samples are taken, all
    /// that it started stands still.
    #[command(after_help = "Example: piton baseline --run nov20 && piton guard -- claude")]
    Guard {
        /// An adapter, *.toml, whose `[home]` says which settings it gets: for one that piton does not know by its name.
        #[arg(long, value_name = "FILE")]
        agent: Option<PathBuf>,
        /// Let it write this too. May be given again.
        #[arg(long = "allow-write", value_name = "PATH")]
        more: Vec<PathBuf>,
        /// The command and its arguments.
        #[arg(required = true, last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// List the agents that piton can drive: version and login.
    ///
    /// An agent may be installed or not. A login is seen by the name of a variable that is set or of a file that is there; nothing is read of either.
    #[command(after_help = "Example: piton agents\n         piton agents --show aider > mine.toml")]
    Agents {
        /// Print the adapter of this one: to read, or to begin one of your own with.
        #[arg(long, value_name = "AGENT")]
        show: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// End the climb at work, after the trial in progress or now.
    ///
    /// A climb that waits, for a rate limit for one, ends at once. With --now it ends as by Ctrl-C: the trial in progress is
    /// recorded as interrupted, and everything is left whole.
    #[command(
        after_help = "Example: piton stop\n\nExit status: 0 asked, or no climb is at work; 3 it is not the one you named."
    )]
    Stop {
        /// Do not wait for the trial in progress.
        #[arg(long)]
        now: bool,
        /// Only if it climbs this run.
        #[arg(long, value_name = "NAME")]
        run: Option<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Go on with the last climb and what is left of its limits.
    ///
    /// Its agent and its hooks are the same.
    #[command(after_help = "Example: piton resume")]
    Resume {
        /// The last climb of this run.
        #[arg(long, value_name = "NAME")]
        run: Option<String>,
        /// Print the trials of the run as JSON at the end.
        #[arg(long)]
        json: bool,
    },
    /// List the trials of a run: all, or those you ask for.
    ///
    /// The oldest comes first.
    #[command(
        after_help = "Examples: piton log --kept\n          piton log --reason gate --since 8h\n          piton log --experiments\n          piton log --status crash --json | jq -r '.[].description'"
    )]
    Log(LogArgs),
    /// Show one trial: verdict, gates, pairs, diff.
    #[command(after_help = "Example: piton show 3")]
    Show {
        /// Number of the trial; 0 is the baseline.
        trial: u32,
        /// Print what the rule was asked, as JSON for `piton replay`.
        #[arg(long)]
        pairs: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Show what differs in the editable files of two trials.
    ///
    /// Each is the number of a trial, `baseline` or `head`. What a trial changed from the incumbent that it was held against
    /// is in `piton show N`.
    #[command(after_help = "Examples: piton diff baseline head\n          piton diff 12 31")]
    Diff {
        /// The one.
        from: String,
        /// The other.
        to: String,
        #[command(flatten)]
        which: Which,
    },
    /// Compare two runs, and say what that does not show.
    #[command(after_help = "Example: piton compare nov19 nov20")]
    Compare {
        /// The one.
        one: String,
        /// The other.
        other: String,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show, hash and compare recipes of a server; put one into a file.
    ///
    /// A recipe is a model and a value for each knob of a server: recipe.toml, or the JSON that a sweep exports. `apply` changes the recipe's own keys in a configuration file, and no other byte of it.
    Recipe {
        #[command(subcommand)]
        command: RecipeCommand,
    },
    /// Write the trials of a run as CSV or JSON lines.
    ///
    /// CSV is for other programs; the JSON lines are the ledger's own records. Not as Parquet: the lightest crate that writes it brings twenty others, and any tool that reads Parquet reads CSV.
    #[command(after_help = "Example: piton export --format jsonl -o night.jsonl")]
    Export(ExportArgs),
    /// Import another tool's results as a run to look at.
    ///
    /// Reads those of karpathy/autoresearch, labloop and pi-autoresearch. They are that tool's claims: `log` and `report` show them as such, and nothing that climbs, verifies or audits sees them. They
    /// lie in .git/piton/imports, outside of the ledger.
    #[command(
        after_help = "Example: piton import results.tsv --from autoresearch --name march\n         piton report --run march"
    )]
    Import(ImportArgs),
    /// Write the report of a run: one page that needs no network.
    ///
    /// It has the staircase, every trial and its evidence. Written to .piton/report.html, which git overlooks; its path is printed. --md and --json go to standard output.
    /// Nothing else is changed.
    #[command(
        after_help = "Examples: piton report\n          piton report --md > pull-request.md\n          piton report --png --card -o card.png"
    )]
    Report(ReportArgs),
    /// Serve the report as a page that follows the run.
    ///
    /// It shows what goes on now, and has buttons to stop the climb and to leave a note. The same page as that of `piton report`, with the trial under way, its stage, its time, its pairs so far and how far the evidence is
    /// from either end; with the queue and what is left of the budget. It asks nothing of the network, and can be read without scripts. It
    /// reads only: a climb is not slowed, and may end and begin meanwhile. The address that it prints holds a token: who opens
    /// that address finds the buttons. Without the token, only this machine may look, and off loopback (--listen) nobody may. There is no
    /// TLS: over a network that others can read, use `ssh -L`. Ctrl-C ends it.
    #[command(after_help = "Example: piton serve\n         piton serve --listen 192.168.1.5:7480")]
    Serve(ServeArgs),
    /// Follow a run in the terminal.
    ///
    /// Shows the staircase, what goes on now, the last trials and what is left of the budget. Reads only, as `piton serve` does. Keys: q ends it, s asks the climb to end after the trial in progress, n leaves a note.
    #[command(after_help = "Example: piton watch\n         ssh -t box 'cd repo && piton watch'")]
    Watch {
        /// The run; the one at work where absent, else that of the present branch, else the latest.
        #[arg(long, value_name = "NAME")]
        run: Option<String>,
    },
    /// Measure a run anew: HEAD against its baseline, in fresh pairs.
    ///
    /// Measures 20 pairs. The gains printed with keeps are each biased upwards, because each was kept for having come out well; their sum is not the
    /// gain of the night. This is. With --each, every keep is measured once more against its own incumbent, and
    /// HEAD against HEAD without it: what no longer pays is marked.
    #[command(after_help = "Example: piton verify --each")]
    Verify {
        /// Every keep once more, too.
        #[arg(long)]
        each: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Make branches for review, with a commit for each kept idea.
    ///
    /// They begin at the run's baseline; each message holds the evidence. Says what it would make; --apply makes it. piton-final/<run>/all holds everything, in the order in which it was kept; an idea
    /// that shares no file with another also has a branch of its own, and the others one together (rest). A keep that the last
    /// `piton verify --each` of the present head found to pay no longer is left out, where nothing is built on it. Your
    /// checkout, index, HEAD and branches stay as they are, and no branch that is there is written.
    #[command(
        after_help = "Examples: piton finalize --verify\n          piton finalize --apply && git log -p main..piton-final/nov20/all"
    )]
    Finalize(FinalizeArgs),
    /// Explain the rule: what its settings mean, on this machine.
    Rule {
        #[command(subcommand)]
        command: RuleCommand,
    },
    /// Attack this experiment with cheating agents, in a scratch copy.
    ///
    /// Takes a clone of HEAD below .git/piton, begins a run in it and tries one attack after another, each by a climb of this binary:
    /// forged scores, edits of locked files, daemons, tampering with refs and configuration, and against the built-in candidate
    /// wrong answers and everything that its walls must stop. Says how each ended, and whether ledger, harness, processes, incumbent
    /// and repository are as they were. Your checkout and your runs are left alone.
    #[command(
        after_help = "Example: piton redteam --only ledger\n\nExit status: 0 every attack held, 1 one got through."
    )]
    Redteam {
        /// Only attacks whose name, or whose idea, contains this; may be given several times.
        #[arg(long, value_name = "TEXT")]
        only: Vec<String>,
        /// List what would be tried, by ideas and their spellings, and try nothing.
        #[arg(long, conflicts_with_all = ["only", "in_place"])]
        list: bool,
        /// Attack this very repository: for a clone that you will throw away.
        #[arg(long)]
        in_place: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check this machine: walls, noise, the smallest gain it resolves.
    ///
    /// Also shows what else the machine is doing. With `--try`, also build and measure the present commit once behind the walls, and list what they refused with the lines of
    /// piton.toml that open it.
    #[command(after_help = "Example: piton doctor --try\n\nExit status: 0 fit, 1 unfit.")]
    Doctor {
        /// Build and measure the present commit once, and list what the walls refused.
        #[arg(long = "try")]
        attempt: bool,
        /// Measure so many pairs of the present commit against itself, and compare the clocks by which they can be judged.
        #[arg(long, value_parser = clap::value_parser!(u32).range(3..=1000))]
        pairs: Option<u32>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Judge a recorded trial again: the same pairs, the same answer.
    ///
    /// FILE holds what `piton show N --pairs` prints: settings, tau and the gain d of every pair, as JSON. `-` reads standard input.
    #[command(after_help = "Example: piton show 3 --pairs | piton replay -")]
    Replay {
        /// The case.
        file: PathBuf,
    },
    /// Finish what a kill or a power cut left undone.
    ///
    /// Says what that was. Every command that writes does this by itself when it starts. Trials on their way are ended as void or carried out, refs and
    /// table are put back as the ledger has them, processes and lock files that were left are removed. A file that you
    /// edited stays as it is.
    #[command(
        after_help = "Example: piton recover --json\n\nExit status: 0 everything is as it should be, 3 another piton is at work."
    )]
    Recover {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check that ledger, refs, commits and table agree.
    ///
    /// Says exactly what does not. Checks the chain of hashes through the whole ledger; and of every run, or of one, the refs of its trials, its branch, the
    /// parents, trees and trailers of its commits, the seal, the harness and the artifacts that are there, and results.tsv.
    /// Nothing is changed.
    #[command(
        after_help = "Example: piton audit --json | jq -r '.faults[]'\n\nExit status: 0 everything agrees, 1 not."
    )]
    Audit {
        #[command(flatten)]
        which: Which,
    },
    /// Show where a run stands.
    #[command(after_help = "Examples: piton status --json | jq .gain_pct\n          piton status --plot")]
    Status {
        /// Draw the staircase below, in characters.
        #[arg(long)]
        plot: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Print what the agent reads before its next proposal.
    ///
    /// Goal, limits, best so far, noise, the incumbent's diff, what was kept, the last trials, families of ideas with their failures, near
    /// misses, notes, and one directive: at most 18,000 bytes however long the run is.
    #[command(after_help = "Example: piton brief | less")]
    Brief {
        #[command(flatten)]
        which: Which,
    },
    /// Show where the time of the best so far goes
    ///
    /// Builds and measures it once more under perf, py-spy, or the profiler of node or Go itself, behind the same walls as a trial, and prints the hottest
    /// functions, each with its hottest line. What cargo builds gets names of lines for it, and is otherwise the same. Nothing is recorded: a
    /// profile is no measurement. `piton climb --profile` tells agents.
    #[command(after_help = "Example: piton profile --with perf\n\nExit status: 1 where nothing was profiled")]
    Profile(ProfileArgs),
    /// Search what was tried, kept or not: by words, or by an edit.
    ///
    /// Words are sought in descriptions, hypotheses, families, reasons and changed lines; best first. With --diff they are sought in
    /// changed lines only; --diff without words finds trials whose edit is like the one in this checkout.
    #[command(after_help = "Example: piton search unroll loop\n         piton search --diff")]
    Search(SearchArgs),
    /// Experiments on piton itself: noise, simulate and others.
    ///
    /// A climb needs none of them. Their old spellings, without `lab`, are accepted, too.
    Lab {
        #[command(subcommand)]
        command: LabCommand,
    },
    /// The commands of the lab as they were written before it had a name of its own.
    #[command(flatten)]
    OldLab(LabCommand),
    /// Print a completion script for your shell.
    ///
    /// Where it goes differs from shell to shell; for bash it is ~/.local/share/bash-completion/completions/piton, for fish
    /// ~/.config/fish/completions/piton.fish, for zsh a file _piton in a directory of $fpath.
    #[command(after_help = "Example: source <(piton completions bash)")]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one for each command.
    #[command(after_help = "Examples: piton man | man -l -\n          piton man ~/.local/share/man/man1")]
    Man {
        /// Write piton.1, piton-climb.1 and so on here; an older page of that name is replaced.
        #[arg(value_name = "DIR")]
        to: Option<PathBuf>,
    },
    /// Print the JSON schema of piton.toml, for your editor.
    ///
    /// An editor that knows schemas completes keys, explains them and marks a wrong one. One that asks taplo (Even Better TOML) finds it by
    /// a first line in piton.toml: `#:schema ./.git/piton.schema.json`.
    #[command(after_help = "Example: piton schema > .git/piton.schema.json")]
    Schema,
    /// Leave an idea for later proposals.
    ///
    /// It is kept in the ledger and printed in the brief. Can be used while a climb is at work, and inside `piton guard`. For guidance rather than an idea write .piton/guidance.md: it
    /// takes effect at the next proposal.
    #[command(after_help = "Example: piton note \"the cache is read twice for every token\"")]
    Note {
        /// The idea.
        #[arg(value_name = "TEXT")]
        text: String,
        /// Who leaves it; `human` where absent.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// List the notes of a run, oldest first.
    #[command(after_help = "Example: piton notes --json | jq -r '.[].text'")]
    Notes {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RuleCommand {
    /// Say in plain words what the present settings mean, and how many pairs changes of several sizes take.
    #[command(after_help = "Example: piton rule explain")]
    Explain {
        /// Print the settings and the forecast as JSON.
        #[arg(long)]
        json: bool,
    },
}
