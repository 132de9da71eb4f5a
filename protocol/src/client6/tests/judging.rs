//! What is asked for, what is taken, and what is refused.

use super::bench::*;
use crate::client6::Client6;
use crate::ids::Iaid;
use crate::record::LinkRecord;
use crate::refused::Refused;
use crate::settings::Dhcp6Settings;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};

const ADVERTISE: MessageType = MessageType::ADVERTISE;
const REPLY: MessageType = MessageType::REPLY;

#[test]
fn each_type_asks_for_what_it_may_c6_03_c6_10() {
    let stateful_codes = [82, 88, 23, 24];
    let mut bench = Bench::new(stateful());
    bench.up();
    assert_eq!((bench.last().kind, bench.requested()), (MessageType::SOLICIT, stateful_codes.to_vec()));
    bench.answer(ADVERTISE, A, &[na("2001:db8::5"), Part::Preference(255)]);
    assert_eq!((bench.last().kind, bench.requested()), (MessageType::REQUEST, stateful_codes.to_vec()));
    bench.answer(REPLY, A, &[na("2001:db8::5")]);
    bench.run_until(150.0);
    assert_eq!((bench.last().kind, bench.requested()), (MessageType::RENEW, stateful_codes.to_vec()));
    bench.run_until(180.0);
    assert_eq!((bench.last().kind, bench.requested()), (MessageType::REBIND, stateful_codes.to_vec()));
    let mut bench = Bench::new(stateless());
    bench.up();
    assert_eq!(
        (bench.last().kind, bench.requested()),
        (MessageType::INFORMATION_REQUEST, vec![83, 32, 88, 23, 24])
    );
}

#[test]
fn configured_codes_are_asked_for_once_and_never_those_that_are_no_configuration_c6_10() {
    let request_options = (0..=140).chain([64, 64, 31, 65_000]).collect();
    let mut bench = Bench::new(Dhcp6Settings { request_options, ..stateful() });
    bench.up();
    let asked = bench.requested();
    let never = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26, 32, 37, 53];
    assert!(never.iter().all(|code| !asked.contains(code)), "{asked:?}");
    let mut unique = asked.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), asked.len());
    let request_options = vec![64, 111, 94, 31, 88, 83, 82, 87, 79, 89, 90, 93, 135, 137];
    let mut bench = Bench::new(Dhcp6Settings { request_options, ..stateful() });
    bench.up();
    assert_eq!(bench.requested(), [82, 88, 23, 24, 64, 111, 94, 31]);
}

#[test]
fn without_4o6_nothing_is_asked_about_it_and_draft01_asks_for_both_its_options_c6_02_c6_03() {
    for (permit_options, expected) in
        [(vec![], vec![82, 23, 24]), (vec![54_322, 54_323], vec![82, 54_322, 54_323, 23, 24])]
    {
        let mut bench = Bench::new(stateful());
        bench.client = Client6::new(stateful(), permit_options, our_duid(), &LinkRecord::new(Iaid(IAID)));
        bench.up();
        assert_eq!(bench.requested(), expected);
    }
}

#[test]
fn an_advertise_never_configures_c6_05() {
    let mut bench = Bench::new(stateful());
    bench.up();
    let done = bench.answer(ADVERTISE, A, &[na("2001:db8::5"), EMPTY_88, Part::Preference(255)]);
    assert_eq!(done, ["Request >a na[2001:db8::5]"]);
    assert!(!bench.client.is_configured());
}

#[test]
fn each_defect_alone_discards_an_advertise_or_reply_c6_17() {
    let other: &'static [u8] = &[0, 3, 0, 1, 9];
    let defects = [Part::NoServerId, Part::ClientId(None), Part::ClientId(Some(other))];
    let mut soliciting = Bench::new(stateful());
    soliciting.up();
    let mut renewing = Bench::bound(stateful(), &[na("2001:db8::5")]);
    renewing.run_until(150.0);
    let mut asking = Bench::new(stateless());
    asking.up();
    for (bench, kind) in [(&mut soliciting, ADVERTISE), (&mut renewing, REPLY), (&mut asking, REPLY)] {
        for defect in &defects {
            let parts = [na("2001:db8::5"), defect.clone()];
            assert_eq!(bench.refuses(kind, A, &parts), Refused::BadReply6, "{kind} with {defect:?}");
        }
        let [a, b, c] = bench.last().header;
        let octets = write(kind, [a, b, c ^ 1], A, &[na("2001:db8::5")]);
        assert_eq!(bench.receive(&octets), Err(Refused::BadReply6), "{kind} of another transaction");
        let octets = bench.write(kind, A, &[na("2001:db8::5")]);
        assert!(bench.receive(&octets).is_ok(), "{kind} without defect");
    }
}

#[test]
fn our_own_identifier_is_no_server_m1() {
    let mut bench = Bench::new(stateful());
    bench.up();
    let mut octets = vec![2];
    octets.extend(bench.last().header);
    for code in [1, 2] {
        octets.extend([0, code, 0, 14]);
        octets.extend(our_duid().as_bytes());
    }
    assert_eq!(bench.receive(&octets), Err(Refused::BadReply6));
}

#[test]
fn a_server_identifier_that_is_no_duid_is_none_c6_17() {
    let mut bench = Bench::new(stateful());
    bench.up();
    let parts = [Part::NoServerId, Part::Raw(OptionCode::SERVERID, &[0, 1]), na("2001:db8::5")];
    assert_eq!(bench.refuses(ADVERTISE, A, &parts), Refused::BadReply6);
}

#[test]
fn a_type_that_nothing_waits_for_is_refused() {
    let mut bound = Bench::bound(stateful(), &[na("2001:db8::5")]);
    for kind in [ADVERTISE, REPLY] {
        assert_eq!(bound.refuses(kind, A, &[na("2001:db8::5")]), Refused::UnexpectedState);
    }
    let mut renewing = Bench::bound(stateful(), &[na("2001:db8::5")]);
    renewing.run_until(150.0);
    assert_eq!(renewing.refuses(ADVERTISE, A, &[na("2001:db8::5")]), Refused::UnexpectedState);
    let mut informed = Bench::informed(stateless(), &[]);
    assert_eq!(informed.refuses(REPLY, A, &[]), Refused::UnexpectedState);
    let mut fresh = Bench::new(stateful());
    let reply = write(REPLY, [0, 0, 1], A, &[]);
    assert_eq!(fresh.receive(&reply), Err(Refused::UnexpectedState));
}

#[test]
fn nothing_answers_a_message_that_is_still_delayed() {
    let settings = Dhcp6Settings { max_delay: std::time::Duration::from_secs(1), ..stateless() };
    let mut bench = Bench::new(settings);
    assert!(bench.up().is_empty());
    // The first transaction id of the script.
    let reply = write(REPLY, [0, 0, 1], A, &[]);
    assert_eq!(bench.receive(&reply), Err(Refused::UnexpectedState));
}

#[test]
fn an_answer_counts_once() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    bench.run_until(150.0);
    let reply = bench.write(REPLY, A, &[na("2001:db8::5")]);
    assert!(bench.receive(&reply).is_ok());
    let before = format!("{:?}", bench.client);
    assert_eq!(bench.receive(&reply), Err(Refused::UnexpectedState));
    assert_eq!(format!("{:?}", bench.client), before);
}

#[test]
fn reconfigure_is_refused_in_every_state_c6_31() {
    let reconfigure = |bench: &mut Bench| {
        let octets = write(MessageType::RECONFIGURE, [0; 3], A, &[Part::Raw(OptionCode::RECONF_MSG, &[5])]);
        assert_eq!(bench.receive(&octets), Err(Refused::Reconfigure));
    };
    reconfigure(&mut Bench::new(stateful()));
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    reconfigure(&mut bench);
    bench.run_until(150.0);
    reconfigure(&mut bench);
    reconfigure(&mut Bench::informed(stateless(), &[]));
}

#[test]
fn the_server_unicast_option_and_use_multicast_change_nothing_c6_19() {
    let unicast = Part::Raw(OptionCode::UNICAST, &[0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5"), unicast]);
    assert_eq!(bench.run_until(150.0), log(&[(150.0, "Renew >a na[2001:db8::5]")]));
    assert!(bench.answer(REPLY, A, &[Part::Status(Status::USE_MULTICAST)]).is_empty());
    assert_eq!(bench.run_until(160.0), log(&[(160.0, "Renew >a na[2001:db8::5]")]));
}

#[test]
fn options_are_shown_as_the_last_reply_gave_them_c6_39() {
    const DNS: &[u8] = &[0x20, 1, 13, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53];
    let parts = [
        Part::Raw(OptionCode::DNS_SERVERS, DNS),
        Part::Raw(OptionCode::DOMAIN_LIST, b"\x07example\x04test\0"),
        Part::Raw(OptionCode::AFTR_NAME, b"\x04aftr\x07example\x03com\0"),
        EMPTY_88,
        Part::Raw(OptionCode::S46_CONT_LW, &[1, 2, 3]),
        Part::Raw(OptionCode::S46_PRIORITY, &[0, 88]),
        Part::Raw(OptionCode(31), &[9]),
        Part::Raw(OptionCode(65_000), &[8]),
    ];
    let settings = Dhcp6Settings { request_options: vec![65_000], ..stateless() };
    let mut bench = Bench::informed(settings, &parts);
    let status = bench.client.status();
    assert_eq!(status.options.dns, ["2001:db8::53".parse::<std::net::Ipv6Addr>().unwrap()]);
    assert_eq!(status.options.domains, ["example.test"]);
    assert_eq!(status.options.aftr_name.as_deref(), Some("aftr.example.com"));
    let raw = [(88, vec![]), (96, vec![1, 2, 3]), (111, vec![0, 88]), (65_000, vec![8])];
    assert_eq!(status.options.raw, raw);
    assert_eq!(status.server, Some(server_duid(A)));
    assert_eq!((status.duid, status.iaid), (Some(our_duid()), Some(Iaid(IAID))));
    assert_eq!(status.reply_at, Some(secs(100.0)));
    bench.run_until(86_500.0);
    bench.answer(REPLY, A, &[]);
    assert_eq!(bench.client.status().options, crate::status::Options6::default());
}

#[test]
fn unusable_options_are_left_out_and_counted_once_each() {
    let parts = [
        Part::Raw(OptionCode::DNS_SERVERS, &[1, 2, 3]),
        Part::Raw(OptionCode::DOMAIN_LIST, b"\x04a b!\0"),
        Part::Raw(OptionCode::AFTR_NAME, b"\x04aftr\xc0\x0c"),
        Part::Raw(OptionCode::INFORMATION_REFRESH_TIME, &[1]),
    ];
    let mut bench = Bench::new(stateless());
    bench.up();
    let done = bench.answer(REPLY, A, &parts);
    let expected =
        ["Refused bad-option", "Refused bad-option", "Refused bad-option", "Refused bad-aftr", "Configured"];
    assert_eq!(done, expected);
    assert_eq!(bench.client.status().options, crate::status::Options6::default());
}

#[test]
fn a_message_full_of_rubbish_costs_a_bounded_number_of_refusals_r2() {
    let short = Part::Raw(OptionCode::IA_NA, &[]);
    let mut bench = Bench::new(stateful());
    bench.up();
    let done = bench.answer(ADVERTISE, A, &vec![short; 5000]);
    assert_eq!(done.iter().filter(|word| *word == "Refused bad-ia").count(), 16);
}

#[test]
fn of_a_repeated_option_the_first_counts_gen_04() {
    let twice = [
        Part::Seconds(OptionCode::INF_MAX_RT, 100),
        Part::Seconds(OptionCode::INF_MAX_RT, 200),
        Part::Seconds(OptionCode::INFORMATION_REFRESH_TIME, 1000),
        Part::Seconds(OptionCode::INFORMATION_REFRESH_TIME, 2000),
        EMPTY_88,
        EMPTY_88,
    ];
    let mut bench = Bench::new(stateless());
    bench.up();
    let done = bench.answer(REPLY, A, &twice);
    // Option 88 is counted by whoever reads the permit.
    assert_eq!(done, ["Refused dup-option", "Refused dup-option", "Save", "Configured"]);
    assert_eq!(bench.record().inf_max_rt, Some(100));
    assert_eq!(bench.client.status().refresh_at, Some(secs(1100.0)));
}

#[test]
fn an_unknown_option_is_no_reason_to_refuse_gen_03() {
    let parts = [na("2001:db8::5"), Part::Raw(OptionCode(65_000), &[0xff, 0xff, 0xff])];
    assert_eq!(Bench::bound(stateful(), &parts).addresses().len(), 1);
}

#[test]
fn what_an_advertise_offers_shows_until_a_reply_comes() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[na("2001:db8::5"), EMPTY_88, Part::Preference(255)]);
    assert_eq!(bench.client.status().options.raw, [(88, vec![])]);
    bench.answer(REPLY, A, &[na("2001:db8::5")]);
    assert!(bench.client.status().options.raw.is_empty());
}
