//! Attacks on the walls: each tries one thing that a confined process must not be able to do.
//!
//! The same ones are tried when a level is established, and in the tests, where each must also be seen to work
//! without the walls. None does harm: what is written is what was there, signals are number 0.

mod files;
mod gifts;
mod kept;
mod kernel;
mod others;
mod processes;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};

use rustix::process::Pid;

use crate::found::{NOT_TRIED, Tried};
use crate::linked::linked;
use crate::places::system;
use crate::policy::{Asked, Limits, Opened, Policy, Role};
use crate::raw::{Arg, call};
use crate::reach::Reach;
use piton_base::level::Level;

/// First argument of a process that is to try attacks on its parent. For [`find`](crate::find()) and the tests.
pub(crate) const ATTACK: &str = "--attack";

/// One attack.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    /// Its name.
    pub name: &'static str,
    /// Whose walls must hold it.
    pub held_by: &'static [Role],
    /// Held by an extra wall alone, which not every machine has.
    pub extra: bool,
    /// Succeeds where nothing holds it.
    pub act: fn(&Ground) -> io::Result<()>,
}

const ALL: &[Role] = &[Role::Worker, Role::Build, Role::Measure, Role::Agent];
const FILTERED: &[Role] = &[Role::Worker, Role::Build, Role::Measure];
const STILL: &[Role] = &[Role::Worker, Role::Build];
const WORKER: &[Role] = &[Role::Worker];
const BUILDING: &[Role] = &[Role::Build, Role::Measure];

const fn attack(name: &'static str, held_by: &'static [Role], act: fn(&Ground) -> io::Result<()>) -> Attack {
    Attack { name, held_by, extra: false, act }
}

/// Every attack.
pub(crate) fn all() -> impl Iterator<Item = &'static Attack> {
    processes::ATTACKS
        .iter()
        .chain(files::ATTACKS)
        .chain(kernel::ATTACKS)
        .chain(others::ATTACKS)
        .chain(kept::ATTACKS)
}

/// What a worker must still be able to do.
const CONTROLS: &[Attack] = &[
    attack("control: threads", &[], |_| {
        let sum: u64 = (0..4).map(|n| std::thread::spawn(move || n)).map(|t| t.join().unwrap_or(9)).sum();
        if sum == 6 { Ok(()) } else { Err(io::Error::other("a thread did not compute")) }
    }),
    attack("control: memory", &[], |_| {
        let many = vec![1u8; 64 << 20];
        if many[many.len() - 1] == 1 { Ok(()) } else { Err(io::Error::other("memory is gone")) }
    }),
    attack("control: read", &[], |ground| {
        fs::read_dir(ground.dir.join("shown"))?.try_for_each(|entry| entry.map(|_| ()))?;
        fs::read(ground.dir.join("shown/page")).map(|_| ())
    }),
    attack("control: advice", &[], |_| {
        // As programs that map their weights give it, and allocators.
        let read = libc::PROT_READ.into();
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE).into();
        let args = [Arg::Int(0), Arg::Int(4096), Arg::Int(read), Arg::Int(flags), Arg::Int(-1), Arg::Int(0)];
        let own = call(libc::SYS_mmap, args)?;
        let heard = [libc::MADV_SEQUENTIAL, libc::MADV_WILLNEED, libc::MADV_HUGEPAGE, libc::MADV_DONTNEED];
        heard.into_iter().try_for_each(|advice| {
            match call(libc::SYS_madvise, [Arg::Int(own), Arg::Int(4096), Arg::Int(advice.into())]) {
                // A kernel without huge pages.
                Err(e) if advice == libc::MADV_HUGEPAGE && e.raw_os_error() == Some(libc::EINVAL) => Ok(()),
                other => other.map(|_| ()),
            }
        })
    }),
    attack("control: what a file is", &[], |ground| {
        let meta = fs::metadata(ground.dir.join("shown/page"))?;
        if meta.len() == 5 { Ok(()) } else { Err(io::Error::other("it is of another length")) }
    }),
    attack("control: cores and clocks", &[], |_| {
        std::thread::available_parallelism()?;
        let own = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        if own.tv_sec >= 0 { Ok(()) } else { Err(io::Error::other("no time has passed")) }
    }),
    attack("control: panic", &[], |_| match std::panic::catch_unwind(|| panic!("on purpose")) {
        Err(_) => Ok(()),
        Ok(()) => Err(io::Error::other("it did not panic")),
    }),
];

/// Where an attack takes place: `outside/` is closed, `shown/` may be read, `inside/` written where the role allows.
pub(crate) struct Ground {
    pub dir: PathBuf,
    pub parent: Pid,
    /// Eight zero bytes in the parent's memory, at the far end of its stack.
    pub address: u64,
}

impl Ground {
    pub fn victim(&self) -> PathBuf {
        self.dir.join("outside/victim")
    }

    /// A number of the parent's, as the kernel takes it.
    pub fn pid(&self) -> i64 {
        self.parent.as_raw_nonzero().get().into()
    }

    pub fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.pid()))
    }
}

/// Tries at names that nobody else has.
const FIELDS: usize = 8;

/// A ground made by the process that is attacked, with sockets that it listens on.
pub(crate) struct Field {
    dir: tempfile::TempDir,
    _listeners: Vec<UnixListener>,
    _others: others::Others,
}

impl Field {
    pub fn new() -> io::Result<Self> {
        // Abstract names are the whole machine's: another piton that tries its walls may have this one.
        let made = (0..FIELDS).map(|_| Self::anew());
        let mut made =
            made.skip_while(|made| made.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse));
        made.next().unwrap_or_else(Self::anew)
    }

    fn anew() -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("piton-walls").rand_bytes(12).tempdir()?;
        for name in ["outside", "shown", "inside"] {
            fs::create_dir(dir.path().join(name))?;
        }
        fs::write(dir.path().join("outside/victim"), "kept\n")?;
        fs::write(dir.path().join("shown/page"), "read\n")?;
        let named = UnixListener::bind(dir.path().join("outside/socket"))?;
        let hidden = UnixListener::bind_addr(&abstract_address(dir.path())?)?;
        let others = others::Others::new(dir.path())?;
        Ok(Self { dir, _listeners: vec![named, hidden], _others: others })
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What a role may do here.
    pub fn policy(&self, role: Role, exe: &Path) -> Policy {
        let mut read = if role == Role::Worker { linked(exe) } else { system() };
        read.extend([exe.to_owned(), self.path().join("shown")]);
        let write = if role == Role::Worker { vec![] } else { vec![self.path().join("inside")] };
        let limits = Limits::default();
        Policy { role, read, write, network: false, opened: Opened::default(), limits, least: Level::None }
    }

    /// The command line of some attacks on the calling process.
    pub fn argv(&self, exe: &Path, names: &[&str]) -> Vec<OsString> {
        let words = [exe.as_os_str(), ATTACK.as_ref(), names.join(",").as_ref(), self.path().as_os_str()]
            .map(OsStr::to_owned);
        words.into_iter().chain([stack_end().to_string().into()]).collect()
    }
}

fn abstract_address(dir: &Path) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(dir.as_os_str().as_encoded_bytes())
}

/// The last eight bytes of this process's stack, which the kernel leaves zero.
fn stack_end() -> u64 {
    let maps = fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let line = maps.lines().find(|line| line.ends_with("[stack]")).unwrap_or_default();
    let end = line.split([' ', '-']).nth(1).and_then(|end| u64::from_str_radix(end, 16).ok());
    end.map_or(0, |end| end - 8)
}

/// Carries out attacks on the parent, as `--attack NAME,NAME DIR ADDRESS` asks, a line for each on standard output.
pub(crate) fn act(mut args: impl Iterator<Item = OsString>) -> ! {
    let mut next = || args.next().unwrap_or_default();
    let (names, dir, address) = (next(), PathBuf::from(next()), next());
    let Some(parent) = rustix::process::getppid() else { exit(2) };
    let ground = Ground { dir, parent, address: address.to_string_lossy().parse().unwrap_or(0) };
    for name in names.to_string_lossy().split(',') {
        let Some(attack) = all().chain(CONTROLS).chain(gifts::GIFTS).find(|attack| attack.name == name)
        else {
            exit(2)
        };
        let words = match (attack.act)(&ground) {
            Ok(()) => "worked".to_owned(),
            Err(e) => format!("refused: {e}"),
        };
        let line = format!("{name}\t{}\n", words.replace(['\n', '\t'], " "));
        if io::stdout().write_all(line.as_bytes()).is_err() {
            exit(2);
        }
    }
    exit(0)
}

/// Tries every attack from behind the walls of every role that must hold it, and says whether one got through
/// that an ordinary wall should have held.
pub(crate) fn try_all(exe: &Path, reach: &Reach, plain: bool) -> (Vec<Tried>, bool) {
    let mut tried = vec![];
    let mut broken = false;
    for role in ALL {
        let must =
            |a: &&Attack| a.held_by.contains(role) && (*role != Role::Agent || agent_holds(a, reach.abi));
        let against: Vec<&Attack> = all().filter(must).collect();
        let who = format!("{role:?}").to_lowercase();
        match Field::new() {
            Ok(field) => {
                let asked = Asked {
                    policy: field.policy(*role, exe),
                    abi_at_most: Some(reach.abi),
                    plain,
                    ..Asked::default()
                };
                let ended = run(&field, exe, &against, |argv| asked.wrap(exe, &argv));
                for (attack, (held, how)) in against.iter().zip(ended) {
                    broken |= !held && !attack.extra;
                    tried.push(Tried { name: format!("{who}: {}", attack.name), held, how });
                }
            }
            Err(e) => {
                broken = true;
                tried.push(Tried { name: who, held: false, how: format!("{NOT_TRIED}: {e}") });
            }
        }
    }
    (tried, broken)
}

/// An agent has a filter against few calls: what Landlock holds comes with its ABI.
fn agent_holds(attack: &Attack, abi: u32) -> bool {
    let needs = match attack.name {
        "truncate a file outside" | "empty a file that is shown" => 3,
        "signal the parent"
        | "signal a thread of the parent"
        | "signal through a pidfd"
        | "queue a signal"
        | "connect to an abstract socket" => 6,
        _ => 1,
    };
    abi >= needs
}

/// Runs attacks through a command line that `wrap` makes, and says of each whether it was held, and how.
///
/// A filter may kill the process in the middle: then that attack was held, and the next process goes on behind it.
pub(crate) fn run(
    field: &Field,
    exe: &Path,
    attacks: &[&Attack],
    wrap: impl Fn(Vec<OsString>) -> Vec<OsString>,
) -> Vec<(bool, String)> {
    let mut ended: Vec<(bool, String)> = vec![];
    while ended.len() < attacks.len() {
        let names: Vec<&str> = attacks[ended.len()..].iter().map(|attack| attack.name).collect();
        let argv = wrap(field.argv(exe, &names));
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = match command.output() {
            Ok(output) => output,
            Err(e) => {
                ended.push((false, format!("{NOT_TRIED}: {e}")));
                continue;
            }
        };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = text.lines().take(names.len()).collect();
        for line in &lines {
            let how = line.split_once('\t').map_or("", |(_, how)| how);
            ended.push((how.starts_with("refused"), how.to_owned()));
        }
        if lines.len() < names.len() {
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            ended.push(match output.status.signal() {
                Some(libc::SIGSYS) => (true, "killed by the filter".to_owned()),
                _ => (false, format!("{NOT_TRIED}: {}: {words}", output.status)),
            });
        }
    }
    ended
}

/// Every attack without any walls, on a ground of its own each: `held` is then what the system itself refuses.
pub(crate) fn try_bare(exe: &Path) -> io::Result<Vec<Tried>> {
    let one = |attack: &Attack| {
        let field = Field::new()?;
        let ended = run(&field, exe, &[attack], |argv| argv);
        let (mut held, how) = ended.into_iter().next().unwrap_or_default();
        // A program that was executed instead says nothing, and ends well.
        held &= !how.is_empty();
        Ok(Tried { name: attack.name.to_owned(), held, how })
    };
    all().map(one).collect()
}

/// What a build and a measuring command are given here: `held` says that they have it.
pub(crate) fn try_gifts(exe: &Path, reach: &Reach, plain: bool) -> Vec<Tried> {
    let Ok(field) = Field::new() else { return vec![] };
    let mut policy = field.policy(Role::Measure, exe);
    policy.opened = Opened { temporary: policy.write.first().cloned(), loopback: true, ..Opened::default() };
    let asked = Asked { policy, abi_at_most: Some(reach.abi), plain, ..Asked::default() };
    let gifts: Vec<&Attack> = gifts::GIFTS.iter().collect();
    let ended = run(&field, exe, &gifts, |argv| asked.wrap(exe, &argv));
    let tried = gifts.iter().zip(ended);
    tried.map(|(gift, (_, how))| Tried { name: gift.name.to_owned(), held: how == "worked", how }).collect()
}

/// What a worker must still be able to do, from behind its walls: `held` says that it could.
pub(crate) fn try_controls(exe: &Path) -> io::Result<Vec<Tried>> {
    let field = Field::new()?;
    let policy = field.policy(Role::Worker, exe);
    let controls: Vec<&Attack> = CONTROLS.iter().collect();
    let ended = run(&field, exe, &controls, |argv| policy.wrap(exe, &argv));
    let tried = controls.iter().zip(ended);
    Ok(tried
        .map(|(control, (_, how))| Tried { name: control.name.to_owned(), held: how == "worked", how })
        .collect())
}
