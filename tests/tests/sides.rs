//! Two sides that cannot tell which they are: what a candidate finds out about itself and what lies around it is the same in every sample.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use piton_tests::{Kind, Scratch};

const KINDS: [Kind; 3] = [Kind::Artifact, Kind::BuiltTree, Kind::Tree];

/// Tells what it sees of itself, in one line, and is faster for each sign that it is young: newer than the file EPOCH, which is touched when it has
/// become the incumbent. Bare, it is as fast as it says.
const ENGINE: &str = r#"E=$0; D=$(dirname "$E"); N=0
sign() { if [ -n "$2" ]; then N=$((N + 1)); fi; SEEN="$SEEN $1=$(printf %s "$2" | tr '\n ' ',,')"; }
sign path "$E"
sign words "$(tr '\0' ' ' < /proc/$$/cmdline)"
sign variables "$(env | grep -v '^PITON_\(SEED\|PADDING\)=\|^_=' | sort)"
sign here "$PWD"
sign times "$(stat -c '%n %Y %h %a %u' "$E" "$D" "$D"/* "$PWD" "$PWD"/* "$PWD/.." 2>&1 | sort)"
sign modified "$(find "$E" -newer EPOCH)"
sign read "$(find "$E" -anewer EPOCH)"
sign changed "$(find "$E" "$D" "$PWD" -maxdepth 0 -cnewer EPOCH)"
sign born "$([ "$(stat -c %W "$E")" -ge "$(stat -c %Y EPOCH)" ] && echo yes)"
sign above "$(ls -a "$D" "$D/.." "$PWD" "$PWD/.." "$D/../.." "$PWD/../.." "$D/../../slots" "$D/../../sides" "$D/../../artifacts" 2>&1)"
sign mounts "$(grep -o 'slots\|sides\|artifacts' /proc/self/mountinfo | sort -u)"
sign files "$(find PLACE -name sealed -prune -o -newer EPOCH -printf '%p\n' 2>/dev/null | sort)"
sign descriptors "$(stat -L -c '%h %a %F' /proc/$$/fd/[012])"
echo "$SEEN" >> LOG
echo "METRIC speed=$((100 + BETTER + 20 * N))"
"#;

struct Looking {
    toy: Scratch,
    out: PathBuf,
}

impl Looking {
    fn new(kind: Kind, measure: &str) -> Self {
        let toy = Scratch::empty();
        toy.git(&["init", "--quiet", "--initial-branch=main"]);
        let out = toy.path().parent().unwrap().join("out");
        fs::create_dir(&out).unwrap();
        let looking = Self { toy, out };
        let (build, engine) = match kind {
            Kind::Artifact => (
                "[build]\ncommand = [\"cp\", \"{tree}/src/engine.sh\", \"{target}/engine\"]\nartifact = \"{target}/engine\"\ntimeout_s = 20\n",
                "{artifact}",
            ),
            Kind::BuiltTree => (
                "[build]\ncommand = [\"sh\", \"-c\", \"cp src/engine.sh built.sh && pwd > where\"]\ntimeout_s = 20\n",
                "{tree}/built.sh",
            ),
            Kind::Tree => ("", "{tree}/src/engine.sh"),
        };
        // What was kept is not measured again where a test says nothing of the rule.
        let rule = if measure.contains("[rule]") { "" } else { "[rule]\nrecheck = \"off\"\n" };
        let text = format!(
            "name = \"looks\"\n[metric]\nname = \"speed\"\ndirection = \"higher\"\n[scope]\neditable = [\"src\"]\n{build}[measure]\n\
             command = [\"sh\", \"{engine}\"]\nformat = \"metric_lines\"\nwrite = [\"{}\"]\ntimeout_s = 20\n{measure}{rule}[machine]\nsteal_pct = 100\npressure_pct = 100\n",
            looking.out.display(),
        );
        looking.toy.write("piton.toml", &text);
        looking.epoch();
        looking.engine(0);
        looking.toy.commit("an engine that looks around");
        looking
    }

    /// From now on whatever was there is old.
    fn epoch(&self) {
        fs::write(self.out.join("epoch"), "x").unwrap();
    }

    fn engine(&self, better: u32) {
        let at = |name: &str| self.out.join(name).display().to_string();
        let text = ENGINE.replace("EPOCH", &at("epoch")).replace("LOG", &at("log"));
        let text = text.replace("PLACE", &self.toy.state_home().display().to_string());
        self.toy.write("src/engine.sh", &text.replace("BETTER", &better.to_string()));
    }

    fn trial(&self) -> String {
        let said = self.toy.piton(&["trial", "-m", "an idea"]);
        self.toy.table().last().map_or_else(|| format!("{said:?}"), |row| row[7].clone())
    }
}

#[test]
fn what_a_side_sees_of_itself_is_the_same_in_every_sample_so_that_no_side_is_slow_when_it_is_old() {
    for kind in KINDS {
        let looking = Looking::new(kind, "");
        looking.toy.baseline();
        looking.engine(30);
        assert_eq!(looking.trial(), "better", "{kind:?}: an honest gain is kept");
        looking.epoch();
        // A comment and nothing else: a gain would be the incumbent's slowing down.
        let text = looking.toy.read("src/engine.sh");
        looking.toy.write("src/engine.sh", &(text + "# an idea\n"));
        assert_ne!(looking.trial(), "better", "{kind:?}");
        let log = fs::read_to_string(looking.out.join("log")).unwrap();
        let seen: BTreeSet<&str> = log.lines().collect();
        assert!(log.lines().count() > 20 && seen.len() == 1, "{kind:?}: {seen:#?}");
    }
}

#[test]
fn a_tree_that_is_measured_where_it_lies_has_the_same_path_for_both_sides_too() {
    for kind in KINDS {
        let looking = Looking::new(kind, "tree = \"read-only\"\n");
        looking.toy.baseline();
        looking.engine(30);
        assert_eq!(looking.trial(), "better", "{kind:?}");
        let log = fs::read_to_string(looking.out.join("log")).unwrap();
        let of = |line: &str| {
            line.split(' ')
                .filter(|w| w.starts_with("path=") || w.starts_with("here="))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(log.lines().map(of).collect::<BTreeSet<_>>().len(), 1, "{kind:?}: {log}");
        // Nothing of it is left where it does not belong, and the incumbent is still there.
        looking.engine(90);
        assert_eq!(looking.trial(), "better", "{kind:?}");
    }
}

#[test]
fn a_path_that_a_build_wrote_into_its_tree_leads_to_what_is_measured() {
    let looking = Looking::new(Kind::BuiltTree, "");
    let command = r#"command = ["sh", "-c", "cmp -s $(cat where)/built.sh built.sh && touch $(cat where)/mine && test -e mine && sh built.sh"]"#;
    let text = looking.toy.read("piton.toml").replace(r#"command = ["sh", "{tree}/built.sh"]"#, command);
    looking.toy.write("piton.toml", &text);
    looking.toy.commit("goes by the path that its build wrote down");
    looking.toy.baseline();
    for better in [30, 60] {
        looking.engine(better);
        assert_eq!(looking.trial(), "better");
    }
}

/// Sets the machine back for whoever comes next, where it is told to, and does not feel what others did to it; else it is as slow as the machine that it
/// finds. MARK stands for whatever a sample can leave behind: a cache that is empty, a processor that is hot.
const HURTS: &str = r#"s=$((100 + BETTER))
if [ -e MARK ] && [ HURTS = no ]; then s=$((s - 30)); fi
rm -f MARK
if [ HURTS = yes ]; then touch MARK; fi
echo "METRIC speed=$s.$((PITON_SEED % 10))"
"#;

fn hurts(looking: &Looking, hurts: &str, better: u32) {
    let mark = looking.out.join("mark").display().to_string();
    let text = HURTS.replace("MARK", &mark).replace("HURTS", hurts);
    looking.toy.write("src/engine.sh", &text.replace("BETTER", &better.to_string()));
}

#[test]
fn a_challenger_that_slows_down_whoever_comes_next_is_not_kept_and_an_honest_one_is() {
    for kind in KINDS {
        let looking = Looking::new(kind, "");
        hurts(&looking, "no", 0);
        looking.toy.commit("an engine that takes the machine as it is");
        looking.toy.baseline();
        hurts(&looking, "yes", 0);
        assert_eq!(looking.trial(), "one_order", "{kind:?}");
        let said = looking.toy.piton(&["show", "1"]).out;
        assert!(said.contains("where it ran after itself"), "{said}");
        let case = looking.toy.piton(&["show", "1", "--pairs"]).out;
        let file = looking.out.join("case.json");
        fs::write(&file, case).unwrap();
        let again = looking.toy.piton(&["replay", &file.display().to_string()]).json();
        assert_eq!(again["verdict"], "one_order", "the same pairs say the same for ever");
        hurts(&looking, "no", 10);
        assert_eq!(looking.trial(), "better", "{kind:?}");
        assert_eq!(looking.toy.piton(&["audit"]).status, 0);
    }
}

#[test]
fn a_run_may_do_without_the_other_order() {
    let looking = Looking::new(Kind::Tree, "[rule]\nboth_orders = false\n");
    hurts(&looking, "no", 0);
    looking.toy.commit("an engine that takes the machine as it is");
    looking.toy.baseline();
    hurts(&looking, "yes", 0);
    assert_eq!(looking.trial(), "better", "a gain where the incumbent came next, on average");
}

#[test]
fn what_the_machine_did_is_recorded_for_each_side() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("110");
    assert_eq!(toy.piton(&["trial", "-m", "an idea"]).status, 0);
    let record = toy.piton(&["show", "1", "--json"]).json();
    for pair in record["pairs"].as_array().unwrap() {
        for side in ["incumbent", "challenger"] {
            assert!(pair["apart"][side]["steal_pct"].is_number(), "{pair}");
        }
        assert!(["incumbent", "challenger"].contains(&pair["before"].as_str().unwrap()), "{pair}");
    }
}
