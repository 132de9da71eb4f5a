//! The leases that pass.

use super::*;
use crate::lease::LeaseEventKind::{Acquired, Changed, Declined, Expired, Nak, Rebound, Released, Renewed};

fn after(rig: &mut Rig, secs: u64) {
    rig.now = rig.now + Duration::from_secs(secs);
}

#[test]
fn an_ack_that_passes_is_a_lease() {
    let mut rig = Rig::open();
    rig.say(&request()).unwrap();
    after(&mut rig, 1);
    let actions = rig.reply(&ack("0104ffffff00 3a0400000708 3b0400000c4e")).unwrap();
    let [Action::Frame(_), Action::Lease(event)] = &actions[..] else { panic!("{actions:?}") };
    assert_eq!(event.kind, Acquired);
    let at = |secs| Some(START + Duration::from_secs(secs));
    let Lease4 { address, server_id, requested_at, renew_at, rebind_at, expires_at, source, .. } =
        *event.lease;
    assert_eq!((address, server_id), (ip4(LEASED), ip4(SERVER4)));
    assert_eq!((requested_at, renew_at, rebind_at, expires_at), (START, at(1800), at(3150), at(3600)));
    assert_eq!(source, Some(ip(OWN)));
    assert_eq!(event.lease.option(1), Some(&[255, 255, 255, 0][..]));
    assert_eq!(rig.hcra.leases().collect::<Vec<_>>(), [&*event.lease]);
    assert_eq!(rig.hcra.deadline(), expires_at);
}

#[test]
fn an_offer_and_the_answer_to_an_inform_are_none() {
    let mut rig = Rig::open();
    rig.say(&discover()).unwrap();
    rig.reply(&offer()).unwrap();
    assert_eq!(rig.leased(), [] as [&str; 0]);
    rig.say(&message(1, 1, "350108 ff")).unwrap();
    assert_eq!(what(&rig.reply(&ack("")).unwrap()), []);
    // An ACK that says too little is handed on, but no lease.
    rig.say(&request()).unwrap();
    let no_time = put(message(2, 1, "350105 3604c6336401 ff"), YIADDR, &ip4(LEASED).octets());
    assert_eq!(rig.reply(&no_time).unwrap().len(), 1);
    assert_eq!(rig.leased(), [] as [&str; 0]);
}

#[test]
fn rapid_commit_is_one() {
    let mut rig = Rig::open();
    rig.say(&discover()).unwrap();
    assert_eq!(what(&rig.reply(&ack("5000")).unwrap()), [Acquired]);
}

#[test]
fn the_same_answer_twice_is_one_lease() {
    let mut rig = Rig::bound(&ack(""));
    assert_eq!(what(&rig.reply(&ack("")).unwrap()), []);
    let nak_of_another_server = message(2, 1, "350106 3604c0000263 ff");
    assert_eq!(what(&rig.reply(&nak_of_another_server).unwrap()), []);
    assert_eq!(rig.leased(), [LEASED]);
}

#[test]
fn it_is_extended_and_changed() {
    let mut rig = Rig::bound(&ack(""));
    after(&mut rig, 1800);
    rig.unicast(&renewal(2)).unwrap();
    assert_eq!(what(&rig.reply(&extended(2)).unwrap()), [Renewed]);
    assert_eq!(rig.hcra.deadline(), Some(START + Duration::from_secs(1800 + 3600)));
    after(&mut rig, 3200);
    rig.frame(&frame(EVERYBODY, &format!("{LEASED}:68"), &format!("{BROADCAST}:67"), &renewal(3))).unwrap();
    assert_eq!(what(&rig.reply(&extended(3)).unwrap()), [Rebound]);
    after(&mut rig, 1800);
    rig.unicast(&renewal(1)).unwrap();
    assert_eq!(what(&rig.reply(&ack("0304c0000201")).unwrap()), [Changed]);
    // Another address.
    after(&mut rig, 10);
    rig.say(&request()).unwrap();
    let other = put(ack(""), YIADDR, &[192, 0, 2, 19]);
    assert_eq!(what(&rig.reply(&other).unwrap()), [Acquired]);
    assert_eq!(rig.leased(), ["192.0.2.19"]);
}

#[test]
fn it_ends_by_release_decline_nak_and_time() {
    let mut rig = Rig::bound(&ack(""));
    let release = put(message(1, 2, "350107 3604c6336401 ff"), CIADDR, &ip4(LEASED).octets());
    let actions = rig.unicast(&release).unwrap();
    assert_eq!((what(&actions), actions.first()), (vec![Released], Some(&relayed(release))));
    assert_eq!((rig.leased().len(), rig.hcra.deadline()), (0, None));

    let mut rig = Rig::bound(&ack(""));
    assert_eq!(what(&rig.say(&message(1, 2, "350104 3204c0000212 3604c6336401 ff")).unwrap()), [Declined]);

    let mut rig = Rig::bound(&ack(""));
    after(&mut rig, 1800);
    rig.unicast(&renewal(2)).unwrap();
    assert_eq!(what(&rig.reply(&message(2, 2, "350106 3604c6336401 ff")).unwrap()), [Nak]);
    assert_eq!(rig.leased().len(), 0);

    let mut rig = Rig::bound(&ack(""));
    assert_eq!(what(&rig.deadline()), [Expired]);
    assert_eq!((rig.leased().len(), rig.hcra.deadline()), (0, None));
}

#[test]
fn what_speaks_of_another_address_or_of_none_ends_nothing() {
    let mut rig = Rig::bound(&ack(""));
    rig.say(&message(1, 2, "350107 ff")).unwrap();
    rig.say(&put(message(1, 2, "350107 ff"), CIADDR, &[192, 0, 2, 99])).unwrap();
    rig.say(&message(1, 2, "350104 3204c0000263 ff")).unwrap();
    rig.say(&message(1, 2, "350104 ff")).unwrap();
    rig.say(&put(message(1, 2, "350107 3d05ff00000002 ff"), CIADDR, &ip4(LEASED).octets())).unwrap();
    rig.say(&discover()).unwrap();
    assert_eq!(what(&rig.reply(&message(2, 1, "350106 ff")).unwrap()), [], "a NAK to no REQUEST");
    assert_eq!(rig.leased(), [LEASED]);
}

#[test]
fn a_lease_for_ever_has_no_deadline() {
    let forever = put(message(2, 1, "350105 3604c6336401 3304ffffffff ff"), YIADDR, &ip4(LEASED).octets());
    assert_eq!(Rig::bound(&forever).hcra.deadline(), None);
}

#[test]
fn each_client_has_its_own_and_more_than_16_take_no_memory() {
    let mut rig = Rig::open();
    for n in 0..40_u8 {
        let id = format!("3d05ff000000{n:02x}");
        rig.say(&message(1, n, &format!("350103 {id} ff"))).unwrap();
        let ack = message(2, n, &format!("350105 3604c6336401 330400000e10 {id} ff"));
        let actions = rig.reply(&put(ack, YIADDR, &[192, 0, 2, 100 + n])).unwrap();
        assert_eq!(what(&actions), if n < 16 { vec![Acquired] } else { vec![] });
    }
    let expected: Vec<_> = (100..116).map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(rig.leased(), expected);
    assert_eq!(what(&rig.deadline()), [Expired; 16]);
}
