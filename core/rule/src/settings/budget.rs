//! What ends a run of training.

use serde::{Deserialize, Serialize};

/// What ends a run of training that is measured: `budget` in `[rule]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Budget {
    /// The time on the wall: a busy machine does less in it.
    #[default]
    Wall,
    /// Processor time.
    Cpu,
    /// A number of steps, whatever they take.
    Steps,
}

impl Budget {
    /// Whether it is what is taken where nothing is said.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// What it means for the figure, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Wall => {
                "a run of training ends by the time on the wall, so what else the machine does changes how far it gets: pairs that it disturbs are void ([machine])"
            }
            Self::Cpu => {
                "a run of training ends by its processor time, which a busy machine hardly disturbs: no pair is void for what others do"
            }
            Self::Steps => {
                "a run of training ends after a number of steps, so what is faster is not better by it: no pair is void for what others do"
            }
        }
    }
}
