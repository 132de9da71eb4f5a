//! What must hold for every decoder on any octets. Used by the tests beside this folder and by the fuzz targets.
//!
//! No decoder panics; what was decoded encodes to something that decodes to the same.

mod agents;
mod external;
mod relays;

use dhcp4o6_protocol::binding::Record;
use dhcp4o6_protocol::params::MAX_PAYLOAD;
use dhcp4o6_protocol::wire::agent::AgentInformation;
use dhcp4o6_protocol::wire::o6::{self, CodePoints};
use dhcp4o6_protocol::wire::relay::{Envelope, Relayed};
use dhcp4o6_protocol::wire::softwire::{self, PortSet};
use dhcp4o6_protocol::wire::v6::{self, MessageType, Options};
use dhcp4o6_protocol::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode};
use dhcp4o6_protocol::wire::{Writer, domain, text, v4, v4_option};

/// A DHCPv6 message of any type, and a DHCPv4 message inside it.
pub(crate) fn dhcp6(octets: &[u8]) {
    let Ok(message) = v6::Message::parse(octets) else { return };
    let mut w = Writer::new();
    w.u8(message.kind.0).bytes(&message.header);
    for (code, value) in message.options.iter() {
        w.option6(code, |w| {
            w.bytes(value);
        });
        option6(code, value);
    }
    if octets.len() <= MAX_PAYLOAD {
        assert_eq!(w.finish().as_deref(), Ok(octets), "the options are not the octets they were read from");
    }
    assert_eq!(MessageType::peek(octets), Some(message.kind));
    message.options.repeated().for_each(|code| assert!(message.options.count(code) > 1));
    _ = message.options.status();
    _ = message.options.duid(OptionCode::SERVERID);
    _ = format!("{message:?}");
    if let Ok(inner) = o6::dhcpv4(CodePoints::RFC7341, &message) {
        dhcp4(inner);
    }
}

fn option6(code: OptionCode, value: &[u8]) {
    match code {
        OptionCode::IA_NA | OptionCode::IA_PD => {
            let Some(ia) = Ia::parse(value) else { return };
            ia.options.iter().for_each(|(code, value)| option6(code, value));
        }
        OptionCode::IAADDR => _ = IaAddress::parse(value).map(|address| address.options.status()),
        OptionCode::IAPREFIX => _ = IaPrefix::parse(value).map(|prefix| prefix.options.status()),
        OptionCode::DOMAIN_LIST | OptionCode::AFTR_NAME => domain_name(value),
        OptionCode::S46_BR => _ = softwire::border_relay(value),
        OptionCode::S46_BIND_IPV6_PREFIX => _ = softwire::bind_prefix(value),
        OptionCode::S46_V4V6BIND => _ = softwire::Binding::parse(value),
        OptionCode::S46_PRIORITY => _ = softwire::priority(value),
        OptionCode::S46_PORTPARAMS => port_set(value),
        _ => _ = Options::parse(value).map(|options| options.iter().count()),
    }
}

/// A DHCPv4 message.
pub(crate) fn dhcp4(octets: &[u8]) {
    let Ok(message) = v4::Message::parse(octets) else { return };
    let outgoing = v4::Outgoing {
        op: message.op,
        htype: message.htype,
        hardware: message.hardware().to_vec(),
        xid: message.xid,
        secs: message.secs,
        flags: message.flags,
        ciaddr: message.ciaddr,
        yiaddr: message.yiaddr,
        giaddr: message.giaddr,
        options: message.options().map(|(code, value)| (code, value.into_owned())).collect(),
    };
    for (code, value) in &outgoing.options {
        assert_eq!(message.option(*code).as_deref(), Some(&value[..]));
        option4(*code, value);
    }
    _ = format!("{message:?}");
    let Ok(again) = outgoing.emit() else {
        assert!(octets.len() > MAX_PAYLOAD / 2, "a message that fitted does not fit any more");
        return;
    };
    let again = v4::Message::parse(&again).expect("what we emit is well formed");
    assert_eq!(again.xid, message.xid);
    assert_eq!(again.hardware(), message.hardware());
    assert_eq!(again.kind(), message.kind());
    assert!(again.options().eq(message.options()), "options changed on the way");
}

fn option4(code: u8, value: &[u8]) {
    match code {
        v4::code::SUBNET_MASK => {
            assert!(v4_option::prefix_len(value).is_none_or(|prefix_len| (1..=32).contains(&prefix_len)));
        }
        v4::code::STATIC_ROUTES => _ = v4_option::static_routes(value),
        v4::code::CLASSLESS_ROUTES => routes121(value),
        v4::code::MTU => _ = v4_option::mtu(value),
        v4::code::DOMAIN_SEARCH | v4::code::DOMAIN_NAME | v4::code::HOST_NAME => domain_name(value),
        v4::code::RELAY_AGENT => {
            let Some(agent) = AgentInformation::parse(value) else { return };
            _ = agent.cra6addr(46);
            let sub_options: Vec<_> = agent.iter().collect();
            assert_eq!(dhcp4o6_protocol::wire::agent::emit(&sub_options).as_deref(), Ok(value));
        }
        v4::code::PORT_PARAMS => port_set(value),
        v4::code::S46_SOURCE => _ = softwire::tunnel_source(value),
        _ => _ = v4_option::addresses(value),
    }
}

fn port_set(value: &[u8]) {
    let Some(set) = PortSet::parse(value) else { return };
    assert_eq!(PortSet::parse(&set.emit()), Some(set));
    assert!(set.blocks().take(4).all(|block| set.contains(*block.start()) && set.contains(*block.end())));
}

/// A Relay-forward, as deep as it goes, and what a relay agent makes of it.
pub(crate) fn relay_forward(octets: &[u8]) {
    relay(octets, MessageType::RELAY_FORW);
    relays::up(octets);
}

/// A Relay-reply, as deep as it goes, and what a relay agent makes of it.
pub(crate) fn relay_reply(octets: &[u8]) {
    relay(octets, MessageType::RELAY_REPL);
    relays::down(octets);
}

fn relay(octets: &[u8], kind: MessageType) {
    let mut octets = octets.to_vec();
    if let Some(first) = octets.first_mut() {
        *first = kind.0;
    }
    let Ok(relayed) = Relayed::parse(&octets) else { return };
    let again = relayed.levels.iter().rev().try_fold(relayed.message.to_vec(), |message, level| {
        let options = level.options.iter().filter(|(code, _)| *code != OptionCode::RELAY_MSG).collect();
        let (kind, hop_count) = (level.kind, level.hop_count);
        let (link_address, peer_address) = (level.link_address, level.peer_address);
        Envelope { kind, hop_count, link_address, peer_address, options, message: &message }.emit()
    });
    if let Ok(again) = again {
        let again = Relayed::parse(&again).expect("what we emit is well formed");
        assert_eq!(again.message, relayed.message, "the message inside changed");
        assert_eq!(again.levels.len(), relayed.levels.len());
    }
    if let Ok(reply) = relayed.reply(relayed.message) {
        let reply = Relayed::parse(&reply).expect("what we emit is well formed");
        for (there, back) in relayed.levels.iter().zip(&reply.levels) {
            assert_eq!(back.interface_id(), there.interface_id());
            assert_eq!((back.peer_address, back.hop_count), (there.peer_address, there.hop_count));
        }
    }
    dhcp6(relayed.message);
}

/// What comes from a server behind the external engine.
pub(crate) fn external_reply(octets: &[u8]) {
    external::reply(octets);
}

/// A message to or from a client, and what client relay agents and a TRA make of it.
pub(crate) fn cra_tra(octets: &[u8]) {
    agents::up(octets);
    agents::down(octets);
}

/// An Ethernet frame of a DHCPv4 client.
pub(crate) fn frame(octets: &[u8]) {
    agents::frame(octets);
}

/// Names in any of their forms.
pub(crate) fn domain_name(octets: &[u8]) {
    let lists = [domain::list6(octets), domain::search4(octets)];
    let single = [domain::aftr(octets), domain::text(octets)];
    for names in lists.into_iter().chain(single.map(|name| name.map(|name| vec![name]))).flatten() {
        assert!((1..=domain::MAX_NAMES).contains(&names.len()));
        let mut w = Writer::new();
        for name in &names {
            assert!(
                name.len() <= 253 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b))
            );
            domain::emit(&mut w, name);
        }
        assert_eq!(domain::list6(&w.finish().expect("names that were read can be written")), Some(names));
    }
    assert!(text::escaped(octets).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}

/// Classless static routes.
pub(crate) fn routes121(octets: &[u8]) {
    let Some(routes) = v4_option::classless_routes(octets) else { return };
    let again = v4_option::emit_classless_routes(&routes);
    assert!(again.len() <= octets.len());
    assert_eq!(v4_option::classless_routes(&again), Some(routes));
}

/// A record of a server's journal.
pub(crate) fn lease_record(octets: &[u8]) {
    let Ok(mut record) = Record::decode(octets) else { return };
    let mut again = Vec::new();
    record.encode(&mut again);
    assert_eq!(again, octets, "a record has another form");
    record.each_moment(|moment| *moment = moment.shifted(i64::MIN).shifted(i64::MAX));
    _ = format!("{record:?}");
}

/// Every decoder.
pub(crate) fn all(octets: &[u8]) {
    dhcp6(octets);
    dhcp4(octets);
    relay_forward(octets);
    relay_reply(octets);
    external_reply(octets);
    cra_tra(octets);
    frame(octets);
    domain_name(octets);
    routes121(octets);
    lease_record(octets);
}
