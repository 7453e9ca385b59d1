//! What an experiment that an agent wrote may not say, whatever the try came to.

use piton_core::base::conditions::Limits;
use piton_core::rule::settings::Settings;
use piton_core::trial::scope::{Scope, join};
use piton_core::trial::text::clean;
use piton_system::config::{Config, Opens};

/// Most paths that are named in one line.
const NAMED: usize = 6;

/// Why `config` is not tried, a line each. `drafted` is what the agent began with, where that could be read; `paths` are the files that are
/// committed, from the directory of the experiment.
pub(super) fn refusals(config: &Config, drafted: Option<&Config>, paths: &[&str]) -> Vec<String> {
    let mut why = vec![];
    let opened = paths.iter().filter(|path| config.scope.contains(&join(&config.within, path)));
    let opened: Vec<String> = opened
        .filter_map(|path| Some(format!("{} (`{}`)", clean(path, 120), Scope::usual_lock(path)?)))
        .collect();
    if !opened.is_empty() {
        let more =
            if opened.len() > NAMED { format!(" and {} more", opened.len() - NAMED) } else { String::new() };
        why.push(format!(
            "[scope] lets an edit change tests, benchmarks, their configuration, manifests or settings of agents: {}{more}. Name narrower \
             paths in editable, and let locked begin with \"@default\"",
            opened[..opened.len().min(NAMED)].join(", ")
        ));
    }
    let checks = config
        .checks
        .iter()
        .map(|check| (format!("[[check]] {}", clean(&check.name, 60)), &check.command[..]));
    let measures = config.measure.commands().map(|(_, command)| ("[measure]".to_owned(), command));
    for (section, command) in measures.chain(checks) {
        for path in config.scope.measures_itself(command, &config.within) {
            why.push(format!(
                "{section} runs {}, which may be edited: an edit could say what it wants. Take it from {{sealed}}, or out of the scope",
                clean(&path, 120)
            ));
        }
    }
    let (rule, machine) = drafted.map_or_else(
        || (Settings::default(), Limits::default()),
        |drafted| (drafted.rule.clone(), drafted.machine.clone()),
    );
    if config.rule != rule || config.machine != machine {
        why.push(
            "[rule] and [machine] say what is kept, and are for a person to change: leave them as they were"
                .to_owned(),
        );
    }
    if let Some(drafted) = drafted
        && (drafted.gates.iter().any(|gate| !config.gates.contains(gate))
            || drafted
                .guards
                .iter()
                .any(|guard| !config.guards.contains(guard) && config.metric.of == drafted.metric.of))
    {
        why.push(
            "a [[gate]] or a [[guard]] that was there is gone or another one: leave them as they were"
                .to_owned(),
        );
    }
    let before: Vec<&String> =
        drafted.iter().flat_map(|drafted| sections(drafted)).flat_map(|(_, opens)| opens.write).collect();
    for (section, opens) in sections(config) {
        for path in opens.write.iter().filter(|path| !before.contains(path)) {
            why.push(format!(
                "[{section}] write = [\"{}\"] would let what is measured write outside of its own: that is for a person to open",
                clean(path, 120)
            ));
        }
    }
    why
}

/// What each section of an experiment opens.
pub(super) fn sections(config: &Config) -> Vec<(String, Opens<'_>)> {
    let builds = [("harness", &config.harness), ("build", &config.build)];
    let builds =
        builds.into_iter().filter_map(|(name, build)| Some((name.to_owned(), build.as_ref()?.opens())));
    let checks =
        config.checks.iter().map(|check| (format!("check {}", clean(&check.name, 60)), check.opens()));
    builds.chain([("measure".to_owned(), config.measure.opens())]).chain(checks).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "name = \"x\"\n[metric]\nmeter = \"wall_s\"\n[scope]\neditable = [\"src\"]\n[measure]\ncommand = [\"sh\", \"{sealed}/measure.sh\", \"{tree}\"]\ntimeout_s = 9\n";

    fn why(text: &str, paths: &[&str]) -> String {
        let config = |text: &str| Config::parse_new(text).unwrap();
        refusals(&config(text), Some(&config(PLAIN)), paths).join("\n")
    }

    #[test]
    fn an_experiment_that_keeps_to_its_draft_is_not_refused() {
        let checked = format!("{PLAIN}[[check]]\nname = \"unit\"\ncommand = [\"sh\", \"{{sealed}}/t.sh\"]\n");
        assert_eq!(why(&checked, &["src/a.c", "src/tests/t.c", "bench/b.c"]), "");
    }

    #[test]
    fn a_scope_that_holds_tests_or_benchmarks_is_refused_with_their_names() {
        let of = |scope: &str| PLAIN.replace("editable = [\"src\"]", scope);
        let paths = ["src/a.c", "src/tests/t.c", "bench/b.c", "Makefile"];
        let open = why(&of("editable = [\"src\"]\nlocked = []"), &paths);
        assert!(open.contains("src/tests/t.c (`tests/`)") && !open.contains("src/a.c"), "{open}");
        // Who names a directory of tests itself opens it; an agent may not.
        assert!(why(&of("editable = [\"bench\"]"), &paths).contains("bench/b.c (`bench/`)"));
        assert!(why(&of("editable = [\"Makefile\"]"), &paths).contains("Makefile"));
    }

    #[test]
    fn what_measures_or_checks_is_nothing_that_is_edited() {
        let measured = PLAIN.replace("\"{sealed}/measure.sh\", \"{tree}\"", "\"{tree}/src/go.sh\"");
        assert!(why(&measured, &[]).contains("[measure] runs src/go.sh"));
        let in_turns = PLAIN.replace("meter = \"wall_s\"", "name = \"s\"\ndirection = \"lower\"").replace(
            "timeout_s = 9",
            "timeout_s = 9\npair = [\"sh\", \"{first}/src/go.sh\", \"{second}\", \"{out}\"]",
        );
        assert!(why(&in_turns, &[]).contains("[measure] runs src/go.sh"));
        let checked =
            format!("{PLAIN}[[check]]\nname = \"unit\"\ncommand = [\"sh\", \"{{tree}}/src/t.sh\"]\n");
        assert!(why(&checked, &[]).contains("[[check]] unit runs src/t.sh"));
    }

    #[test]
    fn the_rule_the_gates_and_the_walls_towards_the_users_files_are_for_a_person() {
        assert!(why(&format!("{PLAIN}[rule]\nalpha = 0.4\n"), &[]).contains("[rule] and [machine]"));
        assert!(why(&format!("{PLAIN}[machine]\nsteal_pct = 90\n"), &[]).contains("[rule] and [machine]"));
        let writes = PLAIN.replace("timeout_s = 9", "timeout_s = 9\nwrite = [\"~/.bashrc\"]");
        assert!(why(&writes, &[]).contains("[measure] write = [\"~/.bashrc\"]"));
        let gated = format!("{PLAIN}[[gate]]\nmetric = \"quality\"\nmin = 0.9\n");
        let config = |text: &str| Config::parse_new(text).unwrap();
        let gone = refusals(&config(PLAIN), Some(&config(&gated)), &[]);
        assert!(gone[0].contains("[[gate]]"), "{gone:?}");
    }
}
