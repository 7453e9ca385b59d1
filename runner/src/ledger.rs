//! The only module with SQLite and csv: what is remembered, and the table printed from it.
//!
//! The ledger lies in `.git/piton/ledger.db`, outside every worktree. `results.tsv` is printed from it whole
//! and never read back.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
use crate::metric::Metric;
use crate::report;
use crate::standing::Night;
use crate::trial::Record;

/// One climb on one branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name; the branch is `piton/<name>`.
    pub name: String,
    /// The commit it starts from.
    pub base: String,
    /// Git's id of the locked files.
    pub seal: String,
    /// SHA-256 of the harness, where there is one.
    pub harness: Option<String>,
    /// The text of `piton.toml` that it is sealed to.
    pub config: String,
    /// When it began, UTC, RFC 3339.
    pub began: String,
}

/// The open ledger.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
}

const SCHEMA_VERSION: i64 = 2;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS runs (
        name TEXT PRIMARY KEY,
        began TEXT NOT NULL,
        run TEXT NOT NULL            -- a Run as JSON
    ) STRICT;
    CREATE TABLE IF NOT EXISTS trials (
        run TEXT NOT NULL REFERENCES runs(name),
        trial INTEGER NOT NULL,      -- 0 is the baseline
        status TEXT NOT NULL,
        reason TEXT NOT NULL,
        tree TEXT,                   -- of the challenger: recognises a duplicate
        artifact TEXT,               -- likewise
        settles INTEGER NOT NULL,    -- whether the content need not be judged again
        record TEXT NOT NULL,        -- a Record as JSON
        PRIMARY KEY (run, trial)
    ) STRICT;
    CREATE TABLE IF NOT EXISTS verifications (
        run TEXT NOT NULL REFERENCES runs(name),
        night TEXT NOT NULL          -- a Night as JSON
    ) STRICT;
    PRAGMA user_version = 2;
";

impl Ledger {
    /// Opens the ledger in `dir`, making it if need be. Every commit is synced to the disk.
    ///
    /// # Errors
    /// A disk that refuses, or a file that is no ledger of this version.
    pub fn open(dir: &Path) -> Result<Self> {
        let what = "the ledger was not opened";
        fs::create_dir_all(dir).context(what)?;
        let db = Connection::open(dir.join("ledger.db")).context(what)?;
        db.busy_timeout(std::time::Duration::from_secs(10)).context(what)?;
        let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).context(what)?;
        if version != 0 && version != SCHEMA_VERSION {
            let age = if version > SCHEMA_VERSION { "a later" } else { "an earlier" };
            return Err(Error::refused(what)
                .cause(format!("it was written by {age} piton (schema {version}, not {SCHEMA_VERSION})"))
                .note("nothing was changed; its trials are in git, below refs/piton/")
                .hint(format!("use that piton, or move {} aside", dir.join("ledger.db").display())));
        }
        db.pragma_update(None, "journal_mode", "WAL").context(what)?;
        db.pragma_update(None, "synchronous", "FULL").context(what)?;
        db.pragma_update(None, "foreign_keys", true).context(what)?;
        if version == 0 {
            db.execute_batch(SCHEMA).context(what)?;
        }
        Ok(Self { db })
    }

    /// Records a run and its baseline in one transaction.
    ///
    /// # Errors
    /// A disk that refuses, or a run of that name.
    pub fn begin(&mut self, run: &Run, baseline: &Record, tree: &str) -> Result<()> {
        let what = "the run was not recorded";
        let text = serde_json::to_string(run).context(what)?;
        let transaction = self.db.transaction().context(what)?;
        transaction
            .execute(
                "INSERT INTO runs (name, began, run) VALUES (?1, ?2, ?3)",
                params![run.name, run.began, text],
            )
            .context(what)?;
        insert(&transaction, baseline, Some(tree)).context(what)?;
        transaction.commit().context(what)
    }

    /// Records a trial. When this returns, the row is on the disk.
    ///
    /// # Errors
    /// A disk that refuses, or a trial of that number.
    pub fn record(&mut self, record: &Record, tree: Option<&str>) -> Result<()> {
        insert(&self.db, record, tree).context(format!("trial {} was not recorded", record.trial))
    }

    /// Records the night's figure.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn verified(&self, night: &Night) -> Result<()> {
        let what = "the verification was not recorded";
        let text = serde_json::to_string(night).context(what)?;
        let sql = "INSERT INTO verifications (run, night) VALUES (?1, ?2)";
        self.db.execute(sql, params![night.run, text]).map(|_| ()).context(what)
    }

    /// The last night's figure of a run.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn last_verified(&self, run: &str) -> Result<Option<Night>> {
        self.one("SELECT night FROM verifications WHERE run = ?1 ORDER BY rowid DESC LIMIT 1", [run])
    }

    /// A run by name.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn run(&self, name: &str) -> Result<Option<Run>> {
        self.one("SELECT run FROM runs WHERE name = ?1", params![name])
    }

    /// The run that began last.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn latest(&self) -> Result<Option<Run>> {
        self.one("SELECT run FROM runs ORDER BY rowid DESC LIMIT 1", [])
    }

    fn one<T: serde::de::DeserializeOwned>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<Option<T>> {
        let what = "the ledger was not read";
        let text: Option<String> =
            self.db.query_row(sql, params, |row| row.get(0)).optional().context(what)?;
        text.map(|text| serde_json::from_str(&text).context(what)).transpose()
    }

    /// All records of a run, oldest first.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn records(&self, run: &str) -> Result<Vec<Record>> {
        let what = "the ledger was not read";
        let mut query =
            self.db.prepare("SELECT record FROM trials WHERE run = ?1 ORDER BY trial").context(what)?;
        let rows = query.query_map([run], |row| row.get::<_, String>(0)).context(what)?;
        rows.map(|row| serde_json::from_str(&row.context(what)?).context(what)).collect()
    }

    /// Number that the next trial of a run gets.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn next_trial(&self, run: &str) -> Result<u32> {
        let sql = "SELECT coalesce(max(trial), -1) + 1 FROM trials WHERE run = ?1";
        self.db.query_row(sql, [run], |row| row.get(0)).context("the ledger was not read")
    }

    /// The trial that settled this content: by its tree, or by its artifact.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn judged(&self, run: &str, tree: Option<&str>, artifact: Option<&str>) -> Result<Option<u32>> {
        let sql = "SELECT min(trial) FROM trials WHERE run = ?1 AND settles AND (tree = ?2 OR artifact = ?3)";
        self.db
            .query_row(sql, params![run, tree, artifact], |row| row.get(0))
            .context("the ledger was not read")
    }
}

fn insert(db: &Connection, record: &Record, tree: Option<&str>) -> rusqlite::Result<()> {
    let text =
        serde_json::to_string(record).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
    let outcome = &record.outcome;
    db.execute(
        "INSERT INTO trials (run, trial, status, reason, tree, artifact, settles, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            record.run,
            record.trial,
            outcome.status().word(),
            outcome.reason(),
            tree,
            record.artifact,
            outcome.settles(),
            text
        ],
    )
    .map(|_| ())
}

/// Prints `results.tsv` anew: a temporary file, synced, then renamed, so that a reader sees the old or the new one.
///
/// # Errors
/// A disk that refuses; the file is then as it was.
pub fn print_tsv(path: &Path, records: &[Record], metric: &Metric) -> Result<()> {
    let what = || format!("{} was not written", path.display());
    let main = [Some(&metric.name), metric.memory.as_ref()];
    let names = records.iter().filter_map(|r| r.metrics.as_ref()).flat_map(|m| m.keys());
    let others: std::collections::BTreeSet<String> =
        names.filter(|n| !main.contains(&Some(*n))).cloned().collect();
    let others: Vec<String> = others.into_iter().collect();
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(vec![]);
    writer.write_record(report::tsv_header(metric, &others)).context(what())?;
    for record in records {
        writer.write_record(report::tsv_row(record, metric, &others)).context(what())?;
    }
    let bytes = writer.into_inner().map_err(|e| Error::new(what()).cause(e.error()))?;
    let dir = path.parent().expect("a file in a directory");
    let mut file = tempfile::Builder::new().prefix(".results").tempfile_in(dir).context(what())?;
    file.write_all(&bytes).and_then(|()| file.as_file().sync_all()).context(what())?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).context(what())?;
    file.persist(path).map_err(|e| Error::new(what()).cause(e.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).context(what())
}

/// The lock that the one writing piton of a repository holds for as long as it lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock in `dir`.
    ///
    /// # Errors
    /// When another process holds it; the error says which.
    pub fn take(dir: &Path, who: &str) -> Result<Self> {
        let path: PathBuf = dir.join("lock");
        let what = "piton did not start";
        fs::create_dir_all(dir).context(what)?;
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(&path).context(what)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                return Err(Error::refused(format!("{what}: another piton is at work in this repository"))
                    .cause(format!("{} holds {}", holder.trim(), path.display()))
                    .note("what it does goes on; nothing was changed")
                    .hint("wait for it, or end it with Ctrl-C where it runs; `piton status` can be used meanwhile"));
            }
            Err(TryLockError::Error(e)) => return Err(Error::new(what).cause(e)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "process {} ({who})", std::process::id()))
            .context(what)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_of_another_version_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        drop(Ledger::open(dir.path()).unwrap());
        for version in [1, 3] {
            let db = Connection::open(dir.path().join("ledger.db")).unwrap();
            db.pragma_update(None, "user_version", version).unwrap();
            drop(db);
            let error = Ledger::open(dir.path()).unwrap_err();
            assert!(error.cause.unwrap().contains("not 2"));
        }
    }
}
