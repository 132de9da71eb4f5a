//! What must hold for the external engine on any octets from a server.

use dhcp4o6_protocol::provider::{Datagram, Effect, Port};
use dhcp4o6_protocol::role::back::Back;
use dhcp4o6_protocol::role::external::{External, Settings};
use dhcp4o6_protocol::role::softwire::Asked;
use dhcp4o6_protocol::server4::Query;
use dhcp4o6_protocol::way::Way;
use dhcp4o6_protocol::wire::v4::{self, Message, MessageType, code};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const GIADDR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);

fn back() -> Back {
    Back {
        xid: None,
        interface: 3,
        source: None,
        to: CLIENT,
        port: 546,
        levels: Vec::new(),
        asked: Asked::default(),
    }
}

/// Option 82 with which the engine asks for the client and the exchange that `answer` is about, code and length first.
fn agent(engine: &External, answer: &Message<'_>) -> Vec<u8> {
    let asked = v4::Outgoing {
        op: v4::BOOTREQUEST,
        htype: answer.htype,
        hardware: answer.hardware().to_vec(),
        xid: answer.xid,
        secs: 0,
        flags: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        options: vec![(code::MESSAGE_TYPE, vec![MessageType::DISCOVER.0]), (code::CLIENT_ID, vec![9; 9])],
    };
    let asked = asked.emit().expect("a short message");
    let message = Message::parse(&asked).expect("what we emit is well formed");
    let way = Way { interface: "lan0", client: CLIENT, ..Way::default() };
    let mut out = Vec::new();
    let query = Query { message: &message, way: &way, unicast: false, most: usize::MAX };
    engine.forward(&query, &back(), &mut out).expect("a usual query");
    let [Effect::Send { payload, .. }] = &out[..] else { panic!("one server") };
    let sent = Message::parse(payload).expect("what we emit is well formed");
    let value = sent.option(code::RELAY_AGENT).expect("the way back");
    let length = u8::try_from(value.len()).expect("at most 240 octets");
    [&[code::RELAY_AGENT, length], &value[..]].concat()
}

/// Without our seal it is refused; with it, it comes back as if the client had asked itself, or is refused.
pub(crate) fn reply(octets: &[u8]) {
    let sub_option = Settings::SUB_OPTION;
    let settings = Settings { servers: vec![SERVER], giaddr: GIADDR, links: Vec::new(), sub_option };
    let engine = External::new(settings, [7; 16]);
    let take = |payload: &[u8]| {
        let from = SocketAddrV6::new(SERVER.to_ipv6_mapped(), 67, 0, 0);
        let to = GIADDR.to_ipv6_mapped();
        engine.back(&Datagram {
            via: Port::Upstream4(std::net::SocketAddrV4::new(GIADDR, 67)),
            interface: 1,
            from,
            to,
            payload,
        })
    };
    assert!(take(octets).is_err(), "nobody asked for it");

    let Ok(answer) = Message::parse(octets) else { return };
    let mut sealed = octets.to_vec();
    let agent = agent(&engine, &answer);
    sealed.splice(240..240, agent);
    sealed.splice(24..28, GIADDR.octets());
    sealed.splice(..1, [v4::BOOTREPLY]);
    let Ok((found, taken)) = take(&sealed) else { return };
    assert_eq!(found, back());
    assert!(taken.len() >= 300);
    let taken = Message::parse(&taken).expect("what we emit is well formed");
    assert_eq!((taken.option(code::RELAY_AGENT), taken.giaddr), (None, Ipv4Addr::UNSPECIFIED));
    assert_eq!(taken.hops, answer.hops.saturating_sub(1));
    assert_eq!((taken.xid, taken.yiaddr, taken.hardware()), (answer.xid, answer.yiaddr, answer.hardware()));
    let others = |message: &Message<'_>| {
        let ours = [code::RELAY_AGENT, code::CLIENT_ID];
        let options = message.options().filter(|(code, _)| !ours.contains(code));
        options.map(|(code, value)| (code, value.into_owned())).collect::<Vec<_>>()
    };
    assert_eq!(others(&taken), others(&answer));
    let id = answer.option(code::CLIENT_ID).map_or(vec![9; 9], std::borrow::Cow::into_owned);
    assert_eq!(taken.option(code::CLIENT_ID).as_deref(), Some(&id[..]));
}
