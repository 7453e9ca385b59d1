//! Trials that an agent asks for by itself: they outlive who asked, and are told once they are over.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use piton_tests::slow::{LIMIT, Slow, said, until};
use piton_tests::{Said, Scratch, kill, piton};
use serde_json::{Value, json};

fn reasons(toy: &Scratch) -> Vec<String> {
    toy.table().into_iter().map(|row| row[7].clone()).collect()
}

/// Everything agrees, and no process is left.
fn whole(toy: &Scratch) {
    let audit = toy.piton(&["audit"]);
    assert_eq!(audit.status, 0, "{audit:?}");
    assert_eq!(toy.processes(), Vec::<i32>::new());
}

#[test]
fn a_trial_that_takes_longer_answers_that_it_is_under_way_and_wait_tells_what_trial_would_have() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let running = slow.toy.piton(&["trial", "-m", "a tenth", "--wait", "300ms", "--json"]);
    assert_eq!(running.status, 20, "{running:?}");
    let now = running.json();
    assert_eq!(now["state"], "running");
    assert!(now["id"].is_string() && now["seconds"].is_number() && now["doing"].is_string(), "{now}");
    slow.come();
    let words = slow.toy.piton(&["wait", "--timeout", "10ms"]);
    assert_eq!(words.status, 20, "{words:?}");
    assert!(
        words.out.starts_with("trial 1 is under way: ") && words.out.ends_with("next: piton wait\n"),
        "{words:?}"
    );
    let status = slow.toy.piton(&["status", "--json"]).json();
    assert_eq!((&status["under_way"]["run"], &status["under_way"]["trial"]), (&json!("r"), &json!(1)));
    slow.go();
    let told = slow.toy.piton(&["wait"]);
    assert_eq!(told.status, 0, "{told:?}");
    assert!(told.out.starts_with("trial 1: kept: +"), "{told:?}");
    assert_eq!(slow.toy.git(&["status", "--porcelain"]), "");
    assert_eq!(reasons(&slow.toy), ["baseline", "better"]);
    // Once told, there is nothing to wait for.
    let none = slow.toy.piton(&["wait", "--json"]);
    assert_eq!((none.status, &none.json()["state"]), (12, &json!("none")));
    assert!(none.json()["last"]["words"].as_str().unwrap().starts_with("trial 1: kept"), "{none:?}");
    whole(&slow.toy);
}

#[test]
fn whoever_asked_may_be_killed_and_nothing_is_lost() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let mut asked = slow.start(&["trial", "-m", "a tenth"]);
    slow.come();
    kill(asked.id());
    asked.wait().unwrap();
    slow.go();
    let told = slow.toy.piton(&["wait", "--json"]);
    assert_eq!(told.status, 0, "{told:?}");
    let record = told.json();
    assert_eq!((&record["trial"], &record["description"]), (&json!(1), &json!("a tenth")));
    assert!(record["words"].as_str().unwrap().starts_with("trial 1: kept"));
    whole(&slow.toy);
}

#[test]
fn a_verdict_that_nobody_was_told_is_told_by_the_next_trial_without_an_edit() {
    let slow = Slow::begun();
    slow.go();
    slow.toy.speed("90");
    let first = slow.toy.piton(&["trial", "-m", "slower", "--wait", "0s"]);
    assert_eq!(first.status, 20, "{first:?}");
    until("the trial is over", || {
        reasons(&slow.toy).len() == 2 && slow.toy.read("src/speed.rs").contains("100")
    });
    // The checkout is reset by now: it is the same trial, not one without an edit.
    let told = slow.toy.piton(&["trial", "-m", "slower"]);
    assert_eq!(told.status, 10, "{told:?}");
    assert!(told.out.starts_with("trial 1: discarded: worse"), "{told:?}");
    assert_eq!(slow.toy.piton(&["trial"]).status, 12, "told once, there is no edit");
    assert_eq!(reasons(&slow.toy), ["baseline", "worse"]);
}

#[test]
fn the_same_edit_asked_for_twice_is_one_trial_and_another_edit_is_refused_meanwhile() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let first = slow.start(&["trial", "-m", "a tenth", "--json"]);
    slow.come();
    slow.toy.speed("130");
    let other = slow.toy.piton(&["trial", "-m", "another"]);
    assert_eq!(other.status, 3, "{other:?}");
    assert!(
        other.err.contains("another edit is on trial") && other.err.contains("trial 1 is under way"),
        "{other:?}"
    );
    slow.toy.speed("110");
    let second = slow.toy.piton(&["trial", "-m", "once more", "--wait", "0s", "--json"]);
    assert_eq!((second.status, &second.json()["trial"]), (20, &json!(1)), "{second:?}");
    slow.go();
    let first = said(first);
    assert_eq!((first.status, first.json()["trial"].clone()), (0, json!(1)), "{first:?}");
    assert_eq!(reasons(&slow.toy), ["baseline", "better"]);
    whole(&slow.toy);
}

#[test]
fn a_carrier_that_is_killed_is_noticed_and_what_it_left_is_ended() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let asked = slow.start(&["trial", "-m", "a tenth"]);
    slow.come();
    kill(slow.carrier());
    let noticed = said(asked);
    assert_eq!(noticed.status, 1, "{noticed:?}");
    assert!(
        noticed.err.contains("was ended") && noticed.err.contains("your edit is as it was"),
        "{noticed:?}"
    );
    let told = slow.toy.piton(&["wait"]);
    assert_eq!(told.status, 12, "{told:?}");
    assert!(told.out.contains("trial 1: void: piton was ended during the measurement"), "{told:?}");
    assert_eq!(slow.toy.read("src/speed.rs"), "const SPEED: u32 = 110;\n", "the edit is as it was");
    whole(&slow.toy);
    slow.go();
    let again = slow.toy.piton(&["trial", "-m", "a tenth"]);
    assert_eq!(again.status, 0, "{again:?}");
    assert_eq!(reasons(&slow.toy), ["baseline", "void", "better"]);
}

#[test]
fn a_verdict_that_was_reached_before_the_carrier_was_killed_is_told() {
    if !cfg!(debug_assertions) {
        return;
    }
    for point in ["measured", "decided", "applied"] {
        let toy = Scratch::toy();
        toy.baseline();
        toy.speed("90");
        let mut command = toy.command(&["trial", "-m", "slower"]);
        let first: Said = command.env("PITON_FAILPOINT", point).output().unwrap().into();
        // Where all was done already, the ledger has it, and it is told at once.
        assert_eq!(first.status, if point == "applied" { 10 } else { 1 }, "{point}: {first:?}");
        let told = toy.piton(&["wait"]);
        assert_eq!(told.status, if point == "applied" { 12 } else { 10 }, "{point}: {told:?}");
        assert!(told.out.contains("trial 1: discarded: worse"), "{point}: {told:?}");
        assert_eq!(toy.read("src/speed.rs"), "const SPEED: u32 = 100;\n", "{point}");
        whole(&toy);
    }
}

/// A pseudo-terminal as standard error: what a person's Ctrl-C is told from an agent's by.
fn terminal() -> (File, File) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, vec![]).unwrap();
    let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(ours), theirs)
}

fn interrupt(child: &Child) {
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_on_a_terminal_interrupts_the_trial_and_leaves_the_edit() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let (mut ours, theirs) = terminal();
    let mut command = slow.toy.command(&["trial", "-m", "a tenth"]);
    let asked = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(theirs).spawn().unwrap();
    drop(command);
    std::thread::spawn(move || std::io::copy(&mut ours, &mut std::io::sink()));
    slow.come();
    interrupt(&asked);
    let told = said(asked);
    assert_eq!(told.status, 12, "{told:?}");
    assert!(told.out.starts_with("trial 1: interrupted during"), "{told:?}");
    assert_eq!(slow.toy.read("src/speed.rs"), "const SPEED: u32 = 110;\n");
    whole(&slow.toy);
}

#[test]
fn what_interrupts_an_agents_call_ends_the_waiting_and_not_the_trial() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let asked = slow.start(&["trial", "-m", "a tenth"]);
    slow.come();
    interrupt(&asked);
    let left = said(asked);
    assert_eq!(left.status, 20, "{left:?}");
    slow.go();
    assert_eq!(slow.toy.piton(&["wait"]).status, 0);
}

#[test]
fn a_trial_that_cannot_begin_says_why_as_ever() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.git(&["switch", "--quiet", "main"]);
    toy.speed("110");
    let said = toy.piton(&["trial", "-m", "x"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(
        said.err.contains("this checkout is on no run's branch") && said.err.contains("hint: "),
        "{said:?}"
    );
    let none = toy.piton(&["wait"]);
    assert_eq!((none.status, none.out.as_str()), (12, "no trial is under way\n"), "{none:?}");
    assert_eq!(toy.piton(&["carry", "--away"]).status, 3, "nobody asked for a trial");
}

/// An MCP client: what an agent's would say, over pipes.
struct Client {
    server: Child,
    stdin: ChildStdin,
    lines: Receiver<Value>,
    id: u64,
}

impl Client {
    fn start(mut command: Command) -> Self {
        let mut server = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let out = BufReader::new(server.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
                let _ = sender.send(message);
            }
        });
        let stdin = server.stdin.take().unwrap();
        let mut client = Self { server, stdin, lines, id: 0 };
        let hello = client.ask(
            "initialize",
            json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "t", "version": "1" } }),
        );
        assert_eq!(hello["result"]["serverInfo"]["name"], "piton", "{hello}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin, "{message}").unwrap();
    }

    fn post(&mut self, method: &str, params: Value) -> u64 {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The next message.
    fn next(&self) -> Value {
        self.lines.recv_timeout(LIMIT).expect("the server answers")
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.post(method, params);
        loop {
            let message = self.next();
            if message["id"] == id {
                return message;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.ask("tools/call", json!({ "name": tool, "arguments": arguments }))["result"].clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn text(result: &Value) -> &str {
    result["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{result}"))
}

#[test]
fn an_agent_drives_a_climb_over_mcp() {
    let toy = Scratch::toy();
    toy.baseline();
    let mut client = Client::start(toy.command(&["mcp"]));
    let tools = client.ask("tools/list", json!({}))["result"]["tools"].clone();
    let names: Vec<&str> =
        tools.as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["status", "run", "wait", "history", "note"]);
    toy.speed("110");
    let idea = json!({ "description": "a tenth", "hypothesis": "more is more", "family": "Speed", "expected_gain": 9.0 });
    let kept = client.call("run", idea);
    assert_eq!(kept["isError"], false, "{kept}");
    assert!(text(&kept).starts_with("trial 1: kept: +"), "{kept}");
    assert_eq!(kept["structuredContent"]["outcome"]["verdict"]["keep"], "better");
    assert!(kept["structuredContent"]["pairs"].is_null(), "what is bulky is left out");
    toy.speed("BROKEN");
    let crashed = client.call("run", json!({ "description": "-m and =1" }));
    assert!(text(&crashed).contains("error: this is broken"), "{crashed}");
    let none = client.call("wait", json!({}));
    assert_eq!(none["structuredContent"]["state"], "none", "{none}");
    let history = client.call("history", json!({ "last": 1 }));
    assert_eq!(history["structuredContent"]["trials"].as_array().unwrap().len(), 1, "{history}");
    assert!(text(&history).starts_with("2 crash [build_failed]"), "{history}");
    let noted = client.call("note", json!({ "text": "-the second loop is cold" }));
    assert_eq!(noted["isError"], false, "{noted}");
    let notes = toy.piton(&["notes", "--json"]).json();
    assert_eq!(
        (&notes[0]["text"], &notes[0]["by"]),
        (&json!("-the second loop is cold"), &json!("agent")),
        "{notes}"
    );
    let tried = toy.piton(&["log", "--json"]).json()[1].clone();
    for (said, is) in
        [("hypothesis", json!("more is more")), ("family", json!("speed")), ("expected_pct", json!(9.0))]
    {
        assert_eq!(tried["claim"][said], is, "{said} in {tried}");
    }
    let status = client.call("status", json!({}));
    assert_eq!(status["structuredContent"]["trials"], 2, "{status}");
    assert!(text(&status).contains("run r, branch piton/r"));
    let wrong = client.ask("tools/call", json!({ "name": "run", "arguments": {} }));
    assert!(wrong["error"]["message"].as_str().unwrap().contains("description"), "{wrong}");
    toy.git(&["switch", "--quiet", "main"]);
    let refused = client.call("run", json!({ "description": "x" }));
    assert_eq!(refused["isError"], true);
    assert!(text(&refused).contains("on no run's branch"), "{refused}");
    whole(&toy);
}

#[test]
fn a_long_run_over_mcp_tells_progress_and_its_trial_outlives_the_server() {
    let slow = Slow::begun();
    slow.toy.speed("110");
    let mut client = Client::start(slow.toy.command(&["mcp"]));
    let run =
        json!({ "name": "run", "arguments": { "description": "a tenth" }, "_meta": { "progressToken": 7 } });
    client.post("tools/call", run);
    let progress = client.next();
    assert_eq!(progress["method"], "notifications/progress", "{progress}");
    assert_eq!(progress["params"]["progressToken"], 7);
    assert!(
        progress["params"]["message"].as_str().unwrap().starts_with("trial 1 is under way: "),
        "{progress}"
    );
    drop(client);
    let mut client = Client::start(slow.toy.command(&["mcp"]));
    slow.go();
    let told = client.call("wait", json!({}));
    assert!(text(&told).starts_with("trial 1: kept: +"), "{told}");
    whole(&slow.toy);
}

#[test]
fn inside_guard_a_long_trial_is_carried_out_outside_and_others_may_ask_meanwhile() {
    // While samples are taken nothing inside goes on.
    let slow = Slow::building();
    let inside = r#"
        sed -i 's/= 100;/= 110;/' src/speed.rs
        "$PITON" trial -m "a tenth" --wait 200ms --json > "$TMPDIR/now"; [ $? = 20 ] || exit 90
        grep -q '"state": "running"' "$TMPDIR/now" || exit 91
        "$PITON" status > /dev/null || exit 92
        "$PITON" carry --away && exit 93
        : > "$GO"
        "$PITON" wait || exit 94
        sed -i 's/= 110;/= 120;/' src/speed.rs
        "$PITON" trial -m "more" --wait 0s; [ $? = 20 ] || exit 95
        exit 7
    "#;
    let gate = slow.gate.to_str().unwrap();
    let mut guard = slow.toy.command(&["guard", "--allow-write", gate, "--", "sh", "-c", inside]);
    let go = slow.gate.join("go");
    let said: Said = guard.env("PITON", piton()).env("GO", go).output().unwrap().into();
    assert_eq!(said.status, 7, "{said:?}");
    assert!(said.out.contains("trial 1: kept: +"), "{said:?}");
    // The second was under way when the agent ended: it is finished, and told whoever asks.
    let told = slow.toy.piton(&["wait"]);
    assert!(told.out.starts_with("trial 2: kept: +"), "{told:?}");
    whole(&slow.toy);
}

#[test]
fn an_mcp_server_works_inside_guard() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    let mut command = toy.command(&["guard", "--", piton().to_str().unwrap(), "mcp"]);
    command.stderr(Stdio::null());
    let mut client = Client::start(command);
    let kept = client.call("run", json!({ "description": "a tenth" }));
    assert!(text(&kept).starts_with("trial 1: kept: +"), "{kept}");
}

fn written(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// A repository with these files.
fn repository(files: &[(&str, &str)]) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    files.iter().for_each(|(path, text)| scratch.write(path, text));
    scratch.commit("a project");
    scratch
}

#[test]
fn init_writes_an_experiment_that_works_and_overwrites_nothing() {
    let make = "all:\n\t:\nbench:\n\t@sleep 0.0$$(cat src/speed.c)\n";
    let project = repository(&[("Makefile", make), ("src/speed.c", "5")]);
    let said = project.piton(&["init"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.starts_with("wrote piton.toml, "), "{said:?}");
    for word in ["(`make bench`)", "tried once behind the walls: ", "git add --force piton.toml "] {
        assert!(said.out.contains(word), "{word} in {said:?}");
    }
    // A busy machine is no reason for a test to wait.
    let calm = "\n[machine]\nsteal_pct = 100\npressure_pct = 100\n";
    project.write("piton.toml", &(written(project.path(), "piton.toml") + calm));
    project.commit("piton");
    project.baseline();
    project.write("src/speed.c", "1");
    let kept = project.piton(&["trial", "-m", "less sleep"]);
    assert_eq!(kept.status, 0, "{kept:?}");
    project.write("program.md", "mine\n");
    let again = project.piton(&["init"]);
    assert!(again.out.contains("left as it is: piton.toml, program.md"), "{again:?}");
    assert_eq!(written(project.path(), "program.md"), "mine\n");
}

#[test]
fn init_says_which_line_to_change_where_its_try_fails_and_leaves_the_files() {
    let make = "all:\n\t@echo 'src/a.c:3:1: error: no luck' >&2; exit 1\nbench: all\n\t:\n";
    let project = repository(&[("Makefile", make), ("src/a.c", "")]);
    let said = project.piton(&["init"]);
    assert_eq!(said.status, 4, "{said:?}");
    let text = written(project.path(), "piton.toml");
    let line = 1 + text.lines().position(|line| line.starts_with("command = [\"make\"")).unwrap();
    let change = format!("change piton.toml, line {line} ([build] command)");
    for word in ["src/a.c:3:1: error: no luck", &change, "piton doctor --try"] {
        assert!(said.out.contains(word), "{word} in {said:?}");
    }
    assert!(project.git(&["branch", "--list"]).lines().count() == 1, "no branch is made");
    assert_eq!(project.git(&["rev-list", "--count", "HEAD"]), "1");
}

#[test]
fn init_measures_what_is_named_commits_what_it_wrote_and_refuses_what_is_not_there() {
    let make = "quick: a.c\n\tcp a.c quick && echo -o $@\nbench: quick\n\t:\n";
    let project = repository(&[("Makefile", make), ("a.c", "x"), (".gitignore", "quick\n")]);
    project.git(&["config", "user.name", "t"]);
    project.git(&["config", "user.email", "t@example.org"]);
    let refused = project.piton(&["init", "--bench", "nonsense"]);
    assert_eq!(refused.status, 2, "{refused:?}");
    assert!(refused.err.contains("piton found: bench, quick-size, quick"), "{refused:?}");
    assert!(!project.path().join("piton.toml").exists());
    let said = project.piton(&["init", "--bench", "quick-size", "--commit", "--json"]);
    let report = said.json();
    assert_eq!((&report["bench"], &report["committed"]), (&json!("quick-size"), &json!(true)), "{report}");
    assert_eq!(report["others"], json!(["bench", "quick"]));
    assert!(report["tried"]["measured"].as_str().unwrap().starts_with("artifact_bytes 1"), "{report}");
    assert_eq!(project.git(&["status", "--porcelain"]), "");
    project.baseline();
}

#[test]
fn init_knows_a_cargo_package_an_npm_package_and_a_python_project() {
    let cargo = "[package]\nname = \"quick\"\nversion = \"0.1.0\"\nedition = \"2021\"\n";
    let rust = repository(&[("Cargo.toml", cargo), ("src/main.rs", "fn main() {}\n")]);
    let said = rust.piton(&["init", "--no-try"]);
    assert!(
        said.out.contains("the program quick of the Cargo package") && said.out.contains("Cargo.lock"),
        "{said:?}"
    );
    assert!(written(rust.path(), "piton.toml").contains("artifact = \"{target}/release/quick\""));
    let npm =
        repository(&[("package.json", "{\"scripts\": {\"bench\": \"node bench.js\"}}"), ("lib/a.js", "")]);
    npm.piton(&["init", "--no-try"]);
    assert!(
        written(npm.path(), "piton.toml")
            .contains("\"npm\", \"--prefix\", \"{tree}\", \"run\", \"--silent\", \"bench\"")
    );
    assert!(written(npm.path(), "piton.toml").contains("editable = [\"lib\"]"));
    let python = repository(&[("pyproject.toml", ""), ("quick/__init__.py", ""), ("bench.py", "")]);
    python.piton(&["init", "--no-try"]);
    assert!(written(python.path(), "piton.toml").contains("\"{tree}/bench.py\""));
    assert!(written(python.path(), "piton.toml").contains("editable = [\"quick\"]"));
    let other = repository(&[("README", "")]);
    let said = other.piton(&["init", "--no-try"]);
    assert!(said.out.contains("it fails until then"), "{said:?}");
    // Whatever it was taken for, the experiment is one.
    for project in [&rust, &npm, &python, &other] {
        project.commit("piton");
        let said = project.piton(&["rule", "explain"]);
        assert_eq!(said.status, 0, "{said:?}");
    }
}

#[test]
fn init_for_agents_adds_to_what_is_there_and_keeps_every_word_of_it() {
    let servers = "{\n  \"mcpServers\": {\"mine\": {\"command\": \"m\"}}\n}\n";
    let toy = Scratch::toy();
    toy.write("AGENTS.md", "# Mine\n");
    toy.write(".mcp.json", servers);
    std::os::unix::fs::symlink("AGENTS.md", toy.path().join("GEMINI.md")).unwrap();
    toy.commit("for agents");
    let said = toy.piton(&["init", "--agents"]);
    assert_eq!(said.status, 0, "{said:?}");
    for word in ["GEMINI.md: it is a link", "there is no program.md yet", "codex", "goose", "git add --all"] {
        assert!(said.out.contains(word), "{word} in {said:?}");
    }
    let agents = written(toy.path(), "AGENTS.md");
    assert!(agents.starts_with("# Mine\n") && agents.contains("piton wait"), "{agents}");
    assert!(written(toy.path(), "CLAUDE.md").contains("@AGENTS.md"));
    assert!(written(toy.path(), ".claude/skills/piton/SKILL.md").starts_with("---\nname: piton\n"));
    let all: Value = serde_json::from_str(&written(toy.path(), ".mcp.json")).unwrap();
    assert_eq!(
        (&all["mcpServers"]["mine"]["command"], &all["mcpServers"]["piton"]["alwaysLoad"]),
        (&json!("m"), &json!(true))
    );
    toy.git(&["rm", "--quiet", "GEMINI.md"]);
    assert!(toy.piton(&["init", "--agents"]).out.contains("wrote           GEMINI.md"));
    toy.commit("piton");
    toy.write("AGENTS.md", &agents.replace("Never stop to ask", "Stop"));
    toy.piton(&["init", "--agents"]);
    assert_eq!(toy.git(&["status", "--porcelain"]), "", "written anew, and nothing else moved");
    toy.baseline();
}

#[test]
fn for_an_adapter_of_the_users_init_writes_and_prints_what_this_names_besides_what_piton_knows() {
    let toy = Scratch::toy();
    let adapter = "name = \"mine\"\ncommand = [\"my-agent\"]\nevents = \"text\"\n[init]\ninstructions = \"MINE.md\"\n\
                   skills = \".mine/skills\"\nmcp = \".mine/mcp.json\"\nstart = 'my-agent --mcp \"piton mcp\" \"{say}\"'\n";
    toy.write("mine.toml", adapter);
    let said = toy.piton(&["init", "--agents", "mine.toml"]);
    let line = "  mine      my-agent --mcp \"piton mcp\" \"Read program.md and do what it says.\"";
    assert!(
        said.status == 0 && said.out.contains(line) && said.out.contains("  claude    claude "),
        "{said:?}"
    );
    for name in ["AGENTS.md", "CLAUDE.md", "GEMINI.md", "MINE.md", ".mine/skills/piton/SKILL.md"] {
        assert!(written(toy.path(), name).contains("piton: begin"), "{name}");
    }
    for name in [".mcp.json", ".mine/mcp.json"] {
        assert!(written(toy.path(), name).contains("\"args\": [\"mcp\"]"), "{name}");
    }
}
