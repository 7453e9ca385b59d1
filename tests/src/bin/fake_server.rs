//! A model server without a model, for faults that a real one does not show on demand. Its model file says what is wrong with it:
//! `fault=NAME`, and nothing where nothing is. It ends by itself after two minutes, and with whoever started it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio, exit};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest that one lives.
const LIFE: Duration = Duration::from_secs(120);

#[derive(Debug, Clone)]
struct Fake {
    port: u16,
    fault: String,
    model: String,
    /// Rounds of work for each token.
    work: u32,
    /// Other answers than the first recipe's.
    other: bool,
    context: u64,
}

fn main() {
    let mut fake = Fake {
        port: 0,
        fault: String::new(),
        model: String::new(),
        work: 40_000,
        other: false,
        context: 512,
    };
    let mut args = std::env::args().skip(1);
    let mut detached = false;
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_default();
        match arg.as_str() {
            "--port" => fake.port = value().parse().expect("a port"),
            "-m" => {
                fake.model = value();
                let text = std::fs::read_to_string(&fake.model).unwrap_or_default();
                fake.fault =
                    text.lines().find_map(|line| line.strip_prefix("fault=")).unwrap_or_default().to_owned();
            }
            "--speed" if value() == "fast" => fake.work /= 3,
            "--speed" => {}
            "--other" => fake.other = true,
            "--nothing" => drop(value()),
            "-c" => fake.context = value().parse::<u64>().unwrap_or(512).min(512),
            "--fault" => fake.fault = value(),
            "--detached" => detached = true,
            other => {
                eprintln!("error: invalid argument: {other}");
                exit(1);
            }
        }
    }
    // Nobody ends one that has left whoever started it.
    let life = if detached { LIFE / 8 } else { LIFE };
    std::thread::spawn(move || {
        std::thread::sleep(life);
        exit(0);
    });
    before(&mut fake, detached);
    let socket = TcpListener::bind(("127.0.0.1", fake.port)).expect("the port is free");
    let fake = Arc::new(fake);
    for stream in socket.incoming().flatten() {
        let fake = Arc::clone(&fake);
        std::thread::spawn(move || answer(&fake, stream));
    }
}

/// What goes wrong before it serves.
fn before(fake: &mut Fake, detached: bool) {
    match fake.fault.as_str() {
        "did_not_start" => {
            eprintln!("error: the model has no tensors");
            exit(1);
        }
        "memory" => {
            eprintln!("alloc: failed to allocate buffer of size 99999\nerror: the model was not loaded");
            exit(1);
        }
        "signal" => {
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::ILL).expect("it is itself");
        }
        "ready_timeout" => std::thread::sleep(LIFE),
        // What answers on the port is no child of the one that was started.
        "foreign" if !detached => {
            let own = std::env::current_exe().expect("a program");
            let port = fake.port.to_string();
            let mut sh = Command::new("/bin/sh");
            sh.args(["-c", "\"$0\" --port \"$1\" --fault foreign --detached & exit 0"]).arg(own).arg(port);
            sh.stdin(Stdio::null()).process_group(0).status().expect("a shell");
            std::thread::sleep(LIFE);
        }
        "leak" => {
            let child = Command::new("/bin/sh").args(["-c", "exec sleep 100"]).spawn();
            // It outlives this server: who started that one is to end it.
            std::mem::forget(child.expect("a process"));
        }
        "ignore_term" => {
            // Only `sh` can ignore a signal for it without unsafe code: it becomes this once more, without the fault.
            let own = std::env::current_exe().expect("a program");
            let port = fake.port.to_string();
            let error = Command::new("/bin/sh")
                .args(["-c", "trap '' TERM; exec \"$0\" --port \"$1\" -m \"$2\" --fault ignores_term"])
                .arg(own)
                .args([&port, &fake.model])
                .exec();
            panic!("{error}");
        }
        _ => {}
    }
}

fn answer(fake: &Fake, mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket"));
    let (mut head, mut length) = (String::new(), 0);
    lines.read_line(&mut head).unwrap_or_default();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line).unwrap_or_default() <= 2 {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    let _ = lines.read_exact(&mut body);
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    let plain = |status: &str, text: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        )
    };
    let _ = match head.split(' ').nth(1).unwrap_or_default() {
        "/health" => stream.write_all(plain("200 OK", "{}").as_bytes()),
        "/v1/models" => stream.write_all(plain("200 OK", "{\"data\":[{\"id\":\"fake\"}]}").as_bytes()),
        "/props" => {
            let props = serde_json::json!({ "build_info": "fake-1", "default_generation_settings": { "n_ctx": fake.context } });
            stream.write_all(plain("200 OK", &props.to_string()).as_bytes())
        }
        _ if fake.fault == "http" => {
            stream.write_all(plain("503 Service Unavailable", "{\"error\":\"no slot is free\"}").as_bytes())
        }
        _ => stream_answer(fake, &mut stream, &body),
    };
}

/// A word that the prompt determines, and no cheaper than its work.
fn word(prompt: &str, n: u64, work: u32) -> String {
    let seed =
        prompt.bytes().fold(n + 1, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut hash = seed;
    for _ in 0..work {
        hash = std::hint::black_box(hash.rotate_left(5) ^ hash.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    // The work decides how long it takes, and not what it says.
    std::hint::black_box(hash);
    format!(" w{}", seed % 97)
}

fn stream_answer(fake: &Fake, stream: &mut TcpStream, body: &serde_json::Value) -> std::io::Result<()> {
    let prompt =
        body["prompt"].as_str().or_else(|| body["messages"][0]["content"].as_str()).unwrap_or_default();
    let tokens = body["max_tokens"].as_u64().unwrap_or(8).min(16);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")?;
    let mut send = |data: &str| stream.write_all(format!("data: {data}\n\n").as_bytes());
    send("{\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":null}}]}")?;
    match fake.fault.as_str() {
        "died" => {
            eprintln!("error: an assertion failed in the kernel");
            exit(134);
        }
        "error_event" => send("{\"error\":{\"message\":\"the context is full\"}}")?,
        "hang" | "timeout" => std::thread::sleep(LIFE),
        "ttft_gate" => std::thread::sleep(Duration::from_millis(120)),
        _ => {}
    }
    let began = Instant::now();
    for n in 0..tokens {
        let mut text = word(prompt, n, fake.work);
        if fake.other && n > 3 {
            text.push('x');
        }
        match fake.fault.as_str() {
            "no_text" => text.clear(),
            "quality" if n == 5 => text = "<|im_end|>".to_owned(),
            _ => {}
        }
        send(
            &serde_json::json!({ "choices": [{ "delta": { "content": text }, "text": null }] }).to_string(),
        )?;
    }
    let cached = if fake.fault == "cached" { 90 } else { 0 };
    let last = serde_json::json!({
        "choices": [{ "delta": {}, "finish_reason": "length" }],
        "usage": { "prompt_tokens": 100, "completion_tokens": tokens, "prompt_tokens_details": { "cached_tokens": cached } },
        "timings": { "predicted_ms": began.elapsed().as_secs_f64() * 1000.0 },
    });
    send(&last.to_string())?;
    if fake.fault != "no_done" { send("[DONE]") } else { Ok(()) }
}
