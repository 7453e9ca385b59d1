//! The helper where there is no Landlock: the system's own sandbox on macOS, nothing elsewhere.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::metering::Metering;
use crate::policy::Asked;
use crate::program::{Failure, program};
use crate::{limits, mac, reach};
use piton_base::level::Level;

/// Limits this process as asked and becomes the command. Returns only where that is not possible.
pub(crate) fn enter(asked: &Asked, argv: &[OsString]) -> Failure {
    let policy = &asked.policy;
    if policy.opened.meter.is_some() {
        return meter_absent();
    }
    let level = reach::reach(None).level;
    if level < policy.least {
        return Failure::Walls(format!(
            "this machine reaches the level {level}, and {} was asked for",
            policy.least
        ));
    }
    if let Err(why) = limits::set(&policy.limits) {
        return Failure::Walls(why);
    }
    let file = program(&argv[0]);
    let mut command = if level >= Level::Partial {
        let mut sandbox = Command::new(mac::SANDBOX);
        sandbox.arg("-p").arg(mac::profile(policy)).arg(&file);
        sandbox
    } else {
        Command::new(&file)
    };
    let why = command.args(&argv[1..]).exec();
    Failure::Exec(format!("{}: {why}", file.display()))
}

/// Meters a command: on Linux only.
pub(crate) fn meter(_: &Metering, _: &[OsString]) -> Failure {
    meter_absent()
}

fn meter_absent() -> Failure {
    Failure::Walls("piton's own meters are known on Linux only".to_owned())
}
