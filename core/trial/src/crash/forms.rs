//! The forms in which programs name an error.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

type OutputLines<'a, 'b> = &'a [Cow<'b, str>];

macro_rules! pattern {
    ($name:ident, $text:expr) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($text).expect("a pattern of piton's own"));
    };
}

// rustc and cargo, and whatever prints as they do.
pattern!(RUSTC, r"^error(\[[A-Z]+\d+\])?: ");
pattern!(PANIC, r"^thread '([^']*)' (?:\(\d+\) )?panicked at (.*?):?$");
// gcc, clang, ghc, swift, zig, javac, tsc, the .NET compilers: a place, then the word.
pattern!(
    PLACED,
    r"^\s*(?:\[ERROR\] )?[^\s:][^:]*?(?::\d+|\(\d+|:\[\d+)[\d,:.\-]*[\])]?(?: -)?:? (?:fatal )?error\b ?(?:[A-Z]+\d+)?:?"
);
// The linkers.
pattern!(
    LINKER,
    r"undefined reference to |undefined symbol: |multiple definition of |cannot find -l|library not found for |Undefined symbols for architecture"
);
// Go.
pattern!(GO, r"^(?:vet: )?\.?[^\s:]*\.go:\d+(?::\d+)?: \S");
pattern!(GO_PANIC, r"^(?:panic|fatal error): \S");
pattern!(GO_FAIL, r"^\s*--- FAIL: (\S+)");
// Python.
pattern!(
    PY_ERROR,
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning|Iteration|Group|NotFound|Failed|Timeout)?(?::.*)?$"
);
pattern!(PY_FILE, r#"^\s*(?:[|+] ?)*File "([^"]+)", line (\d+)"#);
pattern!(PYTEST, r"^(?:FAILED|ERROR) \S+\.py\S*(?:::\S.*| - .*|$)");
pattern!(PYTEST_E, r"^E {2,}\S");
// JavaScript.
pattern!(
    JS_ERROR,
    r"^(?:Uncaught )?(?:\[?\w*Error\]?|AssertionError \[\w+\]|\w*Exception)(?: \[[\w ]+\])?: "
);
pattern!(JS_AT, r"^\s+at .*?\(?((?:file://)?/?[^()\s]+:\d+:\d+)\)?$");
pattern!(JEST, r"^\s*● (.+)$");
pattern!(VITEST, r"^\s*(?:FAIL|×)\s+(\S.* > .*)$");
pattern!(MOCHA, r"^\s+1\) (.+?):?$");
pattern!(TAP, r"^\s*not ok \d+ (?:- )?(.*)$");
pattern!(NPM, r"^npm (?:ERR!|error) (.*)$");
// The JVM.
pattern!(JVM, r#"^Exception in thread "[^"]*" (\S.*)$"#);
pattern!(JVM_AT, r"^\s+at [\w.$<>/@]+\(([\w$]+\.\w+:\d+)\)");
// Others.
pattern!(CMAKE, r"^CMake Error(?: at ([^\s:]+:\d+))?[^:]*:\s*(.*)$");
pattern!(
    RULE,
    r"^\S*make(?:\[\d+\])?: \*\*\* (?:No rule to make target|No targets|missing separator)|^[^\s:]+:\d+: \*\*\* "
);
pattern!(RUBY, r"^\S+\.rb:\d+:in .*\(\w+(?:::\w+)*\)$");
pattern!(PERL, r" at \S+\.p[lm] line \d+\.$");
pattern!(JULIA, r"^ERROR: (?:LoadError: )?\S");
pattern!(PHP, r"^(?:PHP )?(?:Fatal|Parse) error: ");
pattern!(ASSERT, r"^.+: (?:.+: )?Assertion [`'].*' failed\.?$|^Assertion failed: ");
pattern!(
    SANITIZER,
    r"ERROR: \w+Sanitizer: |: runtime error: |^\*\*\* \S.* \*\*\*: terminated|^(?:double free|corrupted size|malloc\(\)|free\(\)|munmap_chunk\(\)|realloc\(\))"
);
pattern!(
    MEMORY,
    r"(?i)^\S*\s*(?:CUDA |torch\.\w*\.?)?out of memory\b|Cannot allocate memory|std::bad_alloc|JavaScript heap out of memory|OutOfMemory(?:Error|Exception)"
);
pattern!(
    SHELL,
    r"(?i)(?:: (?:command )?not found|: No such file or directory|: Permission denied|: Syntax error|: syntax error|: not a directory|: is a directory|: cannot |: bad substitution|: parameter not set|: unbound variable|: Exec format error|: Text file busy|: No space left on device|: Read-only file system|: Operation not permitted|: Argument list too long)"
);
pattern!(
    SIGNAL,
    r"(?:^|[\s:])(?:Segmentation fault|Aborted|Bus error|Illegal instruction|Floating point exception|Killed|Trace/breakpoint trap)(?: +\(core dumped\))?"
);
pattern!(
    GENERAL,
    r"(?i)^\s*(?:\[?(?:fatal|error|critical|failure)\]?(?:[:! ]|$)|npm (?:ERR!|error) |\S+: (?:fatal|error): |.*\b(?:fatal|error|failed|failure): \S|\w*(?:Error|Exception): )"
);
// What others have said better, or what says nothing.
pattern!(
    NOISE,
    r"(?x)
    ^error:\ (?:could\ not\ compile|aborting\ due\ to|test\ failed,|\d+\ targets?\ failed|process\ didn't\ exit|build\ failed|bench\ failed|doctest\ failed|Recipe\ )
    | ^\s*\S*make(?:\[\d+\])?:\ (?:\*\*\*\ \[.*\]|Leaving|Entering|Target|\*\*\*\ Waiting)
    | ^ninja:\ build\ stopped | ^gmake
    | ^Node\.js\ v\d | ^\s*\^[~^\-\s]* | ^\s*[\^~]+(?:---)?\s*(?:error\ here)?$
    | ^\s*\d+\s*\|\s | ^\s*\|\s+[~^][~^\s|-]* | :\d+(?::\d+)?:\ (?:warning|note):\  | :\ In\ (?:member\ )?function\ \S | ^In\ file\ included\ from
    | ^(?:FAIL|ok|PASS|\?)(?:\s|$) | ^exit\ status\ \d | ^={3,}(?:\s|$) | ^-+$ | ^note:\ | ^warning:\ | ^\s*\|\s*$
    | ^npm\ (?:ERR!|error)(?:\ (?:code|errno|path|command|syscall|signal|workspace|location|A\ complete\ log|Lifecycle|node)\b|\s*$)
    | ^\s+at\ | ^Execution\ halted | ^test\ result: | ^failures:$ | ^\s*stack\ backtrace:
    | ^collect2: | ^clang(?:\+\+)?:\ error:\ linker | ^compilation\ terminated | ^\d+\ (?:errors?|warnings?)\ generated
    | ^Some\ errors\ have | ^For\ more\ information | ^\s*Compiling\ | ^\s*Running\ | ^error\ Command\ failed | ^\s*info\ Visit
    | ^\s*[}\])]+[,;]?$ | ^BUILD\ FAILED | ^FAILURE: | ^Errors\ while\ running\ CTest | ^\s*\d+%\ tests\ passed
    | ^\s*(?:ELIFECYCLE|Tests?:|Test\ Suites:|Snapshots:|Time:|Ran\ all)|^FAILED\ \(|^Ran\ \d+\ tests?
    "
);

/// The first error that stands in a form of its own, with its place where it has one.
pub fn named(lines: OutputLines) -> Option<String> {
    (0..lines.len()).find_map(|at| at_line(lines, at))
}

fn at_line(lines: OutputLines, at: usize) -> Option<String> {
    let line = lines[at].trim_end();
    if line.starts_with("Traceback (most recent call last)") || PY_FILE.is_match(line) {
        return python(lines, at);
    }
    if let Some(panic) = PANIC.captures(line) {
        return Some(panicked(lines, at, &panic[1], &panic[2]));
    }
    if let Some(go) = GO_FAIL.captures(line) {
        let said =
            next(lines, at).filter(|next| next.starts_with(char::is_whitespace) && !GO_FAIL.is_match(next));
        // The test within it says more.
        if said.is_none() && next(lines, at).is_some_and(|next| GO_FAIL.is_match(next)) {
            return None;
        }
        return Some(with(&format!("{} failed", &go[1]), said));
    }
    if GO_PANIC.is_match(line) {
        let place = lines[at..]
            .iter()
            .take(20)
            .find_map(|line| Some(line.strip_prefix('\t')?.split(" +0x").next()?.to_owned()));
        return Some(placed(line, place));
    }
    if NOISE.is_match(line) && !VITEST.is_match(line) {
        return None;
    }
    if RUSTC.is_match(line) {
        let place = lines[at + 1..].iter().take(4).find_map(|line| line.trim_start().strip_prefix("--> "));
        return Some(placed(line, place.map(str::to_owned)));
    }
    if PLACED.is_match(line) {
        // Some write what is wrong on the lines below.
        let bare = line.ends_with("error:") || line.ends_with("error");
        return Some(if bare {
            with(line.trim_end_matches(':'), next(lines, at))
        } else {
            line.trim_start().to_owned()
        });
    }
    if PYTEST_E.is_match(line) {
        // The summary names the test, too.
        let summary = lines[at..].iter().find(|line| PYTEST.is_match(line) && line.contains(" - "));
        return Some(summary.map_or_else(|| line[1..].trim().to_owned(), |line| line.to_string()));
    }
    if JS_ERROR.is_match(line)
        || line.ends_with("Error") && next(lines, at).is_some_and(|next| JS_AT.is_match(next))
    {
        return Some(javascript(lines, at));
    }
    if let Some(test) = JEST.captures(line).or_else(|| VITEST.captures(line)) {
        let error = lines[at + 1..].iter().take(12).map(|line| line.trim()).find(|line| {
            JS_ERROR.is_match(line)
                || line.starts_with("expect(")
                || line.starts_with("Cannot ")
                || line.starts_with("Expected")
        });
        return Some(with(test[1].trim(), error.or(next(lines, at))));
    }
    if let Some(test) =
        MOCHA.captures(line).filter(|_| lines[..at].iter().any(|line| line.trim_end().ends_with(" failing")))
    {
        let error =
            lines[at + 1..].iter().take(12).map(|line| line.trim()).find(|line| JS_ERROR.is_match(line));
        return Some(with(&test[1], error.or(next(lines, at))));
    }
    if let Some(test) = TAP.captures(line).filter(|test| !test[1].contains("# TODO")) {
        let error = lines[at + 1..].iter().take(30).find_map(|line| line.trim().strip_prefix("error: "));
        return Some(with(&format!("not ok: {}", &test[1]), error.filter(|error| !error.ends_with("|-"))));
    }
    if let Some(thrown) = JVM.captures(line) {
        let place =
            lines[at + 1..].iter().take(5).find_map(|line| Some(JVM_AT.captures(line)?[1].to_owned()));
        return Some(placed(&thrown[1], place));
    }
    if let Some(cmake) = CMAKE.captures(line) {
        let said = if cmake[2].trim().is_empty() { next(lines, at) } else { Some(&cmake[2]) };
        return Some(placed(&with("CMake Error", said), cmake.get(1).map(|place| place.as_str().to_owned())));
    }
    if line.starts_with("* What went wrong:") || line.starts_with("The following tests FAILED:") {
        return Some(with(line.trim_start_matches("* ").trim_end_matches(':'), next(lines, at)));
    }
    if line.starts_with("terminate called") {
        let what = next(lines, at).and_then(|next| next.trim_start().strip_prefix("what():"));
        return Some(with(line, what));
    }
    let alone =
        [&*LINKER, &*GO, &*PYTEST, &*RULE, &*RUBY, &*PERL, &*JULIA, &*PHP, &*ASSERT, &*SANITIZER, &*MEMORY];
    alone.iter().any(|form| form.is_match(line)).then(|| line.trim().to_owned())
}

/// The last line of a shell's or of a tool that could not do what it was told, or of a signal.
pub fn shell(lines: OutputLines) -> Option<String> {
    let line = lines.iter().rev().find(|line| SHELL.is_match(line) || SIGNAL.is_match(line))?;
    Some(line.trim().to_owned())
}

/// The first line that says error in one of the usual ways.
pub(crate) fn general(lines: OutputLines) -> Option<String> {
    let says = |line: &&Cow<'_, str>| GENERAL.is_match(line) && !NOISE.is_match(line);
    let line = lines.iter().find(says)?;
    Some(NPM.captures(line).map_or_else(|| line.trim().to_owned(), |npm| format!("npm: {}", npm[1].trim())))
}

/// The last line that is no footer of a tool's.
pub fn said(lines: OutputLines) -> Option<String> {
    lines.iter().rev().find(|line| !NOISE.is_match(line)).map(|line| line.trim().to_owned())
}

/// The last line.
pub fn last(lines: OutputLines) -> Option<String> {
    lines.last().map(|line| line.trim().to_owned())
}

/// A traceback: the exception that ended it, which stands below the last frame; of a chain the last one, which nobody caught.
fn python(lines: OutputLines, at: usize) -> Option<String> {
    let mut found = None;
    let mut place = None;
    for (number, line) in lines.iter().enumerate().skip(at) {
        let line = line.trim_end();
        if let Some(frame) = PY_FILE.captures(line) {
            place = Some(format!("{}:{}", &frame[1], &frame[2]));
        } else if place.is_some() && !line.starts_with(char::is_whitespace) && PY_ERROR.is_match(line) {
            found = Some(placed(line, place.take()));
            let goes_on = lines[number + 1..].iter().take(3).any(|line| {
                line.starts_with("During handling of the above")
                    || line.starts_with("The above exception was")
            });
            if !goes_on {
                break;
            }
        }
    }
    found
}

fn panicked(lines: OutputLines, at: usize, thread: &str, place: &str) -> String {
    let who = if thread == "main" || thread.starts_with('<') { String::new() } else { format!("{thread}: ") };
    // Before Rust 1.73: 'message', place.
    if let Some((message, place)) = place.strip_prefix('\'').and_then(|old| old.rsplit_once("', ")) {
        return format!("{who}panicked: {message} ({place})");
    }
    let message =
        next(lines, at).filter(|line| !line.starts_with("note: ") && !line.starts_with("stack backtrace"));
    let more = lines[at + 1..].iter().skip(1).take(2).map(|line| line.trim());
    let sides: Vec<&str> =
        more.filter(|line| line.starts_with("left: ") || line.starts_with("right: ")).collect();
    let sides = if sides.is_empty() { String::new() } else { format!(" ({})", sides.join(", ")) };
    format!("{who}panicked: {}{sides} ({place})", message.unwrap_or("no message").trim())
}

fn javascript(lines: OutputLines, at: usize) -> String {
    let below = lines[at + 1..].iter().take(10).find_map(|line| Some(JS_AT.captures(line)?[1].to_owned()));
    // A syntax error has its place above.
    let above = || {
        let bare = |line: &str| {
            line.rsplit_once(':').is_some_and(|(path, n)| path.starts_with('/') && n.parse::<u32>().is_ok())
        };
        lines[..at].iter().rev().take(8).find(|line| bare(line)).map(|line| line.to_string())
    };
    let syntax = lines[at].starts_with("SyntaxError");
    let own = below.filter(|place| !place.starts_with("node:"));
    placed(lines[at].trim(), if syntax { above().or(own) } else { own.or_else(above) })
}

fn next<'a>(lines: OutputLines<'a, '_>, at: usize) -> Option<&'a str> {
    lines.get(at + 1).map(|line| &**line)
}

fn with(what: &str, said: Option<&str>) -> String {
    said.map_or_else(|| what.to_owned(), |said| format!("{what}: {}", said.trim()))
}

fn placed(what: &str, place: Option<String>) -> String {
    place.map_or_else(|| what.to_owned(), |place| format!("{what} ({place})"))
}
