//! A repository that was moved or copied, of which refs or a branch are gone, that borrows objects, or that has names which are no text.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use piton_tests::{Scratch, refused};

fn whole(toy: &Scratch) {
    let audit = toy.piton(&["audit"]);
    assert!(audit.status == 0 && audit.out.contains("everything agrees"), "{audit:?}");
}

fn climb(toy: &Scratch, trials: &str) {
    let said = toy.piton(&["climb", "--run", "r", "--trials", trials]);
    assert_eq!(said.status, 0, "{said:?}");
}

/// A climb whose agent says that it has begun, and waits until it may go on.
fn under_way(toy: &Scratch, signs: &std::path::Path) -> Child {
    let agent = format!(
        "cd {0}; n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n; touch begun; while [ ! -e go ]; do sleep 0.02; done; cd \"$OLDPWD\"
         echo \"const SPEED: u32 = $((n + 50));\" > src/speed.rs",
        signs.display()
    );
    let open = signs.to_str().unwrap();
    let mut command =
        toy.command(&["climb", "--run", "r", "--trials", "3", "--agent", &agent, "--allow-write", open]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    while !signs.join("begun").exists() {
        assert!(since.elapsed() < Duration::from_secs(60), "the agent did not begin");
        std::thread::yield_now();
    }
    child
}

#[test]
fn a_repository_that_is_moved_between_climbs_goes_on_where_it_lies() {
    let mut toy = Scratch::toy();
    climb(&toy, "2");
    toy.move_to("elsewhere");
    climb(&toy, "1");
    whole(&toy);
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.speed("150");
    let kept = toy.piton(&["trial", "-m", "faster"]);
    assert_eq!(kept.status, 0, "{kept:?}");
    toy.move_to("and again");
    toy.speed("170");
    assert_eq!(toy.piton(&["trial", "-m", "and faster"]).status, 0);
    whole(&toy);
    assert_eq!(toy.piton(&["verify"]).status, 0);
}

#[test]
fn a_repository_that_is_moved_under_a_climb_ends_it_and_the_next_goes_on() {
    for killed in [false, true] {
        let mut toy = Scratch::toy();
        climb(&toy, "1");
        let (old, signs) = (toy.path().to_owned(), tempfile::tempdir().unwrap());
        let mut child = under_way(&toy, signs.path());
        toy.move_to("elsewhere");
        if killed {
            child.kill().unwrap();
        }
        fs::write(signs.path().join("go"), "").unwrap();
        let ended = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(killed || ended.status.code() != Some(0), "{err}");
        assert!(killed || err.contains("error:"), "{err}");
        assert!(!old.exists(), "nothing is made where it was: {err}");
        climb(&toy, "1");
        whole(&toy);
        assert_eq!(toy.git(&["worktree", "list"]).lines().count(), 1);
        toy.git(&["fsck", "--strict"]);
    }
}

#[test]
fn a_copy_of_a_repository_in_the_middle_of_a_climb_takes_nothing_from_it() {
    let toy = Scratch::toy();
    climb(&toy, "1");
    let signs = tempfile::tempdir().unwrap();
    let mut child = under_way(&toy, signs.path());
    let copy = Scratch::empty();
    let copied = Command::new("cp").arg("-a").arg(toy.path().join(".")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    climb(&copy, "1");
    whole(&copy);
    assert!(toy.path().join(".piton/work/r").exists(), "the worktree of the other is its own");
    fs::write(signs.path().join("go"), "").unwrap();
    assert!(child.wait().unwrap().success());
    whole(&toy);
}

#[test]
fn a_branch_that_was_deleted_renamed_or_moved_and_refs_that_are_gone_are_mended_or_told() {
    let toy = Scratch::toy();
    climb(&toy, "2");
    let incumbent = toy.git(&["rev-parse", "piton/r"]);
    for gone in [&["branch", "-D", "piton/r"][..], &["branch", "-m", "piton/r", "mine"]] {
        toy.git(gone);
        assert_eq!(toy.piton(&["audit"]).status, 1);
        let said = toy.piton(&["recover"]);
        assert!(said.err.contains("piton/r is broken or gone: put back at the incumbent"), "{said:?}");
        assert_eq!(toy.git(&["rev-parse", "piton/r"]), incumbent);
        whole(&toy);
    }
    // HEAD was on it.
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.git(&["update-ref", "-d", "refs/heads/piton/r"]);
    let said = toy.piton(&["recover"]);
    assert!(said.err.contains("put back at the incumbent"), "{said:?}");
    toy.git(&["update-ref", "-d", "refs/heads/piton/r"]);
    climb(&toy, "1");
    toy.git(&["switch", "--quiet", "main"]);
    for name in toy.git(&["for-each-ref", "--format=%(refname)", "refs/piton/r"]).lines() {
        toy.git(&["update-ref", "-d", name]);
        let said = toy.piton(&["recover"]);
        assert!(said.err.contains(&format!("{name} is not where the ledger says: put back")), "{said:?}");
        whole(&toy);
    }
    // A commit behind, it is moved on; work of the user's on top of it stays, and is told of.
    toy.git(&["update-ref", "refs/heads/piton/r", "piton/r~1"]);
    let said = toy.piton(&["recover"]);
    assert!(said.err.contains("moved on to the incumbent"), "{said:?}");
    whole(&toy);
    toy.write("mine", "");
    toy.commit("mine");
    toy.git(&["update-ref", "refs/heads/piton/r", "main"]);
    let said = toy.piton(&["recover"]);
    assert!(said.err.contains("left as it is: keep what is there under another name"), "{said:?}");
    assert_eq!(toy.git(&["rev-parse", "piton/r"]), toy.git(&["rev-parse", "main"]));
    refused(&toy, &["climb", "--run", "r", "--trials", "1"], 3, &["its branch has moved"]);
    let incumbent =
        toy.piton(&["status", "--json"]).json()["incumbent"]["commit"].as_str().map(str::to_owned);
    if let Some(incumbent) = incumbent {
        toy.git(&["branch", "-f", "piton/r", &incumbent]);
        whole(&toy);
    }
}

#[test]
fn a_trial_of_which_everything_in_git_is_gone_is_named() {
    let toy = Scratch::toy();
    climb(&toy, "1");
    toy.git(&["update-ref", "-d", "refs/piton/r/trials/1"]);
    toy.git(&["reflog", "expire", "--expire=now", "--all"]);
    toy.git(&["gc", "--quiet", "--prune=now"]);
    let said = toy.piton(&["recover"]);
    assert!(said.err.contains("the commit of trial 1 of run r is gone: nothing can be done"), "{said:?}");
    climb(&toy, "1");
}

#[test]
fn a_branch_that_the_user_has_checked_out_elsewhere_stops_a_climb_by_name() {
    let toy = Scratch::toy();
    climb(&toy, "1");
    let elsewhere = toy.path().with_file_name("elsewhere");
    toy.git(&["worktree", "add", "--quiet", elsewhere.to_str().unwrap(), "piton/r"]);
    let why = format!("piton/r is checked out in {}", elsewhere.display());
    refused(&toy, &["climb", "--run", "r", "--trials", "1"], 3, &[&why, "switch --detach"]);
    whole(&toy);
    toy.git(&["worktree", "remove", elsewhere.to_str().unwrap()]);
    climb(&toy, "1");
}

#[test]
fn a_clone_that_borrows_objects_is_refused_and_one_that_was_made_whole_is_not() {
    let toy = Scratch::toy();
    let from = toy.path().to_str().unwrap().to_owned();
    for how in [&["--shared"][..], &["--reference", &from]] {
        let clone = Scratch::empty();
        let url = format!("file://{from}");
        let source = if how[0] == "--shared" { &from } else { &url };
        clone.git(&[&["clone", "--quiet"], how, &[source, "."]].concat());
        for command in [&["baseline"][..], &["climb", "--trials", "1"], &["doctor"], &["status"], &["init"]] {
            refused(&clone, command, 3, &["it borrows objects from another repository", "git repack -a -d"]);
        }
        clone.git(&["repack", "-a", "-d", "--quiet"]);
        fs::remove_file(clone.path().join(".git/objects/info/alternates")).unwrap();
        clone.baseline();
    }
    let clone = Scratch::empty();
    clone.git(&["clone", "--quiet", &from, "."]);
    clone.baseline();
}

fn bytes(dir: &str, name: &[u8]) -> PathBuf {
    PathBuf::from(dir).join(OsStr::from_bytes(name))
}

#[test]
fn a_name_that_is_no_text_is_refused_by_name_where_it_could_be_edited_and_built_where_it_is_locked() {
    let name = b"caf\xe9.rs";
    for path in [bytes("src", name), bytes("src/deep", name), bytes("src", b"d\xff/file")] {
        let toy = Scratch::toy();
        toy.baseline();
        let full = toy.path().join(&path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, "pub fn f() {}\n").unwrap();
        toy.speed("150");
        let judged = toy.piton(&["trial", "-m", "an odd name", "--json"]).json();
        let outcome = judged["outcome"].to_string();
        assert!(outcome.contains("out_of_scope") && outcome.contains("a name that is not UTF-8"), "{judged}");
        assert!(outcome.contains("\\\\xe9") || outcome.contains("\\\\xff"), "{outcome}");
        fs::remove_file(&full).unwrap();
        assert_eq!(toy.piton(&["trial", "-m", "without it"]).status, 0);
        whole(&toy);
        // Committed before a run begins.
        let toy = Scratch::toy();
        let full = toy.path().join(&path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(&full, "pub fn f() {}\n").unwrap();
        toy.commit("an odd name");
        refused(&toy, &["baseline"], 2, &["a name that is not UTF-8", "\\x"]);
    }
    // Where nothing may be edited it is a file like any other.
    let toy = Scratch::toy();
    let locked = toy.path().join(bytes("data", name));
    fs::create_dir_all(locked.parent().unwrap()).unwrap();
    fs::write(&locked, "1").unwrap();
    let measure = toy.read("measure.sh");
    toy.write(
        "measure.sh",
        &format!("[ \"$(cat \"$(dirname \"$0\")\"/data/caf*.rs)\" = 1 ] || exit 9\n{measure}"),
    );
    toy.commit("an odd name that is locked");
    toy.baseline();
    toy.speed("150");
    assert_eq!(toy.piton(&["trial", "-m", "faster"]).status, 0);
    fs::write(&locked, "2").unwrap();
    toy.speed("160");
    let judged = toy.piton(&["trial", "-m", "and the data", "--json"]).json();
    assert!(judged["outcome"].to_string().contains("data/caf\\\\xe9.rs"), "{judged}");
    fs::write(&locked, "1").unwrap();
    whole(&toy);
}

#[test]
fn a_repository_below_a_directory_whose_name_is_no_text_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&odd).unwrap();
    let toy = Scratch::toy_in(&odd);
    refused(&toy, &["baseline"], 3, &["is not UTF-8"]);
}
