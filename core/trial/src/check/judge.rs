//! Whether a check held: what it came to against what it came to at the baseline.

use super::{CheckResult, FailedTest, NAMED, TestEnd, TestReport};
use crate::crash::Crash;
use crate::text::plural;

/// Names that a sentence tells of.
const TOLD: usize = 3;

/// How the command of a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckEnd {
    /// With this status.
    Exited(i32),
    /// By a signal, in words.
    Signalled(String),
    /// It took longer than this many seconds.
    TimedOut(u64),
    /// It touched what it may not, in words.
    Tampered(String),
}

/// What a check left to be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckOutput {
    /// SHA-256, hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// What a check came to, before it is held against anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckRun {
    /// How it ended.
    pub end: CheckEnd,
    /// What it said of tests, or why that cannot be read; absent where its format tells of none.
    pub report: Option<Result<TestReport, String>>,
    /// What it left, where that is compared, or why that cannot be read.
    pub output: Option<Result<CheckOutput, String>>,
    /// The end of what it printed, and its error.
    pub crash: Crash,
}

/// What a check is held against.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Expected<'a> {
    /// What it came to at the baseline; absent where this is the baseline.
    pub baseline: Option<&'a CheckResult>,
    /// SHA-256 that its output must have; absent where none is written down.
    pub sha256: Option<&'a str>,
}

/// Why a check did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFault {
    /// In a sentence.
    pub reason: String,
    /// The tests that failed, as many as are named.
    pub tests: Vec<FailedTest>,
}

impl From<String> for CheckFault {
    fn from(reason: String) -> Self {
        Self { reason, tests: vec![] }
    }
}

/// Why a check did not hold; `None` where it did.
pub fn judge(run: &CheckRun, expected: Expected) -> Option<CheckFault> {
    match &run.end {
        CheckEnd::Tampered(what) => return Some(what.clone().into()),
        CheckEnd::TimedOut(limit_s) => return Some(format!("it took longer than {limit_s} s").into()),
        CheckEnd::Signalled(signal) => {
            return Some(format!("it was ended by {signal}: {}", run.crash.reason).into());
        }
        CheckEnd::Exited(_) => {}
    }
    if let Some(Ok(report)) = &run.report
        && report.failed > 0
    {
        return Some(failing(report));
    }
    if let CheckEnd::Exited(status @ 1..) | CheckEnd::Exited(status @ ..=-1) = run.end {
        return Some(format!("exit status {status}: {}", run.crash.reason).into());
    }
    let tests = match &run.report {
        Some(Err(why)) => Some(format!("its report cannot be read: {why}")),
        Some(Ok(report)) => fewer(report, expected.baseline),
        None => None,
    };
    tests.or_else(|| another(run.output.as_ref()?, expected)).map(CheckFault::from)
}

fn failing(report: &TestReport) -> CheckFault {
    let mut tests = report.failures();
    let what = format!("{} of {} failed", report.failed, plural(report.ran(), "test"));
    let first = tests.first().map_or_else(String::new, |first| match &*first.why {
        "" => format!(": {}", first.name),
        why => format!(": {}: {why}", first.name),
    });
    tests.truncate(NAMED);
    CheckFault { reason: what + &first, tests }
}

/// Why the tests that ran, all of which passed, are not enough.
fn fewer(report: &TestReport, baseline: Option<&CheckResult>) -> Option<String> {
    if let Some(broken) = &report.broken {
        return Some(format!("its report is not whole: {broken}"));
    }
    let ran = report.ran();
    if ran == 0 {
        return Some(match report.skipped {
            0 => "no test ran".to_owned(),
            n => format!("no test ran: {} skipped", plural(n, "test")),
        });
    }
    let baseline = baseline?;
    let before = baseline.tests.unwrap_or(0);
    let gone = match report.names() {
        Some(names) => gone(&baseline.names, &names),
        // Not all are named: where all were before, they may not have been lost by forgetting a flag.
        None if !baseline.names.is_empty() => {
            return Some(format!(
                "{before} tests were named at the baseline, and its report does not name all {ran} now"
            ));
        }
        None => vec![],
    };
    if gone.is_empty() && ran >= before {
        return None;
    }
    let skipped =
        |name: &&str| report.tests.iter().any(|test| test.name == **name && test.end == TestEnd::Skipped);
    let words = |name: &&str| format!("{name}{}", if skipped(name) { " is skipped" } else { " is gone" });
    let told: Vec<String> = gone.iter().take(TOLD).map(words).collect();
    let more = gone.len().saturating_sub(TOLD);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    let names = if told.is_empty() { String::new() } else { format!(": {}{more}", told.join(", ")) };
    Some(format!("{} ran at the baseline, {ran} now{names}", plural(before, "test")))
}

/// Names of `before` that are not in `now`, each as often as it lacks; both are sorted.
fn gone<'a>(before: &'a [String], now: &[String]) -> Vec<&'a str> {
    let mut now = now.iter().peekable();
    let mut gone = vec![];
    for name in before {
        while now.next_if(|is| *is < name).is_some() {}
        if now.next_if(|is| *is == name).is_none() {
            gone.push(name.as_str());
        }
    }
    gone
}

fn another(output: &Result<CheckOutput, String>, expected: Expected) -> Option<String> {
    let output = match output {
        Ok(output) => output,
        Err(why) => return Some(format!("its output cannot be read: {why}")),
    };
    let (wanted, whose) =
        match (expected.sha256, expected.baseline.and_then(|baseline| baseline.output.as_deref())) {
            (Some(wanted), _) => (wanted, "`golden` asks for"),
            (None, Some(wanted)) => (wanted, "the baseline's was"),
            (None, None) => return None,
        };
    (!wanted.eq_ignore_ascii_case(&output.sha256)).then(|| {
        let short = |hash: &str| hash.get(..12).unwrap_or(hash).to_owned();
        format!(
            "its output is another one: {}, sha256 {}...; {whose} {}...",
            plural(usize::try_from(output.bytes).unwrap_or(usize::MAX), "byte"),
            short(&output.sha256),
            short(wanted)
        )
    })
}
