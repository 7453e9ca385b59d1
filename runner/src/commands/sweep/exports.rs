//! What a sweep leaves: `.piton/sweeps/RUN/` with its report, its rows and its recipe, and a row in the database of all sweeps.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::plan::Plan;
use super::stage2::Tried;
use crate::commands::args::SweepArgs;
use piton_climb::run_store::OWN;
use piton_core::base::error::{Context, Error, Result};
use piton_core::recipe::edit::{self, FileFormat};
use piton_core::recipe::{Inputs, Machine, Recipe, owned};
use piton_server::recipe::TrialRecipe;
use piton_server::report::{ExitReason, Recommendation, SweepInputs, SweepReport, SweptMachine};
use piton_server::stage1::Stage1;
use piton_system::ledger::{TuneDb, TuneRun, TuneTrial};
use piton_system::replace::Replaced;
use piton_system::{clock, host, terminal};

/// What the names are those of.
const SPEC: &str = "SPEC-013 v0.3";
/// What is told of the rule of pairs.
pub(super) const PAIRS: &str =
    "by pairs: a recipe that does nothing is kept with probability [rule] alpha at most";
/// What is told of medians.
pub(super) const MEDIAN: &str = "by medians of replicates (SPEC-013): without an error rate; of recipes that do the same, one comes out best";

/// Where a sweep's results go, and what is known of it so far.
pub(super) struct Exports {
    dir: PathBuf,
    db: TuneDb,
    report: SweepReport,
    retain: u32,
    max_tokens: u32,
    config: piton_system::config::Config,
    /// The last recipe of another sweep here, where there is one.
    last: Option<(String, Recipe)>,
    recipe: Option<Recipe>,
}

impl Exports {
    /// Writes that the sweep has begun.
    ///
    /// # Errors
    /// A database that cannot be opened.
    pub fn begin(plan: &Plan, args: &SweepArgs) -> Result<Self> {
        let sweeps = plan.dir.join(OWN).join("sweeps");
        let path =
            args.db_path.as_ref().map_or_else(|| sweeps.join("tune.sqlite"), |path| plan.dir.join(path));
        let settings = plan.sweep();
        let feasible = plan.config.feasible.clone().unwrap_or_default();
        let report = SweepReport {
            spec_version: SPEC.to_owned(),
            run_id: plan.run.clone(),
            started_at: plan.began.clone(),
            ended_at: None,
            exit_reason: ExitReason::Interrupted,
            machine: SweptMachine {
                ram_gb: host::memory_bytes() >> 30,
                chip: host::chip(),
                os_version: host::system(),
                binary_version: "unknown".to_owned(),
            },
            inputs: SweepInputs {
                target_context: plan.load().context.unwrap_or(0),
                candidate_models: plan.models.iter().map(|model| model.name.clone()).collect(),
                stage1_replicates: settings.stage1_samples,
                stage2_replicates: settings.replicates,
                gate_ttft_ms: feasible.ttft_ms,
                tps_tie_epsilon: settings.tie_pct / 100.0,
            },
            rule: if plan.is_median() { MEDIAN } else { PAIRS }.to_owned(),
            recommendation: None,
            verified: None,
            alternates: vec![],
            infeasible: vec![],
            stage1: vec![],
            stage2: vec![],
            recipe_hash: None,
            db_path: path.to_string_lossy().into_owned(),
        };
        let mut exports = Self {
            last: last(&sweeps),
            dir: sweeps.join(&plan.run),
            db: TuneDb::open(&path)?,
            report,
            retain: args.retain_runs.unwrap_or(settings.retain_runs),
            max_tokens: plan.load().max_tokens,
            config: plan.config.clone(),
            recipe: None,
        };
        fs::create_dir_all(&exports.dir)
            .context("the sweep did not start: it has no place for its results")?;
        plan.make_work()?;
        exports.write(false)?;
        Ok(exports)
    }

    /// What the server calls itself.
    pub fn server_version(&mut self, version: Option<String>) {
        if let Some(version) = version {
            self.report.machine.binary_version = version;
        }
    }

    /// Writes how it ended.
    ///
    /// # Errors
    /// A disk or a database that refuses.
    pub fn end(&mut self, reason: ExitReason, stage: Stage1, tried: Option<Tried>) -> Result<SweepReport> {
        let report = &mut self.report;
        report.exit_reason = reason;
        report.ended_at = Some(clock::now());
        report.infeasible = stage.rows.iter().filter(|row| row.reason.is_some()).cloned().collect();
        report.stage1 = stage.rows;
        report.alternates = stage.alternates;
        if let Some(tried) = tried {
            let recipe = whole(&self.config, &tried.best, report);
            report.recipe_hash = Some(recipe.hash());
            let (tps_median, ttft_p95_ms, replicates) = tried.figures;
            report.recommendation = Some(Recommendation {
                model: tried.best.model.clone(),
                target_context: report.inputs.target_context,
                knobs: json!(recipe.knobs),
                tps_median,
                ttft_p95_ms,
                replicates,
                serve_command: serve_command(&self.config, &tried.best),
                partial: tried.partial,
            });
            report.stage2 = tried.rows;
            report.verified = tried.verified;
            self.recipe = Some(recipe);
        }
        self.write(true)?;
        Ok(self.report.clone())
    }

    fn write(&mut self, ended: bool) -> Result<()> {
        let report = &self.report;
        if ended {
            let put = |name: &str, text: String| {
                fs::write(self.dir.join(name), text).context(format!("{name} of the sweep was not written"))
            };
            put("summary.json", terminal::pretty(report) + "\n")?;
            put("summary.md", report.markdown())?;
            put("results.jsonl", report.jsonl())?;
            if let Some(recipe) = &self.recipe {
                put("recipe.toml", recipe.to_toml())?;
                put("recipe.json", terminal::pretty(&recipe.to_json()) + "\n")?;
            }
        }
        let run = tune_run(report, false);
        self.db.write(&run, &trials(report, self.max_tokens), self.retain)
    }

    /// The recipe beside that of the last sweep here.
    pub fn compared(&self, report: &SweepReport) -> String {
        match (&self.last, &self.recipe) {
            (_, None) => format!("nothing to compare: {}", report.exit_reason.word()),
            (None, _) => {
                "nothing to compare: this is the first sweep here that recommends a recipe".to_owned()
            }
            (Some((name, last)), Some(recipe)) if last.differences(recipe).is_empty() => {
                format!("the same recipe as of {name}")
            }
            (Some((name, last)), Some(recipe)) => {
                format!("against {name}:\n{}", owned::difference_words(last, recipe))
            }
        }
    }

    /// Writes the recipe to the file of `[apply]`.
    ///
    /// # Errors
    /// A file that cannot be edited without loss.
    pub fn apply(&mut self, plan: &Plan, report: &SweepReport) -> Result<()> {
        let (Some(apply), Some(recipe)) = (&plan.config.apply, &self.recipe) else {
            terminal::tell(&format!("nothing was applied: {}", report.exit_reason.word()));
            return Ok(());
        };
        let path = plan.dir.join(&apply.file);
        let refused = |cause: String| Error::refused(format!("{} was not changed", apply.file)).cause(cause);
        let format =
            FileFormat::of(&path).ok_or_else(|| refused("its name does not say what it is".to_owned()))?;
        let keys: Vec<(String, String)> = apply.keys.clone().into_iter().collect();
        let keys = owned::owned_keys(recipe, &keys, format)?;
        let file = Replaced::open(&path, edit::MOST as u64)?;
        let edited =
            edit::edit(format, file.text()?, &keys).map_err(|refusal| refused(refusal.to_string()))?;
        let told = owned::applied_words(&keys);
        if edited.changes.is_empty() {
            terminal::tell(&format!("unchanged: {} holds {told}", apply.file));
        } else {
            let backup = file.with(&edited.text)?;
            terminal::tell(&format!("applied: {told} (backup at {})", backup.display()));
            terminal::tell("piton restarts no server: yours has the new values when it reads the file again");
        }
        self.db.write(&tune_run(&self.report, true), &trials(&self.report, self.max_tokens), self.retain)
    }
}

/// The recipe with all that its hash is of.
fn whole(config: &piton_system::config::Config, best: &TrialRecipe, report: &SweepReport) -> Recipe {
    let mut recipe = best.plain();
    recipe.model.path = config.model(&best.model).map(|model| model.path.clone());
    let flags = config.knobs.iter().filter_map(|knob| Some((knob.name.clone(), vec![knob.flag.clone()?])));
    recipe.flags = flags.collect();
    let machine = &report.machine;
    recipe.machine = Some(Machine {
        chip: machine.chip.clone(),
        ram_gb: machine.ram_gb,
        binary_version: machine.binary_version.clone(),
    });
    recipe.inputs = Some(Inputs {
        target_context: report.inputs.target_context,
        candidate_models: report.inputs.candidate_models.clone(),
    });
    recipe
}

/// The command line to paste: on the service's port, or on one to fill in.
fn serve_command(config: &piton_system::config::Config, best: &TrialRecipe) -> String {
    let port = config.service.as_ref().map_or(8080, |service| service.port);
    let words = best.command(config, port);
    let quoted = words.iter().map(|word| {
        let plain =
            !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c));
        if plain { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn tune_run(report: &SweepReport, applied: bool) -> TuneRun {
    let (machine, inputs) = (&report.machine, &report.inputs);
    TuneRun {
        run_id: report.run_id.clone(),
        started_at_utc: report.started_at.clone(),
        ended_at_utc: report.ended_at.clone().filter(|_| report.exit_reason != ExitReason::Interrupted),
        spec_version: report.spec_version.clone(),
        binary_version: machine.binary_version.clone(),
        machine: (machine.ram_gb, machine.chip.clone(), machine.os_version.clone()),
        target_context: inputs.target_context,
        candidate_models: inputs.candidate_models.clone(),
        replicates: (inputs.stage1_replicates, inputs.stage2_replicates),
        gate_ttft_ms: inputs.gate_ttft_ms,
        tps_tie_epsilon: inputs.tps_tie_epsilon,
        recommendation_json: report.recommendation.as_ref().map(|best| json!(best).to_string()),
        recipe_hash: report.recipe_hash.clone(),
        applied,
        exit_reason: report.exit_reason.word(),
    }
}

/// The rows of both stages. Every one says its stage: the column's default is for rows of older tools.
fn trials(report: &SweepReport, max_tokens: u32) -> Vec<TuneTrial> {
    let model = report.recommendation.as_ref().map(|best| best.model.clone()).unwrap_or_default();
    let first = report.stage1.iter().map(|row| TuneTrial {
        ts_utc: report.started_at.clone(),
        stage: 1,
        model: row.model.clone(),
        max_tokens,
        agg_throughput_tps: row.tokens_per_s,
        ttft_p95_ms: row.ttft_ms,
        fits: row.reason.is_none(),
        n_err: u32::from(row.reason.is_some()),
        kept: false,
        notes: row.note.clone(),
        replicates_n: report.inputs.stage1_replicates as usize,
        knobs_json: "{}".to_owned(),
        reason: row.reason.clone(),
    });
    let second = report.stage2.iter().map(|row| TuneTrial {
        ts_utc: row.at.clone(),
        stage: 2,
        model: model.clone(),
        max_tokens,
        agg_throughput_tps: row.tokens_per_s,
        ttft_p95_ms: row.ttft_p95_ms,
        fits: row.fits,
        n_err: u32::from(!row.fits),
        kept: row.kept,
        notes: Some(row.note.clone()).filter(|note| !note.is_empty()),
        replicates_n: row.samples,
        knobs_json: json!(row.knobs).to_string(),
        reason: Some(row.reason.clone()),
    });
    first.chain(second).collect()
}

/// The recipe of the last sweep here that recommends one, with the sweep's name.
fn last(sweeps: &Path) -> Option<(String, Recipe)> {
    let entries = fs::read_dir(sweeps).ok()?.flatten();
    let ended = entries.filter_map(|entry| {
        let summary: Value =
            serde_json::from_str(&fs::read_to_string(entry.path().join("summary.json")).ok()?).ok()?;
        let at = summary.get("ended_at")?.as_str()?.to_owned();
        let text = fs::read_to_string(entry.path().join("recipe.toml")).ok()?;
        let recipe = Recipe::from_toml(&text, "recipe.toml").ok()?;
        Some((at, entry.file_name().to_string_lossy().into_owned(), recipe))
    });
    let last = ended.max_by(|one, other| one.0.cmp(&other.0))?;
    Some((last.1, last.2))
}
