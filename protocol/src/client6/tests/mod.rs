//! The client against messages written by hand, with time and chance scripted.

mod acquiring;
mod bench;
mod chance;
mod judging;
mod keeping;
mod leaving;
mod moving;
mod recordings;
