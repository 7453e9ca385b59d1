//! Keys and values of the tokens seen so far.

use crate::config::Config;
use crate::rows::Rows;
use crate::settings::{CACHE_BITS, CACHE_PAGE};

/// The cache of one request: begun empty, dropped with the answer.
pub struct Cache {
    pub layers: Vec<LayerCache>,
}

/// One layer's keys and values, a row for each position.
pub struct LayerCache {
    pub keys: Rows,
    pub values: Rows,
}

impl Cache {
    /// An empty cache for `layers` layers.
    pub fn new(config: &Config, layers: usize) -> Self {
        let (head_dim, width) = (config.head_dim, config.kv_heads * config.head_dim);
        let rows = || Rows::for_cache(CACHE_BITS, width, head_dim);
        Self { layers: (0..layers).map(|_| LayerCache { keys: rows(), values: rows() }).collect() }
    }
}

impl LayerCache {
    /// Positions held.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Appends the key and the value of the next position.
    pub fn push(&mut self, key: &[f32], value: &[f32]) {
        if self.len().is_multiple_of(CACHE_PAGE) {
            self.keys.reserve(CACHE_PAGE);
            self.values.reserve(CACHE_PAGE);
        }
        self.keys.push(key);
        self.values.push(value);
    }
}
