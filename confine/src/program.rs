//! The program that a helper is to become, and why it did not.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Why a helper did not become the command.
pub(crate) enum Failure {
    Walls(String),
    Exec(String),
}

/// Where a program is: as it says where it has a slash, else the first of its name in PATH.
pub(crate) fn program(name: &OsStr) -> PathBuf {
    let plain = Path::new(name);
    if plain.components().count() != 1 || plain.is_absolute() {
        return plain.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|dir| dir.join(plain)).find(|file| file.is_file());
    found.unwrap_or_else(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_a_slash_is_looked_up_and_any_other_is_not() {
        assert_eq!(program("./sh".as_ref()), Path::new("./sh"));
        assert!(program("sh".as_ref()).is_absolute());
    }
}
