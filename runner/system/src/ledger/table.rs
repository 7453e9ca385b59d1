//! `results.tsv`: printed from the ledger, and never read back.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::beneath;
use piton_core::base::error::{Context, Error, Result};
use piton_core::base::metric::Metric;
use piton_core::report::tables;
use piton_core::trial::record::Record;

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
    /// Its header as text.
    ///
    /// # Errors
    /// When it cannot be written, which no name can cause.
    pub fn header(&self) -> Result<Vec<u8>> {
        line(tables::tsv_header(self.metric, &self.names()))
    }

    /// The row of a record as text.
    ///
    /// # Errors
    /// When it cannot be written, which no record can cause.
    pub fn row(&self, record: &Record) -> Result<Vec<u8>> {
        line(tables::tsv_row(record, self.metric, &self.names()))
    }

    fn names(&self) -> Vec<String> {
        self.columns.iter().cloned().collect()
    }

    /// Prints it anew from the ledger: a temporary file, synced, then renamed, so that a reader sees the old or the new one.
    ///
    /// # Errors
    /// A disk that refuses; the file is then as it was.
    pub fn print(&self, ledger: &Ledger, run: &str) -> Result<Option<Printed>> {
        let what = || format!("{} was not written", self.path.display());
        let dir = self.path.parent().expect("a file in a directory");
        let file = tempfile::Builder::new().prefix(".results").tempfile_in(dir).context(what())?;
        let mut out = BufWriter::new(file);
        let mut last = None;
        out.write_all(&self.header()?).context(what())?;
        ledger.each(run, 0, &mut |record| {
            out.write_all(&self.row(&record)?).context(what())?;
            last = Some(record.trial);
            Ok(())
        })?;
        let file = out.into_inner().map_err(|e| Error::new(what()).cause(e.error()))?;
        file.as_file().sync_all().context(what())?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable).context(what())?;
        // Only an empty one goes; a file, or a link, is replaced.
        let _ = std::fs::remove_dir(self.path);
        file.persist(self.path).map_err(|e| Error::new(what()).cause(e.error))?;
        File::open(dir).and_then(|dir| dir.sync_all()).context(what())?;
        Ok(last.and_then(|last| self.printed(run, last)))
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
        let (above, row) = (self.row(before)?, self.row(record)?);
        let mut file = beneath::open_read_write(self.path).context(what())?;
        let mut tail = vec![0; above.len()];
        let read = file.seek(SeekFrom::End(-(above.len() as i64))).and_then(|_| file.read_exact(&mut tail));
        if read.is_err() || tail != above {
            return Ok(None);
        }
        file.seek(SeekFrom::End(0)).and_then(|_| file.write_all(&row)).context(what())?;
        Ok(self.printed(&record.run, record.trial))
    }

    fn printed(&self, run: &str, last: u32) -> Option<Printed> {
        Some(Printed { run: run.to_owned(), last, columns: self.names(), stamp: self.stamp()? })
    }

    fn stamp(&self) -> Option<(u64, u64, i64, i64)> {
        stamp(self.path)
    }
}

impl Printed {
    /// Whether the file at `path` is still what was printed then.
    pub fn untouched(&self, path: &Path) -> bool {
        stamp(path) == Some(self.stamp)
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    let meta = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((meta.len(), meta.ino(), meta.ctime(), meta.ctime_nsec()))
}

/// A row of comma-separated values, without its end.
///
/// # Errors
/// When it cannot be written, which no cell can cause.
pub fn csv_line(cells: Vec<String>) -> Result<String> {
    let what = "nothing was exported";
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(cells).context(what)?;
    let bytes = writer.into_inner().map_err(|e| Error::new(what).cause(e.error()))?;
    Ok(String::from_utf8(bytes).context(what)?.trim_end_matches(['\r', '\n']).to_owned())
}

fn line(cells: Vec<String>) -> Result<Vec<u8>> {
    let what = "results.tsv was not written";
    let mut writer = csv::WriterBuilder::new().delimiter(b'\t').from_writer(vec![]);
    writer.write_record(cells).context(what)?;
    writer.into_inner().map_err(|e| Error::new(what).cause(e.error()))
}
