//! Scratch repositories and the real `piton` binary, for the tests in `tests/tests/`.

pub mod agents;
pub mod browser;
pub mod model;
pub mod night;
pub mod planted;
pub mod projects;
pub mod served;
pub mod servers;
pub mod slow;
pub mod training;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The `piton` binary that this build made, built now if it is not there yet.
pub fn piton() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let dir = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
    let path = dir.join("piton");
    if !path.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--package", "piton", "--bin", "piton", "--target-dir"])
            .arg(dir.parent().expect("target"));
        assert!(cargo.status().expect("cargo runs").success(), "piton builds");
    }
    path
}

/// Ends a process as a power switch would.
pub fn kill(id: u32) {
    let pid = rustix::process::Pid::from_raw(id as i32).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it is there");
}

/// Numbers of the trials whose verdict stands in what a climb printed.
pub fn told_in(lines: &[String]) -> Vec<u64> {
    let (mut told, mut trial): (Vec<u64>, Option<u64>) = (vec![], None);
    for line in lines {
        if let Some(rest) = line.strip_prefix("trial ") {
            trial = rest.split(' ').next().and_then(|number| number.parse().ok());
        }
        let verdicts = ["kept: ", "discarded: ", "not judged: ", "crashed", "void: "];
        if verdicts
            .iter()
            .any(|word| line.strip_prefix("         ").is_some_and(|rest| rest.starts_with(word)))
        {
            told.extend(trial);
        }
    }
    told
}

/// What a command came back with.
#[derive(Debug)]
pub struct Said {
    /// Exit status; -1 when a signal ended it.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// The JSON document on standard output.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }
}

/// Has `piton` refuse a command with this status and these words, and holds it to having changed nothing: no file, ref or row.
pub fn refused(scratch: &Scratch, args: &[&str], status: i32, words: &[&str]) {
    let before = scratch.standing();
    let said = scratch.piton(args);
    assert_eq!(said.status, status, "{args:?}: {said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word} in {}", said.err);
    }
    assert_eq!(said.out, "");
    let changed = scratch.changed(&before, status);
    assert!(changed.is_empty(), "{args:?} ended with {status} and changed {changed:#?}");
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            status: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

/// A repository, and the place of what is built from it, removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: TempDir,
    root: PathBuf,
}

/// What the toy measures. Each test binary has one kind: those named after another kind hold the tests of verdicts once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that the build makes.
    Artifact,
    /// The tree that the build was run in.
    BuiltTree,
    /// The tree as it was committed: there is no build, and the measuring command does what it takes.
    Tree,
}

/// The kind of this test binary.
pub fn kind() -> Kind {
    let test = std::env::current_exe().expect("a test has a path");
    match test.file_name().and_then(|name| name.to_str()) {
        Some(name) if name.starts_with("measures_a_built_tree-") => Kind::BuiltTree,
        Some(name) if name.starts_with("measures_its_tree-") => Kind::Tree,
        _ => Kind::Artifact,
    }
}

/// A toy experiment that builds and measures in milliseconds: the artifact is a number, the metric is that
/// number with a little noise that comes from the seed.
const TOY: &str = r#"name = "toy"
[metric]
name = "speed"
direction = "higher"
unit = "x/s"
[scope]
editable = ["src"]
max_file_bytes = 10000
[build]
command = ["sh", "{tree}/build.sh", "{tree}", "{target}"]
artifact = "{target}/speed"
timeout_s = 20
[measure]
command = ["sh", "{sealed}/measure.sh", "{artifact}"]
timeout_s = 20
[machine]
steal_pct = 100
pressure_pct = 100
[[gate]]
metric = "quality"
min = 0.9
[[knob]]
name = "SPEED"
file = "src/speed.rs"
values = ["90", "110", "7"]
"#;

const BUILD: &str = r#"grep -q BROKEN "$1/src/speed.rs" && { echo "error: this is broken" >&2; exit 1; }
sed -n 's/.*SPEED: u32 = \(.*\);/\1/p' "$1/src/speed.rs" > "$2/speed"
"#;

/// The build of the toy.
const BUILD_TABLE: &str = r#"[build]
command = ["sh", "{tree}/build.sh", "{tree}", "{target}"]
artifact = "{target}/speed"
timeout_s = 20
"#;

/// In a toy no keep is measured again, unless a test says something of the rule: most are about other things.
const NO_RECHECK: &str = "[rule]\nrecheck = \"off\"\n";

/// The text of a `piton.toml`, with what a toy says of the rule where nothing else does.
fn with_rule(text: &str) -> String {
    let toy = text.contains(NO_RECHECK) || text.starts_with("name = \"toy\"\n[metric]");
    let text = text.replace(NO_RECHECK, "");
    match toy && !text.contains("[rule]") {
        true => text.replacen("[metric]", &format!("{NO_RECHECK}[metric]"), 1),
        false => text,
    }
}

/// The text of a toy's `piton.toml`, as one of this kind has it.
fn of_kind(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Artifact => text.to_owned(),
        Kind::BuiltTree => text
            .replace("artifact = \"{target}/speed\"\n", "")
            .replace("\"{tree}\", \"{target}\"]", "\"{tree}\", \"{tree}\"]")
            .replace("\"{artifact}\"", "\"{tree}/speed\""),
        Kind::Tree => text.replace(BUILD_TABLE, "").replace(
            "\"{sealed}/measure.sh\", \"{artifact}\"]",
            "\"-c\", \"sh $0/build.sh $1 $TMPDIR && exec sh $0/measure.sh $TMPDIR/speed\", \"{sealed}\", \"{tree}\"]",
        ),
    }
}

/// 7 fails the gate, 13 dies, 666 leaves a daemon, 4 waits for its end, 5 prints no metric.
const MEASURE: &str = r#"s=$(cat "$1"); q=1
case $s in
7) q=0.5 ;;
13) echo "thread main panicked at src/speed.rs:1" >&2; exit 101 ;;
666) (setsid sh -c 'exec sleep 1000' >/dev/null 2>&1 &) ;;
4) touch "$PITON_TEST_READY" 2>/dev/null; exec sleep 1000 ;;
5) echo '{}'; exit 0 ;;
esac
echo "{\"outcome\":\"measured\",\"metrics\":{\"speed\":$((s + 1)).$((PITON_SEED % 10)),\"quality\":$q}}"
"#;

impl Scratch {
    /// An empty directory.
    pub fn empty() -> Self {
        Self::below(TempDir::new().expect("a temporary directory"))
    }

    fn below(dir: TempDir) -> Self {
        let root = dir.path().join("repo");
        fs::create_dir(&root).expect("a directory");
        Self { dir, root }
    }

    /// A repository with the toy experiment committed on `main`.
    pub fn toy() -> Self {
        Self::empty().with_toy()
    }

    /// The toy of another kind than that of this test binary.
    pub fn toy_of(kind: Kind) -> Self {
        let toy = Self::toy();
        toy.write("piton.toml", &of_kind(kind, TOY));
        toy.commit("another kind");
        toy
    }

    /// The same below `dir`.
    pub fn toy_in(dir: &Path) -> Self {
        Self::below(TempDir::new_in(dir).expect("a temporary directory")).with_toy()
    }

    fn with_toy(self) -> Self {
        let scratch = self;
        scratch.git(&["init", "--quiet", "--initial-branch=main"]);
        scratch.write("piton.toml", &of_kind(kind(), TOY));
        scratch.write("build.sh", BUILD);
        scratch.write("measure.sh", MEASURE);
        scratch.speed("100");
        scratch.commit("toy");
        scratch
    }

    /// The toy with `from` replaced by `to` in its `piton.toml`.
    pub fn toy_with(from: &str, to: &str) -> Self {
        assert!(TOY.contains(from), "{from}");
        let scratch = Self::toy();
        scratch.write("piton.toml", &of_kind(kind(), &TOY.replace(from, to)));
        scratch.commit("another experiment");
        scratch
    }

    /// Its root.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Moves it, to a directory of this name beside it.
    pub fn move_to(&mut self, name: &str) {
        let to = self.dir.path().join(name);
        fs::rename(&self.root, &to).expect("it is moved");
        self.root = to;
    }

    /// Where places of repositories lie, for piton in here.
    pub fn state_home(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The place of this repository, where trees lie.
    pub fn place(&self) -> PathBuf {
        PathBuf::from(self.read(".git/piton/place"))
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) {
        let full = self.path().join(path);
        fs::create_dir_all(full.parent().expect("below the root")).expect("a directory");
        let toy = if path == "piton.toml" { with_rule(text) } else { text.to_owned() };
        fs::write(full, toy).expect("a file");
    }

    /// The content of a file; empty where there is none.
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_default()
    }

    /// An agent that never runs out of proposals for the toy: every third is better than all before. It counts in `count`.
    pub fn endless(&self, count: &Path) -> String {
        fs::write(count, "0\n").expect("a file");
        format!(
            "n=$(($(cat {0}) + 1)); echo $n > {0}; s=$((50 + n % 40)); [ $((n % 3)) = 0 ] && s=$((200 + n)); echo \"const SPEED: u32 = $s;\" > src/speed.rs",
            count.display()
        )
    }

    /// Sets the toy's speed.
    pub fn speed(&self, value: &str) {
        self.write("src/speed.rs", &format!("const SPEED: u32 = {value};\n"));
    }

    /// Tries another number by `piton trial`, and returns all that was said.
    pub fn try_speed(&self, value: &str) -> String {
        self.speed(value);
        let said = self.piton(&["trial", "-m", "another number"]);
        format!("{}{}", said.out, said.err)
    }

    /// Runs git and returns what it printed.
    pub fn git(&self, args: &[&str]) -> String {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]);
        let output = git.args(args).current_dir(self.path()).output().expect("git is installed");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
    }

    /// A `piton` command in this repository, not started yet.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(piton());
        command.args(args).current_dir(self.path()).env("NO_COLOR", "1");
        command.env("PITON_STATE_HOME", self.state_home());
        command
    }

    /// Everything that stands in the repository, by path: kind, mode and content. Left out is what says nothing of it: who holds a lock,
    /// what this machine's walls are worth, SQLite's shared memory, what the last trial that was asked for told, and objects that no ref
    /// leads to.
    pub fn standing(&self) -> BTreeMap<String, String> {
        let passing = [
            ".git/objects",
            ".git/piton/lock",
            ".git/piton/ledger.db-shm",
            ".git/piton/walls.json",
            ".git/piton/errand",
            ".git/piton/logs/trial.log",
        ];
        let mut found = BTreeMap::new();
        let mut dirs = vec![self.root.clone()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(&dir).expect("a directory").flatten() {
                let (path, meta) = (entry.path(), entry.path().symlink_metadata().expect("it is there"));
                let name = path.strip_prefix(&self.root).expect("below it").to_string_lossy().into_owned();
                if passing.contains(&name.as_str()) {
                    continue;
                }
                let kind = meta.file_type();
                let content = match () {
                    () if kind.is_dir() => {
                        dirs.push(path);
                        continue;
                    }
                    () if kind.is_symlink() => {
                        fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
                    }
                    () if kind.is_file() => fs::read(&path).expect("a file"),
                    () => vec![],
                };
                let content = String::from_utf8_lossy(&content).into_owned();
                found.insert(name, format!("{:o} {} {content}", meta.permissions().mode(), meta.ino()));
            }
        }
        found
    }

    /// What is another one than it was `before` a command ended with `status`, and should not be: one that was refused changes nothing, one
    /// that failed records nothing.
    pub fn changed(&self, before: &BTreeMap<String, String>, status: i32) -> Vec<String> {
        let after = self.standing();
        let differ = before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path));
        let own = |path: &&String| match status {
            2 | 3 => true,
            _ => {
                let written = [".git/piton/", ".piton/"].iter().any(|dir| path.starts_with(dir));
                !written && !["run.log", ".git/info/exclude"].contains(&path.as_str())
            }
        };
        let mut changed: Vec<String> = differ.filter(own).cloned().collect();
        changed.dedup();
        changed
    }

    /// Runs `piton` here.
    pub fn piton(&self, args: &[&str]) -> Said {
        self.command(args).output().expect("piton starts").into()
    }

    /// Begins a run named `r` and returns what was said.
    pub fn baseline(&self) -> Said {
        let said = self.piton(&["baseline", "--run", "r"]);
        assert_eq!(said.status, 0, "{said:?}");
        said
    }

    /// Processes that piton started in this repository and that are still there.
    pub fn processes(&self) -> Vec<i32> {
        let mark = format!("PITON_OWNER={}", self.path().join(".git/piton").display());
        let carries = |pid: &i32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
        };
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(carries).collect()
    }

    /// The rows of `results.tsv` as cells, without the header.
    pub fn table(&self) -> Vec<Vec<String>> {
        let rows = self.read("results.tsv");
        rows.lines().skip(1).map(|row| row.split('\t').map(str::to_owned).collect()).collect()
    }
}
