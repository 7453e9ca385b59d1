//! The files of a draft, as text.

use piton_core::trial::scope::Scope;
use piton_core::trial::text::toml_value::{list, quoted};

use super::{CheckDraft, Draft, Facts, Figure, OUTPUT, PROGRAM, Trust};

fn table(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name} = {}", quoted(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Most names of locked paths that are written out.
const NAMED: usize = 12;

/// What is locked below the editable paths, each directory once.
fn locked(scope: &Scope, facts: &Facts) -> String {
    let mut found: Vec<String> = vec![];
    for path in facts.files.keys().filter(|path| scope.lock(path).is_some()) {
        let dirs = path.match_indices('/').map(|(at, _)| &path[..at]);
        let dir = dirs.into_iter().find(|dir| scope.lock(&format!("{dir}/.")).is_some());
        let name = dir.map_or_else(|| path.clone(), |dir| format!("{dir}/"));
        if found.last() != Some(&name) {
            found.push(name);
        }
    }
    if found.is_empty() {
        return "none are there yet".to_owned();
    }
    let more = found.len().saturating_sub(NAMED);
    found.truncate(NAMED);
    if more > 0 {
        found.push(format!("{more} more"));
    }
    format!("here {}", found.join(", "))
}

/// `piton.toml`.
pub fn piton_toml(draft: &Draft, facts: &Facts) -> String {
    let scope = draft.scope(facts);
    let usual = Scope::of(vec![]);
    let mut text = format!(
        "# The experiment: what is climbed, what may be edited, how it is measured. `piton init` wrote it for {kind}; make it yours.\n\
         # A run seals it, with everything else that is not editable: to change it, commit the change and begin a new run.\n\
         name = {name}\n\n{metric}\n\
         [scope]\neditable = {editable}    # all that an agent may change\n\
         # and what it may not change there: \"@default\" is tests, benches, their configuration, build manifests, CI, settings of agents and editors ({there}).\n\
         # Patterns are those of .gitignore: add yours, or open some, e.g. \"!lib/test_util.py\". [] opens all.\n\
         locked = {locked}\n",
        kind = draft.kind,
        name = quoted(&name(&facts.name)),
        metric = metric(draft),
        editable = list(&draft.editable),
        there = locked(&scope, facts),
        locked = list(&[vec!["@default".to_owned()], draft.locked.clone()].concat()),
    );
    if !draft.made.is_empty() {
        text.push_str(&format!(
            "made = {}    # what builds and samples may rewrite though it is sealed\n",
            list(&draft.made)
        ));
    }
    if !draft.from_checkout.is_empty() {
        let paths = list(&draft.from_checkout);
        text.push_str(&format!(
            "from_checkout = {paths}    # git ignores it, every tree gets a link to it: it is not sealed\n"
        ));
    }
    let limits = [
        ("max_files", scope.max_files as u64, usual.max_files as u64),
        ("max_bytes", scope.max_bytes, usual.max_bytes),
        ("max_file_bytes", scope.max_file_bytes, usual.max_file_bytes),
    ];
    for (key, now, _) in limits.iter().filter(|(_, now, usual)| now > usual) {
        text.push_str(&format!(
            "{key} = {now}    # there is more below the editable paths than the default allows\n"
        ));
    }
    text.push('\n');
    text.push_str(&build(draft));
    text.push_str(&draft.checks.iter().map(check).collect::<String>());
    text.push_str(&measure(draft));
    text.push_str(&rule(draft));
    text
}

/// A name that a table can hold.
fn name(text: &str) -> String {
    let plain = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = text.chars().filter(plain).collect();
    if name.is_empty() { "experiment".to_owned() } else { name }
}

fn metric(draft: &Draft) -> String {
    match &draft.figure {
        Figure::Meter(meter) => {
            let what = match *meter {
                "artifact_bytes" => "the size of the artifact",
                _ => "or \"cpu_s\", \"peak_memory_bytes\": piton reads it from the kernel, and nothing that is printed counts",
            };
            format!("[metric]\nmeter = \"{meter}\"    # {what}\n")
        }
        Figure::Report(..) => "[metric]\n# The geometric mean of all benchmarks that the baseline has; none of them may get much worse. Name some for others: [\"a\", \"b\"].\nof = \"all\"\n".to_owned(),
        Figure::Printed { name, direction, .. } => {
            let memory = draft.memory.map_or_else(String::new, |name| format!("memory = {}\n", quoted(name)));
            format!("[metric]\nname = {}    # as the command prints it\ndirection = \"{direction}\"\n{memory}", quoted(name))
        }
    }
}

fn build(draft: &Draft) -> String {
    let Some(build) = &draft.build else { return String::new() };
    let mut text =
        "# {tree} is the source as a commit holds it, {target} a directory to build in.\n[build]\n"
            .to_owned();
    if !build.fetch.is_empty() {
        text.push_str(&format!("fetch = {}    # once a run, with the network\n", list(&build.fetch)));
    }
    text.push_str(&format!("command = {}\n", list(&build.command)));
    if let Some(artifact) = &build.artifact {
        text.push_str(&format!("artifact = {}\n", quoted(artifact)));
    }
    if build.network {
        text.push_str("network = true    # what it needs is fetched for each build\n");
    }
    if !build.env.is_empty() {
        text.push_str(&format!("env = {}\n", table(&build.env)));
    }
    text + "timeout_s = 900\n\n"
}

fn check(check: &CheckDraft) -> String {
    let what = match check.name == OUTPUT {
        true => "what the benchmark prints, but for numbers: one that ends early says less",
        false => "no test of the baseline's may fail, or be missing",
    };
    let mut text = format!(
        "# What must hold before a challenger is measured, once for each trial: {what}.\n\
         [[check]]\nname = {}\ncommand = {}\n",
        quoted(&check.name),
        list(&check.command)
    );
    if check.format != "exit" {
        text.push_str(&format!("format = {}\n", quoted(check.format)));
    }
    text.push_str(&check.more);
    if !check.env.is_empty() {
        text.push_str(&format!("env = {}\n", table(&check.env)));
    }
    text + "\n"
}

fn measure(draft: &Draft) -> String {
    let mut text = "# Commands are lists of words, run without a shell and behind walls. {sealed} is the tree in which nothing was edited.\n[measure]\n".to_owned();
    text.push_str(&format!("command = {}\n", list(&draft.measure)));
    match &draft.figure {
        Figure::Printed { reading, .. } => text.push_str(reading),
        Figure::Report(format, report) => {
            text.push_str(&format!("format = {}\n", quoted(format)));
            let report = report.iter().map(|path| {
                format!("report = {}    # {{report}}, which piton makes anew for each sample\n", quoted(path))
            });
            report.for_each(|line| text.push_str(&line));
        }
        Figure::Meter(_) => {}
    }
    if !draft.env.is_empty() {
        text.push_str(&format!("env = {}\n", table(&draft.env)));
    }
    text.push_str(&draft.opens);
    if draft.repeat > 1 {
        text.push_str(&format!("repeat = {}\n", draft.repeat));
    }
    text + &format!("timeout_s = {}\n\n", draft.timeout_s)
}

fn rule(draft: &Draft) -> String {
    let preset = draft
        .preset
        .map_or_else(|| "# preset = \"standard\"".to_owned(), |preset| format!("preset = \"{preset}\""));
    let table = if draft.preset.is_some() { "[rule]" } else { "# [rule]" };
    let presets = match draft.budget {
        Some(_) => TRAINING,
        None => COSTLY,
    };
    let budget = draft.budget.map_or_else(String::new, |budget| {
        format!(
            "budget = \"{budget}\"    # what ends a run of training: \"wall\", \"cpu\" or \"steps\", as the last word of the command above (measure.py says how)\n"
        )
    });
    let guards = &draft.guards;
    format!(
        r#"# How sure, and at what price. `piton rule explain` says what a preset means on this machine. {presets}
{table}
{preset}
{budget}# Each keep is measured again once, against what it was kept over; "end": all at the end of a climb; "off": never.
# recheck = "each"

# What it may not make worse than by so much: limit_pct in percent, or limit in the unit of the metric.
# [[guard]]
# metric = "peak_memory_bytes"
# direction = "lower"
# limit_pct = 10.0
{guards}"#
    )
}

/// Of the presets for samples that cost minutes.
const COSTLY: &str = r#"For samples that cost minutes:
# "provisional" keeps on two pairs and tests four keeps together; "replicates" compares single runs, and is right only where nothing drifts. Both ask
# guards; neither asks [[second]] or as_good."#;
const TRAINING: &str = r#"For runs of training:
# "training" compares pairs that share their seed; "replicates" compares single runs, for what cannot share one."#;

/// `measure.sh`, where the draft needs one.
pub fn measure_sh(draft: &Draft) -> Option<String> {
    let script = draft.script.as_ref()?;
    Some(format!(
        "#!/bin/sh\n# Measures one side, whose tree is $1. It is sealed: no edit of an agent's reaches it.\n{script}\n"
    ))
}

/// Whose word the figure is, for whoever reads `program.md`.
fn trusted(draft: &Draft) -> &'static str {
    match draft.trust {
        Trust::Meter => {
            "The clock is not in the process that runs the edited code: code in an edit cannot say a figure that is not so. It can do less work than\n\
             it should: what no test asks for is not missed."
        }
        Trust::Inside => {
            "**The benchmark runs the edited code in its own process**, which prints the figure: code in an edit could print any. The walls and the\n\
             seal do not change that."
        }
        Trust::Printed => {
            "**The edited program prints the figure**: code in an edit could print any. The walls and the seal do not change that."
        }
    }
}

/// What is put above a `program.md` that was there, of a project whose own tells an agent to run, commit and loop by itself.
pub fn piton_part(draft: &Draft) -> String {
    let editable = draft.editable.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    format!(
        r#"## Under piton

piton runs, measures, commits and resets here. Where what follows says otherwise, this holds:

1. Edit **only {editable}**, by **one idea** that can be kept or thrown away by itself. All else is sealed.
2. Do not run the training, do not commit, do not switch branches, do not write `results.tsv`: piton does. Read what was tried in the brief
   (`$PITON_BRIEF`, or `piton brief`).
3. Under `piton climb`: leave `{{"description": "what you tried", "hypothesis": "why", "family": "kind of idea", "expected_gain": 1}}` in the file
   `$PITON_PROPOSAL`, and stop; you are called again. If you drive it yourself: `piton trial -m "what you tried"`, and `piton wait` while it answers that
   the trial is still under way.
4. A figure is no verdict: each change is measured in pairs against the best so far, both with one seed, and the next pair with another."#
    )
}

/// `program.md`.
pub fn program_md(draft: &Draft) -> String {
    let editable = draft.editable.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
    format!(
        r#"# {PROGRAM}: what the agent is told

This is the human's file: change it to steer the climb.

## Your job
Make the metric of `piton.toml` better: {kind}. You propose; piton measures and decides. Work alone: never stop to ask whether to go on,
never wait for a person. When an idea fails, take the next one.

## The rules of a proposal
1. Read the brief (`$PITON_BRIEF`, or `piton brief`): what was tried, and why it did not hold. `piton show N` has a trial whole.
2. Edit **only below {editable}**, and there no tests, benches, their configuration or build manifests (`[scope] locked` in piton.toml).
   Everything else is sealed: an edit anywhere else ends the trial unmeasured. Leave no caches or other files that a program wrote.
3. Make **one atomic change**: one idea that can be kept or thrown away by itself.
4. Under `piton climb`: leave `{{"description": "what you tried", "hypothesis": "why", "family": "kind of idea", "expected_gain": 3}}` in the
   file `$PITON_PROPOSAL`, and stop. If you drive it yourself: call the tool `run`, or `piton trial -m "what you tried"`, and read the
   verdict. While it answers that the trial is still under way, call `wait` (`piton wait`). Then make the next edit.

Do not commit and do not switch branches: piton does. `piton note` keeps an idea for later. Every edit stays in git at
`refs/piton/<run>/trials/<n>`, kept or not: nothing that you try is lost.

## What a figure is worth
{trusted}

The measuring command and the tests are sealed: they are not taken from your edit, and code that rewrites them in its tree while it is
built or measured, or plants what tools load unasked, ends its trial (`tampered`). Both sides are measured in pairs, built from
what the commit holds. What was kept is measured again later, and taken back where little of it is left or it fails a gate. Under `piton climb` and `piton guard` the ledger, the refs and the table lie behind a wall; elsewhere
`piton audit` names what does not agree. What piton cannot see is whether work was left undone that no test asks for: whatever was kept is read
in the morning, and a figure without the work behind it is thrown away then. `piton redteam` shows a person which attacks this experiment holds,
and which it does not.
"#,
        kind = draft.kind,
        trusted = trusted(draft),
    )
}
