//! What a failed command lacks that its ecosystem installs, and how.

use std::sync::LazyLock;

use regex::Regex;

/// Who says that something is missing, and what installs it; `{}` stands for its name.
const FORMS: [(&str, &str); 5] = [
    (
        r"No module named '?([A-Za-z0-9_]+)",
        "python3 -m pip install {}, in the environment whose python3 is first in your PATH, or in .venv beside piton.toml",
    ),
    (
        r"Cannot find (?:package|module) '((?:@[\w.-]+/)?[\w-][\w.-]*)",
        "npm install, where package.json names {}",
    ),
    (
        r"(?:no required module provides package|missing go\.sum entry for module providing package) ([\w./-]+)",
        "go mod tidy, which takes in {}",
    ),
    (r"(?:^|[\s:])([\w.+-]+): (?:command )?not found\b", "your system's package that has the program {}"),
    (r"fatal error: ([\w./+-]+\.h[a-z]*): No such file", "your system's package that has the header {}"),
];

/// How to install what `reason` says is not there; absent where it says nothing of the kind.
pub fn install(reason: &str) -> Option<String> {
    static KNOWN: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let known = FORMS.iter().map(|(form, how)| (Regex::new(form).expect("a form of piton's own"), *how));
        known.collect()
    });
    KNOWN.iter().find_map(|(form, how)| Some(how.replace("{}", form.captures(reason)?.get(1)?.as_str())))
}

#[cfg(test)]
mod tests {
    use super::install;

    #[test]
    fn what_is_missing_is_named_with_what_installs_it() {
        let told = |reason: &str| install(reason).unwrap_or_default();
        assert!(
            told("failed: exit status 1: ModuleNotFoundError: No module named 'numpy' (/t/bench.py:6)")
                .starts_with("python3 -m pip install numpy,")
        );
        assert!(told("/usr/bin/python3: No module named pytest").contains("pip install pytest,"));
        assert!(told("ModuleNotFoundError: No module named 'a.b'").contains("pip install a,"));
        assert_eq!(
            told(
                "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@lukeed/uuid' imported from /t/test/benchmark.js"
            ),
            "npm install, where package.json names @lukeed/uuid"
        );
        assert_eq!(told("sh: 1: cmake: not found"), "your system's package that has the program cmake");
        assert_eq!(
            told("a.c:1:10: fatal error: zlib.h: No such file or directory"),
            "your system's package that has the header zlib.h"
        );
        assert_eq!(
            install("Cannot find module './own.js'"),
            None,
            "a file of the project's own is not installed"
        );
        assert_eq!(install("error[E0425]: cannot find value `z`"), None);
    }
}
