//! Messages of real servers, with their transaction id replaced by ours.

use super::bench::secs;
use crate::client6::{Action, Client6};
use crate::ids::{Duid, Iaid, hex_decode};
use crate::record::LinkRecord;
use crate::rng::Rng;
use crate::settings::{Dhcp6Mode, Dhcp6Settings};
use crate::time::Instant;
use crate::wire::v6::Message;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Kea 2.2, Advertise with IA_NA, IA_PD and an empty option 88.
const KEA_ADVERTISE: &str = "023c74e10001000a0003000102005e1000020002000a0003000102005e10000100030028000000010000\
    003c0000004b0005001820010db80006000000000000000001000000005a000000780017001020010db80006000000000000000000530018\
    000e076578616d706c6504746573740000190029000000010000003c0000004b001a00190000005a000000783820010db8d0000000000000\
    0000000000002000040000025800580000";
/// Kea 2.2, Reply to the Request.
const KEA_REPLY: &str = "0780a5cd0001000a0003000102005e1000020002000a0003000102005e10000100030028000000010000003c\
    0000004b0005001820010db80006000000000000000001000000005a000000780017001020010db80006000000000000000000530018000e\
    076578616d706c6504746573740000190029000000010000003c0000004b001a00190000005a000000783820010db8d00000000000000000\
    000000002000040000025800580000";
/// Kea 2.2, Reply to a Release.
const KEA_RELEASED: &str = "07f174ae0001000a0003000102005e1000020002000a0003000102005e1000010003003f00000001000000\
    0000000000000d002f00004c656173652072656c65617365642e205468616e6b20796f752c20706c6561736520636f6d6520616761696e2e\
    000d0029000053756d6d6172792073746174757320666f7220616c6c2070726f6365737365642049415f4e41730019003f00000001000000\
    0000000000000d002f00004c656173652072656c65617365642e205468616e6b20796f752c20706c6561736520636f6d6520616761696e2e";
/// Kea 2.2, Reply to an Information-request, option 88 with two addresses.
const KEA_INFORMATION: &str = "078796370001000a0003000102005e1000020002000a0003000102005e1000010017001020010db80006\
    000000000000000000530018000e076578616d706c6504746573740000200004000002580058002020010db8000600000000000000000001\
    20010db8000600000000000000000002";
/// Kea 2.2, Reply with Rapid Commit.
const KEA_RAPID: &str = "0716d8c00001000a0003000102005e1000020002000a0003000102005e10000100030028000000010000003c\
    0000004b0005001820010db80006000000000000000001000000005a00000078000e00000017001020010db8000600000000000000000053\
    0018000e076578616d706c65047465737400002000040000025800580000";
/// ISC dhcpd 4.4.3-P1, Advertise: the associations come first.
const ISC_ADVERTISE: &str = "02c1152c00030028000000010000003c0000004b0005001820010db80006000000000000000001cc000000\
    5a0000007800190029000000010000003c0000004b001a00190000005a000000783820010db8d0ff000000000000000000000001000a0003\
    000102005e1000020002000e000100013294a1a502005e1000010017001020010db80006000000000000000000530018000e076578616d70\
    6c6504746573740000200004000002580058001020010db8000600000000000000000001";
/// ISC dhcpd 4.4.3-P1, Reply to the Request.
const ISC_REPLY: &str = "0747a1ec00030028000000010000003c0000004b0005001820010db80006000000000000000001cc0000005a\
    0000007800190029000000010000003c0000004b001a00190000005a000000783820010db8d0ff000000000000000000000001000a000300\
    0102005e1000020002000e000100013294a1a502005e1000010017001020010db80006000000000000000000530018000e076578616d706c\
    6504746573740000200004000002580058001020010db8000600000000000000000001";
/// ISC dhcpd 4.4.3-P1, Reply to a Release.
const ISC_RELEASED: &str = "07ac26930001000a0003000102005e1000020002000e000100013294a1a502005e100001000d0013000052\
    656c656173652072656365697665642e";

/// The client whose messages these answer.
struct Replay {
    client: Client6,
    rng: Rng,
    now: Instant,
    xid: [u8; 3],
}

impl Replay {
    fn new(settings: Dhcp6Settings) -> Self {
        let duid = Duid::link_layer(1, &[2, 0, 0x5e, 0x10, 0, 2]).unwrap();
        let client = Client6::new(settings, vec![88], duid, &LinkRecord::new(Iaid(1)));
        let mut replay = Self { client, rng: Rng::scripted(0.5), now: secs(100.0), xid: [0; 3] };
        replay.act(|client, now, rng, out| client.ready(now, rng, out));
        replay
    }

    fn act(&mut self, act: impl FnOnce(&mut Client6, Instant, &mut Rng, &mut Vec<Action>)) -> Vec<Action> {
        let mut out = Vec::new();
        act(&mut self.client, self.now, &mut self.rng, &mut out);
        for action in &out {
            if let Action::Send(octets) = action {
                self.xid.copy_from_slice(&octets[1..4]);
            }
        }
        out
    }

    fn hear(&mut self, text: &str) -> Vec<Action> {
        let mut octets = hex_decode(&text.replace(' ', "")).unwrap();
        octets[1..4].copy_from_slice(&self.xid);
        let message = Message::parse(&octets).unwrap();
        self.act(|client, now, rng, out| client.receive(now, &message, rng, out).unwrap())
    }

    fn wait(&mut self) -> Vec<Action> {
        self.now = self.client.deadline().unwrap();
        self.act(|client, now, rng, out| client.on_deadline(now, rng, out))
    }
}

fn settings() -> Dhcp6Settings {
    Dhcp6Settings {
        mode: Dhcp6Mode::Stateful,
        prefix: true,
        max_delay: Duration::ZERO,
        ..Dhcp6Settings::default()
    }
}

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

#[test]
fn kea_and_isc_give_an_address_and_a_prefix_and_take_them_back() {
    let cases = [
        (KEA_ADVERTISE, KEA_REPLY, KEA_RELEASED, "2001:db8:6::100", "2001:db8:d000::"),
        (ISC_ADVERTISE, ISC_REPLY, ISC_RELEASED, "2001:db8:6::1cc", "2001:db8:d0ff::"),
    ];
    for (advertise, reply, released, address, prefix) in cases {
        let mut replay = Replay::new(settings());
        assert!(replay.hear(advertise).is_empty());
        replay.wait();
        let done = replay.hear(reply);
        assert!(matches!(done[..], [Action::Save, Action::Assign, Action::Configured(_)]), "{done:?}");
        let lease = replay.client.lease().unwrap().clone();
        assert_eq!((lease.addresses[0].address, lease.prefixes[0].prefix), (ip(address), ip(prefix)));
        assert_eq!(lease.prefixes[0].prefix_len, 56);
        let at = replay.now;
        assert_eq!(lease.renew_at, Some(at + Duration::from_secs(60)));
        assert_eq!(lease.rebind_at, Some(at + Duration::from_secs(75)));
        assert_eq!(lease.expires_at(), Some(at + Duration::from_secs(120)));
        let status = replay.client.status();
        assert_eq!(status.options.dns, [ip("2001:db8:6::53")]);
        assert_eq!(status.options.domains, ["example.test"]);
        assert_eq!(status.options.raw.len(), 1);
        assert!(matches!(replay.wait()[..], [Action::Send(_)]), "Renew at T1");
        assert!(matches!(replay.hear(reply)[..], [Action::Save, Action::Assign, Action::Configured(_)]));
        replay.act(|client, now, rng, out| client.release(now, rng, out));
        assert_eq!(replay.hear(released), [Action::Released]);
    }
}

#[test]
fn kea_configures_without_addresses() {
    let mut replay = Replay::new(Dhcp6Settings { mode: Dhcp6Mode::Stateless, ..settings() });
    let done = replay.hear(KEA_INFORMATION);
    assert!(matches!(done[..], [Action::Configured(_)]), "{done:?}");
    let status = replay.client.status();
    assert_eq!(status.refresh_at, Some(replay.now + Duration::from_secs(600)));
    assert_eq!(status.options.raw[0].1.len(), 32);
}

#[test]
fn kea_commits_rapidly() {
    let mut replay = Replay::new(Dhcp6Settings { rapid_commit: true, prefix: false, ..settings() });
    let done = replay.hear(KEA_RAPID);
    assert!(matches!(done[..], [Action::Save, Action::Assign, Action::Configured(_)]), "{done:?}");
}
