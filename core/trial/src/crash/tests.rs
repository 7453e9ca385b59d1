//! Outputs as the tools print them, and the line that says why.

use super::*;

#[track_caller]
fn says(stderr: &str, stdout: &str, reason: &str) {
    assert_eq!(Crash::of(stderr, stdout).reason, reason, "\n{stderr}\n--\n{stdout}");
}

#[test]
fn rustc_and_cargo() {
    says(
        "   Compiling x\nwarning: y\nerror[E0425]: cannot find value `z`\n --> src/main.rs:3:5\n  |\nerror: aborting due to 1 previous error\nerror: could not compile `x` (bin \"x\") due to 1 previous error\n",
        "",
        "error[E0425]: cannot find value `z` (src/main.rs:3:5)",
    );
    says(
        "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds: the len is 3 but the index is 9\nnote: run with `RUST_BACKTRACE=1`\n",
        "",
        "panicked: index out of bounds: the len is 3 but the index is 9 (src/main.rs:2:5)",
    );
    says("thread main panicked at src/speed.rs:1", "", "thread main panicked at src/speed.rs:1");
    says(
        "    Finished\n     Running unittests src/lib.rs\nerror: test failed, to rerun pass `--lib`\n",
        "running 1 test\ntest tests::a ... FAILED\n\nfailures:\n\n---- tests::a stdout ----\n\nthread 'tests::a' (991) panicked at src/lib.rs:7:9:\nassertion `left == right` failed\n  left: 1\n right: 2\nnote: run with `RUST_BACKTRACE=1`\n\n\nfailures:\n    tests::a\n\ntest result: FAILED. 0 passed; 1 failed\n",
        "tests::a: panicked: assertion `left == right` failed (left: 1, right: 2) (src/lib.rs:7:9)",
    );
    says("thread 'main' panicked at 'no luck', src/main.rs:1:1\n", "", "panicked: no luck (src/main.rs:1:1)");
    says("Error: Os { code: 2, kind: NotFound }\n", "", "Error: Os { code: 2, kind: NotFound }");
    says(
        "error: no bench target named `x` in default-run packages\n",
        "",
        "error: no bench target named `x` in default-run packages",
    );
}

#[test]
fn python_and_its_test_runners() {
    says(
        "Traceback (most recent call last):\n  File \"/w/b.py\", line 3, in <module>\n    m.f()\n  File \"/w/src/m.py\", line 2, in f\n    return 1 / 0\n           ~~^~~\nZeroDivisionError: division by zero\n",
        "",
        "ZeroDivisionError: division by zero (/w/src/m.py:2)",
    );
    says(
        "  File \"/w/m.py\", line 1\n    def f(\n         ^\nSyntaxError: '(' was never closed\n",
        "",
        "SyntaxError: '(' was never closed (/w/m.py:1)",
    );
    says(
        "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    x['k']\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n    f()\nmypkg.errors.Bad: no k\n",
        "",
        "mypkg.errors.Bad: no k (a.py:9)",
    );
    says(
        "Traceback (most recent call last):\n  File \"a.py\", line 2, in f\n    x['k']\nKeyError: 'k'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n    f()\nValueError: no k\n",
        "",
        "ValueError: no k (a.py:9)",
    );
    says(
        "",
        "=== FAILURES ===\n___ test_a ___\n\n    def test_a():\n>       assert f() == 2\nE       assert 1 == 2\nE        +  where 1 = f()\n\ntest_m.py:4: AssertionError\n=== short test summary info ===\nFAILED test_m.py::test_a - assert 1 == 2\n=== 1 failed in 0.02s ===\n",
        "FAILED test_m.py::test_a - assert 1 == 2",
    );
    says(
        "",
        "E   ModuleNotFoundError: No module named 'yaml'\n=== 1 error in 0.1s ===\n",
        "ModuleNotFoundError: No module named 'yaml'",
    );
    says(
        "FAIL: test_a (t.T)\n----------------------------------------------------------------------\nTraceback (most recent call last):\n  File \"t.py\", line 5, in test_a\n    self.assertEqual(1, 2)\nAssertionError: 1 != 2\n\nRan 1 test in 0.000s\n\nFAILED (failures=1)\n",
        "",
        "AssertionError: 1 != 2 (t.py:5)",
    );
}

#[test]
fn javascript_and_its_test_runners() {
    says(
        "/w/x.js:3\n  throw new Error('no luck')\n  ^\n\nError: no luck\n    at f (/w/x.js:3:9)\n    at node:internal/main:1:1\n\nNode.js v20.20.2\n",
        "",
        "Error: no luck (/w/x.js:3:9)",
    );
    says(
        "/w/x.js:2\nlet a = ;\n        ^\n\nSyntaxError: Unexpected token ';'\n    at wrapSafe (node:internal/modules/cjs/loader:1:1)\n\nNode.js v20.20.2\n",
        "",
        "SyntaxError: Unexpected token ';' (/w/x.js:2)",
    );
    says(
        "node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module './nix'\nRequire stack:\n- /w/x.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1225:15)\n  code: 'MODULE_NOT_FOUND',\n}\n\nNode.js v20.20.2\n",
        "",
        "Error: Cannot find module './nix'",
    );
    says(
        "FAIL ./a.test.js\n  ● adds\n\n    expect(received).toBe(expected) // Object.is equality\n\n    Expected: 3\n    Received: 4\n\nTests:       1 failed, 1 total\n",
        "",
        "adds: expect(received).toBe(expected) // Object.is equality",
    );
    says(
        "",
        " FAIL  a.test.js > adds\nAssertionError: expected 4 to be 3\n ❯ a.test.js:4:20\n",
        "a.test.js > adds: AssertionError: expected 4 to be 3",
    );
    says(
        "",
        "  0 passing (5ms)\n  1 failing\n\n  1) sum\n       adds:\n\n      AssertionError [ERR_ASSERTION]: 4 == 3\n      + expected - actual\n",
        "sum: AssertionError [ERR_ASSERTION]: 4 == 3",
    );
    says(
        "",
        "TAP version 13\nnot ok 1 - adds\n  ---\n  error: 'not equal'\n  ...\n",
        "not ok: adds: 'not equal'",
    );
    says(
        "",
        "src/a.ts(3,1): error TS2304: Cannot find name 'x'.\n",
        "src/a.ts(3,1): error TS2304: Cannot find name 'x'.",
    );
    says(
        "npm ERR! code ELIFECYCLE\nnpm ERR! errno 1\n",
        "src/a.ts:3:1 - error TS2304: Cannot find name 'x'.\n",
        "src/a.ts:3:1 - error TS2304: Cannot find name 'x'.",
    );
    says(
        "npm error Missing script: \"bench\"\nnpm error\nnpm error A complete log of this run can be found in: /x\n",
        "",
        "npm: Missing script: \"bench\"",
    );
}

#[test]
fn c_and_its_tools() {
    says(
        "src/a.c: In function 'main':\nsrc/a.c:3:5: error: 'x' undeclared (first use in this function)\n    3 |     x;\n      |     ^\nmake: *** [Makefile:2: a] Error 1\n",
        "gcc -c src/a.c\n",
        "src/a.c:3:5: error: 'x' undeclared (first use in this function)",
    );
    says(
        "src/a.c:1:10: fatal error: nix.h: No such file or directory\ncompilation terminated.\nmake: *** [a] Error 1\n",
        "",
        "src/a.c:1:10: fatal error: nix.h: No such file or directory",
    );
    says(
        "/usr/bin/ld: /tmp/x.o: in function `main':\na.c:(.text+0xe): undefined reference to `f'\ncollect2: error: ld returned 1 exit status\nmake: *** [a] Error 1\n",
        "",
        "a.c:(.text+0xe): undefined reference to `f'",
    );
    says(
        "make: *** No rule to make target 'x', needed by 'all'.  Stop.\n",
        "",
        "make: *** No rule to make target 'x', needed by 'all'.  Stop.",
    );
    says(
        "CMake Error at CMakeLists.txt:3 (message):\n  no luck\n\n\n-- Configuring incomplete, errors occurred!\n",
        "",
        "CMake Error: no luck (CMakeLists.txt:3)",
    );
    says(
        "Errors while running CTest\n",
        "50% tests passed, 1 tests failed out of 2\n\nThe following tests FAILED:\n\t  2 - parse (Failed)\n",
        "The following tests FAILED: 2 - parse (Failed)",
    );
    says(
        "a.out: a.c:4: main: Assertion `1 == 2' failed.\nAborted (core dumped)\n",
        "",
        "a.out: a.c:4: main: Assertion `1 == 2' failed.",
    );
    says(
        "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no luck\nAborted (core dumped)\n",
        "",
        "terminate called after throwing an instance of 'std::runtime_error': no luck",
    );
    says(
        "==9==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x6\n    #0 0x5\n",
        "",
        "'==9==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x6",
    );
    says(
        "sh: line 1:  99 Segmentation fault      (core dumped) ./a\nmake: *** [bench] Error 139\n",
        "ran\n",
        "sh: line 1:  99 Segmentation fault      (core dumped) ./a",
    );
}

#[test]
fn go_and_the_jvm() {
    says("# m\n./a.go:5:2: undefined: x\n", "", "./a.go:5:2: undefined: x");
    says(
        "panic: runtime error: index out of range [5] with length 3\n\ngoroutine 1 [running]:\nmain.main()\n\t/w/a.go:5 +0x1d\nexit status 2\n",
        "",
        "panic: runtime error: index out of range [5] with length 3 (/w/a.go:5)",
    );
    says(
        "",
        "--- FAIL: TestA (0.00s)\n    a_test.go:6: got 1, want 2\nFAIL\nexit status 1\nFAIL\tm\t0.002s\n",
        "TestA failed: a_test.go:6: got 1, want 2",
    );
    says(
        "Exception in thread \"main\" java.lang.IllegalStateException: no luck\n\tat A.main(A.java:3)\n",
        "",
        "java.lang.IllegalStateException: no luck (A.java:3)",
    );
    says(
        "A.java:3: error: ';' expected\n        int x\n             ^\n1 error\n",
        "",
        "A.java:3: error: ';' expected",
    );
    says(
        "",
        "[INFO] x\n[ERROR] /w/A.java:[3,14] error: cannot find symbol\n",
        "[ERROR] /w/A.java:[3,14] error: cannot find symbol",
    );
    says(
        "FAILURE: Build failed with an exception.\n\n* What went wrong:\nExecution failed for task ':compileJava'.\n",
        "",
        "What went wrong: Execution failed for task ':compileJava'.",
    );
}

#[test]
fn shells_and_others() {
    says("sh: 1: foo: not found\n", "", "sh: 1: foo: not found");
    says(
        "measure.sh: line 3: src/run: Permission denied\n",
        "",
        "measure.sh: line 3: src/run: Permission denied",
    );
    says(
        "cat: nix: No such file or directory\nx.sh: 4: Syntax error: end of file unexpected\n",
        "",
        "x.sh: 4: Syntax error: end of file unexpected",
    );
    says(
        "a.rb:3:in `f': no luck (RuntimeError)\n\tfrom a.rb:5:in `<main>'\n",
        "",
        "a.rb:3:in `f': no luck (RuntimeError)",
    );
    says("no luck at a.pl line 3.\n", "", "no luck at a.pl line 3.");
    says("Error in f() : no luck\nExecution halted\n", "", "Error in f() : no luck");
    says(
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB\n",
        "",
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
    );
}

#[test]
fn what_has_no_form_is_told_by_its_last_line_and_silence_by_that() {
    says("", "", "it printed nothing");
    says("one\ntwo\n\n", "three\n", "two");
    says("", "three\n", "three");
    says("make: *** [all] Killed\n", "", "make: *** [all] Killed");
    says("make: *** [bench] Error 1\n", "bench: 3 of 4 are wrong\n", "bench: 3 of 4 are wrong");
    says("\u{1b}[31merror:\u{1b}[0m no luck\nmore\n", "", "error: no luck");
    assert!(Crash::of(&"x\u{1b}".repeat(1 << 20), "").reason.len() < 10 * LINE);
}

#[test]
fn what_an_agent_was_not_let_do_is_found_in_its_output() {
    let out = "thinking\n/bin/sh: 1: cannot create /home/x/n: Permission denied\ndone\n";
    assert_eq!(not_permitted(out).unwrap(), "/bin/sh: 1: cannot create /home/x/n: Permission denied");
    assert!(not_permitted("Error: EROFS: read-only file system, open '/x'").is_some());
    assert_eq!(not_permitted("all is well\n"), None);
}

#[test]
fn of_a_long_output_forty_lines_are_kept_and_of_long_lines_fewer() {
    let long: String = (0..500).map(|n| format!("line {n}\n")).collect();
    let tail = Crash::of(&long, "out").tail;
    assert_eq!(
        (tail.lines().count(), tail.lines().next(), tail.lines().last()),
        (40, Some("line 460"), Some("line 499"))
    );
    assert_eq!(Crash::of("e\n", "o1\no2\n").tail, "o1\no2\ne");
    assert!(
        Crash::of(&"é\n".repeat(2).repeat(10).replace('é', &"é".repeat(5000)), "").tail.len() <= TAIL_BYTES
    );
}

#[test]
fn warnings_of_a_compiler_are_not_why_its_tests_failed() {
    says(
        "figlet.c: In function ‘main’:\nzipio.h:87:26: warning: right-hand operand of comma expression has no effect [-Wunused-value]\n   87 |   ((f)->ptr--, (c))\n      |   ~~~~~~~~~^~~~~~\nfiglet.c:787:9: note: in expansion of macro ‘Zungetc’\n  787 |         Zungetc(command,controlfile);\n      |         ^~~~~~~\nmake: *** [Makefile:107: check] Error 1\n",
        "Run test 022: short line output... pass\nRun test 023: kerning... **fail**\n\n 11 tests failed. See tests.log for result details\n",
        "11 tests failed. See tests.log for result details",
    );
}
