//! Who may come in where a run is served: a function of what a request says of itself.
//!
//! Who stands at the loopback need not be the user: it may be the agent, which has the network, or another user of the machine. So
//! only who knows the token, which the user's terminal was told, finds buttons; and off loopback nobody else finds anything. A page
//! that somebody's browser has open can send requests to this machine as well, with the user's cookies: so the name that a request
//! was sent to must be this machine's (a foreign name that leads here is DNS rebinding), and a button must be pressed on our own
//! page, which its origin shows, and a key that only our page holds.

use core::net::{IpAddr, SocketAddr};

/// What keeps a server's user apart from everybody else.
#[derive(Debug, Clone)]
pub struct Door {
    /// Whether it is reached from this machine alone.
    pub loopback: bool,
    /// Whether those who do not know the token may look.
    pub open: bool,
    /// What the user knows.
    pub token: String,
    /// The cookie that his browser keeps it in: browsers do not tell ports apart.
    pub cookie: String,
    /// What our own page sends along with a button.
    pub key: String,
}

/// What a request says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Knock<'a> {
    /// The name and port that it was sent to.
    pub host: Option<&'a str>,
    /// The page that sends it.
    pub origin: Option<&'a str>,
    /// How that page stands to ours, by the browser's word.
    pub site: Option<&'a str>,
    /// The token in the address.
    pub asked: Option<&'a str>,
    /// That in the header for programs.
    pub bearer: Option<&'a str>,
    /// The cookies.
    pub cookies: Option<&'a str>,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It is let in, and may press buttons where it knows the token.
    Open {
        /// Whether it does.
        known: bool,
    },
    /// It is let in, and is to keep the token as a cookie, not in its address.
    Keep,
    /// It is not, and why.
    Shut(&'static str),
    /// It does not know the token.
    Unknown,
}

impl Door {
    /// The door of what is served at `address`; `shut` where those who do not know the token may not look on loopback either.
    pub fn new(address: SocketAddr, shut: bool, token: String, key: String) -> Self {
        let loopback = address.ip().is_loopback();
        Self { loopback, open: loopback && !shut, token, cookie: format!("piton-{}", address.port()), key }
    }

    /// Whether a request may come in at all.
    pub fn enter(&self, knock: &Knock) -> Entry {
        let Some(host) = knock.host else { return Entry::Shut("the request names no host") };
        if self.loopback && !is_loopback(name_of(host)) {
            return Entry::Shut("the request was sent to a name that is not this machine's loopback");
        }
        if knock.asked.is_some_and(|asked| same(asked, &self.token)) {
            return Entry::Keep;
        }
        let cookies = knock.cookies.unwrap_or_default().split(';');
        let kept =
            cookies.filter_map(|cookie| cookie.trim().strip_prefix(self.cookie.as_str())?.strip_prefix('='));
        let known = kept.chain(knock.bearer).any(|known| same(known, &self.token));
        if known || self.open { Entry::Open { known } } else { Entry::Unknown }
    }

    /// Whether a request that was let in may press a button. `key` is what it sent along.
    pub fn press(&self, knock: &Knock, key: Option<&str>) -> Result<(), &'static str> {
        if self.enter(knock) != (Entry::Open { known: true }) {
            return Err("only who has opened the address that piton serve printed may press a button");
        }
        let ours = |origin: &str| origin.strip_prefix("http://").is_some_and(|sent| Some(sent) == knock.host);
        if knock.origin.is_some_and(|origin| !ours(origin))
            || knock.site.is_some_and(|site| site != "same-origin")
        {
            return Err("the button was pressed on another page");
        }
        match key {
            Some(key) if same(key, &self.key) => Ok(()),
            _ => Err("the page is from before piton serve was started anew: load it again"),
        }
    }
}

/// The name in `name:port`.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, _)) => name,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_loopback(name: &str) -> bool {
    let address = name.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Whether two secrets are the same, in a time that does not say how far they agree.
fn same(one: &str, other: &str) -> bool {
    let differ = one.bytes().zip(other.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differ) == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(address: &str, shut: bool) -> Door {
        Door::new(address.parse().unwrap(), shut, "s3cret".into(), "k3y".into())
    }

    fn to(host: &str) -> Knock<'_> {
        Knock { host: Some(host), ..Knock::default() }
    }

    #[test]
    fn on_loopback_only_the_loopbacks_own_names_lead_in() {
        let door = door("127.0.0.1:7480", false);
        for name in ["127.0.0.1:7480", "localhost:9", "LOCALHOST", "[::1]:7480", "127.0.0.9"] {
            assert_eq!(door.enter(&to(name)), Entry::Open { known: false }, "{name}");
        }
        for name in
            ["evil.example:7480", "127.0.0.1.evil.example", "", "192.168.1.5:7480", "localhost.evil:1"]
        {
            assert!(matches!(door.enter(&to(name)), Entry::Shut(_)), "{name}");
        }
        assert!(matches!(door.enter(&Knock::default()), Entry::Shut(_)));
    }

    #[test]
    fn off_loopback_or_where_it_is_wanted_nobody_looks_without_the_token() {
        for address in ["0.0.0.0:7480", "192.168.1.5:7480", "[::]:7480", "[fe80::1]:7480", "8.8.8.8:7480"] {
            assert_eq!(door(address, false).enter(&to("box:7480")), Entry::Unknown, "{address}");
        }
        let door = door("127.0.0.1:7480", true);
        let at = to("localhost:7480");
        assert_eq!(door.enter(&at), Entry::Unknown);
        assert_eq!(door.enter(&Knock { asked: Some("s3cret"), ..at }), Entry::Keep);
        assert_eq!(door.enter(&Knock { bearer: Some("s3cret"), ..at }), Entry::Open { known: true });
        let cookies = Some("a=b; piton-7480=s3cret");
        assert_eq!(door.enter(&Knock { cookies, ..at }), Entry::Open { known: true });
        for wrong in ["", "s3cre", "s3crets", "S3cret", "piton"] {
            let cookies = Some("piton-7480=; piton-7481=s3cret; piton-74800=s3cret");
            let knock = Knock { asked: Some(wrong), bearer: Some(wrong), cookies, ..at };
            assert_eq!(door.enter(&knock), Entry::Unknown, "{wrong}");
        }
    }

    #[test]
    fn a_button_counts_when_the_user_pressed_it_on_our_own_page() {
        let door = door("127.0.0.1:7480", false);
        let at = Knock { bearer: Some("s3cret"), ..to("127.0.0.1:7480") };
        assert_eq!(door.press(&at, Some("k3y")), Ok(()), "a program of his");
        let ours = Knock { origin: Some("http://127.0.0.1:7480"), site: Some("same-origin"), ..at };
        assert_eq!(door.press(&ours, Some("k3y")), Ok(()));
        assert!(door.press(&Knock { bearer: None, ..ours }, Some("k3y")).is_err(), "the agent's own");
        assert!(door.press(&ours, None).is_err() && door.press(&ours, Some("key")).is_err());
        for origin in ["null", "http://evil.example", "http://127.0.0.1:7481", "https://127.0.0.1:7480"] {
            assert!(door.press(&Knock { origin: Some(origin), ..at }, Some("k3y")).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", "none"] {
            assert!(door.press(&Knock { site: Some(site), ..at }, Some("k3y")).is_err(), "{site}");
        }
    }
}
