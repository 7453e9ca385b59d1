//! The decision log as Markdown. What others wrote stands in code, on a line that begins with something else.

use std::collections::BTreeMap;

use super::human::{FilePart, Human, file};
use super::{Came, Experiments, IdeaHistory, IdeaStatus, IdeaTrial};
use crate::html::{cell, code};
use piton_base::metric::{Direction, Gain, Metric};
use piton_rule::keep::Verdict;
use piton_trial::record::Outcome;
use piton_trial::text::{ends, flow, gain, number, plural, size};

/// Trials of an idea that are listed.
const TRIALS: usize = 20;
/// Ways of failing of an idea that are told.
const WAYS: usize = 5;
/// Longest foreign text, in characters.
const WORDS: usize = 200;

impl Experiments {
    /// The file, with what people wrote in their places; what stands with an idea that is none any more is put at the end.
    pub fn text(&self, human: &Human) -> String {
        let mut parts =
            vec![FilePart::Text(self.top()), FilePart::Block(String::new()), FilePart::Text(rules(self))];
        for status in IdeaStatus::ALL {
            let mut ideas: Vec<(&String, &IdeaHistory)> =
                self.ideas.iter().filter(|(_, idea)| idea.status() == status).collect();
            ideas.sort_by_key(|(_, idea)| idea.first);
            if !ideas.is_empty() {
                parts.push(FilePart::Text(format!(
                    "\n## {}{}\n",
                    status.word()[..1].to_uppercase(),
                    &status.word()[1..]
                )));
            }
            for (name, idea) in ideas {
                parts.push(FilePart::Text(self.entry(name, idea, status)));
                parts.push(FilePart::Block(name.clone()));
            }
        }
        let lost: Vec<&str> = human.ideas().filter(|idea| !self.ideas.contains_key(*idea)).collect();
        if !lost.is_empty() {
            let why = "What people wrote of ideas that are not in the ledger now, or not in the runs that were asked for.";
            parts.push(FilePart::Text(format!("\n## Of other ideas\n\n{why}\n")));
        }
        for idea in lost {
            parts.push(FilePart::Text(format!("\n### {idea}\n\n")));
            parts.push(FilePart::Block(idea.to_owned()));
        }
        file(&parts, human)
    }

    /// Title, runs and how to write in it.
    fn top(&self) -> String {
        let mut text = String::from(
            "# Experiments\n\n`piton log --experiments` writes this from the ledger. Write between the markers `piton:yours` and `piton:end`: that \
            stays, and everything else is written anew.\n\n| run | experiment | metric | trials | kept | verified |\n|---|---|---|---:|---:|---|\n",
        );
        for run in &self.runs {
            let better = match run.metric.direction {
                Direction::Higher => "higher",
                Direction::Lower => "lower",
            };
            let verified = run.verified.map_or_else(
                || "not yet".to_owned(),
                |(middle, low, high)| {
                    format!("{} ({})", gain(middle, &run.metric), ends(Some(low), Some(high), &run.metric))
                },
            );
            text.push_str(&format!(
                "| {} | {} | {}, {better} is better | {} | {} | {verified} |\n",
                run.name,
                cell(&run.experiment, WORDS),
                cell(&run.metric.name, WORDS),
                run.trials,
                run.kept
            ));
        }
        text.push('\n');
        text
    }

    fn entry(&self, name: &str, idea: &IdeaHistory, status: IdeaStatus) -> String {
        let mut text = format!("\n### {name}\n\n**{}**", status.word());
        let kept = idea.tried.iter().filter(|tried| tried.outcome.kept()).count();
        let (judged, silent) = (idea.tried.len(), idea.silent as usize);
        if judged > 0 {
            text.push_str(&format!("; {}, {kept} kept", plural(judged, "trial")));
        }
        if silent > 0 {
            let silent = if judged > 0 { format!("{silent} more") } else { plural(silent, "trial") };
            text.push_str(&format!("; {silent} said nothing"));
        }
        text.push_str(".\n");
        let mut listed: Vec<&IdeaTrial> = idea.tried.iter().collect();
        if listed.len() > TRIALS {
            // Keeps, then what came nearest; a table is read in the order of time.
            listed.sort_by(|a, b| {
                (b.outcome.kept(), b.gain())
                    .partial_cmp(&(a.outcome.kept(), a.gain()))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            listed.truncate(TRIALS);
            listed.sort_by_key(|tried| (tried.run, tried.trial));
        }
        if let Some(why) = idea.tried.iter().find_map(|tried| tried.hypothesis.as_ref()) {
            text.push_str(&format!("\nProposed because: {}\n", code(&flow(why), WORDS)));
        }
        if !listed.is_empty() {
            text.push_str("\n| run | trial | came to | change | interval | pairs | what |\n|---|---:|---|---:|---|---:|---|\n");
        }
        for tried in &listed {
            text.push_str(&self.row(tried));
        }
        if idea.tried.len() > TRIALS {
            text.push_str(&format!("\n{} more, not nearer: `piton log`\n", idea.tried.len() - TRIALS));
        }
        if matches!(status, IdeaStatus::Shelved | IdeaStatus::Rejected) {
            text.push_str(&format!("\n{}\n", self.reason(idea, status)));
        }
        for note in &idea.notes {
            let day: String = note.at.chars().take(10).collect();
            text.push_str(&format!(
                "\n- note of {} ({}): {}\n",
                code(&note.by, 80),
                code(&day, 10),
                code(&flow(&note.text), 4 * WORDS)
            ));
        }
        text.push('\n');
        text
    }

    fn row(&self, tried: &IdeaTrial) -> String {
        let (estimate, metric) = (tried.estimate(), &self.runs[tried.run].metric);
        let came = match &tried.came {
            Came::Ships => tried.outcome.reason(),
            Came::ForNow => "kept for now".to_owned(),
            Came::TakenBack => "kept, and taken back".to_owned(),
            Came::PaysNoLonger(..) => "kept, pays no longer".to_owned(),
            Came::NotShown | Came::GivenUp | Came::Harm => tried.outcome.reason(),
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} |\n",
            self.runs[tried.run].name,
            tried.trial,
            cell(&came, 60),
            estimate.map_or_else(|| "-".to_owned(), |e| gain(e.gain, metric)),
            estimate.map_or_else(String::new, |e| piton_trial::text::interval(e, metric)
                .trim()
                .trim_matches(['(', ')'])
                .to_owned()),
            estimate.map_or_else(String::new, |e| e.pairs.to_string()),
            cell(&flow(&tried.description), WORDS)
        )
    }

    /// What a trial measured.
    fn measured(&self, tried: &IdeaTrial) -> String {
        let metric = &self.runs[tried.run].metric;
        tried.estimate().map_or_else(String::new, |e| {
            format!(
                "{}{} in {}",
                gain(e.gain, metric),
                piton_trial::text::interval(e, metric),
                plural(e.pairs as usize, tried.noun)
            )
        })
    }

    /// Why it is not in what ships, in figures.
    fn reason(&self, idea: &IdeaHistory, status: IdeaStatus) -> String {
        let mut said = vec![];
        let by = |tried: &IdeaTrial, measured: Gain| gain(measured, &self.runs[tried.run].metric);
        let place = |tried: &IdeaTrial| format!("trial {} of {}", tried.trial, self.runs[tried.run].name);
        for tried in &idea.tried {
            match tried.came {
                Came::PaysNoLonger(measured, pairs) => said.push(format!(
                    "{} was kept with {}; `piton verify --each` then found the run {} better with it than without it in {}, which is not shown to be more than nothing.",
                    capital(&place(tried)), by(tried, tried.gain()), by(tried, measured), plural(pairs as usize, "pair")
                )),
                Came::TakenBack => said.push(format!(
                    "{} was kept for now with {}, and did not hold in the full test.",
                    capital(&place(tried)), by(tried, tried.gain())
                )),
                _ => {}
            }
        }
        let unshown: Vec<&IdeaTrial> =
            idea.tried.iter().filter(|tried| tried.came == Came::NotShown).collect();
        if let Some(best) = best(&unshown) {
            said.push(format!(
                "Not shown better in {}; the nearest was {}: {}.{}",
                plural(unshown.len(), "trial"),
                place(best),
                self.measured(best),
                best.resolves.map_or_else(String::new, |resolves| format!(
                    " There, a gain of {} is found four times out of five: a smaller one may have been missed.",
                    size(resolves, 1, &self.runs[best.run].metric)
                ))
            ));
        }
        let early: Vec<&IdeaTrial> = idea.tried.iter().filter(|tried| tried.came == Came::GivenUp).collect();
        if let Some(best) = best(&early) {
            said.push(format!(
                "Given up early in {}, by three pairs or fewer; the nearest was {}: {} by tau alone. What it is worth is not known: `piton again {}` measures it once more.",
                plural(early.len(), "trial"),
                place(best),
                self.measured(best),
                best.trial
            ));
        }
        let mut ways: BTreeMap<String, Vec<&IdeaTrial>> = BTreeMap::new();
        for tried in idea.tried.iter().filter(|tried| tried.came == Came::Harm) {
            ways.entry(tried.outcome.reason()).or_default().push(tried);
        }
        let more = ways.len().saturating_sub(WAYS);
        for (_, trials) in ways.into_iter().take(WAYS) {
            let example = best(&trials).unwrap_or(trials[0]);
            let often = if trials.len() == 1 {
                String::new()
            } else {
                format!("; {} ended so", plural(trials.len(), "trial"))
            };
            said.push(format!(
                "{}: {}{often}.",
                capital(&place(example)),
                how(example, &self.runs[example.run].metric)
            ));
        }
        if more > 0 {
            said.push(format!("{} besides.", plural(more, "other way")));
        }
        let last = if status == IdeaStatus::Rejected {
            "Do not build it again as it was."
        } else {
            "Nothing of it ships."
        };
        said.push(last.to_owned());
        said.join(" ")
    }
}

/// The rule of each status, with how many ideas have it.
fn rules(all: &Experiments) -> String {
    let mut text = String::from(
        "\nAn idea is the family that its proposer named; else the one constant that was changed; else the description's words.\n\n\
        | status | ideas | an idea has it when (the first that fits) |\n|---|---:|---|\n",
    );
    for status in IdeaStatus::ALL {
        let n = all.ideas.values().filter(|idea| idea.status() == status).count();
        text.push_str(&format!("| {} | {n} | {} |\n", status.word(), status.rule()));
    }
    text
}

fn best<'a>(trials: &[&'a IdeaTrial]) -> Option<&'a IdeaTrial> {
    trials.iter().copied().reduce(|best, other| if other.gain() > best.gain() { other } else { best })
}

/// How a trial ended that did harm, in figures where there are any.
fn how(tried: &IdeaTrial, metric: &Metric) -> String {
    let measured = tried.estimate().map(|e| {
        format!(
            "{}{} in {}",
            gain(e.gain, metric),
            piton_trial::text::interval(e, metric),
            plural(e.pairs as usize, tried.noun)
        )
    });
    let (measured, apart) = match measured {
        Some(measured) => (measured.clone(), format!(", at {measured}")),
        None => (String::new(), String::new()),
    };
    match &tried.outcome {
        Outcome::Judged { verdict: Verdict::Guarded(metric), .. } => {
            format!("{} is proven worse than its limit{apart}", code(metric, 60))
        }
        Outcome::Judged { verdict: Verdict::OneOrder, .. } => {
            format!("a gain whoever ran first was not shown, {measured}")
        }
        Outcome::Judged { .. } => format!("worse, {measured}"),
        Outcome::Held { .. } => format!("held for a person: more than is believed without one, {measured}"),
        Outcome::GateFailed { .. } => {
            let failed = tried.failed.iter().map(|gate| {
                format!("{} {} is not {}", code(&gate.metric, 60), number(gate.value), code(&gate.bound, 40))
            });
            format!("a gate failed, {}{apart}", failed.collect::<Vec<_>>().join(", "))
        }
        Outcome::CheckFailed { check, reason, .. } => {
            format!("a check failed, {}: {}", code(check, 60), code(reason, WORDS))
        }
        Outcome::BuildFailed { error } => format!("it does not build, {}", code(error, WORDS)),
        Outcome::RunFailed { how, reason } => {
            format!("it does not run ({}), {}", code(how, 40), code(reason, WORDS))
        }
        Outcome::TimedOut { stage, limit_s } => format!("{} took longer than {limit_s} s", stage.words()),
        Outcome::OutOfMemory { reason } => format!("out of memory, {}", code(reason, WORDS)),
        Outcome::OutOfScope { paths } => format!("outside the scope, {}", code(&paths.join(", "), WORDS)),
        Outcome::Tampered { what } => {
            format!("its agent moved what is not its own, {}", code(&what.join("; "), WORDS))
        }
        other => code(&other.reason(), 60),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), chars.as_str()))
}
