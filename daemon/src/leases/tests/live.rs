//! With the thread.

use super::fake::FakeDisk;
use super::*;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // A test that would wait for ever fails instead.
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await.unwrap() })
}

fn open(scratch: &Scratch) -> (Leases, Table) {
    let mut table = Table::new();
    let (leases, _) = Leases::open(&scratch.0, boot(), &mut |record| apply(&mut table, &record)).unwrap();
    (leases, table)
}

fn on(disk: &FakeDisk) -> (Leases, Table) {
    let mut table = Table::new();
    let (leases, _) =
        Leases::on(disk.clone(), boot(), Limits { long: 3_000, ..Limits::USUAL }, &mut |record| {
            apply(&mut table, &record)
        })
        .unwrap();
    (leases, table)
}

/// An owner with a table, as short as one can be.
struct Owner {
    leases: Leases,
    table: Table,
    heard: Vec<Progress>,
}

impl Owner {
    fn append(&mut self, record: &Record) {
        apply(&mut self.table, record);
        self.leases.append(record);
    }

    /// Hears news and hands pages over until this is heard.
    async fn until(&mut self, awaited: Progress) {
        loop {
            let progress = self.leases.changed().await;
            if progress == Progress::WantsPage {
                let (records, last) = page(&self.table, self.leases.wants_page().unwrap(), 7);
                self.leases.page(&records, last);
            } else {
                self.heard.push(progress);
            }
            if progress == awaited {
                return;
            }
        }
    }
}

#[test]
fn records_are_stored_and_found_again_s46_42() {
    let scratch = Scratch::new("again");
    let (mut leases, table) = open(&scratch);
    assert!(table.is_empty());
    run(async {
        for number in 1..=500 {
            leases.append(&lease(number, number));
            if number % 7 == 0 {
                leases.flush();
            }
        }
        leases.flush();
        let mut before = 0;
        while before < 500 {
            let Progress::Stored(stored) = leases.changed().await else { panic!("nothing else happens") };
            assert!(stored > before && stored <= 500);
            before = stored;
        }
    });
    assert_eq!(leases.pending(), 0);
    drop(leases);
    let (_, table) = open(&scratch);
    assert_eq!(table.len(), 500);
}

#[test]
fn what_was_appended_is_written_before_the_end() {
    let scratch = Scratch::new("end");
    let (mut leases, _) = open(&scratch);
    leases.append(&lease(1, 1));
    drop(leases);
    assert_eq!(open(&scratch).1.len(), 1);
}

#[test]
fn nothing_is_handed_over_before_it_is_flushed() {
    let disk = FakeDisk::new(1);
    let (mut leases, _) = on(&disk);
    leases.append(&lease(1, 1));
    assert_eq!(leases.pending(), 1);
    leases.flush();
    assert_eq!(run(leases.changed()), Progress::Stored(1));
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let scratch = Scratch::new("two");
    let first = open(&scratch);
    let second = Leases::open(&scratch.0, boot(), &mut |_| {});
    assert!(matches!(second, Err(LeasesError::InUse(dir)) if dir == scratch.0.join(FOLDER)));
    drop(first);
    open(&scratch);
}

#[test]
fn files_are_for_their_owner_only() {
    let scratch = Scratch::new("modes");
    let (mut leases, _) = open(&scratch);
    leases.append(&lease(1, 1));
    drop(leases);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let folder = scratch.0.join(FOLDER);
    assert_eq!((mode(&scratch.0), mode(&folder)), (0o700, 0o700));
    let names = scratch.names();
    assert_eq!(names.len(), 2, "{names:?}");
    assert!(names.iter().all(|name| mode(&folder.join(name)) == 0o600));
}

#[test]
fn a_disk_that_refuses_loses_what_was_not_stored_and_gets_everything_when_it_takes_it() {
    let disk = FakeDisk::new(1);
    let (leases, table) = on(&disk);
    let mut owner = Owner { leases, table, heard: Vec::new() };
    run(async {
        for number in 1..=20 {
            owner.append(&lease(number, 1));
        }
        owner.leases.flush();
        owner.until(Progress::Stored(20)).await;
        let stored = owner.table.clone();

        disk.with(|platter| platter.refuses = true);
        owner.append(&lease(1, 2));
        owner.leases.flush();
        owner.append(&lease(2, 2));
        owner.until(Progress::Failed).await;
        assert_eq!(owner.leases.pending(), 0);
        owner.table.clone_from(&stored);
        // Of what it says meanwhile nothing is stored, and nothing is lost.
        owner.append(&gone(3));
        owner.leases.flush();
        owner.leases.retry();
        assert_eq!(on(&FakeDisk::holding(disk.files())).1, stored);

        disk.with(|platter| platter.refuses = false);
        owner.leases.retry();
        owner.until(Progress::Restored).await;
        owner.until(Progress::Stored(23)).await;
        owner.append(&lease(4, 2));
        owner.leases.flush();
        owner.until(Progress::Stored(24)).await;
    });
    assert_eq!(owner.heard.iter().filter(|heard| **heard == Progress::Failed).count(), 1);
    drop(owner.leases);
    let (_, table) = on(&disk);
    assert_eq!(table, owner.table);
    assert!(!table.contains_key(&(false, 3)));
    assert_eq!((table[&(false, 1)], table[&(false, 2)], table[&(false, 4)]), (1, 1, 2));
}

#[test]
fn a_server_starts_where_nothing_can_be_written_and_says_so() {
    let scratch = Scratch::new("refused");
    std::fs::write(&scratch.0, "in the way").unwrap();
    let (leases, table) = open(&scratch);
    let mut owner = Owner { leases, table, heard: Vec::new() };
    run(async {
        owner.until(Progress::Failed).await;
        std::fs::remove_file(&scratch.0).unwrap();
        owner.append(&lease(1, 1));
        owner.leases.retry();
        owner.until(Progress::Restored).await;
    });
    drop(owner.leases);
    assert_eq!(open(&scratch).1, owner.table);
}

#[test]
fn leases_that_cannot_be_read_are_set_aside_and_never_removed() {
    let scratch = Scratch::new("unreadable");
    let folder = scratch.0.join(FOLDER);
    let (mut leases, _) = open(&scratch);
    leases.append(&lease(1, 1));
    drop(leases);
    let journal = scratch.names().into_iter().find(|name| name.starts_with("journal")).unwrap();
    // A link cannot be followed, whoever asks.
    std::fs::rename(folder.join(&journal), scratch.0.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(scratch.0.join("elsewhere"), folder.join(&journal)).unwrap();
    let (leases, table) = open(&scratch);
    assert!(table.is_empty());
    let mut owner = Owner { leases, table, heard: Vec::new() };
    run(async {
        owner.until(Progress::Failed).await;
        owner.leases.retry();
        owner.until(Progress::Restored).await;
    });
    drop(owner.leases);
    assert!(scratch.names().contains(&format!("{journal}.bad-1")), "{:?}", scratch.names());
    assert!(scratch.0.join("elsewhere").exists());
}

#[test]
fn a_long_journal_is_rewritten_while_records_go_on() {
    let disk = FakeDisk::new(1);
    let (leases, table) = on(&disk);
    let mut owner = Owner { leases, table, heard: Vec::new() };
    run(async {
        for number in 1..=100 {
            owner.append(&lease(number % 20, number));
        }
        owner.leases.flush();
        for pages in 1.. {
            let after = loop {
                owner.leases.changed().await;
                if let Some(after) = owner.leases.wants_page() {
                    break after;
                }
            };
            let (records, last) = page(&owner.table, after, 7);
            owner.leases.page(&records, last);
            // The writer may be that quick, and want the next one already.
            assert_ne!(owner.leases.wants_page(), Some(after), "each page is wanted once");
            owner.append(&lease(100 + pages, 5));
            owner.leases.flush();
            if last {
                break;
            }
        }
    });
    drop(owner.leases);
    let names: Vec<_> = disk.files().into_keys().collect();
    assert_eq!(names, ["journal-0000000000000002", "snapshot-0000000000000002"]);
    assert_eq!(on(&disk).1, owner.table);
}

#[test]
fn dropping_changed_loses_nothing() {
    let disk = FakeDisk::new(1);
    let (mut leases, _) = on(&disk);
    run(async {
        for number in 1..=200 {
            leases.append(&lease(number, 1));
            leases.flush();
            // Whatever is dropped here, is told later.
            tokio::select! {
                biased;
                _ = leases.changed() => {}
                () = tokio::task::yield_now() => {}
            }
        }
        leases.append(&lease(1, 2));
        leases.flush();
        while leases.changed().await != Progress::Stored(201) {}
    });
}
