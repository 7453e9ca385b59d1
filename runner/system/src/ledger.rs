//! The only module with SQLite and csv: what is remembered, and the table printed from it.
//!
//! The ledger lies in `.git/piton/ledger.db`, outside every worktree. What it holds is a chain of entries, which only grows.
//! Beside it stand the trials on their way, and what can be computed from the entries again. `results.tsv` is printed from it
//! and never read back.

#![expect(clippy::disallowed_types, reason = "owns SQLite and csv")]

mod lock;
mod memory;
mod notes;
mod table;
mod trials;
mod tune;

use piton_core::base::commit::CommitId;
use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::git::{Repo, Site};
use piton_core::base::error::{Context, Error, Result};
use piton_core::run::run_state::Tally;
use piton_core::run::summary::Verification;
use piton_core::trial::hash_chain::{self, Entry};
use piton_core::trial::text::plain_json;

pub use lock::{Holder, Lock};
pub use memory::{Hit, Memory, RememberedEdit, RememberedTrial, Where};
pub use table::{Printed, Table, csv_line};
pub use trials::TrialRow;
pub use tune::{TuneDb, TuneRun, TuneTrial};

/// One climb on one branch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its name; the branch is `piton/<name>`.
    pub name: String,
    /// The commit it starts from.
    pub base: CommitId,
    /// Git's id of the locked files.
    pub seal: String,
    /// SHA-256 of the harness, where there is one.
    pub harness: Option<String>,
    /// The text of `piton.toml` that it is sealed to.
    pub config: String,
    /// When it began, UTC, RFC 3339.
    pub began: String,
    /// The directory of its experiment in the repository, without a slash at its end; empty for the root.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub within: String,
    /// Git's name of the linked worktree that it began in; absent where that was the repository's own checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worktree: Option<String>,
    /// Whether it began with a piton that knew of `[scope] locked`. What is locked where the file does not say was sealed for these alone:
    /// an older run was judged, and its seal computed, with nothing locked below its editable paths.
    #[serde(default)]
    pub locks: bool,
}

impl Run {
    /// Where its files go.
    pub fn site(&self, repo: &Repo) -> Site {
        repo.present(Site { worktree: self.worktree.clone(), within: self.within.clone() })
    }
}

impl Run {
    /// Its experiment, as it was understood when it began.
    ///
    /// # Errors
    /// When the text cannot be read any more.
    pub fn experiment(&self) -> Result<Config> {
        let mut config = Config::parse(&self.config)?;
        if !self.locks {
            config.scope.locked.get_or_insert_default();
        }
        Ok(config.rooted(&self.within))
    }
}

/// The open ledger.
#[derive(Debug)]
pub struct Ledger {
    db: Connection,
    dir: PathBuf,
    /// What stands beside it: opened when it is needed.
    memory: OnceCell<Memory>,
    /// Set when it is closed in order.
    last_mark: Option<(String, String)>,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Some((name, value)) = self.last_mark.take() {
            // A mark that is not set makes the next start look at everything.
            let _ = self.set_text(&name, &value);
        }
    }
}

/// Whether a transaction must be on the disk when it is done.
///
/// A verdict must: the agent is told, and the branch moves by it. What only says how far a trial has come need not. In a
/// write-ahead log no later transaction survives a power cut without the earlier ones, so losing the end of the log can only
/// make a trial look less far than it was; it is then ended as void, or carried out again, and both change nothing that was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sync {
    Now,
    Later,
}

const SCHEMA_VERSION: i64 = 3;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS entries (
        entry INTEGER PRIMARY KEY,   -- 1, 2, 3, without a gap
        kind TEXT NOT NULL,          -- run, trial, night, note, guidance
        run TEXT NOT NULL,
        trial INTEGER,               -- of a trial; 0 is the baseline
        body TEXT NOT NULL,          -- a Run, a Record, a Verification or a Note as JSON
        hash TEXT NOT NULL           -- SHA-256 of the hash before and of this entry
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS entries_of_runs ON entries(run) WHERE kind = 'run';
    CREATE UNIQUE INDEX IF NOT EXISTS entries_of_trials ON entries(run, trial) WHERE kind = 'trial';
    CREATE INDEX IF NOT EXISTS entries_of_nights ON entries(run) WHERE kind = 'night';
    CREATE TABLE IF NOT EXISTS trials (
        run TEXT NOT NULL,
        trial INTEGER NOT NULL,
        state TEXT NOT NULL,         -- proposed, built, measured, decided, applied
        work TEXT NOT NULL,          -- the worktree that it was in
        owner TEXT NOT NULL,         -- whose that is
        tree TEXT,                   -- of the challenger: recognises a duplicate
        artifact TEXT,               -- likewise
        settles INTEGER NOT NULL,    -- whether the content need not be judged again
        record TEXT,                 -- a Record as JSON, until it is decided
        entry INTEGER,               -- where it stands from then on
        PRIMARY KEY (run, trial)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS trials_by_tree ON trials(run, tree);
    CREATE INDEX IF NOT EXISTS trials_by_artifact ON trials(run, artifact);
    CREATE INDEX IF NOT EXISTS trials_on_their_way ON trials(state) WHERE state <> 'applied';
    CREATE TABLE IF NOT EXISTS tallies (
        run TEXT PRIMARY KEY,
        tally TEXT NOT NULL          -- a Tally as JSON: what the entries come to, computed again where it is lost
    ) STRICT;
    CREATE TABLE IF NOT EXISTS marks (
        name TEXT PRIMARY KEY,       -- table, session, climb
        value TEXT NOT NULL          -- JSON: what may be lost
    ) STRICT;
    PRAGMA user_version = 3;
";

const NOT_READ: &str = "the ledger was not read";
const NOT_OPENED: &str = "the ledger was not opened";

impl Ledger {
    /// Opens the ledger in `dir`, where there is one.
    ///
    /// # Errors
    /// None there, a disk that refuses, or a file that is no ledger of this version.
    pub fn open(dir: &Path) -> Result<Self> {
        Self::open_existing(dir)?.ok_or_else(|| {
            Error::refused(NOT_OPENED)
                .cause(format!("{} is not there, or holds nothing", dir.join("ledger.db").display()))
                .note("nothing was changed; the commit of every trial is in git, below refs/piton/")
                .hint("piton audit names what is left of its runs")
        })
    }

    /// The same; `None` where there is none, or none with anything in it.
    ///
    /// # Errors
    /// A disk that refuses, or a file that is no ledger of this version.
    pub fn open_existing(dir: &Path) -> Result<Option<Self>> {
        Self::open_read_only(dir)?.map(|_| Self::open_or_create(dir)).transpose()
    }

    /// Opens the ledger in `dir`, making it if need be.
    ///
    /// # Errors
    /// A disk that refuses, or a file that is no ledger of this version.
    pub fn open_or_create(dir: &Path) -> Result<Self> {
        let what = NOT_OPENED;
        fs::create_dir_all(dir).context(what)?;
        let mut db = Connection::open(dir.join("ledger.db")).context(what)?;
        db.busy_timeout(std::time::Duration::from_secs(10)).context(what)?;
        let version = |db: &Connection| -> Result<i64> {
            db.pragma_query_value(None, "user_version", |row| row.get(0)).context(what)
        };
        let found = version(&db)?;
        if found != 0 && found != SCHEMA_VERSION {
            return Err(another_version(dir, found));
        }
        db.pragma_update(None, "journal_mode", "WAL").context(what)?;
        // On macOS a plain fsync does not reach the disk; elsewhere this changes nothing.
        db.pragma_update(None, "fullfsync", true).context(what)?;
        db.pragma_update(None, "synchronous", "FULL").context(what)?;
        // A checkpoint at every end of every command would cost more than the trial: the log is emptied when it is a megabyte long,
        // so that reading it, which every command begins with, stays cheap.
        db.pragma_update(None, "wal_autocheckpoint", 256).context(what)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).context(what)?;
        if found == 0 {
            let transaction =
                db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).context(what)?;
            transaction.execute_batch(SCHEMA).context(what)?;
            transaction.commit().context(what)?;
        }
        notes::prepare(&db).context(what)?;
        Ok(Self { db, dir: dir.to_owned(), memory: OnceCell::new(), last_mark: None })
    }

    /// Opens the ledger in `dir` to look at, where there is one: nothing is made, and nobody who writes waits.
    ///
    /// # Errors
    /// A file that is no ledger of this version.
    pub fn open_read_only(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join("ledger.db");
        if !path.exists() {
            return Ok(None);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).context(NOT_READ)?;
        db.busy_timeout(std::time::Duration::from_secs(1)).context(NOT_READ)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).context(NOT_READ)?;
        let found: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0)).context(NOT_READ)?;
        match found {
            // It is being made.
            0 => Ok(None),
            SCHEMA_VERSION => {
                Ok(Some(Self { db, dir: dir.to_owned(), memory: OnceCell::new(), last_mark: None }))
            }
            _ => Err(another_version(dir, found)),
        }
    }

    /// Whether the chain ever had this head.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn had_head(&self, hash: &str) -> Result<bool> {
        let sql = "SELECT 1 FROM entries WHERE hash = ?1";
        let found = self.db.query_row(sql, [hash], |_| Ok(())).optional().context(NOT_READ)?;
        Ok(found.is_some() || hash == hash_chain::BEGINNING)
    }

    /// A number that is another one after others have written.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn version(&self) -> Result<i64> {
        self.db.pragma_query_value(None, "data_version", |row| row.get(0)).context(NOT_READ)
    }

    /// Does `write` in one transaction.
    fn write<T>(&self, sync: Sync, what: &str, write: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let level = if sync == Sync::Now { "FULL" } else { "NORMAL" };
        self.db.pragma_update(None, "synchronous", level).context(what)?;
        let transaction = self.db.unchecked_transaction().context(what)?;
        let made = write(&transaction)?;
        transaction.commit().context(what)?;
        Ok(made)
    }

    /// Number and hash of the last entry.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn head(&self) -> Result<(i64, String)> {
        head(&self.db)
    }

    /// A verification is entered. When this returns it is on the disk.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn add_verification(&self, verification: &Verification) -> Result<()> {
        let what = "the verification was not recorded";
        self.write(Sync::Now, what, |db| {
            enter(db, "night", &verification.run, None, verification).map(|_| ())
        })
    }

    /// The last verification of a run.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn last_verification(&self, run: &str) -> Result<Option<Verification>> {
        self.one(
            "SELECT body FROM entries INDEXED BY entries_of_nights WHERE kind = 'night' AND run = ?1 ORDER BY entry DESC LIMIT 1",
            [run],
        )
    }

    /// Every verification of a run, oldest first.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn verifications(&self, run: &str) -> Result<Vec<Verification>> {
        self.all(
            "SELECT body FROM entries INDEXED BY entries_of_nights WHERE kind = 'night' AND run = ?1 ORDER BY entry",
            [run],
        )
    }

    /// A run by name.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn run(&self, name: &str) -> Result<Option<Run>> {
        self.one("SELECT body FROM entries WHERE kind = 'run' AND run = ?1", [name])
    }

    /// The run that began last.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn latest(&self) -> Result<Option<Run>> {
        // By the index of the few: the order alone would lead through every trial.
        self.one(
            "SELECT body FROM entries INDEXED BY entries_of_runs WHERE kind = 'run' ORDER BY entry DESC LIMIT 1",
            [],
        )
    }

    /// The run of the experiment in the directory `within` that began last.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn latest_within(&self, within: &str) -> Result<Option<Run>> {
        Ok(self.runs()?.into_iter().rev().find(|run| run.within == within))
    }

    /// All runs, oldest first.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn runs(&self) -> Result<Vec<Run>> {
        self.all("SELECT body FROM entries INDEXED BY entries_of_runs WHERE kind = 'run' ORDER BY entry", [])
    }

    /// Shows every entry, oldest first.
    ///
    /// # Errors
    /// A disk that refuses, or what `see` says.
    pub fn each_entry(&self, see: &mut dyn FnMut(Entry) -> Result<()>) -> Result<()> {
        let sql = "SELECT entry, kind, run, trial, body, hash FROM entries ORDER BY entry";
        let mut query = self.db.prepare(sql).context(NOT_READ)?;
        let entry = |row: &Row| {
            Ok(Entry {
                number: row.get(0)?,
                kind: row.get(1)?,
                run: row.get(2)?,
                trial: row.get(3)?,
                body: row.get(4)?,
                hash: row.get(5)?,
            })
        };
        let mut rows = query.query_map([], entry).context(NOT_READ)?;
        rows.try_for_each(|row| see(row.context(NOT_READ)?))
    }

    /// The snapshot of what the records of a run come to. One that cannot be read is as good as none.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn tally(&self, run: &str) -> Result<Option<Tally>> {
        let sql = "SELECT tally FROM tallies WHERE run = ?1";
        let text: Option<String> =
            self.db.query_row(sql, [run], |row| row.get(0)).optional().context(NOT_READ)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// The experiment of a run, as its baseline settled it.
    ///
    /// # Errors
    /// When the ledger or the experiment cannot be read.
    pub fn config(&self, run: &Run) -> Result<Config> {
        Ok(run.experiment()?.with_scales_of(self.record(&run.name, 0)?.as_ref()))
    }

    /// Keeps a snapshot.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn save_tally(&self, run: &str, tally: &Tally) -> Result<()> {
        let what = "a snapshot was not kept";
        let text = serde_json::to_string(tally).context(what)?;
        let sql = "INSERT OR REPLACE INTO tallies (run, tally) VALUES (?1, ?2)";
        self.write(Sync::Later, what, |db| db.execute(sql, [run, &text]).map(|_| ()).context(what))
    }

    /// A mark: something that may be lost, and is then worked out anew.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn mark<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let sql = "SELECT value FROM marks WHERE name = ?1";
        let text: Option<String> =
            self.db.query_row(sql, [name], |row| row.get(0)).optional().context(NOT_READ)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// Sets a mark.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn set_mark(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.set_text(name, &serde_json::to_string(value).context("a mark was not set")?)
    }

    /// Sets a mark when the ledger is closed.
    ///
    /// # Errors
    /// A value that is no JSON.
    pub fn set_mark_on_close(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string(value).context("a mark was not set")?;
        self.last_mark = Some((name.to_owned(), text));
        Ok(())
    }

    fn set_text(&self, name: &str, text: &str) -> Result<()> {
        let what = "a mark was not set";
        let sql = "INSERT OR REPLACE INTO marks (name, value) VALUES (?1, ?2)";
        self.write(Sync::Later, what, |db| db.execute(sql, [name, text]).map(|_| ()).context(what))
    }

    fn one<T: DeserializeOwned>(&self, sql: &str, params: impl rusqlite::Params) -> Result<Option<T>> {
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        let text: Option<String> = query.query_row(params, |row| row.get(0)).optional().context(NOT_READ)?;
        text.map(|text| serde_json::from_str(&text).context(NOT_READ)).transpose()
    }

    fn all<T: DeserializeOwned>(&self, sql: &str, params: impl rusqlite::Params) -> Result<Vec<T>> {
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        let rows = query.query_map(params, |row| row.get::<_, String>(0)).context(NOT_READ)?;
        rows.map(|row| serde_json::from_str(&row.context(NOT_READ)?).context(NOT_READ)).collect()
    }
}

fn another_version(dir: &Path, found: i64) -> Error {
    let age = if found > SCHEMA_VERSION { "a later" } else { "an earlier" };
    Error::refused(NOT_OPENED)
        .cause(format!("it was written by {age} piton (schema {found}, not {SCHEMA_VERSION})"))
        .note("nothing was changed; its trials are in git, below refs/piton/")
        .hint(format!("use that piton, or move {} aside", dir.join("ledger.db").display()))
}

fn head(db: &Connection) -> Result<(i64, String)> {
    let sql = "SELECT entry, hash FROM entries ORDER BY entry DESC LIMIT 1";
    let mut query = db.prepare_cached(sql).context(NOT_READ)?;
    let last = query.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional().context(NOT_READ)?;
    Ok(last.unwrap_or_else(|| (0, hash_chain::BEGINNING.to_owned())))
}

/// Puts an entry at the end of the chain; returns its number.
fn enter(db: &Connection, kind: &str, run: &str, trial: Option<u32>, body: &impl Serialize) -> Result<i64> {
    let what = "the ledger was not written";
    let body = plain_json(&serde_json::to_string(body).context(what)?);
    let (last, before) = head(db)?;
    let hash = hash_chain::link(&before, kind, run, trial, &body);
    let sql = "INSERT INTO entries (entry, kind, run, trial, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let mut insert = db.prepare_cached(sql).context(what)?;
    insert.execute(params![last + 1, kind, run, trial, body, hash]).context(what)?;
    Ok(last + 1)
}

#[cfg(test)]
mod tests;
