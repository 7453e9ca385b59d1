//! What `piton init` says for people.

use super::{Report, asked, attempt};
use piton_lab::draft;
use piton_system::config;
use piton_system::git::Repo;

/// The line that commits these files.
pub(super) fn commit_line(files: &[String]) -> String {
    format!("git add --force {0} && git commit -m \"piton\" -- {0}", files.join(" "))
}

/// Where the experiment lies, where that is not the root of the repository, and what it lies in.
pub(super) fn place(repo: &Repo, within: &str) -> String {
    if within.is_empty() {
        return String::new();
    }
    let mut text = format!("in {within}, a directory of the repository {}:\n", repo.root().display());
    match repo.within().filter(|above| *above != within) {
        Some("") => text
            .push_str("the experiment at the root of the repository stays as it is; this is another one\n"),
        Some(above) => {
            text.push_str(&format!("the experiment in {above} stays as it is; this is another one\n"))
        }
        None => {}
    }
    text
}

/// The report, for people.
pub(super) fn told(report: &Report) -> String {
    let mut text = String::new();
    if !report.left.is_empty() {
        text.push_str(&format!("left as it is: {}\n", report.left.join(", ")));
    }
    report.notes.iter().for_each(|note| text.push_str(&format!("{note}\n")));
    if let Some(asked) = &report.set_up {
        text.push_str(&asked::told(asked, !report.wrote.is_empty()));
    }
    if report.wrote.is_empty() && !report.failed() {
        return text + "nothing was written; next: piton init --agents, or piton climb --trials 6";
    }
    if !report.installed.is_empty() {
        text.push_str(&format!("installed: {}\n", report.installed.join(" && ")));
    }
    if !report.wrote.is_empty() {
        text.push_str(&format!("wrote {} ({})\n", report.wrote.join(", "), report.kind));
    }
    if !report.others.is_empty() {
        let (first, more) = report.others.split_at(report.others.len().min(8));
        let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        text.push_str(&format!(
            "measures {}; --bench NAME takes another: {}{more}\n",
            report.bench,
            first.join(", ")
        ));
    }
    if let Some(tried) = &report.tried {
        text.push_str(&attempt::told(tried, report.change.as_deref()));
    }
    let untested = report.checks.iter().all(|check| check == draft::OUTPUT);
    let checked = if report.checks.is_empty() { "nothing" } else { "only what the benchmark prints" };
    if let (true, [first, ..]) = (untested, report.tests_need.as_slice()) {
        text.push_str(&format!(
            "checks {checked}: what runs its tests is not installed, and a program that does less is faster; {first} installs it: rm {0}, and piton init --install\n",
            report.wrote.join(" ")
        ));
    } else if untested && report.wrote.iter().any(|name| name == config::FILE) {
        text.push_str(&format!(
            "checks {checked}: no tests were found that run here, and a program that does less is faster; write a [[check]] that runs yours\n"
        ));
    }
    text.push_str("next:\n");
    let mut step = 0;
    let mut next = |line: &str| {
        step += 1;
        text.push_str(&format!("  {step}. {line}\n"));
    };
    let failed = report.failed();
    report.needs.iter().for_each(|need| next(need));
    if !report.committed && !report.wrote.is_empty() {
        next(&commit_line(&report.wrote));
    }
    if failed {
        next("piton doctor --try, until it is measured");
    } else if report.tried.is_none() && !report.needs.is_empty() {
        next("piton doctor --try: it was not tried yet");
    }
    next(
        "piton climb --agent claude, or piton climb --trials 6; by hand: piton baseline, then piton trial -m \"what you tried\"",
    );
    next(
        "piton redteam shows which attacks this experiment holds; piton init --agents is for an agent that drives it by itself",
    );
    text
}
