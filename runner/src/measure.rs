//! One sample of one side, by the command that the experiment names.

mod here;
mod wash;

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::beneath;
use crate::build::Built;
use crate::config::{Measure, fill};
use crate::confine::{self, Own, Walls};
use crate::crash::Crash;
use crate::error;
use crate::hold::Stillness;
use crate::metric::{self, LONGEST_LINE, ReadError, Reader, Values};
use crate::place::Place;
use crate::proc::{self, Done, End, Job, Runner};
use crate::scope;
use crate::toolchains;
use crate::words::clean;

use here::Here;
pub use wash::Wash;

/// Everything that a sample needs apart from the side and the seed.
pub struct Bench<'a> {
    /// What starts the command.
    pub runner: &'a Runner,
    /// The command.
    pub measure: &'a Measure,
    /// Metrics that must be there.
    pub needed: Vec<&'a str>,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
    /// What it is started behind.
    pub walls: &'a Walls,
    /// Where trees lie, outside of every repository.
    pub place: &'a Place,
    /// Where output goes.
    pub logs: PathBuf,
    /// Has guarded agents stand still, from the first sample on.
    pub stillness: Stillness,
    /// Undoes what the sample before may have done to the machine.
    pub wash: Wash,
}

/// Most of a command's last line that is told, in characters.
const LINE: usize = 1000;

/// How a sample ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Sampled {
    /// It has values.
    Measured(Values),
    /// It has none.
    Failed {
        /// The harness's word, or `failed`.
        how: String,
        /// One sentence.
        reason: String,
        /// The last lines of what it printed.
        tail: String,
    },
    /// It took too long.
    TimedOut,
    /// What should be measured is not what was built any more: nothing was started.
    Changed(String),
    /// The user stopped it.
    Interrupted,
}

impl Sampled {
    /// Why there are no values, in words; `limit_s` is the limit of a sample.
    pub fn words(&self, limit_s: u64) -> String {
        match self {
            Self::Measured(_) => "it was measured".to_owned(),
            Self::Failed { how, reason, .. } => format!("{how}: {reason}"),
            Self::TimedOut => format!("a sample took longer than {limit_s} s"),
            Self::Changed(what) => format!("nothing was measured: {what}"),
            Self::Interrupted => proc::STOPPED.to_owned(),
        }
    }
}

impl Sampled {
    /// The last lines of what a command printed that failed.
    pub fn tail(&self) -> &str {
        if let Self::Failed { tail, .. } = self { tail } else { "" }
    }
}

impl Bench<'_> {
    /// Measures `side` once on the prompts of `seed`, its environment made longer by `padding` bytes.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn sample(&self, side: &Built, seed: u64, padding: u32) -> error::Result<Sampled> {
        if let Some(what) = side.changed().or_else(|| self.harness.changed()) {
            return Ok(Sampled::Changed(what));
        }
        self.stillness.begin();
        let here = Here::lay(self.place, side, self.measure.tree)?;
        let sampled = self.run(&here, side, &self.place.at()?.join("private"), seed, padding);
        here.clear()?;
        sampled
    }

    fn run(
        &self,
        laid: &Here,
        side: &Built,
        private: &Path,
        seed: u64,
        padding: u32,
    ) -> error::Result<Sampled> {
        let root = &laid.tree;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let within = &self.measure.within;
        let (here, sealed) = (scope::below(root, within), scope::below(&self.harness.tree, within));
        let (tree, sealed, seed) = (text(&here), text(&sealed), seed.to_string());
        let artifact = laid.artifact.as_deref().map(text).unwrap_or_default();
        let harness = self.harness.artifact.as_deref().map(text).unwrap_or_default();
        let (home, opens) = (text(&toolchains::home()), self.measure.opens());
        let root_text = text(root);
        let values: [(&str, &str); 7] = [
            ("tree", &tree),
            ("root", &root_text),
            ("sealed", &sealed),
            ("seed", &seed),
            ("artifact", &artifact),
            ("harness", &harness),
            ("home", &home),
        ];
        let mut argv = fill(&self.measure.command, &values);
        argv[0] = proc::absolute(&argv[0]);
        confine::private(private)?;
        let shared = || {
            let asked = self.measure.read.iter().map(|path| confine::placed(path));
            let open = side.open.iter().chain(&self.harness.open).cloned();
            self.harness.files().chain(asked).chain(open).chain(confine::named(&argv)).collect()
        };
        let written = self.measure.write.iter().map(|path| confine::placed(path));
        self.wash.wash(shared, &written.chain([laid.scratch.clone()]).collect::<Vec<_>>());
        let env = if self.measure.network { proc::network_env() } else { proc::bare_env() };
        let mut env = confine::private_env(env, private);
        env.extend(confine::asked_env(&opens, &values));
        env.push(("PITON_CONFINEMENT".into(), self.walls.least().word().into()));
        env.push(("PITON_SEED".into(), seed.clone().into()));
        env.push(("PITON_PADDING".into(), "x".repeat(padding as usize).into()));
        let sealed = [Some(&self.harness.tree), self.harness.artifact.as_ref()];
        let open = side.open.iter().chain(&self.harness.open);
        // Who looks upwards may list what is above, too: nothing but this side's own. Nothing else of it is open: the tree that was built and
        // the artifact that is kept would tell by their paths and times which side this is.
        let read = [
            confine::named(&argv),
            sealed.into_iter().flatten().chain(open).cloned().collect(),
            vec![laid.scratch.clone()],
        ]
        .concat();
        let mut write = vec![private.to_owned()];
        write.extend(laid.writable().cloned());
        let own = Own { read, write, network: self.measure.network, private, env: &env };
        let policy = self.walls.measure(&opens, own);
        let done = self.runner.run(&Job {
            argv: &argv,
            cwd: &here,
            env,
            policy: Some(&policy),
            stdout: self.printed(),
            stderr: self.logs.join("sample.log"),
            timeout: Duration::from_secs(self.measure.timeout_s),
            gently: false,
            seen: None,
            stdin: None,
            watch: None,
            heedless: false,
        })?;
        Ok(match self.judge(&done) {
            Sampled::Failed { how, reason, tail } => {
                let why = self.walls.explain("measure", &policy, [&done.stderr, &done.stdout]);
                let why = why.map_or_else(String::new, |why| format!("; {}", clean(&why, LINE)));
                Sampled::Failed { how, reason: reason + &why, tail }
            }
            sampled => {
                // One that ended well may have been refused what it can do without.
                let _ = self
                    .walls
                    .notes()
                    .then(|| self.walls.explain("measure", &policy, [&done.stderr, &done.stdout]));
                sampled
            }
        })
    }

    fn printed(&self) -> PathBuf {
        self.logs.join("sample.out")
    }

    /// The values. A JSON object stands at the end of the output; metric lines may stand anywhere, and one that was printed again
    /// after a gigabyte of something else was printed twice all the same.
    fn read(&self, done: &Done) -> Result<Values, ReadError> {
        let how = self.measure.reading();
        let mut reader = Reader::new(&how, &self.needed);
        if reader.wants_lines() {
            each_line(&self.printed(), |line| reader.line(line))
                .map_err(|e| ReadError::Lost(e.to_string()))?;
        }
        reader.end(&done.stdout);
        reader.finish()
    }

    /// Why an output gave no values, and what would read it.
    fn unreadable(&self, done: &Done, error: &ReadError) -> String {
        let other = match error {
            ReadError::NoJson(_) | ReadError::Missing { .. } => {
                metric::other_format(&done.stdout, self.measure.format, &self.needed)
            }
            _ => None,
        };
        let advice = other.map_or_else(String::new, |other| {
            format!("; `format = \"{}\"` in [measure] would read it", other.word())
        });
        clean(&format!("{error}{advice}"), LINE)
    }

    fn judge(&self, done: &Done) -> Sampled {
        let read = self.read(done);
        let crash = || Crash::of(&done.stderr, &done.stdout);
        let failed =
            |how: &str, reason: String| Sampled::Failed { how: how.to_owned(), reason, tail: crash().tail };
        match (&done.end, read) {
            (End::Interrupted, _) => Sampled::Interrupted,
            (End::TimedOut, _) => Sampled::TimedOut,
            (End::Exited(0), Ok(values)) => Sampled::Measured(values),
            // The harness says what happened in its own words, and exits with a status.
            (_, Err(ReadError::Refused { kind, reason })) => failed(&kind, reason),
            (End::Exited(0), Err(error)) => failed("unreadable", self.unreadable(done, &error)),
            (End::Exited(status), _) => failed("failed", format!("exit status {status}: {}", crash().reason)),
            (End::Signalled(signal), _) => {
                failed("failed", format!("ended by {}: {}", signal_name(*signal), crash().reason))
            }
        }
    }
}

/// A signal as people know it.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        4 => "SIGILL, an instruction that this processor does not have",
        6 => "SIGABRT, its own abort",
        7 => "SIGBUS, memory that is not there",
        8 => "SIGFPE, arithmetic that has no result",
        9 => "SIGKILL, by the system where memory ran out, or by somebody",
        11 => "SIGSEGV, memory that is not its own",
        24 => "SIGXCPU, too much processor time",
        25 => "SIGXFSZ, a file that is too large",
        31 => "SIGSYS, a system call that the walls do not let pass",
        other => return format!("signal {other}"),
    };
    format!("signal {signal} ({name})")
}

/// Hands out every line of a file, without its end; one longer than [`LONGEST_LINE`] is passed over. A carriage return begins a
/// line again, as on a terminal: of an hour of a progress bar, its last state is the line.
fn each_line(path: &Path, mut take: impl FnMut(&str)) -> io::Result<()> {
    let mut file = BufReader::new(beneath::open(path)?);
    let mut line = vec![];
    let (mut too_long, mut returned) = (false, false);
    let mut hand_out = |line: &[u8], too_long: bool| {
        if !too_long {
            take(&String::from_utf8_lossy(line));
        }
    };
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            if !line.is_empty() {
                hand_out(&line, too_long);
            }
            return Ok(());
        }
        let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let (part, mark) = (&bytes[..end.unwrap_or(bytes.len())], end.map(|end| bytes[end]));
        if returned && !part.is_empty() {
            line.clear();
            (too_long, returned) = (false, false);
        }
        let room = LONGEST_LINE - line.len();
        line.extend_from_slice(&part[..part.len().min(room)]);
        too_long |= part.len() > room;
        match mark {
            Some(b'\n') => {
                hand_out(&line, too_long);
                line.clear();
                (too_long, returned) = (false, false);
            }
            Some(_) => returned = true,
            None => {}
        }
        let used = end.map_or(bytes.len(), |end| end + 1);
        file.consume(used);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut lines = vec![];
        each_line(file.path(), |line| lines.push(line.to_owned())).unwrap();
        lines
    }

    #[test]
    fn every_line_is_handed_out_and_what_is_no_text_does_no_harm() {
        assert_eq!(lines(b"a\r\n\n\xff\0b\nlast"), ["a", "", "\u{fffd}\0b", "last"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn a_line_that_was_written_over_is_what_was_written_last() {
        assert_eq!(lines(b"10%\r20%\rscore: 5\nx\r\r\n\rb\r"), ["score: 5", "x", "b"]);
        let bar = b"....................\r".repeat(LONGEST_LINE / 10);
        assert_eq!(lines(&[&bar[..], b"tps: 1\n"].concat()), ["tps: 1"]);
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_whole_and_its_end_is_not_taken_for_a_line() {
        let long = "x".repeat(LONGEST_LINE - 7) + "METRIC tps=9\nMETRIC tps=1";
        assert_eq!(lines(long.as_bytes()), ["METRIC tps=1"]);
        let fits = "x".repeat(LONGEST_LINE);
        assert_eq!(lines(format!("{fits}\nb").as_bytes()), [fits.as_str(), "b"]);
    }
}
