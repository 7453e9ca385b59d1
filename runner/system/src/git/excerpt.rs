//! A repository of its own that holds what stands in a directory, to try something in: the directory and its repository stay as they are.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature};

use super::Repo;
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::scope::below;

/// Most files, and bytes in them: to copy and to hash more takes too long for a look.
const FILES: usize = 20_000;
const BYTES: u64 = 256 << 20;

/// What stood in a directory, or in the repository that holds it: all that git would take of it.
#[derive(Debug)]
pub struct Excerpt {
    dir: PathBuf,
    within: String,
}

/// What is left to be copied.
struct Copying<'a> {
    git: Option<&'a Repository>,
    files: usize,
    bytes: u64,
}

impl Copying<'_> {
    /// Whether git would leave it out. What it tracks counts though a rule ignores it.
    fn ignored(&self, path: &Path, root: &Path) -> bool {
        let Some(git) = self.git else { return false };
        let Ok(below) = path.strip_prefix(root) else { return true };
        let tracked = git.index().is_ok_and(|index| index.get_path(below, 0).is_some());
        !tracked && git.is_path_ignored(below).unwrap_or(false)
    }

    fn copy(&mut self, root: &Path, from: &Path, to: &Path) -> io::Result<()> {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (path, copy) = (entry.path(), to.join(entry.file_name()));
            if entry.file_name() == ".git" || self.ignored(&path, root) {
                continue;
            }
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.copy(root, &path, &copy)?;
                continue;
            }
            let size = entry.metadata()?.len();
            self.files += 1;
            self.bytes += if kind.is_file() { size } else { 0 };
            if self.files > FILES || self.bytes > BYTES {
                return Err(io::Error::other(format!(
                    "it holds more than {FILES} files, or {} MB",
                    BYTES >> 20
                )));
            }
            if kind.is_symlink() {
                symlink(fs::read_link(&path)?, &copy)?;
            } else if kind.is_file() {
                fs::copy(&path, &copy)?;
            }
        }
        Ok(())
    }
}

impl Excerpt {
    /// Copies what git would take of the repository that holds `from`, else all of `from`, to `dir`, which is not there yet.
    ///
    /// # Errors
    /// Too much, a file that cannot be read, or a disk that refuses.
    pub fn take(from: &Path, dir: &Path) -> Result<Self> {
        let what = || format!("{} was not copied", from.display());
        let from = fs::canonicalize(from).context(what())?;
        let git = Repository::discover(&from).ok().filter(|git| !git.is_bare());
        let root = git.as_ref().and_then(|git| fs::canonicalize(git.workdir()?).ok());
        let root = root.filter(|root| from.starts_with(root)).unwrap_or_else(|| from.clone());
        let within = from.strip_prefix(&root).unwrap_or(Path::new("")).to_str();
        let within = within.ok_or_else(|| Error::new(what()).cause("its name is not UTF-8"))?.to_owned();
        let mut copying = Copying { git: git.as_ref(), files: 0, bytes: 0 };
        copying.copy(&root, &root, dir).context(what())?;
        fs::create_dir_all(below(dir, &within)).context(what())?;
        Ok(Self { dir: dir.to_owned(), within })
    }

    /// The directory that was asked for, in the copy.
    pub fn place(&self) -> PathBuf {
        below(&self.dir, &self.within)
    }

    /// A repository of one commit: what was copied, and `files` by their paths from the directory.
    ///
    /// # Errors
    /// When git refuses or the disk is full.
    pub fn commit(&self, files: &[(&str, &str)]) -> Result<Repo> {
        let what = "the copy was not committed";
        for (name, text) in files {
            let path = self.place().join(name);
            let parent = path.parent().unwrap_or(&self.dir);
            fs::create_dir_all(parent).and_then(|()| fs::write(&path, text)).context(what)?;
        }
        let commit = || -> std::result::Result<(), git2::Error> {
            let mut options = RepositoryInitOptions::new();
            // What a user's templates hold is not wanted here.
            options.external_template(false).initial_head("try");
            let git = Repository::init_opts(&self.dir, &options)?;
            let mut index = git.index()?;
            index.add_all(["*"], IndexAddOption::FORCE, None)?;
            index.write()?;
            let tree = git.find_tree(index.write_tree()?)?;
            let who = Signature::now("piton", "piton@localhost")?;
            let parent = git.head().and_then(|head| head.peel_to_commit()).ok();
            let parents: Vec<&git2::Commit> = parent.iter().collect();
            git.commit(Some("HEAD"), &who, &who, "as it stands", &tree, &parents)?;
            Ok(())
        };
        commit().context(what)?;
        Repo::open(&self.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_would_take_is_copied_and_the_repository_is_left_alone() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| from.path().join(name);
        let git = Repository::init(from.path()).unwrap();
        fs::create_dir_all(at("sub/src")).unwrap();
        for (name, text) in
            [(".gitignore", "*.log\n"), ("a", "1"), ("x.log", "2"), ("sub/src/b", "3"), ("kept.log", "4")]
        {
            fs::write(at(name), text).unwrap();
        }
        let mut index = git.index().unwrap();
        index.add_path(Path::new("kept.log")).unwrap();
        index.write().unwrap();
        let dir = to.path().join("copy");
        let excerpt = Excerpt::take(&at("sub"), &dir).unwrap();
        let repo = excerpt.commit(&[("piton.toml", "name = 'x'")]).unwrap();
        let head = repo.head().unwrap().commit;
        let text = |path: &str| repo.file(head, path).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(text("sub/src/b").as_deref(), Some("3"));
        assert_eq!((text("kept.log").as_deref(), text("x.log")), (Some("4"), None));
        assert_eq!(text("sub/piton.toml").as_deref(), Some("name = 'x'"));
        assert!(!at("sub/piton.toml").exists() && git.head().is_err());
        let again = excerpt.commit(&[("piton.toml", "name = 'y'")]).unwrap();
        assert_ne!(again.head().unwrap().commit, head);
    }
}
