//! The helper: one thread, which limits itself and becomes the command.

use std::ffi::{CString, OsString};
use std::os::fd::IntoRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use rustix::rand::{GetRandomFlags, getrandom};

use crate::calls::{self, Surroundings};
use crate::meter::CostMeter;
use crate::metering::Metering;
use crate::mounts::Given;
use crate::policy::{Asked, Policy, RESULT, Role};
use crate::program::{Failure, program};
use crate::raw::{Arg::Int, Secret};
use crate::{files, group, limits, mounts, raw, reach, rights, terminals};
use piton_base::level::Level;

/// Limits this process as asked and becomes the command. Returns only where that is not possible.
pub(crate) fn enter(asked: &Asked, argv: &[OsString]) -> Failure {
    let file = program(&argv[0]);
    let word = |text: &[u8]| CString::new(text).map_err(|_| Failure::Exec("a word holds a NUL".to_owned()));
    let words = |texts: Vec<Vec<u8>>| texts.iter().map(|text| word(text)).collect::<Result<Vec<_>, _>>();
    let variable = |(name, value): (OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes()].concat();
    let ready = || -> Result<_, Failure> {
        let args = words(argv.iter().map(|word| word.as_bytes().to_vec()).collect())?;
        let env = words(std::env::vars_os().map(variable).collect())?;
        let (secret, meter) = walls(asked, &file).map_err(Failure::Walls)?;
        Ok((word(file.as_os_str().as_bytes())?, args, env, secret, meter))
    };
    match ready() {
        Ok((path, args, env, secret, Some(meter))) => meter.run(&path, &args, &env, secret),
        Ok((path, args, env, secret, None)) => {
            let why = raw::become_program(&path, &args, &env, secret);
            Failure::Exec(format!("{}: {why}", file.display()))
        }
        Err(failure) => failure,
    }
}

/// Meters a command that runs as this process would, without walls. Returns only where that is not possible.
pub(crate) fn meter(metering: &Metering, argv: &[OsString]) -> Failure {
    let file = program(&argv[0]);
    let words: Result<Vec<_>, _> = argv.iter().map(|word| CString::new(word.as_bytes())).collect();
    let variable = |(name, value): (OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes()].concat();
    let env: Result<Vec<_>, _> = std::env::vars_os().map(|pair| CString::new(variable(pair))).collect();
    let Ok(((words, env), path)) = words
        .and_then(|words| Ok((words, env?)))
        .and_then(|lists| Ok((lists, CString::new(file.as_os_str().as_bytes())?)))
    else {
        return Failure::Exec("a word holds a NUL".to_owned());
    };
    match CostMeter::ready(metering, &[]) {
        Ok(meter) => meter.run(&path, &words, &env, [0; 3]),
        Err(why) => Failure::Walls(why),
    }
}

/// Builds the walls around this process, and has what meters it ready where that is asked for.
fn walls(asked: &Asked, file: &Path) -> Result<(Secret, Option<CostMeter>), String> {
    let policy = &asked.policy;
    let reach = reach::reach(asked.abi_at_most);
    if reach.level < policy.least {
        return Err(format!(
            "this machine reaches the level {}, and {} was asked for",
            reach.level, policy.least
        ));
    }
    let parent = getppid();
    let group = stat(std::process::id().cast_signed()).map(|(_, group)| group);
    // Later ABIs hold signals themselves.
    let above = if reach.abi < 6 { ancestors() } else { vec![] };
    group::join(&asked.groups)?;
    limits::set(&policy.limits)?;
    // Before the walls: what it names is closed behind them.
    let first = result(policy)?;
    let meter =
        policy.opened.meter.as_ref().map(|meter| CostMeter::ready(meter, &asked.groups)).transpose()?;
    // An extra wall: where this machine does not have it, the others still stand.
    let own = matches!(policy.role, Role::Build | Role::Measure) && !asked.plain;
    let given = match policy.role {
        _ if own => mounts::give(policy)?,
        Role::Agent if !asked.plain => Given { terminals: terminals::give(), ..Given::default() },
        _ => Given::default(),
    };
    if policy.role == Role::Agent && !terminals::started_at_one() {
        terminals::let_go()?;
    }
    let around = Surroundings { ancestors: above, group, abi: reach.abi, given, secret: secret()? };
    rights::drop_all(policy, file)?;
    // After the change of user, which would clear it.
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|e| format!("it would outlive its parent: {e}"))?;
    if getppid() != parent {
        return Err("the process that started it is gone".to_owned());
    }
    raw::close_on_exec_from(first).map_err(|e| format!("open files would be inherited: {e}"))?;
    if policy.role == Role::Worker && (0..3).any(raw::is_terminal) {
        return Err("a worker has pipes, never a terminal".to_owned());
    }
    match files::restrict(policy, reach.abi, given) {
        Err(why) if reach.level >= Level::Partial => return Err(why),
        _ => {}
    }
    match calls::restrict(policy, &around) {
        Err(why) if reach.level >= Level::Strong => return Err(why),
        _ => {}
    }
    Ok((around.secret, meter))
}

/// Opens what takes the result. Says from which descriptor on none is inherited.
fn result(policy: &Policy) -> Result<i64, String> {
    let Some(path) = &policy.opened.result else { return Ok(RESULT.into()) };
    let failed = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let file = std::fs::File::options()
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .map_err(|e| failed(&e))?;
    let number = file.into_raw_fd();
    let copied = if number == RESULT {
        // A copy upon itself would keep the mark that an exec closes it.
        raw::call(libc::SYS_fcntl, [Int(number.into()), Int(libc::F_SETFD.into()), Int(0)])
    } else {
        raw::call(libc::SYS_dup3, [Int(number.into()), Int(RESULT.into()), Int(0)])
    };
    copied.map_err(|e| failed(&e))?;
    Ok(i64::from(RESULT) + 1)
}

fn secret() -> Result<Secret, String> {
    let mut bytes = [0; 24];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(24) => {
            Ok([0, 8, 16].map(|at| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))))
        }
        _ => Err("the kernel gives no random numbers".to_owned()),
    }
}

/// The processes above this one, nearest first, each with its group.
fn ancestors() -> Vec<(i32, i32)> {
    let mut all: Vec<(i32, i32)> = vec![];
    let mut next = stat(std::process::id().cast_signed()).map(|(parent, _)| parent);
    while let Some(pid) = next.filter(|pid| *pid > 0 && all.iter().all(|(known, _)| known != pid)) {
        let (parent, group) = stat(pid).unwrap_or((0, 0));
        all.push((pid, group));
        next = Some(parent);
    }
    all
}

/// Parent and group of a process.
pub(crate) fn stat(pid: i32) -> Option<(i32, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; the state stands first after it.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(1).map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}
