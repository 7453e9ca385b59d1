//! `piton log`: the trials of a run as lines, as they come out of the ledger.

use std::collections::VecDeque;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::args::LogArgs;
use super::chosen::find;
use super::{experiments, import};
use piton_core::base::error::{Error, Result, exit};
use piton_core::report::tables::{Filter, LogLine, log_header, log_line};
use piton_core::trial::record::Record;
use piton_system::clock;
use piton_system::ledger::Ledger;
use piton_system::terminal::{self, Lines};

/// Prints the log. Ends without complaint when its reader has gone.
///
/// # Errors
/// No run, or a time that is none.
pub(super) fn run(dir: &Path, args: &LogArgs) -> Result<u8> {
    if args.experiments {
        return experiments::run(dir, args);
    }
    if let Some(imported) = import::find(dir, args.which.run.as_deref())? {
        terminal::either(args.which.json, &imported, || imported.log());
        return Ok(exit::DONE);
    }
    let (ledger, run, config) = find(dir, &args.which)?;
    let since = args.since.as_deref().map(time).transpose()?;
    let filter = Filter {
        kept: args.kept,
        status: args.status.clone(),
        reason: args.reason.clone(),
        family: args.family.clone(),
        since,
    };
    let mut out = Lines::new();
    if args.which.json {
        let mut first = true;
        out.line("[");
        matching(&ledger, &run.name, args.last, &filter, &mut |record: &Record| {
            let comma = if std::mem::take(&mut first) { "" } else { "," };
            out.line(&format!("{comma}{}", terminal::pretty(record)))
        })?;
        out.line("]");
        return Ok(exit::DONE);
    }
    out.line(&format!("run {}\n\n{}", run.name, log_header(&config.metric)));
    matching(&ledger, &run.name, args.last, &filter, &mut |line: &LogLine| {
        out.line(&log_line(line, &config.metric))
    })?;
    Ok(exit::DONE)
}

/// Something that a filter can look at.
trait Filtered: DeserializeOwned {
    fn admitted(&self, filter: &Filter) -> bool;
}

impl Filtered for LogLine {
    fn admitted(&self, filter: &Filter) -> bool {
        filter.admits(self)
    }
}

impl Filtered for Record {
    fn admitted(&self, filter: &Filter) -> bool {
        filter.admits(&LogLine::of(self))
    }
}

/// Shows what a filter admits, oldest first, until `show` says that nobody listens; of the last `most` where that is asked for.
fn matching<T: Filtered>(
    ledger: &Ledger,
    run: &str,
    most: Option<usize>,
    filter: &Filter,
    show: &mut dyn FnMut(&T) -> bool,
) -> Result<()> {
    let mut last = VecDeque::new();
    // A log is read from its beginning; what comes last is read from its end.
    if let (Some(most), true) = (most, *filter == Filter::default()) {
        ledger.last_as::<T>(run, most)?.iter().all(show);
        return Ok(());
    }
    ledger.each_as(run, 0, &mut |item: T| {
        if !item.admitted(filter) {
            return Ok(true);
        }
        let Some(most) = most else { return Ok(show(&item)) };
        last.push_back(item);
        if last.len() > most {
            last.pop_front();
        }
        Ok(true)
    })?;
    last.iter().all(show);
    Ok(())
}

/// A time from how long ago it was, from a date or from a time, as UTC.
fn time(text: &str) -> Result<String> {
    clock::moment(text).ok_or_else(|| {
        Error::usage("the log was not read")
            .cause(format!("{text:?} is no time"))
            .hint("write e.g. 8h, 2026-11-20 or 2026-11-20T22:00:00Z")
    })
}
