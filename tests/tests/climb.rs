//! The unattended loop, with the tuner and with scripted agents, in a toy repository.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use std::fs;

use piton_tests::{Scratch, piton};

fn reasons(toy: &Scratch) -> Vec<String> {
    toy.table().into_iter().map(|row| row[7].clone()).collect()
}

#[test]
fn the_tuner_keeps_what_wins_and_resets_what_loses_or_fails_a_gate() {
    let toy = Scratch::toy();
    let said = toy.piton(&["climb", "--run", "r"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(reasons(&toy), ["baseline", "worse", "better", "gate:quality"]);
    assert!(said.out.starts_with("3 trials in "), "{}", said.out);
    assert!(said.out.contains("every declared value of every knob was tried"), "{}", said.out);
    assert_eq!(toy.git(&["rev-list", "--count", "main..piton/r"]), "1");
}

#[test]
fn a_climb_leaves_the_users_checkout_and_branch_alone() {
    let toy = Scratch::toy();
    let before = (toy.git(&["rev-parse", "HEAD"]), toy.git(&["symbolic-ref", "HEAD"]));
    toy.piton(&["climb"]);
    assert_eq!((toy.git(&["rev-parse", "HEAD"]), toy.git(&["symbolic-ref", "HEAD"])), before);
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "what a climb leaves is ignored by git");
    assert_eq!(toy.git(&["worktree", "list"]).lines().count(), 1, "no worktree is left");
}

#[test]
fn a_second_climb_goes_on_where_the_first_stopped() {
    let toy = Scratch::toy();
    toy.piton(&["climb", "--run", "r", "--trials", "1"]);
    toy.piton(&["climb", "--run", "r"]);
    assert_eq!(reasons(&toy), ["baseline", "worse", "better", "gate:quality"]);
}

#[test]
fn two_climbs_of_a_day_have_two_names() {
    let toy = Scratch::toy();
    toy.piton(&["climb", "--trials", "0"]);
    toy.piton(&["climb", "--trials", "0"]);
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]).lines().count(), 2);
}

#[test]
fn an_agent_edits_a_worktree_of_its_own_and_may_describe_what_it_did() {
    let toy = Scratch::toy();
    let agent = r#"test -s "$PITON_BRIEF" && sed -i 's/100/120/' src/speed.rs && echo '{"description":"faster by hand"}' > "$PITON_PROPOSAL""#;
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "1"]);
    assert_eq!(said.status, 0, "{said:?}");
    let rows = toy.table();
    assert_eq!((rows[1][4].as_str(), rows[1][7].as_str()), ("faster by hand", "better"));
    assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 100;\n");
}

#[test]
fn an_agent_that_edits_outside_its_scope_is_undone_and_the_climb_goes_on() {
    let toy = Scratch::toy();
    // First it forges the measure, which the user has left open to it; then it does honest work.
    let agent = r#"o=.piton/agent/once; if [ -f $o ]; then sed -i 's/100/120/' src/speed.rs; else touch $o; echo forged > measure.sh; fi"#;
    let open = toy.path().join(".piton/work");
    fs::create_dir_all(&open).unwrap();
    let open = open.to_str().unwrap();
    let said = toy.piton(&["climb", "--run", "r", "--agent", agent, "--trials", "2", "--allow-write", open]);
    assert_eq!(said.status, 0, "{said:?}");
    assert_eq!(reasons(&toy), ["baseline", "out_of_scope", "better"]);
    assert!(
        toy.git(&["show", "refs/piton/r/trials/1:measure.sh"]).contains("forged"),
        "what it did can be read"
    );
    assert!(toy.git(&["show", "piton/r:measure.sh"]).contains("panicked"), "and was never built on");
}

#[test]
fn what_an_agent_edited_is_judged_also_where_it_could_not_commit_amend_or_switch() {
    let git = "git -c user.name=x -c user.email=x@example.org";
    let ways = [
        format!("{git} commit --quiet --all --message mine"),
        format!("{git} commit --quiet --all --amend --message 'gain +100 %'"),
        format!("{git} checkout --quiet -b elsewhere && {git} commit --quiet --all --message mine"),
        format!("{git} checkout --quiet --detach"),
        format!("{git} update-ref -d refs/heads/piton/r"),
    ];
    for way in ways {
        let toy = Scratch::toy();
        let agent = format!("sed -i 's/100/90/' src/speed.rs; {way}");
        let said = toy.piton(&["climb", "--run", "r", "--agent", &agent, "--trials", "1"]);
        assert_eq!(said.status, 0, "{way}: {said:?}");
        assert_eq!(reasons(&toy), ["baseline", "worse"], "{way}");
        assert_eq!(toy.git(&["rev-parse", "piton/r"]), toy.git(&["rev-parse", "main"]), "{way}");
        assert_eq!(toy.piton(&["audit"]).status, 0, "{way}");
    }
}

#[test]
fn an_agent_that_never_edits_ends_the_climb() {
    let toy = Scratch::toy();
    let said = toy.piton(&["climb", "--agent", "true"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("without an edit five times in a row"), "{}", said.out);
}

#[test]
fn a_call_that_fails_is_no_trial() {
    let toy = Scratch::toy();
    let said = toy.piton(&["climb", "--agent", "exit 3"]);
    assert!(said.err.contains("the agent failed: exit status 3"), "{}", said.err);
    assert_eq!(toy.table().len(), 1);
}

#[test]
fn a_second_piton_is_refused_and_told_who_holds_the_lock() {
    let toy = Scratch::toy();
    toy.speed("4");
    toy.commit("a baseline that never ends");
    let mut first = toy.command(&["climb"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(first.stderr.take().unwrap()).lines();
    // It says its name once it holds the lock.
    assert!(lines.any(|line| line.unwrap().starts_with("run ")));
    let said = toy.piton(&["climb"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(said.err.contains(&format!("process {}", first.id())), "{}", said.err);
    first.kill().unwrap();
    first.wait().unwrap();
    toy.speed("100");
    toy.commit("mended");
    assert_eq!(toy.piton(&["climb", "--trials", "1"]).status, 0, "the lock went with its holder");
}

#[test]
fn ctrl_c_ends_the_trial_in_progress_and_leaves_everything_whole() {
    let toy = Scratch::toy();
    let agent = "sed -i 's/100/4/' src/speed.rs";
    let ready = toy.path().join(".git/ready");
    let fifo = Command::new("mkfifo").arg(&ready).status().unwrap();
    assert!(fifo.success());
    // The environment of a measurement is cleared, so the challenger tells us by its path, which it may write.
    let open = format!("timeout_s = 20\nwrite = [\"{}\"]\n[machine]", ready.display());
    toy.write("piton.toml", &toy.read("piton.toml").replace("timeout_s = 20\n[machine]", &open));
    toy.write(
        "measure.sh",
        &toy.read("measure.sh")
            .replace("touch \"$PITON_TEST_READY\" 2>/dev/null", &format!("echo > {}", ready.display())),
    );
    toy.commit("a measurement that says when it begins");
    let mut climb = toy
        .command(&["climb", "--run", "r", "--agent", agent])
        .process_group(0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Opening the pipe waits until the challenger's sample writes to it.
    std::fs::read(&ready).unwrap();
    assert!(Command::new("kill").args(["-INT", &climb.id().to_string()]).status().unwrap().success());
    assert_eq!(climb.wait().unwrap().code(), Some(130));
    assert_eq!(reasons(&toy), ["baseline", "interrupted"]);
    assert_eq!(toy.git(&["worktree", "list"]).lines().count(), 1);
    assert_eq!(toy.git(&["show", "refs/piton/r/trials/1:src/speed.rs"]), "const SPEED: u32 = 4;");
    assert_eq!(toy.piton(&["climb", "--run", "r", "--trials", "1"]).status, 0, "and the run can go on");
}

#[test]
fn the_end_of_the_shell_that_started_it_ends_a_climb_unless_it_was_started_by_nohup() {
    let args = ["climb", "--run", "r", "--trials", "2", "--on-trial", "kill -HUP $PPID"];
    // Whoever runs the tests may be started by nohup too.
    let under = |toy: &Scratch, wrapper: &[&str]| {
        let plain = toy.command(&args);
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(plain.get_program()).args(plain.get_args()).current_dir(toy.path());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.output().unwrap().status.code()
    };
    let toy = Scratch::toy();
    assert_eq!(under(&toy, &["env", "--default-signal=HUP"]), Some(130));
    assert_eq!(reasons(&toy).len(), 2, "the baseline and one trial");

    let toy = Scratch::toy();
    assert_eq!(under(&toy, &["nohup"]), Some(0));
    assert_eq!(reasons(&toy).len(), 3);
}

#[test]
fn a_keep_that_was_recorded_before_the_plug_was_pulled_is_carried_out() {
    let toy = Scratch::toy();
    toy.piton(&["climb", "--run", "r", "--trials", "2"]);
    let kept = toy.git(&["rev-parse", "piton/r"]);
    toy.git(&["update-ref", "refs/heads/piton/r", "main"]);
    toy.piton(&["climb", "--run", "r", "--trials", "0"]);
    assert_eq!(toy.git(&["rev-parse", "piton/r"]), kept);
}

#[test]
fn help_comes_with_an_example_and_the_exit_statuses() {
    let help =
        |args: &[&str]| String::from_utf8(Command::new(piton()).args(args).output().unwrap().stdout).unwrap();
    assert!(help(&["--help"]).contains("Exit status: 0 done"));
    for command in ["baseline", "trial", "climb", "log", "show", "status", "doctor", "wait", "mcp", "init"] {
        assert!(help(&[command, "--help"]).contains("Example"), "{command}");
    }
    assert!(help(&["lab", "noise", "--help"]).contains("Example: piton lab noise"));
}

#[test]
fn log_status_and_show_tell_the_same_story_to_people_and_programs() {
    let toy = Scratch::toy();
    toy.piton(&["climb", "--run", "r"]);
    let log = toy.piton(&["log", "--json"]).json();
    assert_eq!(log.as_array().unwrap().len(), 4);
    let status = toy.piton(&["status", "--json"]).json();
    assert_eq!(status["trials"], 3);
    assert_eq!(status["reasons"]["better"], 1);
    let show = toy.piton(&["show", "2"]);
    for word in ["kept: +9.", "SPEED 100 -> 110", "pass  quality", "+const SPEED: u32 = 110;"] {
        assert!(show.out.contains(word), "{word} in {}", show.out);
    }
    assert!(toy.piton(&["log"]).out.contains("gate:quality"));
}

#[test]
fn the_noise_of_a_build_against_itself_is_measured_without_a_run() {
    let toy = Scratch::toy();
    let said = toy.piton(&["lab", "noise", "--pairs", "3"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(
        said.out.contains("gain of 3 pairs of the same build against itself: median +0.00 %"),
        "{}",
        said.out
    );
    assert_eq!(toy.git(&["branch", "--list", "piton/*"]), "");
}

#[test]
fn the_gates_are_held_against_variants_of_known_quality() {
    let toy = Scratch::toy();
    let variant = |name: &str, should: &str, to: &str| {
        format!(
            "[[variant]]\nname = \"{name}\"\nshould = \"{should}\"\nedits = [{{ file = \"speed.rs\", find = \"100\", replace = \"{to}\" }}]\n"
        )
    };
    let good = variant("faster", "pass", "110") + &variant("poor", "fail", "7");
    toy.write("v.toml", &good);
    let said = toy.piton(&["discriminate", "--variants", "v.toml", "--samples", "2"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("| poor | fail | fail | **0.5** | 2 of 2 |"), "{}", said.out);
    toy.write("v.toml", &good.replace("\"fail\"", "\"pass\""));
    let said = toy.piton(&["discriminate", "--variants", "v.toml", "--samples", "2"]);
    assert_eq!(said.status, 1, "a gate that says the wrong thing is an error: {said:?}");
    assert!(said.out.contains("1 of 2 variants judged as they should be"), "{}", said.out);
    toy.write("v.toml", &good.replace("find = \"100\"", "find = \"no such text\""));
    let said = toy.piton(&["discriminate", "--variants", "v.toml"]);
    assert_eq!(said.status, 2, "{said:?}");
    assert!(said.err.contains("`no such text` occurs 0 times"), "{}", said.err);
}
