//! `piton load`: what a model server does for those who ask it.

use std::fs;
use std::path::Path;

use serde_json::json;

use super::args::LoadArgs;
use super::sweep::here::Here;
use piton_core::base::error::{Context, Error, Result, exit};
use piton_server::client::{self, Client};
use piton_server::endpoint::Endpoint;
use piton_server::load::figures::Figures;
use piton_server::load::{self as requests, Arrival, Loaded, page, text};
use piton_server::prompts::PromptSource;
use piton_server::request::Ask;
use piton_server::server::{Server, Started};
use piton_system::process::{Runner, STOPPED};
use piton_system::terminal::{self, Progress};
use piton_system::{clock, host};

/// Loads a server that runs already, and tells what came of it.
///
/// # Errors
/// A bad address, prompts that cannot be read, a server that answers not a single request before the first load.
pub(super) fn run(dir: &Path, args: &LoadArgs) -> Result<u8> {
    let runner = Runner::install()?;
    let Some(path) = &args.recipe else {
        let endpoint = Endpoint::parse(args.url.as_deref().unwrap_or_default())?;
        return load(dir, args, endpoint, &runner);
    };
    let here = Here::open(dir)?;
    let recipe = here.recipe(Some(path))?;
    let own = here.work().join("server");
    piton_system::sandbox::private(&own)?;
    let stop = || runner.interrupted();
    let refused = Error::new(format!("nothing was measured: {} cannot be served", path.display()));
    match Server::start(&here.config, &recipe, &own, &here.work().join("server.log"), &stop)? {
        Started::Ready(server) => {
            let done = load(dir, args, Endpoint::local(server.port), &runner);
            server.stop(&stop);
            done
        }
        Started::Infeasible(why) => Err(refused.cause(why).note("no server is left")),
        Started::Interrupted => Err(refused.cause(STOPPED).status(130)),
    }
}

fn load(dir: &Path, args: &LoadArgs, endpoint: Endpoint, runner: &Runner) -> Result<u8> {
    let prompts = PromptSource::open(&args.prompts, dir)?;
    let key = args.key_env.as_deref().map(key).transpose()?;
    let client = Client { endpoint, key, timeout: args.timeout };
    let progress = Progress::new();
    let model = match &args.model {
        Some(name) => Some(name.clone()),
        None => client::block_on(client.first_model())?,
    };
    let extra = args.extra.clone().unwrap_or_default();
    let ask = Ask { api: args.api.into(), model, max_tokens: args.max_tokens, extra };
    let seed = args.seed.map_or_else(host::fresh_seed, Ok)?;
    let arrivals = arrivals(args);
    let (warm, each) = (args.warm_up as usize, args.requests as usize);
    let fresh = prompts.draw(seed, arrivals.len() * (warm + each))?;
    if let Some(most) = prompts.most().filter(|most| *most < fresh.len()) {
        let told = format!(
            "{} requests and {most} prompts: some are asked again, and a cache may answer them",
            fresh.len()
        );
        terminal::tell(&told);
    }
    let (stop, mut all) = (|| runner.interrupted(), vec![]);
    let stopped = || Error::new("the load was not carried out to its end").cause(STOPPED).status(130);
    for (n, (arrival, prompts)) in arrivals.into_iter().zip(fresh.chunks(warm + each)).enumerate() {
        let name = arrival.words();
        progress.doing(&format!("{name}: warming up"));
        let warming = Arrival::Concurrency(1);
        let warmed = requests::run(&client, &ask, &prompts[..warm], warming, seed, &|_| {}, &stop)?
            .ok_or_else(stopped)?;
        if let Some(why) = silent(&warmed, &client.endpoint).filter(|_| n == 0) {
            return Err(why);
        }
        let seen = |done: usize| progress.doing(&format!("{name}: {done} of {each}"));
        let drawn = seed.wrapping_add(n as u64);
        let loaded = requests::run(&client, &ask, &prompts[warm..], arrival, drawn, &seen, &stop)?
            .ok_or_else(stopped)?;
        progress.idle();
        let figures = Figures::of(&loaded, args.slo.as_ref());
        all.push((loaded, figures));
    }
    tell(dir, args, (&client, &ask, seed), &all)
}

fn arrivals(args: &LoadArgs) -> Vec<Arrival> {
    match args.rate.is_empty() {
        true => args.concurrency.iter().copied().map(Arrival::Concurrency).collect(),
        false => args.rate.iter().copied().map(Arrival::Rate).collect(),
    }
}

fn key(name: &str) -> Result<String> {
    std::env::var(name).map_err(|_| {
        Error::usage(format!("nothing was asked: the variable {name} is not set"))
            .note("no request was sent")
            .hint(format!("export {name}=..., with the server's key"))
    })
}

/// Why there is no point in going on: not one request of the warm-up was answered.
fn silent(warmed: &Loaded, endpoint: &Endpoint) -> Option<Error> {
    let first = warmed.requests.first()?;
    warmed.requests.iter().all(|asked| !asked.answer.is_done()).then(|| {
        Error::new(format!(
            "nothing was measured: {endpoint} answers none of the requests before the first load"
        ))
        .cause(&first.answer.end)
        .note("the server was left as it was")
        .hint("look at its log; --api completions asks a server that knows no chats, --model names the model")
    })
}

fn tell(dir: &Path, args: &LoadArgs, asked: (&Client, &Ask, u64), all: &[(Loaded, Figures)]) -> Result<u8> {
    let (client, ask, seed) = asked;
    let figures: Vec<Figures> = all.iter().map(|(_, figures)| figures.clone()).collect();
    let server = client.endpoint.to_string();
    if let Some(path) = &args.csv {
        fs::write(dir.join(path), text::csv(&figures))
            .context(format!("{} was not written", path.display()))?;
    }
    if let Some(path) = &args.html {
        let page = page::page(&server, ask.model.as_deref(), &clock::now(), &figures);
        fs::write(dir.join(path), page).context(format!("{} was not written", path.display()))?;
    }
    if args.json {
        let loads =
            all.iter().map(|(loaded, figures)| json!({ "figures": figures, "requests": loaded.requests }));
        terminal::json(&json!({
            "server": server,
            "model": ask.model,
            "at": clock::now(),
            "seed": seed,
            "prompts": args.prompts,
            "max_tokens": ask.max_tokens,
            "slo": args.slo,
            "loads": loads.collect::<Vec<_>>(),
        }));
    } else {
        terminal::answer(text::table(&figures).trim_end());
    }
    let failed = figures.iter().any(|figures| figures.done < figures.requests);
    Ok(if failed { exit::FAILED } else { exit::DONE })
}
