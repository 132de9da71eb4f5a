//! What surrounds everything on disk: `magic (8), version (4), length (4), payload, CRC-32C (4)`, big endian, where
//! the checksum covers all that precedes it.

use crate::checksum::crc32c;

/// Version that is written. Older ones do not exist yet.
const VERSION: u32 = 1;
/// Octets before the payload.
pub(crate) const HEADER: usize = 16;
/// Octets behind the payload.
pub(crate) const CHECKSUM: usize = 4;

/// Longest payload: far more than any lease has, for a DHCP message is at most 64 KiB.
pub(crate) const MAX_PAYLOAD: usize = 1 << 20;
/// Longest file.
pub(crate) const MAX_FILE: usize = HEADER + MAX_PAYLOAD + CHECKSUM;

/// What a file is about, so that one is not taken for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Link,
    Duid,
    Secret,
    /// Begins a server's journal.
    Journal,
    /// Begins a snapshot of a server's leases.
    Snapshot,
}

impl Kind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Link => b"dhcp4o6L",
            Self::Duid => b"dhcp4o6D",
            Self::Secret => b"dhcp4o6S",
            Self::Journal => b"dhcp4o6J",
            Self::Snapshot => b"dhcp4o6T",
        }
    }
}

/// Why a file is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum BadFile {
    #[error("it is not one of our files")]
    Magic,
    #[error("it has version {0}, which is newer than this program")]
    Newer(u32),
    #[error("it is damaged")]
    Damaged,
}

/// Frames a payload; `None` when it is too long.
pub(crate) fn wrap(kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= MAX_PAYLOAD)?;
    let mut file = Vec::with_capacity(HEADER + payload.len() + CHECKSUM);
    file.extend(kind.magic());
    file.extend(VERSION.to_be_bytes());
    file.extend(length.to_be_bytes());
    file.extend(payload);
    file.extend(crc32c(&file).to_be_bytes());
    Some(file)
}

/// The payload of a file.
pub(crate) fn unwrap(kind: Kind, file: &[u8]) -> Result<&[u8], BadFile> {
    let (magic, rest) = file.split_first_chunk::<8>().ok_or(BadFile::Damaged)?;
    if magic != kind.magic() {
        return Err(BadFile::Magic);
    }
    let (version, rest) = rest.split_first_chunk().ok_or(BadFile::Damaged)?;
    match u32::from_be_bytes(*version) {
        VERSION => {}
        newer if newer > VERSION => return Err(BadFile::Newer(newer)),
        _ => return Err(BadFile::Damaged),
    }
    let (length, rest) = rest.split_first_chunk().ok_or(BadFile::Damaged)?;
    let (payload, checksum) = rest.split_last_chunk().ok_or(BadFile::Damaged)?;
    let covered = file.get(..file.len() - CHECKSUM).ok_or(BadFile::Damaged)?;
    let whole = usize::try_from(u32::from_be_bytes(*length)) == Ok(payload.len())
        && payload.len() <= MAX_PAYLOAD
        && u32::from_be_bytes(*checksum) == crc32c(covered);
    if whole { Ok(payload) } else { Err(BadFile::Damaged) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_unwraps_and_nothing_else_does() {
        let file = wrap(Kind::Link, b"payload").unwrap();
        assert_eq!(unwrap(Kind::Link, &file), Ok(b"payload".as_slice()));
        assert_eq!(unwrap(Kind::Duid, &file), Err(BadFile::Magic));
        for length in 0..file.len() {
            assert!(unwrap(Kind::Link, &file[..length]).is_err(), "cut to {length}");
        }
        for bit in 0..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(unwrap(Kind::Link, &flipped).is_err(), "bit {bit}");
        }
        let longer = [file.as_slice(), b"x"].concat();
        assert_eq!(unwrap(Kind::Link, &longer), Err(BadFile::Damaged));
    }

    #[test]
    fn a_newer_version_is_told_apart_from_damage() {
        let mut file = wrap(Kind::Link, b"{}").unwrap();
        file[11] = 2;
        assert_eq!(unwrap(Kind::Link, &file), Err(BadFile::Newer(2)));
    }

    #[test]
    fn a_payload_that_could_not_be_read_back_is_not_written() {
        assert!(wrap(Kind::Link, &vec![0; MAX_PAYLOAD]).is_some());
        assert!(wrap(Kind::Link, &vec![0; MAX_PAYLOAD + 1]).is_none());
    }
}
