//! `piton completions`, `piton man` and `piton schema`: what shells, `man` and editors know of piton.

use std::fs;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::command;
use piton_core::base::error::{Context, Result, exit};
use piton_system::config;
use piton_system::terminal;

/// The command line as it is shown: without what is accepted and hidden, which a generator may not know to leave out.
fn shown() -> Command {
    let all = command();
    let commands = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("piton")
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .long_about(all.get_long_about().cloned().unwrap_or_default())
        .after_help(all.get_after_help().cloned().unwrap_or_default())
        .args(all.get_arguments().cloned())
        .subcommands(commands)
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = vec![];
    clap_complete::generate(shell, &mut shown(), "piton", &mut script);
    script
}

/// Prints a completion script.
pub(super) fn completions(shell: Shell) -> u8 {
    terminal::bytes(&script(shell));
    exit::DONE
}

/// Prints the man page of `piton`, or writes that and one for each command into the directory `to`.
///
/// # Errors
/// A directory that cannot be made or written.
pub(super) fn man(dir: &Path, to: Option<&Path>) -> Result<u8> {
    let what = "the man pages were not written";
    let Some(to) = to.map(|to| dir.join(to)) else {
        let mut page = vec![];
        Man::new(shown().disable_help_subcommand(true))
            .render(&mut page)
            .context("the man page was not printed")?;
        terminal::bytes(&page);
        return Ok(exit::DONE);
    };
    fs::create_dir_all(&to).context(what)?;
    clap_mangen::generate_to(shown(), &to).context(what)?;
    terminal::answer(&format!("written to {}: man -l {}", to.display(), to.join("piton.1").display()));
    Ok(exit::DONE)
}

/// Prints the JSON schema of `piton.toml`.
pub(super) fn schema() -> u8 {
    terminal::bytes(config::SCHEMA.as_bytes());
    exit::DONE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_in_no_completion_script_and_the_rest_is() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).unwrap();
            for word in ["climb", "max-usd", "simulate"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
            assert!(!script.contains("piton__carry") && !script.contains("carry:"), "{shell}");
            assert!(!script.contains("piton__subcmd__simulate") && !script.contains("\"carry\""), "{shell}");
        }
    }
}
