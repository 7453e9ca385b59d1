//! A real browser for the tests: Debian's Chromium, driven by playwright-core at the version of `tests/browser/package-lock.json`.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Said;

/// A program on the path.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Where `.ci/browser` installs playwright-core.
fn installed() -> PathBuf {
    let cache = || {
        let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let base = base.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
        base.unwrap_or_default().join("piton-test-browser")
    };
    std::env::var_os("PITON_TEST_BROWSER").map_or_else(cache, PathBuf::from)
}

/// A script of `tests/browser/`. `None` where this machine has no browser, no node or no playwright-core: that is said, past what
/// catches the output of a test that passes.
fn command(script: &str, arguments: &[&str]) -> Option<Command> {
    let chromium = || ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(program);
    let chromium = std::env::var_os("PITON_TEST_CHROMIUM").map(PathBuf::from).or_else(chromium);
    let driver = installed();
    let there = driver.join("node_modules/playwright-core/package.json").is_file();
    let (Some(chromium), Some(node), true) = (chromium, program("node"), there) else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: Chromium, node or playwright-core is missing; .ci/browser installs them"
        );
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser").join(script);
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg("240").arg(node).arg(script).args(arguments);
    command.env("PITON_TEST_BROWSER", driver).env("PITON_TEST_CHROMIUM", chromium);
    Some(command)
}

/// Runs a script to its end.
pub fn run(script: &str, arguments: &[&Path]) -> Option<Said> {
    let arguments: Vec<&str> = arguments.iter().filter_map(|path| path.to_str()).collect();
    let said: Said = command(script, &arguments)?.output().expect("timeout starts").into();
    // Figures: told, never asserted.
    let _ = write!(std::io::stderr(), "{}", said.out);
    Some(said)
}

/// Runs a script that says, in lines `now WORD`, when something is to happen that it looks for: `happen` sees to it. Returns whether it
/// found no fault.
pub fn talk(script: &str, arguments: &[&str], mut happen: impl FnMut(&str)) -> Option<bool> {
    let mut child = command(script, arguments)?.stdout(Stdio::piped()).spawn().expect("timeout starts");
    for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
        let line = line.expect("text");
        match line.strip_prefix("now ") {
            Some(word) => happen(word),
            None => {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
    Some(child.wait().expect("it ends").success())
}
