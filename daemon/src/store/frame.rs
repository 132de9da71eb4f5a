//! What surrounds everything on disk: `magic (8), version (4), length (4), payload, CRC-32C (4)`, big endian, where
//! the checksum covers all that precedes it.

/// Version that is written. Older ones do not exist yet.
const VERSION: u32 = 1;
const HEADER: usize = 16;
const CHECKSUM: usize = 4;

/// Longest payload: far more than any lease has, for a DHCP message is at most 64 KiB.
pub(super) const MAX_PAYLOAD: usize = 1 << 20;
/// Longest file.
pub(super) const MAX_FILE: usize = HEADER + MAX_PAYLOAD + CHECKSUM;

/// What a file is about, so that one is not taken for the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Link,
    Duid,
    Secret,
}

impl Kind {
    const fn magic(self) -> &'static [u8; 8] {
        match self {
            Self::Link => b"dhcp4o6L",
            Self::Duid => b"dhcp4o6D",
            Self::Secret => b"dhcp4o6S",
        }
    }
}

/// Why a file is not used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum BadFile {
    #[error("it is not one of our files")]
    Magic,
    #[error("it has version {0}, which is newer than this program")]
    Newer(u32),
    #[error("it is damaged")]
    Damaged,
}

/// Frames a payload; `None` when it is too long.
pub(super) fn wrap(kind: Kind, payload: &[u8]) -> Option<Vec<u8>> {
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
pub(super) fn unwrap(kind: Kind, file: &[u8]) -> Result<&[u8], BadFile> {
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

/// CRC-32C (Castagnoli), as iSCSI has it: RFC 7143 §13.1, examples in RFC 3720 §B.4.
pub(super) fn crc32c(octets: &[u8]) -> u32 {
    !octets.iter().fold(u32::MAX, |sum, octet| {
        let [low, ..] = sum.to_le_bytes();
        TABLE[usize::from(low ^ octet)] ^ (sum >> 8)
    })
}

/// The effect of one octet: reflected polynomial 0x82f63b78.
const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_of_the_examples_in_rfc_3720() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        // The RFC prints them as octets on the wire, least significant first.
        assert_eq!(crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
        assert_eq!(crc32c(&[0xff; 32]).to_le_bytes(), [0x43, 0xab, 0xa8, 0x62]);
        assert_eq!(crc32c(&ascending).to_le_bytes(), [0x4e, 0x79, 0xdd, 0x46]);
        assert_eq!(crc32c(&descending).to_le_bytes(), [0x5c, 0xdb, 0x3f, 0x11]);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

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
