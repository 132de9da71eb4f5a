//! Waiting for a descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Puts a descriptor in the hands of the runtime, to wait for `interest`.
#[expect(
    deprecated,
    reason = "the replacement is unsafe, for descriptors that their type does not own; what is AsFd does"
)]
///
/// # Errors
/// When there is no runtime, or it cannot wait for such a descriptor.
pub fn watch<T: AsFd + AsRawFd>(owner: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owner, interest)
}
