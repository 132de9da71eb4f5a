//! What is met with silence, and why.

use super::bench::*;
use crate::ids::Duid;
use crate::refused::Refused;
use crate::wire::v6::MessageType;

const STATEFUL: [MessageType; 7] = [SOLICIT, REQUEST, CONFIRM, RENEW, REBIND, RELEASE, DECLINE];
const ADDRESSED: [MessageType; 4] = [REQUEST, RENEW, RELEASE, DECLINE];

fn other() -> Duid {
    Duid::new([0, 3, 0, 1, 9]).unwrap()
}

/// An association whose address the client has.
fn parts(bench: &mut Bench) -> Vec<Part> {
    let slot = bench.lease(1, 1).unwrap();
    vec![Part::Has(1, vec![slot])]
}

#[test]
fn whoever_sends_no_identifier_gets_no_answer() {
    for kind in STATEFUL {
        let mut bench = Bench::new(small(10));
        let mut message = parts(&mut bench);
        if ADDRESSED.contains(&kind) {
            message.push(Part::Server(server_duid()));
        }
        assert_eq!(bench.ask(kind, &message), Err(Refused::BadQuery6), "{kind}");
        for broken in [vec![], vec![0, 3], vec![7; 131]] {
            message.push(Part::Raw(1, broken));
            assert_eq!(bench.ask(kind, &message), Err(Refused::BadQuery6), "{kind}");
            message.pop();
        }
        message.push(Part::Client(1));
        assert!(bench.ask(kind, &message).is_ok(), "{kind}");
    }
    let mut bench = Bench::new(small(10));
    assert_eq!(bench.ask(INFORMATION, &[Part::Raw(1, vec![0, 3])]), Err(Refused::BadQuery6));
}

#[test]
fn a_message_for_one_server_names_it_and_others_are_silent() {
    for kind in ADDRESSED {
        let mut bench = Bench::new(small(10));
        let mut message = parts(&mut bench);
        let known = bench.engine.bindings(None, 9);
        message.push(Part::Client(1));
        assert_eq!(bench.ask(kind, &message), Err(Refused::BadQuery6), "{kind}");
        message.push(Part::Server(other()));
        assert_eq!(bench.ask(kind, &message), Err(Refused::OtherServer), "{kind}");
        message.pop();
        message.push(Part::Raw(2, vec![]));
        assert_eq!(bench.ask(kind, &message), Err(Refused::OtherServer), "{kind}");
        assert_eq!(bench.engine.bindings(None, 9), known);
    }
    let mut bench = Bench::new(small(10));
    let message = [Part::Client(1), Part::Server(other())];
    assert_eq!(bench.ask(INFORMATION, &message), Err(Refused::OtherServer));
}

#[test]
fn a_message_for_all_servers_names_none() {
    for kind in [SOLICIT, CONFIRM, REBIND] {
        let mut bench = Bench::new(small(10));
        let mut message = parts(&mut bench);
        message.push(Part::Client(1));
        message.push(Part::Server(server_duid()));
        assert_eq!(bench.ask(kind, &message), Err(Refused::BadQuery6), "{kind}");
    }
}

#[test]
fn an_information_request_has_no_associations() {
    let mut bench = Bench::new(small(10));
    for part in [Part::Na(1, vec![]), Part::Pd(1, vec![]), Part::Ta] {
        assert_eq!(bench.send(INFORMATION, 1, vec![part]), Err(Refused::BadQuery6));
    }
}

#[test]
fn what_the_client_itself_sends_to_a_unicast_address_is_not_taken() {
    for kind in STATEFUL.into_iter().chain([INFORMATION]) {
        let mut bench = Bench::new(small(10));
        let mut message = if kind == INFORMATION { Vec::new() } else { parts(&mut bench) };
        let known = bench.engine.bindings(None, 9);
        message.push(Part::Client(1));
        if ADDRESSED.contains(&kind) {
            message.push(Part::Server(server_duid()));
        }
        let octets = write(kind, &message);
        bench.wait(1);
        assert_eq!(bench.octets(&octets, true), Err(Refused::WrongDestination), "{kind}");
        assert_eq!(bench.engine.bindings(None, 9), known);
        assert!(bench.octets(&octets, false).unwrap().is_some());
    }
}

#[test]
fn other_types_are_not_answered_gen_11() {
    let mut bench = Bench::new(small(10));
    for kind in 0..=u8::MAX {
        let told = bench.send(MessageType(kind), 1, vec![]);
        match kind {
            1 | 3 | 5 | 6 | 8 | 9 | 11 => assert!(told.is_ok(), "{kind}: {told:?}"),
            4 => assert_eq!(told, Err(Refused::BadQuery6)),
            2 | 7 | 10 | 13 | 21 => assert_eq!(told, Err(Refused::WrongDirection), "{kind}"),
            _ => assert_eq!(told, Err(Refused::UnknownType), "{kind}"),
        }
    }
}

#[test]
fn two_identifiers_and_broken_framing_are_malformed_gen_02_gen_04() {
    let mut bench = Bench::new(small(10));
    let twice = bench.send(SOLICIT, 1, vec![Part::Client(1), Part::Na(1, vec![])]);
    assert_eq!(twice, Err(Refused::Malformed6));
    let whole =
        write(REQUEST, &[Part::Client(1), Part::Server(server_duid()), Part::Na(1, vec!["2001:db8:6::100"])]);
    for end in 0..whole.len() {
        // At the end of an option the rest is a whole message, with less in it.
        let _ = bench.octets(&whole[..end], false);
        assert!(bench.engine.bindings(None, 9).len() <= 1);
    }
}

#[test]
fn associations_and_addresses_that_are_too_short_are_left_out() {
    let mut bench = Bench::new(small(10));
    let short = vec![Part::Raw(3, vec![0; 11]), Part::Raw(25, vec![]), Part::Na(2, vec![])];
    let told = bench.send(REQUEST, 1, short).unwrap();
    assert_eq!(told.associations.iter().map(|association| association.iaid).collect::<Vec<_>>(), [2]);
    let mut broken = vec![0; 12];
    broken.extend([0, 5, 0, 3, 1, 2, 3]);
    let told = bench.send(REQUEST, 2, vec![Part::Raw(3, broken)]).unwrap();
    assert_eq!(told.given().len(), 1);
    // A prefix of 129 bits.
    let mut long = vec![0; 12];
    long.extend([0, 26, 0, 25]);
    long.extend([0; 8]);
    long.push(129);
    long.extend([0x20; 16]);
    let told = bench.send(REQUEST, 3, vec![Part::Raw(25, long)]).unwrap();
    assert_eq!(told.given().len(), 1);
}
