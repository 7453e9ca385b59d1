//! Everything about the engine that can be changed by changing a number.
//!
//! The defaults are the plain, exact way. Each constant says its unit and the values it can take; another
//! value is a compile error.

/// Prompt tokens taken through the layers together: each weight is read once for all of them.
/// Values: from 1, such as 1, 8, 32, 128.
pub const PREFILL_BATCH: usize = 1;

/// Whether logits are computed for every token of the prompt, or for its last token alone.
pub const LOGITS_AT_EVERY_POSITION: bool = true;

/// Bits per stored weight (norms and biases stay f32).
/// Values: 32 is f32, 16 bf16; 5 to 8 integers with a scale per row, a byte each; 2 to 4 integers with a
/// scale per 32 weights, half a byte each.
pub const WEIGHT_BITS: u32 = 32;

/// Bits per value in the KV cache.
/// Values: 32 is f32, 16 f16; 2 to 8 integers with a scale per vector of a head, a byte each from 5 bits up,
/// half a byte each below.
pub const CACHE_BITS: u32 = 32;

/// Positions by which the KV cache grows when it is full.
/// Values: from 1, such as 16, 64, 256.
pub const CACHE_PAGE: usize = 64;

/// Positions that a token attends to, counted back from itself and with itself.
/// Values: 0 for all, or from 1, such as 128, 384.
pub const WINDOW: usize = 0;

/// Layers left out at the end of the stack.
/// Values: from 0 to the number of layers.
pub const LAYERS_SKIPPED: usize = 0;

/// Temperature at which the next token is drawn (logits are divided by it).
/// Values: 0.0 for the likeliest token, or above, such as 0.7.
pub const TEMPERATURE: f32 = 0.0;

/// Share of the probability mass that a drawn token comes from, the likeliest tokens first. Without effect
/// at temperature 0.
/// Values: above 0.0 to 1.0, such as 0.9.
pub const TOP_P: f32 = 1.0;

const _: () = {
    assert!(PREFILL_BATCH >= 1, "PREFILL_BATCH is at least 1 token");
    assert!(matches!(WEIGHT_BITS, 2..=8 | 16 | 32), "WEIGHT_BITS is 2 to 8, 16 or 32");
    assert!(matches!(CACHE_BITS, 2..=8 | 16 | 32), "CACHE_BITS is 2 to 8, 16 or 32");
    assert!(CACHE_PAGE >= 1, "CACHE_PAGE is at least 1 position");
    assert!(TEMPERATURE >= 0.0, "TEMPERATURE is not negative");
    assert!(TOP_P > 0.0 && TOP_P <= 1.0, "TOP_P is above 0 and at most 1");
};
