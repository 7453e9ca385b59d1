//! End-to-end tests of piton.
