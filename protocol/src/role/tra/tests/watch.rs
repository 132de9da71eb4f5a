//! Leases that are seen to pass (TRA-26).

use super::*;
use crate::provider::Notice;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);
const OTHER_CRA: &str = "2001:db8:2::1";

fn rig() -> Rig {
    Rig::new(with(|settings| {
        settings.snoop = true;
        settings.servers = vec![SERVER, OTHER_SERVER];
        settings.rate_per_source = 0;
    }))
}

/// A message of a client: with this xid, last octet of its hardware address, ciaddr, and options.
fn asks(xid: u32, client: u8, ciaddr: Option<Ipv4Addr>, options: &str) -> Vec<u8> {
    let mut asked = message(BOOTREQUEST, 1, options);
    asked[4..8].copy_from_slice(&xid.to_be_bytes());
    asked[33] = client;
    asked[12..16].copy_from_slice(&ciaddr.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    asked
}

/// An answer for a client behind `cra`.
fn answers(xid: u32, client: u8, cra: &str, options: &str) -> Vec<u8> {
    let mut back = answer(&format!("{options} 5212 2e10 {} ff", hex(&ip(cra).octets())));
    back[4..8].copy_from_slice(&xid.to_be_bytes());
    back[33] = client;
    back
}

fn binding(cra: &str, until: u64) -> TunnelBinding {
    TunnelBinding { address: ADDRESS, agent: ip(cra), until: Some(START + Duration::from_secs(until)) }
}

impl Rig {
    fn told(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Asks and is answered by an ACK for an hour.
    fn leased(&mut self, xid: u32, client: u8, cra: &str) -> Vec<Notice> {
        self.up_from(cra, OURS, &asks(xid, client, None, "350103 3204c0000212 ff")).unwrap();
        self.down(&answers(xid, client, cra, "350105 3304 00000e10")).unwrap();
        self.told()
    }

    fn deadline(&mut self) -> Vec<Effect> {
        let mut out = Vec::new();
        self.tra.handle(self.now, Input::Deadline, &mut out);
        out
    }
}

#[test]
fn an_ack_is_told_and_so_is_the_end_of_the_lease_tra_26() {
    let mut rig = rig();
    let first = rig.leased(1, 1, CRA);
    assert_eq!(first, [Notice::BindingAdded(binding(CRA, 3600))]);
    assert_eq!(rig.tra.deadline(), Some(START + Duration::from_secs(3600)));
    rig.after(Duration::from_secs(1800));
    // Extended: told again.
    assert_eq!(rig.leased(2, 1, CRA), [Notice::BindingAdded(binding(CRA, 5400))]);
    rig.after(Duration::from_secs(3599));
    assert_eq!(rig.deadline(), []);
    assert_eq!(rig.tra.bindings().collect::<Vec<_>>(), [binding(CRA, 5400)]);
    rig.after(Duration::from_secs(1));
    assert_eq!(rig.deadline(), [Effect::Notify(Notice::BindingRemoved(binding(CRA, 5400)))]);
    assert_eq!((rig.tra.deadline(), rig.tra.bindings().count()), (None, 0));
}

#[test]
fn a_lease_without_an_end_stays_tra_26() {
    let mut rig = rig();
    rig.up_from(CRA, OURS, &asks(1, 1, None, "350103 ff")).unwrap();
    rig.down(&answers(1, 1, CRA, "350105 3304 ffffffff")).unwrap();
    let binding = TunnelBinding { until: None, ..binding(CRA, 0) };
    assert_eq!(rig.told(), [Notice::BindingAdded(binding)]);
    assert_eq!(rig.tra.deadline(), None);
}

#[test]
fn what_gives_no_address_is_not_told_tra_26() {
    let mut rig = rig();
    rig.up_from(CRA, OURS, &asks(1, 1, None, "350103 ff")).unwrap();
    for options in
        ["350102 3304 00000e10", "350105", "350105 3304 00000000", "350105 3302 0e10", "3304 00000e10"]
    {
        rig.down(&answers(1, 1, CRA, options)).unwrap();
        assert_eq!(rig.told(), [], "{options}");
    }
    for yiaddr in [[0, 0, 0, 0], [255, 255, 255, 255], [224, 0, 0, 1]] {
        let mut ack = answers(1, 1, CRA, "350105 3304 00000e10");
        ack[16..20].copy_from_slice(&yiaddr);
        rig.down(&ack).unwrap();
        assert_eq!(rig.told(), [], "{yiaddr:?}");
    }
    // Not relayed, so not seen.
    assert!(rig.down(&answers(2, 1, CRA, "350105 3304 00000e10")).is_err());
    assert_eq!(rig.tra.bindings().count(), 0);
}

#[test]
fn only_the_client_gives_its_address_up_tra_26() {
    let release = |client| asks(9, client, Some(ADDRESS), "350107 3604c6336401 ff");
    let decline = |client| asks(9, client, None, "350104 3204c0000212 3604c6336401 ff");
    for give_up in [release, decline as fn(u8) -> Vec<u8>] {
        let mut rig = rig();
        rig.leased(1, 1, CRA);
        // Somebody elsewhere, and somebody else behind the same client relay agent.
        rig.up_from(OTHER_CRA, OURS, &give_up(1)).unwrap();
        rig.up_from(CRA, OURS, &give_up(2)).unwrap();
        assert_eq!(rig.told(), []);
        rig.up_from(CRA, OURS, &give_up(1)).unwrap();
        assert_eq!(rig.told(), [Notice::BindingRemoved(binding(CRA, 3600))]);
        rig.up_from(CRA, OURS, &give_up(1)).unwrap();
        assert_eq!(rig.told(), []);
    }
}

#[test]
fn a_refused_renewal_ends_it_tra_26() {
    for (ciaddr, options) in [(Some(ADDRESS), "350103 ff"), (None, "350103 3204c0000212 ff")] {
        let mut rig = rig();
        rig.leased(1, 1, CRA);
        rig.up_from(CRA, OURS, &asks(2, 1, ciaddr, options)).unwrap();
        rig.down(&answers(2, 1, CRA, "350106")).unwrap();
        assert_eq!(rig.told(), [Notice::BindingRemoved(binding(CRA, 3600))]);
    }
}

#[test]
fn a_refusal_of_somebody_else_ends_nothing_tra_26() {
    let mut rig = rig();
    rig.leased(1, 1, CRA);
    // Another client behind the same client relay agent wants the address, and one behind another.
    for (xid, client, cra) in [(2, 2, CRA), (3, 1, OTHER_CRA)] {
        rig.up_from(cra, OURS, &asks(xid, client, None, "350103 3204c0000212 ff")).unwrap();
        rig.down(&answers(xid, client, cra, "350106")).unwrap();
        assert_eq!(rig.told(), []);
    }
    // Another server refuses what its own has acknowledged.
    assert_eq!(rig.leased(4, 1, CRA).len(), 1);
    rig.down_from(OTHER_SERVER, &answers(4, 1, CRA, "350106")).unwrap();
    assert_eq!(rig.told(), []);
    // And the other way round: the client has its address in the end.
    rig.up_from(CRA, OURS, &asks(5, 1, Some(ADDRESS), "350103 ff")).unwrap();
    rig.down_from(OTHER_SERVER, &answers(5, 1, CRA, "350106")).unwrap();
    rig.down(&answers(5, 1, CRA, "350105 3304 00000e10")).unwrap();
    let binding = binding(CRA, 3600);
    assert_eq!(rig.told(), [Notice::BindingRemoved(binding), Notice::BindingAdded(binding)]);
}

#[test]
fn an_address_that_moves_leaves_its_old_place_first_tra_26() {
    let mut rig = rig();
    rig.leased(1, 1, CRA);
    let moved = rig.leased(2, 1, OTHER_CRA);
    assert_eq!(
        moved,
        [Notice::BindingRemoved(binding(CRA, 3600)), Notice::BindingAdded(binding(OTHER_CRA, 3600))]
    );
    assert_eq!(rig.tra.bindings().count(), 1);
}

#[test]
fn bindings_are_bounded_and_the_first_to_end_makes_room_tra_26() {
    let mut bindings = Bindings::default();
    let mut out = Vec::new();
    let add = |bindings: &mut Bindings, n: u32, out: &mut Vec<Effect>| {
        let until = Some(START + Duration::from_secs(100_000 - u64::from(n)));
        let binding = TunnelBinding { address: Ipv4Addr::from_bits(0x0a00_0000 + n), agent: ip(CRA), until };
        bindings.acknowledged(START, binding, 0, XID, out);
    };
    (0..65_536).for_each(|n| add(&mut bindings, n, &mut out));
    assert_eq!(out.len(), 65_536);
    out.clear();
    add(&mut bindings, 65_536, &mut out);
    let [Effect::Notify(Notice::BindingRemoved(gone)), Effect::Notify(Notice::BindingAdded(_))] = out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!(gone.address, Ipv4Addr::from_bits(0x0a00_0000 + 65_535));
    assert_eq!(bindings.iter().count(), 65_536);
    // One that is known needs no room.
    out.clear();
    add(&mut bindings, 5, &mut out);
    assert_eq!(out.len(), 1);
}

#[test]
fn nobody_watches_unless_told_to_tra_26() {
    let mut rig = Rig::new(settings());
    assert_eq!(rig.leased(1, 1, CRA), []);
    assert_eq!((rig.tra.bindings().count(), rig.tra.deadline()), (0, None));
    let mut rig = self::rig();
    rig.leased(1, 1, CRA);
    rig.tra.configure(settings());
    assert_eq!((rig.tra.bindings().count(), rig.tra.deadline()), (0, None));
}
