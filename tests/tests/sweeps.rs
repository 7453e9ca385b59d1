//! Sweeps of model servers, end to end. The server is a small one that shows faults on demand; what a real one does is held by
//! `real_server.rs`.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use piton_tests::{Said, Scratch, refused};
use serde_json::Value;

/// No step takes so long: a test that waits longer fails.
const PATIENCE: Duration = Duration::from_secs(60);

const FAKE: &str = env!("CARGO_BIN_EXE_fake_server");

/// A repository with an experiment over these models, each with its fault, and further tables.
fn experiment(models: &[(&str, &str)], more: &str) -> Scratch {
    let scratch = Scratch::empty();
    scratch.git(&["init", "--quiet", "--initial-branch=main"]);
    let mut text = format!(
        "name = \"server\"\n[server]\ncommand = [\"{FAKE}\", \"--port\", \"{{port}}\", \"-m\", \"{{model}}\", \"{{knobs}}\"]\n\
         cores = 1\nready_timeout_s = 2\nstop_grace_s = 1\n"
    );
    for (name, fault) in models {
        scratch.write(&format!("{name}.model"), &format!("fault={fault}\n"));
        let path = scratch.path().join(format!("{name}.model"));
        text.push_str(&format!(
            "[[model]]\nname = \"{name}\"\npath = \"{}\"\nparams = \"1B\"\n",
            path.display()
        ));
    }
    let defaults = [
        "[load]\nmax_tokens = 16\nrequests = 3\nwarm_up = 2\n",
        "[machine]\nsteal_pct = 100\npressure_pct = 100\n",
    ];
    for table in defaults {
        if !more.contains(table.lines().next().unwrap()) {
            text.push_str(table);
        }
    }
    text.push_str(more);
    scratch.write("piton.toml", &text);
    scratch.commit("experiment");
    scratch
}

/// No recipe but the first: what is asked about is stage 1.
const NO_KNOBS: &str = "[sweep]\nrule = \"median\"\nreplicates = 1\n";

fn servers() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains("fake_server") && !line.contains("--confined") && !line.contains("--nothing service")
    })
    .collect()
}

/// Those of this test alone: other tests run at the same time.
fn servers_of(scratch: &Scratch) -> Vec<i32> {
    let own = scratch.path().to_string_lossy().into_owned();
    let of = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&own)
    };
    servers().into_iter().filter(of).collect()
}

fn until(what: &str, is: impl Fn() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

fn names(rows: &Value, key: &str) -> Vec<String> {
    rows.as_array().unwrap().iter().map(|row| row[key].as_str().unwrap_or_default().to_owned()).collect()
}

fn sweep(scratch: &Scratch, more: &[&str]) -> Said {
    scratch.piton(&[&["sweep", "--run", "s", "--json"], more].concat())
}

#[test]
fn the_first_model_that_can_be_served_is_chosen_and_those_behind_it_are_told_by_name() {
    let scratch = experiment(&[("x", "memory"), ("y", "none"), ("z", "none")], NO_KNOBS);
    let said = sweep(&scratch, &[]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    assert_eq!((&report["recommendation"]["model"], &report["exit_reason"]), (&"y".into(), &"ok".into()));
    assert_eq!(report["alternates"], serde_json::json!(["z"]));
    assert_eq!(names(&report["stage1"], "model"), ["x", "y"], "nothing is known of z");
    let infeasible = &report["infeasible"][0];
    assert_eq!((&infeasible["model"], &infeasible["reason"]), (&"x".into(), &"memory".into()));
    assert!(infeasible["note"].as_str().unwrap().contains("failed to allocate"), "{infeasible}");
    let hash = report["recipe_hash"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    assert!(hash.len() == 64 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{hash}");
    let serve = report["recommendation"]["serve_command"].as_str().unwrap();
    assert!(serve.starts_with(FAKE) && serve.contains("y.model"), "{serve}");
    let shown = scratch.piton(&["recipe", "hash", ".piton/sweeps/s/recipe.toml"]);
    assert_eq!(shown.out.trim(), format!("sha256:{hash}"));
    assert_eq!(servers_of(&scratch), Vec::<i32>::new());
}

#[test]
fn the_order_is_the_users_and_a_list_goes_before_bounds() {
    let scratch = experiment(&[("big", "none"), ("small", "none")], NO_KNOBS);
    let said = sweep(&scratch, &["--candidate-models", "small,big", "--max-model-size", "1M"]);
    assert_eq!(said.json()["recommendation"]["model"], "small", "{said:?}");
    assert!(said.err.contains("do not count"), "{}", said.err);
}

#[test]
fn where_no_model_can_be_served_the_last_one_is_told_first() {
    let scratch = experiment(&[("x", "memory"), ("y", "did_not_start")], NO_KNOBS);
    let said = scratch.piton(&["sweep", "--run", "s"]);
    assert_eq!(said.status, 10, "{said:?}");
    let (small, large) = (said.out.find("  y ").unwrap(), said.out.find("  x ").unwrap());
    assert!(small < large && said.out.contains("the model has no tensors"), "{}", said.out);
    let db = rusqlite::Connection::open(scratch.path().join(".piton/sweeps/tune.sqlite")).unwrap();
    let row = "SELECT exit_reason, recommendation_json IS NULL FROM tune_runs WHERE run_id = 's'";
    let row: (String, bool) = db.query_row(row, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(row, ("no_feasible".to_owned(), true));
    let notes: i64 = db
        .query_row(
            "SELECT count(*) FROM tune_trials WHERE stage = 1 AND fits = 0 AND notes IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(notes, 2);
}

#[test]
fn each_fault_of_a_server_has_its_reason() {
    let faults = [
        ("did_not_start", "did_not_start"),
        ("signal", "signal"),
        ("ready_timeout", "ready_timeout"),
        ("memory", "memory"),
        ("died", "died"),
        ("http", "http_503"),
        ("error_event", "error_event"),
        ("no_done", "no_done"),
        ("no_text", "no_text"),
        ("timeout", "timeout"),
        ("ttft_gate", "ttft_gate"),
        ("leak", "leak"),
        ("quality", "quality"),
        ("foreign", "did_not_start"),
    ];
    let models: Vec<(&str, &str)> = faults.iter().map(|(fault, _)| (*fault, *fault)).collect();
    let more = "[feasible]\nttft_ms = 100\nrequest_timeout_s = 1\nstop_tokens = [\"<|im_end|>\"]\n";
    let scratch = experiment(&models, &format!("{more}{NO_KNOBS}"));
    let said = sweep(&scratch, &[]);
    assert_eq!(said.status, 10, "{said:?}");
    let rows = said.json()["infeasible"].clone();
    let got: Vec<(String, String)> = names(&rows, "model").into_iter().zip(names(&rows, "reason")).collect();
    let wanted = faults.map(|(fault, reason)| (fault.to_owned(), reason.to_owned()));
    assert_eq!(got, wanted, "{rows:#}");
    let foreign = rows.as_array().unwrap().last().unwrap()["note"].as_str().unwrap().to_owned();
    assert!(foreign.contains("another process answers"), "{foreign}");
    assert_eq!(servers_of(&scratch), Vec::<i32>::new());
}

#[test]
fn a_context_that_no_slot_has_is_a_knob_that_was_not_honoured() {
    let load = "[load]\nmax_tokens = 16\nrequests = 3\nwarm_up = 2\ncontext = 400\n";
    let scratch = experiment(&[("x", "none")], &format!("{load}{NO_KNOBS}"));
    let said = sweep(&scratch, &["--target-context", "4096"]);
    assert_eq!(said.json()["infeasible"][0]["reason"], "knob_not_honoured", "{said:?}");
    assert_eq!(sweep(&scratch, &["--run", "t"]).status, 2, "a run has one name");
    let said = scratch.piton(&["sweep", "--run", "t", "--json"]);
    assert_eq!((said.status, &said.json()["inputs"]["target_context"]), (0, &400.into()), "{said:?}");
}

#[test]
fn a_server_that_ignores_sigterm_is_killed_after_its_grace() {
    let scratch = experiment(&[("x", "ignore_term")], NO_KNOBS);
    let said = sweep(&scratch, &[]);
    assert_eq!((said.status, servers_of(&scratch)), (0, Vec::<i32>::new()), "{said:?}");
}

#[test]
fn what_a_cache_answered_is_no_sample() {
    let scratch = experiment(&[("x", "cached")], NO_KNOBS);
    let said = sweep(&scratch, &[]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(said.err.contains("a cache answered"), "{}", said.err);
}

const KNOBS: &str = "[[knob]]\nname = \"speed\"\nflag = \"--speed\"\nvalues = [\"slow\", \"fast\"]\n\
    [[knob]]\nname = \"draft\"\nflag = \"--draft-max\"\nvalues = [\"unset\", \"8\"]\n\
    [[knob]]\nname = \"other\"\nflag = \"--other\"\nvalues = [\"false\", \"true\"]\n\
    [feasible]\nagreement = 0.98\n[rule]\nblind_every = 0\nrecheck = \"off\"\n";

#[test]
fn a_faster_setting_is_kept_a_refused_one_is_infeasible_and_one_that_answers_otherwise_fails_its_gate() {
    let apply = "[apply]\nfile = \"service.yaml\"\nkeys = { model = \"model\", speed = \"speed\" }\n";
    let scratch = experiment(&[("x", "none")], &format!("{KNOBS}{apply}"));
    scratch.write("service.yaml", "# ours\nmodel: old\nport: 80\n");
    scratch.commit("service");
    let said = sweep(&scratch, &["--apply"]);
    assert_eq!(said.status, 0, "{said:?}");
    let report = said.json();
    assert_eq!(
        report["recommendation"]["knobs"],
        serde_json::json!({ "draft": null, "other": false, "speed": "fast" })
    );
    let rows = report["stage2"].as_array().unwrap();
    let by = |changed: &str| {
        rows.iter()
            .find(|row| row["changed"].as_str().unwrap().contains(changed))
            .unwrap_or_else(|| panic!("{rows:#?}"))
    };
    assert_eq!(by("speed slow -> fast")["kept"], true);
    assert_eq!(
        (&by("draft unset -> 8")["reason"], &by("draft unset -> 8")["fits"]),
        (&"knob_refused".into(), &false.into())
    );
    assert!(by("other false -> true")["reason"].as_str().unwrap().contains("agreement"));
    assert!(report["verified"]["low_pct"].as_f64().unwrap() > 20.0, "{}", report["verified"]);
    assert!(scratch.git(&["show", "piton/s:recipe.toml"]).contains("speed = \"fast\""));
    assert_eq!(scratch.git(&["status", "--porcelain", "--untracked-files=no"]), "M service.yaml");
    assert_eq!(scratch.read("service.yaml"), "# ours\nmodel: x\nport: 80\nspeed: fast\n");
    let again = scratch.piton(&["sweep", "--run", "t", "--compare"]);
    assert!(again.status == 3 && again.err.contains("not clean"), "{again:?}");
    scratch.commit("applied");
    let again = scratch.piton(&["sweep", "--run", "t", "--compare", "--apply"]);
    assert_eq!(again.status, 0, "{again:?}");
    assert!(again.err.contains("same recipe as of s") && again.err.contains("unchanged"), "{again:?}");
    assert_eq!(servers_of(&scratch), Vec::<i32>::new());
}

#[test]
fn medians_are_told_to_have_no_error_rate() {
    let more = "[[knob]]\nname = \"speed\"\nflag = \"--speed\"\nvalues = [\"slow\", \"fast\"]\n[sweep]\nrule = \"median\"\nreplicates = 3\n";
    let scratch = experiment(&[("x", "none")], more);
    let said = scratch.piton(&["sweep", "--run", "s"]);
    assert_eq!(said.status, 0, "{said:?}");
    assert!(said.out.contains("without an error rate"), "{}", said.out);
    let rows = scratch.read(".piton/sweeps/s/results.jsonl");
    let second: Vec<Value> = rows
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .filter(|row: &Value| row["stage"] == 2)
        .collect();
    assert_eq!(second.len(), 2, "{rows}");
    assert!(second.iter().all(|row| row["fits"] == true && row["samples"] == 3), "{rows}");
}

#[test]
fn time_that_is_over_in_stage_1_recommends_nothing() {
    let scratch = experiment(&[("x", "none")], NO_KNOBS);
    let said = sweep(&scratch, &["--max-duration", "0s"]);
    assert_eq!(said.status, 11, "{said:?}");
    let report = said.json();
    assert_eq!(
        (&report["exit_reason"], &report["recommendation"]),
        (&"budget_exhausted_no_model_selected".into(), &Value::Null)
    );
}

#[test]
fn what_is_wrong_is_named_before_anything_starts() {
    let scratch = experiment(&[("x", "none")], KNOBS);
    let bad: [(&[&str], &str); 6] = [
        (&["sweep", "--candidate-models", "y"], "no [[model]] is called `y`"),
        (&["sweep", "--axis", "ctx=1"], "no [[knob]] is called `ctx`"),
        (&["sweep", "--axis", "speed=a,a"], "has the value a twice"),
        (&["sweep", "--axis", "speed="], "empty value"),
        (&["sweep", "--apply"], "--apply needs [apply]"),
        (&["sweep", "--min-model-size", "70B"], "no model is left"),
    ];
    for (args, words) in bad {
        refused(&scratch, args, 2, &[words]);
    }
    std::fs::remove_file(scratch.path().join("x.model")).unwrap();
    let gone = scratch.piton(&["sweep"]);
    assert!(gone.status == 2 && gone.err.contains("the model x is not there"), "{gone:?}");
}

#[test]
fn a_dry_run_starts_nothing_and_leaves_nothing() {
    let scratch = experiment(&[("x", "none"), ("y", "none")], KNOBS);
    let before = scratch.standing();
    let said = scratch.piton(&["sweep", "--dry-run", "--json"]);
    assert_eq!(
        (said.status, &said.json()["candidate_models"]),
        (0, &serde_json::json!(["x", "y"])),
        "{said:?}"
    );
    assert_eq!(said.json()["recipes"], 3);
    assert_eq!(scratch.changed(&before, 2), Vec::<String>::new());
}

/// Starts a sweep whose server never answers, and waits until that serves.
fn hanging(scratch: &Scratch) -> std::process::Child {
    let mut command = scratch.command(&["sweep", "--run", "s"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("no server was started", || !servers_of(scratch).is_empty());
    child
}

#[test]
fn ctrl_c_leaves_no_server() {
    let scratch = experiment(&[("x", "hang")], NO_KNOBS);
    let mut child = hanging(&scratch);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), servers_of(&scratch)), (Some(130), Vec::<i32>::new()), "{said}");
    let db = rusqlite::Connection::open(scratch.path().join(".piton/sweeps/tune.sqlite")).unwrap();
    let reason: String = db.query_row("SELECT exit_reason FROM tune_runs", [], |row| row.get(0)).unwrap();
    assert_eq!(reason, "interrupted");
}

#[test]
fn ctrl_c_in_stage_2_leaves_no_server_and_is_no_failure() {
    let scratch = experiment(&[("x", "none")], KNOBS);
    let mut command = scratch.command(&["sweep", "--run", "s"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("baseline built")), "stage 2 did not begin");
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let said: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    until("a server is left", || servers_of(&scratch).is_empty());
}

#[test]
fn a_piton_that_is_killed_leaves_no_server() {
    let scratch = experiment(&[("x", "hang")], NO_KNOBS);
    let mut child = hanging(&scratch);
    piton_tests::kill(child.id());
    child.wait().unwrap();
    until("a server is left", || servers_of(&scratch).is_empty());
}

/// A service of the user's that runs already, started by the command that `[service]` has.
fn with_service(models: &[(&str, &str)]) -> (Scratch, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let scratch = experiment(models, "");
    let (dir, at) = (scratch.path().to_path_buf(), scratch.path().join(".git/service.pid"));
    let start =
        format!("{FAKE} --nothing service --port {port} >/dev/null 2>&1 & echo $! > {}", at.display());
    let stop = format!("kill $(cat {0}) && rm {0}", at.display());
    let text = scratch.read("piton.toml")
        + NO_KNOBS
        + &format!(
            "[service]\nport = {port}\nstop = [\"/bin/sh\", \"-c\", '{stop}']\nstart = [\"/bin/sh\", \"-c\", '{start}']\n"
        );
    scratch.write("piton.toml", &text);
    scratch.commit("service");
    let started =
        std::process::Command::new("/bin/sh").args(["-c", &start]).current_dir(dir).status().unwrap();
    assert!(started.success());
    until("the service does not serve", || serves(port));
    (scratch, port)
}

fn serves(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn end_service(scratch: &Scratch) {
    let at = scratch.path().join(".git/service.pid");
    let pid: u32 = std::fs::read_to_string(at).unwrap().trim().parse().unwrap();
    piton_tests::kill(pid);
}

#[test]
fn a_service_that_runs_is_refused_by_name_and_serves_on() {
    let (scratch, port) = with_service(&[("x", "none")]);
    let said = scratch.piton(&["sweep", "--run", "s"]);
    assert_eq!(said.status, 12, "{said:?}");
    let pid = std::fs::read_to_string(scratch.path().join(".git/service.pid")).unwrap();
    assert!(
        said.err.contains(&format!("process {}", pid.trim())) && said.err.contains("--drain"),
        "{}",
        said.err
    );
    assert!(serves(port));
    end_service(&scratch);
}

#[test]
fn a_drained_service_serves_again_after_the_sweep() {
    let (scratch, port) = with_service(&[("x", "none")]);
    let before = std::fs::read_to_string(scratch.path().join(".git/service.pid")).unwrap();
    let said = scratch.piton(&["sweep", "--run", "s", "--drain"]);
    assert_eq!(said.status, 0, "{said:?}");
    let after = std::fs::read_to_string(scratch.path().join(".git/service.pid")).unwrap();
    assert_ne!(before, after);
    until("the service does not serve again", || serves(port));
    end_service(&scratch);
}

#[test]
fn a_drained_service_serves_again_even_if_piton_is_killed() {
    let (scratch, port) = with_service(&[("x", "hang")]);
    let mut command = scratch.command(&["sweep", "--run", "s", "--drain"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("no server was started", || !servers_of(&scratch).is_empty());
    assert!(!serves(port));
    piton_tests::kill(child.id());
    child.wait().unwrap();
    until("the service does not serve again", || serves(port));
    until("a server is left", || servers_of(&scratch).is_empty());
    end_service(&scratch);
}

/// A server that was started by hand, ended when dropped.
struct Own(std::process::Child, u16);

impl Own {
    fn start(fault: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let args = ["--port", &port.to_string(), "--fault", fault];
        let child = std::process::Command::new(FAKE).args(args).stderr(Stdio::null()).spawn().unwrap();
        until("it does not serve", || serves(port));
        Self(child, port)
    }

    fn load(&self, dir: &Path, more: &[&str]) -> Said {
        let url = format!("http://127.0.0.1:{}", self.1);
        let mut command = std::process::Command::new(piton_tests::piton());
        command.args(["load", &url, "--requests", "6"]).args(more).current_dir(dir);
        command.output().unwrap().into()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_load_is_measured_at_each_concurrency_and_its_server_is_left_running() {
    let (server, dir) = (Own::start("none"), tempfile::tempdir().unwrap());
    let more = ["--concurrency", "1,2", "--slo", "ttft=60s", "--json", "--csv", "l.csv", "--html", "l.html"];
    let said = server.load(dir.path(), &more);
    assert_eq!(said.status, 0, "{said:?}");
    let loads = said.json()["loads"].clone();
    let figures = &loads[1]["figures"];
    assert_eq!((&figures["arrival"]["concurrency"], &figures["done"]), (&2.into(), &6.into()));
    assert_eq!(figures["tokens"], 6 * 16, "tokens are those of usage");
    assert!(
        figures["ttft_ms"]["p99"].as_f64().unwrap() > 0.0 && figures["goodput_per_s"].as_f64().unwrap() > 0.0
    );
    let csv = std::fs::read_to_string(dir.path().join("l.csv")).unwrap();
    let columns: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert!(columns.len() == 3 && columns.iter().all(|n| *n == columns[0]), "{csv}");
    let page = std::fs::read_to_string(dir.path().join("l.html")).unwrap();
    assert!(page.contains("concurrency 2") && !page.contains("src=") && !page.contains("href="), "{page}");
    assert!(serves(server.1));
}

#[test]
fn what_fails_under_load_is_counted_with_the_servers_words() {
    let (server, dir) = (Own::start("http"), tempfile::tempdir().unwrap());
    let said = server.load(dir.path(), &["--warm-up", "0"]);
    assert_eq!(said.status, 1, "{said:?}");
    assert!(
        said.out.contains("6 of 6 ended as http_503") && said.out.contains("no slot is free"),
        "{}",
        said.out
    );
}
