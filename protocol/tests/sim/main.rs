//! The link role in a simulated network, invariants checked after every step.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod agent_seeds;
mod crashes;
mod histories;
mod main_path;
mod matrix;
mod model;
mod seeds;
mod years;
