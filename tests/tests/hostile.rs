//! Agents that try more than an edit: behind the walls it fails, nothing of piton's moves, and the climb goes on.

use std::fs;
use std::path::Path;

use piton_tests::{Said, Scratch};

/// The honest proposal that follows each hostile one.
const HONEST: &str = "sed -i 's/= 100;/= 120;/' src/speed.rs";

/// A climb of two proposals: the first is hostile, the second honest. `hostile` is a line of sh; `$GIT` is the repository's `.git`.
fn climb(toy: &Scratch, hostile: &str, more: &[&str]) -> Said {
    let git = toy.path().join(".git");
    let agent = format!(
        "GIT={}; ROOT={}; if [ -e .piton/agent/was ]; then {HONEST}; else touch .piton/agent/was; {hostile}\nfi",
        git.display(),
        toy.path().display()
    );
    let mut args = vec!["climb", "--run", "r", "--trials", "2", "--agent", &agent];
    args.extend_from_slice(more);
    let said = toy.piton(&args);
    assert_eq!(said.status, 0, "the climb goes on: {said:?}");
    said
}

/// What must hold after every climb: the honest proposal was kept, the branch is there, the locked files and the log are whole.
fn holds(toy: &Scratch, said: &Said) {
    let rows = toy.table();
    let honest = rows.iter().skip(1).find(|row| row[3] == "keep");
    assert!(
        honest.is_some_and(|row| row[7] == "better"),
        "the honest proposal is kept: {rows:?} {}",
        said.err
    );
    let kept = toy.git(&["rev-parse", "piton/r"]);
    assert!(kept.starts_with(&honest.unwrap()[0]));
    let records = toy.piton(&["log", "--run", "r", "--json"]).json();
    for record in records.as_array().unwrap() {
        let name = format!("refs/piton/r/trials/{}", record["trial"]);
        if let Some(commit) = record["commit"].as_str().filter(|_| record["trial"] != 0) {
            assert_eq!(toy.git(&["rev-parse", &name]), commit);
        }
    }
    assert_eq!(toy.git(&["diff", "--name-only", "main", "piton/r"]), "src/speed.rs");
    assert_eq!(toy.git(&["symbolic-ref", "HEAD"]), "refs/heads/main");
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "the checkout is as it was");
    let audit = toy.piton(&["audit", "--run", "r"]);
    assert_eq!(audit.status, 0, "{audit:?}");
}

#[test]
fn an_agent_that_commits_amends_or_switches_moves_nothing() {
    for hostile in [
        "echo 'const SPEED: u32 = 90;' > src/speed.rs; git add -A; git -c user.name=x -c user.email=x commit -qm mine",
        "git -c user.name=x -c user.email=x commit -q --amend --allow-empty -m forged",
        "git checkout -q -b elsewhere; git switch -q main; git symbolic-ref HEAD refs/heads/main",
        "git stash; git reset --hard HEAD~1; git gc --prune=now",
    ] {
        let toy = Scratch::toy();
        toy.commit("one more, so that there is a parent");
        let said = climb(&toy, hostile, &[]);
        holds(&toy, &said);
    }
}

#[test]
fn refs_configuration_hooks_table_and_ledger_are_beyond_an_agents_reach() {
    let toy = Scratch::toy();
    let hostile = r#"
        git update-ref -d refs/piton/r/trials/1; rm -rf "$GIT/refs" "$GIT/piton" "$GIT/packed-refs"
        echo forged > "$ROOT/results.tsv"; echo forged > "$ROOT/run.log"
        printf '[core]\n\tfsmonitor = touch /tmp/owned\n' >> "$GIT/config"; git config core.hooksPath /tmp
        printf '#!/bin/sh\ntouch owned\n' > "$GIT/hooks/post-commit"; echo x > "$GIT/objects/x"
        ln -s "$GIT/piton" src/link; rm -f src/link
        mv "$GIT" "$GIT.away"; rm -rf "$ROOT"/*.toml
    "#;
    let before = fs::read_to_string(toy.path().join(".git/config")).unwrap();
    let said = climb(&toy, hostile, &[]);
    holds(&toy, &said);
    assert_eq!(fs::read_to_string(toy.path().join(".git/config")).unwrap(), before);
    assert!(!toy.path().join(".git/hooks/post-commit").exists());
    assert!(!toy.read("results.tsv").contains("forged"));
}

#[test]
fn locked_files_of_its_own_worktree_cannot_be_edited_by_an_agent() {
    let toy = Scratch::toy();
    let said = climb(
        &toy,
        "echo > piton.toml; echo > measure.sh; rm -f build.sh; echo x > new.txt; echo denied=$? >&2",
        &[],
    );
    holds(&toy, &said);
    assert_eq!(toy.table().len(), 2, "no edit, no trial, and then the honest one: {}", said.err);
    assert!(said.err.contains("no trial: no edit"), "{}", said.err);
    assert!(toy.read(".git/piton/logs/agent.log").is_empty(), "the log is that of the last proposal");
}

#[test]
fn permissions_that_an_agent_changed_are_put_back_and_the_trial_says_so() {
    let toy = Scratch::toy();
    let hostile = r#"chmod 500 "$GIT/refs" "$GIT/piton" "$GIT/objects"; chmod 400 "$GIT/piton/ledger.db""#;
    let said = climb(&toy, hostile, &[]);
    holds(&toy, &said);
    let record = toy.piton(&["show", "1", "--run", "r", "--json"]).json();
    assert_eq!(record["outcome"]["kind"], "tampered", "{record}");
    assert!(said.err.contains("refs: its permissions changed"), "{}", said.err);
}

#[test]
fn a_directory_replaced_by_a_link_does_not_lead_piton_out_of_the_worktree() {
    let toy = Scratch::toy();
    toy.write("src/deep/notes.txt", "tracked\n");
    toy.commit("a directory below the editable one");
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("notes.txt"), "mine\n").unwrap();
    let hostile = format!("rm -r src/deep && ln -s {} src/deep", outside.path().display());
    let said = climb(&toy, &hostile, &[]);
    holds(&toy, &said);
    assert_eq!(fs::read_to_string(outside.path().join("notes.txt")).unwrap(), "mine\n");
    assert_eq!(toy.table()[1][7], "out_of_scope", "{}", said.err);
}

#[test]
fn an_agent_that_never_ends_and_ignores_term_is_ended_with_all_that_it_forked_away() {
    let toy = Scratch::toy();
    let hostile = r#"(setsid sh -c 'trap "" TERM HUP; echo $$ > .piton/agent/daemon; while :; do sleep 1; done' >/dev/null 2>&1 &)
        trap '' TERM; while :; do sleep 1; done"#;
    let said = climb(&toy, hostile, &["--agent-timeout", "2s"]);
    holds(&toy, &said);
    assert!(said.err.contains("the agent failed: it took longer than 2 s"), "{}", said.err);
    let daemon = toy.read(".piton/work/r/.piton/agent/daemon");
    // Its worktree is gone with the climb: what it wrote there may be too. The processes are what counts.
    let left = processes_in(toy.path());
    assert!(left.is_empty(), "{daemon}: {left:?}");
}

/// Processes whose working directory lies below `dir`.
fn processes_in(dir: &Path) -> Vec<String> {
    let dir = fs::canonicalize(dir).unwrap();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&dir)))
        .map(|entry| fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default())
        .collect()
}

#[test]
fn piton_itself_cannot_be_killed_or_traced_by_its_agent() {
    let toy = Scratch::toy();
    let said = climb(&toy, "kill -9 $PPID; kill -STOP $PPID; cat /proc/$PPID/mem >/dev/null; true", &[]);
    holds(&toy, &said);
}

#[test]
fn a_guarded_agent_has_its_trials_carried_out_outside_and_reaches_nothing_itself() {
    let toy = Scratch::toy();
    toy.baseline();
    let inside = r#"
        echo forged > results.tsv; git commit -qam mine; rm -rf .git/piton; echo > piton.toml
        sed -i 's/= 100;/= 120;/' src/speed.rs
        "$PITON" trial -m "a fifth more" || exit 90
        "$PITON" log --json > "$TMPDIR/log.json" || exit 91
        "$PITON" baseline --run other && exit 92
        "$PITON" show 1 | grep -q "a fifth more" || exit 93
        exit 7
    "#;
    let mut guard = toy.command(&["guard", "--", "sh", "-c", inside]);
    let said: Said = guard.env("PITON", piton_tests::piton()).output().unwrap().into();
    assert_eq!(said.status, 7, "the command's own exit status comes back: {said:?}");
    assert!(said.out.contains("kept: +"), "{said:?}");
    assert!(said.err.contains("it is not one of those"), "{said:?}");
    assert_eq!(toy.table()[1][3], "keep");
    assert_eq!(toy.git(&["rev-parse", "HEAD"]), toy.git(&["rev-parse", "piton/r"]));
    let audit = toy.piton(&["audit"]);
    assert_eq!(audit.status, 0, "{audit:?}");
}

#[test]
fn guard_wants_a_run_to_work_in() {
    let toy = Scratch::toy();
    let said = toy.piton(&["guard", "--", "true"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains("not the branch of a run") && said.err.contains("piton baseline"), "{said:?}");
}
