//! What a build made, taken so that it is that file and nothing that the build only points at.

use std::fs::File;
use std::path::{Path, PathBuf};

use piton_system::beneath::{Dir, FileKind, Meta};

/// Files and directories that are looked through for the other names of an artifact.
const MOST: usize = 1_000_000;

/// Why an artifact is not taken.
#[derive(Debug)]
pub(super) struct RefusedArtifact {
    /// In words.
    pub why: String,
    /// Whether something stands there that the next build must not find.
    pub stands: bool,
}

/// The artifact at `path`, open, where it is a plain file that is reached without a link below one of `places`, with no name outside of
/// them. A build may point at, and give a second name to, what it may not read: what piton then copied would be readable to all.
///
/// # Errors
/// Why it is not taken.
pub(super) fn open(path: &Path, places: &[&Path]) -> Result<(File, Meta), RefusedArtifact> {
    let shown = path.display();
    let refuse = |why: String| RefusedArtifact { why, stands: true };
    let fail = |e: std::io::Error| refuse(format!("the artifact {shown} was not read: {e}"));
    let place = places.iter().find_map(|place| Some((*place, path.strip_prefix(place).ok()?)));
    let (place, below) = match place {
        Some(found) => found,
        // Where the experiment names another place, that is where it lies.
        None => (path.parent().unwrap_or(path), path.file_name().map(Path::new).unwrap_or(path)),
    };
    let name = below.file_name().ok_or_else(|| refuse(format!("the artifact {shown} is no file")))?;
    let root = Dir::open(place).map_err(fail)?;
    let mut dir = root;
    for part in below.parent().unwrap_or(Path::new("")).iter() {
        match dir.stat(part).map(|meta| meta.kind) {
            None => return Err(RefusedArtifact { why: none(path), stands: false }),
            Some(FileKind::Link) => return Err(refuse(linked(path, "a directory on the way to it"))),
            Some(_) => dir = dir.enter(part).map_err(fail)?,
        }
    }
    match dir.stat(name).map(|meta| meta.kind) {
        None => return Err(RefusedArtifact { why: none(path), stands: false }),
        Some(FileKind::Link) => return Err(refuse(linked(path, "it"))),
        Some(FileKind::Dir) => return Err(refuse(format!("{}: it is a directory", none(path)))),
        Some(FileKind::Other) => return Err(refuse(format!("the artifact {shown} is no plain file"))),
        Some(FileKind::File) => {}
    }
    let (file, meta) = dir.file(name).map_err(fail)?;
    if meta.names > 1 {
        let mut found = 0;
        for place in places {
            found += Dir::open(place).map_or(0, |dir| others(dir, &meta));
        }
        // cargo gives its artifact a second name in its own directory.
        if found < meta.names {
            return Err(refuse(format!(
                "the artifact {shown} has {} names, and {} of them are not what the build made: copy the file there instead of linking it",
                meta.names,
                meta.names - found
            )));
        }
    }
    Ok((file, meta))
}

fn none(path: &Path) -> String {
    format!("the build succeeded and made no {}", path.display())
}

fn linked(path: &Path, what: &str) -> String {
    format!(
        "the artifact {} was not taken: {what} is a link; have the build copy the file there",
        path.display()
    )
}

/// How many names a file has in a directory and below it.
fn others(top: Dir, file: &Meta) -> u64 {
    let (mut left, mut seen, mut found) = (vec![PathBuf::new()], 0, 0);
    while let Some(path) = left.pop() {
        let Ok(dir) = top.descend(&path) else { continue };
        for name in dir.list().unwrap_or_default() {
            seen += 1;
            let Some(meta) = dir.stat(&name) else { continue };
            found += u64::from(
                (meta.device, meta.inode) == (file.device, file.inode) && meta.kind == FileKind::File,
            );
            if meta.kind == FileKind::Dir {
                left.push(path.join(&name));
            }
        }
        if seen > MOST || found == file.names {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn an_artifact_is_a_plain_file_of_the_builds_own_however_it_is_spelled() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (target, secret) = (dir.path().join("target"), outside.path().join("secret"));
        fs::create_dir_all(target.join("deps")).unwrap();
        fs::write(&secret, "secret").unwrap();
        let made = |name: &str| {
            open(&target.join(name), &[&target]).map(|(_, meta)| meta.bytes).map_err(|refused| refused.why)
        };
        fs::write(target.join("plain"), "1234").unwrap();
        assert_eq!(made("plain"), Ok(4));
        fs::hard_link(target.join("plain"), target.join("deps/plain-77")).unwrap();
        assert_eq!(made("plain"), Ok(4), "cargo links its artifact within its own directory");
        fs::hard_link(target.join("plain"), outside.path().join("elsewhere")).unwrap();
        assert!(made("plain").unwrap_err().contains("has 3 names, and 1 of them"));
        symlink(&secret, target.join("link")).unwrap();
        symlink("plain", target.join("near")).unwrap();
        symlink("nothing", target.join("dangling")).unwrap();
        symlink(outside.path(), target.join("way")).unwrap();
        fs::hard_link(&secret, target.join("hard")).unwrap();
        let socket = std::os::unix::net::UnixListener::bind(target.join("socket")).unwrap();
        for (name, why) in [
            ("link", "it is a link"),
            ("near", "it is a link"),
            ("dangling", "it is a link"),
            ("way/secret", "a directory on the way to it is a link"),
            ("hard", "has 2 names"),
            ("deps", "it is a directory"),
            ("socket", "no plain file"),
            ("none", "made no"),
            ("none/none", "made no"),
        ] {
            let is = made(name).unwrap_err();
            assert!(is.contains(why), "{name}: {is}");
        }
        drop(socket);
    }
}
