//! macOS: the system's own sandbox, by a profile. One wall, whose worth is Apple's to say: level `partial`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::policy::{Policy, Role};

/// The program that starts another in a sandbox.
pub(crate) const SANDBOX: &str = "/usr/bin/sandbox-exec";

/// The profile of a policy, in the sandbox's language.
///
/// Everything is denied, then what programs need to start is allowed, then what the policy names.
pub(crate) fn profile(policy: &Policy) -> String {
    let mut text = String::from(
        "(version 1)\n(deny default)\n(allow process-exec*)\n(allow sysctl-read)\n(allow mach-lookup)\n(allow signal (target same-sandbox))\n",
    );
    if policy.role != Role::Worker {
        text.push_str("(allow process-fork)\n");
    }
    // Where a file is may be asked of any.
    text.push_str("(allow file-read-metadata)\n");
    text.push_str("(allow file-read* (literal \"/\") (literal \"/dev/null\") (literal \"/dev/random\") (literal \"/dev/urandom\"))\n");
    text.push_str("(allow file-write* (literal \"/dev/null\"))\n");
    for path in policy.read.iter().chain(&policy.write) {
        let _ = writeln!(text, "(allow file-read* (subpath {}))", quoted(path));
    }
    for path in &policy.write {
        let _ = writeln!(text, "(allow file-write* (subpath {}))", quoted(path));
    }
    if policy.role == Role::Agent || policy.network && policy.role != Role::Worker {
        text.push_str("(allow network*)\n(allow system-socket)\n");
    }
    text
}

/// A path as the sandbox compares it, links resolved, as a string of its language.
fn quoted(path: &Path) -> String {
    let real: PathBuf = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let text = real.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Limits, Opened};
    use piton_base::level::Level;

    fn policy(role: Role, network: bool) -> Policy {
        let least = Level::Partial;
        Policy {
            role,
            read: vec!["/no/lib".into()],
            write: vec!["/no/\"out".into()],
            network,
            opened: Opened::default(),
            limits: Limits::default(),
            least,
        }
    }

    #[test]
    fn a_profile_denies_first_and_then_allows_what_the_policy_names() {
        let text = profile(&policy(Role::Build, false));
        assert!(text.starts_with("(version 1)\n(deny default)\n"), "{text}");
        assert!(text.contains("(allow file-read* (subpath \"/no/lib\"))\n"));
        assert!(
            text.contains("(allow file-write* (subpath \"/no/\\\"out\"))\n"),
            "a quote cannot end the string"
        );
        assert!(!text.contains("file-write* (subpath \"/no/lib\")"));
        assert!(text.contains("(allow process-fork)"));
    }

    #[test]
    fn only_an_agent_and_who_was_given_it_has_the_network_and_a_worker_never() {
        let network = |role, given| profile(&policy(role, given)).contains("network");
        assert!(network(Role::Agent, false) && network(Role::Measure, true));
        assert!(!network(Role::Measure, false) && !network(Role::Worker, true));
        assert!(!profile(&policy(Role::Worker, true)).contains("process-fork"));
    }
}
