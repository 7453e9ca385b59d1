//! The real model servers of the tests, which `.ci/servers` installs, and models for them: a server that is not there is said to be.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use piton_gguf::numbers::NumberFormat;
use piton_gguf::shape::Shape;
use piton_gguf::vocabulary::Vocabulary;
use piton_gguf::{convert, random};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// Longest that a server may take until it answers, and to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// The model that piton ships.
pub const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../model");

/// Where the servers lie.
pub fn dir() -> PathBuf {
    let own = std::env::var_os("PITON_TEST_SERVERS").map(PathBuf::from);
    let cache = || {
        let home = std::env::home_dir().unwrap_or_default();
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from)
    };
    own.unwrap_or_else(|| cache().join("piton-test-servers"))
}

fn installed(name: &str) -> Option<PathBuf> {
    let path = dir().join(name);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("SKIPPED: {name} is not there; .ci/servers installs it");
    None
}

/// llama.cpp's server, by llama-server's flags, for any processor with AVX2.
pub fn llama() -> Option<PathBuf> {
    installed("llama-server")
}

/// A prebuilt llama-server for newer processors: where this one is older, a model whose matrices are in blocks ends it by SIGILL.
pub fn vulkan() -> Option<PathBuf> {
    installed("llama-server-vulkan")
}

/// Writes the shipped model as GGUF below `dir`; `format` as it is called on a command line, e.g. `q8_0`.
pub fn shipped(dir: &Path, format: &str) -> PathBuf {
    let path = dir.join(format!("piton-{format}.gguf"));
    convert::convert(Path::new(SHIPPED), &path, number_format(format)).expect("it is converted");
    path
}

/// Writes a model of random weights, of about so many millions of parameters, below `dir`. It takes texts of 4,096 tokens.
pub fn of_size(dir: &Path, millions: u64, format: &str) -> PathBuf {
    let path = dir.join(format!("random-{millions}m-{format}.gguf"));
    let vocabulary = Vocabulary::read(Path::new(SHIPPED)).expect("a tokenizer");
    let shape = Shape::of_size(millions * 1_000_000, vocabulary.len(), 4096);
    random::write(&shape, &vocabulary, 0, &path, number_format(format)).expect("it is written");
    path
}

fn number_format(name: &str) -> NumberFormat {
    NumberFormat::ALL.into_iter().find(|format| format.name() == name).expect("a format")
}

/// A port that nobody listens on now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// A server that a test started by itself; ended when dropped.
#[derive(Debug)]
pub struct TestServer {
    child: Child,
    port: u16,
    dir: TempDir,
}

impl TestServer {
    /// Starts a server with this model on a port of its own, and waits until it says that it is ready.
    ///
    /// # Errors
    /// The status with which it ended instead, -N where signal N ended it, and what it had written.
    pub fn start(program: &Path, model: &Path, more: &[&str]) -> Result<Self, (i32, String)> {
        let (dir, port) = (TempDir::new().expect("a directory"), free_port());
        let log = File::create(dir.path().join("log")).expect("a file");
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "-m"]).arg(model).args(more);
        let errors = log.try_clone().expect("a second one");
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().expect("it starts");
        let mut server = Self { child, port, dir };
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = server.child.try_wait().expect("a child") {
                let status = status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
                return Err((status, server.log()));
            }
            if server.ask("GET", "/health", "").is_some_and(|(status, _)| status == 200) {
                return Ok(server);
            }
            assert!(Instant::now() < until, "it is not ready: {}", server.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens, at 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it has written.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What it answers to a JSON document.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.ask("POST", path, &body.to_string()).expect("an answer");
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// Asks for something and does not wait for the answer.
    pub fn post_and_leave(&self, path: &str, body: &Value) {
        self.send("POST", path, &body.to_string()).expect("it listens");
    }

    fn send(&self, method: &str, path: &str, body: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).ok()?;
        Some(stream)
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = self.send(method, path, body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Ends it by SIGTERM, and says whether it went by itself.
    pub fn stop(mut self) -> bool {
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.child.try_wait().expect("a child").is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
