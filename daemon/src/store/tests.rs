//! The store on a disk that forgets, and on one that is real.

use super::*;
use dhcp4o6_protocol::ids::{Duid, Iaid};
use dhcp4o6_protocol::lease::Lease4;
use dhcp4o6_protocol::permit::{Permit, WireProfile};
use dhcp4o6_protocol::record::EndpointRecord;
use dhcp4o6_protocol::time::Lifetime;
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

const HOUR: i64 = 3_600_000_000;

fn key(name: &str) -> LinkKey {
    LinkKey { namespace: None, identity: Identity::Name(name.to_owned()) }
}

fn record(last_octet: u8, requested_secs: u64) -> LinkRecord {
    let at = |secs| Some(Instant::from_secs(requested_secs + secs));
    let lease = Lease4 {
        address: Ipv4Addr::new(192, 0, 2, last_octet),
        server_id: Ipv4Addr::new(192, 0, 2, 1),
        requested_at: Instant::from_secs(requested_secs),
        lifetime: Lifetime(3600),
        renew_at: at(1800),
        rebind_at: at(3150),
        expires_at: at(3600),
        options: vec![(1, vec![255, 255, 255, 0]), (15, b"example".to_vec())],
        source: None,
    };
    let permit = Permit {
        profile: WireProfile::Rfc7341,
        servers: Vec::new(),
        since: Instant::from_secs(requested_secs),
    };
    LinkRecord { lease4: Some(lease), permit: Some(permit), ..LinkRecord::new(Iaid(7)) }
}

fn expiry(record: &LinkRecord) -> Instant {
    record.lease4.as_ref().unwrap().expires_at.unwrap()
}

fn duid(last: u8) -> Duid {
    Duid::link_layer(1, &[2, 0, 0x5e, 0x10, 0, last]).unwrap()
}

fn at_1000_secs() -> Instant {
    Instant::from_secs(1000)
}

/// A boot whose wall clock shows hour `HOURS` at its beginning; now is 1000 s later.
fn boot<const HOURS: i64>(boot_id: &str) -> BootClock {
    BootClock { boot_id: boot_id.to_owned(), now: at_1000_secs, wall_minus_boot_micros: || HOURS * HOUR }
}

/// A change of names that is not on the disk for certain.
#[derive(Clone, Debug)]
enum Change {
    Made(String, Vec<u8>),
    Removed(String),
    Renamed(String, String, Vec<u8>),
}

type Names = BTreeMap<String, Vec<u8>>;

fn apply(names: &mut Names, change: &Change) {
    match change {
        Change::Made(name, content) => {
            names.insert(name.clone(), content.clone());
        }
        Change::Removed(name) => {
            names.remove(name);
        }
        // Its content was synced, so the file is whole whether or not its first name was ever seen.
        Change::Renamed(from, to, content) => {
            names.remove(from);
            names.insert(to.clone(), content.clone());
        }
    }
}

/// What the disk holds for certain, and what it may hold.
#[derive(Clone, Default, Debug)]
struct Platter {
    durable: Names,
    pending: Vec<Change>,
    /// Operations that still succeed; `None` is all.
    left: Option<usize>,
    /// A failure is one bad moment, and not the end.
    passing: bool,
    /// No operation was refused.
    spared: bool,
}

impl Platter {
    fn on(durable: Names) -> Self {
        Self { durable, spared: true, ..Self::default() }
    }

    fn failing_after(self, operations: usize) -> Self {
        Self { left: Some(operations), ..self }
    }

    fn seen(&self) -> Names {
        let mut names = self.durable.clone();
        self.pending.iter().for_each(|change| apply(&mut names, change));
        names
    }

    fn operate(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => {
                if self.passing {
                    self.left = None;
                }
                self.spared = false;
                Err(io::Error::other("the plug is out"))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Everything that may be on the disk after the plug was pulled now: any of the pending changes got there.
    fn survivors(&self) -> Vec<Names> {
        assert!(self.pending.len() < 10, "too many to try: {:?}", self.pending);
        let subsets = 0..1_u32 << self.pending.len();
        subsets
            .map(|subset| {
                let mut names = self.durable.clone();
                let taken = self.pending.iter().enumerate().filter(|(bit, _)| subset >> bit & 1 == 1);
                taken.for_each(|(_, change)| apply(&mut names, change));
                names
            })
            .collect()
    }
}

#[derive(Clone)]
struct FakeDisk(Rc<RefCell<Platter>>);

impl FakeDisk {
    fn new(platter: Platter) -> Self {
        Self(Rc::new(RefCell::new(platter)))
    }
}

impl<D: Disk> Store<D> {
    /// As the daemon does it: durable when it returns without error.
    fn save(&mut self, key: &LinkKey, record: &LinkRecord) -> Result<(), StoreError> {
        let Some(draft) = self.draft(key, record)? else { return Ok(()) };
        let outcome = put(&mut self.disk, std::slice::from_ref(&draft)).pop().unwrap();
        outcome.map(|()| self.kept(draft))
    }
}

impl Disk for FakeDisk {
    fn read(&mut self, name: &str, _most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut disk = self.0.borrow_mut();
        disk.operate()?;
        Ok(disk.seen().get(name).cloned())
    }

    fn write(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        if disk.seen().contains_key(name) {
            disk.pending.push(Change::Removed(name.to_owned()));
        }
        let half = content[..content.len() / 2].to_vec();
        let mut garbled = content.to_vec();
        garbled.iter_mut().skip(9).for_each(|octet| *octet = 0);
        if let Err(error) = disk.operate() {
            // Not synced: it may be there in any shape. Each of these alone survives in some subset.
            for torn in [Vec::new(), half, garbled, content.to_vec()] {
                disk.pending.push(Change::Made(name.to_owned(), torn));
            }
            return Err(error);
        }
        disk.pending.push(Change::Made(name.to_owned(), content.to_vec()));
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        disk.operate()?;
        let content = disk.seen().get(from).cloned().ok_or(io::ErrorKind::NotFound)?;
        disk.pending.push(Change::Renamed(from.to_owned(), to.to_owned(), content));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.0.borrow_mut();
        disk.operate()?;
        disk.durable = disk.seen();
        disk.pending.clear();
        Ok(())
    }

    fn has(&mut self, name: &str) -> bool {
        self.0.borrow().seen().contains_key(name)
    }
}

/// What a program that ran on a failing disk was promised, and what it was still waiting for.
#[derive(Default, Debug)]
struct Promised {
    wan0: Option<LinkRecord>,
    wan0_asked: Option<LinkRecord>,
    duid: Option<Duid>,
    duid_asked: Option<Duid>,
}

/// A small life: a DUID, two leases, renewals, another DUID. Stops at the first error, as a crash does.
fn live(store: &mut Store<FakeDisk>, promised: &mut Promised) -> Result<(), StoreError> {
    let kept = store.duid(|| duid(1));
    promised.duid_asked = Some(kept.clone());
    for (name, last_octet, requested) in
        [("wan0", 10, 0), ("wan1", 20, 0), ("wan0", 10, 1800), ("wan0", 11, 1801)]
    {
        let record = record(last_octet, requested);
        if name == "wan0" {
            promised.wan0_asked = Some(record.clone());
        }
        store.save(&key(name), &record)?;
        // A lease is durable only with its DUID.
        promised.duid = Some(kept.clone());
        if name == "wan0" {
            promised.wan0 = Some(record);
        }
    }
    promised.duid_asked = Some(duid(2));
    store.set_duid(&duid(2))?;
    promised.duid = Some(duid(2));
    Ok(())
}

fn check_survivor(names: Names, promised: &Promised) {
    let mut store = Store::on(FakeDisk::new(Platter::on(names.clone())), boot::<0>("one"));
    let found = store.load(&key("wan0"));
    assert!(found == promised.wan0 || found == promised.wan0_asked, "{found:?} of {promised:?}");
    let found = store.duid(|| duid(99));
    let fresh = promised.duid.is_none() && found == duid(99);
    assert!(fresh || Some(&found) == promised.duid.as_ref() || Some(&found) == promised.duid_asked.as_ref());
    // It must work on, and keep what it said.
    store.save(&key("wan0"), &record(77, 5)).unwrap();
    assert_eq!(store.load(&key("wan0")), Some(record(77, 5)));
    let again = store.duid(|| duid(98));
    assert_eq!(again, found);
}

#[test]
fn after_a_crash_at_any_moment_the_old_or_the_new_record_is_there_whole() {
    let mut crashes = 0;
    let mut survivors = 0;
    for operations in 0.. {
        let disk = FakeDisk::new(Platter::on(Names::new()).failing_after(operations));
        let mut promised = Promised::default();
        let _ = live(&mut Store::on(disk.clone(), boot::<0>("one")), &mut promised);
        let platter = disk.0.borrow().clone();
        for names in platter.survivors() {
            survivors += 1;
            check_survivor(names, &promised);
        }
        if platter.spared {
            break;
        }
        crashes += 1;
    }
    assert!(crashes >= 20, "only {crashes} moments were tried");
    assert!(survivors >= 200, "only {survivors} outcomes were tried");
}

#[test]
fn a_crash_while_the_second_copy_of_the_duid_is_restored_loses_nothing() {
    let disk = FakeDisk::new(Platter::on(Names::new()));
    Store::on(disk.clone(), boot::<0>("one")).duid(|| duid(1));
    let whole = disk.0.borrow().seen();
    for damaged in ["duid", "duid.bak"] {
        let mut names = whole.clone();
        names.insert(damaged.to_owned(), b"dhcp4o6D?".to_vec());
        for operations in 0.. {
            let disk = FakeDisk::new(Platter::on(names.clone()).failing_after(operations));
            // Without a disk to read, another DUID is used for the moment; it must not be kept.
            Store::on(disk.clone(), boot::<0>("one")).duid(|| duid(50));
            let platter = disk.0.borrow().clone();
            for names in platter.survivors() {
                let found = Store::on(FakeDisk::new(Platter::on(names)), boot::<0>("one")).duid(|| duid(51));
                assert_eq!(found, duid(1), "{damaged} after {operations}");
            }
            if platter.spared {
                break;
            }
        }
    }
}

#[test]
fn a_failed_write_counts_as_none_and_the_next_one_is_durable() {
    for operations in 0.. {
        let disk =
            FakeDisk::new(Platter { passing: true, ..Platter::on(Names::new()) }.failing_after(operations));
        let mut store = Store::on(disk.clone(), boot::<0>("one"));
        let _ = store.save(&key("wan0"), &record(10, 0));
        let _ = store.save(&key("wan0"), &record(11, 0));
        // The same once more: it must not be taken for written because it was once tried.
        store.save(&key("wan0"), &record(11, 0)).unwrap();
        let platter = disk.0.borrow().clone();
        for names in platter.survivors() {
            let mut store = Store::on(FakeDisk::new(Platter::on(names)), boot::<0>("one"));
            assert_eq!(store.load(&key("wan0")), Some(record(11, 0)), "failure after {operations}");
        }
        if platter.spared {
            break;
        }
    }
}

#[test]
fn a_duid_that_the_disk_refused_at_first_is_kept_with_the_first_lease() {
    // Two reads find nothing, then the write fails once.
    let disk = FakeDisk::new(Platter { passing: true, ..Platter::on(Names::new()) }.failing_after(2));
    let mut store = Store::on(disk.clone(), boot::<0>("one"));
    assert_eq!(store.duid(|| duid(1)), duid(1));
    assert!(!disk.0.borrow().spared);
    store.save(&key("wan0"), &record(10, 0)).unwrap();
    let names = disk.0.borrow().durable.clone();
    let mut store = Store::on(FakeDisk::new(Platter::on(names)), boot::<0>("one"));
    assert_eq!(store.duid(|| duid(2)), duid(1));
}

/// How often the disk was written to while `records` were saved one after the other.
fn writes(records: &[LinkRecord]) -> usize {
    let disk = FakeDisk::new(Platter::on(Names::new()));
    let mut store = Store::on(disk.clone(), boot::<0>("one"));
    let mut last = Names::new();
    let mut writes = 0;
    for record in records {
        store.save(&key("wan0"), record).unwrap();
        let now = disk.0.borrow().durable.clone();
        writes += usize::from(now != last);
        last = now;
    }
    writes
}

#[test]
fn renewals_within_a_minute_are_not_written_unless_more_than_times_changed() {
    assert_eq!(writes(&[record(10, 0), record(10, 59)]), 1);
    assert_eq!(writes(&[record(10, 0), record(10, 30), record(10, 60), record(10, 90)]), 2);
    assert_eq!(writes(&[record(10, 0), record(11, 1)]), 2, "another address");
    let mut shorter = record(10, 1);
    shorter.lease4.as_mut().unwrap().expires_at = Some(Instant::from_secs(3599));
    assert_eq!(writes(&[record(10, 0), shorter]), 2, "an end that came nearer");
    let mut infinite = record(10, 1);
    infinite.lease4.as_mut().unwrap().expires_at = None;
    assert_eq!(writes(&[record(10, 0), infinite]), 2, "an end that went away");
    let mut gone = record(10, 1);
    gone.lease4 = None;
    assert_eq!(writes(&[record(10, 0), gone]), 2, "a lease that went away");
}

fn written_by(boot: BootClock) -> Names {
    let disk = FakeDisk::new(Platter::on(Names::new()));
    Store::on(disk.clone(), boot).save(&key("wan0"), &record(10, 900)).unwrap();
    disk.0.borrow().durable.clone()
}

fn read_by(names: Names, boot: BootClock) -> LinkRecord {
    Store::on(FakeDisk::new(Platter::on(names)), boot).load(&key("wan0")).unwrap()
}

#[test]
fn in_the_same_boot_only_the_boot_clock_counts() {
    let names = written_by(boot::<100>("one"));
    assert_eq!(read_by(names.clone(), boot::<100>("one")), record(10, 900));
    assert_eq!(read_by(names, boot::<-500>("one")), record(10, 900), "the wall clock was set");
}

#[test]
fn in_another_boot_moments_move_by_the_difference_of_the_wall_clocks_v4_19() {
    let names = written_by(boot::<100>("one"));
    // An hour later by the wall clock, at the same 1000 s after boot.
    let found = read_by(names.clone(), boot::<101>("two"));
    assert_eq!(expiry(&found), Instant::from_secs(900), "3600 s of lease from 900 s, less 3600 s");
    let later = read_by(names, boot::<10_000>("two"));
    assert_eq!(expiry(&later), Instant::BOOT, "long expired, and not wrapped around");
}

#[test]
fn without_a_boot_id_every_record_is_of_another_boot() {
    let names = written_by(boot::<100>(""));
    assert_eq!(expiry(&read_by(names, boot::<101>(""))), Instant::from_secs(900));
}

#[test]
fn a_wall_clock_behind_the_record_makes_its_lease_a_hint() {
    let names = written_by(boot::<100>("one"));
    let found = read_by(names, boot::<99>("two"));
    assert_eq!(found.lease4.as_ref().unwrap().address, Ipv4Addr::new(192, 0, 2, 10));
    assert_eq!(expiry(&found), Instant::from_secs(1060), "a minute to ask for it");
    assert_eq!(found.lease4.unwrap().requested_at, Instant::from_secs(900));
}

#[test]
fn extreme_clocks_in_a_file_do_no_harm() {
    for (written_at, ahead) in [(u64::MAX, i64::MAX), (0, i64::MIN), (u64::MAX, i64::MIN), (0, i64::MAX)] {
        let saved = serde_json::json!({
            "key": key("wan0"), "boot_id": "x", "wall_minus_boot_micros": ahead,
            "written_at": written_at, "record": record(10, u64::MAX / 2_000_000),
        });
        let file = frame::wrap(Kind::Link, &serde_json::to_vec(&saved).unwrap()).unwrap();
        let names = Names::from([(key("wan0").file(), file)]);
        assert_eq!(read_by(names, boot::<0>("one")).iaid, Iaid(7));
    }
}

/// A state directory, gone with the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("dhcp4o6-store-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn store(&self) -> Store {
        Store::open(&self.0, boot::<0>("one"))
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_are_for_their_owner_only_and_named_by_hash_sec_16() {
    let scratch = Scratch::new("modes");
    let hostile = LinkKey {
        namespace: Some("../../etc".to_owned()),
        identity: Identity::Name("a/../b;\n$(reboot)".to_owned()),
    };
    let mut store = scratch.store();
    store.duid(|| duid(1));
    store.save(&hostile, &record(10, 0)).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&scratch.0), 0o700);
    let names = scratch.names();
    assert_eq!(names.len(), 3);
    for name in &names {
        assert_eq!(mode(&scratch.0.join(name)), 0o600, "{name}");
        assert!(name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-.".contains(&octet)), "{name}");
    }
    assert_eq!(scratch.store().load(&hostile), Some(record(10, 0)));
}

#[test]
fn different_links_have_different_files() {
    let mac = |namespace: Option<&str>| LinkKey {
        namespace: namespace.map(str::to_owned),
        identity: Identity::PermanentMac(b"wan0".to_vec()),
    };
    let name = |namespace: Option<&str>| LinkKey { namespace: namespace.map(str::to_owned), ..key("wan0") };
    let keys = [mac(None), name(None), mac(Some("a")), name(Some("a")), name(Some("")), name(Some("aN"))];
    let files: std::collections::BTreeSet<_> = keys.iter().map(LinkKey::file).collect();
    assert_eq!(files.len(), keys.len());
}

#[test]
fn a_file_of_another_link_is_not_used() {
    let scratch = Scratch::new("foreign");
    scratch.store().save(&key("wan0"), &record(10, 0)).unwrap();
    std::fs::rename(scratch.0.join(key("wan0").file()), scratch.0.join(key("wan1").file())).unwrap();
    assert_eq!(scratch.store().load(&key("wan1")), None);
}

#[test]
fn damaged_files_are_set_aside_and_not_missed() {
    let scratch = Scratch::new("damaged");
    let file = scratch.0.join(key("wan0").file());
    for round in 1..=12 {
        scratch.store().save(&key("wan0"), &record(10, 0)).unwrap();
        let mut content = std::fs::read(&file).unwrap();
        let middle = content.len() / 2;
        content[middle] ^= 1;
        std::fs::write(&file, content).unwrap();
        assert_eq!(scratch.store().load(&key("wan0")), None, "round {round}");
        assert!(!file.exists());
    }
    let bad: Vec<_> = scratch.names();
    assert_eq!(bad.len(), 9, "not without end: {bad:?}");
    assert!(bad.iter().all(|name| name.contains(".bad-")));
}

#[test]
fn a_whole_file_with_a_payload_that_is_no_record_is_set_aside() {
    let scratch = Scratch::new("nonsense");
    scratch.store().save(&key("wan0"), &record(10, 0)).unwrap();
    let file = scratch.0.join(key("wan0").file());
    for payload in [b"".as_slice(), b"null", b"[]", b"{\"key\":1}", b"\xff", &[b'['; 5000]] {
        std::fs::write(&file, frame::wrap(Kind::Link, payload).unwrap()).unwrap();
        assert_eq!(scratch.store().load(&key("wan0")), None);
        assert!(!file.exists());
    }
}

#[test]
fn no_octets_in_a_lease_file_make_the_store_panic() {
    proptest::proptest!(|(octets in proptest::collection::vec(proptest::num::u8::ANY, 0..200), framed in proptest::bool::ANY)| {
        let file = if framed { frame::wrap(Kind::Link, &octets).unwrap() } else { octets };
        let names = Names::from([(key("wan0").file(), file.clone()), ("duid".to_owned(), file)]);
        let mut store = Store::on(FakeDisk::new(Platter::on(names)), boot::<0>("one"));
        assert_eq!(store.load(&key("wan0")), None);
        assert_eq!(store.duid(|| duid(3)), duid(3));
    });
}

#[test]
fn a_record_with_the_longest_options_is_read_back() {
    let scratch = Scratch::new("long");
    let mut long = record(10, 0);
    long.lease4.as_mut().unwrap().options = vec![(121, vec![255; 65_000])];
    scratch.store().save(&key("wan0"), &long).unwrap();
    assert_eq!(scratch.store().load(&key("wan0")), Some(long.clone()));
    long.lease4.as_mut().unwrap().options = vec![(121, vec![255; 1 << 20])];
    assert!(matches!(scratch.store().save(&key("wan0"), &long), Err(StoreError::TooLong { .. })));
}

#[test]
fn the_duid_is_made_once_c6_22() {
    let scratch = Scratch::new("duid");
    assert_eq!(scratch.store().duid(|| duid(1)), duid(1));
    assert_eq!(scratch.store().duid(|| panic!("there is one")), duid(1));
    scratch.store().set_duid(&duid(2)).unwrap();
    assert_eq!(scratch.store().duid(|| panic!("there is one")), duid(2));
}

#[test]
fn a_damaged_duid_is_replaced_by_its_second_copy() {
    let scratch = Scratch::new("copy");
    scratch.store().duid(|| duid(1));
    for damaged in ["duid", "duid.bak"] {
        std::fs::write(scratch.0.join(damaged), b"").unwrap();
        assert_eq!(scratch.store().duid(|| panic!("there is one")), duid(1));
        std::fs::remove_file(scratch.0.join(damaged)).unwrap();
        assert_eq!(scratch.store().duid(|| panic!("there is one")), duid(1));
    }
    assert_eq!(scratch.names(), ["duid", "duid.bad-1", "duid.bak", "duid.bak.bad-1"]);
}

#[test]
fn only_when_both_copies_are_damaged_another_duid_is_made() {
    let scratch = Scratch::new("both");
    scratch.store().duid(|| duid(1));
    std::fs::write(scratch.0.join("duid"), b"x").unwrap();
    std::fs::write(scratch.0.join("duid.bak"), b"x").unwrap();
    assert_eq!(scratch.store().duid(|| duid(2)), duid(2));
    assert_eq!(scratch.store().duid(|| duid(3)), duid(2));
}

#[test]
fn a_duid_that_cannot_be_read_is_not_replaced() {
    let scratch = Scratch::new("unreadable");
    scratch.store().duid(|| duid(1));
    let (file, backup) = (scratch.0.join("duid"), scratch.0.join("duid.bak"));
    // A link to nowhere cannot be opened, whoever asks.
    std::fs::rename(&file, scratch.0.join("elsewhere")).unwrap();
    std::fs::remove_file(&backup).unwrap();
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    assert_eq!(scratch.store().duid(|| duid(2)), duid(2));
    assert!(file.is_symlink() && !backup.exists());
    std::fs::rename(scratch.0.join("elsewhere"), &file).unwrap();
    assert_eq!(scratch.store().duid(|| duid(3)), duid(1));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_and_not_the_end() {
    let scratch = Scratch::new("file");
    std::fs::write(&scratch.0, b"").unwrap();
    let mut store = scratch.store();
    assert_eq!(store.duid(|| duid(1)), duid(1));
    let error = store.save(&key("wan0"), &record(10, 0)).unwrap_err();
    assert!(error.to_string().starts_with("duid: "), "{error}");
    std::fs::remove_file(&scratch.0).unwrap();
    store.save(&key("wan0"), &record(10, 0)).unwrap();
    assert_eq!(scratch.store().load(&key("wan0")), Some(record(10, 0)));
    assert_eq!(scratch.store().duid(|| duid(9)), duid(1));
}

#[test]
fn records_put_together_are_all_durable() {
    let disk = FakeDisk::new(Platter::on(Names::new()));
    let mut store = Store::on(disk.clone(), boot::<0>("one"));
    let keys = ["wan0", "wan1", "wan2"].map(key);
    let records = [1, 2, 3].map(|iaid| LinkRecord::new(Iaid(iaid)));
    let drafts: Vec<_> =
        keys.iter().zip(&records).map(|(key, record)| store.draft(key, record).unwrap().unwrap()).collect();
    assert!(put(&mut store.disk, &drafts).iter().all(Result::is_ok));
    let durable = disk.0.borrow().durable.clone();
    let mut after = Store::on(FakeDisk::new(Platter::on(durable)), boot::<0>("one"));
    assert_eq!(keys.map(|key| after.load(&key)), records.map(Some));
}

#[test]
fn endpoints_are_kept_and_a_link_without_any_is_stored_as_before() {
    let mut with_endpoints = record(1, 10);
    let voice = EndpointRecord { name: "voice".to_owned(), iaid: Iaid(8), lease4: record(2, 20).lease4 };
    with_endpoints.endpoints.push(voice);
    let stored = serde_json::to_value(&with_endpoints).unwrap();
    assert_eq!(serde_json::from_value::<LinkRecord>(stored).unwrap(), with_endpoints);
    let plain = serde_json::to_value(record(1, 10)).unwrap();
    assert_eq!(plain.get("endpoints"), None, "what earlier versions read and wrote");
    assert_eq!(serde_json::from_value::<LinkRecord>(plain).unwrap(), record(1, 10));
    let mut moments = Vec::new();
    with_endpoints.each_moment(|moment| moments.push(*moment));
    let leases = with_endpoints.endpoints.iter().filter_map(|endpoint| endpoint.lease4.as_ref());
    assert!(
        leases.map(|lease| lease.requested_at).all(|moment| moments.contains(&moment)),
        "shifted as well"
    );
}
