//! Notes: entries of the chain, and before that, for as long as a trial may be on its way, rows that wait.
//!
//! A challenger's commit names the head of the chain at its time, and its own entry must come next: so a note that somebody leaves
//! meanwhile waits, and becomes an entry before the next trial begins.

use rusqlite::{Connection, params};

use super::{Ledger, NOT_READ, Sync, enter};
use piton_core::base::error::{Context, Result};
use piton_core::base::note::Note;

/// What a ledger of an earlier piton lacks: nothing that was there changes.
pub(super) fn prepare(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(
        "CREATE INDEX IF NOT EXISTS entries_of_notes ON entries(kind, run, entry) WHERE kind IN ('note', 'guidance');
        CREATE TABLE IF NOT EXISTS inbox (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL,
            body TEXT NOT NULL           -- a Note as JSON that is no entry yet
        ) STRICT;",
    )
}

fn kind(guidance: bool) -> &'static str {
    if guidance { "guidance" } else { "note" }
}

impl Ledger {
    /// A note is left. When this returns it is on the disk.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn add_note(&self, note: &Note) -> Result<()> {
        let what = "the note was not kept";
        let body = serde_json::to_string(note).context(what)?;
        self.write(Sync::Now, what, |db| {
            let sql = "INSERT INTO inbox (run, body) VALUES (?1, ?2)";
            db.execute(sql, [&note.run, &body]).map(|_| ()).context(what)
        })
    }

    /// The notes that wait become entries. For whoever holds the lock, between two trials.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn enter_notes(&self, run: &str) -> Result<()> {
        let waiting: Vec<Note> = self.all("SELECT body FROM inbox WHERE run = ?1 ORDER BY id", [run])?;
        if waiting.is_empty() {
            return Ok(());
        }
        let what = "the notes were not entered";
        self.write(Sync::Now, what, |db| {
            // Read again: one may have come since.
            let mut query =
                db.prepare("SELECT id, body FROM inbox WHERE run = ?1 ORDER BY id").context(what)?;
            let rows = query.query_map([run], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)));
            for row in rows.context(what)?.collect::<Vec<_>>() {
                let (id, body) = row.context(what)?;
                let note: Note = serde_json::from_str(&body).context(what)?;
                enter(db, kind(note.guidance), run, None, &note)?;
                db.execute("DELETE FROM inbox WHERE id = ?1", [id]).context(what)?;
            }
            Ok(())
        })
    }

    /// The last `most` notes of a run, oldest first: guidance, or all others.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn notes(&self, run: &str, guidance: bool, most: usize) -> Result<Vec<Note>> {
        let sql = "SELECT body FROM inbox WHERE run = ?1 ORDER BY id DESC";
        let mut notes: Vec<Note> = self.all(sql, [run])?;
        notes.retain(|note| note.guidance == guidance);
        // Those that wait are the latest.
        notes.truncate(most);
        let room = (most - notes.len()).min(1 << 20) as i64;
        let sql = "SELECT body FROM entries INDEXED BY entries_of_notes
            WHERE kind IN ('note', 'guidance') AND kind = ?1 AND run = ?2 ORDER BY entry DESC LIMIT ?3";
        notes.extend(self.all::<Note>(sql, params![kind(guidance), run, room])?);
        notes.reverse();
        Ok(notes)
    }

    /// How many notes of a run wait to become entries.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn pending_notes(&self, run: &str) -> Result<u32> {
        let sql = "SELECT count(*) FROM inbox WHERE run = ?1";
        self.db.query_row(sql, [run], |row| row.get(0)).context(NOT_READ)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use piton_core::trial::hash_chain;

    fn note(text: &str, guidance: bool) -> Note {
        let (run, at) = ("r".to_owned(), "2026-11-21T00:00:00Z".to_owned());
        Note { run, at, by: "human".into(), text: text.into(), guidance }
    }

    #[test]
    fn a_note_is_seen_at_once_and_becomes_an_entry_of_the_chain_later() {
        let dir = tempfile::tempdir().unwrap();
        let ledger = Ledger::open_or_create(dir.path()).unwrap();
        for text in ["a", "b"] {
            ledger.add_note(&note(text, false)).unwrap();
        }
        ledger.add_note(&note("g", true)).unwrap();
        let seen = |most| -> Vec<String> {
            ledger.notes("r", false, most).unwrap().into_iter().map(|note| note.text).collect()
        };
        assert_eq!((seen(9), seen(1)), (vec!["a".to_owned(), "b".into()], vec!["b".to_owned()]));
        assert_eq!(ledger.head().unwrap().0, 0, "nothing is entered while a trial may be on its way");
        ledger.enter_notes("other").unwrap();
        ledger.enter_notes("r").unwrap();
        assert_eq!((ledger.head().unwrap().0, ledger.pending_notes("r").unwrap()), (3, 0));
        ledger.add_note(&note("c", false)).unwrap();
        assert_eq!(seen(2), ["b", "c"]);
        assert_eq!(ledger.notes("r", true, 1).unwrap(), [note("g", true)]);
        let mut check = hash_chain::Check::new();
        let mut see = |entry: hash_chain::Entry| {
            check.take(&entry);
            Ok(())
        };
        ledger.each_entry(&mut see).unwrap();
        assert_eq!(check.faults, Vec::<String>::new());
    }
}
