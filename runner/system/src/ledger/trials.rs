//! Trials: on their way, state by state, and decided, as entries.

use serde::de::DeserializeOwned;

use rusqlite::{Connection, Row, params};

use super::{Ledger, NOT_READ, Run, Sync, enter};
use piton_core::base::error::{Context, Error, Result};
use piton_core::trial::record::Record;
use piton_core::trial::state::{Owner, State, TrialInProgress};

impl Ledger {
    /// Records a run and its baseline in one transaction. When this returns, both are on the disk.
    ///
    /// # Errors
    /// A disk that refuses, or a run of that name.
    pub fn begin(&self, run: &Run, baseline: &TrialInProgress) -> Result<()> {
        self.write(Sync::Now, "the run was not recorded", |db| {
            enter(db, "run", &run.name, None, run)?;
            propose(db, baseline)?;
            decide(db, &baseline.record, baseline.tree.as_deref())
        })
    }

    /// A trial begins: from here on its number is used.
    ///
    /// # Errors
    /// A disk that refuses, or a trial of that number.
    pub fn propose(&self, in_progress: &TrialInProgress) -> Result<()> {
        let what = format!("trial {} was not recorded", in_progress.record.trial);
        self.write(Sync::Later, &what, |db| propose(db, in_progress))
    }

    /// A trial has come so far.
    ///
    /// # Errors
    /// A disk that refuses, or a trial that is not on its way.
    pub fn progress(&self, state: State, record: &Record) -> Result<()> {
        let what = format!("trial {} was not recorded", record.trial);
        let text = serde_json::to_string(record).context(&what)?;
        self.write(Sync::Later, &what, |db| {
            let sql =
                "UPDATE trials SET state = ?3, record = ?4 WHERE run = ?1 AND trial = ?2 AND entry IS NULL";
            changed(
                db.prepare_cached(sql)
                    .and_then(|mut update| {
                        update.execute(params![record.run, record.trial, state.word(), text])
                    })
                    .context(&what)?,
                &what,
            )
        })
    }

    /// A trial is decided: its record is entered. When this returns, it is on the disk.
    ///
    /// # Errors
    /// A disk that refuses, or a trial that is not on its way.
    pub fn decide(&self, record: &Record, tree: Option<&str>) -> Result<()> {
        let what = format!("trial {} was not recorded", record.trial);
        self.write(Sync::Now, &what, |db| decide(db, record, tree))
    }

    /// What was decided is carried out.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn applied(&self, run: &str, trial: u32) -> Result<()> {
        let what = format!("trial {trial} was not marked as carried out");
        self.write(Sync::Later, &what, |db| {
            let sql =
                "UPDATE trials SET state = 'applied' WHERE run = ?1 AND trial = ?2 AND state = 'decided'";
            db.prepare_cached(sql)
                .and_then(|mut update| update.execute(params![run, trial]))
                .map(|_| ())
                .context(&what)
        })
    }

    /// The trials that are not carried out yet, oldest first.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn unfinished(&self) -> Result<Vec<TrialInProgress>> {
        let sql = "SELECT t.state, t.work, t.owner, t.tree, coalesce(e.body, t.record)
            FROM trials t INDEXED BY trials_on_their_way LEFT JOIN entries e ON e.entry = t.entry
            WHERE t.state <> 'applied' ORDER BY t.rowid";
        let mut query = self.db.prepare(sql).context(NOT_READ)?;
        let text = |row: &Row| -> rusqlite::Result<(String, String, String, Option<String>, String)> {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        };
        let rows = query.query_map([], text).context(NOT_READ)?;
        rows.map(|row| {
            let (state, work, owner, tree, record) = row.context(NOT_READ)?;
            let known = State::from_word(&state).ok_or_else(|| {
                Error::new(NOT_READ).cause(format!("a trial is in the unknown state {state}"))
            })?;
            let owner = if owner == "piton" { Owner::Piton } else { Owner::User };
            let record = serde_json::from_str(&record).context(NOT_READ)?;
            Ok(TrialInProgress { state: known, record, tree, work, owner })
        })
        .collect()
    }

    /// All records of a run, oldest first.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn records(&self, run: &str) -> Result<Vec<Record>> {
        let mut records = vec![];
        self.each(run, 0, &mut |record| {
            records.push(record);
            Ok(())
        })?;
        Ok(records)
    }

    /// Shows the records of a run from number `from` on, oldest first: a long run need not be in memory whole.
    ///
    /// # Errors
    /// A disk that refuses, or what `see` says.
    pub fn each(&self, run: &str, from: u32, see: &mut dyn FnMut(Record) -> Result<()>) -> Result<()> {
        self.each_as(run, from, &mut |record| see(record).map(|()| true))
    }

    /// The same with as much of each record as `T` holds, until `see` wants no more.
    ///
    /// # Errors
    /// A disk that refuses, or what `see` says.
    pub fn each_as<T: DeserializeOwned>(
        &self,
        run: &str,
        from: u32,
        see: &mut dyn FnMut(T) -> Result<bool>,
    ) -> Result<()> {
        self.each_body(run, from, &mut |body| see(serde_json::from_str(body).context(NOT_READ)?))
    }

    /// The same as they stand in the ledger: JSON.
    ///
    /// # Errors
    /// A disk that refuses, or what `see` says.
    pub fn each_body(&self, run: &str, from: u32, see: &mut dyn FnMut(&str) -> Result<bool>) -> Result<()> {
        let sql = "SELECT body FROM entries WHERE kind = 'trial' AND run = ?1 AND trial >= ?2 ORDER BY trial";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        let mut rows = query.query(params![run, from]).context(NOT_READ)?;
        while let Some(row) = rows.next().context(NOT_READ)? {
            let body = row.get_ref(0).and_then(|body| Ok(body.as_str()?)).context(NOT_READ)?;
            if !see(body)? {
                break;
            }
        }
        Ok(())
    }

    /// The last `most` records of a run, oldest first.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn last(&self, run: &str, most: usize) -> Result<Vec<Record>> {
        self.last_as(run, most)
    }

    /// The same with as much of each record as `T` holds.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn last_as<T: DeserializeOwned>(&self, run: &str, most: usize) -> Result<Vec<T>> {
        let sql = "SELECT body FROM entries WHERE kind = 'trial' AND run = ?1 ORDER BY trial DESC LIMIT ?2";
        let mut records: Vec<T> = self.all(sql, params![run, i64::try_from(most).unwrap_or(i64::MAX)])?;
        records.reverse();
        Ok(records)
    }

    /// One record.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn record(&self, run: &str, trial: u32) -> Result<Option<Record>> {
        let sql = "SELECT body FROM entries WHERE kind = 'trial' AND run = ?1 AND trial = ?2";
        self.one(sql, params![run, trial])
    }

    /// Number that the next trial of a run gets: no number is used twice.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn next_trial(&self, run: &str) -> Result<u32> {
        let sql = "SELECT coalesce(max(trial), -1) + 1 FROM trials WHERE run = ?1";
        self.db.query_row(sql, [run], |row| row.get(0)).context(NOT_READ)
    }

    /// The trial that settled this content: by its tree, or by its artifact.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn judged(&self, run: &str, tree: Option<&str>, artifact: Option<&str>) -> Result<Option<u32>> {
        let sql = "SELECT min(trial) FROM (
            SELECT trial FROM trials WHERE run = ?1 AND tree = ?2 AND settles
            UNION ALL SELECT trial FROM trials WHERE run = ?1 AND artifact = ?3 AND settles)";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        query.query_row(params![run, tree, artifact], |row| row.get(0)).context(NOT_READ)
    }

    /// The last trial of this content that settled nothing about it.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn unsettled(&self, run: &str, tree: Option<&str>, artifact: Option<&str>) -> Result<Option<u32>> {
        let sql = "SELECT max(trial) FROM (
            SELECT trial FROM trials WHERE run = ?1 AND tree = ?2 AND NOT settles AND entry IS NOT NULL
            UNION ALL SELECT trial FROM trials WHERE run = ?1 AND artifact = ?3 AND NOT settles AND entry IS NOT NULL)";
        let mut query = self.db.prepare_cached(sql).context(NOT_READ)?;
        query.query_row(params![run, tree, artifact], |row| row.get(0)).context(NOT_READ)
    }

    /// What the ledger has beside the entry of each trial of a run, for `piton audit`: number, entry, tree, artifact, whether it settles.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn rows(&self, run: &str) -> Result<Vec<TrialRow>> {
        let sql =
            "SELECT trial, state, entry, tree, artifact, settles FROM trials WHERE run = ?1 ORDER BY trial";
        let mut query = self.db.prepare(sql).context(NOT_READ)?;
        let row = |row: &Row| {
            Ok(TrialRow {
                trial: row.get(0)?,
                state: row.get(1)?,
                entry: row.get(2)?,
                tree: row.get(3)?,
                artifact: row.get(4)?,
                settles: row.get(5)?,
            })
        };
        let rows = query.query_map([run], row).context(NOT_READ)?;
        rows.map(|row| row.context(NOT_READ)).collect()
    }
}

/// What the ledger has beside a trial's entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRow {
    /// Its number.
    pub trial: u32,
    /// Its state.
    pub state: String,
    /// Its entry.
    pub entry: Option<i64>,
    /// The tree of its commit.
    pub tree: Option<String>,
    /// Its artifact.
    pub artifact: Option<String>,
    /// Whether the same content need not be judged again.
    pub settles: bool,
}

fn changed(rows: usize, what: &str) -> Result<()> {
    let why = "it is not on its way: it was never begun, or is decided already";
    if rows == 1 { Ok(()) } else { Err(Error::new(what).cause(why)) }
}

fn propose(db: &Connection, in_progress: &TrialInProgress) -> Result<()> {
    let record = &in_progress.record;
    let what = format!("trial {} was not recorded", record.trial);
    let text = serde_json::to_string(record).context(&what)?;
    let owner = if in_progress.owner == Owner::Piton { "piton" } else { "user" };
    let sql = "INSERT INTO trials (run, trial, state, work, owner, tree, settles, record) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)";
    let mut insert = db.prepare_cached(sql).context(&what)?;
    let state = in_progress.state.word();
    insert
        .execute(params![record.run, record.trial, state, in_progress.work, owner, in_progress.tree, text])
        .map(|_| ())
        .context(&what)
}

fn decide(db: &Connection, record: &Record, tree: Option<&str>) -> Result<()> {
    let what = format!("trial {} was not recorded", record.trial);
    let entry = enter(db, "trial", &record.run, Some(record.trial), record)?;
    let sql = "UPDATE trials SET state = 'decided', tree = ?3, artifact = ?4, settles = ?5, record = NULL, entry = ?6
        WHERE run = ?1 AND trial = ?2 AND entry IS NULL";
    let mut update = db.prepare_cached(sql).context(&what)?;
    let (artifact, settles) = (&record.provenance.artifact, record.settles());
    let rows =
        update.execute(params![record.run, record.trial, tree, artifact, settles, entry]).context(&what)?;
    changed(rows, &what)
}
