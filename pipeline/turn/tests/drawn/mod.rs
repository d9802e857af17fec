//! Calls drawn from a seed, and how one that breaks a law is made small.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod draw;
pub mod plan;
pub mod shrink;
