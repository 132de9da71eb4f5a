//! Relay encapsulation, both ways.

use super::*;
use crate::settings::Encapsulation;

fn private() -> TraSettings {
    with(|settings| settings.encapsulation = Encapsulation::Private)
}

/// A message of a client, in levels with these sub-options, outermost first; the innermost passed one relay agent.
fn forward(segments: &[&str], message: &[u8]) -> Vec<u8> {
    wrap(RELAYFORWARD, segments, message)
}

fn reply(segments: &[&str], message: &[u8]) -> Vec<u8> {
    wrap(RELAYREPLY, segments, message)
}

fn wrap(op: u8, segments: &[&str], message: &[u8]) -> Vec<u8> {
    segments.iter().rev().zip(1..).fold(message.to_vec(), |message, (segment, hops)| {
        Level { op, hops, segment: &octets(segment), message: &message }.emit().unwrap()
    })
}

/// The client's message as it leaves the client.
fn asked() -> Vec<u8> {
    let mut asked = discover();
    asked[3] = 0;
    asked
}

fn offer() -> Vec<u8> {
    let mut offer = answer("350102 3604c6336401 ff");
    offer[24..28].fill(0);
    offer
}

const LCRA: &str = "0103 6c616e";
/// The sub-option alone.
const CRA6ADDR: &str = "2e10 20010db8000100010000000000000018";

#[test]
fn a_level_of_ours_goes_around_it_tra_08() {
    let mut rig = Rig::new(private());
    let inner = forward(&[LCRA], &asked());
    let sent = rig.up(&inner).unwrap();
    let mut expected = octets("03 00 02 00 0012");
    expected.extend(u16::try_from(inner.len()).unwrap().to_be_bytes());
    expected.extend(octets(CRA6ADDR));
    expected.extend(&inner);
    assert_eq!(hex(&sent), hex(&expected));
    // What is not encapsulated goes as before.
    assert_eq!(last_option(&rig.up(&discover()).unwrap()).0, 82);
}

#[test]
fn the_level_of_ours_comes_off_the_answer_tra_08() {
    let mut rig = Rig::new(private());
    rig.up_from(CRA, ALSO_OURS, &forward(&[LCRA], &asked())).unwrap();
    let sent = rig.down(&reply(&[CRA6ADDR, LCRA], &offer())).unwrap();
    assert_eq!(sent.payload, reply(&[LCRA], &offer()));
    assert_eq!((sent.source, sent.to), (Some(ip(ALSO_OURS)), SocketAddrV6::new(ip(CRA), 67, 0, 0)));
    // A server that looks into none of the levels below.
    assert_eq!(rig.down(&reply(&[CRA6ADDR], &offer())).unwrap().payload, offer());
    // The subnet stands in the level, too.
    let link = TraLink { sources: vec!["::/0".parse().unwrap()], prefix: "192.0.2.0/24".parse().unwrap() };
    let mut rig = Rig::new(TraSettings { links: vec![link], ..private() });
    let sent = rig.up(&forward(&[LCRA], &asked())).unwrap();
    assert_eq!(Level::parse(&sent).unwrap().segment, octets(&format!("{CRA6ADDR} 0504 c0000200")));
}

#[test]
fn without_the_setting_it_stays_here_tra_08() {
    let mut rig = Rig::asked();
    assert_eq!(rig.up(&forward(&[LCRA], &asked())), Err(Refused::OpUnsupported));
    assert_eq!(rig.down(&reply(&[CRA6ADDR], &offer())), Err(Refused::OpUnsupported));
}

#[test]
fn what_is_inside_is_judged_as_if_it_came_alone() {
    let up = |message: &[u8]| Rig::new(private()).up(&forward(&[LCRA], message));
    let mut giaddr = asked();
    giaddr[24] = 10;
    assert_eq!(up(&giaddr), Err(Refused::GiaddrNonzero));
    let agent = message(BOOTREQUEST, 0, &format!("350101 {AGENT} ff"));
    assert_eq!(up(&agent), Err(Refused::Option82FromClient));
    assert_eq!(up(&asked()[..200]), Err(Refused::Malformed4));
    let fits = |length| {
        let mut asked = asked();
        asked.resize(length, 0);
        Rig::new(private()).up(&forward(&["0100"], &asked))
    };
    // Two levels of 8 octets, with 2 and 18 octets in them.
    assert_eq!(fits(1472 - 36).unwrap().len(), 1472);
    assert_eq!(fits(1472 - 35), Err(Refused::NoRoom));
    let mut deep = Level { op: RELAYFORWARD, hops: 5, segment: &[], message: &asked() };
    assert_eq!(Rig::new(private()).up(&deep.emit().unwrap()), Err(Refused::HopsLimit));
    deep.hops = 4;
    assert_eq!(Rig::new(private()).up(&deep.emit().unwrap()).unwrap()[2], 5);
    let whole = forward(&[LCRA], &asked());
    for end in 1..whole.len() {
        assert_eq!(Rig::new(private()).up(&whole[..end]), Err(Refused::Malformed4), "{end}");
    }
}

#[test]
fn nobody_says_where_a_client_is_but_we_in_levels_too_sec_14() {
    let forged = "2e10 20010db8000200010000000000000018";
    for segments in
        [&[forged][..], &["0103 6c616e", forged], &["0103 6c616e 2e10 20010db8000200010000000000000018"]]
    {
        let refused = Rig::new(private()).up(&forward(segments, &asked()));
        assert_eq!(refused, Err(Refused::Option82FromClient), "{segments:?}");
    }
}

#[test]
fn it_goes_to_the_server_that_it_names_tra_13() {
    let mut rig = Rig::new(TraSettings { servers: vec![SERVER, OTHER_SERVER], ..private() });
    let request = message(BOOTREQUEST, 0, "350103 3604c6336402 ff");
    let sent = rig.up_from(CRA, OURS, &forward(&[LCRA], &request)).unwrap();
    let to: Vec<_> = sent.iter().map(|copy| copy.to.to_string()).collect();
    assert_eq!(to, ["[::ffff:198.51.100.2]:67"]);
    assert_eq!(rig.up_from(CRA, OURS, &forward(&[LCRA], &asked())).unwrap().len(), 2);
}

#[test]
fn answers_are_judged_as_if_they_came_alone() {
    let mut rig = Rig::new(private());
    rig.up(&forward(&[LCRA], &asked())).unwrap();
    let mut down = |segments: &[&str], message: &[u8]| rig.down(&reply(segments, message));
    assert!(down(&[CRA6ADDR, LCRA], &offer()).is_ok());
    assert_eq!(down(&[LCRA], &offer()), Err(Refused::NoCra6addr));
    assert_eq!(down(&["", LCRA], &offer()), Err(Refused::NoCra6addr));
    // What stands further in is somebody else's.
    assert_eq!(down(&[LCRA, CRA6ADDR], &offer()), Err(Refused::NoCra6addr));
    let twice = format!("{CRA6ADDR} {CRA6ADDR}");
    assert_eq!(down(&[&twice, LCRA], &offer()), Err(Refused::BadCra6addr));
    let group = "2e10 ff020000000000000000000000000001";
    assert_eq!(down(&[group, LCRA], &offer()), Err(Refused::BadCra6addr));
    let other = "2e10 20010db8000100010000000000000019";
    assert_eq!(down(&[other, LCRA], &offer()), Err(Refused::Unsolicited));
    let agent = message(BOOTREPLY, 0, &format!("350102 {AGENT} ff"));
    assert_eq!(down(&[CRA6ADDR, LCRA], &agent), Err(Refused::Option82InReply));
    assert_eq!(down(&[CRA6ADDR, LCRA], &offer()[..100]), Err(Refused::Malformed4));
    let whole = reply(&[CRA6ADDR, LCRA], &offer());
    assert_eq!(rig.down(&whole[..whole.len() - 1]), Err(Refused::Malformed4));
    assert_eq!(rig.down_from(OTHER_SERVER, &whole), Err(Refused::UnknownServer));
}
