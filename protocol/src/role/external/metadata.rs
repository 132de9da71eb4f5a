//! What travels along with a query: one sub-option, and a seal so that nobody else's can be taken for it.
//!
//! ```text
//! version (4 bits) | flags (4 bits) | seal (8) | [giaddr (4)] | length (1) | way back | [client identifier]
//! ```
//!
//! The seal is SipHash-2-4 over all of it and over what ties an answer to its query: transaction id and hardware
//! address. Metadata is of use with that one query only, and only who has the secret can make it.
//! It does not end with time: who can send as one of the servers and has seen an answer can repeat it, to a client that
//! no longer waits for that transaction. Another secret makes all of it worthless at once.

use crate::ids::Xid4;
use crate::wire::Reader;
use crate::wire::transit::Transit;
use crate::wire::v4::Message;
use siphasher::sip::SipHasher24;
use std::fmt;
use std::hash::Hasher;
use std::net::Ipv4Addr;

/// Another number for every change of the format.
const VERSION: u8 = 1;
const HAS_GIADDR: u8 = 1;
const HAS_CLIENT_ID: u8 = 2;
/// Version, flags and seal.
const SEALED_FROM: usize = 9;
/// Octets besides those of the parts.
const OVERHEAD: usize = SEALED_FROM + 1;

/// What has to be known when the answer comes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Metadata<'a> {
    /// The way to the client, encoded.
    pub(super) way_back: &'a [u8],
    /// The client's giaddr; usually unspecified.
    pub(super) giaddr: Ipv4Addr,
    /// The client's option 61, if it had one and there was room.
    pub(super) client_id: Option<&'a [u8]>,
}

impl Metadata<'_> {
    /// Octets that it takes.
    pub(super) fn len(&self) -> usize {
        let giaddr = if self.giaddr.is_unspecified() { 0 } else { 4 };
        let client_id = self.client_id.map_or(0, <[u8]>::len);
        OVERHEAD.saturating_add(giaddr).saturating_add(self.way_back.len()).saturating_add(client_id)
    }
}

/// What ties an answer to its query: servers return both the transaction id and `hlen` octets of hardware address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transaction<'a> {
    xid: Xid4,
    hardware: &'a [u8],
}

impl<'a> Transaction<'a> {
    /// That of a query.
    pub(super) fn asked(query: &'a Message<'_>) -> Self {
        Self { xid: query.xid, hardware: query.hardware() }
    }

    /// That of an answer.
    pub(super) fn answered(answer: &Transit<'a>) -> Self {
        Self { xid: answer.xid(), hardware: answer.hardware() }
    }
}

/// The key that metadata is sealed with.
pub(super) struct Seal([u8; 16]);

impl Seal {
    pub(super) const fn new(secret: [u8; 16]) -> Self {
        Self(secret)
    }

    /// The value of our sub-option. `None` when it is too long for one.
    pub(super) fn close(&self, metadata: &Metadata<'_>, transaction: Transaction<'_>) -> Option<Vec<u8>> {
        let mut flags = 0;
        let mut octets = Vec::with_capacity(metadata.len());
        octets.extend([0; SEALED_FROM]);
        if !metadata.giaddr.is_unspecified() {
            flags |= HAS_GIADDR;
            octets.extend(metadata.giaddr.octets());
        }
        octets.push(u8::try_from(metadata.way_back.len()).ok()?);
        octets.extend(metadata.way_back);
        if let Some(id) = metadata.client_id {
            flags |= HAS_CLIENT_ID;
            octets.extend(id);
        }
        let (head, rest) = octets.split_at_mut_checked(SEALED_FROM)?;
        let (first, seal) = head.split_first_mut()?;
        *first = VERSION << 4 | flags;
        seal.copy_from_slice(&self.over(*first, rest, transaction));
        (octets.len() <= usize::from(u8::MAX)).then_some(octets)
    }

    /// What [`Seal::close`] wrote for this transaction. `None` for everything else.
    pub(super) fn open<'a>(&self, octets: &'a [u8], transaction: Transaction<'_>) -> Option<Metadata<'a>> {
        let mut reader = Reader::new(octets);
        let first = reader.u8()?;
        let seal: [u8; 8] = reader.array()?;
        if seal != self.over(first, reader.rest(), transaction) || first >> 4 != VERSION {
            return None;
        }
        let giaddr = if first & HAS_GIADDR != 0 { reader.ipv4()? } else { Ipv4Addr::UNSPECIFIED };
        let length = reader.u8()?;
        let way_back = reader.take(usize::from(length))?;
        let has_client_id = first & HAS_CLIENT_ID != 0;
        (has_client_id || reader.is_empty()).then_some(())?;
        Some(Metadata { way_back, giaddr, client_id: has_client_id.then_some(reader.rest()) })
    }

    fn over(&self, first: u8, rest: &[u8], transaction: Transaction<'_>) -> [u8; 8] {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(&transaction.xid.0.to_be_bytes());
        // `hlen` is at most 16.
        hasher.write(&[u8::try_from(transaction.hardware.len()).unwrap_or(u8::MAX)]);
        hasher.write(transaction.hardware);
        hasher.write(&[first]);
        hasher.write(rest);
        hasher.finish().to_be_bytes()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}
