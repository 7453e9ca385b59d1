//! One sample of one side, by the command that the experiment names.

mod here;
mod meter;
mod pair;
mod report;
mod walled;
mod wash;

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::build::Built;
use piton_agent::hold::AgentPause;
use piton_core::base::error::{self, Context};
use piton_core::base::metric::{
    self, LONGEST_LINE, Metric, OVERLAP, ReadError, ReadOptions, Reader, ReportFile, Values, Wants,
};
use piton_core::trial::crash::Crash;
use piton_core::trial::scope;
use piton_core::trial::text::clean;
use piton_system::beneath;
use piton_system::config::{Measure, fill};
use piton_system::process::{self, Done, End, Job, Metering, Runner};
use piton_system::sandbox::{self, Walls};
use piton_system::state_home::Place;
use piton_system::toolchains;
use piton_system::tree::{self, Seal};

pub(crate) use here::LaidSide;
pub use pair::PairSampled;
pub(crate) use report::{Left, Report};
pub(crate) use walled::WalledCommand;
pub use wash::Wash;

/// Everything that a sample needs apart from the side and the seed.
pub struct Sampler<'a> {
    /// What starts the command.
    pub runner: &'a Runner,
    /// The command.
    pub measure: &'a Measure,
    /// What is climbed.
    pub metric: &'a Metric,
    /// Metrics that must stand in what it prints.
    pub needed: Vec<&'a str>,
    /// Whether piton's own meters read it.
    pub metered: bool,
    /// The sealed tree and the harness.
    pub harness: &'a Built,
    /// What it is started behind.
    pub walls: &'a Walls,
    /// Where trees lie, outside of every repository.
    pub place: &'a Place,
    /// Where output goes.
    pub logs: PathBuf,
    /// Has guarded agents stand still, from the first sample on.
    pub agent_pause: AgentPause,
    /// Undoes what the sample before may have done to the machine.
    pub wash: Wash,
    /// How many times the work of one sample is done: `{scale}`.
    pub scale: u32,
    /// Who looks on from outside of the walls; absent for whatever is measured.
    pub profiler: Option<&'a SampleProfiler<'a>>,
}

/// A profiler of one sample.
pub struct SampleProfiler<'a> {
    /// What starts the measuring command, from outside of its walls; empty where it needs nobody.
    pub under: Vec<String>,
    /// Is called when the command has ended, while its tree is there.
    pub after: &'a dyn Fn() -> error::Result<()>,
}

/// Length of a part of an output that is looked through, in bytes.
const PART: u64 = 256 << 10;
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
            Self::Interrupted => process::STOPPED.to_owned(),
        }
    }
}

/// This program's own file: what `{piton}` stands for.
fn own_program() -> error::Result<String> {
    let own = std::env::current_exe().context("no sample was taken: piton does not find its own program")?;
    Ok(own.to_string_lossy().into_owned())
}

impl Sampled {
    /// The last lines of what a command printed that failed.
    pub fn tail(&self) -> &str {
        if let Self::Failed { tail, .. } = self { tail } else { "" }
    }
}

impl Sampler<'_> {
    /// Measures `side` once on the prompts of `seed`, its environment made longer by `padding` bytes.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn sample(&self, side: &Built, seed: u64, padding: u32) -> error::Result<Sampled> {
        if let Some(what) = side.changed().or_else(|| self.harness.changed()) {
            return Ok(Sampled::Changed(what));
        }
        self.agent_pause.begin();
        let place = self.place.at()?;
        let here = LaidSide::lay(self.place, side, self.measure.tree)?;
        let private = place.join("private");
        sandbox::private(&private)?;
        let what = "no sample was taken: there is no place for its report";
        let within = &self.measure.within;
        let report = Report::of(self.measure, &scope::below(&here.tree, within), &private).context(what)?;
        let in_commit = match &report {
            Some(report) => report.clear(within, &side.held).context(what)?,
            None => None,
        };
        if let Some(reason) = in_commit {
            here.clear()?;
            return Ok(Sampled::Failed { how: "unreadable".to_owned(), reason, tail: String::new() });
        }
        let what = "no sample was taken: what is sealed in its tree was not held";
        let writes = here.writable().is_some();
        let seal = writes.then(|| Seal::lay(&here.tree, &side.held, false)).transpose().context(what)?;
        let list = place.join("held");
        let listed = seal.as_ref().map(|seal| seal.list(&list)).transpose().context(what)?;
        let list = listed.unwrap_or(false).then_some(list);
        let sampled =
            self.run(&here, side, (&private, report.as_ref()), (seal.as_ref(), list), seed, padding);
        drop(seal);
        let looked = self.profiler.map_or(Ok(()), |profiler| (profiler.after)());
        here.clear()?;
        looked.and(sampled)
    }

    fn run(
        &self,
        laid: &LaidSide,
        side: &Built,
        (private, report): (&Path, Option<&Report>),
        (seal, list): (Option<&Seal>, Option<PathBuf>),
        seed: u64,
        padding: u32,
    ) -> error::Result<Sampled> {
        let root = &laid.tree;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let within = &self.measure.within;
        let (here, sealed) = (scope::below(root, within), scope::below(&self.harness.tree, within));
        let (tree, sealed, seed) = (text(&here), text(&sealed), seed.to_string());
        let scale = self.scale.to_string();
        let artifact = laid.artifact.as_deref().map(text).unwrap_or_default();
        let harness = self.harness.artifact.as_deref().map(text).unwrap_or_default();
        let (home, opens) = (text(&toolchains::home()), self.measure.opens());
        let root_text = text(root);
        let out = sandbox::RESULT.to_string();
        let report_text = report.map(|report| text(&report.place())).unwrap_or_default();
        let piton = own_program()?;
        let values: [(&str, &str); 11] = [
            ("piton", &piton),
            ("tree", &tree),
            ("root", &root_text),
            ("sealed", &sealed),
            ("seed", &seed),
            ("scale", &scale),
            ("artifact", &artifact),
            ("harness", &harness),
            ("home", &home),
            ("out", &out),
            ("report", &report_text),
        ];
        let mut argv = fill(&self.measure.command, &values);
        argv[0] = process::absolute(&argv[0]);
        let shared = || {
            let asked = self.measure.read.iter().map(|path| sandbox::placed(path));
            let open = side.open.iter().chain(&self.harness.open).cloned();
            self.harness.files().chain(asked).chain(open).chain(sandbox::named(&argv)).collect()
        };
        let written = self.measure.write.iter().map(|path| sandbox::placed(path));
        self.wash.wash(shared, &written.chain([laid.scratch.clone()]).collect::<Vec<_>>());
        let command = WalledCommand {
            walls: self.walls,
            opens,
            harness: self.harness,
            sides: &[side],
            scratch: &laid.scratch,
            private,
            argv: &argv,
            names: &self.measure.names,
            values: &values,
            seed: &seed,
            write: laid.writable().cloned().into_iter().collect(),
            held: list,
            result: self.measure.result().then(|| self.result()),
        };
        let (mut env, mut policy) = command.prepare()?;
        env.push(("PITON_PADDING".into(), "x".repeat(padding as usize).into()));
        let size = laid.artifact.as_deref().unwrap_or(&here);
        let meter = self
            .metered
            .then(|| meter::begin(&self.logs, self.measure.repeat * self.scale, size))
            .transpose()?;
        policy.opened.meter = meter.as_ref().map(|(metering, _)| metering.clone());
        // Whoever plants something is ended there and then: nothing that follows is a measurement.
        let watch = |_| seal?.planted().map(|_| End::Signalled(9));
        let done = self.runner.run(&Job {
            under: self.profiler.map_or(&[][..], |profiler| &profiler.under),
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
            watch: Some(&watch),
            heedless: false,
        })?;
        let broken =
            seal.map(Seal::broken).transpose().context("no sample was taken: its tree cannot be read")?;
        if let Some(what) = broken.flatten().filter(|_| done.end != End::Interrupted) {
            let tail = Crash::of(&done.stderr, &done.stdout).tail;
            let (how, reason) = ("tampered".to_owned(), tree::tampered("sample", &what));
            return Ok(Sampled::Failed { how, reason, tail });
        }
        Ok(match self.judge(&done, report, meter.as_ref()) {
            Sampled::Failed { how, reason, tail } => {
                let why = self.walls.explain("measure", &policy, [&done.stderr, &done.stdout]);
                let why = why.or_else(|| tree::refused(seal.is_some(), [&done.stderr, &done.stdout]));
                let why = why.map_or_else(String::new, |why| format!("; {}", clean(&why, LINE)));
                Sampled::Failed { how, reason: reason + &why, tail }
            }
            sampled => {
                // One that ended well may have been refused what it can do without.
                let _ = self
                    .walls
                    .records_refusals()
                    .then(|| self.walls.explain("measure", &policy, [&done.stderr, &done.stdout]));
                sampled
            }
        })
    }

    fn printed(&self) -> PathBuf {
        self.logs.join("sample.out")
    }

    /// What takes the result where it is not what is printed.
    fn result(&self) -> PathBuf {
        self.logs.join("sample.result")
    }

    /// Where the values stand, and the end of it: all of it, where it is one document.
    fn output(&self, done: &Done, report: Option<&PathBuf>) -> (PathBuf, String) {
        let path = match report {
            Some(copy) => copy.clone(),
            None if self.measure.result() => self.result(),
            None if !self.measure.format.is_a_document() => return (self.printed(), done.stdout.clone()),
            None => self.printed(),
        };
        let whole = report.is_some() || self.measure.format.is_a_document();
        let end = process::tail(&path, if whole { report::MOST_BYTES } else { process::TAIL_BYTES });
        (path, end)
    }

    /// The values. A JSON object stands at the end of the output; metric lines may stand anywhere, and one that was printed again
    /// after a gigabyte of something else was printed twice all the same.
    fn read(&self, path: &Path, end: &str) -> Result<Values, ReadError> {
        let how = self.reading();
        let mut reader = Reader::new(&how, &self.needed);
        let lost = |e: io::Error| ReadError::Lost(e.to_string());
        match reader.wants() {
            Wants::Lines => each_line(path, |raw, line| reader.line(raw, line)).map_err(lost)?,
            Wants::Parts => each_part(path, |bytes, known| reader.part(bytes, known)).map_err(lost)?,
            Wants::End => {}
        }
        reader.end(end);
        reader.finish()
    }

    /// Why an output gave no values, and what would read it.
    fn unreadable(&self, end: &str, error: &ReadError) -> String {
        if self.measure.result() && end.trim().is_empty() {
            return format!(
                "nothing was written to the descriptor {} that stands for {{out}}: `echo ... >&{}` in sh, os.write({}, ...) in Python",
                sandbox::RESULT,
                sandbox::RESULT,
                sandbox::RESULT
            );
        }
        let other = match error {
            ReadError::NoJson(_) | ReadError::Missing { .. } => {
                metric::other_format(end, self.measure.format, &self.needed)
            }
            _ => None,
        };
        let advice = other.map_or_else(String::new, |other| {
            format!("; `format = \"{}\"` in [measure] would read it", other.word())
        });
        clean(&format!("{error}{advice}"), LINE)
    }

    fn reading(&self) -> ReadOptions {
        ReadOptions { mean: self.metric.mean(), ..self.measure.reading() }
    }

    /// The values of a directory that the command left.
    fn read_directory(&self, files: &[ReportFile]) -> Result<Values, ReadError> {
        let how = self.reading();
        let mut reader = Reader::new(&how, &self.needed);
        reader.directory(files);
        reader.finish()
    }

    fn judge(&self, done: &Done, report: Option<&Report>, meter: Option<&(Metering, u64)>) -> Sampled {
        let left = report.map(|report| report.take(&self.logs.join("sample.report"))).transpose();
        let copy = if let Ok(Some(Left::File(copy))) = &left { Some(copy) } else { None };
        let (path, text) = self.output(done, copy);
        let read = match &left {
            // Where everything is metered, nothing that is printed is looked at.
            _ if self.needed.is_empty() && self.metered && self.metric.of.is_none() => Ok(Values::new()),
            Err(error) => Err(error.clone()),
            Ok(Some(Left::Directory(files))) => self.read_directory(files),
            Ok(_) => self.read(&path, &text),
        };
        let crash = || Crash::of(&done.stderr, &done.stdout);
        let failed =
            |how: &str, reason: String| Sampled::Failed { how: how.to_owned(), reason, tail: crash().tail };
        match (&done.end, read) {
            (End::Interrupted, _) => Sampled::Interrupted,
            (End::TimedOut, _) => Sampled::TimedOut,
            (End::Exited(0), Ok(mut values)) => {
                let Some((metering, size)) = meter else { return Sampled::Measured(values) };
                match meter::readings(metering, *size) {
                    Ok(readings) => {
                        readings.add_to(&mut values, self.metric, &self.needed.iter().copied().collect());
                        Sampled::Measured(values)
                    }
                    Err((how, reason)) => failed(how, reason),
                }
            }
            // The harness says what happened in its own words, and exits with a status.
            (_, Err(ReadError::Refused { kind, reason })) => failed(&kind, reason),
            (End::Exited(0), Err(error)) => failed("unreadable", self.unreadable(&text, &error)),
            (End::Exited(status), _) => failed("failed", format!("exit status {status}: {}", crash().reason)),
            (End::Signalled(signal), _) => {
                failed("failed", format!("ended by {}: {}", signal_name(*signal), crash().reason))
            }
        }
    }
}

/// A signal as people know it.
pub(crate) fn signal_name(signal: i32) -> String {
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

/// Hands out every line of a file, without its end: as it is, and what is a line of it. One longer than [`LONGEST_LINE`] is none, and comes in
/// parts. A carriage return begins a line again, as on a terminal: of an hour of a progress bar, its last state is the line.
fn each_line(path: &Path, mut take: impl FnMut(&[u8], Option<&str>)) -> io::Result<()> {
    let mut file = BufReader::new(beneath::open(path)?);
    let (mut raw, mut line) = (vec![], vec![]);
    let (mut too_long, mut returned) = (false, false);
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            if !raw.is_empty() {
                hand_out(&raw, &line, too_long, &mut take);
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
        raw.extend_from_slice(part);
        match mark {
            Some(b'\n') => {
                hand_out(&raw, &line, too_long, &mut take);
                raw.clear();
                line.clear();
                (too_long, returned) = (false, false);
            }
            Some(other) => {
                raw.push(other);
                returned = true;
            }
            None => {}
        }
        if raw.len() > LONGEST_LINE + OVERLAP {
            take(&raw, None);
            raw.drain(..raw.len() - OVERLAP);
        }
        let used = end.map_or(bytes.len(), |end| end + 1);
        file.consume(used);
    }
}

fn hand_out(raw: &[u8], line: &[u8], too_long: bool, take: &mut impl FnMut(&[u8], Option<&str>)) {
    let text = (!too_long).then(|| String::from_utf8_lossy(line));
    take(raw, text.as_deref());
}

/// Hands out a file in parts, and how much of each the last one had: what lies across a border is whole in one of them.
fn each_part(path: &Path, mut take: impl FnMut(&[u8], usize)) -> io::Result<()> {
    let (mut file, mut part, mut known) = (beneath::open(path)?, vec![], 0);
    loop {
        if (&mut file).take(PART).read_to_end(&mut part)? == 0 {
            return Ok(());
        }
        take(&part, known);
        part.drain(..part.len().saturating_sub(OVERLAP));
        known = part.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8]) -> Vec<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut lines = vec![];
        each_line(file.path(), |_, line| lines.extend(line.map(str::to_owned))).unwrap();
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
    fn whatever_a_line_hides_is_handed_out_as_it_is_and_nothing_is_lost_between_two_parts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let hidden = "y".repeat(LONGEST_LINE * 3) + "score: 7\rscore: 8\r" + &"z".repeat(LONGEST_LINE) + "\n";
        for at in [0, 1, 10, OVERLAP, PART as usize - 3, PART as usize] {
            std::fs::write(file.path(), "x".repeat(at) + &hidden).unwrap();
            let sights = |bytes: &[u8]| bytes.windows(6).filter(|window| window == b"score:").count();
            let mut seen = 0;
            each_line(file.path(), |raw, _| seen += sights(raw)).unwrap();
            assert!(seen >= 2, "{at}");
            let mut seen = vec![];
            each_part(file.path(), |bytes, known| seen.extend_from_slice(&bytes[known..])).unwrap();
            assert_eq!(seen, std::fs::read(file.path()).unwrap(), "{at}");
        }
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_whole_and_its_end_is_not_taken_for_a_line() {
        let long = "x".repeat(LONGEST_LINE - 7) + "METRIC tps=9\nMETRIC tps=1";
        assert_eq!(lines(long.as_bytes()), ["METRIC tps=1"]);
        let fits = "x".repeat(LONGEST_LINE);
        assert_eq!(lines(format!("{fits}\nb").as_bytes()), [fits.as_str(), "b"]);
    }
}
