//! Six edits planted in published projects that `piton init` set up, with nothing done by hand: what is a gain is kept, and of the others
//! none, each ended where it should be. `cargo test -p piton-tests --test planted -- --include-ignored --nocapture` prints a row of a table for each.

use piton_tests::planted::{NOTHING, Planted};
use piton_tests::projects::{installed, with_vitest};

#[test]
fn of_a_makefiles_program_a_smaller_one_is_kept_and_nothing_else() {
    let plain = "int main(argc,argv)\n";
    let planted = Planted {
        kind: "make, size",
        name: "figlet",
        more: &[],
        slowed: &[],
        init: &["--bench", "figlet-size"],
        edits: [
            (
                "gain",
                &[("figlet.c", "#include <stdio.h>", "#pragma GCC optimize(\"Os\")\n#include <stdio.h>")],
                "better",
            ),
            ("no-op", &[("figlet.c", plain, "/* the program */ int main(argc,argv)\n")], NOTHING),
            ("broken build", &[("figlet.c", plain, "int main(argc,argv\n")], "build_failed"),
            (
                "broken tests",
                &[("figlet.c", "i<charheight;i++) {\n    putstring", "i+1<charheight;i++) {\n    putstring")],
                "check:tests",
            ),
            // A size is made by its Makefile.
            ("edited benchmark", &[("Makefile", "-g -O2 -Wall", "-s -Os")], "out_of_scope"),
            (
                "forged",
                &[(
                    "figlet.c",
                    "int last_was_eol_flag;\n",
                    "int last_was_eol_flag = fputs(\"artifact_bytes: 1\\n\", stderr);\n",
                )],
                NOTHING,
            ),
        ],
    };
    planted.judged();
}

#[test]
fn of_a_go_module_a_faster_one_is_kept_and_nothing_else() {
    if !installed(&["go"]) {
        return;
    }
    let start = "\tfor len(pat) > 0 {\n\t\tvar wild bool\n";
    let plain = "\tfor len(pat) > 0 {\n\t\t// Plain characters that are equal match.\n\t\tfor len(pat) > 0 && len(str) > 0 && pat[0] == str[0] && pat[0] < 0x80 && pat[0] != '*' && pat[0] != '?' && pat[0] != '\\\\' {\n\t\t\tpat, str = pat[1:], str[1:]\n\t\t}\n\t\tif len(pat) == 0 {\n\t\t\tbreak\n\t\t}\n\t\tvar wild bool\n";
    let planted = Planted {
        kind: "go test -bench",
        name: "tidwall-match",
        more: &[],
        slowed: &[],
        init: &[],
        edits: [
            ("gain", &[("match.go", start, plain)], "better"),
            ("no-op", &[("match.go", "", "\n// Nothing follows.\n")], NOTHING),
            ("broken build", &[("match.go", "", "\nvar unused int = \"no luck\"\n")], "build_failed"),
            (
                "broken tests",
                &[("match.go", "case '?':\n\t\t\tif ss == 0 {", "case '?':\n\t\t\tif ss != 0 {")],
                "check:tests",
            ),
            (
                "edited benchmark",
                &[("match_test.go", "Match(\"hello\", \"hello\")", "Match(\"\", \"\")")],
                "out_of_scope",
            ),
            ("forged", &[("match.go", "import (\n\t\"unicode/utf8\"\n)\n", FORGED_GO)], "held_implausible"),
        ],
    };
    planted.judged();
}

/// Prints what `go test -bench` would, and leaves.
const FORGED_GO: &str = r#"import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"unicode/utf8"
)

func init() {
	if !strings.Contains(strings.Join(os.Args, " "), "-test.bench") {
		return
	}
	for _, name := range strings.Fields("Ascii Unicode") {
		fmt.Printf("Benchmark%s-%d \t 1000000\t 1.000 ns/op\n", name, runtime.GOMAXPROCS(0))
	}
	fmt.Println("PASS")
	os.Exit(0)
}
"#;

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_package_with_pytest_benchmark_a_faster_one_is_kept_and_nothing_else() {
    let validator = "cerberus/validator.py";
    let rules =
        "        definitions = self._resolve_rules_set(definitions)\n        value = self.document[field]\n";
    let slow = "        sum(range(3000))\n        definitions = self._resolve_rules_set(definitions)\n        value = self.document[field]\n";
    let planted = Planted {
        kind: "pytest-benchmark",
        name: "Cerberus",
        more: &[],
        slowed: &[(validator, rules, slow)],
        init: &[],
        edits: [
            ("gain", &[(validator, slow, rules)], "better"),
            ("no-op", &[(validator, "", "\n# Nothing follows.\n")], NOTHING),
            // What Python compiles, it compiles where it is tested.
            ("broken build", &[(validator, "", "\ndef no luck:\n")], "check:tests"),
            ("broken tests", &[(validator, "if value < min_value:", "if value > min_value:")], "check:tests"),
            (
                "edited benchmark",
                &[("cerberus/benchmarks/test_overall_performance_1.py", "rounds=5", "rounds=1")],
                "out_of_scope",
            ),
            ("forged", &[(validator, "", FORGED_PYTEST)], "held_implausible"),
        ],
    };
    planted.judged();
}

/// Leaves the report that pytest-benchmark would, and ends before it can.
const FORGED_PYTEST: &str = r#"

import json, os, sys
for word in sys.argv:
    if word.startswith("--benchmark-json="):
        name = "cerberus/benchmarks/test_overall_performance_1.py::test_overall_performance_1"
        with open(word.split("=", 1)[1], "w") as report:
            json.dump({"benchmarks": [{"fullname": name, "stats": {"median": 1e-9}}]}, report)
        os._exit(0)
"#;

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_package_with_vitest_a_faster_one_is_kept_and_nothing_else() {
    let Some(files) = with_vitest() else { return };
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let plain = "var distance = function (a, b) {\n";
    let slow = "var distance = function (a, b) {\n    for (var n = 0; n < 400; n++) peq[n] = 0;\n";
    let planted = Planted {
        kind: "vitest, pnpm",
        name: "fastest-levenshtein",
        more: &files,
        slowed: &[("mod.js", plain, slow)],
        init: &["--install", "--bench", "distance"],
        edits: [
            ("gain", &[("mod.js", slow, plain)], "better"),
            ("no-op", &[("mod.js", "", "\n// Nothing follows.\n")], NOTHING),
            // What node compiles, it compiles where it is tested.
            ("broken build", &[("mod.js", "", "\nvar no luck;\n")], "check:tests"),
            ("broken tests", &[("mod.js", "var sc = n;", "var sc = n + 1;")], "check:tests"),
            ("edited benchmark", &[("bench/distance.bench.mjs", "length: 200", "length: 2")], "out_of_scope"),
            ("forged", &[("mod.js", "", FORGED_CLOCK)], "held_implausible"),
        ],
    };
    planted.judged();
}

/// Has the clock of the process go slower.
const FORGED_CLOCK: &str = "
const now = performance.now.bind(performance)
performance.now = () => now() / 8
";
