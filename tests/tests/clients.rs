//! Real agents, as `.ci/agents` installs them, against a scripted model on loopback: what their binaries do, and what piton makes of it.
//!
//! The model is scripted, the agents are not: they read the brief, call their own tools behind piton's walls, retry, wait and die as they do.

use std::fs;
use std::time::Duration;

use piton_tests::agents::{Real, User, present, usual};
use piton_tests::model::{Model, Play, Step};
use piton_tests::{Said, Scratch};

/// How a person would have `climb` start it by a command line of his own: such a command writes nothing in the home directory, and is pointed
/// to a place of its own by whoever writes it.
fn command(agent: Real) -> &'static str {
    match agent {
        Real::Goose => {
            "export GOOSE_PATH_ROOT=$PWD/.piton/agent/goose; goose run --no-session --no-profile --with-builtin developer --max-turns 10 --output-format stream-json -i - < $PITON_BRIEF"
        }
        // Its own sandbox makes user namespaces, which piton's walls do not allow: they take its place.
        Real::Codex => {
            "export CODEX_HOME=$PWD/.piton/agent/codex; mkdir -p $CODEX_HOME; cp ~/.codex/config.toml $CODEX_HOME; codex exec --json --skip-git-repo-check -s danger-full-access - < $PITON_BRIEF"
        }
        Real::Claude => {
            "export CLAUDE_CONFIG_DIR=$PWD/.piton/agent/claude; claude -p --output-format stream-json --verbose --permission-mode acceptEdits --allowedTools Bash,Edit < $PITON_BRIEF"
        }
        Real::Opencode => {
            "o=$PWD/.piton/agent/opencode; XDG_CONFIG_HOME=$o/c XDG_DATA_HOME=$o/d XDG_STATE_HOME=$o/s XDG_CACHE_HOME=$o/h opencode run --format json < $PITON_BRIEF"
        }
    }
}

fn shell(command: &str) -> Step {
    Step::Shell(command.to_owned())
}

/// Leaves a proposal.
fn proposes(description: &str) -> Step {
    shell(&format!("echo '{{\"description\":\"{description}\"}}' > \"$PITON_PROPOSAL\""))
}

/// Ways to keep, to discard, and to fail.
fn three() -> [Play; 3] {
    [
        Play::Does(vec![Step::Edit("100", "140"), proposes("wider tiles")]),
        Play::Does(vec![Step::Edit("140", "60"), proposes("narrower tiles")]),
        Play::Does(vec![shell("echo BROKEN >> src/speed.rs"), proposes("no tiles")]),
    ]
}

/// A climb of the toy by a user who never ran this agent before.
struct Night {
    agent: Real,
    toy: Scratch,
    user: User,
    said: Said,
}

impl Night {
    fn by(agent: Real, started: &str, plays: &[Play], more: &[&str]) -> Self {
        let (toy, user) = (Scratch::toy(), User::of(agent, Model::start(plays.to_vec())));
        let args = [&["climb", "--run", "r", "--agent", started], more].concat();
        // What would be minutes between failures is milliseconds.
        let climb = user.piton(&toy, &args).env("PITON_PAUSE_UNIT_MS", "5").output();
        let said: Said = climb.expect("piton starts").into();
        assert_eq!(toy.processes(), [0; 0], "{agent:?} left processes");
        assert_eq!(toy.git(&["worktree", "list"]).lines().count(), 1, "{agent:?} left its worktree");
        assert_eq!(toy.piton(&["audit"]).status, 0, "{agent:?}");
        Self { agent, toy, user, said }
    }

    /// By the adapter that piton brings along.
    fn new(agent: Real, plays: &[Play], more: &[&str]) -> Self {
        Self::by(agent, agent.name(), plays, more)
    }

    fn reasons(&self) -> Vec<String> {
        self.toy.table().into_iter().map(|row| row[7].clone()).collect()
    }

    /// The trials came to this.
    fn came_to(&self, reasons: &[&str]) {
        assert_eq!(self.reasons(), reasons, "{:?}: {:?}", self.agent, self.said);
    }

    /// piton said this.
    fn told(&self, words: &str) {
        let Said { out, err, .. } = &self.said;
        assert!(out.contains(words) || err.contains(words), "{:?}: {words} in {out}\n{err}", self.agent);
    }
}

#[test]
fn an_edit_is_kept_one_discarded_and_one_that_does_not_build_told() {
    for agent in present() {
        for started in [agent.name(), command(agent)] {
            let night = Night::by(agent, started, &three(), &["--trials", "3"]);
            night.came_to(&["baseline", "better", "worse", "build_failed"]);
            let words: Vec<String> =
                night.toy.table().into_iter().skip(1).map(|row| row[4].clone()).collect();
            assert_eq!(words, ["wider tiles", "narrower tiles", "no tiles"], "{agent:?}");
            assert_eq!(night.toy.git(&["show", "piton/r:src/speed.rs"]), "const SPEED: u32 = 140;");
            assert_eq!(night.said.status, 0, "{:?}", night.said);
        }
    }
}

#[test]
fn what_an_agent_has_cost_is_in_the_record() {
    for agent in present() {
        let night = Night::new(agent, &three(), &["--trials", "1"]);
        let record = night.toy.piton(&["log", "--run", "r", "--json"]).json()[1]["agent"].clone();
        assert_eq!((&record["name"], &record["end"]), (&agent.name().into(), &"done".into()), "{record}");
        // Three answers of 1000 tokens read and 20 written.
        assert_eq!((&record["tokens_in"], &record["tokens_out"]), (&3000.into(), &60.into()), "{record}");
    }
}

#[test]
fn a_limit_that_ends_soon_costs_a_wait_and_no_trial() {
    for agent in present() {
        let plays = [Play::Limits(Duration::from_secs(2)), three()[0].clone()];
        let night = Night::new(agent, &plays, &["--trials", "1"]);
        night.came_to(&["baseline", "better"]);
        // codex waits by itself.
        if agent == Real::Goose {
            night.told("waiting for goose's limit until ");
        }
    }
}

#[test]
fn a_limit_that_outlasts_the_time_ends_the_climb_and_is_named() {
    let plays = [Play::Limits(Duration::from_secs(3600))];
    for agent in usual() {
        let night = match agent {
            Real::Goose => Night::new(agent, &plays, &["--for", "10m"]),
            // It tells of a limit, not of its end, and sleeps.
            _ => Night::new(agent, &plays, &["--for", "8s", "--stall", "2s"]),
        };
        night.came_to(&["baseline"]);
        night.told("the agent is limited: ");
        night.told(match agent {
            Real::Goose => "the agent's limit lasts longer than the time that was left",
            _ => "the time is over",
        });
    }
}

#[test]
fn a_key_that_is_refused_ends_the_climb_without_a_trial() {
    for agent in usual() {
        let night = Night::new(agent, &[Play::Refuses(401)], &["--trials", "3"]);
        night.came_to(&["baseline"]);
        night.told("the agent is not let in: ");
        night.told("401 Unauthorized");
        night.told("the agent is not logged in, or nobody pays for it");
        assert_eq!(night.said.status, 1, "{:?}", night.said);
    }
}

#[test]
fn a_server_that_fails_is_no_trial() {
    for agent in present() {
        let night = Night::new(agent, &[Play::Refuses(500)], &["--for", "6s", "--agent-timeout", "3s"]);
        night.came_to(&["baseline"]);
        night.told("the time is over");
    }
}

#[test]
fn what_was_edited_before_the_server_died_is_judged_where_it_was_proposed() {
    for agent in present() {
        let plays = [
            Play::Dies(vec![Step::Edit("100", "140")]),
            Play::Dies(vec![Step::Edit("100", "150"), proposes("all but said so")]),
        ];
        let night = Night::new(agent, &plays, &["--trials", "1"]);
        night.came_to(&["baseline", "better"]);
        night.told("the agent failed: ");
        assert_eq!(night.toy.git(&["show", "piton/r:src/speed.rs"]), "const SPEED: u32 = 150;");
    }
}

#[test]
fn an_agent_whose_model_is_silent_is_ended_and_asked_again() {
    for agent in usual() {
        let plays = [Play::Hangs, three()[0].clone()];
        let night = Night::new(agent, &plays, &["--trials", "1", "--stall", "4s"]);
        night.came_to(&["baseline", "better"]);
        night.told("neither said nor edited anything for 4 s");
    }
}

#[test]
fn an_edit_outside_the_scope_meets_a_wall_or_is_undone() {
    let plays = [
        Play::Does(vec![shell("echo forged > measure.sh"), Step::Edit("100", "140"), proposes("forged")]),
        Play::Does(vec![shell("echo 'const SPEED: u32 = 150;' > src/speed.rs"), proposes("honest")]),
    ];
    for agent in present() {
        let night = Night::new(agent, &plays, &["--trials", "2"]);
        night.came_to(&["baseline", "better", "better"]);
        let results = night.user.model().results();
        assert!(results[0].contains("Permission denied"), "{agent:?}: {results:?}");

        // A user who opens the worktree to it.
        let (toy, user) = (Scratch::toy(), User::of(agent, Model::start(plays.to_vec())));
        let open = toy.path().join(".piton/work");
        fs::create_dir_all(&open).unwrap();
        let args = ["climb", "--run", "r", "--agent", agent.name(), "--trials", "2", "--allow-write"];
        let said = user.piton(&toy, &args).arg(&open).output().unwrap();
        let reasons: Vec<String> = toy.table().into_iter().map(|row| row[7].clone()).collect();
        assert_eq!(reasons, ["baseline", "out_of_scope", "better"], "{agent:?}: {said:?}");
        assert!(toy.git(&["show", "piton/r:measure.sh"]).contains("panicked"), "{agent:?}");
        assert_eq!(toy.piton(&["audit"]).status, 0, "{agent:?}");
    }
}

#[test]
fn an_agent_that_asks_a_question_is_told_that_nobody_answers() {
    let question = "Shall I go on with the wider tile, or would you rather have the other?";
    for agent in present() {
        let reads = Play::Does(vec![shell("cat \"$PITON_BRIEF\""), Step::Edit("100", "140")]);
        let night = Night::new(agent, &[Play::Says(question), reads], &["--trials", "1"]);
        night.came_to(&["baseline", "better"]);
        let brief = &night.user.model().results()[0];
        assert!(brief.contains(question) && brief.contains("decide yourself"), "{agent:?}: {brief}");
    }
}
