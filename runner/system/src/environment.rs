//! What of piton's own environment a job is given: what says nothing of the user, what reaching a network takes, or everything.

use std::ffi::OsString;

/// The variables that a build or a measurement needs and that say nothing of the user.
pub fn bare_env() -> Vec<(OsString, OsString)> {
    chosen(&["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR", "LANG"])
}

/// The same with what reaching a network takes: for the step that fetches, while nothing of an agent's is built.
pub fn fetching_env() -> Vec<(OsString, OsString)> {
    [bare_env(), reaching(|_| true)].concat()
}

/// The same for a job that uses the network while something of an agent's may run: without what opens an account.
pub fn network_env() -> Vec<(OsString, OsString)> {
    [bare_env(), reaching(|name| !opens_an_account(name))].concat()
}

/// Whether a variable of those may hold what only its owner should know.
fn opens_an_account(name: &str) -> bool {
    const WORDS: [&str; 9] =
        ["TOKEN", "AUTH", "PASSW", "SECRET", "CREDENTIAL", "_KEY", "KEYRING", "USERCONFIG", "CONFIG_FILE"];
    let name = name.to_ascii_uppercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Which devices are meant, as whoever started piton said.
pub(crate) fn device_env() -> Vec<(OsString, OsString)> {
    chosen(&["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"])
}

/// Whether a variable says how a network is reached: proxies, certificates, and where packages come from.
pub(crate) fn configures_network(name: &str) -> bool {
    const NAMES: [&str; 25] = [
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "FTP_PROXY",
        "NO_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "NIX_SSL_CERT_FILE",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "GIT_SSL_CAPATH",
        "AWS_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "NODE_USE_SYSTEM_CA",
        "DENO_CERT",
        "GOPROXY",
        "GONOPROXY",
        "GOSUMDB",
        "GONOSUMDB",
        "GOPRIVATE",
        "GOINSECURE",
        "GOFLAGS",
        "GOTOOLCHAIN",
        "HF_ENDPOINT",
    ];
    const FAMILIES: [&str; 10] = [
        "PIP_",
        "UV_",
        "NPM_CONFIG_",
        "PNPM_CONFIG_",
        "YARN_",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRIES_",
        "CARGO_SOURCE_",
        "BUNDLE_MIRROR",
    ];
    // What would have a tool work in a place of the user's.
    const PLACES: [&str; 8] =
        ["CACHE", "PREFIX", "TARGET", "PROJECT", "TOOL_", "_DIR", "ENVIRONMENT", "INIT_MODULE"];
    let name = name.to_ascii_uppercase();
    let family = FAMILIES.iter().any(|start| name.starts_with(start));
    NAMES.contains(&&*name) || family && PLACES.iter().all(|place| !name.contains(place))
}

fn reaching(wanted: impl Fn(&str) -> bool) -> Vec<(OsString, OsString)> {
    let of = |name: &OsString| name.to_str().is_some_and(|name| configures_network(name) && wanted(name));
    std::env::vars_os().filter(|(name, _)| of(name)).collect()
}

fn chosen(names: &[&str]) -> Vec<(OsString, OsString)> {
    names.iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect()
}

/// Everything in piton's own environment: for the agent, which needs its keys.
pub fn full_env() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reaches_a_network_is_known_by_its_name_and_no_place_to_work_in_is() {
        let of = |names: &[&str], right| {
            names.iter().for_each(|name| assert_eq!(configures_network(name), right, "{name}"))
        };
        of(
            &[
                "https_proxy",
                "NODE_EXTRA_CA_CERTS",
                "PIP_INDEX_URL",
                "npm_config_registry",
                "GOPROXY",
                "SSL_CERT_DIR",
            ],
            true,
        );
        of(
            &[
                "npm_config_cafile",
                "UV_INDEX_URL",
                "CARGO_HTTP_PROXY",
                "REQUESTS_CA_BUNDLE",
                "CARGO_NET_OFFLINE",
            ],
            true,
        );
        of(
            &[
                "PIP_CACHE_DIR",
                "UV_CACHE_DIR",
                "npm_config_prefix",
                "UV_PROJECT_ENVIRONMENT",
                "npm_config_local_prefix",
            ],
            false,
        );
        of(&["HOME", "PATH", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HF_TOKEN", "PIPELINE"], false);
    }

    #[test]
    fn what_opens_an_account_is_kept_from_what_an_agent_may_have_written() {
        for name in
            ["npm_config__authToken", "CARGO_REGISTRIES_X_TOKEN", "UV_INDEX_X_PASSWORD", "PIP_CONFIG_FILE"]
        {
            assert!(configures_network(name) && opens_an_account(name), "{name}");
        }
        assert!(!opens_an_account("PIP_INDEX_URL") && !opens_an_account("NODE_EXTRA_CA_CERTS"));
    }
}
