//! Files that are damaged, hostile, of another version, or somebody else's.

use super::super::entry::{Header, push_end, push_record, seal, seed};
use super::super::load::{Past, Purpose, load};
use super::super::names::File;
use super::fake::FakeDisk;
use super::*;
use crate::store::frame::{self, Kind};
use proptest::prelude::*;

type Files = BTreeMap<String, Vec<u8>>;

fn header(generation: u64, bound: bool) -> Header {
    let ahead = (boot().wall_minus_boot_micros)();
    Header { generation, bound, boot_id: boot().boot_id, ahead }
}

/// A file with groups of records.
fn file(header: &Header, kind: Kind, groups: &[&[Record]]) -> Vec<u8> {
    let mut file = header.wrap(kind);
    let seed = seed(&file);
    let mut records = 0;
    for (group, group_records) in (0..).zip(groups) {
        let start = file.len();
        for record in *group_records {
            assert!(push_record(record, &mut file));
        }
        records += seal(&mut file[start..], group, seed);
    }
    if kind == Kind::Snapshot {
        let start = file.len();
        push_end(records, &mut file);
        seal(&mut file[start..], 0, seed);
    }
    file
}

fn journal(generation: u64, groups: &[&[Record]]) -> (String, Vec<u8>) {
    (File::Journal(generation).name(), file(&header(generation, false), Kind::Journal, groups))
}

/// A journal that needs its snapshot.
fn bound_journal(generation: u64, groups: &[&[Record]]) -> (String, Vec<u8>) {
    (File::Journal(generation).name(), file(&header(generation, true), Kind::Journal, groups))
}

fn snapshot(generation: u64, records: &[Record]) -> (String, Vec<u8>) {
    (File::Snapshot(generation).name(), file(&header(generation, false), Kind::Snapshot, &[records]))
}

/// What is found in these files, and what is there afterwards.
fn loaded(files: &Files) -> (Table, Loaded, Past, Files) {
    let mut disk = FakeDisk::holding(files.clone());
    let mut table = Table::new();
    let (loaded, past) =
        load(&mut disk, &boot(), Purpose::Serve, &mut |record| super::apply(&mut table, &record)).unwrap();
    (table, loaded, past, disk.files())
}

/// The numbers and marks of the leases that are found, and how many records were bad.
fn found(files: &Files) -> (Vec<(u32, u32)>, u64) {
    let (table, loaded, ..) = loaded(files);
    (table.into_iter().map(|((_, number), mark)| (number, mark)).collect(), loaded.bad)
}

/// Damages the entry that ends `from_end` octets before the end of the file.
fn damage(files: &mut Files, file: File, from_end: usize) {
    let content = files.get_mut(&file.name()).unwrap();
    let at = content.len() - from_end - 1;
    content[at] ^= 0x10;
}

fn length(record: &Record) -> usize {
    let mut octets = Vec::new();
    push_record(record, &mut octets);
    octets.len()
}

#[test]
fn later_records_and_later_journals_win() {
    let files = Files::from([
        snapshot(3, &[lease(1, 1), lease(2, 2), lease(3, 3)]),
        journal(2, &[&[lease(1, 99)]]),
        journal(3, &[&[lease(1, 11), lease(4, 4)], &[gone(2)]]),
        journal(4, &[&[lease(4, 44)]]),
    ]);
    assert_eq!(found(&files), (vec![(1, 11), (3, 3), (4, 44)], 0));
}

#[test]
fn a_bad_record_inside_is_passed_over_and_counted() {
    let groups: [&[Record]; 4] =
        [&[lease(1, 1)], &[lease(2, 2), lease(3, 3), lease(4, 4)], &[lease(5, 5)], &[lease(6, 6)]];
    let mut files = Files::from([journal(1, &groups)]);
    damage(&mut files, File::Journal(1), length(&lease(6, 6)) + length(&lease(5, 5)) + length(&lease(4, 4)));
    assert_eq!(found(&files), (vec![(1, 1), (2, 2), (4, 4), (5, 5), (6, 6)], 1));
    let (.., past, _) = loaded(&files);
    assert_eq!(past.damaged.into_iter().collect::<Vec<_>>(), [File::Journal(1).name()]);
}

#[test]
fn what_follows_a_gap_in_the_last_group_never_counted() {
    let groups: [&[Record]; 2] = [&[lease(1, 1)], &[lease(2, 2), lease(3, 3), lease(4, 4)]];
    let mut files = Files::from([journal(1, &groups)]);
    damage(&mut files, File::Journal(1), length(&lease(4, 4)));
    assert_eq!(
        found(&files),
        (vec![(1, 1), (2, 2)], 0),
        "3 may never have reached the disk, so 4 does not count"
    );
}

#[test]
fn gaps_in_two_groups_cost_what_is_in_them_and_the_rest_of_the_last_group() {
    let groups: [&[Record]; 3] =
        [&[lease(1, 1)], &[lease(2, 2), lease(3, 3)], &[lease(4, 4), lease(5, 5), lease(6, 6)]];
    let mut files = Files::from([journal(1, &groups)]);
    let tail = length(&lease(6, 6));
    damage(&mut files, File::Journal(1), tail);
    damage(
        &mut files,
        File::Journal(1),
        tail + length(&lease(5, 5)) + length(&lease(4, 4)) + length(&lease(3, 3)),
    );
    assert_eq!(found(&files), (vec![(1, 1), (3, 3), (4, 4)], 1));
}

#[test]
fn a_damaged_snapshot_gives_what_is_left_of_it_and_is_kept_for_somebody_to_look_at() {
    let mut files =
        Files::from([snapshot(1, &[lease(1, 1), lease(2, 2), lease(3, 3)]), journal(1, &[&[lease(4, 4)]])]);
    damage(&mut files, File::Snapshot(1), 20 + length(&lease(3, 3)));
    assert_eq!(found(&files), (vec![(1, 1), (3, 3), (4, 4)], 1));
    let (.., past, after) = loaded(&files);
    assert_eq!(past.damaged.len(), 1);
    assert_eq!(after, files, "it is used until it is replaced");
}

#[test]
fn an_older_whole_snapshot_is_better_than_a_newer_one_that_is_not() {
    let mut files = Files::from([
        snapshot(1, &[lease(1, 1)]),
        journal(1, &[&[lease(2, 2)]]),
        snapshot(2, &[lease(1, 1), lease(2, 2)]),
        journal(2, &[&[lease(3, 3)]]),
    ]);
    assert_eq!(found(&files), (vec![(1, 1), (2, 2), (3, 3)], 0));
    damage(&mut files, File::Snapshot(2), 20);
    assert_eq!(found(&files), (vec![(1, 1), (2, 2), (3, 3)], 0));
    let content = files.get_mut(&File::Snapshot(2).name()).unwrap();
    content.truncate(content.len() - 16);
    assert_eq!(found(&files).0, [(1, 1), (2, 2), (3, 3)], "without its end");
}

#[test]
fn a_journal_that_needs_its_snapshot_counts_only_with_it() {
    let mut files = Files::from([journal(1, &[&[lease(1, 1)]]), bound_journal(2, &[&[lease(2, 2)]])]);
    assert_eq!(found(&files), (vec![(1, 1)], 0));
    files.extend([snapshot(2, &[lease(3, 3)])]);
    assert_eq!(found(&files), (vec![(2, 2), (3, 3)], 0));
}

#[test]
fn files_of_a_newer_version_and_strange_ones_are_set_aside() {
    let (name, mut newer) = journal(1, &[&[lease(1, 1)]]);
    newer[11] = 2;
    let (_, strange) = snapshot(2, &[lease(2, 2)]);
    let mut files = Files::from([
        (name.clone(), newer),
        (File::Journal(2).name(), strange),
        journal(3, &[&[lease(3, 3)]]),
        (format!("{name}.bad-1"), Vec::new()),
    ]);
    assert_eq!(found(&files), (vec![(3, 3)], 2));
    let (.., past, after) = loaded(&files);
    files = after;
    let names: Vec<_> = files.into_keys().collect();
    let bad = |file: File, number| format!("{}.bad-{number}", file.name());
    let expected = [
        bad(File::Journal(1), 1),
        bad(File::Journal(1), 2),
        bad(File::Journal(2), 1),
        File::Journal(3).name(),
    ];
    assert_eq!(names, expected);
    assert_eq!(past.generation, 3);
}

#[test]
fn what_is_left_of_a_file_whose_making_did_not_reach_the_disk_is_no_damage() {
    let header = header(2, false).wrap(Kind::Journal);
    for content in
        [Vec::new(), vec![0; 1], vec![0; 5000], header[..20].to_vec(), [&[0; 8], &header[8..]].concat()]
    {
        let files = Files::from([journal(1, &[&[lease(1, 1)]]), (File::Journal(2).name(), content)]);
        assert_eq!(found(&files), (vec![(1, 1)], 0));
    }
}

#[test]
fn unfinished_files_do_not_count_and_their_generations_are_not_used_again() {
    let (_, content) = snapshot(9, &[lease(9, 9)]);
    let files = Files::from([
        (File::Unfinished(9).name(), content.clone()),
        (File::Draft(10).name(), content),
        journal(1, &[&[lease(1, 1)]]),
        ("lock".to_owned(), Vec::new()),
        ("notes".to_owned(), b"of the administrator".to_vec()),
    ]);
    let (table, _, past, after) = loaded(&files);
    assert_eq!(table.len(), 1);
    assert_eq!(past.generation, 10);
    assert_eq!(after, files);
}

#[test]
fn who_only_looks_changes_nothing() {
    let mut files = Files::from([journal(1, &[&[lease(1, 1)]]), (File::Journal(2).name(), vec![1; 500])]);
    files.extend([snapshot(1, &[])]);
    let mut disk = FakeDisk::holding(files.clone());
    let mut count = 0;
    load(&mut disk, &boot(), Purpose::Look, &mut |_| count += 1).unwrap();
    assert_eq!((count, disk.files()), (1, files));
    assert_eq!(disk.with(|platter| platter.operations), 0);
}

/// Files as a server leaves them.
fn usual() -> Files {
    let many: Vec<Record> = (0..20).map(|number| lease(number, number)).collect();
    Files::from([
        snapshot(4, &many),
        journal(4, &[&[lease(1, 100), gone(3)], &[lease(50, 1)], &[reservation(60, 2), lease(2, 7)]]),
        journal(5, &[&[lease(51, 1)], &[gone(50), lease(52, 1)]]),
    ])
}

#[test]
fn every_cut_of_the_last_journal_is_a_state_that_was() {
    let whole = usual();
    let mut last = 0;
    let name = File::Journal(5).name();
    for end in 0..=whole[&name].len() {
        let mut files = whole.clone();
        files.get_mut(&name).unwrap().truncate(end);
        let (table, loaded, ..) = loaded(&files);
        assert_eq!(loaded.bad, 0, "cut at {end}");
        let state = match (table.contains_key(&(false, 51)), table.contains_key(&(false, 50))) {
            (false, true) => 0,
            (true, true) => 1,
            (true, false) if !table.contains_key(&(false, 52)) => 2,
            (true, false) => 3,
            (false, false) => panic!("50 went before 51 came"),
        };
        assert!(state >= last, "cut at {end}");
        last = state;
    }
    assert_eq!(last, 3);
}

proptest! {
    #[test]
    fn no_change_of_octets_stops_a_server_or_invents_a_lease(
        changes in proptest::collection::vec(
            (any::<proptest::sample::Index>(), any::<proptest::sample::Index>(), 0..5, any::<u8>()), 1..6),
    ) {
        let mut files = usual();
        for (file, at, change, octet) in changes {
            let name = files.keys().nth(file.index(files.len())).unwrap().clone();
            let content = files.get_mut(&name).unwrap();
            let at = at.index(content.len() + 1);
            match change {
                0 => content.truncate(at),
                1 => content.insert(at, octet),
                2 => _ = content.drain(at..(at + usize::from(octet)).min(content.len())).count(),
                3 => {
                    let copy = content[at..(at + usize::from(octet)).min(content.len())].to_vec();
                    content.splice(at..at, copy);
                }
                _ => content.iter_mut().skip(at).take(1).for_each(|old| *old ^= 1 << (octet % 8)),
            }
        }
        // Whatever is found is compared with what was written, in `apply`.
        let (table, loaded, ..) = loaded(&files);
        let known = |(reserved, number): &(bool, u32)| *number < 20 || (50..53).contains(number) || *reserved;
        prop_assert!(table.keys().all(known));
        prop_assert!(loaded.records <= 60);
        // And the server goes on.
        let disk = FakeDisk::holding(files);
        let (writer, _) = super::super::writer::Writer::open(disk, boot(), Limits::USUAL, &mut |_| {});
        let (_, news) = Clerk::new(writer, Instant::now());
        prop_assert_eq!(news, []);
    }

    #[test]
    fn no_octets_at_all_stop_a_server(
        snapshot in proptest::collection::vec(any::<u8>(), 0..300),
        journal in proptest::collection::vec(any::<u8>(), 0..300),
        framed: bool,
    ) {
        let content = |kind, octets: Vec<u8>| if framed { frame::wrap(kind, &octets).unwrap() } else { octets };
        let files = Files::from([
            (File::Snapshot(u64::MAX).name(), content(Kind::Snapshot, snapshot)),
            (File::Journal(u64::MAX).name(), content(Kind::Journal, journal)),
        ]);
        prop_assert!(loaded(&files).0.is_empty());
    }
}

#[test]
fn well_formed_entries_that_are_no_records_are_counted_and_no_more() {
    let header = header(1, false);
    let mut content = header.wrap(Kind::Journal);
    let seed = seed(&content);
    for (group, payload) in [(0, &b"nonsense"[..]), (1, b""), (2, &[1; 300])] {
        let start = content.len();
        content.push(b'r');
        content.extend(&u32::try_from(payload.len()).unwrap().to_be_bytes()[1..]);
        content.extend([0; 8]);
        content.extend(payload);
        assert_eq!(seal(&mut content[start..], group, seed), 1);
    }
    let start = content.len();
    push_record(&lease(1, 1), &mut content);
    seal(&mut content[start..], 3, seed);
    let files = Files::from([(File::Journal(1).name(), content)]);
    assert_eq!(found(&files), (vec![(1, 1)], 3));
}
