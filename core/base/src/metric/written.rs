//! `[metric]` as it is written: what may be left out of it.

use serde::Deserialize;

use super::{Direction, Metric, Of, OwnMeter, Scale, mean};

/// The keys of `[metric]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMetric {
    meter: Option<OwnMeter>,
    name: Option<String>,
    direction: Option<Direction>,
    unit: Option<String>,
    evidence: Option<String>,
    of: Option<Of>,
    of_limit_pct: Option<f64>,
    scale: Option<Scale>,
    memory: Option<String>,
    memory_unit: Option<String>,
}

impl TryFrom<WrittenMetric> for Metric {
    type Error = String;

    fn try_from(written: WrittenMetric) -> Result<Self, String> {
        let WrittenMetric {
            meter,
            name,
            direction,
            unit,
            evidence,
            of,
            of_limit_pct,
            scale,
            memory,
            memory_unit,
        } = written;
        let name = name.or_else(|| meter.map(|meter| meter.word().to_owned()));
        let name = name.or_else(|| of.as_ref().map(|_| mean::NAME.to_owned()));
        let missing = || {
            format!(
                "missing field `name` in [metric]; with `meter` it may be left out: {}; and with `of`, the benchmarks of a mean",
                OwnMeter::ALL.map(OwnMeter::word).join(", ")
            )
        };
        Ok(Self {
            name: name.ok_or_else(missing)?,
            direction: direction.unwrap_or(Direction::Lower),
            undirected: direction.is_none() && meter.is_none(),
            unit: unit.or_else(|| meter.map(|meter| meter.unit().to_owned())).unwrap_or_default(),
            memory: memory.or_else(|| meter.map(|_| OwnMeter::PeakMemoryBytes.word().to_owned())),
            evidence,
            meter,
            of,
            of_limit_pct,
            scale,
            memory_unit,
        })
    }
}
