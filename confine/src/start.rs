//! The first thing that happens in a binary that can confine.

use std::ffi::{OsStr, OsString};
use std::process::exit;

use serde::de::DeserializeOwned;

#[cfg(target_os = "linux")]
use crate::attack::{self, ATTACK};
use crate::enter::{enter, meter};
use crate::metering::Metering;
use crate::policy::{Asked, CONFINED, METERED};
use crate::program::Failure;

/// Exit status of a helper that did not become the command.
pub const STATUS: i32 = 127;
/// What its last words begin with where the walls do not stand: the machine is to blame.
pub const NOT_STARTED: &str = "piton-confine: the walls do not stand:";
/// What they begin with where the walls stand and the command cannot be executed.
pub const NOT_EXECUTED: &str = "piton-confine: the command was not executed:";

/// Where this process was started as a helper, limits itself as asked, becomes the command by exec and never
/// returns. Otherwise does nothing.
///
/// Must be the first statement of `main`: a thread that is there already would be outside the walls until the
/// exec ends it. Where the walls cannot be built to the level asked for, the command is not started: a message
/// and status [`STATUS`].
pub fn enter_if_asked() {
    let mut args = std::env::args_os().skip(1);
    match args.next().as_deref().and_then(OsStr::to_str) {
        Some(CONFINED) => failed(asked::<Asked>(args).map(|(asked, argv)| enter(&asked, &argv))),
        Some(METERED) => failed(asked::<Metering>(args).map(|(metering, argv)| meter(&metering, &argv))),
        #[cfg(target_os = "linux")]
        Some(ATTACK) => attack::act(args),
        _ => {}
    }
}

fn failed(why: Result<Failure, String>) -> ! {
    match why {
        Ok(Failure::Walls(why)) | Err(why) => eprintln!("{NOT_STARTED} {why}"),
        Ok(Failure::Exec(why)) => eprintln!("{NOT_EXECUTED} {why}"),
    }
    exit(STATUS)
}

fn asked<T: DeserializeOwned>(
    mut args: impl Iterator<Item = OsString>,
) -> Result<(T, Vec<OsString>), String> {
    let text = args.next().unwrap_or_default();
    let asked = serde_json::from_str(&text.to_string_lossy()).map_err(|e| format!("no policy: {e}"))?;
    if args.next().is_none_or(|word| word != "--") {
        return Err("`--` is missing behind the policy".to_owned());
    }
    let argv: Vec<OsString> = args.collect();
    if argv.is_empty() { Err("no command".to_owned()) } else { Ok((asked, argv)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_without_a_whole_command_line_starts_nothing() {
        let of =
            |words: &[&str]| asked::<Asked>(words.iter().map(OsString::from)).map(|(_, argv)| argv.len());
        let policy = serde_json::to_string(&Asked::default()).unwrap();
        assert_eq!(of(&[&policy, "--", "a", "b"]), Ok(2));
        for words in [&[][..], &["{}", "--", "a"], &[&policy, "a"], &[&policy, "--"]] {
            assert!(of(words).is_err(), "{words:?}");
        }
    }
}
