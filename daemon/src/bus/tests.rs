//! The service's objects on a bus of the test's own, fed through the channels as the supervisor and the links do it.

mod contract;
mod life;
mod provider;
mod size;
mod transport;
mod world;
