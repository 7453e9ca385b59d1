//! What the machine was doing while a pair was measured, and whether that voids it: looked at before the values are.

use serde::{Deserialize, Serialize};

/// What the kernel said about the time of one pair.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// Share of all cores' time that the hypervisor gave to others, in percent.
    pub steal_pct: f64,
    /// Share of the last ten seconds in which some process waited for a core (/proc/pressure/cpu), in percent; absent where the
    /// kernel does not tell.
    pub pressure_pct: Option<f64>,
    /// Load average of the last minute: processes.
    pub load: f64,
}

/// When a pair says nothing: `[noise]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// More stolen time than this voids a pair, in percent.
    pub steal_pct: f64,
    /// More waiting for a core than this voids a pair, in percent.
    pub pressure_pct: f64,
    /// After a void pair, how long to wait for the machine to calm down, in seconds; then the pair is measured all the same.
    pub pause_s: u64,
    /// Void pairs after which a trial ends without a verdict.
    pub void_pairs: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steal_pct: 20.0, pressure_pct: 60.0, pause_s: 120, void_pairs: 12 }
    }
}

impl Limits {
    /// What is impossible about these limits, if anything.
    pub fn problem(&self) -> Option<String> {
        let named = [("steal_pct", self.steal_pct), ("pressure_pct", self.pressure_pct)];
        named
            .iter()
            .find(|(_, value)| !(0.0..=100.0).contains(value))
            .map(|(name, value)| format!("noise.{name} is {value}; it lies between 0 and 100"))
    }

    /// Why a pair that was measured under these conditions says nothing; `None` where it counts.
    pub fn void(&self, conditions: &Conditions) -> Option<String> {
        if conditions.steal_pct > self.steal_pct {
            return Some(format!(
                "{:.0} % of the processor was given to other machines (limit {} %: [noise] steal_pct)",
                conditions.steal_pct, self.steal_pct
            ));
        }
        conditions.pressure_pct.filter(|pressure| *pressure > self.pressure_pct).map(|pressure| {
            format!(
                "processes waited for a core {pressure:.0} % of the time (limit {} %: [noise] pressure_pct)",
                self.pressure_pct
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_void_by_what_the_machine_did_and_by_nothing_else() {
        let limits = Limits::default();
        let calm = Conditions { steal_pct: 1.0, pressure_pct: Some(5.0), load: 9.0 };
        assert_eq!(limits.void(&calm), None);
        assert!(limits.void(&Conditions { steal_pct: 30.0, ..calm }).unwrap().contains("30 %"));
        assert!(limits.void(&Conditions { pressure_pct: Some(80.0), ..calm }).unwrap().contains("waited"));
        assert_eq!(limits.void(&Conditions { pressure_pct: None, ..calm }), None);
    }
}
