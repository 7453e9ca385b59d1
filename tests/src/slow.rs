//! An experiment whose measurement takes as long as a test wants.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Said, Scratch};

/// No test hangs: what takes longer has failed.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A toy whose trials wait at a gate: the measure of a challenger says that it has come, and goes on when it is let; or its build does, during
/// which an agent under `piton guard` goes on as well.
#[derive(Debug)]
pub struct Slow {
    /// The repository.
    pub toy: Scratch,
    /// Where the gate is.
    pub gate: PathBuf,
}

impl Slow {
    /// With a run begun in it, whose samples wait.
    pub fn begun() -> Self {
        Self::with("timeout_s = 20\n[machine]", "measure.sh", "$(cat \"$1\") = 100")
    }

    /// The same, whose builds wait.
    pub fn building() -> Self {
        Self::with("timeout_s = 20\n[measure]", "build.sh", "$(grep -c ' = 100;' \"$1/src/speed.rs\") = 1")
    }

    fn with(timeout: &str, script: &str, baseline: &str) -> Self {
        let toy = Scratch::toy();
        let gate = toy.path().join(".git/gate");
        fs::create_dir(&gate).expect("a directory");
        let open = format!("timeout_s = 120\nwrite = [\"{}\"]\n", gate.display());
        let text = toy.read("piton.toml");
        assert!(text.contains(timeout), "{text}");
        toy.write("piton.toml", &text.replace(timeout, &timeout.replace("timeout_s = 20\n", &open)));
        let wait = format!(
            "[ {baseline} ] || {{ : > {0}/come; while [ ! -e {0}/go ]; do sleep 0.02; done; }}\n",
            gate.display()
        );
        toy.write(script, &(wait + &toy.read(script)));
        toy.commit("a slow experiment");
        toy.baseline();
        Self { toy, gate }
    }

    /// Waits until the challenger has come to the gate.
    pub fn come(&self) {
        until("the gate was reached", || self.gate.join("come").exists());
    }

    /// Opens the gate.
    pub fn go(&self) {
        fs::write(self.gate.join("go"), "").expect("a file");
    }

    /// Starts a command whose output nobody reads yet.
    pub fn start(&self, args: &[&str]) -> Child {
        let mut command = self.toy.command(args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("piton starts")
    }

    /// The process that carries the trial out.
    pub fn carrier(&self) -> u32 {
        let errand: Value =
            serde_json::from_str(&self.toy.read(".git/piton/errand/errand.json")).expect("JSON");
        u32::try_from(errand["process"].as_u64().expect("a process")).expect("its number")
    }
}

/// What a command came back with whose end is waited for.
pub fn said(child: Child) -> Said {
    child.wait_with_output().expect("it was started").into()
}

/// Waits until something holds.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < LIMIT, "{what}: not within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
