//! An agent under `piton guard` stands still while samples are taken, whatever it started and however that resists.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use piton_tests::slow::{said, until};
use piton_tests::{Said, Scratch, kill, piton};
use serde_json::Value;

/// Ways of this machine to stop a process: a control group where one can be made, else signals.
const MEANS: [&str; 2] = ["", "freezer"];

/// A toy whose samples look twice at what the agent's processes count, and say whether they went on meanwhile.
struct Watched {
    toy: Scratch,
    gate: PathBuf,
}

impl Watched {
    fn begun() -> Self {
        let toy = Scratch::toy();
        let gate = toy.path().join(".git/gate");
        fs::create_dir(&gate).unwrap();
        let text = toy.read("piton.toml");
        let open = format!("timeout_s = 100\nwrite = [\"{}\"]\n[machine]", gate.display());
        assert!(text.contains("timeout_s = 20\n[machine]"));
        toy.write("piton.toml", &text.replace("timeout_s = 20\n[machine]", &open));
        let look = format!(
            "g={}\nif [ -e $g/watch ]; then\n: > $g/come\nwhile [ -e $g/shut ]; do sleep 0.02; done\n\
             a=$(cat $g/count.*); sleep 0.2; b=$(cat $g/count.*)\n\
             if [ \"$a\" = \"$b\" ]; then echo same; else echo moved; fi >> $g/seen\nfi\n",
            gate.display()
        );
        toy.write("measure.sh", &(look + &toy.read("measure.sh")));
        toy.commit("samples look at the agent");
        toy.baseline();
        Self { toy, gate }
    }

    fn guard(&self, lacks: &str, inside: &str) -> Child {
        let gate = self.gate.to_str().unwrap();
        let mut guard = self.toy.command(&["guard", "--allow-write", gate, "--", "sh", "-c", inside]);
        guard.env("PITON", piton()).env("GATE", gate).env("PITON_LACKS", lacks);
        guard.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        guard.spawn().unwrap()
    }

    fn seen(&self) -> Vec<String> {
        let seen = fs::read_to_string(self.gate.join("seen")).unwrap_or_default();
        seen.lines().map(str::to_owned).collect()
    }

    fn shut(&self) {
        fs::write(self.gate.join("shut"), "").unwrap();
    }

    fn open(&self) {
        fs::remove_file(self.gate.join("shut")).unwrap();
    }

    fn come(&self) {
        until("a sample has begun", || self.gate.join("come").exists());
    }

    fn count(&self, name: &str) -> String {
        fs::read_to_string(self.gate.join(format!("count.{name}"))).unwrap_or_default()
    }

    fn carrier(&self) -> u32 {
        let errand: Value = serde_json::from_str(&self.toy.read(".git/piton/errand/errand.json")).unwrap();
        u32::try_from(errand["process"].as_u64().unwrap()).unwrap()
    }
}

/// Counts for ever, under a name of its own.
const COUNTS: &str = r#"
counts() { i=0; while :; do i=$((i + 1)); echo $i > "$GATE/new.$1" && mv "$GATE/new.$1" "$GATE/count.$1"; done; }
come() { while [ ! -e "$GATE/count.$1" ]; do sleep 0.02; done; }
goes_on() { was=$(cat "$GATE/count.$1"); while [ "$(cat "$GATE/count.$1")" = "$was" ]; do sleep 0.02; done; }
"#;

/// Each starts a process that counts under this name.
const SPELLINGS: [(&str, &str); 7] = [
    ("child", "counts child &"),
    ("daemon", "(setsid sh -c \"$COUNTS\"'counts daemon' >/dev/null 2>&1 &)"),
    ("deaf", "(trap '' TERM HUP INT CONT TSTP; counts deaf) &"),
    ("nested", "sh -c \"$COUNTS\"'(counts nested) & wait' &"),
    ("mover", "setsid sh -c \"$COUNTS\"'setsid sh -c \"$COUNTS\"\"counts mover\" & counts moved' &"),
    ("waker", "(counts waker) & W=$!; (while :; do kill -CONT $W -$$ 0 2>/dev/null; done) &"),
    ("forker", "(while :; do (counts forker & p=$!; sleep 0.05; kill $p); done) &"),
];

fn whole(toy: &Scratch) {
    let audit = toy.piton(&["audit"]);
    assert_eq!(audit.status, 0, "{audit:?}");
    assert_eq!(toy.processes(), [0; 0]);
}

#[test]
fn whatever_an_agent_started_stands_still_while_samples_are_taken_and_goes_on_afterwards() {
    for lacks in MEANS {
        let watched = Watched::begun();
        let starts: Vec<&str> = SPELLINGS.iter().map(|(_, start)| *start).collect();
        let all =
            |verb: &str| SPELLINGS.iter().map(|(name, _)| format!("{verb} {name}\n")).collect::<String>();
        let inside = format!(
            "COUNTS='{COUNTS}'; export COUNTS\n{COUNTS}\n{}\n{}\n: > \"$GATE/watch\"\n\
             sed -i 's/= 100;/= 110;/' src/speed.rs\n\"$PITON\" trial -m 'a tenth' || exit 90\n\
             rm \"$GATE/watch\"\n{}exit 7\n",
            starts.join("\n"),
            all("come"),
            all("goes_on"),
        );
        let told = said(watched.guard(lacks, &inside));
        let seen = watched.seen();
        assert_eq!(told.status, 7, "{lacks}: {told:?} {seen:?}");
        assert!(told.out.contains("trial 1: kept: +"), "{told:?}");
        assert!(seen.len() > 4 && seen.iter().all(|word| word == "same"), "{lacks}: {seen:?}");
        whole(&watched.toy);
    }
}

#[test]
fn what_stood_still_goes_on_when_the_piton_that_measures_is_killed() {
    for lacks in MEANS {
        let watched = Watched::begun();
        watched.shut();
        let inside = format!(
            "{COUNTS}\ncounts child &\ncome child\n: > \"$GATE/watch\"\n\
             sed -i 's/= 100;/= 110;/' src/speed.rs\n\"$PITON\" trial -m 'a tenth' > \"$TMPDIR/out\" 2>&1\n\
             goes_on child\nexit 7\n"
        );
        let guard = watched.guard(lacks, &inside);
        watched.come();
        let was = watched.count("child");
        kill(watched.carrier());
        until("the agent goes on", || watched.count("child") != was);
        let told: Said = said(guard);
        assert_eq!(told.status, 7, "{told:?}");
        // The next piton finds nothing that would be stopped for ever.
        watched.open();
        assert_eq!(watched.toy.piton(&["recover"]).status, 0);
        whole(&watched.toy);
    }
}

#[test]
fn what_stood_still_is_ended_when_its_guard_is_killed_and_that_pair_does_not_count() {
    for lacks in MEANS {
        let watched = Watched::begun();
        watched.shut();
        let inside = format!(
            "{COUNTS}\n(setsid sh -c '{COUNTS}'\"counts daemon\" >/dev/null 2>&1 &)\ncome daemon\n: > \"$GATE/watch\"\n\
             sed -i 's/= 100;/= 110;/' src/speed.rs\n\"$PITON\" trial -m 'a tenth'\n"
        );
        let inside = inside.replace(&format!("'{COUNTS}'"), "\"$COUNTS\"");
        let inside = format!("COUNTS='{COUNTS}'; export COUNTS\n{inside}");
        let mut guard = watched.guard(lacks, &inside);
        watched.come();
        kill(guard.id());
        guard.wait().unwrap();
        watched.open();
        // The trial is carried out by a process that outlives whoever asked.
        let told = watched.toy.piton(&["wait", "--timeout", "60s"]);
        assert!(told.out.contains("trial 1: kept: +"), "{told:?}");
        let record = &watched.toy.piton(&["log", "--json"]).json()[1];
        let void = record["void_pairs"].to_string();
        assert!(void.contains("did not stand still: its guard ended"), "{record}");
        whole(&watched.toy);
    }
}
