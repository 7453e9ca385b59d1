//! The file in which an agent leaves its words. Whatever stands there, it is read as data, and no further than a proposal goes.

use std::path::Path;

use piton_core::trial::proposal::Proposal;
use piton_system::beneath;

/// Largest proposal file that is read, in bytes. Of a long description the record holds the beginning.
const MOST: u64 = 8 << 20;

/// What the proposal file at `path` below `dir` says; absent when there is none that is a plain file, or when it is too large or no JSON.
pub fn read(dir: &Path, path: &Path) -> Option<Proposal> {
    let bytes = beneath::read(dir, path, MOST).ok()?;
    Proposal::parse(&String::from_utf8_lossy(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    fn described(write: impl FnOnce(&Path)) -> Option<String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("proposal.json");
        write(&path);
        read(dir.path(), Path::new("proposal.json"))?.description
    }

    #[test]
    fn a_proposal_that_is_no_plain_file_of_a_sane_size_has_no_description() {
        let text = |bytes: &[u8]| described(|path| fs::write(path, bytes).unwrap());
        assert_eq!(text(b"{\"description\": \" wider tiles \"}"), Some("wider tiles".to_owned()));
        assert_eq!(text(b"\xef\xbb\xbf{\"description\": \"a\xffb\"}"), Some("a\u{fffd}b".to_owned()));
        for none in [&b""[..], b"{}", b"[]", b"{\"description\": 7}", b"{\"description\": \" \"}", b"\0"] {
            assert_eq!(text(none), None, "{none:?}");
        }
        assert_eq!(described(|path| fs::create_dir(path).unwrap()), None);
        assert_eq!(described(|path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()), None);
        assert_eq!(described(|path| File::create(path).unwrap().set_len(MOST + 1).unwrap()), None);
    }
}
