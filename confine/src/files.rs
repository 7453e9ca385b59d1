//! The wall around files, signals and abstract sockets: Landlock.
//!
//! The file rights of its first ABI are required; what later ones add is taken where the kernel has it.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
};

use crate::mounts::{Given, own_names};
use crate::places::HARMLESS;
use crate::policy::{Policy, Role};
use crate::terminals;

/// Restricts this thread to the policy's files by the rights of `abi`.
///
/// # Errors
/// Where less than the file rights of ABI 1 would be enforced, or a directory that it should write is not there.
pub(crate) fn restrict(policy: &Policy, abi: u32, given: Given) -> Result<(), String> {
    let abi = ABI::from(i32::try_from(abi).unwrap_or(i32::MAX));
    let failed = |e: landlock::RulesetError| format!("Landlock: {e}");
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .map_err(failed)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))
        .map_err(failed)?;
    if abi >= ABI::V4 && !policy.network && !given.net && policy.role != Role::Agent {
        ruleset = ruleset.handle_access(AccessNet::from_all(abi)).map_err(failed)?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(abi)).map_err(failed)?;
    }
    let mut created = ruleset.create().map_err(failed)?;
    let devices = AccessFs::ReadFile | AccessFs::WriteFile | (AccessFs::from_all(abi) & AccessFs::Truncate);
    let harmless: Vec<PathBuf> = match policy.role {
        Role::Worker => vec![],
        _ => HARMLESS.iter().map(PathBuf::from).filter(|path| path.exists()).collect(),
    };
    let writing = AccessFs::from_all(abi) & !(AccessFs::MakeBlock | AccessFs::MakeChar);
    // "/" is everything to an agent, but no device.
    let all = policy.role == Role::Agent && policy.read.iter().any(|path| path == Path::new("/"));
    let read = if all { terminals::all_but_devices() } else { policy.read.clone() };
    let places = policy.write.iter().map(|path| (path, writing, true));
    let places = places.chain(read.iter().map(|path| (path, AccessFs::from_read(abi), false)));
    let own = own(policy, given);
    // Names alone, and only of what is in a root of its own: programs look through the directories above them.
    let above: &[PathBuf] = if given.root || all { &["/".into()] } else { &[] };
    let places = places.chain(above.iter().map(|path| (path, AccessFs::ReadDir.into(), false)));
    let places = places.chain(own.places.iter().map(|path| (path, writing, false)));
    let places = places.chain(own.files.iter().chain(&harmless).map(|path| (path, devices, false)));
    for (path, rights, needed) in places {
        if let Some(rule) = rule(path, rights, abi, needed)? {
            created = created.add_rule(rule).map_err(failed)?;
        }
    }
    if policy.role == Role::Agent {
        // The terminal that it was started at is its own by any name.
        let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let own = [input.as_fd(), output.as_fd(), errors.as_fd()].into_iter().filter(IsTerminal::is_terminal);
        let own = own.map(|fd| {
            Ok::<_, landlock::RulesetError>(PathBeneath::new(fd, writing & AccessFs::from_file(abi)))
        });
        created = created.add_rules(own).map_err(failed)?;
    }
    let status = created.restrict_self().map_err(failed)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err("Landlock enforces nothing here".to_owned()),
        _ if !status.no_new_privs => Err("no_new_privs was refused".to_owned()),
        _ => Ok(()),
    }
}

/// What a process may write because nobody else is there.
#[derive(Default)]
struct Own {
    /// With everything below, and commanded where it is a device.
    places: Vec<PathBuf>,
    /// Content alone.
    files: Vec<PathBuf>,
}

fn own(policy: &Policy, given: Given) -> Own {
    if policy.role == Role::Agent {
        return Own { places: terminals::places(given.terminals), files: vec![] };
    }
    if policy.role == Role::Worker {
        return Own::default();
    }
    let mut own = Own { places: policy.opened.devices.clone(), files: own_names().to_vec() };
    if given.root {
        own.places.push("/dev/pts".into());
        // The same directory by its other names.
        own.places.extend(policy.opened.temporary.iter().map(|_| "/tmp".into()));
    }
    own.places.extend((given.root || policy.opened.shared_memory).then(|| "/dev/shm".into()));
    own.files.extend(given.proc.then(|| "/proc".into()));
    own
}

fn rule(
    path: &Path,
    rights: BitFlags<AccessFs>,
    abi: ABI,
    needed: bool,
) -> Result<Option<PathBeneath<PathFd>>, String> {
    let refused = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(_) if !needed => return Ok(None),
        Err(e) => return Err(refused(&e)),
    };
    let fd = match PathFd::new(path) {
        Ok(fd) => fd,
        Err(_) if !needed => return Ok(None),
        Err(e) => return Err(refused(&e)),
    };
    let rights = if meta.is_dir() { rights } else { rights & AccessFs::from_file(abi) };
    Ok(Some(PathBeneath::new(fd, rights)))
}
