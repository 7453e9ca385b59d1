use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

fn name(text: &str) -> &OsStr {
    OsStr::new(text)
}

/// A directory, and one outside of it with a file that must stay as it is.
fn ground() -> (tempfile::TempDir, tempfile::TempDir) {
    let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("victim"), "kept").unwrap();
    (dir, outside)
}

fn kept(outside: &tempfile::TempDir) -> bool {
    fs::read_to_string(outside.path().join("victim")).is_ok_and(|text| text == "kept")
        && fs::read_dir(outside.path()).unwrap().count() == 1
}

/// What may stand where a file should be, by how it is made; `victim` lies outside.
#[allow(clippy::type_complexity)]
const KINDS: [(&str, fn(&Path, &Path)); 9] = [
    ("link", |at, victim| symlink(victim, at).unwrap()),
    ("dangling link", |at, victim| symlink(victim.with_file_name("new"), at).unwrap()),
    ("link to itself", |at, _| symlink(at, at).unwrap()),
    ("link to a directory", |at, victim| symlink(victim.parent().unwrap(), at).unwrap()),
    ("hard link", |at, victim| fs::hard_link(victim, at).unwrap()),
    ("pipe", |at, _| {
        rustix::fs::mknodat(rustix::fs::CWD, at, rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap()
    }),
    ("socket", |at, _| drop(UnixListener::bind(at).unwrap())),
    ("closed file", |at, _| {
        fs::write(at, "").unwrap();
        fs::set_permissions(at, fs::Permissions::from_mode(0o0)).unwrap();
    }),
    ("directory", |at, _| {
        fs::create_dir_all(at.join("a/b/c")).unwrap();
        fs::write(at.join("a/b/c/file"), "").unwrap();
        fs::set_permissions(at.join("a/b"), fs::Permissions::from_mode(0o0)).unwrap();
    }),
];

#[test]
fn whatever_stands_there_is_replaced_by_a_file_a_link_or_a_directory_and_never_written_through() {
    for (kind, make) in KINDS {
        let (dir, outside) = ground();
        let (root, at) = (Dir::open(dir.path()).unwrap(), dir.path().join("x"));
        make(&at, &outside.path().join("victim"));
        root.put(name("x"), &b"new"[..], 0o777).unwrap();
        let meta = root.stat(name("x")).unwrap();
        assert_eq!((meta.kind, meta.names, meta.mode & 0o700), (FileKind::File, 1, 0o700), "{kind}");
        assert_eq!(fs::read(&at).unwrap(), b"new", "{kind}");
        root.remove(name("x")).unwrap();

        make(&at, &outside.path().join("victim"));
        root.put_link(name("x"), b"to").unwrap();
        assert_eq!(root.target(name("x")).unwrap(), b"to", "{kind}");
        root.remove(name("x")).unwrap();

        make(&at, &outside.path().join("victim"));
        let file = root.own_file(name("x"), true).unwrap();
        assert_eq!(Meta::of_file(&file).unwrap().names, 1, "{kind}");
        assert_eq!(file.metadata().unwrap().len(), 0, "{kind}");
        root.remove(name("x")).unwrap();

        make(&at, &outside.path().join("victim"));
        root.put_dirs(Path::new("x/y/z")).unwrap();
        assert!(at.join("y/z").is_dir(), "{kind}");
        root.remove(name("x")).unwrap();
        assert!(root.list().unwrap().is_empty(), "{kind}");
        assert!(kept(&outside), "{kind}");
    }
}

#[test]
fn only_a_plain_file_is_read_and_nothing_waits_for_a_pipe() {
    for (kind, make) in KINDS.iter().filter(|(kind, _)| !matches!(*kind, "hard link" | "closed file")) {
        let (dir, outside) = ground();
        make(&dir.path().join("x"), &outside.path().join("victim"));
        assert!(read(dir.path(), Path::new("x"), 100).is_err(), "{kind}");
        assert!(open(&dir.path().join("x")).is_err(), "{kind}");
    }
    let (dir, _outside) = ground();
    fs::write(dir.path().join("x"), "12345").unwrap();
    assert_eq!(read(dir.path(), Path::new("x"), 5).unwrap(), b"12345");
    assert_eq!(read(dir.path(), Path::new("x"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert!(read(dir.path(), Path::new("../x"), 5).is_err());
}

#[test]
fn a_link_on_the_way_leads_nowhere() {
    let (dir, outside) = ground();
    symlink(outside.path(), dir.path().join("way")).unwrap();
    assert!(read(dir.path(), Path::new("way/victim"), 100).is_err());
    assert!(put(dir.path(), Path::new("way/new"), b"").is_err());
    assert!(remove(dir.path(), Path::new("way/victim")).is_err());
    let root = Dir::open(dir.path()).unwrap();
    root.put_dirs(Path::new("way/below")).unwrap();
    assert!(dir.path().join("way/below").is_dir() && kept(&outside));
}

#[test]
fn a_directory_that_is_deeper_than_any_path_and_closed_all_the_way_is_removed() {
    let (dir, outside) = ground();
    let root = Dir::open(dir.path()).unwrap();
    let mut deepest = root.put_dir(name("x")).unwrap();
    for depth in 0..3000 {
        let next = deepest.put_dir(name("d")).unwrap();
        if depth % 100 == 0 {
            symlink(
                outside.path(),
                format!("/proc/self/fd/{}/out", std::os::fd::AsRawFd::as_raw_fd(&next.fd)),
            )
            .unwrap();
        }
        rustix::fs::fchmod(&deepest, Mode::empty()).unwrap();
        deepest = next;
    }
    root.remove(name("x")).unwrap();
    assert!(root.list().unwrap().is_empty());
    assert!(kept(&outside));
}

#[test]
fn names_swapped_meanwhile_lead_nowhere() {
    let (dir, outside) = ground();
    let (at, victim) = (dir.path().join("x"), outside.path().to_owned());
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                turn += 1;
                let _ = fs::remove_file(&at);
                let _ = fs::remove_dir_all(&at);
                match turn % 3 {
                    0 => drop(symlink(&victim, &at)),
                    1 => drop(fs::create_dir(&at)),
                    _ => drop(symlink(victim.join("victim"), &at)),
                }
            }
        });
        let root = Dir::open(dir.path()).unwrap();
        for _ in 0..2000 {
            // Any of it may fail while somebody swaps names; none of it may reach what lies outside.
            let _ = root.put(name("x"), &b"mine"[..], 0o666);
            let _ = root.put_dirs(Path::new("x/y")).map(|dir| dir.put(name("victim"), &b"mine"[..], 0o666));
            let _ = root.remove(name("x"));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(kept(&outside));
}
