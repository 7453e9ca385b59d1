//! Real agents, as `.ci/agents` installs them, against a scripted model on loopback: what their binaries do, and what piton makes of it.
//!
//! The model is scripted, the agents are not: they read the brief, call their own tools behind piton's walls, retry, wait and die as they do.

use std::fs;

use piton_tests::agents::{Real, User, present};
use piton_tests::model::{Model, Play, Step};
use piton_tests::{Said, Scratch};

/// How a person would have `climb` start it.
fn command(agent: Real) -> &'static str {
    match agent {
        Real::Goose => {
            "goose run --no-session --no-profile --with-builtin developer --max-turns 10 --output-format stream-json -i - < $PITON_BRIEF"
        }
        // Its own sandbox makes user namespaces, which piton's walls do not allow: they take its place.
        Real::Codex => "codex exec --json --skip-git-repo-check -s danger-full-access - < $PITON_BRIEF",
    }
}

fn shell(command: &str) -> Step {
    Step::Shell(command.to_owned())
}

/// Leaves a proposal.
fn proposes(description: &str) -> Step {
    shell(&format!("echo '{{\"description\":\"{description}\"}}' > \"$PITON_PROPOSAL\""))
}

fn reasons(toy: &Scratch) -> Vec<String> {
    toy.table().into_iter().map(|row| row[7].clone()).collect()
}

/// A climb of the toy by a user who never ran this agent before.
struct Night {
    toy: Scratch,
    user: User,
    said: Said,
}

fn climb(agent: Real, plays: &[Play], more: &[&str]) -> Night {
    let (toy, user) = (Scratch::toy(), User::of(agent, Model::start(plays.to_vec())));
    let args = [&["climb", "--run", "r", "--agent", command(agent)], more].concat();
    let said: Said = user.piton(&toy, &args).output().expect("piton starts").into();
    assert_eq!(said.status, 0, "{agent:?}: {said:?}");
    assert_eq!(toy.processes(), [0; 0], "{agent:?} left processes");
    assert_eq!(toy.git(&["worktree", "list"]).lines().count(), 1, "{agent:?} left its worktree");
    assert_eq!(toy.piton(&["audit"]).status, 0, "{agent:?}");
    Night { toy, user, said }
}

#[test]
fn an_edit_is_kept_one_discarded_and_one_that_does_not_build_told() {
    for agent in present() {
        let plays = [
            Play::Does(vec![Step::Edit("100", "140"), proposes("wider tiles")]),
            Play::Does(vec![Step::Edit("140", "60"), proposes("narrower tiles")]),
            Play::Does(vec![shell("echo BROKEN >> src/speed.rs"), proposes("no tiles")]),
        ];
        let night = climb(agent, &plays, &["--trials", "3"]);
        assert_eq!(
            reasons(&night.toy),
            ["baseline", "better", "worse", "build_failed"],
            "{agent:?}: {:?}",
            night.said
        );
        let words: Vec<String> = night.toy.table().into_iter().skip(1).map(|row| row[4].clone()).collect();
        assert_eq!(words, ["wider tiles", "narrower tiles", "no tiles"], "{agent:?}");
        assert_eq!(night.toy.git(&["show", "piton/r:src/speed.rs"]), "const SPEED: u32 = 140;", "{agent:?}");
    }
}

#[test]
fn a_limit_with_a_reset_costs_no_trial() {
    for agent in present() {
        let plays = [
            Play::Limits(std::time::Duration::from_secs(2)),
            Play::Does(vec![Step::Edit("100", "140"), proposes("wider tiles")]),
        ];
        let night = climb(agent, &plays, &["--trials", "1"]);
        assert_eq!(reasons(&night.toy), ["baseline", "better"], "{agent:?}: {:?}", night.said);
    }
}

#[test]
fn a_key_that_is_refused_ends_the_climb_without_a_trial() {
    for agent in present() {
        let night = climb(agent, &[Play::Refuses(401)], &["--trials", "3"]);
        // goose says that all is well (its exit status is 0), and nothing was edited; codex says that it failed.
        let none = if agent == Real::Goose { 3 } else { 0 };
        assert_eq!(
            reasons(&night.toy),
            [&["baseline"][..], &vec!["no_edit"; none]].concat(),
            "{:?}",
            night.said
        );
    }
}

#[test]
fn an_edit_made_before_the_server_died_is_judged() {
    for agent in present() {
        let plays = [Play::Dies(vec![Step::Edit("100", "140")]), Play::Does(vec![Step::Edit("140", "150")])];
        let night = climb(agent, &plays, &["--trials", "2"]);
        assert_eq!(reasons(&night.toy), ["baseline", "better", "better"], "{agent:?}: {:?}", night.said);
    }
}

#[test]
fn an_agent_whose_model_is_silent_is_ended_and_asked_again() {
    for agent in present() {
        let plays = [Play::Hangs, Play::Does(vec![Step::Edit("100", "140")])];
        let night = climb(agent, &plays, &["--trials", "1", "--agent-timeout", "5s"]);
        assert_eq!(reasons(&night.toy), ["baseline", "better"], "{agent:?}: {:?}", night.said);
    }
}

#[test]
fn an_edit_outside_the_scope_meets_a_wall_or_is_undone() {
    let plays = [
        Play::Does(vec![shell("echo forged > measure.sh"), Step::Edit("100", "140")]),
        Play::Does(vec![Step::Edit("140", "150")]),
    ];
    for agent in present() {
        let night = climb(agent, &plays, &["--trials", "2"]);
        assert_eq!(reasons(&night.toy), ["baseline", "better", "better"], "{agent:?}: {:?}", night.said);
        let results = night.user.model().results();
        assert!(results[0].contains("Permission denied"), "{agent:?}: {results:?}");

        // A user who opens the worktree to it.
        let (toy, user) = (Scratch::toy(), User::of(agent, Model::start(plays.to_vec())));
        let open = toy.path().join(".piton/work");
        fs::create_dir_all(&open).unwrap();
        let args = ["climb", "--run", "r", "--agent", command(agent), "--trials", "2", "--allow-write"];
        let said = user.piton(&toy, &args).arg(&open).output().unwrap();
        // The second session finds no 140 to edit.
        assert_eq!(reasons(&toy)[..2], ["baseline", "out_of_scope"], "{agent:?}: {said:?}");
        assert!(toy.git(&["show", "piton/r:measure.sh"]).contains("panicked"), "{agent:?}");
        assert_eq!(toy.piton(&["audit"]).status, 0, "{agent:?}");
    }
}

#[test]
fn an_agent_that_asks_a_question_is_asked_again() {
    for agent in present() {
        let plays = [
            Play::Says("Shall I go on with the wider tile, or would you rather have the other?"),
            Play::Does(vec![Step::Edit("100", "140")]),
        ];
        let night = climb(agent, &plays, &["--trials", "2"]);
        assert_eq!(reasons(&night.toy), ["baseline", "no_edit", "better"], "{agent:?}: {:?}", night.said);
    }
}
