//! What a metric counts by.

/// What a metric counts by: what the machine does meanwhile spoils one and not another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The time on the wall, or a figure of which nobody knows what it counts by.
    Wall,
    /// The time on processors: the kernel counts neither what others had nor waiting.
    Processor,
    /// None: a size.
    None,
}
