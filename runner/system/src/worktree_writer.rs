//! What is laid into a worktree or taken out of it, by a process that may write nothing else.
//!
//! piton starts itself once more behind walls that leave it the worktree alone, and tells it on its standard input what is to stand
//! where. That helper reaches every path by descriptors (`beneath`): a mistake in that would have the walls to get through besides.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::OnceLock;

use piton_confine::{Limits, Opened, Policy, Role, linked};
use piton_core::base::level::Level;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::beneath::Dir;
use crate::process;
use crate::sandbox;
use crate::terminal;
use piton_core::base::error::{Context, Error, Result};

/// First argument of the helper; the second is the worktree.
const LAY: &str = "--lay";
/// Set where this binary becomes the helper when it is asked to.
static SERVES: OnceLock<()> = OnceLock::new();

/// What is to be under a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Nothing.
    Nothing,
    /// A directory; what is in it stays.
    Dir,
    /// A plain file of as many bytes, which follow.
    File {
        /// Whether it can be executed.
        executable: bool,
        /// Its size.
        bytes: u64,
    },
    /// A link whose target has as many bytes, which follow.
    Link {
        /// Length of the target.
        bytes: u64,
    },
}

/// One path, and what is to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathWrite {
    /// Relative to the root of the worktree.
    pub path: PathBuf,
    /// What is to be there.
    pub placement: Placement,
    /// The content of a file, the target of a link.
    pub content: Vec<u8>,
}

/// A write without its content, as it is sent.
#[derive(Serialize, Deserialize)]
struct OrderHeader {
    path: Vec<u8>,
    placement: Placement,
}

/// A write that was not made.
#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    path: Vec<u8>,
    why: String,
    code: Option<i32>,
}

impl PathWrite {
    /// Nothing there.
    pub fn nothing(path: PathBuf) -> Self {
        Self { path, placement: Placement::Nothing, content: vec![] }
    }

    /// A directory there.
    pub fn dir(path: PathBuf) -> Self {
        Self { path, placement: Placement::Dir, content: vec![] }
    }

    /// A plain file there.
    pub fn file(path: PathBuf, executable: bool, content: Vec<u8>) -> Self {
        Self { path, placement: Placement::File { executable, bytes: content.len() as u64 }, content }
    }

    /// A link there.
    pub fn link(path: PathBuf, target: Vec<u8>) -> Self {
        Self { path, placement: Placement::Link { bytes: target.len() as u64 }, content: target }
    }
}

/// Where this process was started as the helper, does what it is told and never returns. Otherwise notes that this binary can be it.
///
/// Must stand in `main` behind `piton_confine::enter_if_asked` and before everything else.
pub fn serve_if_asked() {
    let _ = SERVES.set(());
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() != Some(OsStr::new(LAY)) {
        return;
    }
    let root = PathBuf::from(args.next().unwrap_or_default());
    let mut answers = vec![];
    let done = serve(&root, &mut io::stdin().lock(), &mut answers);
    terminal::bytes(&answers);
    exit(i32::from(done.is_err()))
}

fn serve(root: &Path, writes: &mut dyn BufRead, answers: &mut dyn Write) -> io::Result<()> {
    let root = Dir::open(root)?;
    loop {
        let mut line = vec![];
        writes.read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return answers.flush();
        }
        let head: OrderHeader = serde_json::from_slice(&line)?;
        let bytes = match head.placement {
            Placement::File { bytes, .. } | Placement::Link { bytes } => bytes,
            Placement::Nothing | Placement::Dir => 0,
        };
        let mut content = (&mut *writes).take(bytes);
        let path = OsString::from_vec(head.path.clone());
        if let Err(error) = carry_out(&root, Path::new(&path), &head.placement, &mut content) {
            let code = error.raw_os_error();
            let failure = Failure { path: head.path, why: error.to_string(), code };
            serde_json::to_writer(&mut *answers, &failure)?;
            answers.write_all(b"\n")?;
        }
        // What was not taken is still in the way of the next write.
        io::copy(&mut content, &mut io::sink())?;
    }
}

/// Does one thing beneath `root`.
fn carry_out(root: &Dir, path: &Path, placement: &Placement, content: &mut dyn Read) -> io::Result<()> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    let above = path.parent().unwrap_or(Path::new(""));
    let dir = match placement {
        // What lies behind something that is no directory is not in the tree.
        Placement::Nothing => match root.descend(above) {
            Err(e)
                if matches!(Errno::from_io_error(&e), Some(Errno::NOENT | Errno::NOTDIR | Errno::LOOP)) =>
            {
                return Ok(());
            }
            dir => dir?,
        },
        _ => root.put_dirs(above)?,
    };
    match placement {
        Placement::Nothing => dir.remove(name),
        Placement::Dir => dir.put_dir(name).map(|_| ()),
        Placement::File { executable, .. } => {
            dir.put(name, content, if *executable { 0o777 } else { 0o666 }).map(|_| ())
        }
        Placement::Link { .. } => {
            let mut target = vec![];
            content.read_to_end(&mut target)?;
            dir.put_link(name, &target)
        }
    }
}

/// Makes the writes in the worktree at `root`.
///
/// # Errors
/// What could not be done, the first of it by name; everything else was.
pub fn lay(root: &Path, writes: &[PathWrite]) -> Result<()> {
    if writes.is_empty() {
        return Ok(());
    }
    let left = match SERVES.get().and_then(|()| by_helper(root, writes)) {
        Some(failures) => failures,
        // The walls are a second line: without them every path is still walked by descriptors.
        None => writes.iter().map(|write| (write, String::new(), None)).collect(),
    };
    let what = || format!("{} was not made what it should be", root.display());
    let dir = Dir::open(root).context(what())?;
    for (write, why, code) in left {
        // Behind the walls nobody is root: what is another user's is refused there to whom it is not here.
        let refused = [Errno::ACCESS, Errno::PERM].map(|errno| Some(errno.raw_os_error()));
        let done = match why.is_empty() || refused.contains(&code) {
            true => carry_out(&dir, &write.path, &write.placement, &mut &*write.content)
                .map_err(|e| e.to_string()),
            false => Err(why),
        };
        done.map_err(|why| Error::new(what()).cause(format!("{}: {why}", write.path.display())))?;
    }
    Ok(())
}

/// Has the helper do it. Returns what it could not do; nothing where it did not start or did not get to its end.
fn by_helper<'o>(root: &Path, writes: &'o [PathWrite]) -> Option<Vec<(&'o PathWrite, String, Option<i32>)>> {
    let exe = sandbox::helper().ok()?;
    let program = std::fs::canonicalize(&exe).unwrap_or_else(|_| exe.clone());
    let mut read = linked(&program);
    read.push(program);
    let policy = Policy {
        role: Role::Agent,
        read,
        write: vec![root.to_owned()],
        network: false,
        opened: Opened::default(),
        limits: Limits::default(),
        least: Level::None,
    };
    let argv = policy.wrap(&exe, &[exe.clone().into(), LAY.into(), root.into()]);
    let mut send = |to: &mut dyn Write| -> io::Result<()> {
        for write in writes {
            let head = OrderHeader {
                path: write.path.as_os_str().as_bytes().to_vec(),
                placement: write.placement.clone(),
            };
            serde_json::to_writer(&mut *to, &head)?;
            to.write_all(b"\n")?;
            to.write_all(&write.content)?;
        }
        to.flush()
    };
    let answer =
        process::run_with_input(&argv, root, &mut send).ok().filter(|answer| answer.status == Some(0))?;
    let failures = answer.out.lines().map(|line| {
        let failure: Failure = serde_json::from_str(line).ok()?;
        let path = PathBuf::from(OsString::from_vec(failure.path));
        let write = writes.iter().find(|write| write.path == path)?;
        Some((write, failure.why, failure.code))
    });
    failures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_told_to_the_helper_is_done_beneath_its_root_and_what_fails_is_named() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("victim"), "kept").unwrap();
        symlink(outside.path(), dir.path().join("way")).unwrap();
        symlink(outside.path().join("victim"), dir.path().join("file")).unwrap();
        let writes = [
            PathWrite::file("file".into(), true, b"one\ntwo".to_vec()),
            PathWrite::file("way/victim".into(), false, b"mine".to_vec()),
            PathWrite::nothing("gone/deep".into()),
            PathWrite::nothing("../victim".into()),
            PathWrite::link("link".into(), b"file".to_vec()),
            PathWrite::dir("empty".into()),
        ];
        let mut sent = vec![];
        for write in &writes {
            let head = OrderHeader {
                path: write.path.as_os_str().as_bytes().to_vec(),
                placement: write.placement.clone(),
            };
            serde_json::to_writer(&mut sent, &head).unwrap();
            sent.push(b'\n');
            sent.extend_from_slice(&write.content);
        }
        let mut said = vec![];
        serve(dir.path(), &mut &*sent, &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(fs::read_to_string(outside.path().join("victim")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(dir.path().join("file")).unwrap(), "one\ntwo");
        assert_eq!(fs::read_to_string(dir.path().join("way/victim")).unwrap(), "mine");
        assert_eq!(fs::read_link(dir.path().join("link")).unwrap(), Path::new("file"));
        assert!(dir.path().join("empty").is_dir());
    }
}
