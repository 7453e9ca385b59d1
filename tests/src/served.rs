//! `piton serve` as a browser sees it, and a trial that goes on as far as it is let.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Scratch;

/// No answer takes so long: a test that waits longer fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A `piton serve` on loopback, ended when dropped.
pub struct Served {
    child: Child,
    /// Where it listens.
    pub address: String,
    /// What its user's browser knows.
    pub token: String,
}

impl Served {
    /// Starts one on any port.
    pub fn start(toy: &Scratch, more: &[&str]) -> Self {
        let mut command = toy.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.args(more);
        Self::from(command)
    }

    /// Starts one on any port that may have so many files open, and no more.
    pub fn with_files(toy: &Scratch, most: u32) -> Self {
        let serve = toy.command(&["serve", "--listen", "127.0.0.1:0"]);
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most} && exec \"$@\""), "sh"]);
        command.arg(serve.get_program()).args(serve.get_args()).current_dir(toy.path());
        command.env("PITON_STATE_HOME", toy.state_home());
        Self::from(command)
    }

    fn from(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("piton starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (address, token) =
            line.trim().strip_prefix("http://").unwrap().split_once("/?token=").expect("an address");
        Self { child, address: address.to_owned(), token: token.to_owned() }
    }

    /// What it printed.
    pub fn url(&self) -> String {
        format!("http://{}/?token={}", self.address, self.token)
    }

    /// Sends a request with these headers, `Host` among them, and returns the stream with the answer.
    pub fn send(&self, line: &str, headers: &[(&str, &str)], body: &str) -> BufReader<TcpStream> {
        let mut stream = self.connect();
        let mut text = format!("{line} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).expect("it reads");
        BufReader::new(stream)
    }

    /// A connection on which nothing was said yet.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answer to a request.
    pub fn ask(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut text = String::new();
        self.send(line, headers, body).read_to_string(&mut text).expect("it answers");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    /// As a browser does that has opened the printed address.
    pub fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[("Host", &self.address), ("Cookie", &self.cookie())], "")
    }

    /// What a browser keeps that has opened the printed address.
    pub fn cookie(&self) -> String {
        format!("piton-{}={}", self.address.rsplit_once(':').unwrap().1, self.token)
    }

    /// What the page's buttons send along.
    pub fn key(&self) -> String {
        let page = self.get("/").body;
        page.split("name=\"key\" value=\"").nth(1).expect("buttons").split('"').next().unwrap().to_owned()
    }

    /// Presses a button as its page does.
    pub fn press(&self, path: &str, fields: &str) -> Answer {
        let (key, cookie, origin) = (self.key(), self.cookie(), format!("http://{}", self.address));
        let host = ("Host", self.address.as_str());
        let headers = [host, ("Cookie", &cookie), ("Origin", &origin), ("Sec-Fetch-Site", "same-origin")];
        self.ask(&format!("POST {path}"), &headers, &format!("key={key}&{fields}"))
    }

    /// The events that a page is sent.
    pub fn events(&self, query: &str) -> Events {
        let headers = [("Host", self.address.as_str()), ("Accept", "text/event-stream")];
        let mut lines = self.send(&format!("GET /events?{query}"), &headers, "");
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert!(lines.read_line(&mut line).expect("a head") > 0, "it was cut off");
        }
        Events { lines }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Its headers, in small letters.
    pub head: String,
    /// The rest.
    pub body: String,
}

/// An event: its name, its id and its data.
pub type Event = (String, String, String);

/// Events as they come.
pub struct Events {
    lines: BufReader<TcpStream>,
}

impl Events {
    /// The next one; the transfer's own lines are passed over.
    pub fn wait(&mut self) -> Event {
        let (mut event, since) = (Event::default(), Instant::now());
        loop {
            // What keeps the connection open is no event.
            assert!(since.elapsed() < PATIENCE, "no event came");
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).expect("an event") > 0, "it was cut off after {event:?}");
            let line = line.trim_end();
            if let Some(name) = line.strip_prefix("event: ") {
                event.0 = name.to_owned();
            } else if let Some(id) = line.strip_prefix("id: ") {
                event.1 = id.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.2.push_str(data);
            } else if line.is_empty() && !event.0.is_empty() {
                return event;
            }
        }
    }

    /// The next one of this name.
    pub fn until(&mut self, wanted: &str) -> Event {
        self.first(|event| event.0 == wanted).unwrap_or_else(|seen| panic!("no {wanted} came, but {seen:?}"))
    }

    /// The next strip that says this.
    pub fn strip(&mut self, says: &str) -> String {
        let found = self.first(|event| event.0 == "strip" && event.2.contains(says));
        found.unwrap_or_else(|seen| panic!("no strip said {says:?}, but {seen:?}")).2
    }

    /// The first one that is wanted, or the last that came meanwhile.
    pub fn first(&mut self, wanted: impl Fn(&Event) -> bool) -> Result<Event, Event> {
        let since = Instant::now();
        loop {
            let event = self.wait();
            if wanted(&event) {
                return Ok(event);
            }
            if since.elapsed() > PATIENCE {
                return Err(event);
            }
        }
    }
}

/// A toy whose challenger's samples wait at a gate; returned is the file that says how many are let through.
pub fn waiting() -> (Scratch, PathBuf) {
    let toy = Scratch::toy();
    let gate = toy.path().join(".git/gate");
    std::fs::create_dir(&gate).unwrap();
    let open = format!("timeout_s = 20\nwrite = [\"{}\"]\n[machine]", gate.display());
    toy.write("piton.toml", &toy.read("piton.toml").replace("timeout_s = 20\n[machine]", &open));
    // No two samples are the same: the rule then asks its question.
    let measure = toy.read("measure.sh").replace("$((PITON_SEED % 10))", "$(date +%N | cut -c4-6)");
    assert!(measure.contains("date"), "{measure}");
    let wait = format!(
        "if [ $(cat \"$1\") != 100 ]; then cd {}; n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n
while [ $n -ge $(cat let) ]; do sleep 0.02; done; cd \"$OLDPWD\"; fi\n",
        gate.display()
    );
    toy.write("measure.sh", &format!("{wait}{measure}"));
    toy.commit("slowly");
    toy.baseline();
    let open = gate.join("let");
    let_through(&open, 0);
    (toy, open)
}

/// Lets so many samples through, from the first on.
pub fn let_through(open: &Path, samples: u32) {
    let new = open.with_extension("new");
    std::fs::write(&new, format!("{samples}\n")).unwrap();
    std::fs::rename(new, open).unwrap();
}
