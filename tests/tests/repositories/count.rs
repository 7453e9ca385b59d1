//! What counts: tokens for being simpler, locked paths for being in scope, and what an agent leaves behind.

use std::collections::BTreeMap;

use piton_tests::{Said, Scratch};

/// A number in a file that is measured as it stands, without an artifact; what else lies in `src` decides nothing.
const MEASURE: &str =
    "r=$(od -An -N1 -tu1 /dev/urandom); printf '{\"score\": %d.%03d}\\n' $(cat \"$1/src/value\") $r\n";

fn experiment(more: &str) -> Scratch {
    let toy = Scratch::empty();
    toy.git(&["init", "--quiet", "--initial-branch=main"]);
    toy.write(
        "piton.toml",
        &format!(
            "name = 'toy'\n[metric]\nname = 'score'\ndirection = 'higher'\n[scope]\neditable = ['src']\n{more}\n[measure]\ncommand = ['sh', '{{sealed}}/measure.sh', '{{tree}}']\ntimeout_s = 20\n[machine]\nsteal_pct = 100\npressure_pct = 100\n[rule]\nalpha = 0.001\nrecheck = 'off'\nas_good = true\nmargin_pct = 2\nmargin_budget_pct = 90\n"
        ),
    );
    toy.write("measure.sh", MEASURE);
    toy.write("src/value", "100\n");
    toy
}

/// One trial each, from the edits in this order; the last column is how each ended.
fn trials(toy: &Scratch, edits: &[&str]) -> Vec<String> {
    edits.iter().map(|edit| trial(toy, edit).1).collect()
}

fn trial(toy: &Scratch, edit: &str) -> (Said, String) {
    let status = std::process::Command::new("sh").args(["-ec", edit]).current_dir(toy.path()).status();
    assert!(status.unwrap().success(), "{edit}");
    let said = toy.piton(&["trial", "-m", "an edit"]);
    let reason = toy.table().last().unwrap()[7].clone();
    if reason == "out_of_scope" {
        toy.git(&["clean", "-fdqx", "src"]);
        toy.git(&["reset", "--quiet", "--hard"]);
    }
    (said, reason)
}

const RUST: &str = "fn a(x: u32) -> u32 {\n    x + 1\n}\n\nfn needless(y: u32) -> u32 {\n    // twice and one\n    a(y) * 2 + 1\n}\n";
const PYTHON: &str = "\"\"\"Sums.\"\"\"\n\ndef a(x):\n    return x + 1\n\ndef needless(y):\n    \"\"\"Twice and one.\"\"\"\n    return a(y) * 2 + 1\n";
const SHELL: &str =
    "a() {\n    echo $(($1 + 1))\n}\nneedless() {\n    echo $(($1 * 2 + 1)) # twice and one\n}\n";
const C: &str = "int a(int x) {\n    return x + 1;\n}\n\nint needless(int y) {\n    /* twice and one */\n    return a(y) * 2 + 1;\n}\n";
const SCRIPT: &str = "function a(x) {\n    return x + 1;\n}\nfunction needless(y) {\n    return a(y) * 2 + 1; // twice and one\n}\n";

#[test]
fn being_simpler_is_not_for_sale_and_a_function_less_is_simpler() {
    let toy = experiment("");
    toy.write("src/a.rs", RUST);
    toy.write("src/a.py", PYTHON);
    toy.write("src/a.sh", SHELL);
    toy.write("src/a.c", C);
    toy.write("src/a.ts", SCRIPT);
    toy.commit("five languages");
    toy.baseline();
    // Each has fewer lines of code than the incumbent, by one way of counting or another.
    let bought = [
        // Comment markers in strings, around what is still there.
        r#"printf 'const P: &str = "/*";\n%s\nconst Q: &str = "*/";\n' "$(cat src/a.rs)" > t; mv t src/a.rs"#,
        r#"printf 'char *p = "/*";\n%s\nchar *q = "*/";\n' "$(cat src/a.c)" > t; mv t src/a.c"#,
        r#"printf 'const p = "/*";\n%s\nconst q = "*/";\n' "$(cat src/a.ts)" > t; mv t src/a.ts"#,
        // Lines joined.
        "grep -v // src/a.rs | tr '\\n' ' ' > t; mv t src/a.rs",
        "tr '\\n' ' ' < src/a.c > t; mv t src/a.c",
        // Comments and docstrings deleted.
        "sed -i '/twice/d' src/a.rs",
        "sed -i '/\"\"\"/d' src/a.py",
        "sed -i 's/ # twice.*//' src/a.sh",
        // Code in a string, a comment, a here-document, a template, a long name.
        r#"head -n 4 src/a.py > t; echo 'exec("def needless(y): return a(y) * 2 + 1")' >> t; mv t src/a.py"#,
        r#"head -n 4 src/a.py > t; echo '#def needless(y): return a(y) * 2 + 1' >> t; mv t src/a.py"#,
        "head -n 3 src/a.sh > t; printf '. /dev/stdin <<E\\nneedless() {\\n    echo $(($1 * 2 + 1))\\n}\\nE\\n' >> t; mv t src/a.sh",
        "head -n 3 src/a.ts > t; echo 'eval(`function needless(y){return a(y)*2+1}`)' >> t; mv t src/a.ts",
        "head -n 3 src/a.rs > t; echo 'run!(fn_needless_y_u32_to_u32_a_y_times_2_plus_1);' >> t; mv t src/a.rs",
        // Code in a file that is not counted, and beside one.
        "tail -n +5 src/a.rs > src/b.inc; head -n 3 src/a.rs > t; echo 'include!(\"b.inc\");' >> t; mv t src/a.rs",
        "tail -n +6 src/a.py > src/more; head -n 4 src/a.py > t; mv t src/a.py",
        "printf '\\377\\376' > src/b.bin; head -n 3 src/a.c > t; mv t src/a.c",
        // Code that no scan reads to its end.
        "head -n 3 src/a.rs > t; echo 'fn b() { \"' >> t; mv t src/a.rs",
    ];
    for edit in bought {
        let (said, reason) = trial(&toy, edit);
        assert!(
            ["not_shown_better", "worse", "given_up"].contains(&reason.as_str()),
            "{edit}: {}{}",
            said.out,
            said.err
        );
    }
    let honest = [
        "head -n 3 src/a.rs > t; mv t src/a.rs",
        "head -n 4 src/a.py > t; mv t src/a.py",
        "head -n 3 src/a.sh > t; mv t src/a.sh",
        "head -n 3 src/a.c > t; mv t src/a.c",
        "head -n 3 src/a.ts > t; mv t src/a.ts",
    ];
    assert_eq!(trials(&toy, &honest), ["simpler"; 5]);
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn an_edit_of_what_is_locked_below_the_editable_paths_is_none() {
    let toy = experiment("");
    toy.write("src/tests/test_a.py", "def test_a(): assert True\n");
    toy.write("src/util/a_test.go", "package util\n");
    toy.write("src/tests.rs", "// not locked\n");
    toy.commit("tests beside the code");
    toy.baseline();
    let forbidden = [
        "echo 'def test_a(): pass' > src/tests/test_a.py",
        "rm -r src/tests",
        "git mv src/tests src/checks",
        "echo x > src/conftest.py",
        "mkdir -p src/deep/tests; echo x > src/deep/tests/x.txt",
        "echo x > src/test_shadow.py",
        "echo x > src/Cargo.toml",
        "chmod +x src/util/a_test.go",
        "echo 200 > src/value; echo x >> src/util/a_test.go",
    ];
    for edit in forbidden {
        let (said, reason) = trial(&toy, edit);
        assert_eq!(reason, "out_of_scope", "{edit}: {said:?}");
        assert!(said.out.contains("[scope] locked"), "{edit}: {}", said.out);
    }
    // A cache that the tests left beside themselves is no edit; one in the editable part is one, and is named.
    let (said, reason) = trial(
        &toy,
        "for d in src/tests src; do mkdir $d/__pycache__; printf '\\377' > $d/__pycache__/a.pyc; done; echo 130 > src/value",
    );
    assert_eq!(reason, "better", "{said:?}");
    let tree = toy.git(&["ls-tree", "-r", "--name-only", "piton/r"]);
    assert!(!tree.contains("src/tests/__pycache__") && tree.contains("src/__pycache__/a.pyc"), "{tree}");
    assert!(said.err.contains("src/__pycache__/ (1 file)"), "{}", said.err);
    assert!(said.err.contains("src/__pycache__/a.pyc added, 1 bytes"), "{}", said.err);
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn what_the_experiment_opens_is_open_and_a_pattern_of_its_own_is_locked() {
    let toy = experiment("locked = ['@default', 'src/golden/', '!src/tests/new.py']");
    toy.write("src/golden/a", "1\n");
    toy.commit("golden");
    toy.baseline();
    let ends = trials(
        &toy,
        &[
            "echo 2 > src/golden/a",
            "mkdir -p src/tests; echo x > src/tests/new.py; echo 130 > src/value",
            "echo x > src/tests/old.py",
        ],
    );
    assert_eq!(ends, ["out_of_scope", "better", "out_of_scope"]);
    let open = experiment("locked = []");
    open.commit("open");
    open.baseline();
    let ends = trials(&open, &["mkdir -p src/tests; echo x > src/tests/test_a.py; echo 130 > src/value"]);
    assert_eq!(ends, ["better"]);
    assert_eq!(open.piton(&["audit"]).status, 0);
}

#[test]
fn init_writes_what_is_locked_and_where_it_is() {
    let toy = Scratch::empty();
    toy.git(&["init", "--quiet", "--initial-branch=main"]);
    toy.write("pkg/__init__.py", "");
    toy.write("pkg/tests/test_core.py", "def test_f(): pass\n");
    toy.write("pkg/conftest.py", "");
    toy.write("pyproject.toml", "[project]\nname = 'pkg'\nversion = '1'\n");
    toy.commit("a package with its tests inside");
    assert_eq!(toy.piton(&["init", "--no-try"]).status, 0);
    let text = toy.read("piton.toml");
    assert!(text.contains("locked = [\"@default\"]"), "{text}");
    assert!(text.contains("here pkg/conftest.py, pkg/tests/"), "{text}");
    assert!(toy.read("program.md").contains("[scope] locked"));
}

#[test]
fn every_attack_on_an_experiment_without_an_artifact_is_held() {
    let toy = experiment("max_file_bytes = 10000");
    toy.write("src/value", "echo 42\n");
    toy.write(
        "measure.sh",
        "a=$(timeout 3 sh \"$1/src/work.sh\" 2>/dev/null | tail -c 100 | tail -n 1); l=$(wc -l < \"$1/src/work.sh\"); q=0; [ \"$a\" = 42 ] && q=1\necho \"{\\\"score\\\":$((1000 / (l + 1))).$((PITON_SEED % 10)),\\\"quality\\\":$q}\"\n",
    );
    toy.git(&["rm", "--quiet", "--cached", "--ignore-unmatch", "src/value"]);
    toy.write("src/work.sh", "a=40\nb=2\necho $((a + b))\n");
    let text = toy.read("piton.toml").replace("src/value", "src/work.sh")
        + "[build]\ncommand = ['sh', '-c', 'test -f src/work.sh || cd {tree}; sh -n {tree}/src/work.sh']\ntimeout_s = 20\n[[gate]]\nmetric = 'quality'\nmin = 0.9\n";
    toy.write("piton.toml", &text);
    std::fs::remove_file(toy.path().join("src/value")).unwrap();
    toy.commit("a build, and no artifact");
    let said = toy.piton(&["redteam", "--json"]);
    let rows = said.json()["rows"].as_array().unwrap().clone();
    let ran: Vec<_> = rows.iter().filter(|row| row["state"] != "not_run").collect();
    let through: BTreeMap<_, _> = ran
        .iter()
        .filter(|row| row["state"] != "held")
        .map(|row| (row["attack"].as_str(), (&row["got"], &row["broken"], &row["words"])))
        .collect();
    assert!(through.is_empty(), "{through:#?}");
    assert!(ran.len() >= 42, "{} attacks", ran.len());
}
