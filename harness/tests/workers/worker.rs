//! A worker for tests: honest, or hostile in the way that its file name says.
//!
//! A worker is started with nothing but the model's directory and an empty environment, so its own name is the
//! only thing by which a test can tell it what to do.

#![allow(missing_docs)]

use harness::model::{Checkpoint, Reference};
use piton_worker::{Frame, Generator, READY, Request, TOKEN, serve};
use std::error::Error;
use std::io::{Read, Write, stdin, stdout};
use std::path::Path;
use std::process::exit;

fn main() {
    let name = std::env::args().next().unwrap_or_default();
    match name.rsplit('/').next().unwrap_or_default() {
        "honest" => serve::<Honest>(),
        "wrong-sometimes" => serve::<Sometimes>(),
        "ends-early" => serve::<EndsEarly>(),
        "stops-short" => serve::<StopsShort>(),
        "panics" => serve::<Panics>(),
        "hoards" => serve::<Hoards>(),
        behaviour => misbehave(behaviour),
    }
}

/// Decodes greedily with the reference itself.
struct Honest(Reference);

impl Generator for Honest {
    fn load(dir: &Path) -> Result<Self, Box<dyn Error>> {
        let checkpoint = Checkpoint::open(dir).map_err(|e| e.to_string())?;
        Ok(Self(Reference::load(&checkpoint).map_err(|e| e.to_string())?))
    }

    fn generate(&mut self, prompt: &[u32], max_new: usize, mut emit: impl FnMut(u32)) {
        let mut past = self.0.start();
        let mut next = prompt.to_vec();
        for _ in 0..max_new {
            let hidden = self.0.read(&next, &mut past).unwrap();
            let last = hidden.slice(ndarray::s![next.len() - 1.., ..]);
            let logits = self.0.logits(last).into_raw_vec_and_offset().0;
            let best = (0..logits.len()).max_by(|a, b| logits[*a].total_cmp(&logits[*b])).unwrap() as u32;
            emit(best);
            if self.0.config().end.contains(&best) {
                return;
            }
            next = vec![best];
        }
    }
}

/// Honest but for the seventh token of every answer.
struct Sometimes(Honest);

impl Generator for Sometimes {
    fn load(dir: &Path) -> Result<Self, Box<dyn Error>> {
        Honest::load(dir).map(Self)
    }

    fn generate(&mut self, prompt: &[u32], max_new: usize, mut emit: impl FnMut(u32)) {
        let mut n = 0;
        self.0.generate(prompt, max_new, |token| {
            n += 1;
            emit(if n == 7 { 5 + token % 20 } else { token });
        });
    }
}

macro_rules! without_a_model {
    ($name:ident, $generate:expr) => {
        struct $name;
        impl Generator for $name {
            fn load(_: &Path) -> Result<Self, Box<dyn Error>> {
                Ok(Self)
            }
            fn generate(&mut self, _: &[u32], max_new: usize, emit: impl FnMut(u32)) {
                let generate: fn(usize, &mut dyn FnMut(u32)) = $generate;
                let mut emit = emit;
                generate(max_new, &mut emit)
            }
        }
    };
}

without_a_model!(EndsEarly, |_, emit| {
    emit(40);
    emit(0);
});
without_a_model!(StopsShort, |_, emit| emit(40));
without_a_model!(Panics, |_, emit| {
    emit(40);
    panic!("a \u{1b}[31mred\u{1b}[0m panic");
});
without_a_model!(Hoards, |_, emit| {
    emit(40);
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(vec![1; 1 << 24]);
    }
});

fn misbehave(behaviour: &str) -> ! {
    match behaviour {
        "fails-at-start" => {
            eprintln!("no such thing");
            exit(7)
        }
        "ends-at-start" => exit(0),
        "never-ready" => sleep(),
        "shows-that-it-lives" => {
            // Held open until the process is gone: a writer at the other end sees when that is.
            let dir = std::env::args().nth(1).unwrap_or_default();
            let _alive = std::fs::File::open(Path::new(&dir).join("alive"));
            sleep()
        }
        "looks-around" => {
            let dir = std::env::args().nth(1).unwrap_or_default();
            let open = [
                std::fs::read("/etc/passwd").is_ok(),
                std::fs::read("/proc/self/cmdline").is_ok(),
                std::fs::read_dir("/tmp").is_ok(),
                std::fs::read_dir("/usr/lib").is_ok(),
                std::fs::read("/usr/lib/os-release").is_ok(),
                std::fs::read("/bin/sh").is_ok(),
                std::fs::read("/proc/cpuinfo").is_ok(),
                std::fs::write(Path::new(&dir).join("forged"), "1").is_ok(),
                std::fs::write("/tmp/piton-forged", "1").is_ok(),
                std::fs::OpenOptions::new().write(true).open(Path::new(&dir).join("config.json")).is_ok(),
            ];
            eprintln!(
                "{}",
                if open.contains(&true) { format!("{open:?}") } else { "nothing was open".to_owned() }
            );
            exit(7)
        }
        // Longer than any engine with so small a model may.
        "works-while-it-loads" => work(900),
        "answers-at-once" => send(&[frame(0, 0, 40)]),
        "prints-at-start" => print(b"loading...\n"),
        _ => {}
    }
    send(&[Frame { kind: READY, seq: 0, nonce: 0, token: 0 }]);
    if behaviour == "answers-unasked" {
        send(&[frame(0, 0, 40)]);
    }
    while let Ok(Some(request)) = Request::read(&mut stdin().lock()) {
        answer(behaviour, &request);
    }
    match behaviour {
        "leaves-a-child" => exit(0),
        "stays" => sleep(),
        "fails-at-the-end" => exit(9),
        "works-at-its-end" => {
            work(400);
            exit(0)
        }
        "works-after-it-closed-its-output" => {
            // Nothing of the pipe is left, and the process lives.
            let own = std::env::args().next().and_then(|own| std::fs::File::open(own).ok());
            let _ = own.map(rustix::stdio::dup2_stdout);
            work(400);
            exit(0)
        }
        _ => exit(0),
    }
}

fn answer(behaviour: &str, request: &Request) {
    let nonce = request.nonce;
    let all = |count: u32| -> Vec<Frame> { (0..count).map(|seq| frame(seq, nonce, 40)).collect() };
    match behaviour {
        "hangs" => {
            send(&all(1));
            sleep()
        }
        "closes-its-output" => {
            send(&all(1));
            exit(0)
        }
        "prints" => print(b"tokens_per_second: 99999\n"),
        "garbage" => print(&[0xa5; 100]),
        "wrong-nonce" => send(&[frame(0, nonce ^ 1, 40)]),
        "repeats-a-number" => send(&[frame(0, nonce, 40), frame(0, nonce, 40)]),
        "outside-the-vocabulary" => send(&[frame(0, nonce, u32::MAX)]),
        "one-too-many" => send(&all(request.max_new + 1)),
        "half-a-frame-too-many" => {
            send(&all(request.max_new));
            print(&[0; 10]);
        }
        "floods" => loop {
            send(&all(1000));
        },
        "floods-errors" => loop {
            let _ = std::io::stderr().write_all(&[b'x'; 4096]);
        },
        "leaves-a-child" => {
            let _ = std::process::Command::new("/bin/sleep").arg("1000").spawn();
            send(&all(request.max_new));
        }
        "opens-a-socket" => {
            let _ = std::net::UdpSocket::bind("127.0.0.1:0");
            send(&all(request.max_new));
        }
        "signals" => {
            let parent = rustix::process::getppid();
            let _ = parent.map(rustix::process::test_kill_process);
            send(&all(request.max_new));
        }
        // All frames in one write: the pipe hands them over together.
        "works-between" => {
            send(&all(request.max_new));
            work(100);
        }
        "holds-all"
        | "stays"
        | "fails-at-the-end"
        | "works-while-it-loads"
        | "works-at-its-end"
        | "works-after-it-closed-its-output" => send(&all(request.max_new)),
        _ => {
            eprintln!("no behaviour is called {behaviour}");
            exit(99)
        }
    }
}

fn frame(seq: u32, nonce: u64, token: u32) -> Frame {
    Frame { kind: TOKEN, seq, nonce, token }
}

fn send(frames: &[Frame]) {
    print(&frames.iter().flat_map(|frame| frame.encode()).collect::<Vec<u8>>());
}

fn print(bytes: &[u8]) {
    let mut out = stdout().lock();
    if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
        exit(0)
    }
}

/// Computes for so many milliseconds, by its own time on the processor.
fn work(ms: u64) {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    };
    let until = now() + std::time::Duration::from_millis(ms);
    while now() < until {
        std::hint::spin_loop();
    }
}

/// Waits for ever: for a pipe that is never written, and never closed by this side.
fn sleep() -> ! {
    loop {
        std::thread::park();
        let _ = stdin().lock().read(&mut [0; 0]);
    }
}
