//! What moments mean to another boot, and to a wall clock that was set.

use super::super::writer::Writer;
use super::fake::FakeDisk;
use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

const HOUR: i64 = 3_600_000_000;

/// 1000 s after a boot at which the wall clock showed hour `HOURS`.
fn boot_at<const HOURS: i64>(boot_id: &str) -> BootClock {
    BootClock {
        boot_id: boot_id.to_owned(),
        now: || Moment::from_secs(1000),
        wall_minus_boot_micros: || HOURS * HOUR,
    }
}

fn lasting(from_secs: u64, until_secs: Option<u64>) -> Record {
    let Record::Lease4(binding) = lease(1, 1) else { unreachable!() };
    Record::Lease4(Binding4 {
        changed_at: Moment::from_secs(from_secs),
        expires_at: until_secs.map(Moment::from_secs),
        ..binding
    })
}

fn write(disk: &FakeDisk, boot: BootClock, records: &[Record]) {
    let (mut writer, _) = Writer::open(disk.clone(), boot, Limits::USUAL, &mut |_| {});
    writer.begin().unwrap();
    for record in records {
        let mut batch = Batch::default();
        batch.push(record);
        writer.write(&mut batch.entries).unwrap();
    }
}

/// When the leases began and end, in seconds.
fn read(disk: &FakeDisk, boot: BootClock) -> Vec<(u64, Option<u64>)> {
    let mut found = Vec::new();
    let secs = |moment: Moment| moment.as_micros() / 1_000_000;
    let (_, loaded) = Writer::open(disk.clone(), boot, Limits::USUAL, &mut |record| match record {
        Record::Lease4(binding) => found.push((secs(binding.changed_at), binding.expires_at.map(secs))),
        other => panic!("{other:?}"),
    });
    assert_eq!(loaded.unwrap().bad, 0);
    found
}

#[test]
fn in_the_same_boot_only_the_boot_clock_counts() {
    let disk = FakeDisk::new(1);
    write(&disk, boot_at::<100>("one"), &[lasting(900, Some(4500))]);
    assert_eq!(read(&disk, boot_at::<100>("one")), [(900, Some(4500))]);
    assert_eq!(read(&disk, boot_at::<7>("one")), [(900, Some(4500))], "the wall clock was set");
}

#[test]
fn in_another_boot_moments_move_by_the_difference_of_the_wall_clocks() {
    let disk = FakeDisk::new(1);
    write(&disk, boot_at::<100>("one"), &[lasting(900, Some(9000)), lasting(0, None)]);
    // An hour later by the wall clock, at the same 1000 s after boot.
    assert_eq!(read(&disk, boot_at::<101>("two")), [(0, Some(5400)), (0, None)]);
    assert_eq!(
        read(&disk, boot_at::<9999>("two")),
        [(0, Some(0)), (0, None)],
        "over, and not wrapped around"
    );
}

#[test]
fn without_a_name_of_the_boot_every_record_is_of_another_boot() {
    let disk = FakeDisk::new(1);
    write(&disk, boot_at::<100>(""), &[lasting(900, Some(9000))]);
    assert_eq!(read(&disk, boot_at::<101>("")), [(0, Some(5400))]);
}

#[test]
fn a_wall_clock_behind_the_records_ends_no_lease_too_early() {
    let disk = FakeDisk::new(1);
    write(&disk, boot_at::<100>("one"), &[lasting(900, Some(4500)), lasting(100, Some(700))]);
    // A machine without a clock of its own begins in 1970.
    let found = read(&disk, boot_at::<0>("two"));
    assert_eq!(
        found,
        [(1000, Some(4600)), (1000, Some(1600))],
        "as if given now, for as long as it was given"
    );
}

#[test]
fn a_clock_that_is_set_meanwhile_is_noted() {
    static AHEAD: AtomicI64 = AtomicI64::new(0);
    let boot = BootClock { wall_minus_boot_micros: || AHEAD.load(Ordering::Relaxed), ..boot_at::<0>("one") };
    let disk = FakeDisk::new(1);
    let (mut writer, _) = Writer::open(disk.clone(), boot, Limits::USUAL, &mut |_| {});
    writer.begin().unwrap();
    for ahead in [0, 900_000, 100 * HOUR, 100 * HOUR + 500_000] {
        AHEAD.store(ahead, Ordering::Relaxed);
        let mut batch = Batch::default();
        batch.push(&lasting(900, Some(9000)));
        writer.write(&mut batch.entries).unwrap();
    }
    let expected = [(0, Some(0)), (0, Some(0)), (0, Some(5400)), (0, Some(5400))];
    assert_eq!(
        read(&disk, boot_at::<101>("two")),
        expected,
        "the first two were given a hundred hours before"
    );
}

#[test]
fn extreme_clocks_do_no_harm() {
    for ahead in [i64::MIN, i64::MAX] {
        static AHEAD: AtomicI64 = AtomicI64::new(0);
        AHEAD.store(ahead, Ordering::Relaxed);
        let boot =
            BootClock { wall_minus_boot_micros: || AHEAD.load(Ordering::Relaxed), ..boot_at::<0>("one") };
        let disk = FakeDisk::new(1);
        write(&disk, boot, &[lasting(u64::MAX / 2_000_000, Some(u64::MAX / 1_000_000)), lasting(0, Some(0))]);
        assert_eq!(read(&disk, boot_at::<100>("two")).len(), 2);
        assert_eq!(read(&disk, boot_at::<-100>("one")).len(), 2);
    }
}
