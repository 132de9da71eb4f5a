//! Export and import.

use super::*;
use dhcp4o6_protocol::binding::{Binding6, PortSet, Slot6};
use dhcp4o6_protocol::ids::Duid;

/// A moment so many seconds after midnight by [`boot`]'s wall clock, as the clock of that boot has it.
const fn at(seconds: u64) -> Moment {
    Moment::from_secs(seconds)
}

/// One of everything that a line can have.
fn all_kinds() -> Vec<Record> {
    let whole = Slot4 { address: [192, 0, 2, 1].into(), ports: None };
    let ports = Slot4 { ports: Some(PortSet { offset: 6, psid_len: 8, psid: 52 }), ..whole };
    let usual = Binding4 {
        slot: whole,
        client: ClientKey::Id(vec![0xff, 0, 1]),
        state: State::Bound,
        changed_at: at(900) + std::time::Duration::from_micros(123_457),
        expires_at: Some(at(4500)),
        origin: Origin::Network(0x2001_0db8_0001_0002),
        source: "2001:db8:1:2::5".parse().unwrap(),
        transport: Transport::Dhcp6,
        host_name: "\u{7}é\"".into(),
        softwire: Some("2001:db8::1".parse().unwrap()),
    };
    let shared = Binding4 {
        slot: Slot4 { address: [192, 0, 2, 2].into(), ..ports },
        client: ClientKey::Hardware(1, vec![2, 0, 0x5e, 0x10, 0, 1]),
        state: State::Declined,
        expires_at: None,
        origin: Origin::Link(5, b"lan0".to_vec()),
        transport: Transport::Ipv4,
        host_name: Vec::new(),
        softwire: None,
        ..usual.clone()
    };
    let delegated = Binding6 {
        slot: Slot6::Prefix("2001:db8:8000::".parse().unwrap(), 56),
        client: Duid::uuid([7; 16]),
        iaid: u32::MAX,
        state: State::Released,
        changed_at: at(1),
        preferred_until: Some(at(2)),
        expires_at: Some(at(3)),
        origin: Origin::Link(5, b"lan0".to_vec()),
    };
    let address = Binding6 {
        slot: Slot6::Address("2001:db8::9".parse().unwrap()),
        preferred_until: None,
        expires_at: None,
        origin: Origin::Network(0x2001_0db8_0001_0002),
        ..delegated.clone()
    };
    let reserve = |last, holder| Record::Reserve4 { address: [192, 0, 2, last].into(), holder };
    vec![
        Record::Lease4(usual),
        Record::Lease4(shared),
        Record::Lease6(address),
        Record::Lease6(delegated),
        reserve(10, Holder::ClientId(vec![1, 2])),
        reserve(11, Holder::Duid(Duid::uuid([8; 16]))),
        reserve(12, Holder::Circuit(b"7".to_vec())),
        reserve(13, Holder::Hardware(1, vec![1; 6])),
    ]
}

fn stored(scratch: &Scratch, records: &[Record]) {
    let (mut leases, _) = Leases::open(&scratch.0, boot(), &mut |_| {}).unwrap();
    records.iter().for_each(|record| leases.append(record));
}

fn found(scratch: &Scratch) -> Vec<Record> {
    let mut found = Vec::new();
    let (_, loaded) = Leases::open(&scratch.0, boot(), &mut |record| found.push(record)).unwrap();
    assert_eq!(loaded.bad, 0);
    found
}

fn exported(scratch: &Scratch) -> String {
    let mut out = Vec::new();
    let exported = export(&scratch.0, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(exported.records, text.lines().count() as u64);
    text
}

fn mistakes(scratch: &Scratch, text: &[u8]) -> Vec<(u64, String)> {
    match import(&scratch.0, &mut &text[..]) {
        Err(ImportError::Mistakes(mistakes)) => mistakes.lines,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_exported_here_can_be_imported_there() {
    let (here, there) = (Scratch::new("here"), Scratch::new("there"));
    stored(&here, &all_kinds());
    let text = exported(&here);
    assert_eq!(import(&there.0, &mut text.as_bytes()).unwrap(), 8);
    assert_eq!(found(&there), all_kinds(), "to the microsecond");
    assert_eq!(exported(&there), text);
}

#[test]
fn the_form_of_lines_does_not_change() {
    let scratch = Scratch::new("form");
    stored(&scratch, &all_kinds());
    let expected = [
        r#"{"record":"lease4","address":"192.0.2.1","client":{"id":"ff0001"},"state":"bound","changed":1800000900.123457,"expires":1800004500.0,"origin":{"network":"2001:db8:1:2::/64"},"source":"2001:db8:1:2::5","host-name":"07c3a922","softwire":"2001:db8::1"}"#,
        r#"{"record":"lease4","address":"192.0.2.2","ports":{"offset":6,"psid-len":8,"psid":52},"client":{"hardware":{"type":1,"address":"02005e100001"}},"state":"declined","changed":1800000900.123457,"origin":{"link":{"address":"fe80::5","link":"6c616e30"}},"source":"2001:db8:1:2::5","transport":"ipv4"}"#,
        r#"{"record":"lease6","address":"2001:db8::9","duid":"000407070707070707070707070707070707","iaid":4294967295,"state":"released","changed":1800000001.0,"origin":{"network":"2001:db8:1:2::/64"}}"#,
        r#"{"record":"lease6","prefix":"2001:db8:8000::/56","duid":"000407070707070707070707070707070707","iaid":4294967295,"state":"released","changed":1800000001.0,"preferred":1800000002.0,"expires":1800000003.0,"origin":{"link":{"address":"fe80::5","link":"6c616e30"}}}"#,
        r#"{"record":"reserve4","address":"192.0.2.10","holder":{"client-id":"0102"}}"#,
        r#"{"record":"reserve4","address":"192.0.2.11","holder":{"duid":"000408080808080808080808080808080808"}}"#,
        r#"{"record":"reserve4","address":"192.0.2.12","holder":{"circuit":"37"}}"#,
        r#"{"record":"reserve4","address":"192.0.2.13","holder":{"hardware":{"type":1,"address":"010101010101"}}}"#,
    ];
    assert_eq!(exported(&scratch).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn only_what_is_known_now_is_exported() {
    let scratch = Scratch::new("now");
    let taken_back = Record::Unreserve4 { address: address(4) };
    stored(&scratch, &[lease(1, 1), lease(2, 2), reservation(4, 4), lease(1, 3), gone(2), taken_back]);
    let text = exported(&scratch);
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains(r#""id":"00000003""#), "{text}");
}

#[test]
fn a_server_may_run_while_its_leases_are_exported_and_not_while_others_are_imported() {
    let scratch = Scratch::new("running");
    stored(&scratch, &all_kinds());
    let text = exported(&scratch);
    let (leases, _) = Leases::open(&scratch.0, boot(), &mut |_| {}).unwrap();
    assert_eq!(exported(&scratch), text);
    let refused = import(&scratch.0, &mut text.as_bytes());
    assert!(matches!(refused, Err(ImportError::Leases(LeasesError::InUse(_)))), "{refused:?}");
    drop(leases);
}

#[test]
fn imported_records_replace_those_of_the_same_slots_and_no_others() {
    let scratch = Scratch::new("merge");
    stored(&scratch, &[lease(1, 1), lease(2, 2), reservation(3, 3), lease(5, 5)]);
    let other = Scratch::new("merge-other");
    stored(&other, &[lease(2, 22), lease(4, 4)]);
    let gone = r#"{"record":"gone4","address":"10.0.0.5"}"#;
    let back = r#"{"record":"unreserve4","address":"10.0.0.3"}"#;
    let text = format!("\n{}{gone}\r\n  \n{back}", exported(&other));
    assert_eq!(import(&scratch.0, &mut text.as_bytes()).unwrap(), 4);
    let mut table = Table::new();
    found(&scratch).iter().for_each(|record| apply(&mut table, record));
    assert_eq!(table, Table::from([((false, 1), 1), ((false, 2), 22), ((false, 4), 4)]));
}

#[test]
fn all_mistakes_are_told_with_their_lines_and_nothing_is_imported() {
    let scratch = Scratch::new("mistakes");
    stored(&scratch, &[lease(1, 1)]);
    let before = scratch.names();
    let good = r#"{"record":"reserve4","address":"192.0.2.12","holder":{"circuit":"37"}}"#;
    let lines: [(&str, &str); 15] = [
        (good, ""),
        (r#"{"record":"gone4","#, "column 18"),
        (r#"["gone4","192.0.2.9"]"#, "not a JSON object"),
        (r#"{"record":"lease5"}"#, "unknown variant `lease5`"),
        (r#"{"address":"192.0.2.1"}"#, "missing field `record`"),
        (r#"{"record":"gone4"}"#, "missing field `address`"),
        (r#"{"record":"gone4","address":"192.0.2.1","x":1}"#, "unknown field `x`"),
        (r#"{"record":"gone4","address":"192.0.2.1","address":"192.0.2.1"}"#, "duplicate field `address`"),
        (r#"{"record":"gone4","address":"192.0.2.256"}"#, "IPv4"),
        (
            r#"{"record":"gone4","address":"192.0.2.3","ports":{"offset":0,"psid-len":0,"psid":0}}"#,
            "port set",
        ),
        (r#"{"record":"gone6"}"#, "either an address or a prefix"),
        (r#"{"record":"gone6","prefix":"2001:db8::1/56"}"#, "not a prefix"),
        (r#"{"record":"reserve4","address":"192.0.2.1","holder":{"circuit":"zz"}}"#, "hexadecimal"),
        (r#"{"record":"reserve4","address":"192.0.2.1","holder":{"duid":"00"}}"#, "DUID"),
        (good, "line 1 is about the same"),
    ];
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let found_mistakes = mistakes(&scratch, text.as_bytes());
    assert_eq!(found_mistakes.len(), 14, "{found_mistakes:#?}");
    for ((number, what), (line, (_, expected))) in found_mistakes.iter().zip((1..).zip(lines).skip(1)) {
        assert_eq!(*number, line, "{what}");
        assert!(what.contains(expected), "line {number}: {what}, not {expected}");
    }
    assert_eq!(found(&scratch), [lease(1, 1)]);
    // Opening it has begun another journal.
    assert_eq!(scratch.names().len(), before.len() + 1);
}

#[test]
fn moments_and_places_are_checked() {
    let scratch = Scratch::new("values");
    let line = |changed: &str, origin: &str| {
        format!(
            r#"{{"record":"lease4","address":"192.0.2.1","client":{{"id":"0102"}},"state":"bound","changed":{changed},"origin":{origin},"source":"::1"}}"#
        )
    };
    let network = r#"{"network":"2001:db8::/64"}"#;
    for (changed, origin, expected) in [
        ("-1", network, "seconds since 1970"),
        ("1e300", network, "seconds since 1970"),
        ("\"now\"", network, "f64"),
        ("1", r#"{"network":"2001:db8::/56"}"#, "not a /64"),
        ("1", r#"{"link":{"address":"2001:db8::1","link":""}}"#, "not in fe80::/64"),
        ("1", "{}", "origin"),
    ] {
        let mistakes = mistakes(&scratch, line(changed, origin).as_bytes());
        assert!(mistakes.len() == 1 && mistakes[0].0 == 1, "{mistakes:?}");
        assert!(mistakes[0].1.contains(expected) || expected == "origin", "{mistakes:?}");
    }
    assert_eq!(import(&scratch.0, &mut line("0", network).as_bytes()).unwrap(), 1);
}

#[test]
fn lines_of_any_length_and_any_octets_are_mistakes_and_nothing_worse() {
    let scratch = Scratch::new("octets");
    let mut text = vec![b'x'; 3 << 20];
    text.extend(b"\n\xff\xfe\n\0");
    let mistakes = mistakes(&scratch, &text);
    assert_eq!(mistakes.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(mistakes[0].1.contains("longer"));
}

#[test]
fn of_many_mistakes_a_thousand_are_told() {
    let scratch = Scratch::new("many");
    let error = import(&scratch.0, &mut "x\n".repeat(1_500).as_bytes()).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1_001);
    assert!(error.starts_with("line 1: ") && error.ends_with("and 500 more"));
}

#[test]
fn leases_of_a_directory_that_is_not_there_are_not_exported() {
    let scratch = Scratch::new("nowhere");
    assert!(matches!(export(&scratch.0, &mut Vec::new()), Err(ExportError::Read(_))));
    assert!(!scratch.0.exists());
}

#[test]
fn what_cannot_be_written_out_is_an_error() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let scratch = Scratch::new("full");
    stored(&scratch, &all_kinds());
    assert!(matches!(export(&scratch.0, &mut Full), Err(ExportError::Write(_))));
}
