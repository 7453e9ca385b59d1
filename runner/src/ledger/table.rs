//! `results.tsv`: printed from the ledger, and never read back.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
use crate::metric::Metric;
use crate::report;
use crate::trial::Record;

/// The table of a run.
pub struct Table<'a> {
    /// Where it is printed.
    pub path: &'a Path,
    /// The run's metric.
    pub metric: &'a Metric,
    /// Names of the other metrics that have columns.
    pub columns: &'a BTreeSet<String>,
}

/// What the table was when it was last printed: a file of which any of this differs was touched by somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// The run.
    pub run: String,
    /// The number of its last row.
    pub last: u32,
    /// Its columns.
    pub columns: Vec<String>,
    /// Its length, its file, and when that was last changed.
    stamp: (u64, u64, i64, i64),
}

impl Table<'_> {
    /// The whole table as text.
    ///
    /// # Errors
    /// When a row cannot be written, which no row can cause.
    pub fn text(&self, records: &[Record]) -> Result<Vec<u8>> {
        let columns: Vec<String> = self.columns.iter().cloned().collect();
        let header = report::tsv_header(self.metric, &columns);
        let rows = records.iter().map(|record| report::tsv_row(record, self.metric, &columns));
        lines(std::iter::once(header).chain(rows))
    }

    /// Prints it anew: a temporary file, synced, then renamed, so that a reader sees the old or the new one.
    ///
    /// # Errors
    /// A disk that refuses; the file is then as it was.
    pub fn print(&self, records: &[Record]) -> Result<Option<Printed>> {
        let what = || format!("{} was not written", self.path.display());
        let dir = self.path.parent().expect("a file in a directory");
        let mut file = tempfile::Builder::new().prefix(".results").tempfile_in(dir).context(what())?;
        file.write_all(&self.text(records)?).and_then(|()| file.as_file().sync_all()).context(what())?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable).context(what())?;
        // Only an empty one goes; a file, or a link, is replaced.
        let _ = std::fs::remove_dir(self.path);
        file.persist(self.path).map_err(|e| Error::new(what()).cause(e.error))?;
        File::open(dir).and_then(|dir| dir.sync_all()).context(what())?;
        Ok(records.last().and_then(|last| self.printed(last)))
    }

    /// Puts the last row, `record`, below the row of `before`, where the file is still what was printed then. `None` where it is not.
    ///
    /// It is not synced: nothing rests on the table, and one that a power cut left short is printed anew at the next start.
    ///
    /// # Errors
    /// A disk that refuses.
    pub fn append(&self, then: &Printed, before: &Record, record: &Record) -> Result<Option<Printed>> {
        let same = then.run == record.run
            && then.last + 1 == record.trial
            && then.last == before.trial
            && then.columns.iter().eq(self.columns);
        if !same || self.stamp() != Some(then.stamp) {
            return Ok(None);
        }
        let what = || format!("{} was not written", self.path.display());
        let columns: Vec<String> = self.columns.iter().cloned().collect();
        let row = |record| lines(std::iter::once(report::tsv_row(record, self.metric, &columns)));
        let (above, row) = (row(before)?, row(record)?);
        let mut file = File::options().read(true).write(true).open(self.path).context(what())?;
        let mut tail = vec![0; above.len()];
        let read = file.seek(SeekFrom::End(-(above.len() as i64))).and_then(|_| file.read_exact(&mut tail));
        if read.is_err() || tail != above {
            return Ok(None);
        }
        file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(&row)).context(what())?;
        Ok(self.printed(record))
    }

    fn printed(&self, last: &Record) -> Option<Printed> {
        let columns = self.columns.iter().cloned().collect();
        Some(Printed { run: last.run.clone(), last: last.trial, columns, stamp: self.stamp()? })
    }

    fn stamp(&self) -> Option<(u64, u64, i64, i64)> {
        let meta = fs::symlink_metadata(self.path).ok().filter(fs::Metadata::is_file)?;
        Some((meta.len(), meta.ino(), meta.ctime(), meta.ctime_nsec()))
    }

    /// Whether the file is still what was printed then.
    pub fn untouched(&self, then: &Printed) -> bool {
        self.stamp() == Some(then.stamp)
    }
}

fn lines(rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>> {
    let what = "results.tsv was not written";
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(vec![]);
    for row in rows {
        writer.write_record(row).context(what)?;
    }
    writer.into_inner().map_err(|e| Error::new(what).cause(e.error()))
}
