//! One sample of one side, by the command that the experiment names.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::Built;
use crate::config::{Measure, fill};
use crate::confine::{self, Own, Walls};
use crate::error;
use crate::metric::{self, Format, LONGEST_LINE, ReadError, Reader, Values};
use crate::proc::{self, Done, End, Job, Runner};
use crate::toolchains;
use crate::words::clean;

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
    /// A directory for each sample's own files.
    pub private: PathBuf,
    /// Where output goes.
    pub logs: PathBuf,
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
    },
    /// It took too long.
    TimedOut,
    /// The user stopped it.
    Interrupted,
}

impl Sampled {
    /// Why there are no values, in words; `limit_s` is the limit of a sample.
    pub fn words(&self, limit_s: u64) -> String {
        match self {
            Self::Measured(_) => "it was measured".to_owned(),
            Self::Failed { how, reason } => format!("{how}: {reason}"),
            Self::TimedOut => format!("a sample took longer than {limit_s} s"),
            Self::Interrupted => proc::STOPPED.to_owned(),
        }
    }
}

impl Bench<'_> {
    /// Measures `side` once on the prompts of `seed`, its environment made longer by `padding` bytes.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn sample(&self, side: &Built, seed: u64, padding: u32) -> error::Result<Sampled> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let (tree, sealed, seed) = (text(&side.tree), text(&self.harness.tree), seed.to_string());
        let artifact = side.artifact.as_deref().map(text).unwrap_or_default();
        let harness = self.harness.artifact.as_deref().map(text).unwrap_or_default();
        let (home, opens) = (text(&toolchains::home()), self.measure.opens());
        let values: [(&str, &str); 6] = [
            ("tree", &tree),
            ("sealed", &sealed),
            ("seed", &seed),
            ("artifact", &artifact),
            ("harness", &harness),
            ("home", &home),
        ];
        let mut argv = fill(&self.measure.command, &values);
        argv[0] = proc::absolute(&argv[0]);
        confine::private(&self.private)?;
        let env = if self.measure.network { proc::network_env() } else { proc::bare_env() };
        let mut env = confine::private_env(env, &self.private);
        env.extend(confine::asked_env(&opens, &values));
        env.push(("PITON_CONFINEMENT".into(), self.walls.least().word().into()));
        env.push(("PITON_SEED".into(), seed.clone().into()));
        env.push(("PITON_PADDING".into(), "x".repeat(padding as usize).into()));
        let sides = [
            Some(&side.tree),
            side.artifact.as_ref(),
            Some(&self.harness.tree),
            self.harness.artifact.as_ref(),
        ];
        let read = [confine::named(&argv), sides.into_iter().flatten().cloned().collect()].concat();
        let mut write = vec![self.private.clone()];
        // Without an artifact, the side is its tree, and a command may build in it.
        write.extend(side.artifact.is_none().then(|| side.tree.clone()));
        let own = Own { read, write, network: self.measure.network, private: &self.private, env: &env };
        let policy = self.walls.measure(&opens, own);
        let done = self.runner.run(&Job {
            argv: &argv,
            cwd: &side.tree,
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
            Sampled::Failed { how, reason } => {
                let why = self.walls.explain("measure", &policy, [&done.stderr, &done.stdout]);
                let why = why.map_or_else(String::new, |why| format!("; {}", clean(&why, LINE)));
                Sampled::Failed { how, reason: reason + &why }
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
        let format = self.measure.format;
        if format == Format::Json {
            return metric::read(&done.stdout, format, &self.needed);
        }
        let mut reader = Reader::new(format, &self.needed);
        each_line(&self.printed(), |line| reader.line(line)).map_err(|e| ReadError::Lost(e.to_string()))?;
        reader.finish()
    }

    fn judge(&self, done: &Done) -> Sampled {
        let failed = |how: &str, reason: String| Sampled::Failed { how: how.to_owned(), reason };
        let read = self.read(done);
        let last = || {
            let last = done.stderr.lines().rev().find(|line| !line.trim().is_empty());
            last.map_or_else(|| "it printed nothing".to_owned(), |line| clean(line, LINE))
        };
        match (&done.end, read) {
            (End::Interrupted, _) => Sampled::Interrupted,
            (End::TimedOut, _) => Sampled::TimedOut,
            (End::Exited(0), Ok(values)) => Sampled::Measured(values),
            // The harness says what happened in its own words, and exits with a status.
            (_, Err(ReadError::Refused { kind, reason })) => failed(&kind, reason),
            (End::Exited(0), Err(error)) => failed("unreadable", error.to_string()),
            (End::Exited(status), _) => failed("failed", format!("exit status {status}: {}", last())),
            (End::Signalled(signal), _) => failed("failed", format!("ended by signal {signal}: {}", last())),
        }
    }
}

/// Hands out every line of a file, without its end; one longer than [`LONGEST_LINE`] is passed over.
fn each_line(path: &Path, mut take: impl FnMut(&str)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = vec![];
    loop {
        line.clear();
        if (&mut file).take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.len() > LONGEST_LINE && line.last() != Some(&b'\n') {
            file.skip_until(b'\n')?;
        } else {
            take(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        }
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
    fn a_line_beyond_the_limit_is_passed_over_whole_and_its_end_is_not_taken_for_a_line() {
        let long = "x".repeat(LONGEST_LINE - 7) + "METRIC tps=9\nMETRIC tps=1";
        assert_eq!(lines(long.as_bytes()), ["METRIC tps=1"]);
        let fits = "x".repeat(LONGEST_LINE);
        assert_eq!(lines(format!("{fits}\nb").as_bytes()), [fits.as_str(), "b"]);
    }
}
