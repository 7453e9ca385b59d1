//! Hours of a shared machine: how much each kind of noise was, found from what pairs of a program with itself varied by.

/// Hours of a machine, as they were measured: METHODOLOGY.md, section 2, has both beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hour {
    /// Two cores, a load of 1 to 2.
    Quiet,
    /// A load of 5.
    Busy,
    /// A load of 9.
    Crowded,
    /// The first, and every second of work is .2 % faster than the one before: a machine that warms up.
    Warming,
}

/// The sizes of an hour's noise. Times are milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The drift: its sd, and how long it lasts.
    pub drift: (f64, f64),
    /// By how much each second is faster than the one before.
    pub warming: f64,
    /// Bursts: the mean time between two, their mean length, and by how much they lengthen what runs: a half to twice this, and a tenth of
    /// them ten times as long.
    pub bursts: (f64, f64, f64),
    /// The sd of a prompt of 20 ms on its own, where the same worker answered the one before, and where the other did.
    pub own: (f64, f64),
    /// The sd of what a prompt of 20 ms waits for others, by the clock on the wall alone.
    pub waits: f64,
    /// What a clock of processor time has of drift and bursts.
    pub processor: f64,
}

impl Hour {
    /// Found by trying, until the spreads of `sequential` and `interleaved` pairs came near those that were measured.
    pub fn sizes(self) -> Sizes {
        match self {
            Self::Warming => Sizes { warming: 0.002, ..Self::Quiet.sizes() },
            Self::Quiet => Sizes {
                drift: (0.002, 400.0),
                warming: 0.0,
                bursts: (500.0, 50.0, 0.22),
                own: (0.005, 0.013),
                waits: 0.0,
                processor: 0.5,
            },
            Self::Busy => Sizes {
                drift: (0.14, 3000.0),
                warming: 0.0,
                bursts: (3000.0, 200.0, 4.0),
                own: (0.015, 0.03),
                waits: 0.12,
                processor: 0.03,
            },
            Self::Crowded => Sizes {
                drift: (0.2, 3000.0),
                warming: 0.0,
                bursts: (4000.0, 200.0, 2.5),
                own: (0.015, 0.035),
                waits: 0.155,
                processor: 0.06,
            },
        }
    }
}
