//! Amounts of memory: the unit that a metric's name says.

/// Units by how a name ends, and how many of each are a gigabyte. As in karpathy/autoresearch, whose column this fills, a gigabyte has
/// 1024 megabytes.
const UNITS: [(&[&str], f64); 5] = [
    (&["b", "byte", "bytes"], 1.0 / (1u64 << 30) as f64),
    (&["k", "kb", "kib", "kbytes", "kilobyte", "kilobytes", "kibibytes"], 1.0 / (1u64 << 20) as f64),
    (&["m", "mb", "mib", "mbytes", "megabyte", "megabytes", "mebibytes"], 1.0 / 1024.0),
    (&["g", "gb", "gib", "gbytes", "gigabyte", "gigabytes", "gibibytes"], 1.0),
    (&["t", "tb", "tib", "tbytes", "terabyte", "terabytes", "tebibytes"], 1024.0),
];

/// Gigabytes in one of `unit`, e.g. `mb`; absent for what is no such unit.
pub fn gigabytes(unit: &str) -> Option<f64> {
    let unit = unit.to_ascii_lowercase();
    UNITS.iter().find(|(names, _)| names.contains(&unit.as_str())).map(|unit| unit.1)
}

/// Gigabytes in one of what a name says that it counts: `peak_vram_mb`, `memory.bytes`, `peakMB`, `rss (KiB)`; absent where it does
/// not say, and for a single letter, which says too little.
pub(crate) fn of_name(name: &str) -> Option<f64> {
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).find(|part| !part.is_empty())?;
    let camel = ["MiB", "GiB", "KiB", "TiB", "MB", "GB", "KB", "kB", "TB", "Bytes", "Megabytes", "Gigabytes"];
    let unit =
        camel.iter().find(|unit| last.ends_with(**unit) && last.len() > unit.len()).copied().unwrap_or(last);
    gigabytes(unit).filter(|_| unit.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_an_amount_is_how_its_name_ends() {
        let mb = 1.0 / 1024.0;
        for (name, is) in [
            ("peak_vram_mb", Some(mb)),
            ("peak_vram_MiB", Some(mb)),
            ("peakMB", Some(mb)),
            ("rss (MB)", Some(mb)),
            ("memory.megabytes", Some(mb)),
            ("avg_peak_memory_gb", Some(1.0)),
            ("max_rss_kb", Some(mb / 1024.0)),
            ("peak_bytes", Some(mb / (1u64 << 20) as f64)),
            ("memory_tb", Some(1024.0)),
            ("peak_vram", None),
            ("peak_mb_avg", None),
            ("memory", None),
            ("number", None),
            ("memory_m", None),
            ("thumb", None),
        ] {
            assert_eq!(of_name(name), is, "{name}");
        }
    }
}
