//! What a job was refused by the walls that it ran behind, from what it printed, and which line of `piton.toml` opens that.
//!
//! Nobody else says so: a program that is told "Permission denied" says that. What was open to it decides whether the walls were
//! the reason: a file that is missing, or that its owner closed, is not blamed on them.

mod lines;

use std::path::{Path, PathBuf};

use serde::Serialize;

use lines::{DenialKind, kind, paths, seems_to_write};

/// How many of the last lines are looked at.
const LAST: usize = 80;
/// How many lines before a complaint say what it is about.
const BEFORE: usize = 14;
/// More refusals than that are one misunderstanding.
const MOST: usize = 6;

/// What a path is on the machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// A file, or a device.
    File,
    /// A directory.
    Dir,
    /// A socket that somebody listens on.
    Socket,
}

/// What was open to a job that failed.
pub struct Behind<'a> {
    /// Its section of `piton.toml`.
    pub section: &'a str,
    /// What it could read.
    pub read: &'a [PathBuf],
    /// What it could write.
    pub write: &'a [PathBuf],
    /// Whether it had the machine's network.
    pub network: bool,
    /// Whether it had a network of its own.
    pub loopback: bool,
    /// Whether it had a /dev/shm, its own or the machine's.
    pub shared_memory: bool,
    /// Whether it had terminals of its own.
    pub terminals: bool,
    /// Whether this machine can give it a network of its own.
    pub can_loop: bool,
    /// The user's home directory.
    pub home: &'a Path,
    /// What the job had as its home directory.
    pub private: &'a Path,
    /// The checkout.
    pub checkout: &'a Path,
    /// What is on the machine at a path; `None` for nothing.
    pub there: &'a dyn Fn(&Path) -> Option<There>,
    /// Whether piton's own environment has a variable.
    pub variable: &'a dyn Fn(&str) -> bool,
}

/// Something that a job was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Denied {
    /// What it may not do, as what follows "it may not".
    pub what: String,
    /// Key and value of `piton.toml` that open it, and for a list the one element; absent where nothing does.
    pub opens: Option<(String, String)>,
    /// What to do or to know besides.
    pub note: Option<String>,
}

impl Denied {
    fn key(what: impl Into<String>, key: &str, value: impl Into<String>) -> Self {
        Self { what: what.into(), opens: Some((key.to_owned(), value.into())), note: None }
    }

    fn never(what: impl Into<String>, note: impl Into<String>) -> Self {
        Self { what: what.into(), opens: None, note: Some(note.into()) }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// What `text`, the end of a job's output, says that it was refused.
pub fn denied(text: &str, behind: &Behind) -> Vec<Denied> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    let lines = &lines[lines.len().saturating_sub(LAST)..];
    let (mut all, mut unnamed): (Vec<Denied>, bool) = (vec![], false);
    for (at, line) in lines.iter().enumerate() {
        let around = lines[at.saturating_sub(BEFORE)..=at].join("\n").to_lowercase();
        let found = match kind(line) {
            Some(kind) => {
                let by_path = behind.by_path(kind, line, &around);
                let found = if by_path.is_empty() { behind.by_subject(kind, line, &around) } else { by_path };
                unnamed |= found.is_empty() && kind.is_refusal() && paths(line).is_empty();
                found
            }
            None => behind.by_words(line).into_iter().collect(),
        };
        for one in found {
            if !all.contains(&one) && all.len() < MOST {
                all.push(one);
            }
        }
    }
    if all.is_empty() && unnamed {
        all.push(Denied::never(
            "do something that it does not name",
            "`piton doctor` lists what is open to it; read, write, network, loopback, shared_memory and devices open more",
        ));
    }
    all
}

/// The same as the end of a sentence; `None` where nothing was refused.
pub fn words(all: &[Denied], section: &str) -> Option<String> {
    if all.is_empty() {
        return None;
    }
    let whats: Vec<&str> = all.iter().map(|one| &*one.what).collect();
    let mut text = format!("it ran behind piton's walls, where it may not {}", whats.join(", nor "));
    let lines = opening(all);
    if !lines.is_empty() {
        text.push_str(&format!("; in {}, [{section}] {} opens that", "piton.toml", lines.join(" and ")));
    }
    all.iter().filter_map(|one| one.note.as_deref()).for_each(|note| text.push_str(&format!("; {note}")));
    Some(text)
}

/// The lines of `piton.toml` that open all that can be opened.
pub fn opening(all: &[Denied]) -> Vec<String> {
    let mut keys: Vec<(&str, Vec<&str>)> = vec![];
    for (key, value) in all.iter().filter_map(|one| one.opens.as_ref()) {
        match keys.iter_mut().find(|(known, _)| known == key) {
            Some((_, values)) if values.contains(&&**value) => {}
            Some((_, values)) => values.push(value),
            None => keys.push((key, vec![value])),
        }
    }
    let line = |(key, values): (&str, Vec<&str>)| match key {
        "read" | "write" | "devices" => {
            let quoted: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
            format!("{key} = [{}]", quoted.join(", "))
        }
        "env" => format!("env = {{ {} }}", values.join(", ")),
        _ => format!("{key} = {}", values[0]),
    };
    keys.into_iter().map(line).collect()
}

impl Behind<'_> {
    fn reads(&self, path: &Path) -> bool {
        self.read.iter().chain(self.write).any(|open| path.starts_with(open))
    }

    fn writes(&self, path: &Path) -> bool {
        self.write.iter().any(|open| path.starts_with(open))
    }

    /// What the paths in a complaint say.
    fn by_path(&self, kind: DenialKind, line: &str, around: &str) -> Vec<Denied> {
        let writing = kind == DenialKind::ReadOnly || seems_to_write(line);
        paths(line).iter().filter_map(|path| self.one_path(kind, path, writing, around)).collect()
    }

    fn one_path(&self, kind: DenialKind, path: &Path, writing: bool, around: &str) -> Option<Denied> {
        if let Ok(below) = path.strip_prefix(self.private) {
            return self.below_home(kind, below);
        }
        if let Some(special) = self.special(path) {
            return special;
        }
        if self.writes(path) {
            return None;
        }
        let there = (self.there)(path);
        // Its own home directory is an empty one, and nobody says where it stands for the user's.
        let create = there.is_none() && (writing || seems_to_write(around));
        match kind {
            DenialKind::Network => None,
            DenialKind::Absent if self.reads(path) => None,
            DenialKind::Absent => match there {
                Some(There::Socket) => Some(self.socket(path)),
                Some(_) if writing => Some(self.to_write(path)),
                Some(_) => Some(self.to_read(path)),
                None if create => self.beside(path),
                None => None,
            },
            DenialKind::ReadOnly => self.beside(path),
            // A program without the right to be executed, for one, is no matter of the walls.
            DenialKind::Refused if self.reads(path) => {
                (writing || there.is_none()).then(|| self.beside(path)).flatten()
            }
            DenialKind::Refused => match there {
                Some(There::Socket) => Some(self.socket(path)),
                Some(_) if writing => Some(self.to_write(path)),
                None if create => self.beside(path),
                _ => Some(self.to_read(path)),
            },
        }
    }

    /// A path in the home directory that the job had.
    fn below_home(&self, kind: DenialKind, below: &Path) -> Option<Denied> {
        if kind != DenialKind::Absent || below.as_os_str().is_empty() {
            return None;
        }
        let real = self.home.join(below);
        let place = below.display();
        if (self.there)(&real).is_none() {
            // What is looked for there by its hidden name was not a temporary file.
            let hidden = below.to_string_lossy().starts_with('.');
            return hidden.then(|| {
                Denied::never(
                    format!("see the user's home directory, nor ~/{place} in it, which is not there either"),
                    "its own is an empty one behind the walls; `{home}` stands for the user's in commands and paths",
                )
            });
        }
        let found = self.to_read(&real);
        if found.opens.is_none() {
            return Some(found);
        }
        Some(found.note(format!(
            "its home directory is an empty one of its own: say `{{home}}/{place}` instead of `~/{place}`, or name it by a variable, as in \
             env = {{ HF_HOME = \"{{home}}/.cache/huggingface\" }}"
        )))
    }

    /// Places that everybody shares; `Some(None)` for one that explains nothing.
    #[allow(clippy::option_option)]
    fn special(&self, path: &Path) -> Option<Option<Denied>> {
        let text = path.to_string_lossy();
        let name = path.strip_prefix("/dev").ok().and_then(|below| below.iter().next()?.to_str());
        match name {
            Some("shm") => return Some(self.memory()),
            Some("pts" | "ptmx" | "tty") => return Some(self.terminal()),
            Some("null" | "zero" | "full" | "random" | "urandom" | "stdin" | "stdout" | "stderr" | "fd") => {
                return Some(None);
            }
            Some(name) => {
                let word = if name.starts_with("nvidia") || name == "dxg" {
                    "nvidia".to_owned()
                } else if ["kfd", "dri"].contains(&name) {
                    "amd".to_owned()
                } else {
                    text.clone().into_owned()
                };
                let closed = !self.writes(path) && (self.there)(path).is_some();
                return Some(closed.then(|| Denied::key(format!("use the device {text}"), "devices", word)));
            }
            None => {}
        }
        if text.starts_with("/proc/") {
            let named = text.ends_with("/comm");
            let note = if named {
                "only the first process of a job may name itself there on this machine; prctl(PR_SET_NAME) names any thread"
            } else {
                "no key opens that"
            };
            return Some(Some(Denied::never(format!("write {text}"), note)));
        }
        if text.starts_with("/sys/") {
            return Some(Some(Denied::never(format!("use {text}"), "no key opens that")));
        }
        if (text.starts_with("/tmp") || text.starts_with("/var/tmp"))
            && !self.writes(path)
            && !self.reads(path)
        {
            // A file of the machine's own there may be what is meant.
            return (self.there)(path).is_none().then(|| {
                Some(Denied::never(
                    format!("write {text}"),
                    "this machine gives a job no /tmp of its own: write below $TMPDIR, its private directory",
                ))
            });
        }
        None
    }

    /// What a complaint is about that names no path outside.
    fn by_subject(&self, kind: DenialKind, line: &str, around: &str) -> Vec<Denied> {
        let lower = line.to_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| around.contains(word));
        if kind == DenialKind::Network {
            return self.outside(&lower).into_iter().collect();
        }
        if !kind.is_refusal() || !paths(line).iter().all(|path| self.reads(path)) {
            return vec![];
        }
        let found = if says(&["perf_event", "perf stat", "perf record"]) {
            Some(Denied::never("count the processor's events", "no key opens that"))
        } else if says(&[
            "sem_open",
            "semlock",
            "shm_open",
            "shared_memory",
            "sharedmemory",
            "boost::interprocess",
        ]) {
            self.memory()
        } else if says(&["shmget", "semget", "msgget", "mq_open"]) {
            Some(Denied::never(
                "use System V memory or queues",
                "POSIX shared memory (shm_open) is open instead",
            ))
        } else if says(&["openpty", "posix_openpt", "forkpty", "grantpt", "pty devices", "pty.fork"]) {
            self.terminal()
        } else if says(&["ptrace", "process_vm_readv"]) {
            Some(Denied::never("trace processes", "no key opens that"))
        } else if says(&[
            "unshare",
            "namespace",
            "setuid sandbox",
            "no usable sandbox",
            "bwrap",
            "chroot",
            "mount(",
        ]) {
            Some(Denied::never(
                "make namespaces or mounts",
                "a program with walls of its own has to be started without them",
            ))
        } else if says(&["sched_setaffinity", "setpriority", "sched_setscheduler", "taskset", "chrt:"]) {
            Some(Denied::never(
                "choose cores or priorities of others",
                "a measuring command may choose its own",
            ))
        } else if says(&[
            "socket",
            "listen",
            "bind(",
            "connect",
            "127.0.0.1",
            "localhost",
            "asyncio",
            "http",
            "tcp",
            "udp",
            "netlink",
            "ping",
        ]) {
            Some(self.sockets())
        } else {
            None
        };
        found.into_iter().collect()
    }

    /// Lines that complain in words of their own.
    fn by_words(&self, line: &str) -> Option<Denied> {
        let lower = line.to_lowercase();
        if lower.contains("not a git repository") {
            return Some(Denied::never(
                "find a .git",
                "a side's tree is exported from git without it: what `git describe` says has to come by env or from a file",
            ));
        }
        if lower.contains("bad system call") {
            return Some(Denied::never(
                "call what it called",
                "the walls end a process that makes such a system call",
            ));
        }
        let after =
            |start: &str| lower.split_once(start).map(|(_, rest)| rest.trim_start_matches(['\'', '"', ' ']));
        if let Some(name) = after("cannot find module").or_else(|| after("cannot find package")) {
            let modules = self.checkout.join("node_modules");
            let package = !name.starts_with(['.', '/']) && (self.there)(&modules) == Some(There::Dir);
            return (package && !self.reads(&modules)).then(|| {
                let value = format!("NODE_PATH = {:?}", modules.to_string_lossy());
                Denied {
                    opens: Some(("read".into(), self.written(&modules))),
                    ..Denied::key(
                        format!("use {}, which git ignores and no exported tree has", modules.display()),
                        "env",
                        value.clone(),
                    )
                }
                .note(format!("env = {{ {value} }} has `require` look there; or install it in [build]"))
            });
        }
        if after("no module named").is_some() {
            let python = [".venv", "venv"].map(|name| self.checkout.join(name).join("bin/python"));
            let python = python.into_iter().find(|file| (self.there)(file).is_some() && !self.reads(file))?;
            return Some(Denied::never(
                format!("use {}, which git ignores and no exported tree has", python.display()),
                format!(
                    "name it as the first word of the command: command = [{:?}, ...]",
                    python.to_string_lossy()
                ),
            ));
        }
        let library = lower.contains("error while loading shared libraries")
            || lower.contains("cannot open shared object file");
        if library && (self.variable)("LD_LIBRARY_PATH") {
            return Some(
                Denied::key("see LD_LIBRARY_PATH", "env", "LD_LIBRARY_PATH = \"{env:LD_LIBRARY_PATH}\"")
                    .note("with the directories that it names in read"),
            );
        }
        None
    }

    fn memory(&self) -> Option<Denied> {
        (!self.shared_memory).then(|| {
            Denied::key(
                "use shared memory, which this machine does not give each job by itself",
                "shared_memory",
                "true",
            )
            .note("what one sample leaves in the machine's /dev/shm, the next one finds")
        })
    }

    fn terminal(&self) -> Option<Denied> {
        (!self.terminals).then(|| {
            Denied::never(
                "open terminals",
                "this machine gives a job none of its own, and those of others stay closed",
            )
        })
    }

    fn sockets(&self) -> Denied {
        if self.loopback || !self.can_loop {
            return Denied::key("use sockets", "network", "true").note(if self.loopback {
                "its own network has nobody else in it"
            } else {
                "this machine gives a job no network of its own, so that `loopback = true` opens nothing here"
            });
        }
        Denied::key("use sockets", "loopback", "true").note("`network = true` opens the machine's network")
    }

    /// The machine's network.
    fn outside(&self, line: &str) -> Option<Denied> {
        if self.network {
            return None;
        }
        let itself = ["127.0.0.1", "localhost", "::1"].iter().any(|name| line.contains(name));
        if itself && !self.loopback {
            return Some(self.sockets());
        }
        let found = Denied::key("use the network", "network", "true");
        Some(if self.section == "measure" {
            found
        } else {
            found.note("better: `fetch = [...]` runs once, with the network, when a run begins")
        })
    }

    fn socket(&self, path: &Path) -> Denied {
        Denied::never(
            format!("connect to {}", path.display()),
            "whoever listens there works outside the walls, so that no line is proposed",
        )
    }

    fn to_read(&self, path: &Path) -> Denied {
        if path.components().any(|part| part.as_os_str() == ".git") {
            return Denied::never(
                format!("read {}", path.display()),
                "git's own files, and piton's, are closed to it",
            );
        }
        if self.tells_secrets(path) {
            return Denied::never(
                format!("read {}", path.display()),
                "what a person is known by is best kept from it",
            );
        }
        if self.home.starts_with(path) {
            return Denied::never(
                format!("read {}", path.display()),
                "not the whole of it is opened: name what it needs there in read",
            );
        }
        Denied::key(format!("read {}", path.display()), "read", self.written(path))
    }

    fn to_write(&self, path: &Path) -> Denied {
        let git = path.components().any(|part| part.as_os_str() == ".git");
        if git || self.tells_secrets(path) || self.home.starts_with(path) {
            return Denied { what: format!("write {}", path.display()), ..self.to_read(path) };
        }
        Denied::key(format!("write {}", path.display()), "write", self.written(path))
            .note("what one sample leaves there, the next one finds")
    }

    /// A file that is to be made: what must be there is the directory.
    fn beside(&self, path: &Path) -> Option<Denied> {
        if (self.there)(path).is_some() {
            return Some(self.to_write(path));
        }
        let above = path.parent().filter(|above| (self.there)(above) == Some(There::Dir))?;
        let found = self.to_write(above);
        let what = format!("write {}", path.display());
        Some(match found.opens {
            Some(_) => Denied { what, ..found },
            None => Denied::never(
                what,
                "write below $TMPDIR, its private directory, or to a directory that write names",
            ),
        })
    }

    /// What a person or a service is known by.
    fn tells_secrets(&self, path: &Path) -> bool {
        const OWN: [&str; 20] = [
            ".ssh",
            ".aws",
            ".gnupg",
            ".azure",
            ".kube",
            ".docker",
            ".netrc",
            ".npmrc",
            ".pypirc",
            ".git-credentials",
            ".config/gh",
            ".config/gcloud",
            ".config/git",
            ".password-store",
            ".pgpass",
            ".claude",
            ".codex",
            ".gemini",
            ".cargo/credentials.toml",
            ".local/share/keyrings",
        ];
        const SYSTEM: [&str; 4] = ["/etc/shadow", "/etc/gshadow", "/etc/ssh", "/etc/sudoers"];
        OWN.iter().any(|name| path.starts_with(self.home.join(name)))
            || SYSTEM.iter().any(|name| path.starts_with(name))
    }

    /// A path as it is best written in `piton.toml`.
    fn written(&self, path: &Path) -> String {
        match path.strip_prefix(self.home) {
            Ok(below) if !below.as_os_str().is_empty() => format!("~/{}", below.display()),
            _ => path.display().to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
