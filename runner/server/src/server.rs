//! A server with a recipe: started on a port that is free, seen to be the one that answers there, read back, stopped.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use piton_core::base::error::{Context, Error, Result};
use piton_core::base::level::Level;
use piton_system::clock::{self, Stopwatch};
use piton_system::config::Config;
use piton_system::config::sweep;
use piton_system::process::{self, Ending, Lasting, LastingJob};
use piton_system::sandbox;

use crate::client::{Client, block_on};
use crate::endpoint::Endpoint;
use crate::infeasible::{Infeasible, Reason};
use crate::recipe::TrialRecipe;

/// How often it is asked whether it serves.
const LOOK: Duration = Duration::from_millis(10);
/// Limit of one such question.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that serves a recipe.
pub struct Server {
    process: Lasting,
    /// Where it serves.
    pub port: u16,
    /// Seconds from its start until it served.
    pub ready_s: f64,
    /// What it says of itself at `/props`; null where it says nothing.
    pub props: Value,
    grace: Duration,
}

/// What came of starting one.
pub enum Started {
    /// It serves.
    Ready(Server),
    /// It cannot.
    Infeasible(Infeasible),
    /// The user stopped it.
    Interrupted,
}

/// How a server ended that was stopped.
pub type Stopped = Ending;

impl Server {
    /// Starts the recipe's server; `own` is a directory of its own, which is there, and `log` the file that takes what it prints. `stop` is
    /// asked all the while whether the user wants no more.
    ///
    /// # Errors
    /// When nothing can be started at all.
    pub fn start(
        config: &Config,
        recipe: &TrialRecipe,
        own: &Path,
        log: &Path,
        stop: &dyn Fn() -> bool,
    ) -> Result<Started> {
        let settings = settings(config)?;
        let port = free_port()?;
        let mut argv = recipe.command(config, port);
        argv[0] = process::absolute(&argv[0]);
        let mut env = sandbox::private_env(process::bare_env(), own);
        env.extend(settings.env.iter().map(|(name, value)| (name.into(), value.into())));
        let cores = settings.cores.map(|n| cores().into_iter().rev().take(n).collect()).unwrap_or_default();
        let job = LastingJob {
            argv: &argv,
            env,
            own,
            log: log.to_owned(),
            cores,
            memory_bytes: settings.memory_mb.map(|mb| mb * 1_000_000),
            devices: sandbox::devices(&settings.devices),
            least: Level::None,
        };
        let watch = Stopwatch::start();
        let process = Lasting::start(&job)?;
        let grace = Duration::from_secs(settings.stop_grace_s);
        let mut server = Self { process, port, ready_s: 0.0, props: Value::Null, grace };
        if let Some(infeasible) = server.wait_until_ready(settings, stop)? {
            return Ok(Started::Infeasible(infeasible));
        }
        if stop() {
            server.stop(stop);
            return Ok(Started::Interrupted);
        }
        server.ready_s = watch.seconds();
        // Whoever answered may be another: on a port that was taken meanwhile the new server ends, and the old one answers well.
        if !server.process.listens(port) {
            return Ok(Started::Infeasible(Infeasible::new(
                Reason::DidNotStart,
                format!("another process answers on port {port}: {}", server.last_line()),
            )));
        }
        if let Ok((200, text)) = block_on(server.client(PATIENCE).get("/props"))? {
            server.props = serde_json::from_str(&text).unwrap_or_default();
        }
        let load = config.load.clone().unwrap_or_default();
        match not_honoured(&server.props, config, recipe, load.context) {
            Some(note) => {
                server.stop(stop);
                Ok(Started::Infeasible(Infeasible::new(Reason::KnobNotHonoured, note)))
            }
            None => Ok(Started::Ready(server)),
        }
    }

    fn wait_until_ready(
        &mut self,
        settings: &sweep::Server,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Infeasible>> {
        let (client, watch) = (self.client(PATIENCE), Stopwatch::start());
        let limit = Duration::from_secs(settings.ready_timeout_s);
        loop {
            if let Some(end) = self.process.ended() {
                return Ok(Some(Infeasible::before_ready(&end, &self.log())));
            }
            if stop() {
                return Ok(None);
            }
            if matches!(block_on(client.get(&settings.ready))?, Ok((200, _)))
                && self.process.ended().is_none()
            {
                return Ok(None);
            }
            if watch.elapsed() >= limit {
                let note = format!("{} s: {}", settings.ready_timeout_s, self.last_line());
                return Ok(Some(Infeasible::new(Reason::ReadyTimeout, note)));
            }
            clock::wait(LOOK);
        }
    }

    /// A client of it.
    pub fn client(&self, timeout: Duration) -> Client {
        Client { endpoint: Endpoint::local(self.port), key: None, timeout }
    }

    /// Why it does not serve any more, where it does not.
    pub fn died(&mut self) -> Option<Infeasible> {
        let end = self.process.ended()?;
        Some(Infeasible::while_asked(&end, &self.log()))
    }

    /// Time on processors that it has had.
    pub fn processor_time(&self) -> Option<Duration> {
        self.process.processor_time()
    }

    /// The most memory that it has held, in bytes.
    pub fn peak_memory(&self) -> Option<u64> {
        self.process.peak_memory()
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The end of what it printed.
    pub fn log(&self) -> String {
        process::tail(&self.process.log, process::TAIL_BYTES)
    }

    fn last_line(&self) -> String {
        self.log()
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty())
            .unwrap_or("it printed nothing")
            .trim()
            .to_owned()
    }

    /// Stops it: SIGTERM, and SIGKILL after its grace, or at once where the user hurries.
    pub fn stop(self, hurry: &dyn Fn() -> bool) -> Stopped {
        self.process.stop(self.grace, hurry)
    }
}

/// What is otherwise than asked: a knob by its own pointer, and the context that a slot has.
fn not_honoured(
    props: &Value,
    config: &Config,
    recipe: &TrialRecipe,
    context: Option<u64>,
) -> Option<String> {
    let by_knob = config.knobs.iter().find_map(|knob| {
        let (pointer, asked) = knob.read_back.as_ref().zip(recipe.knobs.get(&knob.name))?;
        if asked == sweep::UNSET {
            return None;
        }
        let got = props.pointer(pointer)?;
        let got = got.as_str().map_or_else(|| got.to_string(), str::to_owned);
        let same = got == *asked
            || got.parse::<f64>().ok().zip(asked.parse::<f64>().ok()).is_some_and(|(a, b)| a == b);
        (!same)
            .then(|| format!("{} is {asked} in the recipe, and the server has {got} at {pointer}", knob.name))
    });
    by_knob.or_else(|| {
        let slot = props.pointer("/default_generation_settings/n_ctx")?.as_u64()?;
        let wanted = context?;
        (slot < wanted)
            .then(|| format!("load.context is {wanted}, and a slot of the server has {slot} tokens"))
    })
}

/// The server's settings.
///
/// # Errors
/// Of an experiment that has none.
pub fn settings(config: &Config) -> Result<&sweep::Server> {
    config.server.as_ref().ok_or_else(|| {
        Error::usage("no server was started: this experiment has no [server]")
            .note("nothing was started and nothing was changed")
            .hint("docs/sweeps.md shows the smallest one")
    })
}

/// A port of loopback that nobody listens on now.
///
/// # Errors
/// When the system has none.
fn free_port() -> Result<u16> {
    let socket = TcpListener::bind("127.0.0.1:0").context("no server was started: there is no free port")?;
    Ok(socket.local_addr().context("no server was started: there is no free port")?.port())
}

/// The cores that this process may use.
fn cores() -> Vec<usize> {
    let set = rustix::thread::sched_getaffinity(None);
    set.map(|set| (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const EXPERIMENT: &str = r#"
name = "s"
[server]
command = ["llama-server", "--port", "{port}", "-m", "{model}", "{knobs}"]
[[model]]
name = "small"
path = "/m/small.gguf"
[[knob]]
name = "ctx"
flag = "-c"
values = ["unset", "4096"]
read_back = "/default_generation_settings/n_ctx"
"#;

    #[test]
    fn a_knob_that_the_server_did_not_honour_is_found_by_reading_it_back() {
        let config = Config::parse(EXPERIMENT).unwrap();
        let mut recipe = TrialRecipe::first(&config, "small");
        let props = json!({ "default_generation_settings": { "n_ctx": 512 } });
        assert_eq!(not_honoured(&props, &config, &recipe, None), None);
        recipe.knobs.insert("ctx".into(), "4096".into());
        let told = not_honoured(&props, &config, &recipe, None).unwrap();
        assert!(told.contains("4096") && told.contains("512"), "{told}");
        assert_eq!(not_honoured(&json!({}), &config, &recipe, None), None, "it says nothing of it");
        recipe.knobs.insert("ctx".into(), "512".into());
        assert_eq!(not_honoured(&props, &config, &recipe, Some(512)), None);
        assert!(not_honoured(&props, &config, &recipe, Some(2048)).unwrap().contains("2048"));
    }
}
