//! `piton --help`: the commands in the order in which a user meets them.

use std::fmt::Write;

use clap::builder::Styles;
use clap::{Command, CommandFactory, FromArgMatches, Subcommand};

use super::Cli;
use super::lab::LabCommand;

/// The groups of the help, each with its commands in their order. A test holds it against the commands that there are.
pub(super) const GROUPS: [(&str, &[&str]); 7] = [
    (
        "Run",
        &[
            "quick", "init", "climb", "resume", "stop", "baseline", "trial", "wait", "accept", "again",
            "note", "guard", "agents", "sweep", "load",
        ],
    ),
    (
        "Look",
        &[
            "status", "watch", "serve", "report", "log", "show", "diff", "search", "notes", "brief",
            "profile", "compare", "import",
        ],
    ),
    ("Servers", &["recipe"]),
    ("Take home", &["verify", "finalize", "export"]),
    ("Trust", &["doctor", "rule", "redteam", "audit", "recover", "replay"]),
    ("Lab", &["lab"]),
    ("Tools", &["mcp", "schema", "completions", "man"]),
];

/// The command line: its help is in groups, and the old spellings of the lab's commands are accepted and not shown.
pub(in crate::commands) fn command() -> Command {
    let mut cli = Cli::command();
    let lab = LabCommand::augment_subcommands(Command::new("lab"));
    for old in lab.get_subcommands() {
        cli = cli.mut_subcommand(old.get_name(), |command| command.hide(true));
    }
    let template = template(&cli);
    cli.help_template(template)
}

/// What the user typed; where it is no command line, says so and ends the process.
pub fn parse() -> Cli {
    Cli::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit())
}

fn template(cli: &Command) -> String {
    let styles = Styles::styled();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    let names = GROUPS.iter().flat_map(|(_, names)| *names);
    let width = names.map(|name| name.len()).max().unwrap_or(0);
    for (group, names) in GROUPS {
        let _ = write!(text, "\n{header}{group}:{header:#}\n");
        for name in names {
            let about = cli.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {literal}{name:width$}{literal:#}  {about}");
        }
    }
    let _ = write!(text, "\n{header}Options:{header:#}\n{{options}}{{after-help}}");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_that_is_shown_is_in_one_group() {
        let cli = command();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let shown: BTreeSet<&str> =
            cli.get_subcommands().filter(|c| !c.is_hide_set()).map(Command::get_name).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), shown);
        assert_eq!(grouped.len(), shown.len(), "one stands in two groups");
    }

    /// Lines that are too wide, of a command and of those below it. An example that is wrapped cannot be copied.
    fn wide(command: &mut Command, path: &str) -> Vec<String> {
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let after = after.split("Exit status").next().unwrap_or_default().to_owned();
        let texts = [command.render_help().to_string(), command.render_long_help().to_string(), after];
        let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| line.chars().count() > 80);
        let mut found: Vec<String> = lines.map(|line| format!("{path}: {line}")).collect();
        for child in command.get_subcommands_mut() {
            let path = format!("{path} {}", child.get_name());
            found.extend(wide(child, &path));
        }
        found
    }

    #[test]
    fn the_help_fits_80_columns() {
        let mut cli = command().term_width(80);
        cli.build();
        assert_eq!(wide(&mut cli, "piton"), Vec::<String>::new());
    }

    /// Options of a command, and of those below it, that take the name of one that every command has: clap finds out when it is called.
    fn taken(command: &Command, globals: &BTreeSet<String>, path: &str) -> Vec<String> {
        let own = command.get_arguments().filter(|arg| !arg.is_global_set());
        let own = own.filter(|arg| globals.contains(arg.get_id().as_str()));
        let mut found: Vec<String> = own.map(|arg| format!("{path} --{}", arg.get_id())).collect();
        for child in command.get_subcommands() {
            found.extend(taken(child, globals, &format!("{path} {}", child.get_name())));
        }
        found
    }

    #[test]
    fn no_command_has_an_option_by_the_name_of_one_of_all_commands() {
        let cli = command();
        let globals = cli.get_arguments().filter(|arg| arg.is_global_set());
        let globals: BTreeSet<String> = globals.map(|arg| arg.get_id().to_string()).collect();
        assert!(globals.contains("experiment"), "{globals:?}");
        assert_eq!(taken(&cli, &globals, "piton"), Vec::<String>::new());
    }

    #[test]
    fn an_old_spelling_of_a_command_of_the_lab_is_the_same_command() {
        use super::super::Command as Parsed;
        for name in ["noise", "discriminate", "simulate", "rehearse"] {
            let parsed = |args: &[&str]| {
                Cli::from_arg_matches(&command().try_get_matches_from(args).unwrap()).unwrap().command
            };
            let Some(Parsed::OldLab(old)) = parsed(&["piton", name, "--json"]) else { panic!("{name}") };
            let Some(Parsed::Lab { command: new }) = parsed(&["piton", "lab", name, "--json"]) else {
                panic!("{name}")
            };
            assert_eq!(format!("{old:?}"), format!("{new:?}"));
        }
    }

    #[test]
    fn a_mistyped_command_is_told_the_right_one() {
        for (typed, meant) in [("clmib", "climb"), ("stauts", "status"), ("doctr", "doctor")] {
            let error = command().try_get_matches_from(["piton", typed]).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(&format!("'{meant}'")), "{error}");
        }
    }
}
