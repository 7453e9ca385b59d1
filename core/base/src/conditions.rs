//! What the machine was doing while a pair was measured, and whether that voids it: looked at before the values are.

mod fair;
mod pauses;

use serde::{Deserialize, Serialize};

use crate::metric::Clock;

pub use fair::{Voided, unfair};
pub use pauses::{Next, Pauses, Widened};

/// What the kernel said about the time of one pair.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Conditions {
    /// Share of all cores' time that the hypervisor gave to others, in percent.
    pub steal_pct: f64,
    /// Share of the time in which some process waited for a core (/proc/pressure/cpu), in percent; absent where the kernel does not tell.
    /// Rows of earlier versions of piton have that of the last ten seconds.
    pub pressure_pct: Option<f64>,
    /// Share of all cores' time that processes had which were neither piton's nor the sample's, in percent; absent where that is not known: of samples
    /// that are too short to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub others_pct: Option<f64>,
    /// Load average of the last minute: processes.
    pub load: f64,
}

impl Conditions {
    /// The part of the waiting that others can have caused: at most twice the share of the cores that they had. A side that starts more threads than
    /// there are cores makes its own processes wait as long as it likes, and a pair must not be void for that.
    fn waiting(&self) -> Option<f64> {
        let most = self.others_pct.map_or(100.0, |others| 2.0 * others);
        self.pressure_pct.map(|pressure| pressure.min(most))
    }

    /// What others took away, in percent of the cores' time.
    fn taken(&self) -> f64 {
        self.steal_pct + self.others_pct.unwrap_or(0.0)
    }
}

/// The conditions of both samples of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Apart {
    /// While the incumbent was measured.
    pub incumbent: Conditions,
    /// While the challenger was.
    pub challenger: Conditions,
}

/// When a pair says nothing: `[machine]` in `piton.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// More stolen time than this voids a pair, in percent.
    pub steal_pct: f64,
    /// More waiting for a core than this voids a pair, in percent.
    pub pressure_pct: f64,
    /// How long a trial waits for the machine to calm down, in seconds, all its pauses together. Then its pairs count all the same, by a larger
    /// tau.
    pub pause_s: u64,
    /// Void pairs after which that is so, however short the pauses were. Where not the machine spoils them, the trial ends without a verdict.
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
            .map(|(name, value)| format!("machine.{name} is {value}; it lies between 0 and 100"))
    }

    /// Why a pair that was measured by this clock under these conditions says nothing; `None` where it counts.
    pub fn spoils(&self, clock: Clock, conditions: &Conditions) -> Option<String> {
        if clock != Clock::Wall {
            return None;
        }
        if conditions.steal_pct > self.steal_pct {
            return Some(format!(
                "{:.0} % of the processor was given to other machines (limit {} %: [machine] steal_pct)",
                conditions.steal_pct, self.steal_pct
            ));
        }
        conditions.waiting().filter(|pressure| *pressure > self.pressure_pct).map(|pressure| {
            format!(
                "processes waited for a core {pressure:.0} % of the time (limit {} %: [machine] pressure_pct)",
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
        let calm = Conditions { steal_pct: 1.0, pressure_pct: Some(5.0), load: 9.0, others_pct: None };
        let void = |conditions: &Conditions| limits.spoils(Clock::Wall, conditions);
        assert_eq!(void(&calm), None);
        assert!(void(&Conditions { steal_pct: 30.0, ..calm }).unwrap().contains("30 %"));
        assert!(void(&Conditions { pressure_pct: Some(80.0), ..calm }).unwrap().contains("waited"));
        assert_eq!(void(&Conditions { pressure_pct: None, ..calm }), None);
    }

    #[test]
    fn what_others_take_spoils_the_clock_on_the_wall_and_no_other() {
        let busy =
            Conditions { steal_pct: 99.0, pressure_pct: Some(99.0), load: 9.0, others_pct: Some(99.0) };
        let spoiled = |clock| Limits::default().spoils(clock, &busy).is_some();
        assert_eq!([Clock::Wall, Clock::Processor, Clock::None].map(spoiled), [true, false, false]);
    }

    #[test]
    fn what_makes_only_its_own_processes_wait_voids_nothing() {
        let limits = Limits::default();
        let of = |others: Option<f64>| Conditions {
            pressure_pct: Some(100.0),
            others_pct: others,
            ..Conditions::default()
        };
        let void = |others| limits.spoils(Clock::Wall, &of(others));
        assert_eq!(void(Some(4.0)), None, "threads of its own");
        assert!(void(Some(45.0)).is_some(), "others had nearly half of the machine");
        assert!(void(None).is_some(), "nobody knows whose they were");
    }
}
