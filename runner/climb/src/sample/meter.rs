//! What piton's own meters read of a sample.

use std::fs::File;
use std::path::Path;

use piton_core::base::error::{self, Context};
use piton_core::base::metric::Readings;
use piton_system::process::{Metered, Metering, metered};
use piton_system::tree;

/// Makes what takes the report, and looks how large the side is at `side`: its artifact, or its tree.
pub(super) fn begin(logs: &Path, repeat: u32, side: &Path) -> error::Result<(Metering, u64)> {
    let what = "no sample was taken: there is no file for what its meter reads";
    let report = logs.join("sample.meter");
    File::create(&report).context(what)?;
    let size = tree::size(side).context("no sample was taken: its size was not read")?;
    Ok((Metering { report, repeat }, size))
}

/// What one run of the command cost. Else the word for what is wrong, and the reason.
pub(super) fn readings(metering: &Metering, size: u64) -> Result<Readings, (&'static str, String)> {
    let read = metered(metering).ok_or_else(|| {
        ("unmetered", "piton's meter was ended before it could say what the command cost: by the command, or by a lack of memory".to_owned())
    })?;
    let Metered { wall_s, cpu_s, peak_memory_bytes, runs, left, .. } = read;
    if left {
        return Err((
            "unfinished",
            "the command ended and left processes behind, whose work no meter would count; piton ended them. Have it wait for all that it starts"
                .to_owned(),
        ));
    }
    let runs = f64::from(runs.max(1));
    Ok(Readings { wall_s: wall_s / runs, cpu_s: cpu_s / runs, peak_memory_bytes, artifact_bytes: size })
}
