//! One line of a program's output: what kind of complaint it is, and which paths it names.

use std::path::PathBuf;
use std::sync::LazyLock;

use regex::Regex;

/// What a line complains of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DenialKind {
    /// EACCES and EPERM.
    Refused,
    /// EROFS.
    ReadOnly,
    /// ENOENT.
    Absent,
    /// A host that is not found or not reached.
    Network,
}

impl DenialKind {
    /// Whether somebody said no.
    pub(crate) fn is_refusal(self) -> bool {
        matches!(self, Self::Refused | Self::ReadOnly)
    }
}

/// How kernels, languages and shells say it, in small letters but for names of their own; each kind is asked in this order.
const SAID: [(DenialKind, &[&str]); 4] = [
    (
        DenialKind::ReadOnly,
        &["read-only file system", "EROFS", "os error 30)", "errno 30]", "readonlyfilesystem", "code: 30,"],
    ),
    (
        DenialKind::Network,
        &[
            "could not resolve",
            "name resolution",
            "name or service not known",
            "EAI_AGAIN",
            "ENOTFOUND",
            "no such host",
            "UnknownHostException",
            "failed to lookup address",
            "network is unreachable",
            "ENETUNREACH",
            "no address associated",
            "could not connect to server",
            "unable to connect to",
            "getaddrinfo",
            "couldn't connect to",
            "failed to connect to",
        ],
    ),
    (
        DenialKind::Refused,
        &[
            "permission denied",
            "operation not permitted",
            "EACCES",
            "EPERM",
            "os error 13)",
            "os error 1)",
            "errno 13]",
            "errno 1]",
            "permissionerror",
            "permissiondenied",
            "accessdenied",
            "access denied",
            "code: 13,",
            "code: 1,",
        ],
    ),
    (
        DenialKind::Absent,
        &[
            "no such file or directory",
            "ENOENT",
            "os error 2)",
            "errno 2]",
            "filenotfounderror",
            "nosuchfile",
            "filenotfoundexception",
            "directory nonexistent",
            "code: 2,",
            "cannot find the file",
            "does not exist",
            ": not found",
        ],
    ),
];

/// What a line complains of, if it does.
pub(super) fn kind(line: &str) -> Option<DenialKind> {
    let lower = line.to_lowercase();
    let says = |word: &str| {
        // The kernel's own names are part of other words in small letters.
        if word.starts_with(|c: char| c.is_ascii_uppercase()) {
            line.contains(word)
        } else {
            lower.contains(word)
        }
    };
    SAID.iter().find(|(_, words)| words.iter().any(|word| says(word))).map(|(kind, _)| *kind)
}

/// Whether a text speaks of making, changing or removing something.
pub(super) fn seems_to_write(text: &str) -> bool {
    static WRITING: LazyLock<Regex> = LazyLock::new(|| {
        let words = "creat|mkdir|makedirs|mkstemp|writ(e|ing)|touch|unlink|remov|renam|delet|truncat|append|chmod|chown|fopen.*[\"']w\
            |open\\w*\\(.*[\"'](w|a|x|wb|ab|w\\+)[\"']|^(cp|mv|ln|install|tee|rm|touch|mkdir|rsync): |o_creat|save|dump|directory nonexistent";
        Regex::new(&format!("(?im)({words})")).expect("a pattern")
    });
    WRITING.is_match(text)
}

/// The absolute paths that a line names, as languages and shells quote them.
pub(super) fn paths(line: &str) -> Vec<PathBuf> {
    // In quotes of any kind a path may hold blanks; without them it ends at one.
    static QUOTED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("['\"`\u{2018}\u{201c}]((?:file://)?/[^'\"`\u{2019}\u{201d}]*)['\"`\u{2019}\u{201d}]")
            .expect("a pattern")
    });
    static BARE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("(?:^|[\\s=(\\[<:,>])((?:file://)?/[^\\s'\"`,;)\\]>\u{2019}\u{201d}]+)")
            .expect("a pattern")
    });
    let quoted = QUOTED.captures_iter(line).map(|found| found[1].to_owned());
    let without = QUOTED.replace_all(line, " ");
    let bare = BARE.captures_iter(&without).map(|found| found[1].to_owned()).collect::<Vec<_>>();
    let mut all: Vec<PathBuf> = vec![];
    for path in quoted.chain(bare) {
        let path = path.strip_prefix("file://").unwrap_or(&path);
        // `path: reason`, `path:12:3: reason`, and the end of a sentence.
        let path = path.split(':').next().unwrap_or_default().trim_end_matches(['.', '!', '?']);
        let path = PathBuf::from(if path.len() > 1 { path.trim_end_matches('/') } else { path });
        if path.components().count() > 1 && !all.contains(&path) {
            all.push(path);
        }
    }
    all
}
