//! Agents that are driven through a night: scripts that bear their names and print what they print, in the forms of November 2026.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

use piton_tests::{Said, Scratch, kill, piton};
use serde_json::Value;
use tempfile::TempDir;

/// A toy, and a directory of programs that stands before all others in PATH.
struct Night {
    toy: Scratch,
    bin: TempDir,
}

/// What each script begins with: `$n` is the number of the call, `edit` writes a speed, `propose` leaves the proposal file.
const PROLOGUE: &str = r#"#!/bin/sh
[ "$1" = --version ] && { echo "9.9.9 (Scripted)"; exit 0; }
own=.piton/agent
n=$(($(cat $own/n 2>/dev/null || echo 0) + 1)); echo $n > $own/n
echo "$@" > $own/argv.$n
edit() { echo "const SPEED: u32 = $1;" > src/speed.rs; }
propose() { echo "{\"description\": \"$1\"}" > "$PITON_PROPOSAL"; }
init() { echo '{"type":"system","subtype":"init","session_id":"s-'$n'","model":"claude-opus-4-6","claude_code_version":"2.1.329"}'; }
result() { echo '{"type":"result","subtype":"success","is_error":'$1',"num_turns":3,"result":"'"$2"'","total_cost_usd":0.4,"usage":{"input_tokens":100,"cache_read_input_tokens":900,"output_tokens":50},"permission_denials":[]}'; }
started() { echo '{"type":"thread.started","thread_id":"t"}'; echo '{"type":"turn.started"}'; }
completed() { echo '{"type":"turn.completed","usage":{"input_tokens":1000,"cached_input_tokens":900,"output_tokens":50}}'; }
failed() { echo '{"type":"error","message":"'"$1"'"}'; echo '{"type":"turn.failed","error":{"message":"'"$1"'"}}'; }
own() { echo '{"type":"message","message":{"id":null,"role":"assistant","created":1,"content":[{"type":"text","text":"'"$1"'"}]}}'; }
message() { echo '{"type":"message","message":{"id":"m'$n'","role":"assistant","created":1,"content":[{"type":"text","text":"'"$1"'"}]}}'; }
"#;

impl Night {
    fn new() -> Self {
        Self { toy: Scratch::toy(), bin: TempDir::new().unwrap() }
    }

    /// A program of this name.
    fn with(self, name: &str, script: &str) -> Self {
        let path = self.bin.path().join(name);
        fs::write(&path, format!("{PROLOGUE}{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut path = self.bin.path().as_os_str().to_owned();
        path.push(":");
        path.push(piton().parent().unwrap());
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap());
        let mut command = self.toy.command(args);
        // The user's own hooks and keys are not the test's.
        command.env("PATH", path).env("XDG_CONFIG_HOME", self.bin.path()).env("PITON_PAUSE_UNIT_MS", "5");
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        self.command(args).output().unwrap().into()
    }

    /// Climbs run `r` with this agent.
    fn climb(&self, agent: &str, more: &[&str]) -> Said {
        self.run(&[&["climb", "--run", "r", "--agent", agent], more].concat())
    }

    fn reasons(&self) -> Vec<String> {
        self.toy.table().into_iter().map(|row| row[7].clone()).collect()
    }

    fn record(&self, trial: usize) -> Value {
        self.run(&["log", "--run", "r", "--json"]).json()[trial].clone()
    }

    fn status(&self) -> String {
        self.run(&["status", "--run", "r"]).out
    }

    /// A climb that is at work, when it has said a line that begins like this.
    fn at_work(&self, args: &[&str], line: &str) -> (Child, impl Read) {
        let mut child = self.command(args).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.starts_with(line) {
            said.clear();
            assert_ne!(err.read_line(&mut said).unwrap(), 0, "it never said `{line}`");
        }
        (child, err)
    }
}

#[test]
fn claude_is_started_without_a_person_and_its_cost_is_in_the_record_and_in_the_status() {
    let night = Night::new();
    let keep = night.bin.path().join("kept");
    fs::create_dir(&keep).unwrap();
    let script = r#"cat > KEPT/prompt; cp $own/argv.$n KEPT; init; edit $((100 + 20 * n)); propose "wider tiles"; result false "Widened the tiles.""#;
    let night = night.with("claude", &script.replace("KEPT", keep.to_str().unwrap()));
    let said = night.climb(
        "claude",
        &[
            "--trials",
            "2",
            "--max-usd",
            "5",
            "--model",
            "opus",
            "--agent-args",
            "--effort 'very low'",
            "--allow-write",
            keep.to_str().unwrap(),
        ],
    );
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(night.reasons(), ["baseline", "better", "better"]);
    assert_eq!(night.toy.table()[1][4], "wider tiles");
    let agent = &night.record(2)["agent"];
    assert_eq!(
        (agent["name"].as_str(), agent["model"].as_str()),
        (Some("claude"), Some("claude-opus-4-6")),
        "{agent}"
    );
    assert_eq!(
        (agent["usd"].as_f64(), agent["tokens_in"].as_u64(), agent["tokens_out"].as_u64()),
        (Some(0.4), Some(1000), Some(50))
    );
    assert_eq!((agent["calls"].as_u64(), agent["end"].as_str()), (Some(1), Some("done")));
    let argv = fs::read_to_string(keep.join("argv.2")).unwrap();
    for words in [
        "-p --output-format stream-json --verbose",
        "--model opus",
        "--max-budget-usd 4.6000",
        "--effort very low",
    ] {
        assert!(argv.contains(words), "{words} in {argv}");
    }
    let prompt = fs::read_to_string(keep.join("prompt")).unwrap();
    for words in ["program.md", "brief.md", "proposal.json", "src", "never ask"] {
        assert!(prompt.contains(words), "{words} in {prompt}");
    }
    assert!(prompt.len() < 1000, "the rest stands in the files");
    let status = night.status();
    for words in [
        "cost         2 calls, $0.80, 2100 tokens",
        "ended: the number of trials is reached",
        "limits       2 trials, $5.00",
    ] {
        assert!(status.contains(words), "{words} in {status}");
    }
    assert!(said.out.contains("this climb: 2 trials, "), "{}", said.out);
    let show = night.run(&["show", "2", "--run", "r"]).out;
    let agent = "agent        claude (claude-opus-4-6), 1 call, $0.40, 1050 tokens; the last ended: done";
    assert!(show.contains(agent), "{show}");
}

#[test]
fn a_limit_is_waited_for_and_the_call_is_no_trial_but_costs() {
    let night = Night::new().with(
        "claude",
        r#"init
if [ $n = 1 ]; then
  echo '{"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":'$(($(date +%s) + 1))',"rateLimitType":"five_hour"}}'
  result true "You have hit your limit"; exit 1
fi
edit 120; propose "after the limit"; result false done"#,
    );
    let said = night.climb("claude", &["--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("waiting for claude's limit until"), "{}", said.err);
    assert_eq!(night.reasons(), ["baseline", "better"]);
    let agent = &night.record(1)["agent"];
    assert_eq!(
        (agent["calls"].as_u64(), agent["usd"].as_f64()),
        (Some(2), Some(0.8)),
        "the failed call is paid too"
    );
    assert!(night.status().contains("1 of the calls failed"), "{}", night.status());
}

#[test]
fn a_limit_that_names_no_end_is_waited_for_longer_each_time() {
    let night = Night::new().with(
        "codex",
        r#"started
if [ $n -le 3 ]; then failed "exceeded retry limit, last status: 429 Too Many Requests"; exit 1; fi
edit 120; propose "at last"; completed"#,
    );
    let said = night.climb("codex", &["--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(said.err.matches("which does not say when it ends, until").count(), 3, "{}", said.err);
    assert_eq!(night.reasons(), ["baseline", "better"]);
    assert_eq!(night.record(1)["agent"]["calls"], 4);
}

#[test]
fn a_limit_that_lasts_longer_than_the_time_that_is_left_ends_the_climb() {
    let night = Night::new()
        .with("codex", r#"started; failed "You have hit your usage limit. Try again in 5 hours.""#);
    let said = night.climb("codex", &["--for", "2h"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("the agent's limit lasts longer than the time that was left"), "{}", said.out);
    assert!(said.out.contains("in the end the agent is limited: You have hit"), "{}", said.out);
}

#[test]
fn nobody_logged_in_ends_the_climb_after_two_tries() {
    let night = Night::new().with(
        "goose",
        r#"cat >/dev/null; own "Ran into this error: Authentication error: Authentication failed. Status: 401 Unauthorized."; echo '{"type":"complete","total_tokens":null}'"#,
    );
    let said = night.climb("goose", &[]);
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(said.err.matches("the agent is not let in").count(), 2, "{}", said.err);
    assert_eq!(night.reasons(), ["baseline"], "no call of them is a trial");
    let status = night.status();
    assert!(
        status.contains("ended: the agent is not logged in") && status.contains("401 Unauthorized"),
        "{status}"
    );
}

#[test]
fn an_agent_that_stalls_is_ended_with_all_its_children_and_tried_again() {
    let night = Night::new().with(
        "codex",
        r#"started; [ $n = 1 ] && { setsid sleep 1000 & sleep 1000; }; edit 120; propose "awake"; completed"#,
    );
    let said = night.climb("codex", &["--trials", "1", "--stall", "1s"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("neither said nor edited anything for 1 s, and was ended"), "{}", said.err);
    assert_eq!(night.reasons(), ["baseline", "better"]);
    assert_eq!(night.toy.processes(), Vec::<i32>::new());
}

#[test]
fn an_agent_that_works_in_silence_does_not_stall() {
    // It prints nothing for three times as long as it may, and edits meanwhile.
    let night = Night::new().with("codex", r#"for i in 1 2 3 4 5 6; do sleep 0.5; edit "11$i"; done; propose "step by step"; started; completed"#);
    let said = night.climb("codex", &["--trials", "1", "--stall", "1s"]);
    assert!(!said.err.contains("was ended"), "{}", said.err);
    assert_eq!(night.reasons(), ["baseline", "better"]);
}

#[test]
fn an_agent_that_has_ended_and_does_not_exit_is_ended() {
    let night = Night::new().with(
        "opencode",
        r#"edit 120; propose "and stays"; echo '{"type":"step_finish","sessionID":"ses_1","part":{"type":"step-finish","reason":"stop","cost":0.02,"tokens":{"input":10,"output":5,"reasoning":0,"cache":{"read":0,"write":0}}}}'; sleep 1000"#,
    );
    let said = night.climb("opencode", &["--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(night.reasons(), ["baseline", "better"]);
    assert_eq!(
        (night.record(1)["agent"]["end"].as_str(), night.record(1)["agent"]["usd"].as_f64()),
        (Some("done"), Some(0.02))
    );
}

#[test]
fn half_an_edit_of_a_call_that_failed_is_put_back_and_a_whole_one_is_judged() {
    let night = Night::new().with(
        "codex",
        r#"started
case $n in
1) edit BROKEN; failed "stream disconnected before completion"; exit 1 ;;
2) grep -q "= 100;" src/speed.rs || exit 9; edit 120; propose "whole"; failed "stream disconnected before completion"; exit 1 ;;
esac"#,
    );
    let said = night.climb("codex", &["--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(night.reasons(), ["baseline", "better"], "{}", said.err);
    assert_eq!(night.record(1)["agent"]["end"], "failed");
}

#[test]
fn an_agent_that_asks_is_told_that_nobody_answers() {
    let night = Night::new().with(
        "goose",
        r#"cat >/dev/null
case $n in
1) message "I see two ways. Should I widen the tiles?" ;;
*) grep -q 'ended with a question (data): `I see two ways. Should I widen the tiles?`' "$PITON_BRIEF" && edit 120 && propose "decided"; message "Done." ;;
esac
echo '{"type":"complete","total_tokens":500}'"#,
    );
    let said = night.climb("goose", &["--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(night.reasons(), ["baseline", "better"]);
    let agent = &night.record(1)["agent"];
    assert_eq!(
        (agent["end"].as_str(), agent["calls"].as_u64()),
        (Some("done"), Some(2)),
        "the trial pays for the question"
    );
}

#[test]
fn an_agent_that_is_refused_every_tool_says_so_though_it_exits_in_order() {
    let night = Night::new().with(
        "claude",
        r#"init; echo '{"type":"result","subtype":"success","is_error":false,"num_turns":2,"result":"I could not.","total_cost_usd":0.1,"usage":{},"permission_denials":[{"tool_name":"Edit","tool_use_id":"x","tool_input":{}}]}'"#,
    );
    let said = night.climb("claude", &[]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.err.contains("the agent was refused: Edit"), "{}", said.err);
    assert!(said.out.contains("without an edit five times in a row"), "{}", said.out);
}

#[test]
fn an_agent_that_proposes_the_same_again_and_again_does_not_run_all_night() {
    let night = Night::new().with("claude", r#"init; edit 90; propose "smaller tiles"; result false done"#);
    let said = night.climb("claude", &[]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("judged before ten times in a row"), "{}", said.out);
    assert_eq!(night.reasons()[1..], [vec!["worse"], vec!["duplicate"; 10]].concat());
}

#[test]
fn money_and_tokens_end_a_climb_and_an_agent_that_does_not_tell_them_is_named() {
    let edits = r#"edit $((100 + 20 * n)); propose "step $n";"#;
    let claude = Night::new().with("claude", &format!("init; {edits} result false done"));
    let said = claude.climb("claude", &["--max-usd", "1"]);
    assert!(said.out.contains("3 trials in ") && said.out.contains("(the money is spent)"), "{}", said.out);
    let codex = Night::new().with("codex", &format!("started; {edits} completed"));
    let said = codex.climb("codex", &["--max-tokens", "2k", "--max-usd", "1"]);
    assert!(
        said.err
            .contains("codex does not tell what it costs: --max-usd cannot end this climb; --max-tokens can"),
        "{}",
        said.err
    );
    assert!(said.out.contains("2 trials in ") && said.out.contains("(the tokens are spent)"), "{}", said.out);
}

#[test]
fn keeps_a_target_and_a_plateau_end_a_climb() {
    let script = r#"started; [ $n = 2 ] && edit 120 || edit $((60 + n)); propose "step $n"; completed"#;
    for (limit, trials, why) in [
        (["--keeps", "1"], 2, "the number of keeps is reached"),
        (["--target", "119"], 2, "the target is reached"),
        (["--plateau", "3"], 5, "no keep in so many trials in a row"),
    ] {
        let night = Night::new().with("codex", script);
        let said = night.climb("codex", &limit);
        assert_eq!(said.status, 0, "{said:?}");
        assert!(
            said.out.starts_with(&format!("{trials} trials in ")) && said.out.contains(why),
            "{}",
            said.out
        );
        assert!(night.status().contains(&format!("ended: {why}")), "{}", night.status());
    }
}

#[test]
fn eight_trials_in_a_row_that_do_not_build_end_a_climb() {
    let night = Night::new().with("codex", r#"started; edit "BROKEN $n"; propose "step $n"; completed"#);
    let said = night.climb("codex", &["--trials", "100"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.out.starts_with("8 trials in ") && said.out.contains("eight trials in a row crashed"),
        "{}",
        said.out
    );
}

#[test]
fn a_climb_that_waits_says_so_and_ends_when_it_is_asked_to() {
    let night = Night::new()
        .with("codex", r#"started; failed "You have hit your usage limit. Try again in 5 hours.""#);
    let (mut climb, _err) =
        night.at_work(&["climb", "--run", "r", "--agent", "codex"], "waiting for codex's limit until");
    let status = night.status();
    assert!(status.contains("climb        waiting for codex's limit until"), "{status}");
    assert!(night.run(&["status", "--run", "r", "--json"]).json()["climb"]["waiting"]["until"].is_string());
    let other = night.run(&["stop", "--run", "another"]);
    assert_eq!(other.status, 3, "{other:?}");
    let said = night.run(&["stop", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        said.out.contains("the climb of run r was asked to end") && said.out.contains("ends at once"),
        "{}",
        said.out
    );
    assert_eq!(climb.wait().unwrap().code(), Some(0));
    assert!(
        night.status().contains("ended: stopped by the user, after the trial in progress"),
        "{}",
        night.status()
    );
    assert!(night.run(&["stop"]).out.contains("no climb is at work"));
    let resumed = night.at_work(&["resume"], "waiting for codex's limit until");
    let said = night.run(&["stop", "--now"]);
    assert!(said.out.contains("was interrupted and has ended"), "{}", said.out);
    let mut climb = resumed.0;
    assert_eq!(climb.wait().unwrap().code(), Some(130));
}

#[test]
fn a_trial_in_progress_is_recorded_as_interrupted_by_a_stop_that_does_not_wait_for_it() {
    let night = Night::new().with("codex", "started; edit 4; propose step; completed");
    let ready = night.toy.path().join(".git/ready");
    assert!(Command::new("mkfifo").arg(&ready).status().unwrap().success());
    // The challenger says that it is being measured, and would be for ever.
    let open = format!("timeout_s = 20\nwrite = [\"{}\"]\n[machine]", ready.display());
    night.toy.write("piton.toml", &night.toy.read("piton.toml").replace("timeout_s = 20\n[machine]", &open));
    let says = format!("echo > {}", ready.display());
    let measure = night.toy.read("measure.sh").replace("touch \"$PITON_TEST_READY\" 2>/dev/null", &says);
    night.toy.write("measure.sh", &measure);
    night.toy.commit("a measurement that says when it begins");
    let mut climb = night.command(&["climb", "--run", "r", "--agent", "codex"]);
    let mut climb = climb.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Opening the pipe waits until the challenger's sample writes to it.
    fs::read(&ready).unwrap();
    let said = night.run(&["stop", "--now", "--run", "r", "--json"]).json();
    assert_eq!((said["did"].as_str(), said["run"].as_str()), (Some("ended"), Some("r")));
    assert_eq!(climb.wait().unwrap().code(), Some(130));
    assert_eq!(night.reasons(), ["baseline", "interrupted"]);
    assert_eq!(night.run(&["audit"]).status, 0);
}

#[test]
fn a_climb_that_is_asked_to_end_before_its_first_trial_has_not_forgotten_by_then() {
    let night = Night::new().with("codex", "started; edit $((100 + n)); propose step; completed");
    let (mut climb, mut err) = night.at_work(&["climb", "--run", "r", "--agent", "codex"], "run r:");
    let said = night.run(&["stop"]);
    assert_eq!(said.status, 0, "{said:?}");
    std::io::copy(&mut err, &mut std::io::sink()).unwrap();
    assert_eq!(climb.wait().unwrap().code(), Some(0));
    assert!(night.status().contains("ended: stopped by the user, after the trial in progress"));
}

#[test]
fn a_climb_that_was_killed_is_known_to_be_and_can_be_taken_up() {
    let night = Night::new()
        .with("codex", r#"started; failed "You have hit your usage limit. Try again in 5 hours.""#);
    let waiting = "waiting for codex's limit until";
    let (mut climb, _err) =
        night.at_work(&["climb", "--run", "r", "--agent", "codex", "--trials", "7"], waiting);
    kill(climb.id());
    climb.wait().unwrap();
    let status = night.status();
    assert!(status.contains("climb        ended without a word, by a kill or a power cut"), "{status}");
    let (mut climb, _err) = night.at_work(&["resume"], waiting);
    assert!(
        night.status().contains("limits       7 trials") && night.status().contains("2 of the calls failed")
    );
    night.run(&["stop"]);
    assert_eq!(climb.wait().unwrap().code(), Some(0));
}

#[test]
fn each_proposal_has_a_fresh_session_unless_the_user_wants_one_and_after_a_failure_in_any_case() {
    let script = r#"started; edit $((100 + 20 * n)); cp $own/argv.$n KEPT
[ $n = 2 ] && { failed "stream disconnected"; exit 1; }
propose step; completed"#;
    for (option, resumed) in
        [(&[][..], [false, false, false]), (&["--same-session"][..], [false, true, false])]
    {
        let night = Night::new();
        let kept = night.bin.path().join("kept");
        fs::create_dir(&kept).unwrap();
        let night = night.with("codex", &script.replace("KEPT", kept.to_str().unwrap()));
        let said = night
            .climb("codex", &[&["--trials", "2", "--allow-write", kept.to_str().unwrap()], option].concat());
        assert_eq!(said.status, 0, "{said:?}");
        let goes_on =
            |n: u32| fs::read_to_string(kept.join(format!("argv.{n}"))).unwrap().contains("resume t -");
        assert_eq!([1, 2, 3].map(goes_on), resumed, "{option:?}");
    }
}

#[test]
fn a_climb_that_was_stopped_is_taken_up_with_what_was_left() {
    let night = Night::new();
    let count = night.bin.path().join("n");
    fs::write(&count, "0\n").unwrap();
    let path = count.display();
    let script = format!(
        "started; k=$(($(cat {path}) + 1)); echo $k > {path}; edit $((100 + 20 * k)); propose step; completed"
    );
    let night = night.with("codex", &script);
    // The hook is the user's: it runs outside the walls, and ends the climb after its first trial.
    let said = night.climb(
        "codex",
        &["--trials", "3", "--on-trial", "piton stop", "--allow-write", count.to_str().unwrap()],
    );
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.starts_with("1 trial in ") && said.out.contains("stopped by the user"), "{said:?}");
    let said = night.run(&["resume"]);
    assert!(said.err.contains("going on with run r and codex; left: 2 trials"), "{said:?}");
    assert!(said.out.starts_with("2 trials in "), "its hook goes on with it: {}", said.out);
    let said = night.run(&["resume", "--run", "r"]);
    assert!(said.out.starts_with("3 trials in "), "{said:?}");
    let said = night.run(&["resume"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(
        said.err.contains("nothing is left of its limits: the number of trials is reached"),
        "{}",
        said.err
    );
}

#[test]
fn hooks_are_told_of_trials_keeps_and_the_end_and_change_nothing() {
    let night =
        Night::new().with("codex", r#"started; edit $((130 - 20 * n)); propose "step $n"; completed"#);
    let told = night.bin.path().join("told");
    let tee = format!("cat >> {}", told.display());
    fs::create_dir(night.bin.path().join("piton")).unwrap();
    fs::write(night.bin.path().join("piton/hooks.toml"), format!("on_stop = [\"sh\", \"-c\", \"{tee}\"]\n"))
        .unwrap();
    let said =
        night.climb("codex", &["--trials", "2", "--on-keep", &tee, "--on-trial", &format!("{tee}; exit 7")]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(said.err.matches("the hook on_trial failed: exit status 7").count(), 2, "{}", said.err);
    let text = fs::read_to_string(&told).unwrap();
    let told: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<&str> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["keep", "trial", "trial", "stop"]);
    assert_eq!((told[0]["trial"].as_u64(), told[0]["description"].as_str()), (Some(1), Some("step 1")));
    assert_eq!((told[3]["stopped"].as_str(), told[3]["keeps"].as_u64()), (Some("trials"), Some(1)));
    assert_eq!(night.reasons(), ["baseline", "better", "worse"]);
}

#[test]
fn an_agent_that_is_not_there_or_lacks_an_option_is_refused_before_anything_starts() {
    let night = Night::new().with("codex", "true");
    let said = night.command(&["climb", "--agent", "gemini"]).env("PATH", "/usr/bin:/bin").output().unwrap();
    let said: Said = said.into();
    assert_eq!(said.status, 2, "{said:?}");
    assert!(
        said.err.contains("gemini is not installed") && said.err.contains("piton agents"),
        "{}",
        said.err
    );
    let said = night.climb("codex", &["--agent-turns", "5"]);
    assert!(said.status == 2 && said.err.contains("codex has nothing like --agent-turns"), "{said:?}");
    let said = night.climb("sh -c true", &["--model", "x"]);
    assert!(said.status == 2 && said.err.contains("--model is for an agent that piton knows"), "{said:?}");
    assert_eq!(night.toy.git(&["branch", "--list", "piton/*"]), "", "no run began");
}

#[test]
fn an_adapter_of_the_users_makes_any_command_an_agent_that_is_read() {
    let night = Night::new().with("my-agent", r#"edit $((100 + 20 * n)); propose "mine"; echo "spent 0.25 dollars and 3k tokens"; [ $n = 1 ] && echo "quota: try again in 1 s" >&2; true"#);
    let aider = night.run(&["agents", "--show", "aider"]);
    assert!(aider.out.contains("[patterns]"), "{aider:?}");
    let file = night.bin.path().join("mine.toml");
    fs::write(
        &file,
        "name = \"mine\"\ncommand = [\"my-agent\", \"{prompt_file}\"]\nevents = \"text\"\nreports = [\"usd\", \"tokens\"]\n[patterns]\nusd = 'spent ([0-9.]+) dollars'\ntokens_in = 'and ([0-9]+k?) tokens'\nfailed = '^quota:'\n",
    )
    .unwrap();
    let said = night.climb(file.to_str().unwrap(), &["--trials", "2"]);
    assert_eq!(said.status, 0, "{said:?}");
    // A trial may take longer than that second.
    let waits = ["waiting for mine's limit until", "waiting for mine's limit, which should be over, until"];
    assert!(waits.iter().any(|wait| said.err.contains(wait)), "{}", said.err);
    let agent = &night.record(2)["agent"];
    assert_eq!(
        (agent["name"].as_str(), agent["usd"].as_f64(), agent["tokens_in"].as_u64()),
        (Some("mine"), Some(0.25), Some(3000))
    );
}

#[test]
fn agents_are_listed_with_what_speaks_for_a_login_and_never_with_a_secret() {
    let night = Night::new().with("codex", "true");
    let list = |args: &[&str]| -> Said {
        let mut command = night.command(args);
        command.env("OPENAI_API_KEY", "sk-secret").env("HOME", night.bin.path()).env_remove("CODEX_API_KEY");
        command.output().unwrap().into()
    };
    let said = list(&["agents", "--json"]);
    let agents = said.json();
    let codex = agents.as_array().unwrap().iter().find(|agent| agent["name"] == "codex").unwrap().clone();
    assert_eq!(
        (codex["version"].as_str(), codex["login"].as_str()),
        (Some("9.9.9 (Scripted)"), Some("$OPENAI_API_KEY"))
    );
    assert_eq!(codex["path"].as_str(), night.bin.path().join("codex").to_str());
    let words = list(&["agents"]).out;
    assert!(words.contains("codex     9.9.9 (Scripted)") && words.contains("aider"), "{words}");
    assert!(!words.contains("sk-secret") && !said.out.contains("sk-secret"));
}
