//! **What a person is shown**: tables, pictures, pages, the terminal's panel, exports and imports, as values and text.
//!
//! May enter: whatever turns records into something to read. May not: a decision, and whatever prints, serves or writes it.

pub mod compare;
pub mod decision_log;
pub mod finalize;
pub mod here;
pub mod html;
pub mod import;
pub mod live_state;
pub mod plot;
pub mod tables;
pub mod tui;
