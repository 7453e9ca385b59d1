//! What is worth trying first: the settings of the model and of its training.

/// Layers.
pub const DEPTH: usize = 2;
/// Numbers that stand for one byte between layers; a multiple of [`HEAD`].
pub const WIDTH: usize = 64;
/// Numbers of them that one head of attention looks at.
pub const HEAD: usize = 32;
/// Numbers inside of a layer's second half, as a multiple of the width.
pub const WIDER: usize = 4;
/// How many bytes back, from the one that came last, each position is told at once.
pub const PAST: usize = 2;
/// Bytes that attention reaches back, and bytes of one piece of text in a step.
pub const REACH: usize = 128;
/// Pieces of text in a step.
pub const BATCH: usize = 8;
/// Largest step of the optimiser.
pub const LEARNING_RATE: f32 = 0.003;
/// Share of the budget until which the learning rate rises, and share from which it falls.
pub const WARM_UP: f32 = 0.02;
/// See [`WARM_UP`].
pub const DECAY_FROM: f32 = 0.5;
/// How strongly weights are pulled to zero.
pub const WEIGHT_DECAY: f32 = 0.01;
/// How much of the last gradients, and of the last squares of them, the optimiser remembers.
pub const BETAS: [f32; 2] = [0.9, 0.95];
/// Time that is kept for being scored, as a multiple of what it is found to take.
pub const SPARE: f32 = 1.5;
/// Processor time that handing over one byte of each stream takes, in seconds, beside computing.
pub const HANDING_OVER: f32 = 0.0001;
