//! Who may come in where a run is served: a function of what a request says of itself.
//!
//! Who stands at the loopback need not be the user: it may be the agent, which has the network, or another user of the machine. So
//! only who knows the token, which the user's terminal was told, finds buttons; and off loopback nobody else finds anything. A page
//! that somebody's browser has open can send requests to this machine as well, with the user's cookies: so the name that a request
//! was sent to must be this machine's (a foreign name that leads here is DNS rebinding), and a button must be pressed on our own
//! page, which its origin shows, and a key that only our page holds.
//!
//! A name is compared whole, with its port, against those that lead here, and never taken apart: what two readers may split in two ways
//! (`[::1].evil.example`, `127.0.0.1:7480@evil.example`) is in no list.

use core::net::SocketAddr;

/// What keeps a server's user apart from everybody else.
#[derive(Debug, Clone)]
pub(crate) struct Door {
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
    /// The names, each with its port, that lead here on loopback, in small letters.
    names: Vec<String>,
}

/// What a request says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Knock<'a> {
    /// The name and port that it was sent to; absent where it names none, or more than one.
    pub host: Option<&'a str>,
    /// The name and port in its first line, where that holds a whole address.
    pub target: Option<&'a str>,
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
pub enum Login {
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
    /// The door of what is served at `address`, also under the `names` that the user gave; `shut` where those who do not know the token
    /// may not look on loopback either.
    pub fn new(address: SocketAddr, shut: bool, names: &[String], token: String, key: String) -> Self {
        let (loopback, port) = (address.ip().is_loopback(), address.port());
        let own = ["localhost", "127.0.0.1", "[::1]"].map(|name| format!("{name}:{port}"));
        let given = names.iter().map(|name| match name.rsplit_once(':') {
            Some((_, digits)) if is_port(digits) => name.to_ascii_lowercase(),
            _ => format!("{}:{port}", name.to_ascii_lowercase()),
        });
        let mut names: Vec<String> = own.into_iter().chain([address.to_string()]).chain(given).collect();
        // Where it is the protocol's own, nobody writes it.
        names.extend(names.clone().iter().filter_map(|name| name.strip_suffix(":80").map(str::to_owned)));
        Self { loopback, open: loopback && !shut, token, cookie: format!("piton-{port}"), key, names }
    }

    /// Whether a request may come in at all.
    pub fn enter(&self, knock: &Knock) -> Login {
        let Some(host) = knock.host else { return Login::Shut("the request does not name one host") };
        if knock.target.is_some_and(|target| target != host) {
            return Login::Shut("the request names two hosts");
        }
        if self.loopback && !self.names.iter().any(|name| name.eq_ignore_ascii_case(host)) {
            return Login::Shut(
                "the request was sent to a name that is not this machine's loopback; for another one: piton serve --name NAME:PORT",
            );
        }
        // Elsewhere this machine has names that it does not know itself, and only the token lets in.
        if !is_name(host) {
            return Login::Shut("the request was sent to what is no name");
        }
        if knock.origin.is_some_and(|origin| origin.strip_prefix("http://") != Some(host)) {
            return Login::Shut("the request comes from another page");
        }
        if knock.asked.is_some_and(|asked| same(asked, &self.token)) {
            return Login::Keep;
        }
        let cookies = knock.cookies.unwrap_or_default().split(';');
        let kept =
            cookies.filter_map(|cookie| cookie.trim().strip_prefix(self.cookie.as_str())?.strip_prefix('='));
        let known = kept.chain(knock.bearer).any(|known| same(known, &self.token));
        if known || self.open { Login::Open { known } } else { Login::Unknown }
    }

    /// Whether a request that was let in may press a button. `key` is what it sent along.
    pub fn press(&self, knock: &Knock, key: Option<&str>) -> Result<(), &'static str> {
        match self.enter(knock) {
            Login::Open { known: true } => {}
            Login::Shut(why) => return Err(why),
            _ => return Err("only who has opened the address that piton serve printed may press a button"),
        }
        if knock.site.is_some_and(|site| site != "same-origin") {
            return Err("the button was pressed on another page");
        }
        match key {
            Some(key) if same(key, &self.key) => Ok(()),
            _ => Err("the page is from before piton serve was started anew: load it again"),
        }
    }
}

/// Whether `host` is `name`, `name:port`, `[address]` or `[address]:port`, and nothing besides.
pub(crate) fn is_name(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return false,
        Some(Some((address, rest))) => match (address.parse::<core::net::Ipv6Addr>(), rest.strip_prefix(':'))
        {
            (Err(_), _) => return false,
            (Ok(_), None) => return rest.is_empty(),
            (Ok(_), port) => ("localhost", port),
        },
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty() && name.bytes().all(plain) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
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
        Door::new(address.parse().unwrap(), shut, &[], "s3cret".into(), "k3y".into())
    }

    fn to(host: &str) -> Knock<'_> {
        Knock { host: Some(host), ..Knock::default() }
    }

    /// Ways to write a name that some reader takes for this machine.
    const FOREIGN: [&str; 40] = [
        "evil.example:7480",
        "127.0.0.1.evil.example",
        "127.0.0.1.evil.example:7480",
        "",
        " ",
        ":7480",
        "192.168.1.5:7480",
        "localhost.evil:7480",
        "[::1].evil.com",
        "[::1].evil.com:7480",
        "[::1]evil.com:7480",
        "[::1]:7480.evil.com",
        "127.0.0.1:7480@evil.com",
        "127.0.0.1:7480@evil.com:7480",
        "evil.com@127.0.0.1:7480",
        "localhost:7480/evil.com",
        "localhost:7480#evil.com",
        "localhost:7480?evil.com",
        "localhost.:7480",
        "127.0.0.1.:7480",
        "localhost",
        "127.0.0.1",
        "[::1]",
        "localhost:80",
        "localhost:7481",
        "localhost:",
        "localhost:07480",
        "localhost:+7480",
        "localhost:7480 ",
        " localhost:7480",
        "localhost:7480,evil.com",
        "[::ffff:127.0.0.1]:7480",
        "[0:0:0:0:0:0:0:1]:7480",
        "::1:7480",
        "2130706433:7480",
        "0x7f000001:7480",
        "0x7f.1:7480",
        "0177.0.0.1:7480",
        "127.1:7480",
        "0.0.0.0:7480",
    ];

    #[test]
    fn on_loopback_only_the_loopbacks_own_names_with_its_port_lead_in() {
        let at = door("127.0.0.1:7480", false);
        for name in ["127.0.0.1:7480", "localhost:7480", "LOCALHOST:7480", "[::1]:7480"] {
            assert_eq!(at.enter(&to(name)), Login::Open { known: false }, "{name}");
            let foreign = Knock { origin: Some("http://evil.example"), ..to(name) };
            assert!(matches!(at.enter(&foreign), Login::Shut(_)), "{name}");
        }
        for name in FOREIGN {
            assert!(matches!(at.enter(&to(name)), Login::Shut(_)), "{name}");
            let inside = Knock { target: Some(name), ..to("localhost:7480") };
            assert!(matches!(at.enter(&inside), Login::Shut(_)), "{name} in the first line");
        }
        assert!(matches!(at.enter(&Knock::default()), Login::Shut(_)));
        assert!(matches!(door("127.0.0.1:80", false).enter(&to("localhost")), Login::Open { .. }));
        assert!(matches!(door("127.0.0.9:7480", false).enter(&to("127.0.0.9:7480")), Login::Open { .. }));
    }

    #[test]
    fn a_name_that_the_user_gave_leads_in_with_the_port_that_he_gave_or_its_own() {
        let given = ["localhost:9000".to_owned(), "Box.lan".to_owned()];
        let at = Door::new("127.0.0.1:7480".parse().unwrap(), false, &given, String::new(), String::new());
        for name in ["localhost:9000", "box.lan:7480", "localhost:7480"] {
            assert!(matches!(at.enter(&to(name)), Login::Open { .. }), "{name}");
        }
        for name in ["box.lan", "box.lan:9000", "evil.box.lan:7480"] {
            assert!(matches!(at.enter(&to(name)), Login::Shut(_)), "{name}");
        }
    }

    #[test]
    fn off_loopback_what_is_no_name_is_shut_out_and_every_other_needs_the_token() {
        let at = door("0.0.0.0:7480", false);
        for name in [
            "[::1].evil.com",
            "127.0.0.1:7480@evil.com",
            "box:7480:1",
            "box/x",
            "[::1",
            "box:",
            "box:99999",
            "",
        ] {
            assert!(matches!(at.enter(&to(name)), Login::Shut(_)), "{name}");
        }
        for name in ["box", "box.lan:7480", "[fe80::1]:7480", "10.0.0.1:1"] {
            assert_eq!(at.enter(&to(name)), Login::Unknown, "{name}");
        }
    }

    #[test]
    fn off_loopback_or_where_it_is_wanted_nobody_looks_without_the_token() {
        for address in ["0.0.0.0:7480", "192.168.1.5:7480", "[::]:7480", "[fe80::1]:7480", "8.8.8.8:7480"] {
            assert_eq!(door(address, false).enter(&to("box:7480")), Login::Unknown, "{address}");
        }
        let door = door("127.0.0.1:7480", true);
        let at = to("localhost:7480");
        assert_eq!(door.enter(&at), Login::Unknown);
        assert_eq!(door.enter(&Knock { asked: Some("s3cret"), ..at }), Login::Keep);
        assert_eq!(door.enter(&Knock { bearer: Some("s3cret"), ..at }), Login::Open { known: true });
        let cookies = Some("a=b; piton-7480=s3cret");
        assert_eq!(door.enter(&Knock { cookies, ..at }), Login::Open { known: true });
        for wrong in ["", "s3cre", "s3crets", "S3cret", "piton"] {
            let cookies = Some("piton-7480=; piton-7481=s3cret; piton-74800=s3cret");
            let knock = Knock { asked: Some(wrong), bearer: Some(wrong), cookies, ..at };
            assert_eq!(door.enter(&knock), Login::Unknown, "{wrong}");
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
