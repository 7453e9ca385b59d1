//! A model on loopback that follows a script, for real agents to talk to: chat completions, the Responses API and the Messages API.
//!
//! Which step of a play is due follows from the tool results in the request, so a request that comes again gets the same answer. A
//! request without tools, by which some agents ask for a title, gets plain text. All ends when the server is dropped.

mod http;
mod wire;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use http::Asked;
use wire::Api;

/// What the model does in a session of the agent.
#[derive(Debug, Clone)]
pub enum Play {
    /// These steps, and then it says that it is done.
    Does(Vec<Step>),
    /// These steps; in the midst of the next answer the connection breaks.
    Dies(Vec<Step>),
    /// Answers 429 until so long after the first request, and says how long that is; then what the next play does.
    Limits(Duration),
    /// Answers every request with this status.
    Refuses(u16),
    /// Never answers.
    Hangs,
    /// Says this, and does nothing.
    Says(&'static str),
}

/// A tool that the model calls.
#[derive(Debug, Clone)]
pub enum Step {
    /// A command for a shell.
    Shell(String),
    /// Puts `.1` in the place of `.0` in `src/speed.rs`, by the agent's own tool for edits.
    Edit(&'static str, &'static str),
    /// A tool of an MCP server, with its arguments.
    Call(&'static str, Value),
    /// The same, again and again while its result tells that a trial is under way.
    WhileRunning(Box<Step>),
}

/// The step that is due after these results.
fn due(steps: &[Step], results: &[String]) -> usize {
    results.iter().fold(0, |at, result| match steps.get(at) {
        Some(Step::WhileRunning(_)) if runs(result) => at,
        _ => at + 1,
    })
}

/// Whether a tool came back with the word that a trial is under way.
pub fn runs(result: &str) -> bool {
    let words = result.contains("is under way") && !result.contains("no trial is under way");
    words || (result.contains("state") && result.contains("running"))
}

/// The server.
#[derive(Debug)]
pub struct Model {
    address: SocketAddr,
    stage: Arc<Stage>,
}

#[derive(Debug)]
struct Stage {
    plays: Vec<Play>,
    /// Sessions that were begun.
    begun: AtomicUsize,
    /// When the limit on the play in progress ends.
    limit: Mutex<Option<Instant>>,
    over: AtomicBool,
    /// Those that hang wait for the end here.
    end: (Mutex<bool>, Condvar),
    /// What the agent's tools came back with.
    results: Mutex<Vec<String>>,
    requests: AtomicUsize,
}

/// Longest that anything here waits.
const LONGEST: Duration = Duration::from_secs(300);

impl Model {
    /// A server that does `plays`, one in each session of the agent; the last again and again.
    pub fn start(plays: Vec<Play>) -> Self {
        assert!(!plays.is_empty(), "a play");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("it is bound");
        let stage = Arc::new(Stage {
            plays,
            begun: AtomicUsize::new(0),
            limit: Mutex::new(None),
            over: AtomicBool::new(false),
            end: (Mutex::new(false), Condvar::new()),
            results: Mutex::new(vec![]),
            requests: AtomicUsize::new(0),
        });
        let served = stage.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.over.load(Ordering::Relaxed) {
                    return;
                }
                let stage = served.clone();
                // An agent that goes away in the midst of an answer is nobody's fault.
                thread::spawn(move || stage.answer(stream));
            }
        });
        Self { address, stage }
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests to the model so far.
    pub fn requests(&self) -> usize {
        self.stage.requests.load(Ordering::Relaxed)
    }

    /// What the agent's tools came back with, as the agent told the model, in the order of the requests.
    pub fn results(&self) -> Vec<String> {
        self.stage.results.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.stage.over.store(true, Ordering::Relaxed);
        *self.stage.end.0.lock().expect("nobody panics with it") = true;
        self.stage.end.1.notify_all();
        let _ = TcpStream::connect(self.address);
    }
}

impl Stage {
    fn answer(&self, stream: TcpStream) -> std::io::Result<()> {
        let Some(asked) = http::read(&stream, LONGEST)? else { return Ok(()) };
        if asked.method != "POST" {
            return http::whole(&stream, 200, &[], &json!({"object": "list", "data": [{"id": "scripted"}]}));
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let (api, tools) = (Api::of(&asked), wire::tools(&asked.body));
        if tools.is_empty() {
            return api.say(&stream, &asked.body, "a title");
        }
        let results = api.results(&asked.body);
        if let Some(last) = results.last() {
            self.results.lock().expect("nobody panics with it").push(last.clone());
        }
        self.play(&stream, api, &asked, &tools, &results)
    }

    fn play(
        &self,
        stream: &TcpStream,
        api: Api,
        asked: &Asked,
        tools: &[String],
        results: &[String],
    ) -> std::io::Result<()> {
        // A session begins with a request without results that is not refused.
        let begun = self.begun.load(Ordering::Relaxed);
        let number = if results.is_empty() { begun } else { begun - 1 };
        let mut play = &self.plays[number.min(self.plays.len() - 1)];
        if let Play::Limits(pause) = play {
            let now = Instant::now();
            let until = *self.limit.lock().expect("nobody panics with it").get_or_insert(now + *pause);
            if now < until {
                return limited(stream, until - now);
            }
            self.begun.fetch_add(1, Ordering::Relaxed);
            play = &self.plays[(number + 1).min(self.plays.len() - 1)];
        }
        if let Play::Refuses(status) = play {
            let message =
                if *status == 401 { "Incorrect API key provided" } else { "The server had an error" };
            return http::whole(stream, *status, &[], &json!({"error": {"message": message}}));
        }
        if results.is_empty() {
            self.begun.fetch_add(1, Ordering::Relaxed);
        }
        match play {
            Play::Hangs => {
                let over = self.end.0.lock().expect("nobody panics with it");
                let _ = self.end.1.wait_timeout_while(over, LONGEST, |over| !*over);
                Ok(())
            }
            Play::Says(text) => api.say(stream, &asked.body, text),
            Play::Does(steps) | Play::Dies(steps) if due(steps, results) < steps.len() => {
                let (tool, arguments) = wire::call(&steps[due(steps, results)], tools);
                api.call(stream, &asked.body, &tool, &arguments, results.len())
            }
            Play::Dies(_) => api.die(stream),
            _ => api.say(stream, &asked.body, "I tried one thing, and I am done."),
        }
    }
}

/// 429, in the words of OpenAI's servers.
fn limited(stream: &TcpStream, left: Duration) -> std::io::Result<()> {
    let seconds = left.as_secs() + 1;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
    let error = json!({
        "type": "rate_limit_exceeded",
        "code": "rate_limit_exceeded",
        "message": format!("Rate limit reached for requests. Please try again in {seconds}s."),
        "resets_in_seconds": seconds,
        "resets_at": now + seconds,
    });
    http::whole(stream, 429, &[("retry-after", &seconds.to_string())], &json!({"error": error}))
}
