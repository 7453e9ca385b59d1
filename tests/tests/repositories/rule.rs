//! Metrics of every shape: what is kept of them, and how it is told.

use piton_tests::{Said, Scratch};

/// An experiment whose metric `m` and second figure `g` are the two numbers in `src/value`, and what `print` makes of them.
struct Shop(Scratch);

impl Shop {
    fn new(metric: &str, value: &str, print: &str, more: &str) -> Self {
        let scratch = Scratch::empty();
        scratch.git(&["init", "--quiet", "--initial-branch=main"]);
        scratch.write(
            "piton.toml",
            &format!(
                "name = \"shop\"\n[metric]\n{metric}\n[scope]\neditable = [\"src\"]\n[build]\n\
                 command = [\"cp\", \"{{tree}}/src/value\", \"{{target}}/value\"]\nartifact = \"{{target}}/value\"\ntimeout_s = 20\n\
                 [measure]\ncommand = [\"sh\", \"{{sealed}}/measure.sh\", \"{{artifact}}\"]\ntimeout_s = 20\n\
                 [machine]\nsteal_pct = 100\npressure_pct = 100\n{more}\n"
            ),
        );
        scratch.write("measure.sh", &format!("read m g < \"$1\"\n{print}\n"));
        scratch.write("src/value", &format!("{value}\n"));
        scratch.commit("shop");
        Self(scratch)
    }

    /// The metric as it stands in the file.
    fn plain(metric: &str, value: &str, more: &str) -> Self {
        Self::new(metric, value, "echo \"{\\\"m\\\": $m, \\\"g\\\": $g}\"", more)
    }

    fn begun(self) -> Self {
        self.0.baseline();
        self
    }

    fn tried(&self, value: &str) -> Said {
        self.0.write("src/value", &format!("{value}\n"));
        self.0.piton(&["trial", "-m", "another value"])
    }

    fn last(&self) -> Vec<String> {
        self.0.table().pop().expect("a row")
    }
}

const LOWER: &str = "name = \"m\"\ndirection = \"lower\"";
const HIGHER: &str = "name = \"m\"\ndirection = \"higher\"";

#[test]
fn a_count_that_reaches_zero_is_kept_and_told_in_its_unit() {
    for from in ["1", "3", "250"] {
        let shop = Shop::plain(&format!("{LOWER}\nunit = \"failures\""), &format!("{from} 1"), "").begun();
        let said = shop.tried("0 1");
        let told = if from == "250" {
            "kept: -100.0 % (exact".to_owned()
        } else {
            format!("kept: -{from} failures (exact")
        };
        assert!(said.out.contains(&told), "{from}: {said:?}");
        let row = shop.last();
        assert_eq!((row[1].as_str(), row[3].as_str()), ("0.000000", "keep"));
        // From nothing there is only the way back.
        let said = shop.tried("2 1");
        assert!(said.out.contains("discarded: worse"), "{said:?}");
    }
}

#[test]
fn values_at_and_below_zero_are_compared_by_difference_in_both_directions() {
    for (metric, from, to, worse, told) in [
        (HIGHER, "-3.5", "-3.25", "-3.75", "+0.25 m"),
        (HIGHER, "0", "0.5", "-0.5", "+0.5 m"),
        (LOWER, "-3.25", "-3.5", "-3", "-0.25 m"),
        (LOWER, "0", "-0.5", "0.5", "-0.5 m"),
    ] {
        let shop = Shop::plain(metric, &format!("{from} 1"), "");
        let begun = shop.0.baseline();
        assert!(begun.err.contains("compared by difference, in m"), "{begun:?}");
        let said = shop.tried(&format!("{worse} 1"));
        assert!(said.out.contains("discarded: worse"), "{from} to {worse}: {said:?}");
        let said = shop.tried(&format!("{to} 1"));
        assert!(said.out.contains(&format!("kept: {told} (exact")), "{from} to {to}: {said:?}");
        assert!(
            shop.0.read("results.tsv").contains("\tchange\tlow\thigh\t"),
            "in the unit, and not in percent"
        );
        for form in ["--svg", "--md"] {
            let said = shop.0.piton(&["report", "--run", "r", form, "-o", "-"]);
            assert!(said.status == 0 && said.out.contains(told), "{form}: {said:?}");
        }
        assert!(shop.0.piton(&["status"]).out.contains(told));
        let pairs = shop.0.piton(&["show", "2", "--pairs"]).out;
        shop.0.write(".git/case.json", &pairs);
        let again = shop.0.piton(&["replay", ".git/case.json"]);
        assert!(again.status == 0 && again.out.to_lowercase().contains("keep"), "{again:?}");
    }
}

#[test]
fn a_ratio_is_refused_where_there_is_none_and_asked_for_where_counts_are_not_meant() {
    let shop = Shop::plain(&format!("{HIGHER}\nscale = \"ratio\""), "-3 1", "");
    let said = shop.0.piton(&["baseline", "--run", "r"]);
    assert!(said.status != 0 && said.err.contains("scale = \"difference\""), "{said:?}");
    let shop = Shop::plain(&format!("{HIGHER}\nscale = \"ratio\""), "10 1", "").begun();
    assert!(shop.tried("12 1").out.contains("kept: +20.0 %"));
    let shop =
        Shop::plain(&format!("{HIGHER}\nscale = \"difference\""), "1000 1", "[rule]\ndelta_min = 10").begun();
    assert!(shop.tried("1009 1").out.contains("discarded: not shown better; +9 m"));
    assert!(shop.tried("1010 1").out.contains("kept: +10 m"));
}

#[test]
fn what_is_deterministic_for_a_seed_is_not_kept_for_two_lucky_pairs() {
    // The edit changes nothing but which seeds are lucky.
    let print = "echo \"{\\\"m\\\": $((100 * m + (PITON_SEED + g) % 2 * 7)).$((PITON_SEED % 9))}\"";
    let shop = Shop::new(LOWER, "10 0", print, "[rule]\ncalibration_pairs = 24");
    let begun = shop.0.baseline();
    assert!(begun.err.contains("equal on the same seed"), "{begun:?}");
    for luck in [1, 3, 5, 7] {
        shop.tried(&format!("10 {luck}"));
        let row = shop.last();
        let pairs: u32 = row[11].parse().expect("pairs");
        assert!(row[3] == "discard" || pairs >= 8, "{row:?}");
        if row[3] == "keep" {
            break;
        }
    }
    let said = shop.tried("8 1");
    let kept =
        ["kept: -18.", "kept: -19.", "kept: -20.", "kept: -21."].iter().any(|told| said.out.contains(told));
    assert!(kept, "a fifth less on every seed: {said:?}");
}

#[test]
fn a_billionth_is_no_gain() {
    let shop = Shop::plain(LOWER, "250.5 1", "").begun();
    assert!(shop.tried("250.4999999 1").out.contains("discarded: not shown better"));
    assert!(shop.tried("250.49 1").out.contains("kept: -3.99e-3 %"), "small, and told as it is");
}

#[test]
fn a_guard_on_what_does_not_vary_is_asked_by_every_preset() {
    for preset in ["standard", "provisional", "replicates"] {
        let more = format!(
            "[rule]\npreset = \"{preset}\"\n[[guard]]\nmetric = \"g\"\ndirection = \"lower\"\nlimit_pct = 10\n"
        );
        let shop = Shop::plain(LOWER, "250 50", &more).begun();
        let said = shop.tried("200 2500");
        assert!(said.out.contains("discarded: g is proven worse than its limit"), "{preset}: {said:?}");
        assert_eq!(shop.last()[7], "guard:g", "{preset}");
        let said = shop.tried("200 54");
        assert!(said.out.contains("kept"), "{preset}, within the limit: {said:?}");
    }
    // Of a figure that was zero, any more is beyond ten percent; in its unit a limit says how much.
    let guard = |limit: &str| format!("[[guard]]\nmetric = \"g\"\ndirection = \"lower\"\n{limit}\n");
    let shop = Shop::plain(LOWER, "250 0", &guard("limit_pct = 10")).begun();
    assert!(shop.tried("200 1").out.contains("g is proven worse than its limit (0 -> 1)"));
    let shop = Shop::plain(LOWER, "250 0", &guard("limit = 2")).begun();
    assert!(shop.tried("200 3").out.contains("g is proven worse"));
    assert!(shop.tried("200 2").out.contains("kept"));
    let shop = Shop::plain(LOWER, "250 0", &guard(""));
    assert!(shop.0.piton(&["baseline"]).err.contains("has no limit"));
}

#[test]
fn what_fell_is_told_as_fallen_wherever_it_is_told() {
    let shop = Shop::plain(&format!("{LOWER}\nunit = \"bytes\""), "36512 1", "").begun();
    assert!(shop.tried("16008 1").out.contains("kept: -56.2 %"));
    shop.tried("17008 1");
    let all = [
        shop.0.piton(&["log"]).out,
        shop.0.piton(&["show", "1"]).out,
        shop.0.piton(&["status"]).out,
        shop.0.piton(&["report", "--md", "-o", "-"]).out,
        shop.0.piton(&["report", "--svg", "-o", "-"]).out,
        shop.0.piton(&["report", "-o", "-"]).out,
        shop.0.piton(&["brief"]).out,
        shop.0.piton(&["verify", "--each"]).out,
        shop.0.git(&["log", "-1", "--format=%B", "piton/r"]),
        shop.0.read("results.tsv"),
        shop.0.piton(&["log", "--experiments"]).out + &shop.0.read("EXPERIMENTS.md"),
    ];
    for (at, text) in all.iter().enumerate() {
        assert!(text.contains("-56.2") || text.contains("-56.16"), "surface {at}: {text}");
        assert!(!text.contains("128.1"), "surface {at}: {text}");
    }
    let facts = shop.0.piton(&["status", "--json"]).json();
    assert!((facts["gain_pct"].as_f64().unwrap() - 56.16).abs() < 0.01, "positive when better: {facts}");
    assert!((facts["change"].as_f64().unwrap() + 56.16).abs() < 0.01, "{facts}");
    assert!((facts["gain"].as_f64().unwrap() - (36512.0f64 / 16008.0).ln()).abs() < 1e-9, "{facts}");
    let header = shop.0.read("results.tsv");
    assert!(header.starts_with(
        "commit\tm\tmemory_gb\tstatus\tdescription\ttrial\tparent\treason\tchange_pct\tlow_pct\thigh_pct\t"
    ));
}
