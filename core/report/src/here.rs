//! `piton` alone: where a user stands, and the next command to type.

use piton_base::metric::{Gain, Metric};
use piton_run::stopping::Stop;
use piton_run::summary::Standing;
use piton_trial::text::{clean, from_to, plural, seconds, value};

/// Where a user stands.
#[derive(Debug)]
pub enum Here {
    /// piton cannot work here: no repository, a kind that it refuses, an experiment that it cannot use.
    Refused {
        /// What is in the way.
        what: String,
        /// Why, where that is known.
        cause: Option<String>,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A repository without a `piton.toml` where the user stands or above it; these directories have one.
    NoExperiment(Vec<String>),
    /// An experiment of this name, of which no run has begun.
    NoRun(String),
    /// A run whose baseline is built or measured: its name, what is done, and since when, in seconds.
    Beginning(String, String, f64),
    /// What the ledger says and what git holds do not agree, or it cannot be read.
    Faulty(String),
    /// A run.
    Run(Box<RunHere>),
}

/// A run, and what of it calls for a command.
#[derive(Debug)]
pub struct RunHere {
    /// Where it stands.
    pub standing: Standing,
    /// Its metric, with the scale by which it compares.
    pub metric: Metric,
    /// What is at work, if anything is.
    pub work: Option<Work>,
    /// Whether a kill or a power cut left something undone.
    pub undone: bool,
    /// Trials that are held for a person.
    pub held: Vec<u32>,
    /// Whether the head was verified.
    pub verified: bool,
    /// Whether this checkout is on the branch of the run, and if so whether it holds an edit.
    pub edited: Option<bool>,
}

/// What is at work.
#[derive(Debug)]
pub struct Work {
    /// In words: `trial 7: pair 3`.
    pub doing: String,
    /// For so long, in seconds, where that is known.
    pub seconds: Option<f64>,
    /// Whether it is a climb.
    pub climb: bool,
}

/// A command to type, and what it is for.
type Step = (String, &'static str);

/// What to type next, the likeliest first.
pub fn steps(here: &Here) -> Vec<Step> {
    let step = |command: &str, why| (command.to_owned(), why);
    match here {
        Here::Refused { .. } => vec![],
        Here::NoExperiment(elsewhere) => match elsewhere.first() {
            Some(first) => {
                vec![(format!("cd {first}"), "go to an experiment, from the root of the repository")]
            }
            None => vec![
                step("piton init", "write a piton.toml for this repository"),
                step("piton --help", "list the commands"),
            ],
        },
        Here::NoRun(_) => vec![
            step("piton doctor --try", "see what the walls refuse: one sample"),
            step("piton agents", "see which agents piton can drive here"),
            step("piton climb --agent claude --for 8h", "let an agent climb"),
            step("piton baseline", "or begin a run that you drive by hand"),
        ],
        Here::Beginning(..) => vec![
            step("piton watch", "follow it"),
            step("piton stop --now", "end it; nothing is recorded yet"),
        ],
        Here::Faulty(_) => vec![step("piton audit", "name everything that does not agree")],
        Here::Run(run) => of_run(run),
    }
}

fn of_run(run: &RunHere) -> Vec<Step> {
    let step = |command: &str, why| (command.to_owned(), why);
    let name = &run.standing.run;
    match &run.work {
        Some(work) if work.climb => {
            return vec![
                step("piton watch", "follow it; piton serve does so in a browser"),
                step("piton note \"an idea\"", "leave an idea for later proposals"),
                step("piton stop", "end it after the trial in progress"),
            ];
        }
        Some(_) => return vec![step("piton wait", "wait for it"), step("piton watch", "follow it")],
        None => {}
    }
    let mut steps = vec![];
    if run.undone {
        steps.push(step("piton recover", "finish what a kill or a power cut left undone"));
    }
    if let Some(trial) = run.held.first() {
        steps.push((format!("piton show {trial}"), "read the edit whose gain piton does not believe"));
        steps.push((format!("piton accept {trial}"), "have it measured again and kept, if you believe it"));
    }
    match run.edited {
        Some(true) => {
            steps.push(step("piton trial -m \"what you tried\"", "judge the edit in this checkout"))
        }
        Some(false) => steps.push(step("piton trial -m \"what you tried\"", "after an edit: judge it")),
        None => {}
    }
    let gained = run.standing.incumbent.as_ref().is_some_and(|incumbent| *incumbent != run.standing.base);
    if gained && !run.verified {
        steps.push(step("piton verify", "measure the gain anew, in fresh pairs"));
    }
    if run.standing.trials > 0 {
        steps.push(step("piton report", "read what was tried, on one page"));
    }
    if gained {
        steps.push(step("piton finalize", "see which branches for review it would make"));
    }
    let stopped = run.standing.climb.as_ref().map(|climb| climb.ascent.stopped);
    match (stopped, run.edited) {
        (Some(Some(Stop::Unauthorised)), _) => {
            steps.push(step("piton agents", "see who is logged in"));
        }
        (Some(None | Some(Stop::Interrupted | Stop::Asked | Stop::Broken | Stop::Limited)), _) => {
            steps.push(step("piton resume", "go on with the climb, and what is left of its limits"));
        }
        (Some(Some(_)), _) => {
            steps.push((format!("piton climb --run {name} --for 8h"), "go on with the run"));
        }
        (None, None) => steps.push((format!("git switch piton/{name}"), "go on with the run by hand")),
        (None, Some(_)) => {}
    }
    steps
}

/// Both for a person.
pub fn words(here: &Here) -> String {
    let mut text = state(here);
    let steps = steps(here);
    if !steps.is_empty() {
        let width = steps.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
        text.push_str("\nNext:\n");
        for (command, why) in steps {
            let command = clean(&command, 120);
            text.push_str(&format!("  {command:width$}  {why}\n"));
        }
    }
    text
}

fn state(here: &Here) -> String {
    match here {
        Here::Refused { what, cause, hint } => {
            let cause = cause.iter().map(|cause| format!("  why   {}\n", clean(cause, 400)));
            let hint = hint.iter().map(|hint| format!("  next  {}\n", clean(hint, 400)));
            format!("{}\n{}", clean(what, 300), cause.chain(hint).collect::<String>())
        }
        Here::NoExperiment(elsewhere) if elsewhere.is_empty() => {
            "This repository has no piton.toml: piton does not know yet what to climb.\n".to_owned()
        }
        Here::NoExperiment(elsewhere) => {
            let known: Vec<String> = elsewhere.iter().take(8).map(|dir| clean(dir, 120)).collect();
            format!("There is no piton.toml here or above. There are experiments in {}.\n", known.join(", "))
        }
        Here::NoRun(name) => {
            format!("The experiment {} is ready; no run of it has begun.\n", clean(name, 80))
        }
        Here::Beginning(run, doing, s) => {
            format!(
                "Run {} is about to begin: {}, {} so far.\n",
                clean(run, 60),
                clean(doing, 200),
                seconds(*s)
            )
        }
        Here::Faulty(why) => format!(
            "The ledger of this repository and git do not agree, or it cannot be read:\n  {}\nNothing begins on it.\n",
            clean(why, 400)
        ),
        Here::Run(run) => of(run),
    }
}

fn of(run: &RunHere) -> String {
    let standing = &run.standing;
    let name = clean(&standing.run, 60);
    let trials = match standing.trials {
        0 => "no trial yet".to_owned(),
        n => plural(n, "trial"),
    };
    let value = match (standing.baseline_value, standing.incumbent_value) {
        (Some(from), Some(to)) if standing.incumbent.as_ref() != Some(&standing.base) => {
            format!(", {}", from_to(from, to, standing.gain.unwrap_or(Gain::ZERO), &run.metric))
        }
        (Some(value), _) => {
            format!(", {} {}", clean(&run.metric.name, 60), value::value(value, &run.metric))
        }
        _ => String::new(),
    };
    let mut text = format!("Run {name}: {trials}{}\n", value.trim_end());
    let mut line = |words: String| text.push_str(&format!("  {words}\n"));
    match (&run.work, standing.climb.as_ref().map(|climb| &climb.ascent)) {
        (Some(work), _) => {
            let since = work.seconds.map_or_else(String::new, |s| format!(", {} so far", seconds(s)));
            line(format!("at work: {}{since}", clean(&work.doing, 200)));
        }
        (None, Some(ascent)) => line(match &ascent.stopped {
            Some(stop) => {
                let why = stop.words();
                format!("its climb ended: {}", why.split_once(';').map_or(why, |(why, _)| why))
            }
            None => "its climb was ended by a kill or a power cut; every recorded trial stands".to_owned(),
        }),
        (None, None) => line("nothing is at work".to_owned()),
    }
    if run.undone {
        line("something was left undone; the next command that writes finishes it, too".to_owned());
    }
    for held in &standing.held {
        let (what, _) = held.split_once(", which").unwrap_or((held, ""));
        line(format!("{} is held for you", clean(what, 200)));
    }
    match run.edited {
        Some(true) => line("this checkout is on its branch and holds an edit that is not judged".to_owned()),
        Some(false) => line("this checkout is on its branch".to_owned()),
        None => {}
    }
    text
}
