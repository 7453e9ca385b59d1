//! What was tried, to be searched: `memory.db` beside the ledger.
//!
//! It holds nothing that git and the ledger do not, is no part of the chain, and is made anew where it is missing, cannot be read, or is
//! another ledger's. Every trial has a row; every edit has its words and lines in a full-text index, and keys by which
//! an edit that is like it is found.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::Ledger;
use piton_core::base::error::{Context, Result};
use piton_core::base::metric::Gain;
use piton_core::trial::similarity::{EditFeatures, Like};

const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE ledger (first TEXT NOT NULL) STRICT;   -- hash of its first entry
    CREATE TABLE tried (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL,
        trial INTEGER NOT NULL,
        kept INTEGER NOT NULL,
        settles INTEGER NOT NULL,
        reason TEXT NOT NULL,
        gain REAL,
        shape BLOB,
        UNIQUE (run, trial)
    ) STRICT;
    CREATE TABLE keys (
        run TEXT NOT NULL,
        key INTEGER NOT NULL,
        trial INTEGER NOT NULL,
        PRIMARY KEY (run, key, trial)
    ) STRICT, WITHOUT ROWID;
    CREATE VIRTUAL TABLE words USING fts5(description, hypothesis, family, reason, added, removed);
    PRAGMA user_version = 1;
";

/// Edits that share a key that are looked at: the latest.
const KIN: u32 = 8;

const NOT_READ: &str = "the memory was not read";
const NOT_WRITTEN: &str = "the memory was not written";

/// A trial as it is remembered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RememberedTrial {
    /// The run.
    pub run: String,
    /// Its number.
    pub trial: u32,
    /// Whether it was kept.
    pub kept: bool,
    /// Whether it says something about its content.
    pub settles: bool,
    /// How it ended, as one word.
    pub reason: String,
    /// Its gain, where it was measured.
    pub gain: Option<Gain>,
    /// Its edit; absent where it had none of its own.
    pub edit: Option<RememberedEdit>,
}

/// An edit as it is remembered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RememberedEdit {
    /// The proposer's words: description, hypothesis, family.
    pub words: [String; 3],
    /// How it ended, in a sentence.
    pub came: String,
    /// Lines that it added.
    pub added: String,
    /// Lines that it removed.
    pub removed: String,
    /// By which it is found again.
    pub features: Option<EditFeatures>,
}

/// Where words are searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In descriptions, hypotheses, families, reasons and lines.
    Everything,
    /// In the lines that were added or removed.
    Lines,
}

/// A trial that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The run.
    pub run: String,
    /// Its number.
    pub trial: u32,
    /// The place where it matches, the words that were sought between `[` and `]`.
    pub snippet: String,
}

/// What was tried.
#[derive(Debug)]
pub struct Memory {
    db: Connection,
}

/// What stands where the memory should.
enum StoredMemory {
    Ours(Memory),
    Another,
    Nothing,
}

impl Ledger {
    /// What was tried, as far as it was taken in.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn memory(&self) -> Result<&Memory> {
        if let Some(memory) = self.memory.get() {
            return Ok(memory);
        }
        let sql = "SELECT hash FROM entries WHERE entry = 1";
        let first: Option<String> =
            self.db.query_row(sql, [], |row| row.get(0)).optional().context(NOT_READ)?;
        let memory = Memory::open(&self.dir, &first.unwrap_or_default())?;
        Ok(self.memory.get_or_init(|| memory))
    }
}

impl Memory {
    /// Opens the memory of the ledger whose first entry has the hash `first`, and makes it anew where it is none.
    fn open(dir: &Path, first: &str) -> Result<Self> {
        let path = dir.join("memory.db");
        match Self::existing(&path, first) {
            Ok(StoredMemory::Ours(memory)) => return Ok(memory),
            Ok(StoredMemory::Nothing) => {}
            Ok(StoredMemory::Another) => remove(dir)?,
            Err(e) if is_broken(&e) => remove(dir)?,
            Err(e) => return Err(e).context(NOT_READ),
        }
        let mut db = connect(&path).context(NOT_WRITTEN)?;
        // Another piton may be making it at the same time.
        let transaction =
            db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).context(NOT_WRITTEN)?;
        if version(&transaction).context(NOT_WRITTEN)? == 0 {
            transaction.execute_batch(SCHEMA).context(NOT_WRITTEN)?;
            transaction.execute("INSERT INTO ledger (first) VALUES (?1)", [first]).context(NOT_WRITTEN)?;
        }
        transaction.commit().context(NOT_WRITTEN)?;
        Ok(Self { db })
    }

    fn existing(path: &Path, first: &str) -> rusqlite::Result<StoredMemory> {
        if !path.exists() {
            return Ok(StoredMemory::Nothing);
        }
        let db = connect(path)?;
        match version(&db)? {
            SCHEMA_VERSION => {}
            // Somebody is just making it.
            0 => return Ok(StoredMemory::Nothing),
            _ => return Ok(StoredMemory::Another),
        }
        let of: Option<String> = db.query_row("SELECT first FROM ledger", [], |row| row.get(0)).optional()?;
        Ok(if of.as_deref() == Some(first) { StoredMemory::Ours(Self { db }) } else { StoredMemory::Another })
    }

    /// Number of the first trial of a run that it does not hold.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn next(&self, run: &str) -> Result<u32> {
        let sql = "SELECT coalesce(max(trial), -1) + 1 FROM tried WHERE run = ?1";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        query.query_row([run], |row| row.get(0)).context(NOT_READ)
    }

    /// Takes in trials, all or none; those that it holds already stay as they are.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn take(&self, trials: &[RememberedTrial]) -> Result<()> {
        let transaction = self.db.unchecked_transaction().context(NOT_WRITTEN)?;
        trials.iter().try_for_each(|tried| insert(&transaction, tried)).context(NOT_WRITTEN)?;
        transaction.commit().context(NOT_WRITTEN)
    }

    /// The trials that hold all of `words`, best first, in one run or in all; where none does, those that hold some of them. Returns
    /// whether they hold all. Words are data: nothing in them is an operator. A word also finds what begins with it.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn search(
        &self,
        words: &[String],
        place: Where,
        run: Option<&str>,
        most: u32,
    ) -> Result<(Vec<Hit>, bool)> {
        let all = self.matching(words, " AND ", place, run, most)?;
        if !all.is_empty() || words.len() < 2 {
            return Ok((all, true));
        }
        Ok((self.matching(words, " OR ", place, run, most)?, false))
    }

    fn matching(
        &self,
        words: &[String],
        between: &str,
        place: Where,
        run: Option<&str>,
        most: u32,
    ) -> Result<Vec<Hit>> {
        // A word of signs alone has no token, and a quoted nothing would match nothing.
        let quoted = words.iter().filter(|word| word.chars().any(char::is_alphanumeric));
        let quoted = quoted.map(|word| format!("\"{}\"*", word.replace('"', "\"\"").replace('\0', " ")));
        let quoted: Vec<String> = quoted.collect();
        if quoted.is_empty() {
            return Ok(vec![]);
        }
        let columns = if place == Where::Lines { "{added removed} : " } else { "" };
        let sought = format!("{columns}({})", quoted.join(between));
        // What somebody said weighs more than what a line happens to hold.
        let sql = "SELECT t.run, t.trial, snippet(words, -1, '[', ']', '…', 24)
            FROM words JOIN tried t ON t.id = words.rowid WHERE words MATCH ?1 AND (?2 IS NULL OR t.run = ?2)
            ORDER BY bm25(words, 4.0, 2.0, 4.0, 2.0, 1.0, 1.0), t.id DESC LIMIT ?3";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        let hit = |row: &Row| Ok(Hit { run: row.get(0)?, trial: row.get(1)?, snippet: row.get(2)? });
        let rows = query.query_map(params![sought, run, most], hit).context(NOT_READ)?;
        rows.map(|row| row.context(NOT_READ)).collect()
    }

    /// Trials of a run that say something about an edit like `features`, the most like it first; a share of `least` is enough.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn like(&self, run: &str, features: &EditFeatures, least: f64) -> Result<Vec<Like>> {
        let mut kin = vec![];
        let sql = "SELECT trial FROM keys WHERE run = ?1 AND key = ?2 ORDER BY trial DESC LIMIT ?3";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        for key in features.keys() {
            let rows =
                query.query_map(params![run, key, KIN], |row| row.get::<_, u32>(0)).context(NOT_READ)?;
            for trial in rows {
                kin.push(trial.context(NOT_READ)?);
            }
        }
        kin.sort_unstable();
        kin.dedup();
        let sql = "SELECT shape, kept, reason, gain FROM tried WHERE run = ?1 AND trial = ?2 AND settles";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        let mut found = vec![];
        for trial in kin {
            let row = |row: &Row| -> rusqlite::Result<(Vec<u8>, bool, String, Option<f64>)> {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            };
            let Some((bytes, kept, reason, gain)) =
                query.query_row(params![run, trial], row).optional().context(NOT_READ)?
            else {
                continue;
            };
            let share = EditFeatures::from_bytes(&bytes).map_or(0.0, |other| features.share(&other));
            if share >= least {
                found.push(Like { trial, share, kept, reason, gain: gain.map(Gain) });
            }
        }
        found.sort_by(|a, b| b.share.total_cmp(&a.share).then(b.trial.cmp(&a.trial)));
        Ok(found)
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    // What a power cut takes is taken in again: nothing waits for the disk.
    db.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(db)
}

/// Whether the file cannot be what it should; a disk that refuses, or another piton at work, says nothing about it.
fn is_broken(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | Unknown))
}

fn remove(dir: &Path) -> Result<()> {
    for name in ["memory.db", "memory.db-wal", "memory.db-shm"] {
        match fs::remove_file(dir.join(name)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e).context(NOT_WRITTEN),
            _ => {}
        }
    }
    Ok(())
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn insert(db: &Connection, tried: &RememberedTrial) -> rusqlite::Result<()> {
    let features = tried.edit.as_ref().and_then(|edit| edit.features.as_ref());
    let sql = "INSERT OR IGNORE INTO tried (run, trial, kept, settles, reason, gain, shape) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let new = db.prepare_cached(sql)?.execute(params![
        tried.run,
        tried.trial,
        tried.kept,
        tried.settles,
        tried.reason,
        tried.gain.map(|gain| gain.0),
        features.map(EditFeatures::to_bytes)
    ])?;
    let Some(edit) = tried.edit.as_ref().filter(|_| new == 1) else { return Ok(()) };
    let id = db.last_insert_rowid();
    let sql = "INSERT INTO words (rowid, description, hypothesis, family, reason, added, removed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let [description, hypothesis, family] = &edit.words;
    let words = params![id, description, hypothesis, family, edit.came, edit.added, edit.removed];
    db.prepare_cached(sql)?.execute(words)?;
    let mut key = db.prepare_cached("INSERT OR IGNORE INTO keys (run, key, trial) VALUES (?1, ?2, ?3)")?;
    // Only what says something is ever named.
    for value in features.filter(|_| tried.settles).map(EditFeatures::keys).unwrap_or_default() {
        key.execute(params![tried.run, value, tried.trial])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
