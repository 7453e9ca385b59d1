//! Agents and builds that leave something else where piton reads, writes or removes a file: nothing outside is reached, nothing waits, the
//! worktree is whole again, and the climb goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use piton_tests::{Kind, Said, Scratch, kind};

/// The honest proposal that follows the hostile ones.
const HONEST: &str = "sed -i 's/= 100;/= 120;/' src/speed.rs";

/// A toy whose editable directory has one below it, and a file of the user's outside of everything that nobody else may read.
struct Ground {
    toy: Scratch,
    home: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        let (toy, home) = (Scratch::toy(), tempfile::tempdir().unwrap());
        toy.write("src/deep/notes.txt", "tracked\n");
        toy.write("src/run.sh", "true\n");
        fs::set_permissions(toy.path().join("src/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        toy.write("src/.gitignore", "*.tmp\n");
        std::os::unix::fs::symlink("deep/notes.txt", toy.path().join("src/known")).unwrap();
        toy.commit("more below the editable path");
        fs::write(home.path().join("secret"), "the user's\n").unwrap();
        fs::set_permissions(home.path().join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
        Self { toy, home }
    }

    /// A climb in which each of `hostile`, lines of sh, is a proposal, and an honest one follows.
    fn climb(&self, hostile: &[&str]) -> Said {
        let mut script = format!(
            "HOME_OF_USER={}; GIT={}; ROOT={}; n=$(cat .piton/agent/n 2>/dev/null || echo 0); echo $((n + 1)) > .piton/agent/n; case $n in\n",
            self.home.path().display(),
            self.toy.path().join(".git").display(),
            self.toy.path().display()
        );
        for (number, line) in hostile.iter().enumerate() {
            script.push_str(&format!("{number}) {line}\n;;\n"));
        }
        script.push_str(&format!("*) {HONEST}\n;;\nesac"));
        let trials = (hostile.len() + 1).to_string();
        self.toy.piton(&["climb", "--run", "r", "--trials", &trials, "--agent", &script])
    }

    /// What must hold after every climb.
    fn holds(&self, said: &Said, hostile: &[&str]) -> Vec<Vec<String>> {
        assert_eq!(said.status, 0, "the climb goes on: {said:?}");
        let rows = self.toy.table();
        let last = rows.last().expect("a row");
        assert_eq!(
            (&*last[3], &*last[7]),
            ("keep", "better"),
            "the honest one is kept: {rows:?} {}",
            said.err
        );
        assert_eq!(rows.len(), hostile.len() + 2, "{rows:?}");
        // Beside the honest edit nothing of the hostile ones is in what was kept.
        assert_eq!(self.toy.git(&["diff", "--name-only", "main", "piton/r"]), "src/speed.rs");
        let left: Vec<_> = fs::read_dir(self.home.path()).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["secret"], "nothing was made in the user's home");
        assert_eq!(fs::read_to_string(self.home.path().join("secret")).unwrap(), "the user's\n");
        assert_eq!(self.toy.git(&["status", "--porcelain"]), "", "the checkout is as it was");
        let audit = self.toy.piton(&["audit", "--run", "r"]);
        assert_eq!(audit.status, 0, "{audit:?}");
        rows
    }
}

/// Every spelling of something else in the place of an editable file.
const INSTEAD: [(&str, &str); 22] = [
    ("a link to a closed file of the user's", "ln -sf $HOME_OF_USER/secret src/speed.rs"),
    ("a dangling link", "ln -sf $HOME_OF_USER/new src/speed.rs"),
    ("a relative link out", "rm src/speed.rs; ln -s ../../../../piton.toml src/speed.rs"),
    ("a link to git's configuration", "ln -sf $GIT/config src/speed.rs"),
    ("a link to the ledger", "ln -sf $GIT/piton/ledger.db src/speed.rs"),
    ("a link to the table", "ln -sf $ROOT/results.tsv src/speed.rs"),
    ("a link to a terminal", "ln -sf /dev/tty src/speed.rs"),
    ("a link to what never ends", "ln -sf /dev/zero src/speed.rs"),
    ("a link to itself", "ln -sf speed.rs src/speed.rs"),
    ("a pipe", "rm src/speed.rs; mkfifo src/speed.rs"),
    (
        "a socket",
        "rm src/speed.rs; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"src/speed.rs\")'",
    ),
    ("a directory", "rm src/speed.rs; mkdir src/speed.rs; echo x > src/speed.rs/x"),
    ("a hard link to another of its files", "ln -f src/deep/notes.txt src/speed.rs"),
    (
        "a hard link that stays behind",
        "ln src/speed.rs .piton/agent/kept; echo x > src/x.tmp; ln -s x src/other",
    ),
    ("a directory's place taken by a link", "rm -r src/deep; ln -s $HOME_OF_USER src/deep"),
    ("a directory's place taken by a file", "rm -r src/deep; echo x > src/deep; ln -s x src/other"),
    ("a directory's place taken by a pipe", "rm -r src/deep; mkfifo src/deep"),
    (
        "pipes as the rules of git",
        "rm -f src/.gitignore; mkfifo src/.gitignore src/.gitattributes src/deep/.gitignore",
    ),
    (
        "links as the rules of git",
        "ln -sf /dev/zero src/.gitattributes; ln -sf $HOME_OF_USER/secret src/deep/.gitignore",
    ),
    ("a link elsewhere in the place of a known one", "ln -sfn $HOME_OF_USER/secret src/known"),
    ("a pipe under a name that git ignores, and a link", "mkfifo src/deep/p.tmp; ln -s x src/other"),
    (
        "a repository in a directory's place",
        "git init -q src/deep; mkfifo src/deep/.git/x; rm src/deep/.git/HEAD; mkfifo src/deep/.git/HEAD",
    ),
];

#[test]
fn whatever_stands_in_the_place_of_an_editable_file_nothing_outside_is_written_and_all_is_put_back() {
    let ground = Ground::new();
    let before = fs::read_to_string(ground.toy.path().join(".git/config")).unwrap();
    let hostile: Vec<&str> = INSTEAD.iter().map(|(_, line)| *line).collect();
    let said = ground.climb(&hostile);
    let rows = ground.holds(&said, &hostile);
    for (number, (what, _)) in INSTEAD.iter().enumerate() {
        // Plain files under other names are edits like any other.
        let edit = ["a directory", "a hard link to another of its files"].contains(what);
        let refused = rows[number + 1][7] == "out_of_scope";
        assert_ne!(refused, edit, "{what}: {:?}", rows[number + 1]);
    }
    assert_eq!(fs::read_to_string(ground.toy.path().join(".git/config")).unwrap(), before);
}

#[test]
fn what_no_path_reaches_or_nobody_may_open_is_removed_and_the_climb_goes_on() {
    let ground = Ground::new();
    let deep = |name: &str, depth: u32, each: &str| {
        format!(
            "python3 -c 'import os\nos.mkdir(\"{name}\"); os.chdir(\"{name}\")\nfor n in range({depth}):\n os.mkdir(\"d\"); os.chdir(\"d\"){each}'"
        )
    };
    let hostile = [
        deep("src/far", 5000, ""),
        deep("src/wide", 300, "; os.symlink(\"/\", \"out\"); os.mkfifo(\"p\")"),
        format!("mkdir src/deep/{0}; echo x > src/deep/{0}/{0}; ln -s x src/other", "n".repeat(255)),
        "mkdir -p src/closed/below; echo x > src/closed/below/x; chmod 0 src/closed/below src/closed; ln -s x src/other".into(),
        "chmod 0 src/speed.rs; ln -s x src/other".into(),
        "ln -s x src/deep/other; chmod 500 src/deep src; ".into(),
        "ln -s x src/deep/other; chmod 0 src/deep".into(),
        "printf x > \"$(printf 'src/\\377')\"".into(),
        "mkdir src/sticky; chmod 7777 src/sticky; echo x > src/sticky/x; chmod 6755 src/sticky/x; ln -s x src/other".into(),
    ];
    let hostile: Vec<&str> = hostile.iter().map(String::as_str).collect();
    let said = ground.climb(&hostile);
    let rows = ground.holds(&said, &hostile);
    for (number, line) in hostile.iter().enumerate() {
        assert_eq!(rows[number + 1][7], "out_of_scope", "{line}: {:?}", rows[number + 1]);
    }
}

#[test]
fn a_proposal_file_that_is_something_else_is_no_proposal_and_keeps_nobody_waiting() {
    let ground = Ground::new();
    let edit = "echo \"const SPEED: u32 = 9$n;\" > src/speed.rs;";
    let hostile = [
        "ln -sf $HOME_OF_USER/secret $PITON_PROPOSAL",
        "ln -sf /dev/zero $PITON_PROPOSAL",
        "mkfifo $PITON_PROPOSAL",
        "mkdir $PITON_PROPOSAL; mkfifo $PITON_PROPOSAL/x",
        "truncate -s 1T $PITON_PROPOSAL || truncate -s 3G $PITON_PROPOSAL",
        "rm -rf .piton/agent; ln -s $HOME_OF_USER .piton/agent",
        "chmod 0 .piton/agent",
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\".piton/agent/proposal.json\")'",
    ]
    .map(|line| format!("{edit} {line}"));
    let hostile: Vec<&str> = hostile.iter().map(String::as_str).collect();
    let said = ground.climb(&hostile[..4]);
    let rows = ground.holds(&said, &hostile[..4]);
    for row in &rows[1..5] {
        assert!(!row.join(" ").contains("the user's"), "{row:?}");
    }
    let ground = Ground::new();
    // Where the counter goes too, what follows is the first proposal again: only that it ends is asked here.
    for line in &hostile[4..] {
        let said = ground.toy.piton(&[
            "climb",
            "--run",
            "s",
            "--trials",
            "1",
            "--agent",
            &format!("n=5; HOME_OF_USER={}; {line}", ground.home.path().display()),
        ]);
        assert_eq!(said.status, 0, "{line}: {said:?}");
        assert_eq!(fs::read_dir(ground.home.path()).unwrap().count(), 1, "{line}");
    }
}

#[test]
fn a_transcript_and_a_table_that_were_given_another_name_are_not_written_through() {
    let toy = Scratch::toy();
    toy.baseline();
    let home = tempfile::tempdir().unwrap();
    fs::hard_link(toy.path().join("run.log"), home.path().join("log")).unwrap();
    fs::hard_link(toy.path().join("results.tsv"), home.path().join("table")).unwrap();
    let before = ["log", "table"].map(|name| fs::read_to_string(home.path().join(name)).unwrap());
    toy.speed("130");
    let said = toy.piton(&["trial", "-m", "more"]);
    assert_eq!(said.status, 0, "{said:?}");
    let after = ["log", "table"].map(|name| fs::read_to_string(home.path().join(name)).unwrap());
    assert_eq!(before, after);
    assert_eq!(toy.table().len(), 2);
}

#[test]
fn an_edit_of_the_users_that_is_no_plain_file_is_never_reset() {
    let ground = Ground::new();
    ground.toy.baseline();
    let at = ground.toy.path().join("src/mine");
    rustix::fs::mknodat(rustix::fs::CWD, &at, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    ground.toy.speed("130");
    let said = ground.toy.piton(&["trial", "-m", "a pipe of mine"]);
    assert!(said.err.contains("out") || said.out.contains("out"), "{said:?}");
    assert!(at.symlink_metadata().is_ok(), "what is not in git is not removed");
    assert_eq!(ground.toy.table()[1][7], "out_of_scope");
}

/// What a build leaves instead of its artifact, and whether a climb takes it.
#[test]
fn an_artifact_is_a_plain_file_of_the_builds_own() {
    if kind() != Kind::Artifact {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("secret"), "150\n").unwrap();
    let secret = home.path().join("secret");
    for (what, line, why) in [
        ("a link", format!("ln -sf {} \"$2/speed\"", secret.display()), "is a link"),
        ("a dangling link", format!("ln -sf {}x \"$2/speed\"", secret.display()), "is a link"),
        ("a link to its own file", "echo 150 > \"$2/real\"; ln -sf real \"$2/speed\"".into(), "is a link"),
        ("a pipe", "rm -f \"$2/speed\"; mkfifo \"$2/speed\"".into(), "no plain file"),
        ("a directory", "rm -f \"$2/speed\"; mkdir \"$2/speed\"".into(), "is a directory"),
        (
            "a link on the way",
            format!("rm -f \"$2/speed\"; ln -s {} \"$2/speed\"", home.path().display()),
            "is a link",
        ),
    ] {
        let toy = Scratch::toy();
        let build = toy.read("build.sh");
        toy.write(
            "build.sh",
            &format!("{build}grep -q HOSTILE \"$1/src/speed.rs\" && {{ {line}; }}\nexit 0\n"),
        );
        toy.commit("a build that can be had");
        toy.baseline();
        toy.write("src/speed.rs", "const SPEED: u32 = 150;\n// HOSTILE\n");
        let said = toy.piton(&["trial", "-m", what]);
        let row = toy.table()[1].clone();
        assert_eq!(row[7], "build_failed", "{what}: {row:?} {said:?}");
        let record = toy.piton(&["show", "1", "--json"]).json();
        assert!(record.to_string().contains(why), "{what}: {record}");
        for kept in fs::read_dir(toy.path().join(".git/piton/artifacts")).unwrap().flatten() {
            for file in fs::read_dir(kept.path()).unwrap().flatten() {
                assert_ne!(fs::read_to_string(file.path()).unwrap(), "150\n", "{what}: it was stored");
            }
        }
        toy.speed("150");
        let said = toy.piton(&["trial", "-m", "honest"]);
        assert_eq!(toy.table()[2][3], "keep", "{what}: {said:?}");
    }
}

#[test]
fn a_build_that_leaves_what_nobody_can_read_or_remove_costs_its_trial_and_nothing_else() {
    let toy = Scratch::toy();
    let build = toy.read("build.sh");
    let deep = "python3 -c 'import os,sys\nos.chdir(sys.argv[1])\nfor n in range(3000):\n os.mkdir(\"d\"); os.chdir(\"d\")' \"$2\"";
    toy.write("build.sh", &format!("{build}grep -q HOSTILE \"$1/src/speed.rs\" && {deep}\nexit 0\n"));
    toy.commit("a build that can be had");
    toy.baseline();
    for value in [101, 102] {
        toy.write("src/speed.rs", &format!("const SPEED: u32 = {value};\n// HOSTILE\n"));
        let said = toy.piton(&["trial", "-m", "deep"]);
        assert!(said.status < 3, "{said:?}");
    }
    toy.speed("150");
    let said = toy.piton(&["trial", "-m", "honest"]);
    assert_eq!(toy.table()[3][3], "keep", "{said:?}");
}

#[test]
fn an_agent_that_swaps_files_while_its_trial_is_reset_reaches_nothing_and_stops_nothing() {
    let ground = Ground::new();
    ground.toy.baseline();
    let swap = format!(
        "(while :; do ln -sfn {0}/secret src/speed.rs; ln -sfn {0} src/deep; rm -rf src/deep src/speed.rs; mkfifo src/speed.rs src/.gitattributes; mkdir src/deep; rm -f src/speed.rs src/.gitattributes; done) 2>/dev/null & echo $! > \"$TMPDIR/pid\"; \
         for n in 1 2 3; do \"$PITON\" trial -m \"swapped $n\" >/dev/null 2>&1; done; kill $(cat \"$TMPDIR/pid\"); true",
        ground.home.path().display()
    );
    let begun = Instant::now();
    let mut guard = ground.toy.command(&["guard", "--", "sh", "-c", &swap]);
    let said: Said = guard.env("PITON", piton_tests::piton()).output().unwrap().into();
    assert_eq!(said.status, 0, "{said:?}");
    assert!(begun.elapsed() < Duration::from_secs(300), "nobody waited for a pipe");
    let left: Vec<_> = fs::read_dir(ground.home.path()).unwrap().flatten().map(|e| e.file_name()).collect();
    assert_eq!(left, ["secret"]);
    assert_eq!(fs::read_to_string(ground.home.path().join("secret")).unwrap(), "the user's\n");
    let audit = ground.toy.piton(&["audit"]);
    assert_eq!(audit.status, 0, "{audit:?}");
}

#[test]
fn a_climb_is_made_to_end_in_the_middle_of_all_that() {
    let ground = Ground::new();
    let agent = "rm -f src/speed.rs; mkfifo src/speed.rs; touch .piton/agent/now";
    let mut climb =
        ground.toy.command(&["climb", "--run", "r", "--trials", "1000", "--agent", agent]).spawn().unwrap();
    let table = ground.toy.path().join("results.tsv");
    wait_for(|| fs::read_to_string(&table).is_ok_and(|text| text.lines().count() > 3));
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(climb.id() as i32).unwrap(),
        rustix::process::Signal::TERM,
    )
    .unwrap();
    wait_for(|| climb.try_wait().unwrap().is_some());
    let rows = ground.toy.table();
    assert!(rows[1..].iter().any(|row| row[7] == "out_of_scope"), "{rows:?}");
}

/// Waits for something that comes; a minute is the end of patience, not a measurement.
fn wait_for(mut there: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !there() {
        assert!(begun.elapsed() < Duration::from_secs(120), "it never came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn restoring_brings_back_modes_links_and_line_endings_as_git_checks_them_out() {
    let toy = Scratch::toy();
    toy.write(".gitattributes", "*.txt text eol=crlf\n*.c ident\n");
    toy.write("src/a.txt", "one\ntwo\n");
    toy.write("src/run.sh", "true\n");
    fs::set_permissions(toy.path().join("src/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("a.txt", toy.path().join("src/link")).unwrap();
    toy.commit("kinds");
    toy.git(&["rm", "-q", "--cached", "-r", "."]);
    toy.git(&["reset", "--hard", "-q"]);
    toy.baseline();
    let look = |name: &str| {
        let path = toy.path().join("src").join(name);
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        (content, meta.permissions().mode() & 0o111)
    };
    let names = ["a.txt", "run.sh", "link", "speed.rs"];
    let before = names.map(look);
    assert_eq!(before[0].0, b"one\r\ntwo\r\n");
    toy.write("src/a.txt", "three\r\n");
    toy.write("src/new/file", "new\n");
    fs::remove_file(toy.path().join("src/run.sh")).unwrap();
    toy.speed("50");
    let said = toy.piton(&["trial", "-m", "slower"]);
    assert_eq!(toy.table()[1][3], "discard", "{said:?}");
    assert_eq!(names.map(look), before);
    assert!(!Path::new(&toy.path().join("src/new")).exists());
    assert_eq!(toy.git(&["status", "--porcelain"]), "");
    assert_eq!(toy.git(&["diff-files", "--name-only"]), "", "the index knows what was laid");
}
