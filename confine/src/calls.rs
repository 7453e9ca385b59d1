//! The wall around system calls: seccomp.
//!
//! Filters add up, and the strictest answer counts. A worker has an allow-list; what only an attack would call
//! kills it, so that the attempt is seen. Builds and measuring commands are other people's programs: they have
//! a deny-list, and are told "not permitted".

pub(crate) mod lists;

use std::collections::BTreeMap;

use rustix::process::getpid;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Op, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};

use crate::mounts::Given;
use crate::policy::{Policy, Role};
use crate::raw::Secret;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What the filters must know of this process.
pub(crate) struct Surroundings {
    /// Every process above this one, nearest first, with its group.
    pub ancestors: Vec<(i32, i32)>,
    /// This one's own group.
    pub group: Option<i32>,
    /// Landlock's ABI: what it holds already needs no filter.
    pub abi: u32,
    /// What is its own, and may be used.
    pub given: Given,
    /// Let through with the one execve.
    pub secret: Secret,
}

/// Whether this kernel and this processor can be given the filters.
pub(crate) fn available() -> bool {
    arch().is_ok() && crate::raw::can_kill_by_filter()
}

/// Installs the filters of a role on this thread. After that, a worker can only be executed.
///
/// # Errors
/// Where the kernel refuses one.
pub(crate) fn restrict(policy: &Policy, around: &Surroundings) -> Result<(), String> {
    for program in programs(policy, around).map_err(|e| format!("seccomp: {e}"))? {
        apply_filter(&program).map_err(|e| format!("seccomp: {e}"))?;
    }
    Ok(())
}

/// The filters of a role, in the order in which they are installed.
fn programs(policy: &Policy, around: &Surroundings) -> seccompiler::Result<Vec<BpfProgram>> {
    let refuse = || SeccompAction::Errno(libc::EPERM as u32);
    let mut all = vec![];
    match policy.role {
        // Threads of the kernel's that work for it would go on where it is stopped; every library knows what to do without.
        Role::Agent => all.push(compile(
            plain(&[libc::SYS_io_uring_setup]),
            SeccompAction::Allow,
            SeccompAction::Errno(libc::ENOSYS as u32),
        )?),
        _ => all.push(absent(policy, around)?),
    }
    all.extend(other_numbers());
    match policy.role {
        Role::Worker => {
            all.push(compile(fatal(&around.secret)?, SeccompAction::Allow, SeccompAction::KillProcess)?);
            all.push(compile(unheard()?, SeccompAction::Allow, SeccompAction::Errno(0))?);
            all.push(compile(allowed()?, refuse(), SeccompAction::Allow)?);
        }
        Role::Build | Role::Measure => {
            all.push(compile(denied(policy, around)?, SeccompAction::Allow, refuse())?);
        }
        // It needs the network and walls of its own; but it may sit on a person's terminal.
        Role::Agent => all.push(compile(terminal()?, SeccompAction::Allow, refuse())?),
    }
    Ok(all)
}

fn arch() -> seccompiler::Result<TargetArch> {
    Ok(TargetArch::try_from(std::env::consts::ARCH)?)
}

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> seccompiler::Result<BpfProgram> {
    Ok(SeccompFilter::new(rules, otherwise, matched, arch()?)?.try_into()?)
}

/// Calls that a filter cannot look into, because they pass a structure: as on a kernel without them, where every
/// library knows what to do instead. Must not be refused by a later filter, whose number would count.
///
/// To a worker also `statx`, which tells when a file was made and a number that no file had before, and the cores of any
/// process but itself, which tell that there is one.
fn absent(policy: &Policy, around: &Surroundings) -> seccompiler::Result<BpfProgram> {
    let mut rules = plain(&[libc::SYS_clone3]);
    if policy.role == Role::Worker {
        rules.extend(plain(&[libc::SYS_statx]));
        rules.insert(libc::SYS_sched_getaffinity, vec![all(&[(0, Op::Ne, 0), (0, Op::Ne, own())])?]);
    }
    if around.abi < 3 {
        rules.extend(plain(&[libc::SYS_openat2]));
    }
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS as u32))
}

/// x86-64 has its calls twice: with bit 30 they carry other numbers, which no list above names.
fn other_numbers() -> Option<BpfProgram> {
    let statement = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    cfg!(target_arch = "x86_64").then(|| {
        vec![
            statement((libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, 0, 0, 0),
            statement((libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16, 0, 1, 0x4000_0000),
            statement((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_KILL_PROCESS),
            statement((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, libc::SECCOMP_RET_ALLOW),
        ]
    })
}

/// What a worker may call.
fn allowed() -> seccompiler::Result<Rules> {
    let mut rules = plain(lists::WORKER);
    // Fatal or absent in an earlier filter, but for the case that is meant.
    rules.extend(plain(&[
        libc::SYS_clone3,
        libc::SYS_execve,
        libc::SYS_clone,
        libc::SYS_statx,
        libc::SYS_sched_getaffinity,
    ]));
    rules.insert(libc::SYS_tgkill, vec![all(&[(0, Op::Eq, own())])?]);
    let clocks = lists::CLOCKS.map(|clock| clock as u64);
    for call in [libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep] {
        rules.insert(call, any(0, &clocks)?);
    }
    rules.insert(libc::SYS_madvise, any(2, &[&lists::ADVICE[..], &lists::UNHEARD].concat())?);
    rules.insert(libc::SYS_mmap, mapped()?);
    // Not where a file has holes: that tells what of it is in memory.
    rules.insert(
        libc::SYS_lseek,
        any(2, &[libc::SEEK_SET, libc::SEEK_CUR, libc::SEEK_END].map(|w| w as u64))?,
    );
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, lists::PR_SET_VMA].map(|n| n as u64);
    rules.insert(libc::SYS_prctl, any(0, &names)?);
    rules.insert(
        libc::SYS_ioctl,
        any(1, &[lists::TCGETS, lists::FIONREAD, lists::TIOCGWINSZ, lists::FIOCLEX])?,
    );
    // F_SETOWN and the like would send signals, F_SETPIPE_SZ would hold bytes.
    let harmless = [libc::F_DUPFD, libc::F_GETFD, libc::F_SETFD, libc::F_GETFL, libc::F_DUPFD_CLOEXEC];
    let mut fcntl = any(1, &harmless.map(|n| n as u64))?;
    fcntl.push(all(&[(1, Op::Eq, libc::F_SETFL as u64), (2, Op::MaskedEq(libc::O_DIRECT as u64), 0)])?);
    rules.insert(libc::SYS_fcntl, fcntl);
    // Its own limits, to read.
    let reading = vec![short(0, Op::Eq, 0)?, long(2, Op::Eq, 0)?];
    rules.insert(libc::SYS_prlimit64, vec![SeccompRule::new(reading)?]);
    // To read and nothing else: before Landlock's third ABI a file could be emptied by reading it. And by way of the kernel's copy:
    // the disk's own memory tells what was read before.
    let change = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | libc::O_DIRECT) as u64;
    rules.insert(libc::SYS_openat, vec![all(&[(2, Op::MaskedEq(change), 0)])?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_open, vec![all(&[(1, Op::MaskedEq(change), 0)])?]);
    Ok(rules)
}

/// Memory that a worker may map: its own, and files without asking for their pages. Not shared memory without a file, which stays after
/// its pages were given back and is then counted nowhere; not locked or huge pages, of which the machine has a stock.
fn mapped() -> seccompiler::Result<Vec<SeccompRule>> {
    let kept = libc::MAP_LOCKED | libc::MAP_HUGETLB;
    let (kind, none) = (libc::MAP_TYPE, libc::MAP_ANONYMOUS);
    let own = (kind | none | kept) as u64;
    let file = (none | kept | libc::MAP_POPULATE) as u64;
    Ok(vec![
        all(&[(3, Op::MaskedEq(own), (libc::MAP_PRIVATE | none) as u64)])?,
        all(&[(3, Op::MaskedEq(file), 0)])?,
    ])
}

/// Advice that succeeds and does nothing: programs that map their weights give it, and some end where it fails.
fn unheard() -> seccompiler::Result<Rules> {
    Ok(Rules::from([(libc::SYS_madvise, any(2, &lists::UNHEARD)?)]))
}

/// What kills a worker: nothing that computes ever calls it.
fn fatal(secret: &Secret) -> seccompiler::Result<Rules> {
    let mut rules = plain(lists::HOSTILE);
    rules.extend(plain(lists::FATAL));
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![all(&[(0, Op::MaskedEq(thread), 0)])?]);
    let wrong = (0u8..).zip(secret).map(|(n, word)| long(3 + n, Op::Ne, *word));
    rules.insert(libc::SYS_execve, wrong.map(|c| SeccompRule::new(vec![c?])).collect::<Result<_, _>>()?);
    Ok(rules)
}

/// What a build or a measuring command may not call.
fn denied(policy: &Policy, around: &Surroundings) -> seccompiler::Result<Rules> {
    let mut rules = plain(lists::HOSTILE);
    rules.extend(terminal()?);
    let spaces = lists::NAMESPACES.map(|flag| flag as u64);
    let inside = spaces.map(|flag| all(&[(0, Op::MaskedEq(flag), flag)]));
    rules.insert(libc::SYS_clone, inside.into_iter().collect::<Result<_, _>>()?);
    let open = families(policy, around);
    let others: Vec<_> = open.iter().map(|family| (0, Op::Ne, *family as u64)).collect();
    rules.insert(libc::SYS_socket, if others.is_empty() { vec![] } else { vec![all(&others)?] });
    // Its own settings, and nobody else's.
    let others = || all(&[(0, Op::Ne, 0)]);
    match policy.role {
        Role::Measure => {
            for call in lists::SCHEDULING {
                rules.insert(*call, vec![others()?]);
            }
        }
        _ => rules.extend(plain(lists::SCHEDULING)),
    }
    rules.insert(libc::SYS_prlimit64, vec![all(&[(0, Op::Ne, 0)])?]);
    let (user, ionice_user) = (libc::PRIO_USER as u64, 3);
    rules.insert(libc::SYS_setpriority, vec![all(&[(1, Op::Ne, 0)])?, all(&[(0, Op::Eq, user)])?]);
    rules.insert(libc::SYS_ioprio_set, vec![all(&[(1, Op::Ne, 0)])?, all(&[(0, Op::Eq, ionice_user)])?]);
    if around.abi < 6 {
        signals(&mut rules, around)?;
    }
    if around.abi < 3 {
        // Emptying a file is no writing to Landlock before its third ABI.
        rules.extend(plain(&[libc::SYS_truncate]));
        let (mask, empties) = ((libc::O_ACCMODE | libc::O_TRUNC) as u64, libc::O_TRUNC as u64);
        rules.insert(libc::SYS_openat, vec![all(&[(2, Op::MaskedEq(mask), empties)])?]);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, vec![all(&[(1, Op::MaskedEq(mask), empties)])?]);
    }
    Ok(rules)
}

/// The families of sockets that it may open.
fn families(policy: &Policy, around: &Surroundings) -> Vec<libc::c_int> {
    let Given { root, net, .. } = around.given;
    if policy.network || net {
        let mut all = vec![libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];
        all.extend((policy.network || root || around.abi >= 9).then_some(libc::AF_UNIX));
        return all;
    }
    // A path to a socket is no file to Landlock before its ninth ABI, nor is a name without one before its sixth: whoever listens
    // there would do the work. In a root of its own no such path is found.
    if around.abi >= 9 || root && around.abi >= 6 { vec![libc::AF_UNIX] } else { vec![] }
}

/// Signals to those who started this process: Landlock knows no signals before its sixth ABI.
fn signals(rules: &mut Rules, around: &Surroundings) -> seccompiler::Result<()> {
    let above: Vec<i32> = around.ancestors.iter().map(|(pid, _)| *pid).collect();
    let groups: Vec<i32> = around.ancestors.iter().map(|(_, group)| *group).collect();
    let mut targets: Vec<i32> =
        above.iter().copied().chain(groups.iter().map(|group| -group)).chain([-1]).collect();
    targets.retain(|target| *target != 0);
    // Its own group, where one above is in it: started from a shell's script, for one.
    if around.group.is_none_or(|own| groups.contains(&own)) {
        targets.push(0);
    }
    let words =
        |targets: &[i32]| targets.iter().map(|target| u64::from(target.cast_unsigned())).collect::<Vec<_>>();
    rules.insert(libc::SYS_kill, any(0, &words(&targets))?);
    if !above.is_empty() {
        let direct = [
            libc::SYS_tkill,
            libc::SYS_tgkill,
            libc::SYS_rt_sigqueueinfo,
            libc::SYS_rt_tgsigqueueinfo,
            libc::SYS_pidfd_open,
        ];
        for call in direct {
            rules.insert(call, any(0, &words(&above))?);
        }
    }
    rules.extend(plain(&[libc::SYS_pidfd_send_signal]));
    Ok(())
}

/// Typing into the terminal that it sits on, and changing what its keys type.
fn terminal() -> seccompiler::Result<Rules> {
    Ok(Rules::from([(libc::SYS_ioctl, any(1, &lists::TYPING)?)]))
}

/// This process, as a filter sees its number.
fn own() -> u64 {
    u64::from(getpid().as_raw_nonzero().get().unsigned_abs())
}

fn plain(calls: &[i64]) -> Rules {
    calls.iter().map(|call| (*call, vec![])).collect()
}

/// A rule that holds where all conditions do; arguments as the kernel's `int`.
fn all(conditions: &[(u8, Op, u64)]) -> seccompiler::Result<SeccompRule> {
    let conditions = conditions.iter().map(|(n, op, value)| short(*n, op.clone(), *value));
    Ok(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?)
}

/// One rule for each value of argument `n`.
fn any(n: u8, values: &[u64]) -> seccompiler::Result<Vec<SeccompRule>> {
    values.iter().map(|value| all(&[(n, Op::Eq, *value)])).collect()
}

fn short(n: u8, op: Op, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(n, Length::Dword, op, value)
}

/// For what the kernel reads whole, as a pointer: one whose lower half is zero is not null.
fn long(n: u8, op: Op, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(n, Length::Qword, op, value)
}
