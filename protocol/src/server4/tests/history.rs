//! Any history: what holds after each message, and what the journal is worth.

use super::*;
use crate::binding::{Origin, PortSet, Transport};
use crate::view::Question;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
enum Step {
    Discover,
    Select,
    SelectAny(u8),
    Reboot(u8),
    Renew,
    Rebind(u8),
    Release,
    Decline,
    Wait(u16),
    Revoke(u8),
    Reserve(u8),
    Unreserve(u8),
    Configure(u8),
    /// The last records could not be stored.
    Fail(u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => Just(Step::Discover),
        8 => Just(Step::Select),
        1 => any::<u8>().prop_map(Step::SelectAny),
        1 => any::<u8>().prop_map(Step::Reboot),
        4 => Just(Step::Renew),
        1 => any::<u8>().prop_map(Step::Rebind),
        2 => Just(Step::Release),
        1 => Just(Step::Decline),
        4 => (0_u16..2500).prop_map(Step::Wait),
        1 => any::<u8>().prop_map(Step::Revoke),
        1 => any::<u8>().prop_map(Step::Reserve),
        1 => any::<u8>().prop_map(Step::Unreserve),
        1 => any::<u8>().prop_map(Step::Configure),
        1 => (0_u8..4).prop_map(Step::Fail),
    ]
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, 98 + number % 10)
}

fn variant(number: u8) -> Settings {
    let mut settings = match number % 3 {
        0 => settings("192.0.2.100", "192.0.2.104"),
        1 => settings("192.0.2.102", "192.0.2.107"),
        _ => settings("192.0.2.99", "192.0.2.101"),
    };
    settings.limits = Limits {
        leases_per_origin: 2,
        leases_per_interface_id: 3,
        offered_percent: 50,
        declined_percent: 40,
        declines_per_hour: 3,
        known_percent: 20,
    };
    settings
}

/// Eight clients, of which some have the same name at another place or the same place under another name.
fn client(number: u8) -> Client {
    let number = number % 8;
    let client = Client::new(u32::from(number % 6));
    match number {
        0 | 1 => client.at("2001:db8:1::1"),
        2 | 3 => client.at("fe80::7").behind("2001:db8:9::1", Some(b"port")),
        6 | 7 => client.at("2001:db8:77::1"),
        _ => client,
    }
}

/// What clients and operators did, and who was told to have what.
struct Story {
    bench: Bench,
    now: Instant,
    offered: BTreeMap<u8, Ipv4Addr>,
    /// What each client was last told to have.
    held: BTreeMap<u8, Ipv4Addr>,
}

impl Story {
    fn new() -> Self {
        let bench = Bench::new(variant(0));
        Self { bench, now: at(1.0), offered: BTreeMap::new(), held: BTreeMap::new() }
    }

    fn tell(&mut self, who: u8, message: &Outgoing, unicast: bool) {
        let client = client(who);
        let before = self.bench.bindings();
        let Ok(Some(got)) = self.bench.send_u(self.now, &client, message, unicast) else { return };
        match got.kind {
            Some(MessageType::OFFER) => {
                self.offered.insert(who, got.yiaddr);
            }
            Some(MessageType::ACK) => {
                let of_other = before.iter().find(|binding| {
                    binding.slot.address == got.yiaddr
                        && binding.state != State::Released
                        && binding.expires_at.is_none_or(|end| end > self.now)
                        && binding.client != client.key()
                });
                assert_eq!(of_other, None, "{who} was given what another has");
                if !message.ciaddr.is_unspecified() {
                    assert_eq!(got.yiaddr, message.ciaddr);
                }
                let end = self.now + Duration::from_secs(u64::from(got.seconds(code::LEASE_TIME).unwrap()));
                let binding = self.bench.binding(got.yiaddr);
                assert_eq!(self.bench.journal.last().unwrap().record, Record::Lease4(binding.clone()));
                assert_eq!((binding.client, binding.expires_at), (client.key(), Some(end)));
                self.held.insert(who, got.yiaddr);
            }
            _ => {}
        }
    }

    fn step(&mut self, who: u8, step: &Step) {
        let who = who % 8;
        let sender = client(who);
        let held = self.held.get(&who).copied();
        match step {
            Step::Discover => self.tell(who, &sender.discover(), false),
            Step::Select => {
                if let Some(offered) = self.offered.get(&who).copied() {
                    self.tell(who, &sender.selecting(offered), false);
                }
            }
            Step::SelectAny(number) => self.tell(who, &sender.selecting(address(*number)), false),
            Step::Reboot(number) => self.tell(who, &sender.init_reboot(address(*number)), false),
            Step::Renew => {
                if let Some(held) = held {
                    self.tell(who, &sender.extending(held), true);
                }
            }
            Step::Rebind(number) => self.tell(who, &sender.extending(address(*number)), false),
            Step::Release => {
                if let Some(held) = held {
                    self.tell(who, &sender.release(held), true);
                }
            }
            Step::Decline => {
                if let Some(held) = held {
                    self.tell(who, &sender.decline(held), false);
                }
            }
            Step::Wait(secs) => {
                self.now = self.now + Duration::from_secs(u64::from(*secs));
                self.bench.engine.on_deadline(self.now);
                assert!(self.bench.engine.deadline().is_none_or(|at| at > self.now));
            }
            Step::Revoke(number) => {
                let slot = Slot4 { address: address(*number), ports: None };
                self.bench.journal.extend(self.bench.engine.revoke(self.now, slot));
            }
            Step::Reserve(number) => {
                let holder = Holder::ClientId(sender.id.unwrap());
                let change = self.bench.engine.reserve(self.now, address(*number), holder);
                self.bench.journal.extend(change);
            }
            Step::Unreserve(number) => {
                self.bench.journal.extend(self.bench.engine.unreserve(address(*number)));
            }
            Step::Configure(number) => self.bench.engine.configure(self.now, variant(*number)),
            Step::Fail(count) => {
                for _ in 0..*count {
                    let Some(change) = self.bench.journal.pop() else { break };
                    self.bench.engine.apply(&change.undo);
                }
            }
        }
        self.bench.check();
    }

    /// What every client would get now, and why.
    fn prospects(&self, engine: &Engine) -> Vec<crate::view::Selection> {
        let question = |client: Client| Question {
            source: Some(client.source),
            link_address: client.hops.first().map(|(address, _)| *address),
            interface_id: client.hops.first().and_then(|(_, id)| id.clone()),
            client_id: client.id,
            ..Question::default()
        };
        (0..8).map(|who| engine.select(self.now, &question(client(who)))).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn nobody_gets_what_another_has_and_the_journal_tells_it_all(
        steps in proptest::collection::vec((any::<u8>(), step()), 1..80),
    ) {
        let mut story = Story::new();
        for (who, step) in &steps {
            story.step(*who, step);
        }
        // Offers are not written.
        story.step(0, &Step::Wait(60));
        let mut again = Bench::new(story.bench.engine.settings.clone());
        for change in &story.bench.journal {
            again.engine.apply(&change.record);
        }
        again.engine.on_deadline(story.now);
        prop_assert_eq!(again.bindings(), story.bench.bindings());
        prop_assert_eq!(again.engine.pools(story.now), story.bench.engine.pools(story.now));
        prop_assert_eq!(story.prospects(&again.engine), story.prospects(&story.bench.engine));
        while let Some(change) = story.bench.journal.pop() {
            story.bench.engine.apply(&change.undo);
            story.bench.check();
        }
        prop_assert_eq!(story.bench.bindings(), vec![]);
        prop_assert_eq!(story.bench.engine.reserved().count(), 0);
    }

    #[test]
    fn a_client_that_renews_in_time_keeps_its_address(
        steps in proptest::collection::vec((1_u8..8, step()), 1..80),
    ) {
        let mut story = Story::new();
        story.bench = Bench::plain();
        // Nobody else has its name.
        let keeper = client(4);
        let address = story.bench.lease(story.now, &keeper);
        for (who, step) in steps {
            let is_harmless =
                !matches!(step, Step::Revoke(_) | Step::Configure(_) | Step::Fail(_) | Step::Reserve(_));
            if who % 8 != 4 && is_harmless {
                story.step(who, &step);
            }
            let got = story.bench.renew(story.now, &keeper, address);
            prop_assert!(got.is_ok_and(|got| got.is(MessageType::ACK) && got.yiaddr == address));
        }
    }

    #[test]
    fn any_record_can_be_read_in_any_order(
        records in proptest::collection::vec(record(), 0..60),
        variants in proptest::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut bench = Bench::new(variant(0));
        let mut expected = BTreeMap::new();
        for record in &records {
            bench.engine.apply(record);
            bench.check();
            match record {
                Record::Lease4(binding) => {
                    expected.insert(binding.slot, binding.clone());
                }
                Record::Gone4(slot) => {
                    expected.remove(slot);
                }
                _ => {}
            }
        }
        let expected: Vec<_> = expected.into_values().collect();
        prop_assert_eq!(bench.bindings(), expected.clone());
        for number in variants {
            bench.engine.configure(at(5.0), variant(number));
            bench.check();
        }
        bench.engine.on_deadline(at(1e12));
        bench.check();
        prop_assert_eq!(bench.bindings(), expected);
    }
}

fn slot() -> impl Strategy<Value = Slot4> {
    let ports = proptest::option::weighted(0.2, (any::<u8>(), any::<u8>(), any::<u16>()));
    let near = (96_u8..110).prop_map(|n| Ipv4Addr::new(192, 0, 2, n));
    (prop_oneof![4 => near, 1 => any::<Ipv4Addr>()], ports).prop_map(|(address, ports)| {
        let set = |(offset, psid_len, psid)| PortSet { offset, psid_len, psid };
        Slot4 { address, ports: ports.map(set) }
    })
}

fn record() -> impl Strategy<Value = Record> {
    let octets = |most| proptest::collection::vec(any::<u8>(), 0..most);
    let state = prop_oneof![Just(State::Bound), Just(State::Released), Just(State::Declined)];
    let client = prop_oneof![
        octets(300).prop_map(ClientKey::Id),
        (any::<u8>(), octets(20)).prop_map(|(kind, octets)| ClientKey::Hardware(kind, octets)),
        Just(ClientKey::Id(vec![1, 2, 3])),
    ];
    let origin = prop_oneof![
        any::<u64>().prop_map(Origin::Network),
        (any::<u64>(), octets(40)).prop_map(|(half, link)| Origin::Link(half, link)),
    ];
    let time = prop_oneof![3 => (0_u64..100_000_000).boxed(), 1 => (0..u64::MAX).boxed()];
    let time = time.prop_map(Instant::from_micros);
    let source = any::<u128>().prop_map(Ipv6Addr::from_bits);
    let softwire = proptest::option::of((0_u128..3).prop_map(Ipv6Addr::from_bits));
    let transport = prop_oneof![Just(Transport::Dhcp6), Just(Transport::Agent), Just(Transport::Ipv4)];
    let place = (origin, source, softwire, transport);
    let binding = (slot(), client, state, time.clone(), proptest::option::of(time), place, octets(300));
    prop_oneof![
        6 => binding.prop_map(|(slot, client, state, changed_at, expires_at, place, host_name)| {
            let (origin, source, softwire, transport) = place;
            Record::Lease4(Binding4 {
                slot,
                client,
                state,
                changed_at,
                expires_at,
                origin,
                source,
                transport,
                host_name,
                softwire,
            })
        }),
        1 => slot().prop_map(Record::Gone4),
        1 => (slot(), any::<u8>()).prop_map(|(slot, n)| {
            Record::Reserve4 { address: slot.address, holder: Holder::Circuit(vec![n % 4]) }
        }),
        1 => slot().prop_map(|slot| Record::Unreserve4 { address: slot.address }),
    ]
}
