//! An experiment whose measurement takes as long as a test wants.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{Said, Scratch};

/// No test hangs: what takes longer has failed.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A toy whose samples wait at a gate: the measure of a challenger says that it has come, and goes on when it is let.
#[derive(Debug)]
pub struct Slow {
    /// The repository.
    pub toy: Scratch,
    /// Where the gate is.
    pub gate: PathBuf,
}

impl Slow {
    /// With a run begun in it.
    pub fn begun() -> Self {
        let toy = Scratch::toy();
        let gate = toy.path().join(".git/gate");
        fs::create_dir(&gate).expect("a directory");
        let open = format!("timeout_s = 120\nwrite = [\"{}\"]\n[noise]", gate.display());
        let text = toy.read("piton.toml").replace("timeout_s = 20\n[noise]", &open);
        assert!(text.contains("write = "));
        toy.write("piton.toml", &text);
        let wait = format!(
            "[ $(cat \"$1\") = 100 ] || {{ : > {0}/come; while [ ! -e {0}/go ]; do sleep 0.02; done; }}\n",
            gate.display()
        );
        toy.write("measure.sh", &(wait + &toy.read("measure.sh")));
        toy.commit("a slow experiment");
        toy.baseline();
        Self { toy, gate }
    }

    /// Waits until the challenger is being measured.
    pub fn come(&self) {
        until("the measurement has begun", || self.gate.join("come").exists());
    }

    /// Lets the challenger's samples go on.
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
