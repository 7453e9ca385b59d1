//! Real agents that a person drives: their clients call piton over MCP, or their shells call its commands, inside the walls and outside,
//! and a trial outlasts their call.

use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};

use piton_tests::agents::{Real, User, present};
use piton_tests::model::{Model, Play, Step, runs};
use piton_tests::slow::{LIMIT, Slow};
use serde_json::{Value, json};

/// What piton is started as by a client: no call blocks for longer than a second.
const SERVER: [&str; 4] = ["piton", "mcp", "--block", "1s"];

/// Runs an agent that is told what `piton init --agents` says. The trial goes on once the agent was told that the trial is under way.
/// Returns what it said.
fn drive(slow: &Slow, user: &User, mut agent: Command) -> String {
    let (prompt, out) = (user.home().join("prompt"), user.home().join("out"));
    fs::write(&prompt, "Read program.md and do what it says.").unwrap();
    let both = File::create(&out).unwrap();
    agent.stdin(File::open(&prompt).unwrap()).stdout(both.try_clone().unwrap()).stderr(both);
    let (mut agent, since) = (agent.spawn().unwrap(), Instant::now());
    let mut waits = true;
    while agent.try_wait().unwrap().is_none() {
        if waits && user.model().results().iter().any(|result| runs(result)) {
            slow.go();
            waits = false;
        }
        if since.elapsed() > LIMIT {
            agent.kill().unwrap();
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    agent.wait().unwrap();
    slow.go();
    fs::read_to_string(&out).unwrap()
}

/// One trial, kept, and told the agent; nothing is left.
fn judged(agent: Real, slow: &Slow, user: &User, said: &str) -> Value {
    let results = user.model().results();
    let told = |words: &str| results.iter().any(|result| result.contains(words));
    let toy = &slow.toy;
    let reasons: Vec<String> = toy.table().into_iter().map(|row| row[7].clone()).collect();
    assert_eq!(reasons, ["baseline", "better"], "{agent:?}: {results:#?}\n{said}");
    assert!(results.iter().any(|result| runs(result)), "{agent:?}: {results:#?}");
    assert!(told("trial 1: kept: +"), "{agent:?}: {results:#?}");
    assert_eq!(toy.git(&["show", "piton/r:src/speed.rs"]), "const SPEED: u32 = 140;");
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "{agent:?}");
    assert_eq!((toy.piton(&["audit"]).status, toy.processes()), (0, vec![]), "{agent:?}");
    toy.piton(&["log", "--json"]).json()[1].clone()
}

fn over_mcp() -> Vec<Play> {
    let idea = json!({
        "description": "wider tiles", "hypothesis": "fewer misses", "family": "tiles", "expected_gain": 30.0,
    });
    vec![Play::Does(vec![
        Step::Edit("100", "140"),
        Step::Call("run", idea),
        Step::WhileRunning(Box::new(Step::Call("wait", json!({})))),
        Step::Call("note", json!({ "text": "the second loop is cold" })),
    ])]
}

/// What was said over MCP is in the ledger.
fn recorded(slow: &Slow, record: &Value) {
    assert_eq!(record["description"], "wider tiles", "{record}");
    let claim = json!({ "hypothesis": "fewer misses", "family": "tiles", "expected_pct": 30.0 });
    assert_eq!(record["claim"], claim, "{record}");
    let notes = slow.toy.piton(&["notes", "--json"]).json();
    assert_eq!((&notes[0]["text"], &notes[0]["by"]), (&json!("the second loop is cold"), &json!("agent")));
}

#[test]
fn a_client_has_its_edit_judged_over_mcp_and_waits_for_a_trial_that_outlasts_its_call() {
    for agent in present() {
        let (slow, user) = (Slow::begun(), User::of(agent, Model::start(over_mcp())));
        let command = user.agent(&agent.driven(&SERVER, false), slow.toy.path());
        let said = drive(&slow, &user, command);
        recorded(&slow, &judged(agent, &slow, &user, &said));
    }
}

#[test]
fn behind_the_walls_of_guard_its_client_reaches_piton_all_the_same() {
    for agent in present() {
        let (slow, user) = (Slow::building(), User::of(agent, Model::start(over_mcp())));
        let mut command = user.piton(&slow.toy, &["guard", "--"]);
        command.args(agent.driven(&SERVER, true));
        let said = drive(&slow, &user, command);
        recorded(&slow, &judged(agent, &slow, &user, &said));
    }
}

#[test]
fn behind_the_walls_of_guard_its_shell_asks_for_a_trial_and_waits_for_it() {
    let shell = |line: &str| Step::Shell(line.to_owned());
    let plays = [Play::Does(vec![
        Step::Edit("100", "140"),
        shell(
            "piton trial -m 'wider tiles' --hypothesis 'fewer misses' --family tiles --expected 30 --wait 1s",
        ),
        Step::WhileRunning(Box::new(shell("piton wait --timeout 5s"))),
        // Some refuse this by themselves, the others meet the wall.
        shell("echo forged > .git/HEAD"),
        shell("piton note 'the second loop is cold'"),
    ])];
    for agent in present() {
        let (slow, user) = (Slow::building(), User::of(agent, Model::start(plays.to_vec())));
        let mut command = user.piton(&slow.toy, &["guard", "--"]);
        command.args(agent.driven(&SERVER, true));
        let said = drive(&slow, &user, command);
        let record = judged(agent, &slow, &user, &said);
        assert_eq!(record["claim"]["expected_pct"], 30.0, "{record}");
        let notes = slow.toy.piton(&["notes", "--json"]).json();
        assert_eq!(notes[0]["text"], "the second loop is cold", "{agent:?}");
    }
}
