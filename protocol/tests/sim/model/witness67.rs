//! What must be true of a link whose DHCPv4 goes through the host Client Relay Agent, after every step.

use super::net::Net;
use super::watch::in_turn;
use dhcp4o6_protocol::ids::{ClientId, EndpointId, Iaid};
use dhcp4o6_protocol::lease::{LeaseEvent, LeaseEventKind};
use dhcp4o6_protocol::machine::{Effect, Input, Port};
use dhcp4o6_protocol::params::{ANSWER_WAIT, SERVER4_PORT};
use dhcp4o6_protocol::settings::{Encapsulation, Mode, OnWithdraw, Renew, SourceCheck};
use dhcp4o6_protocol::status::{EndpointStatus, Status};
use dhcp4o6_protocol::wire::encapsulation::Level;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// What an input was, as far as it is asked for afterwards.
pub(super) enum Cause {
    Datagram {
        via: Port,
        from: Ipv6Addr,
        to: Ipv6Addr,
        payload: Vec<u8>,
    },
    /// Somebody wanted something: an operator, the configuration, or who takes addresses away.
    Somebody,
    Other,
}

impl Cause {
    pub(super) fn of(input: &Input<'_>) -> Self {
        match input {
            Input::Datagram(datagram) => Self::Datagram {
                via: datagram.via,
                from: *datagram.from.ip(),
                to: datagram.to,
                payload: datagram.payload.to_vec(),
            },
            Input::Command(_) | Input::Settings(_) | Input::AddressRemoved(_) => Self::Somebody,
            _ => Self::Other,
        }
    }

    /// What the agent, or the socket of a renewal, was told.
    fn at_67(&self) -> Option<(Port, Ipv6Addr, Ipv6Addr, &[u8])> {
        match self {
            Self::Datagram { via: via @ (Port::Cra6(_) | Port::Direct4(..)), from, to, payload } => {
                Some((*via, *from, *to, payload))
            }
            _ => None,
        }
    }
}

impl Net {
    pub(super) fn iaid_of(&self, id: EndpointId) -> Iaid {
        let own = self.settings.endpoints.get(usize::from(id.0)).and_then(|endpoint| endpoint.iaid);
        own.unwrap_or(self.disk.iaid)
    }

    fn client_id(&self, id: EndpointId) -> Vec<u8> {
        ClientId::new(self.iaid_of(id), &self.duid).as_bytes().to_vec()
    }

    /// Whose client identifier this is.
    fn whose(&self, client_id: &[u8]) -> Option<EndpointId> {
        let ids = (0..self.settings.endpoints.len()).map(|at| EndpointId(u8::try_from(at).unwrap()));
        ids.into_iter().find(|id| self.client_id(*id) == client_id)
    }

    pub(super) fn witness_67(&mut self, cause: &Cause, before: &Status, after: &Status, effects: &[Effect]) {
        let mut relayed: BTreeMap<&[u8], BTreeSet<Ipv6Addr>> = BTreeMap::new();
        for effect in effects {
            match effect {
                Effect::Send { via: Port::Cra6(own), source, to, payload } => {
                    assert_eq!(*source, Some(*own));
                    // The kernel may have dropped it without having said so.
                    let known = after.facts.addresses.iter().any(|a| a.address == *own && a.usable());
                    assert!(
                        known && !own.is_unicast_link_local(),
                        "from an address that is not there (HCRA-05)"
                    );
                    self.went_up([before, after], *to, payload);
                    assert!(relayed.entry(payload).or_default().insert(*to.ip()), "twice to {to}");
                }
                Effect::Send { via: Port::Direct4(id, own), source, to, payload } => {
                    assert_eq!(*source, Some(own.to_ipv6_mapped()));
                    self.went_past([before, after], *id, *own, *to, payload);
                }
                Effect::Notify(id, event) => self.witness_event(*id, event, cause),
                _ => {}
            }
        }
        let servers = |status: &Status| -> BTreeSet<Ipv6Addr> {
            status.hcra.iter().flat_map(|hcra| hcra.servers.iter().copied()).collect()
        };
        for to in relayed.values() {
            assert!(*to == servers(before) || *to == servers(after), "to {to:?}, not to every server");
            self.watch.spend(self.now);
        }
        if let Some((via, from, to, payload)) = cause.at_67() {
            self.witness_answer(via, from, to, payload, before, after);
        }
        if let Some(hcra) = &after.hcra {
            self.watch.reached.insert(hcra.servers_from);
            self.watch.reached.extend(hcra.waiting_for);
        }
    }

    /// The agent relays what an endpoint said, to whom it is told to, and only when it may.
    fn went_up(&mut self, statuses: [&Status; 2], to: SocketAddrV6, payload: &[u8]) {
        assert_eq!(to.port(), SERVER4_PORT);
        let hcra = &self.settings.hcra;
        if !hcra.servers.is_empty() {
            assert!(hcra.servers.contains(to.ip()), "to {to}, which nobody configured");
        }
        let has_permit = statuses.map(|status| status.permit_state == "valid");
        let renews_auto = self.settings.mode == Mode::Auto && has_permit == [true; 2];
        assert!(!renews_auto, "through the agent, although 4o6 is the way");
        assert!(matches!(self.settings.mode, Mode::Auto | Mode::Hcra));
        assert!(!hcra.needs_permit || has_permit.contains(&true), "without the permit it needs");
        let message = v4::Message::parse(payload).expect("what is relayed is well formed");
        assert_eq!((message.op, message.hops), (v4::BOOTREQUEST, 1));
        assert_eq!(message.giaddr, Ipv4Addr::UNSPECIFIED);
        assert_eq!(message.option(code::RELAY_AGENT), None, "an agent adds nothing");
        let id = message.option(code::CLIENT_ID).expect("the client identifier is always sent");
        assert!(self.whose(&id).is_some(), "from nobody");
        if self.watch.shape(&message) {
            self.watch.reached.insert("renewed-through-agent");
        }
        self.watch.reached.insert("relayed");
        let now = self.now;
        // The status that tells of turns is that of the first endpoint.
        if self.settings.endpoints.len() == 1 && in_turn(statuses) {
            let kind = message.kind().map_or(0, |kind| kind.0);
            self.watch.pace.dhcp4(now, (kind, message.xid.0), *to.ip());
        }
        self.asked.retain(|_, at| now.since(*at) <= ANSWER_WAIT);
        self.asked.insert(message.xid.0, now);
    }

    /// A renewal goes by IPv4 from the address that it renews, to the server that gave it.
    fn went_past(
        &mut self,
        statuses: [&Status; 2],
        id: EndpointId,
        own: Ipv4Addr,
        to: SocketAddrV6,
        payload: &[u8],
    ) {
        assert_eq!(self.settings.hcra.renew, Renew::Direct);
        let installed = self.kernel.installed_of(id).map(|config| config.address);
        assert_eq!(installed, Some(own), "from an address that is not there");
        let leases = statuses.map(|status| {
            status.endpoints.get(usize::from(id.0)).and_then(|endpoint| endpoint.client4.lease.as_ref())
        });
        let server = |server: Ipv4Addr| SocketAddrV6::new(server.to_ipv6_mapped(), SERVER4_PORT, 0, 0) == to;
        assert!(leases.iter().flatten().any(|lease| lease.address == own && server(lease.server_id)));
        let message = v4::Message::parse(payload).expect("what is sent is well formed");
        assert_eq!((message.op, message.hops, message.ciaddr), (v4::BOOTREQUEST, 0, own));
        assert_eq!(message.kind(), Some(MessageType::REQUEST), "only renewals go past the agent");
        assert_eq!(message.option(code::CLIENT_ID).as_deref(), Some(&self.client_id(id)[..]));
        assert!(self.watch.shape(&message));
        self.watch.reached.insert("renewed-directly");
        self.asked.insert(message.xid.0, self.now);
    }

    /// An answer changes at most the endpoint that it is for, and only if it may.
    fn witness_answer(
        &mut self,
        via: Port,
        from: Ipv6Addr,
        to: Ipv6Addr,
        payload: &[u8],
        before: &Status,
        after: &Status,
    ) {
        // While servers say for nobody whom they answer, all but the first rest; they go on when one says it again.
        let lacks = |status: &Status| {
            status.endpoints.iter().any(|endpoint| endpoint.client4.waiting_for == Some("server-lacks-6842"))
        };
        let lacks_echo = lacks(before) || lacks(after);
        let moved = |(a, b): &(&EndpointStatus, &EndpointStatus)| {
            let (a, b) = (&a.client4, &b.client4);
            a.lease != b.lease || (!lacks_echo && (a.state, &a.exchange) != (b.state, &b.exchange))
        };
        let pairs = before.endpoints.iter().zip(&after.endpoints);
        let moved: Vec<EndpointId> = pairs.filter(moved).map(|(a, _)| a.id).collect();
        if moved.is_empty() {
            return;
        }
        assert!(!to.is_multicast());
        let octets = if payload.first() == Some(&4) {
            assert_eq!(self.settings.hcra.encapsulation, Encapsulation::Private);
            Level::parse(payload).unwrap().message
        } else {
            payload
        };
        let reply = v4::Message::parse(octets).expect("only what is well formed is heard");
        assert_eq!(reply.op, v4::BOOTREPLY);
        assert_eq!(reply.option(code::RELAY_AGENT), None, "option 82 is not for a client");
        assert!(self.asked.contains_key(&reply.xid.0), "nobody asked");
        let id = reply.option(code::CLIENT_ID);
        if let Port::Cra6(own) = via {
            assert_eq!(to, own);
            let servers =
                |status: &Status| status.hcra.as_ref().is_some_and(|hcra| hcra.servers.contains(&from));
            let listed = servers(before) || servers(after);
            match self.settings.hcra.source_check {
                SourceCheck::Strict => assert!(listed, "{from} is no server"),
                SourceCheck::Relaxed => assert!(listed || id.is_some(), "{from} cannot know who asked"),
                SourceCheck::Off => {}
            }
        }
        match id {
            Some(id) => assert_eq!(moved, [self.whose(&id).expect("it names one of us")]),
            None if self.settings.endpoints.len() > 1 => {
                assert!(
                    lacks_echo && moved == [EndpointId::FIRST],
                    "taken for {moved:?}, and says for nobody"
                );
                self.watch.reached.insert("lacks-echo");
            }
            None => {}
        }
    }

    /// A lease ends by an accepted NAK, by itself, or because somebody wants it to.
    fn witness_event(&mut self, id: EndpointId, event: &LeaseEvent, cause: &Cause) {
        match event.kind {
            LeaseEventKind::Nak => {
                let Cause::Datagram { via, payload, .. } = cause else { panic!("lost without a NAK") };
                if matches!(via, Port::Client6) {
                    return;
                }
                let octets = Level::parse(payload).map_or(&payload[..], |level| level.message);
                let nak = v4::Message::parse(octets).unwrap();
                assert_eq!(nak.kind(), Some(MessageType::NAK));
                self.watch.reached.insert("nak-67");
            }
            LeaseEventKind::Expired => {
                assert!(event.lease.expires_at.is_some_and(|end| end <= self.now), "ended before its end");
            }
            LeaseEventKind::Released => {
                let withdrawn =
                    self.settings.on_withdraw == OnWithdraw::Drop || self.settings.mode == Mode::Off;
                assert!(withdrawn || matches!(cause, Cause::Somebody), "{id:?} was given back unasked");
            }
            _ => {}
        }
    }
}
