//! A sample of each side at once, by the command that measures both in turns.

use std::path::Path;
use std::time::Duration;

use super::{LINE, LaidSide, Sampled, Sampler, WalledCommand, own_program, signal_name};
use crate::build::Built;
use piton_core::base::error::Result;
use piton_core::base::metric::{self, PairSide, ReadError, ReadOptions, Values};
use piton_core::trial::crash::Crash;
use piton_core::trial::scope;
use piton_core::trial::text::clean;
use piton_system::config::fill;
use piton_system::process::{self, Done, End, Job};
use piton_system::sandbox;
use piton_system::toolchains;

/// What came of measuring two sides in turns, the one that was called first before the other.
#[derive(Debug, Clone, PartialEq)]
pub enum PairSampled {
    /// Both have values.
    Measured([Values; 2]),
    /// There are none, and whose doing that is where somebody said so.
    Failed(Option<PairSide>, Sampled),
}

impl Sampler<'_> {
    /// Measures both sides on the prompts of `seed`. Which of them is called first says nothing to them.
    ///
    /// # Errors
    /// When the command cannot be started at all.
    pub fn pair(&self, sides: [&Built; 2], seed: u64, padding: u32) -> Result<PairSampled> {
        let changed = sides.iter().copied().chain([self.harness]).find_map(Built::changed);
        if let Some(what) = changed {
            return Ok(PairSampled::Failed(None, Sampled::Changed(what)));
        }
        self.agent_pause.begin();
        let place = self.place.at()?;
        let scratch = self.place.scratch()?;
        sandbox::private(&scratch)?;
        let lay = |name: &str, side| LaidSide::lay_in(scratch.join(name), side, self.measure.tree);
        let laid = [lay("a", sides[0])?, lay("b", sides[1])?];
        let private = place.join("private");
        sandbox::private(&private)?;
        let sampled = self.run_pair(sides, &laid, &scratch, &private, seed, padding);
        for laid in laid {
            laid.clear()?;
        }
        sandbox::private(&scratch)?;
        sampled
    }

    fn run_pair(
        &self,
        sides: [&Built; 2],
        laid: &[LaidSide; 2],
        scratch: &Path,
        private: &Path,
        seed: u64,
        padding: u32,
    ) -> Result<PairSampled> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let within = &self.measure.within;
        let place = |laid: &LaidSide| {
            laid.artifact.as_deref().map_or_else(|| text(&scope::below(&laid.tree, within)), text)
        };
        let sealed = scope::below(&self.harness.tree, within);
        let opens = self.measure.opens();
        let values = [
            ("first", place(&laid[0])),
            ("second", place(&laid[1])),
            ("sealed", text(&sealed)),
            ("seed", seed.to_string()),
            ("scale", self.scale.to_string()),
            ("harness", self.harness.artifact.as_deref().map(text).unwrap_or_default()),
            ("home", text(&toolchains::home())),
            ("out", sandbox::RESULT.to_string()),
            ("piton", own_program()?),
        ];
        let values = values.each_ref().map(|(name, value)| (*name, value.as_str()));
        let mut argv = fill(&self.measure.pair, &values);
        argv[0] = process::absolute(&argv[0]);
        let shared = || {
            let asked = self.measure.read.iter().map(|path| sandbox::placed(path));
            let open = sides.iter().flat_map(|side| &side.open).chain(&self.harness.open).cloned();
            self.harness.files().chain(asked).chain(open).chain(sandbox::named(&argv)).collect()
        };
        let written = self.measure.write.iter().map(|path| sandbox::placed(path));
        self.wash.wash(shared, &written.chain([scratch.to_owned()]).collect::<Vec<_>>());
        let result = self.measure.pair.iter().any(|word| word.contains("{out}"));
        let command = WalledCommand {
            walls: self.walls,
            opens,
            harness: self.harness,
            sides: &sides,
            scratch,
            private,
            argv: &argv,
            names: &self.measure.names,
            values: &values,
            seed: values[3].1,
            // What a side wrote beside itself would be there for its next answer and not for the other's.
            write: vec![],
            held: None,
            result: result.then(|| self.result()),
        };
        let (mut env, policy) = command.prepare()?;
        env.push(("PITON_PADDING".into(), "x".repeat(padding as usize).into()));
        let done = self.runner.run(&Job {
            under: &[],
            argv: &argv,
            cwd: &sealed,
            env,
            policy: Some(&policy),
            stdout: self.printed(),
            stderr: self.logs.join("sample.log"),
            timeout: Duration::from_secs(2 * self.measure.timeout_s),
            gently: false,
            seen: None,
            stdin: None,
            watch: None,
            heedless: false,
        })?;
        let output =
            if result { process::tail(&self.result(), process::TAIL_BYTES) } else { done.stdout.clone() };
        let explain = || self.walls.explain("measure", &policy, [&done.stderr, &done.stdout]);
        Ok(match self.judge_pair(&done, &output) {
            PairSampled::Failed(side, Sampled::Failed { how, reason, tail }) => {
                let why = explain().map_or_else(String::new, |why| format!("; {}", clean(&why, LINE)));
                PairSampled::Failed(side, Sampled::Failed { how, reason: reason + &why, tail })
            }
            sampled => {
                let _ = self.walls.records_refusals().then(explain);
                sampled
            }
        })
    }

    fn judge_pair(&self, done: &Done, output: &str) -> PairSampled {
        let how = ReadOptions { mean: None, ..self.measure.reading() };
        let crash = || Crash::of(&done.stderr, &done.stdout);
        let failed =
            |how: &str, reason: String| Sampled::Failed { how: how.to_owned(), reason, tail: crash().tail };
        match (&done.end, metric::read_pair(output, &how, &self.needed)) {
            (End::Interrupted, _) => PairSampled::Failed(None, Sampled::Interrupted),
            (End::TimedOut, _) => PairSampled::Failed(None, Sampled::TimedOut),
            (End::Exited(0), Ok(values)) => PairSampled::Measured(values),
            (_, Err((side, ReadError::Refused { kind, reason }))) => {
                PairSampled::Failed(side, failed(&kind, reason))
            }
            (End::Exited(0), Err((side, error))) => {
                PairSampled::Failed(side, failed("unreadable", clean(&error.to_string(), LINE)))
            }
            (End::Exited(status), _) => PairSampled::Failed(
                None,
                failed("failed", format!("exit status {status}: {}", crash().reason)),
            ),
            (End::Signalled(signal), _) => PairSampled::Failed(
                None,
                failed("failed", format!("ended by {}: {}", signal_name(*signal), crash().reason)),
            ),
        }
    }
}
