//! `piton export`: the trials of a run for other programs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::args::{ExportArgs, ExportFormat, Which};
use super::chosen::find;
use piton_core::base::commit::CommitId;
use piton_core::base::error::{Context, Result, exit};
use piton_core::base::metric::Metric;
use piton_core::report::tables::{self, LogLine};
use piton_core::trial::record::Record;
use piton_core::trial::text::plain_json;
use piton_system::ledger::{self, Ledger, Run};
use piton_system::terminal::{self, Lines};

/// Most columns of metrics.
const COLUMNS: usize = 200;

/// Writes the trials of a run.
///
/// # Errors
/// No run, or a file that cannot be written.
pub(super) fn run(dir: &Path, args: &ExportArgs) -> Result<u8> {
    let which = Which { run: args.run.clone(), json: false };
    let (ledger, run, config) = find(dir, &which)?;
    let Some(file) = args.output.as_deref().filter(|file| *file != Path::new("-")) else {
        let mut out = Lines::new();
        write(&ledger, &run, &config.metric, args.format, &mut |line| Ok(out.line(line)))?;
        return Ok(exit::DONE);
    };
    let what = || format!("{} was not written", file.display());
    let mut out = BufWriter::new(File::create(file).context(what())?);
    write(&ledger, &run, &config.metric, args.format, &mut |line| {
        writeln!(out, "{line}").context(what()).map(|()| true)
    })?;
    out.flush().context(what())?;
    terminal::answer(&file.display().to_string());
    Ok(exit::DONE)
}

/// Hands on line by line, until nobody wants more.
fn write(
    ledger: &Ledger,
    run: &Run,
    metric: &Metric,
    format: ExportFormat,
    line: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<()> {
    if format == ExportFormat::Jsonl {
        // As they stand in the ledger, which its hashes are of: what is hidden in them is escaped there too, since piton does so.
        return ledger.each_body(&run.name, 0, &mut |body| line(&plain_json(body)));
    }
    let main = [Some(&metric.name), metric.memory.as_ref()];
    let mut names = BTreeSet::new();
    ledger.each_as(&run.name, 0, &mut |record: LogLine| {
        let found = record.metrics.into_iter().flat_map(|metrics| metrics.into_keys());
        names.extend(found.filter(|name| !main.contains(&Some(name))));
        Ok(names.len() < COLUMNS)
    })?;
    let names: Vec<String> = names.into_iter().take(COLUMNS).collect();
    if !line(&ledger::csv_line(tables::tsv_header(metric, &names))?)? {
        return Ok(());
    }
    ledger.each_as(&run.name, 0, &mut |record: Record| {
        let mut cells = tables::tsv_row(&record, metric, &names);
        // A table to look at has short ids; one to work with has whole ones.
        let whole = |id: Option<CommitId>| id.map_or_else(String::new, |id| id.to_string());
        cells[0] = whole(record.commit);
        cells[6] = whole(record.parent);
        line(&ledger::csv_line(cells)?)
    })
}
