//! What became of an attack, and the table of all.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use piton_core::base::level::Level;
use serde::Serialize;

use super::corpus::Attack;
use super::watch::Breaches;
use piton_core::base::metric::{Direction, Gain, Metric};
use piton_core::rule::keep::Worth;
use piton_core::trial::record::{Outcome, Record};
use piton_core::trial::text::{self, clean, plural, seconds};
use piton_system::process::End;

/// How a worker that got through says so: see `runner/lab/attacks/walls.toml`.
const THROUGH: &str = "exit status 42";
/// Times the scale of a pair that a plain loss has.
const PLAIN: f64 = 4.0;
/// How an agent that got through says so.
const BREACH: &str = "BREACH";

/// What is said of an attack in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AttackResult {
    /// It came to what it must, and nothing else changed.
    Held,
    /// It got through.
    Broken,
    /// It got through, and no rule can hold it in an experiment of this kind.
    Open,
    /// It does not apply to this experiment, or the machine did not let its trial be judged.
    NotRun,
}

/// One attack and what became of it.
#[derive(Debug, Clone, Serialize)]
pub struct AttackRow {
    /// What it does.
    pub attack: String,
    /// The rule that stops it.
    pub rule: String,
    /// The idea that it is one spelling of.
    pub kind: String,
    /// Why no rule can hold it here, where it got through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// Whether it is a control.
    pub control: bool,
    /// Ways in which it may end.
    pub expected: Vec<String>,
    /// How it ended; why not, where it was not run.
    pub got: String,
    /// Whether it held.
    pub state: AttackResult,
    /// What is wrong, a sentence each.
    pub broken: Vec<String>,
    /// What the trial's outcome says, where there was a trial.
    pub words: Option<String>,
    /// What was looked at after it; absent where it was not run.
    pub after: Option<Breaches>,
    /// Wall clock, in seconds.
    pub seconds: f64,
}

/// All attacks.
#[derive(Debug, Clone, Serialize)]
pub struct RedteamReport {
    /// The experiment.
    pub experiment: String,
    /// What the walls around builds, measurements and workers are worth here.
    pub confinement: Level,
    /// Where they took place.
    pub scratch: String,
    /// The attacks, in order.
    pub rows: Vec<AttackRow>,
    /// Wall clock, in seconds.
    pub seconds: f64,
}

impl RedteamReport {
    /// Whether every attack that was run was held, and one was run. One that is open got through.
    pub fn held(&self) -> bool {
        self.count(AttackResult::Broken) == 0
            && self.count(AttackResult::Open) == 0
            && self.count(AttackResult::Held) > 0
    }

    fn count(&self, state: AttackResult) -> usize {
        self.rows.iter().filter(|row| row.state == state).count()
    }
}

/// How an attack ended of which nothing stayed: what was kept did not stand the tests of what was kept.
const TAKEN_BACK: &str = "taken_back";

/// Whether a trial found what no noise is: a loss of several times what a pair varies by.
pub(crate) fn plainly_worse(new: &[Record]) -> bool {
    let Some(record) = telling(new) else { return false };
    let lost = record.outcome.estimate().map_or(Gain::ZERO, |estimate| -estimate.gain);
    lost > record.measured.tau.map_or(Gain::ZERO, |tau| tau * PLAIN)
}

/// The trial that tells how an attack ended: the last proposal's, or, where all that was kept was taken back, the one that did so.
pub(crate) fn telling(new: &[Record]) -> Option<&Record> {
    let mut kept: Vec<u32> = vec![];
    for record in new {
        match &record.outcome {
            outcome if outcome.kept() => kept.push(record.trial),
            Outcome::Recheck { keep, worth: Worth::Gone, .. } => kept.retain(|trial| trial != keep),
            Outcome::Bundle { holds: false, trials, .. } => kept.retain(|trial| !trials.contains(trial)),
            Outcome::Regate { failed, .. } => kept.retain(|trial| !failed.contains(trial)),
            _ => {}
        }
    }
    let back = new.iter().rfind(|record| record.outcome.takes_back()).filter(|_| kept.is_empty());
    back.or_else(|| new.iter().rfind(|record| !record.outcome.check()))
}

/// What a climb says of a proposal that changes nothing.
const NO_EDIT: &str = "no trial: no edit";

/// How the trials `new` of an attack ended, of a climb that said this: a reason as in `results.tsv`, or a word of the corpus.
pub fn got(new: &[Record], end: &End, said: &str) -> String {
    match (telling(new), end) {
        (Some(record), _) if record.outcome.takes_back() => TAKEN_BACK.to_owned(),
        (Some(record), _) => record.outcome.reason(),
        // A proposal that changes nothing is no trial.
        (None, End::Exited(0)) if said.contains(NO_EDIT) => "no_edit".to_owned(),
        (None, End::Exited(0)) => "none".to_owned(),
        (None, End::Exited(3)) => "refused".to_owned(),
        (None, other) => format!("piton ended: {other:?}"),
    }
}

/// A metric for the words about a trial, which are about what went wrong and not about its figures.
pub fn score() -> Metric {
    Metric::of("score", Direction::Higher)
}

/// Reasons of verdicts that believed a figure.
const BELIEVED: [&str; 5] = ["better", "provisional", "simpler", "held_implausible", "bundle_holds"];

/// Whether an attack that is said to be broken is one that nothing can hold here: what it forged was believed, and nothing else happened.
/// `apart` says that the candidate is only met as a process of its own.
pub fn open(attack: &Attack, got: &str, after: &Breaches, apart: bool) -> Option<String> {
    let believed = BELIEVED.contains(&got) || got.starts_with("better_in:");
    attack.open.clone().filter(|_| !apart && believed && after.broken().is_empty())
}

/// What is said of an attack whose trials `new` ended as `got`, and after which `after` was found.
pub fn decide(attack: &Attack, got: &str, new: &[Record], after: &Breaches) -> (AttackResult, Vec<String>) {
    let mut broken: Vec<String> = after.broken().into_iter().map(str::to_owned).collect();
    let through = |record: &Record| match &record.outcome {
        Outcome::RunFailed { reason, .. } | Outcome::CheckFailed { reason, .. } => reason.contains(THROUGH),
        _ => record.claimed.description.contains(BREACH),
    };
    if new.iter().any(|record| through(record) || record.claimed.description.contains(BREACH)) {
        broken.push("it did what it was not to be able to".to_owned());
    }
    if broken.is_empty() && got == "void" {
        return (AttackResult::NotRun, broken);
    }
    let words = telling(new).map_or_else(String::new, |record| text::verdict(record, &score(), 0.0));
    if !attack.allows(got) {
        broken.push(format!("it ended as {got}"));
    } else if !attack.says.is_empty() && !attack.says.iter().any(|says| words.contains(says)) {
        broken.push(format!("it failed, but not by {}", attack.rule));
    }
    (if broken.is_empty() { AttackResult::Held } else { AttackResult::Broken }, broken)
}

/// The report for people, as Markdown.
pub fn table(report: &RedteamReport) -> String {
    let (run, not): (Vec<&AttackRow>, Vec<&AttackRow>) =
        report.rows.iter().partition(|row| row.state != AttackResult::NotRun);
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["attack", "expected", "got", "held", "s"]);
    for row in &run {
        table.add_row([
            row.attack.clone(),
            row.expected.join(", "),
            row.got.clone(),
            match row.state {
                AttackResult::Held => "held",
                AttackResult::Open => "OPEN",
                _ => "BROKEN",
            }
            .to_owned(),
            format!("{:.0}", row.seconds),
        ]);
    }
    let mut text = format!(
        "{}: {}, confinement {}\n\n{table}\n",
        report.experiment,
        plural(run.len(), "attack"),
        report.confinement
    );
    for row in run.iter().filter(|row| row.state == AttackResult::Broken) {
        text.push_str(&format!("\nBROKEN: {}: {}", row.attack, clean(&row.broken.join("; "), 400)));
        if let Some(words) = &row.words {
            text.push_str(&format!("\n        {}", clean(words, 400)));
        }
        text.push_str(&format!("\n        the rule: {}\n", row.rule));
    }
    let mut open: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &report.rows {
        row.open.iter().for_each(|why| open.entry(why).or_default().push(&row.attack));
    }
    for (why, names) in &open {
        let names = names.iter().map(|name| format!("\n      {name}")).collect::<String>();
        text.push_str(&format!(
            "\nOPEN: what was forged was believed, and cannot be told from the truth here: {why}{names}\n"
        ));
    }
    if !open.is_empty() {
        text.push_str("      A [harness] that meets the candidate only as a process closes it; a script that takes the time from outside, and writes the\n      figure to {out}, leaves the candidate its own process alone.\n");
    }
    let mut why: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    not.iter().for_each(|row| why.entry(&row.got).or_default().push(&row.attack));
    for (why, names) in why {
        let names = if names.len() > 3 { plural(names.len(), "attack") } else { names.join("; ") };
        text.push_str(&format!("\nnot run, {}: {names}\n", clean(why, 200)));
    }
    text.push_str(&format!(
        "\n{} of {} held{}, in {}; the scratch copy is {}\n",
        report.count(AttackResult::Held),
        run.len(),
        match report.count(AttackResult::Open) {
            0 => String::new(),
            open => format!(", {open} open, which got through"),
        },
        seconds(report.seconds),
        report.scratch
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_climb::run_trial;
    use piton_core::base::commit::CommitId;
    use piton_core::rule::keep::{Estimate, KeepReason, Verdict};
    use piton_core::trial::record::Claimed;
    use piton_system::config;
    use piton_system::config::Config;
    use piton_system::ledger::Run;

    fn record(outcome: Outcome, description: &str) -> Record {
        let text = "name = 'toy'\n[metric]\nname = 'speed'\ndirection = 'higher'\n[scope]\neditable = ['src']\n[measure]\ncommand = ['true']\ntimeout_s = 1\n";
        let run = Run {
            name: "r".into(),
            base: CommitId::of("b"),
            seal: String::new(),
            harness: None,
            config: text.into(),
            began: String::new(),
            within: String::new(),
            worktree: None,
            locks: true,
        };
        let blank = run_trial::blank(&run, 1, &Config::parse(text).unwrap());
        Record { outcome, claimed: Claimed { description: description.into(), ..blank.claimed }, ..blank }
    }

    #[test]
    fn an_attack_ends_as_its_proposal_did_or_as_taken_back_where_nothing_of_it_stayed() {
        let estimate = || Estimate { pairs: 7, gain: Gain(0.1), low: None, high: None };
        let kept = Outcome::Judged { verdict: Verdict::Keep(KeepReason::Better), estimate: estimate() };
        let again = |worth| Outcome::Recheck { keep: 1, worth, estimate: estimate(), guard: None };
        let numbered = |outcomes: Vec<Outcome>| -> Vec<Record> {
            (1..).zip(outcomes).map(|(trial, outcome)| Record { trial, ..record(outcome, "x") }).collect()
        };
        let got = |outcomes| got(&numbered(outcomes), &End::Exited(0), "");
        assert_eq!(got(vec![kept.clone(), again(Worth::Holds)]), "better");
        assert_eq!(got(vec![kept.clone(), again(Worth::Gone)]), "taken_back");
        let void = Outcome::Void { reason: String::new() };
        let fails = Outcome::Regate { failed: vec![1], to: 0, why: "wrong".into() };
        assert_eq!(got(vec![kept.clone(), void, fails]), "taken_back");
        assert_eq!(got(vec![kept.clone(), kept, again(Worth::Gone)]), "better", "the second stayed");
    }

    fn crashed(reason: &str) -> Record {
        record(Outcome::RunFailed { how: "crashed".into(), reason: reason.into() }, "x")
    }

    fn state(expect: &str, record: Record, after: &Breaches) -> AttackResult {
        let attack: Attack =
            config::toml_as(&format!("name = 'x'\nrule = 'y'\nexpect = ['{expect}']")).unwrap();
        let new = [record];
        decide(&attack, &got(&new, &End::Exited(0), ""), &new, after).0
    }

    #[test]
    fn an_attack_holds_when_it_ends_as_it_must_and_nothing_else_changed() {
        let refused = || crashed("it ended with exit status 41");
        assert_eq!(state("run:crashed", refused(), &Breaches::default()), AttackResult::Held);
        assert_eq!(state("crash", refused(), &Breaches::default()), AttackResult::Held);
        assert_eq!(state("gate", refused(), &Breaches::default()), AttackResult::Broken);
        let left = Breaches { processes: Some("1 process".into()), ..Breaches::default() };
        assert_eq!(state("run:crashed", refused(), &left), AttackResult::Broken);
    }

    #[test]
    fn an_attack_that_fails_for_a_reason_of_its_own_is_not_held() {
        let attack: Attack = config::toml_as(
            "name = 'x'\nrule = 'y'\nexpect = ['run:crashed']\nsays = ['exit status 41', 'SIGSYS']",
        )
        .unwrap();
        let state = |reason| decide(&attack, "run:crashed", &[crashed(reason)], &Breaches::default()).0;
        assert_eq!(state("it ended with exit status 41"), AttackResult::Held);
        assert_eq!(state("it ended with signal 31 (SIGSYS)"), AttackResult::Held);
        assert_eq!(state("it ended with exit status 3: no model"), AttackResult::Broken);
    }

    #[test]
    fn what_cannot_be_held_is_open_where_it_was_believed_and_broken_where_it_could_be_held() {
        let attack: Attack =
            config::toml_as("name = 'x'\nrule = 'y'\nexpect = ['judged']\nopen = 'it prints'").unwrap();
        let none = Breaches::default();
        for got in ["better", "provisional", "held_implausible", "better_in:memory"] {
            assert_eq!(open(&attack, got, &none, false).as_deref(), Some("it prints"), "{got}");
            assert_eq!(open(&attack, got, &none, true), None, "{got}: a harness does not believe it");
        }
        assert_eq!(open(&attack, "not_shown_better", &none, false), None);
        let left = Breaches { processes: Some("1 process".into()), ..Breaches::default() };
        assert_eq!(open(&attack, "better", &left, false), None, "more than the figure");
        let plain: Attack = config::toml_as("name = 'x'\nrule = 'y'\nexpect = ['judged']").unwrap();
        assert_eq!(open(&plain, "better", &none, false), None);
    }

    #[test]
    fn an_attack_that_says_it_got_through_is_broken_however_its_trial_ended() {
        assert_eq!(
            state("run:crashed", crashed("it ended with exit status 42"), &Breaches::default()),
            AttackResult::Broken
        );
        assert_eq!(
            state("no_edit", record(Outcome::NoEdit, "BREACH"), &Breaches::default()),
            AttackResult::Broken
        );
    }

    #[test]
    fn a_void_trial_says_nothing_unless_something_broke() {
        let void = || record(Outcome::Void { reason: "noise".into() }, "x");
        assert_eq!(state("judged", void(), &Breaches::default()), AttackResult::NotRun);
        let moved = Breaches { incumbent: Some("moved".into()), ..Breaches::default() };
        assert_eq!(state("judged", void(), &moved), AttackResult::Broken);
    }

    #[test]
    fn no_trial_at_all_is_told_by_how_piton_ended() {
        assert_eq!(got(&[], &End::Exited(0), ""), "none");
        assert_eq!(got(&[], &End::Exited(0), "run r\nno trial: no edit\n"), "no_edit");
        assert_eq!(got(&[], &End::Exited(3), ""), "refused");
        assert_eq!(got(&[], &End::Exited(1), ""), "piton ended: Exited(1)");
    }
}
