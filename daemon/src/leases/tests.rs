//! The journal on a disk that forgets, on one that refuses, and on one that is real.

mod crash;
mod exchange;
mod fake;
mod files;
mod live;
mod times;

use super::*;
use dhcp4o6_protocol::binding::{Binding4, ClientKey, Holder, Origin, Slot4, State, Transport};
use dhcp4o6_protocol::time::Instant as Moment;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What an owner knows: the mark in the last record of each number, leases and reservations apart.
type Table = BTreeMap<(bool, u32), u32>;

/// Takes a record that one of the functions below has made.
fn apply(table: &mut Table, record: &Record) {
    let number = |address: &Ipv4Addr| address.to_bits() - 0x0a00_0000;
    let mark_of = |octets: &[u8]| u32::from_be_bytes(octets.try_into().unwrap());
    match record {
        Record::Lease4(Binding4 { slot, client: ClientKey::Id(mark), .. }) => {
            let (number, mark) = (number(&slot.address), mark_of(mark));
            assert_eq!(*record, lease(number, mark));
            table.insert((false, number), mark);
        }
        Record::Reserve4 { address, holder: Holder::Circuit(mark) } => {
            table.insert((true, number(address)), mark_of(mark));
        }
        Record::Gone4(slot) => _ = table.remove(&(false, number(&slot.address))),
        Record::Unreserve4 { address } => _ = table.remove(&(true, number(address))),
        other => panic!("no test writes {other:?}"),
    }
}

/// The records of a page: those after the cursor, and whether they are the last.
fn page(table: &Table, after: After, count: usize) -> (Vec<Record>, bool) {
    let (mut records, from): (Vec<_>, _) = match after {
        After::Start => {
            (table.range((true, 0)..).map(|((_, number), mark)| reservation(*number, *mark)).collect(), 0)
        }
        After::Lease4(slot) => (Vec::new(), slot.address.to_bits() - 0x0a00_0000 + 1),
        After::Lease6(slot) => panic!("no test has {slot:?}"),
    };
    let mut leases = table.range((false, from)..(true, 0)).map(|((_, number), mark)| lease(*number, *mark));
    records.extend(leases.by_ref().take(count));
    let last = leases.next().is_none();
    (records, last)
}

/// A lease of the address with this number. `mark` tells it from others of the same address.
fn lease(number: u32, mark: u32) -> Record {
    Record::Lease4(Binding4 {
        slot: Slot4 { address: address(number), ports: None },
        client: ClientKey::Id(mark.to_be_bytes().to_vec()),
        state: State::Bound,
        changed_at: Moment::from_secs(100),
        expires_at: Some(Moment::from_secs(100 + u64::from(mark))),
        origin: Origin::Network(u64::from(number)),
        source: Ipv6Addr::LOCALHOST,
        transport: Transport::Dhcp6,
        host_name: vec![b'x'; (mark % 20) as usize],
        softwire: None,
    })
}

fn gone(number: u32) -> Record {
    Record::Gone4(Slot4 { address: address(number), ports: None })
}

fn reservation(number: u32, mark: u32) -> Record {
    Record::Reserve4 { address: address(number), holder: Holder::Circuit(mark.to_be_bytes().to_vec()) }
}

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + number)
}

/// 1000 s after a boot at which the wall clock showed midnight.
fn boot() -> BootClock {
    BootClock {
        boot_id: "one".to_owned(),
        now: || Moment::from_secs(1000),
        wall_minus_boot_micros: || 1_800_000_000_000_000,
    }
}

/// Numbers that look random, the same ones for the same seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn below(&mut self, end: u64) -> u64 {
        // Splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// A directory of this test's own, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dhcp4o6-leases-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    /// The files of leases below it.
    fn names(&self) -> Vec<String> {
        let mut names = Directory::new(self.0.join(FOLDER)).names().unwrap();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
