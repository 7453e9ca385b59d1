//! Repositories as others have them: ignore rules, line endings, filters, submodules, worktrees, monorepos, and files that piton's own
//! names clash with.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use piton_tests::{Said, Scratch, piton};

fn in_dir(dir: &Path, args: &[&str]) -> Said {
    let mut command = Command::new(piton());
    command.args(args).current_dir(dir).env("NO_COLOR", "1").output().expect("piton starts").into()
}

fn git_in(dir: &Path, args: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]);
    let output = git.args(args).current_dir(dir).output().expect("git is installed");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn done(said: &Said) {
    assert_eq!(said.status, 0, "{said:?}");
}

fn refused(said: &Said, words: &[&str]) {
    assert!([2, 3].contains(&said.status), "{said:?}");
    for word in words {
        assert!(said.err.contains(word), "{word:?} is not in {said:?}");
    }
    assert!(!said.err.contains("building the baseline"), "nothing is measured first: {said:?}");
}

/// An agent that makes the toy a fifth faster.
const FASTER: &str = "sed -i 's/= 100;/= 120;/' src/speed.rs";

fn climbed(toy: &Scratch, agent: &str) {
    done(&toy.piton(&["climb", "--run", "r", "--trials", "1", "--agent", agent]));
    assert_eq!(toy.table()[1][3], "keep", "{:?}", toy.table());
}

fn changed(toy: &Scratch) -> String {
    toy.git(&["diff", "--name-only", "main", "piton/r"])
}

/// By hand: a trial in the checkout, which is then clean.
fn kept_by_hand(toy: &Scratch) {
    done(&toy.piton(&["trial", "-m", "faster"]));
    assert_eq!(toy.git(&["status", "--short"]), "");
}

#[test]
fn a_tracked_file_stays_in_every_commit_whatever_ignore_rule_matches_it() {
    for rule in ["repository", "user", "info"] {
        for by_hand in [false, true] {
            let toy = Scratch::toy();
            toy.write("src/build/table.txt", "tracked\n");
            toy.write("src/sample.log", "tracked\n");
            toy.commit("what rules will match");
            let rules = "build/\n*.log\n";
            match rule {
                "repository" => {
                    toy.write(".gitignore", rules);
                    toy.commit("rules");
                }
                "user" => {
                    toy.write(".git/rules", rules);
                    let path = toy.path().join(".git/rules");
                    toy.git(&["config", "core.excludesFile", &path.to_string_lossy()]);
                }
                _ => toy.write(".git/info/exclude", rules),
            }
            if by_hand {
                toy.baseline();
                toy.speed("120");
                toy.write("src/build/made.o", "ignored");
                kept_by_hand(&toy);
            } else {
                climbed(&toy, &format!("{FASTER}; echo x > src/build/made.o; echo x > src/new.log"));
            }
            assert_eq!(changed(&toy), "src/speed.rs", "{rule}");
        }
    }
}

#[test]
fn a_tracked_file_below_an_ignored_directory_can_be_edited() {
    let toy = Scratch::toy();
    toy.write("src/build/table.txt", "tracked\n");
    toy.commit("a table");
    toy.write(".gitignore", "build/\n");
    toy.commit("a rule");
    climbed(&toy, &format!("{FASTER}; echo edited > src/build/table.txt"));
    assert_eq!(changed(&toy), "src/build/table.txt\nsrc/speed.rs");
}

#[test]
fn line_endings_of_a_checkout_are_no_edit_and_an_edit_is_committed_as_git_would() {
    for how in ["eol", "auto", "autocrlf", "core.eol"] {
        for by_hand in [false, true] {
            let toy = Scratch::toy();
            toy.write("src/other.txt", "one\ntwo\n");
            toy.write("notes.txt", "one\ntwo\n");
            match how {
                "eol" => toy.write(".gitattributes", "*.txt text eol=crlf\n"),
                "auto" => toy.write(".gitattributes", "*.txt text=auto eol=crlf\n"),
                "core.eol" => toy.write(".gitattributes", "*.txt text\n"),
                _ => {}
            }
            toy.commit("texts");
            match how {
                "autocrlf" => drop(toy.git(&["config", "core.autocrlf", "true"])),
                "core.eol" => drop(toy.git(&["config", "core.eol", "crlf"])),
                _ => {}
            }
            for path in ["src/other.txt", "notes.txt"] {
                fs::remove_file(toy.path().join(path)).unwrap();
                toy.git(&["checkout", "--quiet", path]);
                assert_eq!(toy.read(path), "one\r\ntwo\r\n", "{how}");
            }
            if by_hand {
                toy.baseline();
                toy.speed("120");
                kept_by_hand(&toy);
            } else {
                climbed(&toy, FASTER);
            }
            assert_eq!(changed(&toy), "src/speed.rs", "{how}, by hand: {by_hand}");
            // An edit of such a file changes the line that was edited.
            if by_hand {
                toy.write("src/other.txt", "one\r\nthree\r\n");
                toy.speed("150");
                kept_by_hand(&toy);
                assert_eq!(toy.git(&["show", "HEAD:src/other.txt"]), "one\nthree", "{how}");
                assert_eq!(toy.read("src/other.txt"), "one\r\nthree\r\n", "{how}");
                // What is put back lies as git would lay it.
                toy.write("src/other.txt", "worse\r\n");
                toy.speed("10");
                assert_eq!(toy.piton(&["trial", "-m", "slower"]).status, 10);
                assert_eq!(toy.read("src/other.txt"), "one\r\nthree\r\n", "{how}");
                assert_eq!(toy.git(&["status", "--short"]), "");
            }
        }
    }
}

#[test]
fn a_file_of_mixed_line_endings_that_nobody_touched_is_no_edit() {
    let toy = Scratch::toy();
    toy.write("src/mixed.txt", "one\ntwo\r\n");
    toy.write("src/dos.bat", "one\r\ntwo\r\n");
    toy.commit("as they came");
    toy.write(".gitattributes", "src/mixed.txt text eol=crlf\n*.bat text=auto\n");
    toy.git(&["add", ".gitattributes"]);
    toy.git(&["commit", "--quiet", "--message", "attributes, and nothing renormalised"]);
    climbed(&toy, FASTER);
    assert_eq!(changed(&toy), "src/speed.rs");
}

/// A filter as git-lfs has one: what lies in the checkout is not what a commit holds. It leaves a trace where it runs.
fn with_filter(toy: &Scratch, pattern: &str) {
    let trace = toy.path().join(".git/ran");
    toy.git(&["config", "filter.big.clean", &format!("touch {}; sed s/BIG/small/", trace.display())]);
    toy.git(&["config", "filter.big.smudge", "sed s/small/BIG/"]);
    toy.git(&["config", "filter.big.required", "true"]);
    toy.write(".gitattributes", &format!("{pattern} filter=big\n"));
}

#[test]
fn a_file_of_a_filter_is_no_edit_outside_the_scope_and_its_command_is_never_run() {
    let toy = Scratch::toy();
    with_filter(&toy, "*.bin");
    toy.write("w.bin", "BIG\n");
    toy.commit("filtered");
    assert_eq!(toy.git(&["show", "HEAD:w.bin"]), "small");
    fs::remove_file(toy.path().join(".git/ran")).unwrap();
    let said = toy.baseline();
    assert!(said.err.contains("as git holds them") && said.err.contains("w.bin (filter=big)"), "{said:?}");
    toy.speed("120");
    done(&toy.piton(&["trial", "-m", "faster"]));
    assert_eq!((changed(&toy).as_str(), toy.read("w.bin").as_str()), ("src/speed.rs", "BIG\n"));
    assert!(!toy.path().join(".git/ran").exists(), "no command of a filter was run");
    assert_eq!(toy.git(&["status", "--short"]), "");
    // An edit of it is one.
    toy.write("w.bin", "BIG and more\n");
    toy.speed("150");
    let said = toy.piton(&["trial", "-m", "both"]);
    assert_eq!(said.status, 12, "{said:?}");
    assert!(said.out.contains("w.bin"), "{said:?}");
}

#[test]
fn what_piton_cannot_apply_is_refused_by_name_where_it_could_be_edited() {
    let toy = Scratch::toy();
    with_filter(&toy, "src/*.bin");
    toy.write("src/w.bin", "BIG\n");
    toy.commit("filtered, in the scope");
    refused(&toy.piton(&["baseline"]), &["src/w.bin: it has filter=big"]);

    let toy = Scratch::toy();
    toy.write(".gitattributes", "*.uni text working-tree-encoding=UTF-16\n");
    fs::write(toy.path().join("src/n.uni"), b"\xff\xfea\0\n\0").unwrap();
    toy.commit("encoded");
    refused(&toy.piton(&["climb"]), &["src/n.uni: it has working-tree-encoding=UTF-16"]);

    let toy = Scratch::toy();
    toy.write(".gitattributes", "*.c ident\n");
    toy.write("src/x.c", "/* $Id$ */\n");
    toy.commit("an identifier");
    refused(&toy.piton(&["climb"]), &["src/x.c: it has ident"]);
}

#[test]
fn a_filter_that_an_edit_asks_for_ends_its_trial() {
    let toy = Scratch::toy();
    with_filter(&toy, "*.bin");
    toy.commit("a filter");
    let agent = format!("{FASTER}; echo 'speed.rs filter=big' > src/.gitattributes");
    done(&toy.piton(&["climb", "--run", "r", "--trials", "1", "--agent", &agent]));
    assert_eq!(toy.table()[1][7], "out_of_scope", "{:?}", toy.table());
    let told = toy.piton(&["show", "1", "--run", "r"]).out;
    assert!(told.contains("filter=big, which piton cannot apply"), "{told}");
    assert!(!toy.path().join(".git/ran").exists());
}

#[test]
fn a_filtered_file_for_which_the_index_does_not_vouch_is_named_with_what_to_do() {
    let toy = Scratch::toy();
    with_filter(&toy, "*.bin");
    toy.write("w.bin", "BIG\n");
    toy.commit("filtered");
    // The same content once more: git would have to run the filter to know. Of another second, which is as closely as git looks.
    fs::remove_file(toy.path().join("w.bin")).unwrap();
    toy.write("w.bin", "BIG\n");
    let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().append(true).open(toy.path().join("w.bin")).unwrap().set_modified(then).unwrap();
    refused(&toy.piton(&["baseline"]), &["w.bin has filter=big", "git status"]);
    toy.git(&["status"]);
    toy.baseline();
}

#[test]
fn other_encodings_and_identifiers_outside_the_scope_are_no_edit() {
    let toy = Scratch::toy();
    toy.write(".gitattributes", "*.uni text working-tree-encoding=UTF-16\n*.c ident\n");
    fs::write(toy.path().join("n.uni"), b"\xff\xfea\0\n\0").unwrap();
    toy.write("x.c", "/* $Id$ */ int x; /* $Id$ */\n");
    toy.commit("encoded");
    for path in ["x.c", "n.uni"] {
        fs::remove_file(toy.path().join(path)).unwrap();
        toy.git(&["checkout", "--quiet", path]);
    }
    toy.git(&["status"]);
    toy.baseline();
    toy.speed("120");
    kept_by_hand(&toy);
    assert_eq!(changed(&toy), "src/speed.rs");
}

#[test]
fn a_scope_in_which_nothing_could_be_judged_is_refused_before_anything_is_measured() {
    let with = |change: &dyn Fn(&Scratch)| {
        let toy = Scratch::toy();
        change(&toy);
        toy.commit("another scope");
        toy
    };
    let scope = |toy: &Scratch, editable: &str| {
        toy.write("piton.toml", &toy.read("piton.toml").replace("[\"src\"]", editable));
    };
    let absent = with(&|toy| scope(toy, "[\"src\", \"source\"]"));
    refused(&absent.piton(&["baseline"]), &["`source`, and nothing of it is committed"]);
    let ignored = with(&|toy| {
        scope(toy, "[\"src\", \"made\"]");
        toy.write(".gitignore", "made\n");
        toy.write("made/x", "1");
    });
    refused(&ignored.piton(&["climb"]), &["`made`, and nothing of it is committed"]);
    let many = with(&|toy| (0..501).for_each(|n| toy.write(&format!("src/f{n}"), "")));
    refused(&many.piton(&["baseline"]), &["502 files; the scope may hold 500"]);
    let large = with(&|toy| toy.write("src/data", &"x".repeat(10_001)));
    refused(&large.piton(&["baseline"]), &["src/data: 10001 bytes", "max_file_bytes"]);
    let knob = with(&|toy| {
        toy.write("piton.toml", &toy.read("piton.toml").replace("src/speed.rs", "src/gone.rs"));
    });
    refused(&knob.piton(&["climb"]), &["the knob SPEED lies in `src/gone.rs`, which is not committed"]);
    let own = with(&|toy| scope(toy, "[\"src\", \"piton.toml\"]"));
    refused(&own.piton(&["baseline"]), &["`piton.toml`: an edit could change what it is judged by"]);
}

#[test]
fn a_measuring_command_that_an_edit_can_change_is_told() {
    let toy = Scratch::toy();
    toy.write("src/measure.sh", &toy.read("measure.sh"));
    toy.write("piton.toml", &toy.read("piton.toml").replace("{sealed}/measure.sh", "{tree}/src/measure.sh"));
    toy.commit("measured by the candidate");
    let said = toy.piton(&["baseline"]);
    assert!(said.err.contains("src/measure.sh measures and may be edited"), "{said:?}");
}

#[test]
fn a_measuring_command_that_fails_shows_before_the_second_build() {
    let toy = Scratch::toy();
    let count = toy.path().join(".git/builds");
    toy.write(".git/builds", "");
    let build = format!("echo built >> {0}\n{1}", count.display(), toy.read("build.sh"));
    toy.write("build.sh", &build);
    let config = toy
        .read("piton.toml")
        .replace("artifact =", &format!("write = [\"{}\"]\nartifact =", count.display()));
    toy.write("piton.toml", &config);
    toy.write("measure.sh", "echo 'no such tool' >&2; exit 3\n");
    toy.commit("a measuring command that fails");
    let said = toy.piton(&["baseline"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("no such tool"), "{said:?}");
    assert_eq!(toy.read(".git/builds"), "built\n");
}

#[test]
fn a_table_and_a_log_of_the_users_are_never_written_to() {
    for tracked in [false, true] {
        let toy = Scratch::toy();
        if !tracked {
            toy.write(".gitignore", "results.tsv\nrun.log\n");
            toy.commit("rules");
        }
        let table = "commit\tval_bpb\tmemory_gb\tstatus\tdescription\na1b2c3d\t0.99\t44.0\tkeep\tbaseline\n";
        toy.write("results.tsv", table);
        toy.write("run.log", "a night of somebody's\n");
        toy.commit("a night");
        let said = toy.baseline();
        assert!(said.err.contains("results.tsv is your own file and stays as it is"), "{said:?}");
        toy.speed("120");
        done(&toy.piton(&["trial", "-m", "faster"]));
        assert_eq!(toy.read("results.tsv"), table);
        assert_eq!(toy.read("run.log"), "a night of somebody's\n");
        assert_eq!(toy.read("piton-results.tsv").lines().count(), 3);
        assert!(toy.read("piton-run.log").starts_with("$ "));
        assert_eq!(toy.git(&["status", "--short"]), "");
        let audit = toy.piton(&["audit"]);
        assert_eq!(audit.status, 0, "{audit:?}");
        // Whoever writes his own table meanwhile has edited nothing that is judged.
        toy.write("results.tsv", &format!("{table}mine\t1\t1\tkeep\tmore\n"));
        toy.speed("150");
        done(&toy.piton(&["trial", "-m", "faster still"]));
        assert!(toy.read("results.tsv").ends_with("more\n"));
        fs::write(toy.path().join("piton-results.tsv"), "forged").unwrap();
        toy.write("piton-run.log", "");
        let audit = toy.piton(&["audit"]);
        assert!(audit.out.contains("piton-results.tsv is not what"), "{audit:?}");
    }
}

#[test]
fn a_table_that_the_user_puts_where_pitons_was_is_his() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.write("results.tsv", "mine\n");
    toy.write("run.log", "mine\n");
    toy.speed("120");
    let said = toy.piton(&["trial", "-m", "faster"]);
    done(&said);
    assert_eq!((toy.read("results.tsv").as_str(), toy.read("run.log").as_str()), ("mine\n", "mine\n"));
    assert_eq!(toy.read("piton-results.tsv").lines().count(), 3);
    done(&toy.piton(&["audit"]));
}

#[test]
fn a_file_that_pitons_own_output_goes_to_is_no_edit_now_or_later() {
    let toy = Scratch::toy();
    let to = |file: &str, args: &[&str]| {
        let out = File::options().create(true).append(true).open(toy.path().join(file)).unwrap();
        let err = out.try_clone().unwrap();
        let status = toy.command(args).stdout(out).stderr(err).status().unwrap();
        assert_eq!(status.code(), Some(0), "{args:?}: {}", toy.read(file));
    };
    to("nohup.out", &["climb", "--run", "night", "--trials", "1"]);
    to("night.txt", &["climb", "--run", "night", "--trials", "1"]);
    to("src/begin.txt", &["baseline", "--run", "r"]);
    toy.speed("120");
    to("src/trial.txt", &["trial", "-m", "faster"]);
    toy.speed("150");
    done(&toy.piton(&["trial", "-m", "faster still"]));
    assert_eq!(changed(&toy), "src/speed.rs");
    // Another file in the place of one of them is somebody's.
    fs::remove_file(toy.path().join("night.txt")).unwrap();
    let keep = toy.path().join("keep");
    fs::write(&keep, "x").unwrap();
    fs::rename(keep, toy.path().join("night.txt")).unwrap();
    toy.speed("170");
    let said = toy.piton(&["trial", "-m", "more"]);
    assert!(said.status == 12 && said.out.contains("night.txt"), "{said:?}");
}

#[test]
fn a_climb_does_not_mind_files_that_no_commit_has_and_says_so() {
    let toy = Scratch::toy();
    toy.write("notes.txt", "mine");
    toy.write("src/idea.rs", "mine");
    let said = toy.piton(&["climb", "--run", "r", "--trials", "1"]);
    done(&said);
    assert!(
        said.err.contains("not committed, and so no part of the run: notes.txt, src/idea.rs"),
        "{said:?}"
    );
    assert_eq!((toy.read("notes.txt").as_str(), toy.read("src/idea.rs").as_str()), ("mine", "mine"));
    assert_eq!(toy.git(&["ls-tree", "-r", "--name-only", "piton/r", "src"]), "src/speed.rs");
    toy.write("measure.sh", "edited");
    refused(&toy.piton(&["climb", "--trials", "1"]), &["the tree is not clean", "measure.sh"]);
}

#[test]
fn a_climb_goes_on_after_a_baseline_and_leaves_the_checkout_on_its_branch() {
    let toy = Scratch::toy();
    toy.baseline();
    let said = toy.piton(&["climb", "--trials", "2", "--agent", FASTER]);
    done(&said);
    assert!(said.err.contains("this checkout is on main again"), "{said:?}");
    assert_eq!(toy.git(&["branch", "--show-current"]), "main");
    assert_eq!(toy.git(&["status", "--short"]), "");
    assert_eq!(toy.table()[1][3], "keep");
    assert_eq!(changed(&toy), "src/speed.rs");
    // From the run's branch with keeps on it, too; and not over an edit.
    toy.git(&["switch", "--quiet", "piton/r"]);
    done(&toy.piton(&["climb", "--run", "r", "--trials", "1"]));
    assert_eq!(
        (toy.git(&["branch", "--show-current"]).as_str(), toy.git(&["status", "--short"]).as_str()),
        ("main", "")
    );
    toy.git(&["switch", "--quiet", "piton/r"]);
    toy.speed("300");
    refused(&toy.piton(&["climb", "--run", "r"]), &["src/speed.rs is edited here", "piton trial"]);
    assert!(toy.read("src/speed.rs").contains("300"));
}

#[test]
fn a_ref_in_the_way_is_named_before_anything_is_measured() {
    for (branch, run) in [("piton", "r"), ("piton/r/old", "r"), ("piton/r", "r")] {
        for packed in [false, true] {
            let toy = Scratch::toy();
            toy.git(&["branch", branch]);
            if packed {
                toy.git(&["pack-refs", "--all"]);
            }
            for command in ["baseline", "climb"] {
                let said = toy.piton(&[command, "--run", run]);
                refused(&said, &["the run did not begin"]);
                if branch != "piton/r" {
                    refused(&said, &[&format!("refs/heads/{branch}"), &format!("git branch -m {branch}")]);
                }
            }
            let refs = toy.git(&["for-each-ref", "--format=%(refname)"]);
            assert!(!refs.contains("refs/piton"), "nothing is left of a try: {refs}");
            if branch != "piton" {
                done(&toy.piton(&["climb", "--run", "other", "--trials", "1"]));
            }
        }
    }
    let toy = Scratch::toy();
    toy.git(&["update-ref", "refs/piton/r", "HEAD"]);
    refused(&toy.piton(&["baseline", "--run", "r"]), &["refs/piton/r,", "git update-ref -d refs/piton/r"]);
}

#[test]
fn a_worktree_or_a_file_in_the_way_of_a_climb_is_named_before_anything_is_measured() {
    let toy = Scratch::toy();
    let place = Scratch::empty();
    let taken = place.path().join("piton-r");
    toy.git(&["worktree", "add", "--quiet", "-b", "side", &taken.to_string_lossy()]);
    refused(&toy.piton(&["climb", "--run", "r"]), &["piton-r lies at", "git worktree remove"]);
    assert!(taken.join("piton.toml").is_file());
    let toy = Scratch::toy();
    toy.write(".piton", "mine");
    toy.commit("a file of that name");
    refused(&toy.piton(&["climb"]), &[".piton is no directory"]);
    assert_eq!(toy.read(".piton"), "mine");
}

/// Two toys with another name and metric each, committed at `main`.
fn two() -> (Scratch, Scratch) {
    let (x, y) = (Scratch::toy(), Scratch::toy());
    y.write("piton.toml", &y.read("piton.toml").replace("name = \"toy\"", "name = \"other\""));
    y.commit("another");
    (x, y)
}

fn table_of(dir: &Path) -> usize {
    fs::read_to_string(dir.join("results.tsv")).unwrap_or_default().lines().count()
}

#[test]
fn every_submodule_has_its_own_table_in_its_own_checkout() {
    let (x, y) = two();
    let above = Scratch::empty();
    above.git(&["init", "--quiet", "--initial-branch=main"]);
    for (name, of) in [("x", &x), ("y", &y)] {
        git_in(above.path(), &["submodule", "--quiet", "add", &of.path().to_string_lossy(), name]);
    }
    above.commit("submodules");
    for (name, trials) in [("x", "1"), ("y", "2")] {
        let dir = above.path().join(name);
        done(&in_dir(&dir, &["climb", "--run", "r", "--trials", trials]));
    }
    for (name, rows) in [("x", 3), ("y", 4)] {
        let dir = above.path().join(name);
        assert_eq!(table_of(&dir), rows, "{name}");
        assert!(dir.join("run.log").is_file());
        done(&in_dir(&dir, &["audit"]));
        assert_eq!(git_in(&dir, &["status", "--short"]), "");
    }
    assert_eq!(above.git(&["status", "--short"]), "");
    let stray = ["results.tsv", "run.log", ".piton"].map(|name| above.path().join(".git/modules").join(name));
    assert!(stray.iter().all(|path| !path.exists()));
}

#[test]
fn worktrees_of_bare_repositories_do_not_share_what_is_theirs() {
    let (x, y) = two();
    let place = Scratch::empty();
    for (name, of) in [("x", &x), ("y", &y)] {
        let bare = format!("{name}.git");
        git_in(place.path(), &["clone", "--quiet", "--bare", &of.path().to_string_lossy(), &bare]);
        let bare = place.path().join(bare);
        git_in(&bare, &["worktree", "add", "--quiet", &format!("../{name}-main"), "main"]);
        git_in(&bare, &["worktree", "add", "--quiet", "-b", "second", &format!("../{name}-second"), "main"]);
        let (first, second) =
            (place.path().join(format!("{name}-main")), place.path().join(format!("{name}-second")));
        done(&in_dir(&first, &["climb", "--run", "one", "--trials", "1"]));
        done(&in_dir(&second, &["climb", "--run", "two", "--trials", "2"]));
        // A run goes on where it began, wherever it is asked to.
        done(&in_dir(&second, &["climb", "--run", "one", "--trials", "1"]));
        assert_eq!((table_of(&first), table_of(&second)), (4, 4), "{name}");
        done(&in_dir(&first, &["audit"]));
        done(&in_dir(&second, &["audit"]));
        assert_eq!(git_in(&first, &["status", "--short"]), "");
    }
    assert!(!place.path().join("results.tsv").exists() && !place.path().join(".piton").exists());
}

#[test]
fn a_linked_worktree_and_a_git_directory_apart_are_checkouts_like_any_other() {
    let toy = Scratch::toy();
    let place = Scratch::empty();
    let linked = place.path().join("linked");
    toy.git(&["worktree", "add", "--quiet", "-b", "side", &linked.to_string_lossy()]);
    done(&in_dir(&linked, &["climb", "--run", "side", "--trials", "1"]));
    done(&toy.piton(&["climb", "--run", "main", "--trials", "2"]));
    assert_eq!((table_of(&linked), table_of(toy.path())), (3, 4));
    // Where a run's checkout is gone, it goes on in the one where it is taken up.
    toy.git(&["worktree", "remove", "--force", &linked.to_string_lossy()]);
    done(&toy.piton(&["climb", "--run", "side", "--trials", "1"]));
    done(&toy.piton(&["audit"]));

    let apart = place.path().join("apart");
    let git = place.path().join("its.git");
    git_in(
        place.path(),
        &[
            "clone",
            "--quiet",
            "--separate-git-dir",
            &git.to_string_lossy(),
            &toy.path().to_string_lossy(),
            "apart",
        ],
    );
    done(&in_dir(&apart, &["climb", "--run", "r", "--trials", "1"]));
    assert_eq!(table_of(&apart), 3);
    git_in(&apart, &["worktree", "add", "--quiet", "-b", "side", "../side"]);
    done(&in_dir(&place.path().join("side"), &["climb", "--run", "s", "--trials", "1"]));
    assert_eq!((table_of(&apart), table_of(&place.path().join("side"))), (3, 3));
    assert!(!place.path().join("results.tsv").exists());
}

/// A repository with the toy in `a` and, in `b/c`, another.
fn monorepo() -> Scratch {
    let toy = Scratch::toy();
    for dir in ["a", "b/c"] {
        for file in ["piton.toml", "build.sh", "measure.sh", "src/speed.rs"] {
            toy.write(&format!("{dir}/{file}"), &toy.read(file));
        }
    }
    toy.write("b/c/piton.toml", &toy.read("b/c/piton.toml").replace("name = \"toy\"", "name = \"other\""));
    toy.write("shared.txt", "shared\n");
    for file in ["piton.toml", "build.sh", "measure.sh", "src/speed.rs"] {
        fs::remove_file(toy.path().join(file)).unwrap();
    }
    toy.commit("a repository of several");
    toy
}

#[test]
fn experiments_live_side_by_side_in_one_repository() {
    let toy = monorepo();
    let (a, c) = (toy.path().join("a"), toy.path().join("b/c"));
    done(&in_dir(&a, &["climb", "--run", "r", "--trials", "1", "--agent", FASTER]));
    done(&in_dir(&c.join("src"), &["climb", "--run", "s", "--trials", "2"]));
    assert_eq!((table_of(&a), table_of(&c)), (3, 4));
    assert!(!toy.path().join("results.tsv").exists() && !toy.path().join(".piton").exists());
    assert_eq!(toy.git(&["status", "--short"]), "");
    assert_eq!(toy.git(&["diff", "--name-only", "main", "piton/r"]), "a/src/speed.rs");
    // What is shown is of the experiment where one stands.
    for (dir, run, other) in [(&a, "r", "s"), (&c, "s", "r")] {
        for args in [&["status", "--json"][..], &["log"], &["report", "--json"], &["status"]] {
            let said = in_dir(dir, args);
            done(&said);
            assert!(
                said.out.contains(&format!("run {run}")) || said.out.contains(&format!("\"run\": \"{run}\"")),
                "{args:?}: {}",
                &said.out[..400.min(said.out.len())]
            );
        }
        done(&in_dir(dir, &["status", "--run", other]));
        done(&in_dir(dir, &["audit"]));
    }
    assert!(in_dir(&a, &["log"]).out.contains("run r"));
    assert!(in_dir(&c.join("src"), &["log"]).out.contains("run s"));
    done(&in_dir(&a, &["verify"]));
    done(&in_dir(&a, &["report"]));
    assert!(a.join(".piton").is_dir());
    // By hand, from below; an edit of the other experiment is none of this one's.
    done(&in_dir(&a, &["baseline", "--run", "hand"]));
    toy.write("a/src/speed.rs", "const SPEED: u32 = 150;\n");
    done(&in_dir(&a.join("src"), &["trial", "-m", "faster"]));
    toy.write("b/c/src/speed.rs", "const SPEED: u32 = 150;\n");
    let said = in_dir(&a, &["trial", "-m", "elsewhere"]);
    assert!(
        said.status == 12
            && said.out.contains("b/c/src/speed.rs")
            && said.out.contains("only src may be edited"),
        "{said:?}"
    );
    done(&in_dir(&a, &["audit"]));
}

#[test]
fn the_commands_of_an_experiment_find_their_directory_and_the_whole_repository() {
    let toy = monorepo();
    toy.write("a/measure.sh", "[ -f shared.txt ] && exit 8; [ \"$(cat \"$2/shared.txt\")\" = shared ] || exit 9\n[ -f \"$3/src/speed.rs\" ] || exit 7\ns=$(cat \"$1\"); echo \"{\\\"speed\\\": $s.$((PITON_SEED % 10)), \\\"quality\\\": 1}\"\n");
    let config =
        toy.read("a/piton.toml").replace("\"{artifact}\"]", "\"{artifact}\", \"{root}\", \"{tree}\"]");
    toy.write("a/piton.toml", &config);
    toy.commit("measured with what is shared");
    let said = in_dir(&toy.path().join("a"), &["climb", "--run", "r", "--trials", "1", "--agent", FASTER]);
    done(&said);
    assert!(said.err.contains("kept: +"), "{said:?}");
}

#[test]
fn who_stands_beside_the_experiments_is_told_where_they_are() {
    let toy = monorepo();
    refused(&toy.piton(&["baseline"]), &["experiments in a, b/c", "cd a"]);
    refused(&in_dir(&toy.path().join("b"), &["climb"]), &["experiments in a, b/c"]);
    done(&in_dir(&toy.path().join("a"), &["climb", "--run", "r", "--trials", "1"]));
    // At the root the latest run is shown; in an experiment without a run none is.
    assert!(toy.piton(&["log"]).out.contains("run r"));
    refused(
        &in_dir(&toy.path().join("b/c"), &["log"]),
        &["no run of the experiment in b/c has begun", "--run r"],
    );
    let text = toy.read("a/piton.toml");
    toy.write("b/piton.toml", &text);
    refused(&in_dir(&toy.path().join("b"), &["baseline"]), &["b/piton.toml", "git add b/piton.toml"]);
}

#[test]
fn an_experiment_is_written_where_one_stands_and_says_where() {
    let toy = monorepo();
    fs::create_dir_all(toy.path().join("d/src")).unwrap();
    let said = in_dir(&toy.path().join("d"), &["init", "--no-try"]);
    done(&said);
    assert!(said.out.starts_with("in d, a directory of the repository"), "{said:?}");
    assert!(toy.path().join("d/piton.toml").is_file() && toy.path().join("d/measure.sh").is_file());
    assert!(!toy.path().join("piton.toml").exists() && !toy.path().join("program.md").exists());
    let before = toy.read("a/piton.toml");
    let said = in_dir(&toy.path().join("a/src"), &["init", "--no-try"]);
    assert!(said.out.contains("the experiment in a stays as it is"), "{said:?}");
    assert_eq!(toy.read("a/piton.toml"), before);
}

/// SHA-256 of a line that says "large".
const LARGE: &str = "9bfce334a37bd1bc1d36b0370195b31fe9a9389dd43d0873891a3544ef1140a1";

#[test]
fn content_of_lfs_that_is_here_is_measured_and_what_is_not_here_is_told() {
    let toy = Scratch::toy();
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{LARGE}\nsize 6\n");
    toy.write(".git/pointer", &pointer);
    // What the commands of LFS do, without LFS.
    toy.git(&["config", "filter.lfs.clean", "cat > /dev/null; cat .git/pointer"]);
    toy.git(&["config", "filter.lfs.smudge", "cat > /dev/null; echo large"]);
    toy.git(&["config", "filter.lfs.required", "true"]);
    toy.write(".gitattributes", "*.bin filter=lfs -text\n");
    toy.write("data.bin", "large\n");
    let measure = toy.read("measure.sh");
    toy.write("measure.sh", &format!("grep -qx large \"$(dirname \"$0\")/data.bin\" || exit 9\n{measure}"));
    toy.commit("a large file");
    assert_eq!(toy.git(&["show", "HEAD:data.bin"]), pointer.trim());
    let kept = format!(".git/lfs/objects/{}/{}/{LARGE}", &LARGE[..2], &LARGE[2..4]);
    toy.write(&kept, "large\n");
    // Content that was laid anew is known by its hash, whatever the index says.
    fs::remove_file(toy.path().join("data.bin")).unwrap();
    toy.write("data.bin", "large\n");
    let said = toy.baseline();
    assert!(!said.err.contains("as git holds them"), "{said:?}");
    toy.speed("120");
    kept_by_hand(&toy);
    assert_eq!((changed(&toy).as_str(), toy.read("data.bin").as_str()), ("src/speed.rs", "large\n"));
    // A checkout without the content has the pointer, and that is what is measured.
    toy.git(&["switch", "--quiet", "main"]);
    fs::remove_file(toy.path().join(&kept)).unwrap();
    let said = toy.piton(&["baseline", "--run", "s"]);
    assert_eq!(said.status, 4, "{said:?}");
    assert!(said.err.contains("as git holds them") && said.err.contains("data.bin (filter=lfs)"), "{said:?}");
}
