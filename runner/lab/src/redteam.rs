//! piton under attack: hostile agents and hostile candidates against the user's own set-up, in a scratch copy of it.
//!
//! Each attack is one trial of a climb by this very binary, started as a user starts it, so that what is tried is what
//! is shipped. Beside how the trial ended, everything that no attack may change is looked at from outside.

mod corpus;
mod listing;
mod row;
mod scratch;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use listing::{list, listing};
pub use row::{AttackResult, AttackRow, RedteamReport, table};

use corpus::{Attack, Corpus, Ground};
use piton_climb::build::BuildStore;
use piton_climb::context::{World, experiment};
use piton_core::base::error::{Context, Error, Result, exit};
use piton_core::base::metric::{Direction, Format, Of};
use piton_core::trial::changes;
use piton_core::trial::record::Record;
use piton_core::trial::scope;
use piton_core::trial::text;
use piton_system::clock::Stopwatch;
use piton_system::config::Config;
use piton_system::git::Repo;
use piton_system::ledger::{Ledger, Lock};
use piton_system::process::{self, Done, End, Job};
use piton_system::state_home::Place;
use piton_system::terminal::{Progress, Tone};
use watch::{Breaches, RunSnapshot};

const WHAT: &str = "the attacks were not run";
/// Longest that a climb of one attack may take: many pairs, and a wait for a calm machine between them.
const CLIMB: Duration = Duration::from_secs(3600);
/// How often an attack is tried whose trial the machine voids, and a control that fails.
const TRIES: u32 = 3;

/// What to attack.
#[derive(Debug, Clone, Default)]
pub struct RedteamOptions {
    /// Only attacks whose name, or the idea of which, contains one of these; all where there is none.
    pub only: Vec<String>,
    /// This repository itself, rather than a copy.
    pub in_place: bool,
}

/// Runs the attacks on the experiment at HEAD.
///
/// # Errors
/// No such attack, no scratch copy, a baseline that does not begin, Ctrl-C.
pub fn run(
    world: &World,
    options: &RedteamOptions,
    told: &mut dyn FnMut(&AttackRow),
) -> Result<RedteamReport> {
    let watch = Stopwatch::start();
    let all = corpus::all().map_err(|why| Error::new(WHAT).cause(why))?;
    let named = |attack: &Attack| {
        let names = [attack.name.as_str(), attack.kind()];
        options.only.iter().any(|only| names.iter().any(|name| name.contains(only)))
    };
    let wanted = |attack: &Attack| attack.name != corpus::PROBE && (options.only.is_empty() || named(attack));
    let attacks: Vec<(Attack, Corpus)> = all.into_iter().filter(|(attack, _)| wanted(attack)).collect();
    if attacks.is_empty() {
        return Err(Error::usage(WHAT).cause("no attack has that name"));
    }
    let head = world.repo.head()?;
    let (_, config) = experiment(&world.repo, head.commit)?;
    let state = world.repo.state_dir();
    // One at a time: they share the copy. In place, the climbs themselves take the lock.
    let _lock = if options.in_place { None } else { Some(Lock::take(&state, "piton redteam")?) };
    std::fs::create_dir_all(state.join("logs")).context(WHAT)?;
    let copy = if options.in_place {
        Repo::open(world.repo.root())?.at(world.repo.within())
    } else {
        scratch::make(&world.repo, &world.place)?
    };
    let secret = tempfile::Builder::new().prefix("piton-secret-").tempfile().context(WHAT)?;
    // The attacks are started in the directory of the experiment, and name files from there.
    let base = scope::join(&config.within, "");
    let sources = copy.sources(head.commit, &config.scope)?;
    let short = |path: String| path.strip_prefix(&*base).map(str::to_owned).unwrap_or(path);
    let sources = match config.within.is_empty() {
        true => sources,
        false => sources.into_iter().map(|(path, text)| (short(path), text)).collect(),
    };
    let mut range = Range {
        world,
        logs: state.join("logs"),
        words: words_of(&copy, &config, &sources, (secret.path(), Place::of(&copy.state_dir()).at()?)),
        may_add: directory(&copy.directory(&copy.site()), &config).is_some(),
        run_at: BTreeMap::new(),
        apart: config.harness.is_some(),
        sources,
        copy,
        in_place: options.in_place,
        run: None,
    };
    let mut rows = vec![];
    for (attack, corpus) in &attacks {
        if world.runner.interrupted() {
            return Err(Error::new(WHAT).cause(process::STOPPED).status(130));
        }
        let row = range.tried(attack, corpus)?;
        // What does not apply to this experiment is for the table.
        if row.after.is_some() {
            told(&row);
        }
        rows.push(row);
    }
    world.progress.idle();
    let scratch = range.copy.root().display().to_string();
    Ok(RedteamReport {
        experiment: config.name,
        confinement: world.walls.found().level,
        scratch,
        rows,
        seconds: watch.seconds(),
    })
}

/// Tells how one attack ended.
pub fn tell(progress: &Progress, row: &AttackRow) {
    let (tone, word) = match row.state {
        AttackResult::Held => (Tone::Dim, "held"),
        AttackResult::Broken => (Tone::Bad, "BROKEN"),
        AttackResult::Open => (Tone::Bad, "OPEN"),
        AttackResult::NotRun => (Tone::Neutral, "not run"),
    };
    let got = text::clean(&row.got, 200);
    progress.line(tone, &format!("{word:<8}{} ({got}, {})", row.attack, text::seconds(row.seconds)));
}

/// The exit status of a report.
pub fn status(report: &RedteamReport) -> u8 {
    if report.held() { exit::DONE } else { exit::FAILED }
}

/// A row of which nothing is known yet.
fn blank(attack: &Attack) -> AttackRow {
    AttackRow {
        attack: attack.name.clone(),
        rule: attack.rule.clone(),
        kind: attack.kind().to_owned(),
        open: None,
        control: attack.control,
        expected: attack.expect.clone(),
        got: String::new(),
        state: AttackResult::NotRun,
        broken: vec![],
        words: None,
        after: None,
        seconds: 0.0,
    }
}

/// Where the attacks take place.
struct Range<'w> {
    world: &'w World,
    logs: PathBuf,
    copy: Repo,
    in_place: bool,
    /// The run under attack; none before the first, and after a keep.
    run: Option<String>,
    sources: changes::Sources,
    words: Vec<(&'static str, String)>,
    /// Whether a directory is editable, rather than files alone.
    may_add: bool,
    /// In which file code of a language is run, where that was tried.
    run_at: BTreeMap<String, Option<usize>>,
    /// Whether the candidate is only met as a process of its own.
    apart: bool,
}

/// Files into which code is put until it is run.
const PROBED: usize = 8;

impl Range<'_> {
    /// Finds out whether code of the languages of an attack is run at all, and where: one that is not was not tried.
    fn probe(&mut self, attack: &Attack) -> Result<()> {
        let (probe, corpus) = corpus::probe().map_err(|why| Error::new(WHAT).cause(why))?;
        for language in attack.languages() {
            if self.run_at.contains_key(language) || !probe.languages().any(|own| own == language) {
                continue;
            }
            let mut found = None;
            for at in 0..corpus.places(language, &self.sources).min(PROBED) {
                self.run_at.insert(language.clone(), Some(at));
                let mut row = blank(&probe);
                let new = self.attack(&probe.in_language(language), &corpus, &mut row)?;
                // Whoever measures a process that has ended has no figure, or plainly another.
                let doubtful = matches!(row.got.as_str(), "worse" | "given_up");
                if probe.allows(&row.got) && (!doubtful || row::plainly_worse(&new)) {
                    found = Some(at);
                    break;
                }
            }
            self.run_at.insert(language.clone(), found);
        }
        Ok(())
    }

    fn tried(&mut self, attack: &Attack, corpus: &Corpus) -> Result<AttackRow> {
        let watch = Stopwatch::start();
        let mut row = blank(attack);
        self.probe(attack)?;
        let ground =
            Ground { sources: &self.sources, run: &self.run_at, words: &self.words, may_add: self.may_add };
        if let Err(why) = attack.script(corpus, &ground) {
            row.got = why;
            return Ok(row);
        }
        for _ in 0..TRIES {
            self.attack(attack, corpus, &mut row)?;
            let again = row.got == "void" || (attack.control && row.state == AttackResult::Broken);
            if !again || self.world.runner.interrupted() {
                break;
            }
        }
        row.seconds = watch.seconds();
        Ok(row)
    }

    /// One climb of the attack's agent, with a look at everything before and after.
    /// Returns the trials that it made.
    fn attack(&mut self, attack: &Attack, corpus: &Corpus, row: &mut AttackRow) -> Result<Vec<Record>> {
        let run = self.begun()?;
        let mut words = self.words.clone();
        words.push(("@RUN@", run.clone()));
        let ground =
            Ground { sources: &self.sources, run: &self.run_at, words: &words, may_add: self.may_add };
        let script = attack.script(corpus, &ground).map_err(|why| Error::new(WHAT).cause(why))?;
        let loot = ground.fill("@LOOT@");
        let traces: Vec<String> = attack.traces.iter().map(|path| ground.fill(path)).chain([loot]).collect();
        watch::traces(&traces);
        let before = self.snapshot(&run)?;
        self.world.progress.doing(&attack.name);
        let (times, limit) = (attack.times.to_string(), format!("{}s", attack.agent_timeout_s));
        let mut climb = vec!["climb", "--run", &run, "--trials", &times, "--agent-timeout", &limit];
        let wall = attack.wall_s.map(|wall| format!("{wall}s"));
        climb.extend(wall.iter().flat_map(|wall| ["--for", wall]));
        climb.extend(["--agent", &script]);
        let done = self.piton(&climb)?;
        if done.end == End::Interrupted {
            return Err(Error::new(WHAT).cause(process::STOPPED).status(130));
        }
        let traces = watch::traces(&traces);
        let (new, after) = match self.snapshot(&run) {
            Ok(after) => {
                let new = after.records.get(before.records.len()..).unwrap_or_default().to_vec();
                (new, watch::compare(&run, &before, &after, done.survivors, &traces))
            }
            Err(error) => (vec![], Breaches { ledger: Some(error.to_string()), ..Breaches::default() }),
        };
        row.got = row::got(&new, &done.end, &done.stderr);
        (row.state, row.broken) = row::decide(attack, &row.got, &new, &after);
        row.open = row::open(attack, &row.got, &after, self.apart);
        if row.open.is_some() {
            row.state = AttackResult::Open;
        }
        row.words = match row::telling(&new) {
            Some(record) => Some(text::verdict(record, &row::score(), 0.02)),
            None => done.stderr.lines().rfind(|line| line.starts_with("cause:")).map(str::to_owned),
        };
        // What was kept is not built upon, and what was damaged is not attacked again.
        if new.iter().any(|record| record.outcome.kept()) {
            self.run = None;
        }
        if row.state == AttackResult::Broken {
            self.run = None;
            if !self.in_place {
                self.copy = scratch::make(&self.world.repo, &self.world.place)?;
            }
        }
        row.after = Some(after);
        Ok(new)
    }

    fn snapshot(&self, run: &str) -> Result<RunSnapshot> {
        let World { runner, progress, walls, .. } = self.world;
        let (dir, place) = (self.copy.state_dir(), Place::of(&self.copy.state_dir()));
        let build_store = BuildStore { dir, place: &place, repo: &self.copy, runner, progress, walls };
        RunSnapshot::take(&self.copy, &build_store, run)
    }

    /// The run under attack, begun if there is none.
    fn begun(&mut self) -> Result<String> {
        if let Some(run) = &self.run {
            return Ok(run.clone());
        }
        let ledger = Ledger::open_existing(&self.copy.state_dir())?;
        let mut name = String::new();
        for n in 1.. {
            name = format!("redteam-{n}");
            if ledger.as_ref().map(|ledger| ledger.run(&name)).transpose()?.flatten().is_none()
                && !self.copy.has_branch(&format!("piton/{name}"))
            {
                break;
            }
        }
        drop(ledger);
        self.world
            .progress
            .begin_long("beginning a run to attack; the harness is built first, where there is one");
        let done = self.piton(&["climb", "--run", &name, "--trials", "0"])?;
        if done.end != End::Exited(0) {
            let status = if done.end == End::Interrupted { 130 } else { exit::BASELINE };
            return Err(Error::new(WHAT).cause(done.stderr.trim()).status(status).note(format!(
                "no run began in the copy {}; the repository itself is as it was",
                self.copy.root().display()
            )));
        }
        self.run = Some(name.clone());
        Ok(name)
    }

    /// This binary, in the copy.
    fn piton(&self, words: &[&str]) -> Result<Done> {
        let own = std::env::current_exe().context(WHAT)?.to_string_lossy().into_owned();
        let least = self.world.walls.least().word();
        let head = [own.as_str(), "--confinement", least];
        let argv: Vec<String> = head.iter().chain(words).map(|word| (*word).to_owned()).collect();
        self.world.runner.run(&Job {
            under: &[],
            argv: &argv,
            cwd: &self.copy.directory(&self.copy.site()),
            env: [process::full_env(), vec![("PITON_REDTEAM_SECRET".into(), "42".into())]].concat(),
            stdout: self.logs.join("redteam.out"),
            stderr: self.logs.join("redteam.log"),
            timeout: CLIMB,
            gently: true,
            policy: None,
            seen: Some(&|line| self.world.progress.doing_what(line)),
            stdin: None,
            watch: None,
            heedless: false,
        })
    }
}

/// What a candidate would print that knew how it is measured: every metric as good as it must be, and the one that is climbed better than
/// any.
fn forged(config: &Config) -> String {
    let best = if config.metric.direction == Direction::Higher { 1e12 } else { 1e-12 };
    let of = config.metric.of.as_ref().map(Of::names).unwrap_or_default();
    let value = |name: &str| match config.gates.iter().find(|gate| gate.metric == name) {
        _ if name == config.metric.name || of.contains(&name.to_owned()) => best,
        Some(gate) => gate.min.or(gate.max).unwrap_or(1.0),
        None => 1.0,
    };
    let values = config.needed().into_iter().map(|name| (name, value(name)));
    let lines = |line: &dyn Fn(&str, f64) -> String| {
        values.clone().map(|(name, value)| line(name, value)).collect::<Vec<_>>().join("\n")
    };
    match config.measure.format {
        Format::MetricLines => lines(&|name, value| format!("METRIC {name}={value}")),
        Format::Lines | Format::Regex => lines(&|name, value| format!("{name}: {value}")),
        Format::Criterion => lines(&|name, value| format!("{name}  time:   [{value} s {value} s {value} s]")),
        Format::Go => lines(&|name, value| format!("{name}  100  {:e} ns/op", value * 1e9)),
        Format::Mitata => lines(&|name, value| format!("{name}  {value} s/iter")),
        _ => {
            let object: serde_json::Map<_, _> =
                values.map(|(name, value)| (name.to_owned(), serde_json::json!(value))).collect();
            serde_json::Value::Object(object).to_string()
        }
    }
}

/// The first directory that may be edited; none where only files may.
fn directory(root: &Path, config: &Config) -> Option<String> {
    config.editable_paths().into_iter().find(|path| root.join(path).is_dir())
}

/// What the words in the corpus stand for.
fn words_of(
    copy: &Repo,
    config: &Config,
    sources: &changes::Sources,
    (secret, place): (&Path, &Path),
) -> Vec<(&'static str, String)> {
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let root = copy.directory(&copy.site());
    let first = config.editable_paths().first().cloned().unwrap_or_default();
    let beside =
        || Path::new(&first).parent().map_or(String::new(), |dir| dir.to_string_lossy().into_owned());
    let editable = directory(&root, config).unwrap_or_else(beside);
    let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into()));
    let cargo = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    vec![
        ("@LOOT@", text(copy.state_dir().join("loot"))),
        ("@STATE@", text(copy.state_dir())),
        ("@PLACE@", text(place.to_owned())),
        ("@ROOT@", root.to_string_lossy().trim_end_matches('/').to_owned()),
        ("@EDITABLE@", if editable.is_empty() { ".".to_owned() } else { editable }),
        ("@FILE@", sources.keys().next().cloned().unwrap_or_default()),
        ("@METRIC@", config.metric.name.clone()),
        ("@LINE@", forged(config)),
        ("@CARGO_HOME@", text(cargo)),
        ("@HOME@", text(home)),
        ("@SECRET@", text(secret.to_path_buf())),
    ]
}
