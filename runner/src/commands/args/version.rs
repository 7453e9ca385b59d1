//! What `piton --version` says.

use std::sync::LazyLock;

/// The version, with what is known of how this binary was made. `release/build` names the commit; a build by cargo alone does not, so
/// that a commit builds nothing anew.
pub(super) static VERSION: LazyLock<String> =
    LazyLock::new(|| words(option_env!("PITON_COMMIT"), cfg!(target_feature = "crt-static")));

/// `needs_nothing`: whether the binary loads no library of the system's.
fn words(commit: Option<&str>, needs_nothing: bool) -> String {
    let made: Vec<&str> = commit.into_iter().chain(needs_nothing.then_some("static")).collect();
    match made.as_slice() {
        [] => env!("CARGO_PKG_VERSION").to_owned(),
        made => format!("{} ({})", env!("CARGO_PKG_VERSION"), made.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_begins_with_the_package_s_and_names_only_what_is_known() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(words(None, false), version);
        assert_eq!(words(None, true), format!("{version} (static)"));
        assert_eq!(words(Some("0123abc"), true), format!("{version} (0123abc, static)"));
    }
}
