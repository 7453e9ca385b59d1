//! The file or directory in which a tool leaves its figures: `report` in `[measure]`.
//!
//! What the build or the commit left there is removed before the sample, so what is read was written by it. It is read by descriptors: a link,
//! a pipe or a device in its place is no report.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use piton_core::base::metric::{ReadError, ReportFile};
use piton_system::beneath::{self, Dir, FileKind};
use piton_system::config::Measure;
use piton_system::tree::SealedPaths;

/// Most bytes of a report that are read, all of its files together.
pub(super) const MOST_BYTES: u64 = 64 << 20;
/// Most names in the directories of a report.
const MOST_NAMES: usize = 50_000;
/// How deep they may lie in each other: a name of criterion's may have as many parts as there are slashes in it.
const DEEPEST: usize = 16;

/// Where the report of one sample is to be.
#[derive(Debug)]
pub(crate) struct Report {
    /// A directory that is there.
    root: PathBuf,
    /// The path below it.
    path: PathBuf,
    /// As `piton.toml` has it.
    said: String,
}

/// What was left there.
#[derive(Debug, Clone)]
pub(crate) enum Left {
    /// A file, which was copied here.
    File(PathBuf),
    /// A directory with these files.
    Directory(Vec<ReportFile>),
}

impl Report {
    /// The report of a sample whose experiment lies in `tree`. One that the command is told the place of lies in `private`.
    pub fn of(measure: &Measure, tree: &Path, private: &Path) -> io::Result<Option<Self>> {
        let Some(said) = measure.report.clone() else { return Ok(None) };
        Self::at(said, tree, measure.places_report().then_some(private)).map(Some)
    }

    /// The report that `said` names in `tree`, or in `private`, where the command is told the place.
    pub fn at(said: String, tree: &Path, private: Option<&Path>) -> io::Result<Self> {
        let Some(private) = private else {
            return Ok(Self { root: tree.to_owned(), path: PathBuf::from(&said), said });
        };
        let root = private.join("report");
        fs::create_dir(&root)?;
        let path = Path::new(&said).file_name().map(PathBuf::from).unwrap_or_default();
        Ok(Self { root, path, said })
    }

    /// Where it is to be, for the command.
    pub fn place(&self) -> PathBuf {
        self.root.join(&self.path)
    }

    /// Removes what was there before. Returns why nothing may be there, where the commit itself has something.
    ///
    /// # Errors
    /// A system that refuses.
    pub fn clear(&self, within: &str, held: &SealedPaths) -> io::Result<Option<String>> {
        if held.has(&Path::new(within).join(&self.path)) {
            return Ok(Some(format!(
                "the report `{}` is in the commit, and what is read must be written there: take it out of git, or have the tool write \
                 elsewhere and name that",
                self.said
            )));
        }
        beneath::remove(&self.root, &self.path)?;
        Ok(None)
    }

    /// What the sample left, a file copied to `copy`.
    ///
    /// # Errors
    /// [`ReadError::NoReport`] where nothing is there, or nothing that can be read.
    pub fn take(&self, copy: &Path) -> Result<Left, ReadError> {
        let no = |why: String| ReadError::NoReport { path: self.said.clone(), why };
        let lost = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => no("nothing is there after the sample".to_owned()),
            _ => no(e.to_string()),
        };
        let name = self.path.file_name().unwrap_or_default();
        let above =
            Dir::open(&self.root).and_then(|dir| dir.descend(self.path.parent().unwrap_or(Path::new(""))));
        let above = above.map_err(lost)?;
        match above.stat(name).map(|meta| meta.kind) {
            None => Err(no("nothing is there after the sample".to_owned())),
            Some(FileKind::File) => {
                let (bytes, _) = above.read(name, MOST_BYTES).map_err(lost)?;
                let copied = File::create(copy).and_then(|mut file| file.write_all(&bytes));
                copied.map_err(|e| ReadError::Lost(e.to_string()))?;
                Ok(Left::File(copy.to_owned()))
            }
            Some(FileKind::Dir) => {
                let mut walk = Walk { files: vec![], bytes: MOST_BYTES, names: MOST_NAMES };
                let dir = above.enter(name).map_err(lost)?;
                walk.of(&dir, "", 0).map_err(lost)?;
                Ok(Left::Directory(walk.files))
            }
            Some(_) => Err(no("a link, a pipe or a device stands there, and no file".to_owned())),
        }
    }
}

/// The files of a directory that a report may have.
struct Walk {
    files: Vec<ReportFile>,
    bytes: u64,
    names: usize,
}

impl Walk {
    fn of(&mut self, dir: &Dir, path: &str, depth: usize) -> io::Result<()> {
        for name in dir.list()? {
            self.names = self.names.checked_sub(1).ok_or_else(|| {
                io::Error::other(format!("it has more than {MOST_NAMES} files and directories"))
            })?;
            let Some(text) = name.to_str() else { continue };
            let below = if path.is_empty() { text.to_owned() } else { format!("{path}/{text}") };
            match dir.stat(&name).map(|meta| meta.kind) {
                Some(FileKind::Dir) if depth < DEEPEST => self.of(&dir.enter(&name)?, &below, depth + 1)?,
                Some(FileKind::File) if wanted(&name) => {
                    let mut text = String::new();
                    dir.file(&name)?.0.take(self.bytes + 1).read_to_string(&mut text)?;
                    self.bytes = self.bytes.checked_sub(text.len() as u64).ok_or_else(|| {
                        io::Error::other(format!("its files have more than {} MiB", MOST_BYTES >> 20))
                    })?;
                    self.files.push(ReportFile { path: below, text });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a file may hold figures: criterion's two, and JUnit's.
fn wanted(name: &OsStr) -> bool {
    name == "estimates.json"
        || name == "benchmark.json"
        || Path::new(name).extension() == Some(OsStr::new("xml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn report(root: &Path, path: &str) -> Report {
        Report { root: root.to_owned(), path: path.into(), said: path.to_owned() }
    }

    fn why(taken: Result<Left, ReadError>) -> String {
        taken.unwrap_err().to_string()
    }

    #[test]
    fn a_file_is_copied_and_a_directory_is_read_with_its_paths() {
        let root = tempfile::tempdir().unwrap();
        let copy = root.path().join("copy");
        fs::create_dir_all(root.path().join("target/criterion/a b/c/new")).unwrap();
        fs::write(root.path().join("target/criterion/a b/c/new/estimates.json"), "{}").unwrap();
        fs::write(root.path().join("target/criterion/a b/c/new/raw.csv"), "x").unwrap();
        let Ok(Left::Directory(files)) = report(root.path(), "target/criterion").take(&copy) else {
            panic!()
        };
        assert_eq!(files, [ReportFile { path: "a b/c/new/estimates.json".into(), text: "{}".into() }]);
        let file = "target/criterion/a b/c/new/raw.csv";
        assert!(matches!(report(root.path(), file).take(&copy), Ok(Left::File(_))));
        assert_eq!(fs::read_to_string(&copy).unwrap(), "x");
    }

    #[test]
    fn what_is_no_file_of_the_samples_own_is_no_report() {
        let root = tempfile::tempdir().unwrap();
        let (copy, at) = (root.path().join("copy"), |name: &str| root.path().join(name));
        fs::write(at("secret"), "x").unwrap();
        symlink("secret", at("link")).unwrap();
        symlink(".", at("above")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).unwrap();
        for (path, word) in [
            ("absent.json", "nothing is there"),
            ("no/such/place.json", "nothing is there"),
            ("link", "a link, a pipe"),
            ("pipe", "a link, a pipe"),
            ("above/secret", "report `above/secret`"),
        ] {
            let why = why(report(root.path(), path).take(&copy));
            assert!(why.contains(word), "{path}: {why}");
        }
        assert!(!copy.exists());
    }
}
