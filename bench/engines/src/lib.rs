//! The engines behind one interface, and the records they all get.
#![allow(missing_docs, reason = "a measurement")]

#[path = "../../../daemon/src/checksum.rs"]
mod checksum;
#[path = "../../../daemon/src/store/frame.rs"]
#[allow(dead_code, reason = "the service uses the rest")]
mod frame;
#[path = "../../../daemon/src/leases/mod.rs"]
#[allow(dead_code, unreachable_pub, unused_imports, reason = "the service uses the rest")]
mod leases;

/// What the journal uses of the service.
#[allow(dead_code, unreachable_pub, reason = "the service uses the rest")]
mod store {
    use dhcp4o6_protocol::time::Instant;

    pub(crate) use super::frame;

    #[derive(Clone, Debug)]
    pub struct BootClock {
        pub boot_id: String,
        pub now: fn() -> Instant,
        pub wall_minus_boot_micros: fn() -> i64,
    }
}

use dhcp4o6_protocol::binding::{Binding4, ClientKey, Origin, Record, Slot4, State, Transport};
use dhcp4o6_protocol::time::Instant;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;

pub trait Engine {
    /// Opens what is there and decodes all of it. Says how many records there were.
    fn open(dir: &Path) -> (Self, u64)
    where
        Self: Sized;

    /// Makes these records durable.
    fn store(&mut self, records: &[Record]);
}

/// A lease of this number, 120 octets long.
pub fn record(number: u32) -> Record {
    // Spread over the address space, as leases of random pools are.
    let address = Ipv4Addr::from_bits(number.wrapping_mul(0x9e37_79b1));
    let mut id = vec![0xff, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0];
    id.extend(number.to_be_bytes());
    Record::Lease4(Binding4 {
        slot: Slot4 { address, ports: None },
        client: ClientKey::Id(id),
        state: State::Bound,
        changed_at: Instant::from_secs(1000),
        expires_at: Some(Instant::from_secs(4600)),
        origin: Origin::Network(u64::from(number)),
        source: Ipv6Addr::from_bits(u128::from(number) << 64 | 1),
        transport: Transport::Dhcp6,
        host_name: vec![b'h'; 57],
        softwire: None,
    })
}

/// What an engine that knows keys needs: the slot, and the record.
fn encoded(record: &Record, octets: &mut Vec<u8>) -> [u8; 4] {
    octets.clear();
    record.encode(octets);
    match record {
        Record::Lease4(binding) => binding.slot.address.octets(),
        other => panic!("{other:?}"),
    }
}

fn check(octets: &[u8]) {
    std::hint::black_box(Record::decode(octets).expect("it is whole"));
}

pub struct Journal {
    leases: leases::Leases,
    runtime: tokio::runtime::Runtime,
    appended: u64,
}

impl Engine for Journal {
    fn open(dir: &Path) -> (Self, u64) {
        let boot = store::BootClock {
            boot_id: "one".to_owned(),
            now: || Instant::from_secs(5000),
            wall_minus_boot_micros: || 0,
        };
        let opened = leases::Leases::open(dir, boot, &mut |record| _ = std::hint::black_box(record));
        let (leases, loaded) = opened.expect("nobody else has it");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        (Self { leases, runtime, appended: 0 }, loaded.records)
    }

    fn store(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.leases.append(record));
        self.leases.flush();
        self.appended += records.len() as u64;
        loop {
            match self.runtime.block_on(self.leases.changed()) {
                leases::Progress::Stored(stored) if stored == self.appended => return,
                leases::Progress::Stored(_) | leases::Progress::WantsPage => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub struct Redb(redb::Database);

const TABLE: redb::TableDefinition<'_, [u8; 4], &[u8]> = redb::TableDefinition::new("leases");

impl Engine for Redb {
    fn open(dir: &Path) -> (Self, u64) {
        use redb::{ReadableDatabase as _, ReadableTable as _};
        let database = redb::Database::create(dir.join("leases.redb")).expect("redb opens");
        let write = database.begin_write().expect("redb");
        write.open_table(TABLE).expect("redb");
        write.commit().expect("redb");
        let read = database.begin_read().expect("redb");
        let table = read.open_table(TABLE).expect("redb");
        let mut count = 0;
        for entry in table.iter().expect("redb") {
            check(entry.expect("redb").1.value());
            count += 1;
        }
        drop((table, read));
        (Self(database), count)
    }

    fn store(&mut self, records: &[Record]) {
        let mut octets = Vec::new();
        let write = self.0.begin_write().expect("redb");
        {
            let mut table = write.open_table(TABLE).expect("redb");
            for record in records {
                let key = encoded(record, &mut octets);
                table.insert(key, octets.as_slice()).expect("redb");
            }
        }
        write.commit().expect("redb");
    }
}

pub struct Sqlite(rusqlite::Connection);

impl Engine for Sqlite {
    fn open(dir: &Path) -> (Self, u64) {
        let connection = rusqlite::Connection::open(dir.join("leases.sqlite")).expect("SQLite opens");
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
                 CREATE TABLE IF NOT EXISTS leases(slot BLOB PRIMARY KEY, record BLOB) WITHOUT ROWID;",
            )
            .expect("SQLite");
        let mut count = 0;
        {
            let mut all = connection.prepare("SELECT record FROM leases").expect("SQLite");
            let mut rows = all.query([]).expect("SQLite");
            while let Some(row) = rows.next().expect("SQLite") {
                check(row.get_ref(0).expect("SQLite").as_blob().expect("SQLite"));
                count += 1;
            }
        }
        (Self(connection), count)
    }

    fn store(&mut self, records: &[Record]) {
        let mut octets = Vec::new();
        let transaction = self.0.transaction().expect("SQLite");
        {
            let mut insert =
                transaction.prepare_cached("INSERT OR REPLACE INTO leases VALUES (?1, ?2)").expect("SQLite");
            for record in records {
                let key = encoded(record, &mut octets);
                insert.execute((key.as_slice(), octets.as_slice())).expect("SQLite");
            }
        }
        transaction.commit().expect("SQLite");
    }
}

/// The least program that uses an engine, to see what it adds.
pub fn least<E: Engine>() {
    let dir = std::env::args_os().nth(1).expect("a directory");
    let (mut engine, count) = E::open(Path::new(&dir));
    engine.store(&[record(u32::try_from(count).unwrap_or(0))]);
}
