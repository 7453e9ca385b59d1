//! What piton itself can read of a measuring command: nothing that it prints has a part in that.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Metric, Values};

/// One of piton's own meters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OwnMeter {
    /// Seconds by the clock on the wall, from its start until nothing of it is left.
    WallS,
    /// Seconds on processors, of all its processes.
    CpuS,
    /// The most memory that one of its processes held.
    PeakMemoryBytes,
    /// Size of what was built.
    ArtifactBytes,
}

impl OwnMeter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::WallS, Self::CpuS, Self::PeakMemoryBytes, Self::ArtifactBytes];

    /// The word in `piton.toml`, and its name among values.
    pub fn word(self) -> &'static str {
        match self {
            Self::WallS => "wall_s",
            Self::CpuS => "cpu_s",
            Self::PeakMemoryBytes => "peak_memory_bytes",
            Self::ArtifactBytes => "artifact_bytes",
        }
    }

    /// Its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::WallS | Self::CpuS => "s",
            Self::PeakMemoryBytes | Self::ArtifactBytes => "bytes",
        }
    }

    /// That of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|meter| meter.word() == name)
    }

    /// What it reads, as what follows "piton reads".
    pub fn reads(self) -> &'static str {
        match self {
            Self::WallS => "how long the measuring command took by the clock on the wall",
            Self::CpuS => "how long the processes of the measuring command were on processors",
            Self::PeakMemoryBytes => "the most memory that a process of the measuring command held",
            Self::ArtifactBytes => "the size of what was built",
        }
    }

    /// What a change that only leaves work undone would gain by it, as a warning.
    pub fn leaves_open(self) -> &'static str {
        match self {
            Self::ArtifactBytes => "a program that does less is smaller, too",
            Self::PeakMemoryBytes => {
                "a program that does less holds less, and one that spreads over processes shows only its largest"
            }
            Self::WallS | Self::CpuS => "doing nothing is fast, too",
        }
    }
}

/// What the measuring command of one sample cost, each run of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Readings {
    /// Seconds by the clock on the wall.
    pub wall_s: f64,
    /// Seconds on processors.
    pub cpu_s: f64,
    /// Bytes.
    pub peak_memory_bytes: u64,
    /// Bytes.
    pub artifact_bytes: u64,
}

impl Readings {
    /// What a meter reads.
    pub fn of(&self, meter: OwnMeter) -> f64 {
        match meter {
            OwnMeter::WallS => self.wall_s,
            OwnMeter::CpuS => self.cpu_s,
            OwnMeter::PeakMemoryBytes => self.peak_memory_bytes as f64,
            OwnMeter::ArtifactBytes => self.artifact_bytes as f64,
        }
    }

    /// Adds all of them to `values`, by their own names and, of the primary metric's, by its name. They replace what was printed by such a name,
    /// but for `printed`: names that are read from the output.
    pub fn add_to(&self, values: &mut Values, metric: &Metric, printed: &BTreeSet<&str>) {
        for meter in OwnMeter::ALL.into_iter().filter(|meter| !printed.contains(meter.word())) {
            values.insert(meter.word().to_owned(), self.of(meter));
        }
        if let Some(meter) = metric.meter {
            values.insert(metric.name.clone(), self.of(meter));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Direction;

    fn metric(json: &str) -> Result<Metric, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn a_meter_says_name_unit_and_direction_and_each_may_be_said_otherwise() {
        for meter in OwnMeter::ALL {
            assert_eq!(OwnMeter::named(meter.word()), Some(meter));
            let read = metric(&format!("{{\"meter\": \"{}\"}}", meter.word())).unwrap();
            let said = (&*read.name, &*read.unit, read.direction, read.meter);
            assert_eq!(said, (meter.word(), meter.unit(), Direction::Lower, Some(meter)));
            let again = serde_json::to_string(&read).unwrap();
            assert_eq!(metric(&again).unwrap(), read);
        }
        let other = metric(
            "{\"meter\": \"cpu_s\", \"name\": \"work\", \"unit\": \"sec\", \"direction\": \"higher\"}",
        );
        let other = other.unwrap();
        assert_eq!((&*other.name, &*other.unit, other.direction), ("work", "sec", Direction::Higher));
    }

    #[test]
    fn without_a_meter_a_name_is_needed_as_ever_and_a_direction_where_the_format_says_none() {
        assert!(metric("{\"name\": \"tps\"}").unwrap().undirected);
        assert!(metric("{\"direction\": \"lower\"}").unwrap_err().contains("missing field `name`"));
        assert!(metric("{\"meter\": \"cycles\"}").unwrap_err().contains("wall_s"));
        let plain = metric("{\"name\": \"tps\", \"direction\": \"higher\"}").unwrap();
        assert_eq!(plain, Metric::of("tps", Direction::Higher));
        assert!(!serde_json::to_string(&plain).unwrap().contains("meter"), "old records read the same");
    }

    #[test]
    fn readings_replace_what_was_printed_by_their_names() {
        let readings = Readings { wall_s: 2.0, cpu_s: 1.5, peak_memory_bytes: 7, artifact_bytes: 9 };
        let mut values: Values = [("cpu_s".to_owned(), 1e-9), ("tps".to_owned(), 3.0)].into();
        let work = Metric { meter: Some(OwnMeter::CpuS), ..Metric::of("work", Direction::Lower) };
        readings.add_to(&mut values, &work, &BTreeSet::from(["wall_s"]));
        let right = [
            ("artifact_bytes", 9.0),
            ("cpu_s", 1.5),
            ("peak_memory_bytes", 7.0),
            ("tps", 3.0),
            ("work", 1.5),
        ];
        assert_eq!(values, right.map(|(name, value)| (name.to_owned(), value)).into());
    }
}
