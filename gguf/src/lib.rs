//! Models as GGUF, the file that llama.cpp's servers load: the one that piton ships, and ones of random weights in any size.
//!
//! A sweep is tried on a real server, and a real server wants a real model. The shipped model answers as the harness's reference does, so that a
//! server's answers can be held against it; random ones say nothing, and need the memory and the time of models of their size.
//!
//! Modules stand in one order and import only upwards.

pub mod numbers;

pub mod file;

pub mod vocabulary;

pub mod shape;

pub mod convert;

pub mod random;
