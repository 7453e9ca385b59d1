//! `piton init --agent`: an agent, here a script, completes an experiment that piton could not draft, and is believed nothing.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use piton_tests::agents::{User, present};
use piton_tests::model::{Model, Play, Step};
use piton_tests::{Said, Scratch};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A project in which piton finds nothing to measure: a script that prints how many steps it takes, and a test of what it prints beside.
struct Project {
    scratch: Scratch,
    /// What the agent is, and what it keeps between its calls.
    own: TempDir,
}

/// What every agent here begins with: `$n` is the number of its call, `$at` where it writes.
const PROLOGUE: &str = r#"own=OWN; at=.piton/agent/init
n=$(($(ls $own | grep -c '^brief') + 1)); cp "$PITON_BRIEF" $own/brief.$n
right() {
rm -f $at/measure.sh
cat > $at/piton.toml <<'END'
name = "steps"
[metric]
name = "steps"
direction = "lower"
[scope]
editable = ["src"]
[[check]]
name = "answer"
command = ["sh", "{sealed}/tests/answer.sh", "{tree}"]
[measure]
command = ["sh", "{sealed}/measure.sh", "{tree}"]
timeout_s = 20
END
cat > $at/measure.sh <<'END'
sh "$1/src/count.sh" | sed -n 's/^steps \([0-9]*\)$/{"steps": \1}/p'
END
}
"#;

impl Project {
    /// With an agent that does this in each of its calls.
    fn with(agent: &str) -> Self {
        let scratch = Scratch::empty();
        scratch.git(&["init", "--quiet", "--initial-branch=main"]);
        scratch.git(&["config", "user.name", "t"]);
        scratch.git(&["config", "user.email", "t@example.org"]);
        scratch.write("src/count.sh", "echo answer 42\necho steps 1200\n");
        scratch.write("tests/answer.sh", "sh \"$1/src/count.sh\" | grep -qx 'answer 42'\n");
        scratch.commit("a project");
        Self { scratch, own: TempDir::new().expect("a directory") }.teach(agent)
    }

    fn teach(self, agent: &str) -> Self {
        let own = self.own.path().display().to_string();
        fs::write(self.own.path().join("agent.sh"), PROLOGUE.replace("OWN", &own) + agent).expect("a file");
        self
    }

    fn args(&self, more: &[&str]) -> Vec<String> {
        let agent = format!("sh {}/agent.sh", self.own.path().display());
        let own = self.own.path().display().to_string();
        let args = ["init", "--agent", &agent, "--allow-write", &own].map(str::to_owned);
        args.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect()
    }

    fn init(&self, more: &[&str]) -> Said {
        let args = self.args(more);
        self.scratch.piton(&args.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The brief of a call.
    fn brief(&self, n: usize) -> String {
        fs::read_to_string(self.own.path().join(format!("brief.{n}"))).expect("it was called so often")
    }

    fn calls(&self) -> usize {
        (1..).take_while(|n| self.own.path().join(format!("brief.{n}")).exists()).count()
    }

    /// What git sees that no commit has.
    fn changed(&self) -> String {
        self.scratch.git(&["status", "--porcelain", "--untracked-files=all"])
    }
}

#[test]
fn an_agent_that_is_told_what_was_wrong_completes_it_and_a_run_begins() {
    let project = Project::with(
        "if [ $n = 1 ]; then right; sed -i 's/^timeout_s/time_out_s/' $at/piton.toml\nelse grep -q 'time_out_s' \"$PITON_BRIEF\" && right; fi",
    );
    let said = project.init(&["--json", "--commit"]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    let asked = &report["set_up"];
    assert_eq!((&asked["holds"], &report["committed"]), (&json!(true), &json!(true)), "{report}");
    let rounds = asked["rounds"].as_array().expect("rounds");
    assert_eq!(rounds.len(), 2, "{report}");
    assert!(rounds[0]["refused"][0].as_str().expect("why").contains("time_out_s"), "{report}");
    assert!(report["tried"]["measured"].as_str().expect("a figure").contains("steps 1200"), "{report}");
    let chose = asked["chose"].to_string();
    assert!(
        chose.contains("answer: sh {sealed}/tests/answer.sh") && chose.contains("editable  src"),
        "{chose}"
    );
    assert!(asked["diff"].as_str().expect("a diff").contains("+name = \"steps\""), "{report}");
    // What it was told at first, and what was kept of its room.
    let brief = project.brief(1);
    for words in ["measure.sh", "src/count.sh", "nothing known was found in it", ".piton/agent/init"] {
        assert!(brief.contains(words), "{words} in {brief}");
    }
    assert!(!project.scratch.path().join(".piton").exists());
    assert_eq!(project.changed(), "");
    // On a machine that is busy with other tests.
    let calm = "\n[machine]\nsteal_pct = 100\npressure_pct = 100\n";
    project.scratch.write("piton.toml", &(project.scratch.read("piton.toml") + calm));
    project.scratch.commit("a busy machine");
    let baseline = project.scratch.piton(&["baseline", "--run", "r"]);
    assert_eq!(baseline.status, 0, "{baseline:?}");
}

#[test]
fn what_it_chose_and_changed_is_told_in_words() {
    let project = Project::with("right");
    let said = project.init(&[]);
    assert_eq!(said.status, 0, "{said:?}");
    for words in [
        "sh set it up in 1 round",
        "metric    steps, lower is better; printed",
        "+editable = [\"src\"]\n",
        "tried once behind the walls: steps 1200",
        "git add --force",
    ] {
        assert!(said.out.contains(words), "{words} in {}", said.out);
    }
    assert_eq!(project.changed(), "?? measure.sh\n?? piton.toml\n?? program.md");
}

#[test]
fn an_agent_that_writes_elsewhere_meets_a_wall_and_what_it_leaves_beside_its_files_is_not_taken() {
    let project = Project::with(
        r#"right
for path in src/count.sh tests/answer.sh piton.toml new .git/config .git/hooks/post-commit .piton/brief.md $HOME/piton-was-here; do
  sh -c "echo forged > $path" 2>/dev/null && echo "$path" >> $own/wrote
done
case $n in
1) echo 'echo {}' > $at/bench.sh ;;
2) rm $at/bench.sh; rm $at/measure.sh; ln -s ../../../src/count.sh $at/measure.sh ;;
esac"#,
    );
    let project_src = project.scratch.read("src/count.sh");
    let said = project.init(&["--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let rounds = said.json()["set_up"]["rounds"].clone();
    assert!(
        rounds[0]["refused"][0].as_str().expect("why").contains("bench.sh is none of the files"),
        "{rounds}"
    );
    assert!(rounds[1]["refused"][0].as_str().expect("why").contains("measure.sh was not read"), "{rounds}");
    assert_eq!(rounds[2]["refused"], json!([]), "{rounds}");
    assert_eq!(project.scratch.read("src/count.sh"), project_src);
    assert_eq!(project.changed(), "?? measure.sh\n?? piton.toml\n?? program.md");
    assert!(
        !project.own.path().join("wrote").exists(),
        "it wrote {:?}",
        fs::read_to_string(project.own.path().join("wrote"))
    );
}

#[test]
fn a_figure_that_no_edit_decides_is_never_taken_and_the_draft_stays() {
    let project = Project::with(
        "right; sed -i '/^..check/,/^command = .*answer/d' $at/piton.toml; echo \"echo '{\\\"steps\\\": $n}'\" > $at/measure.sh",
    );
    let said = project.init(&["--json"]);
    assert_eq!(said.status, 4, "{said:?}");
    let report = said.json();
    let rounds = report["set_up"]["rounds"].as_array().expect("rounds").clone();
    assert_eq!(
        (rounds.len(), project.calls(), &report["set_up"]["holds"]),
        (3, 3, &json!(false)),
        "{report}"
    );
    for round in &rounds {
        let why = round["refused"][0].as_str().expect("why");
        assert!(why.starts_with("with every editable file emptied"), "{why}");
    }
    assert!(project.brief(3).contains("with every editable file emptied"));
    // The draft, which fails and says where; the agent's files where they can be looked at.
    assert!(project.scratch.read("measure.sh").contains("put the command that is to be measured"));
    assert!(project.scratch.read(".git/piton/init/measure.sh").contains("steps"));
    assert!(!project.scratch.path().join(".piton").exists());
}

#[test]
fn a_scope_with_the_tests_or_a_looser_rule_is_refused_before_anything_is_built() {
    let project = Project::with(
        "right; case $n in\n1) sed -i 's/^editable.*/editable = [\"src\", \"tests\"]/' $at/piton.toml ;;\n2) printf '[rule]\\nalpha = 0.4\\n' >> $at/piton.toml ;;\nesac",
    );
    let said = project.init(&["--json"]);
    assert_eq!(said.status, 0, "{said:?}");
    let rounds = said.json()["set_up"]["rounds"].clone();
    assert!(rounds[0]["refused"][0].as_str().expect("why").contains("tests/answer.sh"), "{rounds}");
    assert!(rounds[1]["refused"][0].as_str().expect("why").contains("[rule]"), "{rounds}");
    assert_eq!((&rounds[0]["tried"], &rounds[1]["tried"]), (&Value::Null, &Value::Null), "{rounds}");
}

#[test]
fn an_agent_that_hangs_is_ended_with_its_children_and_asked_no_more() {
    let project = Project::with("right; setsid sleep 1000 & sleep 1000");
    let said = project.init(&["--agent-timeout", "1s", "--json"]);
    assert_eq!(said.status, 4, "{said:?}");
    let report = said.json();
    assert_eq!(report["set_up"]["rounds"].as_array().map(Vec::len), Some(1), "{report}");
    assert!(
        report["set_up"]["rounds"][0]["call"].as_str().expect("why").contains("longer than 1 s"),
        "{report}"
    );
    assert_eq!(project.scratch.processes(), [0; 0]);
    assert!(!project.scratch.path().join(".piton").exists());
}

#[test]
fn ctrl_c_while_the_agent_is_at_work_leaves_the_checkout_as_it_was() {
    let project = Project::with("right; echo at work >&2; exec sleep 1000");
    let args = project.args(&[]);
    let mut command = project.scratch.command(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("piton starts");
    let mut err = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("is at work on the experiment, round 1") {
        line.clear();
        assert_ne!(err.read_line(&mut line).expect("text"), 0, "it never began");
    }
    // The agent itself is there once it has kept its brief.
    while project.calls() == 0 {
        assert!(child.try_wait().expect("a child").is_none());
        std::thread::yield_now();
    }
    let id = rustix::process::Pid::from_raw(child.id() as i32).expect("a process");
    rustix::process::kill_process(id, rustix::process::Signal::INT).expect("it is there");
    let mut rest = String::new();
    err.read_to_string(&mut rest).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(130), "{rest}");
    assert!(rest.contains("nothing was written"), "{rest}");
    assert_eq!(project.changed(), "");
    assert!(!project.scratch.path().join(".piton").exists());
    assert_eq!(project.scratch.processes(), [0; 0]);
}

#[test]
fn an_experiment_that_holds_is_not_given_to_an_agent_and_one_that_no_commit_has_is_not_changed() {
    let project = Project::with("right");
    assert_eq!(project.init(&["--commit"]).status, 0);
    let again = project.init(&[]);
    assert_eq!((again.status, project.calls()), (0, 1), "{again:?}");
    assert!(again.err.contains("the agent was not asked"), "{again:?}");
    let wanted = project.init(&["--say", "count the steps"]);
    assert_eq!((wanted.status, project.calls()), (4, 4), "{wanted:?}");
    assert!(project.brief(2).contains("count the steps"));
    assert!(wanted.out.contains("the files that are there are as they were"), "{wanted:?}");
    assert_eq!(project.changed(), "");
    project.scratch.write("measure.sh", "# mine\n");
    let refused = project.init(&["--say", "x"]);
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.err.contains("measure.sh is there, and no commit has it"), "{refused:?}");
    assert_eq!(project.scratch.read("measure.sh"), "# mine\n");
}

#[test]
fn a_real_agent_reads_the_brief_and_completes_it_behind_its_walls() {
    let shell = |line: &str| Step::Shell(line.to_owned());
    let right = PROLOGUE
        .split_once("right() {\n")
        .and_then(|(_, rest)| rest.split_once("\n}\n"))
        .expect("a function")
        .0;
    // codex refuses to remove anything by force.
    let right = format!("at=.piton/agent/init\n{}", right.replace("rm -f $at/measure.sh\n", ""));
    let plays = [
        Play::Does(vec![
            shell("cat .piton/brief.md"),
            shell("echo forged > src/count.sh"),
            shell(&format!("{right}\nsed -i 's/^timeout_s/time_out_s/' $at/piton.toml")),
        ]),
        Play::Does(vec![shell("cat .piton/brief.md"), shell(&right)]),
    ];
    for agent in present() {
        let project = Project::with("");
        let user = User::of(agent, Model::start(plays.to_vec()));
        let said: Said = user
            .piton(&project.scratch, &["init", "--agent", agent.name(), "--json", "--commit"])
            .output()
            .expect("piton starts")
            .into();
        let told = user.model().results();
        assert_eq!(said.status, 0, "{agent:?}: {told:#?} {said:?}");
        let asked = said.json()["set_up"].clone();
        let results = user.model().results();
        assert_eq!((&asked["agent"], &asked["holds"]), (&json!(agent.name()), &json!(true)), "{asked}");
        assert_eq!(asked["rounds"].as_array().map(Vec::len), Some(2), "{agent:?}: {asked}");
        assert!(asked["cost"]["tokens_in"].as_u64().is_some_and(|n| n > 0), "{asked}");
        assert!(results[0].contains("The experiment to set up"), "{agent:?}: {results:?}");
        assert!(results[1].contains("Permission denied"), "{agent:?}: {results:?}");
        assert!(results.iter().any(|result| result.contains("time_out_s")), "{agent:?}: {results:?}");
        assert_eq!(project.changed(), "", "{agent:?}");
    }
}

#[test]
fn a_baseline_takes_as_many_samples_as_init_said() {
    let counted = TempDir::new().expect("a directory");
    let at = counted.path().display().to_string();
    let toy = Scratch::toy_with("[measure]\n", &format!("[measure]\nwrite = [\"{at}\"]\n"));
    toy.write("measure.sh", &format!("echo . >> {at}/samples\n{}", toy.read("measure.sh")));
    toy.commit("who counts its samples");
    let samples =
        || fs::read_to_string(counted.path().join("samples")).unwrap_or_default().lines().count() as u64;
    let told = toy.piton(&["doctor", "--try", "--json"]).json();
    let (told, tried) = (told["attempt"]["baseline_samples"].as_u64().expect("a number"), samples());
    assert_eq!(tried, 1);
    toy.baseline();
    assert_eq!(samples() - tried, told);
}

#[test]
fn money_that_is_spent_ends_the_rounds_and_one_who_is_not_let_in_is_named() {
    let claude = |answer: &str| {
        let project = Project::with("");
        let result = r#"{"type":"result","subtype":"success","is_error":ERROR,"num_turns":3,"result":"TEXT","total_cost_usd":0.4,"usage":{"input_tokens":100,"output_tokens":50},"permission_denials":[]}"#;
        let (error, text) = if answer == "done" { ("false", "I looked.") } else { ("true", answer) };
        let result = result.replace("ERROR", error).replace("TEXT", text);
        let script = format!("#!/bin/sh\ncat > /dev/null; echo '{result}'\n");
        let program = project.own.path().join("claude");
        fs::write(&program, script).expect("a file");
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
        let path = format!("{}:{}", project.own.path().display(), std::env::var("PATH").unwrap_or_default());
        let mut command =
            project.scratch.command(&["init", "--agent", "claude", "--max-usd", "0.7", "--json"]);
        let said: Said =
            command.env("PATH", path).env("HOME", project.own.path()).output().expect("piton starts").into();
        assert_eq!(said.status, 4, "{said:?}");
        said.json()["set_up"].clone()
    };
    let spent = claude("done");
    assert_eq!(
        (spent["rounds"].as_array().map(Vec::len), &spent["cost"]["usd"]),
        (Some(2), &json!(0.8)),
        "{spent}"
    );
    let barred = claude("Invalid API key · Please run /login");
    assert_eq!(barred["rounds"].as_array().map(Vec::len), Some(1), "{barred}");
    assert!(barred["rounds"][0]["call"].as_str().expect("why").starts_with("is not let in"), "{barred}");
}
