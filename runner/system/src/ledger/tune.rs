//! The database of sweeps, for other tools: `tune_runs` and `tune_trials`, with the columns of SPEC-013 v0.3 (FR-G). Nothing of piton's own
//! is read from it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use piton_core::base::error::{Context, Result};

const WHAT: &str = "the sweep was not written to its database";

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS tune_runs (
    run_id TEXT PRIMARY KEY, started_at_utc TEXT NOT NULL, ended_at_utc TEXT, spec_version TEXT NOT NULL, binary_version TEXT NOT NULL,
    machine_ram_gb INTEGER NOT NULL, machine_chip TEXT NOT NULL, machine_os_version TEXT NOT NULL, target_context INTEGER NOT NULL,
    candidate_models_json TEXT NOT NULL, stage1_replicates INTEGER NOT NULL, stage2_replicates INTEGER NOT NULL, gate_ttft_ms INTEGER NOT NULL,
    tps_tie_epsilon REAL NOT NULL, recommendation_json TEXT, recipe_hash TEXT, applied INTEGER NOT NULL DEFAULT 0, exit_reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tune_trials (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ts_utc TEXT NOT NULL, run_id TEXT NOT NULL, stage INTEGER NOT NULL DEFAULT 1, model TEXT NOT NULL,
    target_context INTEGER NOT NULL, measured_prompt_tokens INTEGER, max_tokens INTEGER NOT NULL, agg_throughput_tps REAL, ttft_p95_ms REAL,
    fits INTEGER NOT NULL DEFAULT 0, n_err INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0, notes TEXT, replicates_n INTEGER,
    knobs_json TEXT, reason TEXT
);
CREATE INDEX IF NOT EXISTS idx_tune_trials_run_id ON tune_trials(run_id);
CREATE INDEX IF NOT EXISTS idx_tune_trials_ts ON tune_trials(ts_utc);
";

/// A row of `tune_runs`.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneRun {
    /// Its name.
    pub run_id: String,
    /// When it began, UTC.
    pub started_at_utc: String,
    /// When it ended; absent while it goes on, and for good where it was killed.
    pub ended_at_utc: Option<String>,
    /// What the columns are those of.
    pub spec_version: String,
    /// The server's version.
    pub binary_version: String,
    /// Memory, chip and system.
    pub machine: (u64, String, String),
    /// Tokens.
    pub target_context: u64,
    /// The models, in order.
    pub candidate_models: Vec<String>,
    /// Samples of a model in stage 1, and of a recipe in stage 2.
    pub replicates: (u32, u32),
    /// Longest time to the first token, in milliseconds.
    pub gate_ttft_ms: f64,
    /// The band of a tie, as a share.
    pub tps_tie_epsilon: f64,
    /// What is recommended, as JSON.
    pub recommendation_json: Option<String>,
    /// Its hash.
    pub recipe_hash: Option<String>,
    /// Whether it was written to a file of settings.
    pub applied: bool,
    /// Why it ended.
    pub exit_reason: String,
}

/// A row of `tune_trials`.
#[derive(Debug, Clone, PartialEq)]
pub struct TuneTrial {
    /// When, UTC.
    pub ts_utc: String,
    /// 1 or 2.
    pub stage: u32,
    /// The model.
    pub model: String,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Median tokens per second.
    pub agg_throughput_tps: Option<f64>,
    /// Time to the first token at its 95th percentile, in milliseconds.
    pub ttft_p95_ms: Option<f64>,
    /// Whether it can be served.
    pub fits: bool,
    /// Requests or samples that failed.
    pub n_err: u32,
    /// Whether it was kept.
    pub kept: bool,
    /// The line of the log.
    pub notes: Option<String>,
    /// Samples.
    pub replicates_n: usize,
    /// The knobs, as JSON.
    pub knobs_json: String,
    /// Its reason, in one word.
    pub reason: Option<String>,
}

/// The open database.
#[derive(Debug)]
pub struct TuneDb {
    db: Connection,
    /// Where it lies.
    pub path: PathBuf,
}

impl TuneDb {
    /// Opens it, and makes it where there is none.
    ///
    /// # Errors
    /// A path that no database can be at.
    pub fn open(path: &Path) -> Result<Self> {
        let what = || format!("{} is no database of sweeps", path.display());
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).context(what())?;
        }
        let db = Connection::open(path).context(what())?;
        db.busy_timeout(std::time::Duration::from_secs(10)).context(what())?;
        db.execute_batch(TABLES).context(what())?;
        let column = db.prepare("SELECT stage FROM tune_trials LIMIT 0").map(|_| ());
        if column.is_err() {
            db.execute_batch("ALTER TABLE tune_trials ADD COLUMN stage INTEGER NOT NULL DEFAULT 1")
                .context(what())?;
        }
        Ok(Self { db, path: path.to_owned() })
    }

    /// Writes a run that begins, or has come to its end, with its rows; those that stood there of it are replaced. Then drops all but the last
    /// `retain` runs. All of it happens, or nothing.
    ///
    /// # Errors
    /// When the database refuses.
    pub fn write(&mut self, run: &TuneRun, trials: &[TuneTrial], retain: u32) -> Result<()> {
        let all = self.db.transaction().context(WHAT)?;
        let models = serde_json::to_string(&run.candidate_models).context(WHAT)?;
        let (ram, chip, os) = &run.machine;
        all.execute(
            "INSERT OR REPLACE INTO tune_runs VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)",
            params![
                run.run_id, run.started_at_utc, run.ended_at_utc, run.spec_version, run.binary_version, *ram as i64, chip, os,
                run.target_context as i64, models, run.replicates.0, run.replicates.1, run.gate_ttft_ms, run.tps_tie_epsilon,
                run.recommendation_json, run.recipe_hash, run.applied, run.exit_reason
            ],
        )
        .context(WHAT)?;
        all.execute("DELETE FROM tune_trials WHERE run_id = ?1", [&run.run_id]).context(WHAT)?;
        for trial in trials {
            all.execute(
                "INSERT INTO tune_trials (ts_utc, run_id, stage, model, target_context, max_tokens, agg_throughput_tps, ttft_p95_ms, fits, n_err, \
                 kept, notes, replicates_n, knobs_json, reason) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)",
                params![
                    trial.ts_utc, run.run_id, trial.stage, trial.model, run.target_context as i64, trial.max_tokens, trial.agg_throughput_tps,
                    trial.ttft_p95_ms, trial.fits, trial.n_err, trial.kept, trial.notes, trial.replicates_n as i64, trial.knobs_json, trial.reason
                ],
            )
            .context(WHAT)?;
        }
        let old = "SELECT run_id FROM tune_runs ORDER BY started_at_utc DESC, rowid DESC LIMIT -1 OFFSET ?1";
        for table in ["tune_trials", "tune_runs"] {
            all.execute(&format!("DELETE FROM {table} WHERE run_id IN ({old})"), [retain.max(1)])
                .context(WHAT)?;
        }
        all.commit().context(WHAT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, at: &str) -> TuneRun {
        TuneRun {
            run_id: name.into(),
            started_at_utc: at.into(),
            ended_at_utc: None,
            spec_version: "SPEC-013 v0.3".into(),
            binary_version: "b1".into(),
            machine: (16, "chip".into(), "os".into()),
            target_context: 2000,
            candidate_models: vec!["7B".into()],
            replicates: (1, 3),
            gate_ttft_ms: 60000.0,
            tps_tie_epsilon: 0.02,
            recommendation_json: None,
            recipe_hash: None,
            applied: false,
            exit_reason: "ok".into(),
        }
    }

    fn trial(stage: u32) -> TuneTrial {
        TuneTrial {
            ts_utc: "t".into(),
            stage,
            model: "7B".into(),
            max_tokens: 8,
            agg_throughput_tps: Some(2.05),
            ttft_p95_ms: None,
            fits: true,
            n_err: 0,
            kept: false,
            notes: None,
            replicates_n: 3,
            knobs_json: "{}".into(),
            reason: None,
        }
    }

    #[test]
    fn only_the_last_runs_stay_and_no_trial_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = TuneDb::open(&dir.path().join("a/tune.sqlite")).unwrap();
        for n in 0..4 {
            db.write(&run(&format!("r{n}"), &format!("2026-01-0{}", n + 1)), &[trial(1), trial(2)], 2)
                .unwrap();
        }
        let count = |sql: &str| db.db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(
            (count("SELECT count(*) FROM tune_runs"), count("SELECT count(*) FROM tune_trials")),
            (2, 4)
        );
        assert_eq!(count("SELECT count(*) FROM tune_runs WHERE run_id IN ('r2', 'r3')"), 2);
    }

    #[test]
    fn an_older_database_gets_the_column_that_says_the_stage() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.sqlite");
        let old = TABLES.replace(" stage INTEGER NOT NULL DEFAULT 1,", "");
        let before = Connection::open(&path).unwrap();
        before.execute_batch(&old).unwrap();
        before.execute("INSERT INTO tune_trials (ts_utc, run_id, model, target_context, max_tokens) VALUES ('t','r','m',1,1)", []).unwrap();
        drop(before);
        let mut db = TuneDb::open(&path).unwrap();
        db.write(&run("new", "2026"), &[trial(2)], 50).unwrap();
        let stages: Vec<i64> = db
            .db
            .prepare("SELECT stage FROM tune_trials ORDER BY id")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(|stage| stage.unwrap())
            .collect();
        assert_eq!(stages, [1, 2]);
    }
}
