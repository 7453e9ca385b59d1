//! What a profiler wrote is read: by piton, or by the profiler's own program behind walls, since it leads to files that the candidate made.

use std::fs;
use std::path::{Path, PathBuf};

use super::{MOST, PROCESSES, Profiler, Profiling, READING};
use crate::build::Built;
use piton_core::base::error::{Context, Result};
use piton_core::run::hot_lines::{self, PERF_BETWEEN, PERF_FIELDS, Profile};
use piton_core::trial::crash::Crash;
use piton_core::trial::text::clean;
use piton_system::beneath;
use piton_system::process::{self, End, Job};
use piton_system::sandbox::{self, JobAccess};

impl Profiling<'_> {
    /// What the profiler wrote, or why it cannot be read.
    pub(super) fn read(
        &self,
        by: Profiler,
        program: &str,
        wrote: &Path,
        side: &Built,
    ) -> Result<std::result::Result<Profile, String>> {
        let lost = |e: std::io::Error| e.to_string();
        Ok(match by {
            Profiler::Perf => self.perf(program, wrote, side)?,
            Profiler::PySpy => beneath::read(wrote, Path::new("data"), MOST)
                .map_err(lost)
                .map(|bytes| hot_lines::of_stacks(&String::from_utf8_lossy(&bytes))),
            Profiler::Go => self.pprof(program, wrote)?,
            Profiler::Node => {
                let names = fs::read_dir(wrote)
                    .context("nothing was profiled")?
                    .flatten()
                    .map(|entry| entry.file_name());
                let read = |name| beneath::read(wrote, Path::new(&name), MOST).map_err(lost);
                let texts = names
                    .take(PROCESSES)
                    .map(|name| read(name).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()));
                texts.collect::<std::result::Result<Vec<_>, _>>().and_then(|texts| hot_lines::of_v8(&texts))
            }
        })
    }

    /// Has perf read what it wrote: with lines where that works.
    fn perf(
        &self,
        program: &str,
        wrote: &Path,
        side: &Built,
    ) -> Result<std::result::Result<Profile, String>> {
        let artifact = side
            .artifact
            .as_deref()
            .and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned());
        let mut told = Err("it was not started".to_owned());
        for fields in PERF_FIELDS {
            told = self.perf_report(program, wrote, fields)?;
            if told.is_ok() {
                break;
            }
        }
        Ok(told.map(|text| hot_lines::of_perf(&text, artifact.as_deref())))
    }

    /// What perf tells of what it wrote, behind walls: it looks into every program that ran.
    fn perf_report(
        &self,
        program: &str,
        wrote: &Path,
        fields: &str,
    ) -> Result<std::result::Result<String, String>> {
        let data = wrote.join("data");
        let words = [
            program,
            "report",
            "--stdio",
            "--no-children",
            "--full-source-path",
            "--call-graph",
            "none",
            "--field-separator",
            PERF_BETWEEN,
            // The hottest stand first, and of a long output the end is kept.
            "--percent-limit",
            "0.02",
            "--fields",
            fields,
            "--input",
        ];
        self.behind_walls(&[&words[..], &[&data.to_string_lossy()]].concat(), wrote)
    }

    /// Has pprof read what a Go program wrote: its lines are in it.
    fn pprof(&self, program: &str, wrote: &Path) -> Result<std::result::Result<Profile, String>> {
        let data = wrote.join("data");
        if !data.exists() {
            return Ok(Err("no test or benchmark of Go ran".to_owned()));
        }
        let words = [
            program,
            "tool",
            "pprof",
            "-top",
            "-lines",
            "-flat",
            "-sample_index=samples",
            "-nodecount=2000",
            "-symbolize=none",
            &data.to_string_lossy(),
        ];
        Ok(self.behind_walls(&words, wrote)?.map(|text| hot_lines::of_pprof(&text)))
    }

    /// What a program prints of what was written, behind walls.
    fn behind_walls(&self, words: &[&str], wrote: &Path) -> Result<std::result::Result<String, String>> {
        let argv: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let private = self.dir.join("private");
        sandbox::private(&private)?;
        let env = sandbox::private_env(process::bare_env(), &private);
        let read = vec![
            wrote.to_owned(),
            self.place.at()?.to_owned(),
            PathBuf::from("/proc"),
            PathBuf::from("/sys"),
        ];
        let own =
            JobAccess { read, write: vec![private.clone()], network: false, private: &private, env: &env };
        let opens = self.config.measure.opens();
        let policy = self.world.walls.measure(&opens, own);
        let done = self.world.runner.run(&Job {
            under: &[],
            argv: &argv,
            cwd: wrote,
            env,
            policy: Some(&policy),
            stdout: self.dir.join("logs/profile.out"),
            stderr: self.dir.join("logs/profile.log"),
            timeout: READING,
            gently: false,
            seen: None,
            stdin: None,
            watch: None,
            heedless: false,
        })?;
        if done.end != End::Exited(0) {
            return Ok(Err(match done.end {
                End::TimedOut => format!("it took longer than {} s", READING.as_secs()),
                End::Exited(_) => clean(&Crash::of(&done.stderr, "").reason, 300),
                End::Signalled(_) | End::Interrupted => format!("it was ended ({:?})", done.end),
            }));
        }
        Ok(Ok(done.stdout))
    }
}
