//! Client relay agents and the transport roles, with stock clients in front of them and stock servers behind.

mod arrangements;
mod bad_input;
mod clients;
mod encapsulation;
mod endpoints;
mod lcra;
mod moves;
mod tra;
