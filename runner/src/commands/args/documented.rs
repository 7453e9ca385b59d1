//! `docs/commands.md` is what the command line says of itself: every command and every option, one line each.

use clap::Command;

use super::groups::{GROUPS, command};

const HEAD: &str = "\
# Every command and option

Written from the command line's own help (`piton COMMAND --help` says more) by
`INSTA_UPDATE=always cargo test -p piton --lib documented`, and held against it by that test.
";

fn words(text: Option<&clap::builder::StyledStr>) -> String {
    text.map_or_else(String::new, |text| text.to_string().replace('|', "\\|").replace('<', "\\<"))
}

fn write(command: &Command, name: &str, to: &mut String) {
    to.push_str(&format!("\n## `{name}`\n\n{}\n", words(command.get_about())));
    let given = command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_global_set());
    let rows: Vec<String> = given
        .filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
        .map(|arg| {
            let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
            let value = value.map_or_else(String::new, |names| names.join(" "));
            let word = match arg.get_long() {
                Some(long) => format!("--{long} {value}").trim_end().to_owned(),
                None => value,
            };
            format!("| `{word}` | {} |\n", words(arg.get_help()))
        })
        .collect();
    if !rows.is_empty() {
        to.push_str(&format!("\n| argument | what it is |\n|---|---|\n{}", rows.concat()));
    }
    for child in command.get_subcommands().filter(|child| !child.is_hide_set() && child.get_name() != "help")
    {
        write(child, &format!("{name} {}", child.get_name()), to);
    }
}

#[test]
fn the_document_of_commands_has_every_command_and_option() {
    let mut cli = command();
    cli.build();
    let mut text = HEAD.to_owned();
    for (group, names) in GROUPS {
        text.push_str(&format!("\n# {group}\n"));
        for name in names {
            write(cli.find_subcommand(name).unwrap(), &format!("piton {name}"), &mut text);
        }
    }
    let everywhere = cli.get_arguments().filter(|arg| arg.is_global_set());
    let rows = everywhere
        .filter_map(|arg| Some(format!("| `--{}` | {} |\n", arg.get_long()?, words(arg.get_help()))));
    let rows: String = rows.collect();
    text.push_str(&format!("\n# With every command\n\n| argument | what it is |\n|---|---|\n{rows}"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/commands.md");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text);
}
