//! What real clients sent to Kea and ISC dhcpd, put to this engine: it says the same. The captures are those of
//! `tests/captures`.

use super::bench::*;
use crate::binding::Slot6;
use crate::ids::{Duid, hex_decode};
use crate::rng::Rng;
use crate::server4::Cx;
use crate::server6::Engine;
use crate::server6::settings::{Options6, Settings, Subnet6};
use crate::settings::{Draft01, Profile};
use crate::tally::Tally;
use crate::time::{Instant, Lifetime};
use crate::wire::v6::Message;
use crate::wire::v6_option::{OptionCode, Status};
use std::path::Path;
use std::time::Duration;

/// Payloads of DHCPv6 messages in the order they were sent.
fn capture(name: &str) -> Vec<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name).with_extension("hex");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let payloads = lines.map(|line| hex_decode(line.rsplit(' ').next().unwrap()).unwrap());
    payloads.filter(|payload| payload[0] <= 11).collect()
}

/// What the servers of the captures were configured with.
fn laboratory(stateful: bool, rapid_commit: bool) -> Settings {
    let options = Options6 {
        servers_4o6: Some(vec![]),
        dns: vec![ip("2001:db8:6::53")],
        search: vec!["example.test".into()],
        refresh: Some(600),
        ..Options6::default()
    };
    let pools = vec![(ip("2001:db8:6::100"), ip("2001:db8:6::1ff"))];
    let subnet = Subnet6 { pools, preferred: Lifetime(90), valid: Lifetime(120), ..subnet() };
    let subnets = if stateful { vec![subnet] } else { Vec::new() };
    Settings { rapid_commit, options, subnets, ..Settings::default() }
}

fn server_of(capture: &[Vec<u8>]) -> Duid {
    let named = capture
        .iter()
        .find_map(|payload| Message::parse(payload).unwrap().options.duid(OptionCode::SERVERID));
    named.unwrap()
}

/// Code, IAID, status and slots of an association.
type Gist = (OptionCode, u32, Status, Vec<Slot6>);

/// What matters of an answer: its type, statuses, and, of a Reply to a client that named some, the slots that can be
/// used.
fn gist(payload: &[u8]) -> (u8, Option<Status>, Vec<Gist>) {
    let message = Message::parse(payload).unwrap();
    let free_choice = message.kind == ADVERTISE || message.options.first(OptionCode::RAPID_COMMIT).is_some();
    let mut told: Vec<_> = associations(&message)
        .into_iter()
        .map(|ia| {
            let usable = ia.slots.iter().filter(|(_, _, valid)| *valid > 0 && !free_choice);
            (ia.code, ia.iaid, ia.status, usable.map(|(slot, ..)| *slot).collect::<Vec<_>>())
        })
        .collect();
    // Kea tells of each association of a Release that it went well.
    told.retain(|(_, _, status, slots)| free_choice || *status != Status::SUCCESS || !slots.is_empty());
    told.sort_by_key(|(code, iaid, ..)| (*code, *iaid));
    let status = message.options.first(OptionCode::STATUS_CODE).map(|_| message.options.status());
    (message.kind.0, status, told)
}

/// Codes of the options that clients ask for.
fn served(payload: &[u8]) -> Vec<u16> {
    let message = Message::parse(payload).unwrap();
    let mut codes: Vec<u16> = message.options.iter().map(|(code, _)| code.0).collect();
    codes.retain(|code| [23, 24, 88].contains(code));
    codes.sort_unstable();
    codes
}

#[test]
fn real_clients_hear_what_they_heard_from_kea_and_isc() {
    for (name, stateful, exchanges) in [
        ("kea-stateful-full", true, 5),
        ("isc-stateful-full", true, 5),
        ("isc-dhclient-kea", true, 2),
        ("isc-dhclient-isc-dhcpd", true, 2),
        ("kea-rapid-commit-dora", true, 1),
        ("isc-dhclient-stateless-kea", false, 1),
        ("kea-stateless-dora", false, 1),
    ] {
        let capture = capture(name);
        let settings = laboratory(stateful, name.contains("rapid"));
        let rng = Rng::seeded([1; 32]);
        let mut engine =
            Engine::new(settings, server_of(&capture), Profile::Rfc7341, Draft01::default(), rng);
        let (mut now, mut answered) = (Instant::from_secs(1), 0);
        for pair in capture.windows(2) {
            let (query, expected) = (Message::parse(&pair[0]).unwrap(), &pair[1]);
            if [ADVERTISE, REPLY].contains(&query.kind) || query.header != expected[1..4] {
                continue;
            }
            now = now + Duration::from_secs(1);
            let (mut tally, mut changes, mut notices) = (Tally::default(), Vec::new(), Vec::new());
            let mut cx = Cx {
                may_grant: true,
                tally: &mut tally,
                changes: &mut changes,
                notices: &mut notices,
                refused: None,
            };
            let answer = engine.handle(now, &query, &direct(), false, &mut cx).unwrap().unwrap();
            let (ours, theirs) = (gist(&answer), gist(expected));
            // The others differ in whether success is said or silent.
            assert_eq!((ours.0, &ours.2), (theirs.0, &theirs.2), "{name}: {}", query.kind);
            let said = |status: Option<Status>| status.unwrap_or(Status::SUCCESS);
            assert_eq!(said(ours.1), said(theirs.1), "{name}: {}", query.kind);
            assert_eq!(served(&answer), served(expected), "{name}: {}", query.kind);
            answered += 1;
        }
        assert!(answered >= exchanges, "{name}: {answered} exchanges");
    }
}
