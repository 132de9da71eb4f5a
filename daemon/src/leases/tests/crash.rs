//! Lives of a server under crashes and refusals, by seed: the state found is always one that the server was in, and
//! never one before the last that was reported as stored.

use super::super::clerk::{Batch, Clerk, Page, PageNumber, Work};
use super::super::writer::{Limits, Writer};
use super::fake::FakeDisk;
use super::*;
use std::time::{Duration, Instant};

const LIMITS: Limits = Limits { long: 2_000, many: 6, group: 300, stride: 150 };
const SUBJECTS: u64 = 12;

/// What happened in a life, to see that it was worth living.
#[derive(Default, Clone, Copy, Debug)]
struct Seen {
    stored: u64,
    failed: u64,
    restored: u64,
    pages: u64,
    rewritten: u64,
    loads: u64,
    lost: u64,
}

/// A server as the store sees it. Where it is one of several states is the question.
struct Owner {
    seed: u64,
    disk: FakeDisk,
    dice: Dice,
    now: Instant,
    table: Table,
    /// By number of the record: the states since the last that was reported as stored.
    timeline: Vec<(u64, Table)>,
    /// States before a failure, which count until everything is stored anew.
    before: Vec<Table>,
    /// States that recoveries have perhaps stored.
    perhaps: Vec<Table>,
    appended: u64,
    degraded: bool,
    mark: u32,
    cursor: After,
    seen: Seen,
}

impl Owner {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            disk: FakeDisk::new(seed),
            dice: Dice::new(seed + (1 << 40)),
            now: Instant::now(),
            table: Table::new(),
            timeline: vec![(0, Table::new())],
            before: Vec::new(),
            perhaps: Vec::new(),
            appended: 0,
            degraded: false,
            mark: 0,
            cursor: After::Start,
            seen: Seen::default(),
        }
    }

    /// Opens the journal and compares what is there with what may be there.
    fn open(&mut self) -> Clerk<FakeDisk> {
        let mut found = Table::new();
        let (writer, loaded) =
            Writer::open(self.disk.clone(), boot(), LIMITS, &mut |record| apply(&mut found, &record));
        let loaded = loaded.unwrap();
        assert_eq!(loaded.bad, 0, "seed {}: a crash is no damage", self.seed);
        let allowed = self.timeline.iter().map(|(_, table)| table);
        let allowed: Vec<_> = match self.degraded {
            // Until the last page is there, nothing that came after the failure counts.
            true => self.before.iter().chain(&self.perhaps).collect(),
            false => allowed.collect(),
        };
        assert!(allowed.contains(&&found), "seed {}: {found:?} is none of {allowed:#?}", self.seed);
        self.seen.loads += 1;
        self.seen.lost += u64::from(**allowed.last().unwrap() != found);
        let allowed: Vec<Table> = allowed.into_iter().cloned().collect();
        self.table.clone_from(&found);
        self.timeline = vec![(0, found)];
        (self.appended, self.degraded) = (0, false);
        self.before.clear();
        self.perhaps.clear();
        let (clerk, news) = Clerk::new(writer, self.now);
        self.hear(news);
        if self.degraded {
            // What was read is perhaps not on the disk.
            self.before.extend(allowed);
        }
        clerk
    }

    fn append(&mut self, batch: &mut Batch) {
        self.mark += 1;
        let number = u32::try_from(self.dice.below(SUBJECTS)).unwrap();
        let record = match self.dice.below(8) {
            0 => gone(number),
            1 => reservation(number, self.mark),
            2 => Record::Unreserve4 { address: address(number) },
            _ => lease(number, self.mark),
        };
        apply(&mut self.table, &record);
        self.appended += 1;
        batch.push(&record);
        batch.last = self.appended;
        self.timeline.push((self.appended, self.table.clone()));
    }

    fn page(&mut self, number: PageNumber) -> Page {
        if number.page == 0 {
            self.cursor = After::Start;
        }
        let (records, last) = super::page(&self.table, self.cursor, 3);
        let mut batch = Batch::default();
        for record in &records {
            batch.push(record);
            if let Record::Lease4(binding) = record {
                self.cursor = After::Lease4(binding.slot);
            }
        }
        if last && self.degraded {
            self.perhaps.push(self.table.clone());
        }
        self.seen.pages += 1;
        self.seen.rewritten += u64::from(last && !self.degraded);
        Page { number, batch, last }
    }

    fn hear(&mut self, news: Vec<Progress>) {
        for news in news {
            match news {
                Progress::Stored(stored) => {
                    self.timeline.retain(|(number, _)| *number >= stored);
                    let first = self.timeline.first().map(|(number, _)| *number);
                    assert_eq!(first, Some(stored), "seed {}", self.seed);
                    self.seen.stored += 1;
                }
                Progress::Failed => {
                    assert!(!self.degraded, "seed {}", self.seed);
                    self.table = self.timeline[0].1.clone();
                    let after = (self.appended, self.table.clone());
                    self.before = std::mem::replace(&mut self.timeline, vec![after])
                        .into_iter()
                        .map(|(_, table)| table)
                        .collect();
                    self.degraded = true;
                    self.seen.failed += 1;
                }
                Progress::Restored => {
                    assert!(self.degraded, "seed {}", self.seed);
                    self.timeline.retain(|(number, _)| *number >= self.appended);
                    self.before.clear();
                    self.perhaps.clear();
                    self.degraded = false;
                    self.seen.restored += 1;
                }
                Progress::WantsPage => unreachable!("the clerk has another way to say so"),
            }
        }
    }

    /// Works until the plug is pulled, or for a while.
    fn live(&mut self, turns: u64) {
        let mut clerk = self.open();
        let mut work = Work::default();
        for _ in 0..turns {
            for _ in 0..self.dice.below(6) {
                self.append(&mut work.batch);
            }
            work.page = match clerk.wants() {
                Some(number) if !self.dice.one_in(3) => Some(self.page(number)),
                _ => None,
            };
            work.retry = self.dice.one_in(10);
            work.acknowledged = self.degraded;
            self.now += Duration::from_secs(self.dice.below(40));
            let mut news = Vec::new();
            clerk.turn(&mut work, self.now, &mut news);
            if self.disk.with(|platter| platter.dead) {
                // What it says after that, nobody hears.
                break;
            }
            self.hear(news);
        }
    }
}

fn life(seed: u64) -> Seen {
    let mut owner = Owner::new(seed);
    let errors = [0, 0, 100, 25, 6][owner.dice.index(5)];
    for _ in 0..4 {
        let turns = 5 + owner.dice.below(60);
        let crash_at = owner.dice.below(turns * 6);
        owner.disk.with(|platter| {
            platter.errors = errors;
            platter.crash_at = Some(platter.operations + 1 + crash_at);
        });
        owner.live(turns);
        // After a failed sync, what programs see is not what is on the disk: only the loss of power makes it the same.
        if owner.disk.with(|platter| platter.forgot) || !owner.dice.one_in(4) {
            owner.disk.lose_power();
        } else {
            owner.disk.kill();
        }
    }
    owner.disk.with(|platter| platter.errors = 0);
    // On a good disk it becomes well again, whatever happened.
    owner.open();
    owner.disk.lose_power();
    owner.live(200);
    assert!(!owner.degraded, "seed {seed}");
    owner.seen
}

#[test]
fn what_was_reported_as_stored_is_there_after_any_crash_s46_34_s46_42() {
    let seeds = 2_000;
    let threads: Vec<_> = (0..2)
        .map(|thread| {
            std::thread::spawn(move || (thread..seeds).step_by(2).map(|seed| (seed, life(seed))).collect())
        })
        .collect();
    let lives: Vec<(u64, Seen)> =
        threads.into_iter().flat_map(|thread| -> Vec<_> { thread.join().unwrap() }).collect();
    let sum = |count: fn(&Seen) -> u64| lives.iter().map(|(_, seen)| count(seen)).sum::<u64>();
    // Each of these is where something can go wrong.
    for (what, count) in [
        ("stored", sum(|seen| seen.stored)),
        ("failed", sum(|seen| seen.failed)),
        ("restored", sum(|seen| seen.restored)),
        ("rewritten", sum(|seen| seen.rewritten)),
        ("loads that lost what was not stored", sum(|seen| seen.lost)),
    ] {
        assert!(count > seeds / 2, "{what}: only {count} times");
    }
}
