//! What stands in the way of the refs of a run that is to begin: found before anything is measured, since that may take hours.

use git2::Oid;

use super::Repo;
use piton_core::base::error::{Error, Result};

/// Why git cannot hold a ref beside those that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefConflict {
    /// The ref in the way.
    pub with: String,
    /// The ref that is to be made.
    pub wanted: String,
}

impl RefConflict {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self.with.strip_prefix("refs/heads/") {
            Some(branch) => format!("rename it, e.g.: git branch -m {branch} {}-1", branch.replace('/', "-")),
            None => format!(
                "look at it with `git log {0}`; where nobody needs it: git update-ref -d {0}",
                self.with
            ),
        }
    }
}

/// The first of `refs` that git cannot hold beside `wanted`: one of the same name, or one whose name is a directory of the other's.
/// `folded` where the file system takes letters of either case for the same.
pub fn conflict<'a>(wanted: &str, refs: impl Iterator<Item = &'a str>, folded: bool) -> Option<RefConflict> {
    let fold = |text: &str| if folded { text.to_lowercase() } else { text.to_owned() };
    let name = fold(wanted);
    let within = |one: &str, other: &str| other.strip_prefix(one).is_some_and(|rest| rest.starts_with('/'));
    let taken = |other: &&str| {
        let other = fold(other);
        other == name || within(&other, &name) || within(&name, &other)
    };
    refs.into_iter().find(taken).map(|with| RefConflict { with: with.to_owned(), wanted: wanted.to_owned() })
}

impl Repo {
    /// What stands in the way of the refs of a run of this name; `None` where nothing does.
    ///
    /// # Errors
    /// When the refs cannot be read.
    pub fn conflict(&self, run: &str) -> Result<Option<RefConflict>> {
        let refs = self.refs()?;
        let folded = self.git.config().and_then(|config| config.get_bool("core.ignorecase")).unwrap_or(false);
        let wanted = [format!("refs/heads/piton/{run}"), format!("refs/piton/{run}/trials/1")];
        Ok(wanted.iter().find_map(|wanted| {
            let others = refs.keys().map(String::as_str).filter(|name| {
                // A run of this name is told of otherwise, and what an earlier one left below its refs is no obstacle.
                *name != "HEAD" && !name.starts_with(&format!("refs/piton/{run}/"))
            });
            conflict(wanted, others, folded)
        }))
    }

    /// Makes refs as a run of this name will, and takes them away again.
    ///
    /// # Errors
    /// When git cannot write them.
    pub fn try_refs(&self, run: &str, commit: Oid) -> Result<()> {
        let refused = |why: Error| {
            let cause = why.cause.unwrap_or(why.what);
            Error::refused("the run did not begin: its refs cannot be written")
                .cause(cause)
                .note("nothing was measured and nothing was recorded")
                .hint("let this user write below .git, which must allow locks and renames: no read-only or foreign file system")
        };
        let probe = format!("refs/piton/{run}/probe");
        self.set_ref(&probe, commit, "piton: probe")
            .and_then(|()| self.delete_ref(&probe))
            .map_err(refused)?;
        let lock = |name: &str| {
            let mut transaction = self.git.transaction()?;
            transaction.lock_ref(name)
        };
        lock(&format!("refs/heads/piton/{run}")).map_err(|e| refused(Error::new(e.message())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_is_in_the_way_of_its_own_name_and_of_every_name_below_or_above_it() {
        let found = |refs: &[&str], folded| conflict("refs/heads/piton/r", refs.iter().copied(), folded);
        assert_eq!(found(&["refs/heads/main", "refs/heads/piton/r2", "refs/heads/pito"], false), None);
        for taken in ["refs/heads/piton", "refs/heads/piton/r", "refs/heads/piton/r/old"] {
            assert_eq!(found(&["refs/heads/main", taken], false).unwrap().with, taken);
        }
        assert_eq!(found(&["refs/heads/Piton"], false), None);
        assert!(found(&["refs/heads/Piton"], true).is_some());
        assert!(found(&["refs/heads/piton/R"], true).is_some());
    }

    #[test]
    fn what_is_in_the_way_is_renamed_by_a_command_that_works() {
        let conflict =
            RefConflict { with: "refs/heads/piton/r/old".into(), wanted: "refs/heads/piton/r".into() };
        assert_eq!(conflict.hint(), "rename it, e.g.: git branch -m piton/r/old piton-r-old-1");
        let conflict = RefConflict { with: "refs/piton/r".into(), wanted: "refs/piton/r/trials/1".into() };
        assert!(conflict.hint().contains("git update-ref -d refs/piton/r"));
    }
}
