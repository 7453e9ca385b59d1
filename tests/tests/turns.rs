//! Pairs whose sides are measured in turns by one command, and judged by another metric than the one that is shown.

use std::fs;

use piton_tests::{Kind, Scratch, kind};

/// The toy's number is its score by the processor's clock; the clock on the wall makes of it what the seed says. 13 dies, 17 hangs by its own
/// words; what ends in 9 is slow by the wall.
const SIDE: &str = r#"side() {
    s=$(cat "$1"); d=$((PITON_SEED % 40))
    case $s in *9) wall=$((s / 2)) ;; *) wall=$((s + d)) ;; esac
    printf '{"metrics":{"speed":%s,"speed_cpu":%s.%s,"took_s":%s,"quality":1}}' $wall $s $((PITON_SEED % 3)) "$(awk "BEGIN { print $SCALE * 30 / $s }")"
}
"#;
const SAMPLE: &str =
    "SCALE=$2\n. \"${0%/*}/side.sh\"\n[ \"$(cat \"$1\")\" = 13 ] && exit 3\nside \"$1\"\necho\n";
const PAIR: &str = r#"SCALE=$3
. "${0%/*}/side.sh"
for it in first:"$1" second:"$2"; do
    [ "$(cat "${it#*:}")" = 17 ] || continue
    printf '{"outcome":"hung","side":"%s","reason":"no token came"}\n' "${it%%:*}" >&"$4"
    exit 1
done
printf '{"first":%s,"second":%s}\n' "$(side "$1")" "$(side "$2")" >&"$4"
"#;

fn toy() -> Scratch {
    let toy = Scratch::toy();
    let text = toy.read("piton.toml");
    let start = text.find("[measure]\n").expect("[measure]");
    let end = text[start..].find("[machine]").expect("[machine]") + start;
    let (artifact, sides) = match kind() {
        Kind::Artifact => ("{artifact}", ["{first}", "{second}"]),
        _ => ("{tree}/speed", ["{first}/speed", "{second}/speed"]),
    };
    let measure = format!(
        "[measure]\ncommand = [\"sh\", \"{{sealed}}/sample.sh\", \"{artifact}\", \"{{scale}}\"]\n\
         pair = [\"sh\", \"{{sealed}}/pair.sh\", \"{}\", \"{}\", \"{{scale}}\", \"{{out}}\"]\n\
         aim_s = 2\ntimed = \"took_s\"\ntimeout_s = 20\n",
        sides[0], sides[1]
    );
    let text = format!("{}{measure}{}", &text[..start], &text[end..]);
    toy.write("piton.toml", &text.replace("[metric]\n", "[metric]\nevidence = \"speed_cpu\"\n"));
    toy.write("side.sh", SIDE);
    toy.write("sample.sh", SAMPLE);
    toy.write("pair.sh", PAIR);
    toy.commit("in turns");
    toy
}

#[test]
fn pairs_are_judged_by_the_evidence_and_the_metric_that_is_shown_is_a_guard() {
    let toy = toy();
    let said = toy.baseline();
    assert!(format!("{said:?}").contains("by speed_cpu"), "{said:?}");
    let kept = toy.try_speed("110");
    assert!(kept.contains("kept: +") && kept.contains("by speed_cpu"), "{kept}");
    // +8 % by the evidence, and half as fast by the wall.
    let slow = toy.try_speed("119");
    assert!(slow.contains("discarded: speed is proven worse than its limit"), "{slow}");
    let shown = toy.piton(&["show", "1"]).out;
    assert!(
        shown.contains("pairs, speed_cpu, each with 7 times the work"),
        "30 / 100 s, and 2 are wanted: {shown}"
    );
    let record = toy.piton(&["show", "1", "--json"]).json();
    let pairs = record["measured"]["pairs"].as_array().or(record["pairs"].as_array()).expect("pairs").clone();
    assert!(pairs.iter().all(|pair| pair["scale"] == 7 && pair["before"].is_null()), "{record}");
    let first = |side: &str| pairs.iter().filter(|pair| pair["first"] == side).count();
    assert!(first("incumbent") > 0 && first("challenger") > 0, "either side is called first: {record}");
    assert!(toy.piton(&["audit"]).status == 0, "{:?}", toy.piton(&["audit"]));
}

/// Time is a file, as in the tests of incumbents: what ends in 8 is slow by the wall once that has moved on, and works as before.
#[test]
fn a_keep_that_is_slower_once_it_is_old_by_what_is_shown_is_taken_back_though_its_evidence_holds() {
    for (speed, found) in [("118", "recheck_gone"), ("120", "recheck_holds")] {
        let toy = toy();
        let time = toy.path().join(".git/time").display().to_string();
        fs::write(&time, "0").unwrap();
        let text =
            toy.read("piton.toml").replace("aim_s = 2\n", &format!("aim_s = 2\nwrite = [\"{time}\"]\n"));
        toy.write("piton.toml", &text.replace("[machine]", "[rule]\nrecheck = \"each\"\n[machine]"));
        let case = format!("case $s-$(cat {time}) in *8-1) wall=$((s / 4)) ;; *9-*)");
        toy.write("side.sh", &SIDE.replace("case $s in *9)", &case));
        toy.commit("programs that sleep once they are old");
        toy.baseline();
        let kept = toy.try_speed(speed);
        assert!(kept.contains("kept: +"), "{kept}");
        fs::write(&time, "1").unwrap();
        let said = toy.piton(&["climb", "--agent", "true", "--trials", "0"]);
        assert_eq!(said.status, 0, "{said:?}");
        let reasons: Vec<String> = toy.table().into_iter().map(|row| row[7].clone()).collect();
        assert_eq!(reasons, ["baseline", "better", found], "{said:?}");
        let named = said.err.contains("trial 1 is worse in speed than it may be");
        assert_eq!(named, found == "recheck_gone", "{said:?}");
        assert_eq!(toy.piton(&["audit"]).status, 0);
    }
}

#[test]
fn a_side_that_fails_in_turns_is_the_one_that_is_named() {
    let toy = toy();
    toy.baseline();
    let hung = toy.try_speed("17");
    assert!(hung.contains("crashed") && hung.contains("no token came"), "{hung}");
    let dead = toy.try_speed("13");
    assert!(dead.contains("crashed"), "{dead}");
    assert!(toy.try_speed("120").contains("kept: "), "the run goes on");
}

#[test]
fn what_cannot_be_measured_in_turns_is_refused_before_anything_starts() {
    let toy = toy();
    let text = toy.read("piton.toml");
    for (from, to, word) in [
        (", \\\"{out}\\\"]", "]", "{out}"),
        ("\"{second}", "\"{first}", "{second}"),
        ("aim_s = 2", "aim_s = -2", "aim_s"),
        ("evidence = \"speed_cpu\"", "evidence = \"speed\"", "evidence"),
        ("\"{scale}\", \"{out}\"]", "\"{out}\"]", "{scale}"),
    ] {
        let from = from.replace('\\', "");
        assert!(text.contains(&from), "{from}");
        toy.write("piton.toml", &text.replace(&from, to));
        toy.commit("broken");
        let said = toy.piton(&["baseline", "--run", "r"]);
        assert!(said.status == 2 && said.err.contains(word), "{word}: {said:?}");
    }
}
