//! Text of a file for other text: what a variant and an attack are made of.

use serde::Deserialize;

/// A replacement; `find` occurs exactly once.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replacement {
    pub file: String,
    pub find: String,
    pub replace: String,
}
