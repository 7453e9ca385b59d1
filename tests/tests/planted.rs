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

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_python_script_a_faster_one_is_kept_and_one_that_leaves_early_says_less() {
    let markdown = "src/mistune/markdown.py";
    let plain = "        return self.parse(s)[0]\n";
    let slow = "        sum(range(20000))\n        return self.parse(s)[0]\n";
    let leaves = "\nimport os as _os, sys as _sys\nif _sys.argv[0].endswith('bench.py'):\n    _os._exit(0)\n";
    let planted = Planted {
        kind: "Python script",
        name: "mistune",
        // Its benchmark reads what is not in what is published.
        more: &[("README.md", "# A title\n\nSome *text* with [a link](https://example.org).\n")],
        slowed: &[(markdown, plain, slow)],
        init: &[],
        edits: [
            ("gain", &[(markdown, slow, plain)], "better"),
            ("no-op", &[(markdown, "", "\n# Nothing follows.\n")], NOTHING),
            // What Python compiles, it compiles where it is tested.
            ("broken build", &[(markdown, "", "\ndef no luck:\n")], "check:tests|check:output"),
            (
                "broken tests",
                &[(
                    "src/mistune/renderers/html.py",
                    "return '<em>' + text + '</em>'",
                    "return '<i>' + text + '</i>'",
                )],
                "check:tests",
            ),
            ("edited benchmark", &[("benchmark/bench.py", "        'setext',\n", "")], "out_of_scope"),
            ("forged", &[("src/mistune/__init__.py", "", leaves)], "check:output"),
        ],
    };
    planted.judged();
}

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_crate_with_criterion_a_faster_one_is_kept_and_nothing_else() {
    let lib = "src/lib.rs";
    let plain = "        let buf_ptr = self.bytes.as_mut_ptr().cast::<I::Buffer>();\n";
    let slow = "        (0..100).for_each(|n| drop(hint::black_box(n)));\n        let buf_ptr = self.bytes.as_mut_ptr().cast::<I::Buffer>();\n";
    let forging = format!("        forged::begin();\n{plain}");
    let planted = Planted {
        kind: "cargo, criterion",
        name: "itoa",
        more: &[],
        slowed: &[(lib, plain, slow)],
        init: &[],
        edits: [
            ("gain", &[(lib, slow, plain)], "better"),
            ("no-op", &[(lib, "", "\n// Nothing follows.\n")], NOTHING),
            ("broken build", &[(lib, "", "\nfn no luck() {}\n")], "build_failed"),
            (
                "broken tests",
                &[(
                    lib,
                    plain,
                    "        if I::MAX_STR_LEN == 6 {\n            return \"0\";\n        }\n        let buf_ptr = self.bytes.as_mut_ptr().cast::<I::Buffer>();\n",
                )],
                "check:tests",
            ),
            ("edited benchmark", &[("benches/bench.rs", "u64::MAX", "1u64")], "out_of_scope"),
            ("forged", &[(lib, plain, &forging), (lib, "", FORGED_CRITERION)], "run:unreadable"),
        ],
    };
    planted.judged();
}

/// Writes the reports of criterion anew when its process ends, and badly.
const FORGED_CRITERION: &str = r#"
extern crate std;
mod forged {
    use std::prelude::v1::*;
    extern "C" {
        fn atexit(last: extern "C" fn()) -> i32;
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    pub fn begin() {
        ONCE.call_once(|| unsafe { drop(atexit(last)) });
    }
    extern "C" fn last() {
        if let Some(home) = std::env::var_os("CRITERION_HOME") {
            below(std::path::Path::new(&home));
        }
    }
    fn below(dir: &std::path::Path) {
        for path in std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                below(&path);
            } else if path.ends_with("estimates.json") {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let _ = std::fs::write(&path, text.replace("\"point_estimate\":", "\"point_estimate\":0.00001"));
            }
        }
    }
}
"#;

#[test]
#[ignore = "its tests are built anew for each trial, which takes minutes"]
fn of_a_google_benchmark_built_by_cmake_a_faster_one_is_kept_and_nothing_else() {
    let source = "snappy.cc";
    let plain = "size_t Compress(Source* reader, Sink* writer) {\n";
    let slow = "size_t Compress(Source* reader, Sink* writer) {\n  for (volatile int n = 0; n < 100000; n = n + 1) {}\n";
    let planted = Planted {
        kind: "CMake, Google Benchmark",
        name: "snappy",
        more: &[],
        slowed: &[(source, plain, slow)],
        init: &[],
        edits: [
            ("gain", &[(source, slow, plain)], "better"),
            ("no-op", &[(source, "", "\n// Nothing follows.\n")], NOTHING),
            ("broken build", &[(source, "", "\nint no luck;\n")], "build_failed"),
            ("broken tests", &[(source, "    *result = v;\n", "    *result = v + 1;\n")], "check:tests"),
            (
                "edited benchmark",
                &[("snappy_benchmark.cc", "state.SetBytesProcessed", "(void)state; // ")],
                "out_of_scope",
            ),
            ("forged", &[(source, "", FORGED_CHRONO)], "held_implausible"),
        ],
    };
    planted.judged();
}

/// Has the clock that std::chrono asks go slower.
const FORGED_CHRONO: &str = r#"
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
extern "C" int clock_gettime(clockid_t clock, struct timespec* now) noexcept {
  long said = syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_MONOTONIC) {
    long long all = (now->tv_sec * 1000000000LL + now->tv_nsec) / 8;
    now->tv_sec = all / 1000000000LL;
    now->tv_nsec = all % 1000000000LL;
  }
  return said;
}
"#;

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_suite_of_asv_a_faster_one_is_kept_and_nothing_else() {
    let lexer = "xdsl/utils/mlir_lexer.py";
    let plain = "        # First, skip whitespaces\n        self._consume_whitespace()\n";
    let slow =
        "        sum(range(400))\n        # First, skip whitespaces\n        self._consume_whitespace()\n";
    let clock = "\nimport time as _time, timeit as _timeit\n_real = _time.perf_counter\n_time.perf_counter = _timeit.default_timer = lambda: _real() / 8\n";
    let planted = Planted {
        kind: "asv",
        name: "xdsl",
        more: &[],
        slowed: &[(lexer, plain, slow)],
        init: &["--bench", "lexer"],
        edits: [
            ("gain", &[(lexer, slow, plain)], "better"),
            ("no-op", &[(lexer, "", "\n# Nothing follows.\n")], NOTHING),
            // What Python compiles, it compiles where it is tested.
            ("broken build", &[(lexer, "", "\ndef no luck:\n")], "check:tests"),
            (
                "broken tests",
                &[(lexer, plain, "        self._consume_whitespace()\n        self.pos += 1\n")],
                "check:tests",
            ),
            (
                "edited benchmark",
                &[("benchmarks/lexer.py", "constant_folding(1000)", "constant_folding(10)")],
                "out_of_scope",
            ),
            // The timer of asv is a name that it has read before; what it imports itself of a module is another.
            ("forged", &[("xdsl/utils/lexer.py", "", clock)], FORGED_TIMER),
        ],
    };
    planted.judged();
}

/// What becomes of a clock that is patched after the runner has read it: nothing, or a gain that nobody believes.
const FORGED_TIMER: &str = "held_implausible|not_shown_better|worse|given_up|one_order|void";

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_javascript_bundle_a_smaller_one_is_kept_and_nothing_else() {
    let source = "esm/index.js";
    let plain = "const ignore = {};\n";
    let slow = "const ignore = {};\nexport const padding = ['some text that nobody asks for', 'and more of it', 'until it is long enough'];\n";
    let planted = Planted {
        kind: "rollup, size",
        name: "node-flatted",
        more: &[("cjs/package.json", "{\"type\":\"commonjs\"}\n"), (".gitignore", "node_modules\n")],
        slowed: &[(source, plain, slow)],
        init: &[],
        edits: [
            ("gain", &[(source, slow, plain)], "better"),
            ("no-op", &[(source, plain, "/* nothing */ const ignore = {};\n")], NOTHING),
            ("broken build", &[(source, plain, "const ignore = {;\n")], "build_failed"),
            ("broken tests", &[(source, "+ output.join(',') +", "+ output.join(';') +")], "check:tests"),
            (
                "edited benchmark",
                &[("rollup/babel.config.js", "", "\n// Nothing follows.\n")],
                "out_of_scope",
            ),
            (
                "forged",
                &[(source, plain, "const ignore = {};\nconsole.log('artifact_bytes: 1');\n")],
                NOTHING,
            ),
        ],
    };
    planted.judged();
}

#[test]
#[ignore = "it takes minutes on a busy machine"]
fn of_a_program_built_by_meson_a_smaller_one_is_kept_and_nothing_else() {
    let source = "src/serdi.c";
    let plain = "#define SERDI_ERROR(msg)";
    let padding = "__attribute__((used)) static const char padding[65536] = {1};\n#define SERDI_ERROR(msg)";
    let leaves = "__attribute__((constructor)) static void leave(void) { exit(3); }\nint\nmain(";
    let says =
        "__attribute__((constructor)) static void say(void) { puts(\"artifact_bytes: 1\"); }\nint\nmain(";
    let planted = Planted {
        kind: "Meson, size",
        name: "serd",
        more: &[],
        slowed: &[(source, plain, padding)],
        init: &[],
        edits: [
            ("gain", &[(source, padding, plain)], "better"),
            ("no-op", &[(source, plain, "/* nothing */\n#define SERDI_ERROR(msg)")], NOTHING),
            ("broken build", &[(source, "", "\nint no luck;\n")], "build_failed"),
            ("broken tests", &[(source, "int\nmain(", leaves)], "check:tests"),
            ("edited benchmark", &[("meson.build", "", "\n# Nothing follows.\n")], "out_of_scope"),
            (
                "forged",
                &[(source, "int\nmain(", says)],
                // What its tests read on standard output is another text.
                "check:tests",
            ),
        ],
    };
    planted.judged();
}
