//! What appears in directories, even for a moment.

#[cfg(target_os = "linux")]
pub use here::Watch;
#[cfg(not(target_os = "linux"))]
pub use nowhere::NoWatch as Watch;

#[cfg(target_os = "linux")]
mod here {
    use std::collections::BTreeMap;
    use std::ffi::OsStr;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};

    /// Is told of each name that appears in some directories.
    #[derive(Debug)]
    pub struct Watch {
        queue: OwnedFd,
        dirs: BTreeMap<i32, PathBuf>,
    }

    impl Watch {
        /// On the directories `dirs` below `root`; `None` where the system gives no watch on all of them.
        pub fn on<'a>(root: &Path, dirs: impl Iterator<Item = &'a PathBuf>) -> Option<Self> {
            let queue = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok()?;
            let what =
                WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::ONLYDIR | WatchFlags::DONT_FOLLOW;
            let mut watched = BTreeMap::new();
            for dir in dirs {
                watched.insert(inotify::add_watch(&queue, root.join(dir), what).ok()?, dir.clone());
            }
            Some(Self { queue, dirs: watched })
        }

        /// The first answer of `take` to what appeared since the last call: the directory, the name, whether that is a directory.
        pub fn each(&self, take: &mut dyn FnMut(&Path, &OsStr, bool) -> Option<String>) -> Option<String> {
            let mut space = [MaybeUninit::uninit(); 16 << 10];
            let mut reader = Reader::new(&self.queue, &mut space);
            let mut found = None;
            while let Ok(event) = reader.next() {
                if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                    found.get_or_insert_with(|| "more was made at once than piton can follow".to_owned());
                }
                let (Some(dir), Some(name)) = (self.dirs.get(&event.wd()), event.file_name()) else {
                    continue;
                };
                if found.is_none() {
                    let directory = event.events().contains(ReadFlags::ISDIR);
                    found = take(dir, OsStr::from_bytes(name.to_bytes()), directory);
                }
            }
            found
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use std::ffi::OsStr;
    use std::path::{Path, PathBuf};

    /// Other systems are looked at in the end alone.
    #[derive(Debug)]
    pub(crate) struct NoWatch;

    impl NoWatch {
        pub fn on<'a>(_: &Path, _: impl Iterator<Item = &'a PathBuf>) -> Option<Self> {
            None
        }

        pub fn each(&self, _: &mut dyn FnMut(&Path, &OsStr, bool) -> Option<String>) -> Option<String> {
            None
        }
    }
}
