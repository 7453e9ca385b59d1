//! Where a server answers.

use std::fmt;
use std::net::IpAddr;

use piton_core::base::error::{Error, Result};

/// An address over HTTP, with the path that all of its requests begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address of the machine, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// What paths begin with: `/v1`, without a slash at its end.
    pub base: String,
}

impl Endpoint {
    /// A server on this machine that serves below `/v1`.
    pub fn local(port: u16) -> Self {
        Self { host: "127.0.0.1".to_owned(), port, base: "/v1".to_owned() }
    }

    /// Reads `http://HOST[:PORT][/PATH]`. Without a path, the API is below `/v1`, as everywhere.
    ///
    /// # Errors
    /// Another scheme, no host, a port that is none.
    pub fn parse(url: &str) -> Result<Self> {
        let bad = |cause: String| {
            Error::usage(format!("nothing was asked: {url} is no address of a server"))
                .cause(cause)
                .note("no request was sent")
                .hint("write it as http://127.0.0.1:8080 or http://127.0.0.1:8080/v1")
        };
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some(("https", _)) => {
                return Err(bad("piton speaks HTTP without TLS: for another machine, open a tunnel (ssh -L 8080:HOST:PORT)".to_owned()));
            }
            Some((scheme, _)) => return Err(bad(format!("{scheme} is not http"))),
            None => return Err(bad("it does not begin with http://".to_owned())),
        };
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if authority.contains('@') || path.contains(['?', '#', ' ']) {
            return Err(bad("it has a user name, a query or a fragment".to_owned()));
        }
        let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() {
            return Err(bad("it names no host".to_owned()));
        }
        let port = port.map_or(Ok(80), |port| {
            port.parse().ok().filter(|port| *port > 0).ok_or_else(|| bad(format!("`{port}` is no port")))
        })?;
        let path = path.trim_end_matches('/');
        // A whole address of one call, as it stands in documentation, means the same server.
        let path = ["/chat/completions", "/completions"]
            .iter()
            .find_map(|end| path.strip_suffix(end))
            .unwrap_or(path);
        let base = if path.is_empty() { "/v1" } else { path };
        Ok(Self { host: host.to_owned(), port, base: base.to_owned() })
    }

    /// Whether it can only be this machine.
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Host and port, as in the header `Host`.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{}", self.port)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_however_it_is_written() {
        let read = |url: &str| Endpoint::parse(url).map(|endpoint| endpoint.to_string());
        for url in
            ["http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/chat/completions"]
        {
            assert_eq!(read(url).unwrap(), "http://127.0.0.1:8080/v1", "{url}");
        }
        assert_eq!(read("http://[::1]:9/api/v3").unwrap(), "http://[::1]:9/api/v3");
        assert_eq!(read("http://box").unwrap(), "http://box:80/v1");
        for bad in [
            "https://a",
            "a:80",
            "http://",
            "http://a:0",
            "http://a:x",
            "ftp://a",
            "http://u@a",
            "http://a/?b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let loopback = |url: &str| Endpoint::parse(url).unwrap().is_loopback();
        assert!(
            loopback("http://localhost:1") && loopback("http://127.9.9.9:1") && loopback("http://[::1]:1")
        );
        assert!(!loopback("http://10.0.0.1:1") && !loopback("http://localhost.example:1"));
    }
}
