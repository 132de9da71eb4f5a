//! Bytes to meaning and back. Parsing is total: any octets give a value or a refusal, in linear time, reading nothing
//! outside the buffer. Options stay slices; what is relayed is never parsed and printed.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::unwrap_used,
        clippy::expect_used
    )
)]

pub mod agent;
pub mod domain;
pub mod encapsulation;
pub mod frame;
pub mod o6;
pub mod reader;
pub mod relay;
pub mod softwire;
pub mod text;
pub mod transit;
pub mod v4;
pub mod v4_option;
pub mod v6;
pub mod v6_option;
pub mod writer;

pub use reader::Reader;
pub use writer::{TooLong, Writer};
