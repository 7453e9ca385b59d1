//! Those who look on while a run goes on: the page that is served, and the terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};

use piton_tests::Scratch;
use piton_tests::served::{Events, PATIENCE, Served, let_through, waiting};
use serde_json::Value;

#[test]
fn a_page_that_is_open_is_sent_the_trial_as_it_goes_on_and_its_row_when_it_ends() {
    let (toy, open) = waiting();
    let served = Served::start(&toy, &[]);
    let page = served.get("/");
    assert_eq!(page.status, 200, "{page:?}");
    for there in ["data-run=\"r\"", "data-last=\"0\"", "nothing is at work", "id=\"t0\"", "action=\"/stop\""]
    {
        assert!(page.body.contains(there), "{there}");
    }
    let mut events = served.events("run=r&last=0");
    toy.speed("130");
    let trial =
        toy.command(&["trial", "-m", "<b>faster</b>"]).stderr(Stdio::null()).stdout(Stdio::null()).spawn();
    events.strip("trial 1: warming up");
    // The warm-up, and two pairs.
    let_through(&open, 3);
    let strip = events.strip("trial 1: pair 3");
    assert!(strip.contains("&lt;b&gt;faster&lt;/b&gt;") && strip.contains("<meter"), "{strip}");
    assert!(strip.contains("of the 50 that keep") && strip.contains("2 pairs of at most"), "{strip}");
    let_through(&open, 1000);
    let (_, id, row) = events.until("trial");
    assert_eq!(id, "1");
    assert!(row.starts_with("<details class=\"trial\" id=\"t1\"") && row.contains("kept"), "{row}");
    assert!(row.contains("<ins>+const SPEED: u32 = 130;</ins>"), "its diff: {row}");
    let (_, _, top) = events.until("top");
    let top: Value = serde_json::from_str(&top).unwrap();
    assert!(top["top"].as_str().unwrap().contains("stairs-t"), "the staircase");
    events.strip("nothing is at work");
    assert!(trial.unwrap().wait().unwrap().success());
    // Who was cut off before gets what was missed; who is too far behind loads the page again.
    assert_eq!(served.events("run=r&last=0").until("trial").1, "1");
    assert_eq!(served.events("run=another&last=0").wait().0, "reload");
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn the_page_runs_its_own_script_alone_and_nothing_of_it_is_fetched_from_elsewhere() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("130");
    toy.piton(&["trial", "-m", "<script>alert(1)</script>"]);
    let served = Served::start(&toy, &[]);
    let page = served.get("/");
    let nonce = page.head.split("script-src 'nonce-").nth(1).expect("a policy").split('\'').next().unwrap();
    assert_eq!(page.body.matches("<script").count(), 1);
    assert!(page.body.contains(&format!("<script nonce=\"{nonce}\">")), "its own");
    assert!(!served.get("/").head.contains(nonce), "another one each time");
    for there in
        ["frame-ancestors 'none'", "connect-src 'self'", "x-content-type-options: nosniff", "no-store"]
    {
        assert!(page.head.contains(there), "{there}: {}", page.head);
    }
    for fetched in ["src=", "https://", "url(", "@import", "http://"] {
        let own =
            if fetched == "http://" { page.body.matches("http://www.w3.org/2000/svg").count() } else { 0 };
        assert_eq!(page.body.matches(fetched).count(), own, "{fetched}");
    }
    assert!(page.body.contains("<noscript>"), "it can be read without");
    assert_eq!(served.get("/elsewhere").status, 404);
}

#[test]
fn a_foreign_name_a_foreign_page_and_a_stranger_are_refused() {
    let toy = Scratch::toy();
    toy.baseline();
    let served = Served::start(&toy, &[]);
    let here = served.address.clone();
    for host in ["evil.example", "127.0.0.1.evil.example:80", ""] {
        for path in ["/", "/events", "/none"] {
            assert_eq!(
                served.ask(&format!("GET {path}"), &[("Host", host)], "").status,
                403,
                "{host} {path}"
            );
        }
    }
    let (cookie, note) = (served.cookie(), format!("key={}&run=r&text=planted", served.key()));
    let user = ("Cookie", cookie.as_str());
    for (name, value) in
        [("Origin", "http://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")]
    {
        let answer = served.ask("POST /note", &[("Host", &here), user, (name, value)], &note);
        assert_eq!(answer.status, 403, "{name}: {value}");
    }
    assert_eq!(
        served.ask("POST /note", &[("Host", &here), user], "run=r&text=planted").status,
        403,
        "no key"
    );
    assert_eq!(served.ask("POST /note", &[("Host", &here)], &note).status, 403, "an agent's own");
    let shown = served.ask("GET /", &[("Host", &here)], "");
    assert!(
        shown.status == 200 && !shown.body.contains("<form"),
        "who does not know the token finds no buttons"
    );
    assert_eq!(served.ask("GET /stop", &[("Host", &here), user], "").status, 405, "no link presses a button");
    let long = format!("{note}{}", "x".repeat(70_000));
    assert_eq!(served.ask("POST /note", &[("Host", &here), user], &long).status, 413);
    assert_eq!(toy.piton(&["notes", "--json"]).json(), serde_json::json!([]), "nothing was planted");
}

#[test]
fn no_other_way_to_write_a_name_leads_in_by_any_route() {
    let toy = Scratch::toy();
    toy.baseline();
    let served = Served::start(&toy, &["--name", "box.lan:9000"]);
    let here = served.address.clone();
    let port = here.rsplit_once(':').unwrap().1;
    let cookie = served.cookie();
    let foreign = [
        "[::1].evil.com",
        "[::1].evil.com:PORT",
        "127.0.0.1:PORT@evil.com",
        "evil.com@127.0.0.1:PORT",
        "localhost.:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.:PORT",
        "127.1:PORT",
        "2130706433:PORT",
        "0x7f000001:PORT",
        "[::ffff:127.0.0.1]:PORT",
        "0.0.0.0:PORT",
        "127.0.0.1:PORT,evil.com",
        "127.0.0.1:PORT evil.com",
        "127.0.0.1:PORT/",
        "box.lan:PORT",
        "\u{ff11}27.0.0.1:PORT",
    ];
    for route in ["GET /", "GET /events", "GET /none", "POST /stop", "POST /note", "HEAD /", "OPTIONS /"] {
        for host in foreign {
            let host = host.replace("PORT", port);
            let answer = served.ask(route, &[("Host", &host), ("Cookie", &cookie)], "");
            assert!([400, 403].contains(&answer.status), "{route} {host}: {answer:?}");
        }
        for hosts in [&["evil.com", here.as_str()][..], &[&here, "evil.com"], &[&here, &here], &[]] {
            let mut headers: Vec<_> = hosts.iter().map(|host| ("Host", *host)).collect();
            headers.push(("Cookie", &cookie));
            assert!([400, 403].contains(&served.ask(route, &headers, "").status), "{route} {hosts:?}");
        }
        let (method, path) = route.split_once(' ').unwrap();
        for target in ["http://evil.com", "http://evil.com@127.0.0.1:PORT", "http://127.0.0.1:PORT@evil.com"]
        {
            let line = format!("{method} {}{path}", target.replace("PORT", port));
            let answer = served.ask(&line, &[("Host", &here), ("Cookie", &cookie)], "");
            assert!([400, 403].contains(&answer.status), "{line}: {answer:?}");
        }
        let origin =
            served.ask(route, &[("Host", &here), ("Cookie", &cookie), ("Origin", "http://evil.com")], "");
        assert_eq!(origin.status, 403, "{route}");
    }
    let local = format!("localhost:{port}");
    for host in [&here, &local, &format!("[::1]:{port}"), &format!("LocalHost:{port}"), "box.lan:9000"] {
        assert_eq!(served.ask("GET /", &[("Host", host)], "").status, 200, "{host}");
    }
    let whole = format!("GET http://{here}/");
    assert_eq!(served.ask(&whole, &[("Host", &here)], "").status, 200);
}

#[test]
fn who_says_nothing_or_does_not_read_keeps_nobody_from_an_answer() {
    let toy = Scratch::toy();
    toy.baseline();
    let served = Served::with_files(&toy, 256);
    let begun = |text: &str| {
        let mut stream = served.connect();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let host = format!("Host: {}\r\n", served.address);
    let mut slow = vec![];
    for text in
        ["", "G", "GET / HTTP/1.1\r\n", &format!("POST /note HTTP/1.1\r\n{host}Content-Length: 9\r\n\r\nx")]
    {
        slow.extend((0..150).map(|_| begun(text)));
        assert_eq!(served.get("/").status, 200, "after {text:?}");
    }
    let stream = format!("GET /events?run=r&last=0 HTTP/1.1\r\n{host}\r\n");
    slow.extend((0..300).map(|_| begun(&stream)));
    assert_eq!(served.get("/").status, 200);
    let cookie = served.cookie();
    let mine = [("Host", served.address.as_str()), ("Cookie", &cookie)];
    let mut events = served.send("GET /events?run=r&last=0", &mine, "");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut events, &mut line).unwrap();
    assert!(line.contains(" 200 "), "strangers leave places for who knows the token: {line}");
}

#[test]
fn where_there_is_a_token_nothing_is_answered_without_it() {
    let toy = Scratch::toy();
    let served = Served::start(&toy, &["--token"]);
    let (here, token) = (served.address.clone(), served.token.clone());
    assert_eq!(token.len(), 32, "{token}");
    for line in ["GET /", "GET /events", "GET /none", "POST /stop", "GET /?token=0123456789abcdef"] {
        assert_eq!(served.ask(line, &[("Host", &here)], "").status, 401, "{line}");
    }
    let let_in = served.get(&format!("/?token={token}"));
    assert_eq!(let_in.status, 303, "the address that is kept holds no token: {let_in:?}");
    let cookie = let_in.head.split("set-cookie: ").nth(1).unwrap().split(';').next().unwrap();
    assert!(let_in.head.contains("httponly; samesite=strict"), "{let_in:?}");
    assert_eq!(served.ask("GET /", &[("Host", &here), ("Cookie", cookie)], "").status, 200);
    let bearer = format!("Bearer {token}");
    assert_eq!(served.ask("GET /", &[("Host", &here), ("Authorization", &bearer)], "").status, 200);
}

#[test]
fn the_buttons_do_what_the_commands_do() {
    let toy = Scratch::toy();
    let signs = tempfile::tempdir().unwrap();
    let served = Served::start(&toy, &[]);
    assert!(served.get("/").body.contains("no run has begun in this repository yet"));
    let mut events = served.events("run=");
    let agent = toy.endless(&signs.path().join("n"));
    // Where it counts, so that no proposal is the same and it goes on for as long as it may.
    let open = signs.path().to_str().unwrap();
    let mut command =
        toy.command(&["climb", "--run", "r", "--agent", &agent, "--for", "10m", "--allow-write", open]);
    let climb = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(events.until("reload").0, "reload", "a run has begun");
    let noted = served.press("/note", "run=r&text=mind+the+%3Cgap%3E");
    assert_eq!((noted.status, noted.body.contains("noted for run r")), (200, true), "{noted:?}");
    assert_eq!(toy.piton(&["notes", "--json"]).json()[0]["text"], "mind the <gap>");
    let other = served.press("/stop", "when=after&run=other");
    assert!(other.status == 409 && other.body.contains("not of run other"), "{other:?}");
    let page = served.get("/").body;
    let last = page.split("data-last=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut events = served.events(&format!("run=r&last={last}"));
    events.strip("<dt>agent</dt>");
    let stopped = served.press("/stop", "when=after&run=r");
    assert!(stopped.status == 200 && stopped.body.contains("was asked to end"), "{stopped:?}");
    assert_eq!(climb.wait_with_output().unwrap().status.code(), Some(0));
    let climb = &toy.piton(&["status", "--json"]).json()["climb"];
    assert_eq!(climb["stopped"], "asked");
    let none = served.press("/stop", "when=now&run=r");
    assert!(none.body.contains("no climb is at work"), "{none:?}");
}

#[test]
fn many_who_look_on_and_do_not_read_keep_no_climb_from_beginning_going_on_or_ending() {
    let toy = Scratch::toy();
    let served = Served::start(&toy, &[]);
    let open: Vec<Events> = (0..24).map(|_| served.events("run=")).collect();
    for run in ["a", "b"] {
        let said = toy.piton(&["climb", "--run", run, "--trials", "3"]);
        assert_eq!(said.status, 0, "{said:?}");
    }
    for mut events in open {
        assert_eq!(events.until("reload").0, "reload");
    }
    let shown = served.get("/").body;
    assert!(shown.contains("data-run=\"b\""), "the run that began last");
    assert_eq!(toy.piton(&["audit"]).status, 0);
}

#[test]
fn a_run_that_is_not_there_and_an_address_that_is_taken_are_refused() {
    let toy = Scratch::toy();
    toy.baseline();
    let said = toy.piton(&["serve", "--listen", "127.0.0.1:0", "--run", "nix"]);
    assert!(said.status == 3 && said.err.contains("there is no run nix"), "{said:?}");
    let served = Served::start(&toy, &[]);
    let said = toy.piton(&["serve", "--listen", &served.address]);
    assert!(said.status == 3 && said.err.contains("cannot be listened at"), "{said:?}");
    assert_eq!(toy.piton(&["serve", "--listen", "7480"]).status, 2);
}

/// A program in a terminal of 40 lines of 100 columns.
struct Terminal {
    child: Child,
    ours: File,
    /// What is written to it, as it comes.
    coming: Receiver<Vec<u8>>,
    /// All that has come.
    written: Vec<u8>,
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    fn watch(toy: &Scratch) -> Self {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, vec![]).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let size = rustix::termios::Winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&ours, size).unwrap();
        let mut command = toy.command(&["watch"]);
        command.stdin(theirs.try_clone().unwrap()).stderr(theirs.try_clone().unwrap()).stdout(theirs);
        let child = command.spawn().unwrap();
        let ours = File::from(ours);
        let (mut read, (sender, coming)) = (ours.try_clone().unwrap(), mpsc::channel());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Where the other end is closed, reading on is an error.
            while let Ok(n @ 1..) = read.read(&mut bytes) {
                if sender.send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, ours, coming, written: vec![] }
    }

    fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until the program has ended, and all of it.
    fn ended(&mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap().code();
        self.written.extend(self.coming.iter().flatten());
        (status, String::from_utf8_lossy(&self.written).into_owned())
    }

    /// Reads until the screen shows this; returns the screen.
    fn shows(&mut self, wanted: &str) -> String {
        loop {
            let screen = self.screen();
            if screen.contains(wanted) {
                return screen;
            }
            match self.coming.recv_timeout(PATIENCE) {
                Ok(bytes) => self.written.extend(bytes),
                Err(e) => panic!("{wanted:?} was not shown ({e}): {screen}"),
            }
        }
    }

    /// What is on the screen: the cursor is moved and characters are put, and no more is understood.
    fn screen(&self) -> String {
        let mut cells = vec![vec![' '; 101]; 41];
        let (mut row, mut column) = (1, 1);
        let text = String::from_utf8_lossy(&self.written);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\u{1b}' {
                cells[row.min(40)][column.min(100)] = c;
                column += 1;
            } else if chars.next() == Some('[') {
                let mut sequence = String::new();
                for c in chars.by_ref() {
                    sequence.push(c);
                    if c.is_ascii_alphabetic() {
                        break;
                    }
                }
                if let Some(place) = sequence.strip_suffix('H') {
                    let mut numbers = place.split(';').map(|number| number.parse().unwrap_or(1));
                    (row, column) = (numbers.next().unwrap_or(1), numbers.next().unwrap_or(1));
                }
            }
        }
        let lines = cells.iter().map(|row| row[1..].iter().collect::<String>().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Leaves the alternate screen.
const GIVEN_BACK: &str = "\u{1b}[?1049l";

#[test]
fn a_terminal_is_drawn_on_and_given_back_by_q_and_by_every_signal() {
    let toy = Scratch::toy();
    toy.baseline();
    toy.speed("130");
    toy.piton(&["trial", "-m", "faster"]);
    for end in ["q", "\u{3}", "INT", "TERM", "HUP"] {
        let mut terminal = Terminal::watch(&toy);
        let screen = terminal.shows("n: leave a note");
        for there in ["toy  run r, 1 trial: 1 kept", "nothing is at work", "● ", "faster", "┘"] {
            assert!(screen.contains(there), "{there}: {screen}");
        }
        if end.len() == 1 {
            terminal.press(end);
        } else {
            let id = terminal.child.id().to_string();
            assert!(Command::new("kill").args([&format!("-{end}"), &id]).status().unwrap().success());
        }
        let (status, written) = terminal.ended();
        assert!(status == Some(0) && written.contains(GIVEN_BACK), "{end:?}: {status:?} {written:?}");
    }
}

#[test]
fn a_climb_is_seen_in_the_terminal_and_asked_from_there_to_end() {
    let toy = Scratch::toy();
    let signs = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::watch(&toy);
    terminal.shows("no run has begun in this repository yet");
    let agent = toy.endless(&signs.path().join("n"));
    // Where it counts, so that no proposal is the same and it goes on for as long as it may.
    let open = signs.path().to_str().unwrap();
    let mut command =
        toy.command(&["climb", "--run", "r", "--agent", &agent, "--for", "10m", "--allow-write", open]);
    let climb = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    terminal.shows("  left    ");
    terminal.press("nquick\r");
    terminal.shows("noted for run r");
    terminal.press("sy");
    terminal.shows("was asked to end");
    assert_eq!(climb.wait_with_output().unwrap().status.code(), Some(0));
    terminal.shows("the last climb ended: stopped by the user");
    terminal.press("q");
    assert_eq!(terminal.ended().0, Some(0));
    assert_eq!(toy.piton(&["notes", "--json"]).json()[0]["text"], "quick");
}

#[test]
fn where_there_is_no_terminal_that_is_said() {
    let said = Scratch::toy().piton(&["watch"]);
    assert_eq!(said.status, 3, "{said:?}");
    assert!(
        said.err.contains("standard output is no terminal") && said.err.contains("piton status --plot"),
        "{said:?}"
    );
}
