//! A provider's server: DHCPv6, and DHCPv4 over it in both profiles.

use super::chance::Chance;
use super::server4::Server4;
use dhcp4o6_protocol::ids::Iaid;
use dhcp4o6_protocol::params::ALL_RELAYS_AND_SERVERS;
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::settings::Draft01;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::Writer;
use dhcp4o6_protocol::wire::o6::{self, CodePoints};
use dhcp4o6_protocol::wire::v6::{Message, MessageType, Options};
use dhcp4o6_protocol::wire::v6_option::{Ia, IaAddress, OptionCode, Status};
use std::collections::BTreeSet;
use std::net::Ipv6Addr;

/// What a server says about DHCPv4 over DHCPv6.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Enable {
    No,
    Servers(Vec<Ipv6Addr>),
    /// A list whose length is wrong.
    Malformed,
}

pub(crate) struct Server {
    pub(crate) duid: Vec<u8>,
    pub(crate) link_local: Ipv6Addr,
    pub(crate) global: Ipv6Addr,
    pub(crate) alive: bool,
    pub(crate) enable: Enable,
    /// The profile it speaks, with its code points.
    pub(crate) profile: WireProfile,
    pub(crate) draft01: Draft01,
    pub(crate) preference: u8,
    pub(crate) rapid_commit: bool,
    pub(crate) gives_addresses: bool,
    /// Tells the name of a tunnel concentrator.
    pub(crate) tells_aftr: bool,
    /// First 64 bits of the addresses and delegated prefixes it gives.
    pub(crate) prefix: Ipv6Addr,
    pub(crate) preferred: u32,
    pub(crate) valid: u32,
    pub(crate) refresh: Option<u32>,
    /// SOL_MAX_RT and INF_MAX_RT.
    pub(crate) max_rt: Option<u32>,
    /// Kinds of association and their ids that it knows.
    bindings: BTreeSet<(u16, Iaid)>,
    pub(crate) four: Server4,
    /// Some answers to unicast queries come from the link-local address.
    pub(crate) wanders: bool,
    /// DHCPv4 messages are not answered.
    pub(crate) deaf4: bool,
    /// DHCPv6 requests heard, by type.
    pub(crate) heard: Vec<(Instant, MessageType)>,
}

impl Server {
    /// A server that gives everything: addresses, a prefix, leave for 4o6 by multicast, and a lease of an hour.
    pub(crate) fn good(number: u8) -> Self {
        let mut four = Server4::new();
        four.id = [198, 51, 100, number].into();
        Self {
            duid: vec![0, 3, 0, 1, 2, 0, 0x5e, 0, 0, number],
            link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, u16::from(number)),
            global: Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, u16::from(number)),
            alive: true,
            enable: Enable::Servers(Vec::new()),
            profile: WireProfile::Rfc7341,
            draft01: Draft01::default(),
            preference: 0,
            rapid_commit: false,
            gives_addresses: true,
            tells_aftr: false,
            prefix: Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 0),
            preferred: 3600,
            valid: 7200,
            refresh: None,
            max_rt: None,
            bindings: BTreeSet::new(),
            four,
            wanders: true,
            deaf4: false,
            heard: Vec::new(),
        }
    }

    /// Restarted, with all leases lost.
    pub(crate) fn forget(&mut self) {
        self.bindings.clear();
        self.four.forget();
    }

    fn points(&self) -> CodePoints {
        CodePoints::of(self.profile, &self.draft01)
    }

    /// True if a datagram to this destination reaches it.
    pub(crate) fn is_at(&self, to: Ipv6Addr) -> bool {
        to == ALL_RELAYS_AND_SERVERS || to == self.link_local || to == self.global
    }

    /// The answer, and the address it comes from.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        to: Ipv6Addr,
        octets: &[u8],
        chance: &mut Chance,
    ) -> Option<(Ipv6Addr, Vec<u8>)> {
        if !self.alive {
            return None;
        }
        let message = Message::parse(octets).expect("the client sends well formed messages");
        self.heard.push((now, message.kind));
        let points = self.points();
        if message.kind == points.query {
            if self.deaf4 {
                return None;
            }
            let inner = o6::dhcpv4(points, &message).expect("a query holds one message");
            let answer = self.four.hear(now, inner, chance)?;
            let header = match self.profile {
                // Some servers return the flags, some send zero.
                WireProfile::Rfc7341 if chance.happens(0.5) => [0; 3],
                WireProfile::Rfc7341 | WireProfile::Draft01 => message.header,
            };
            let wanders = self.wanders && chance.happens(0.2);
            let from = if to.is_multicast() || wanders { self.link_local } else { to };
            return Some((from, o6::emit_response(points, header, &answer).expect("an answer fits")));
        }
        Some((self.link_local, self.dhcp6(&message)?))
    }

    fn dhcp6(&mut self, message: &Message<'_>) -> Option<Vec<u8>> {
        let options = message.options;
        let addressed = options.first(OptionCode::SERVERID);
        if addressed.is_some_and(|id| id != self.duid) {
            return None;
        }
        let rapid = self.rapid_commit && options.first(OptionCode::RAPID_COMMIT).is_some();
        let kind = match message.kind {
            MessageType::SOLICIT if !rapid => MessageType::ADVERTISE,
            MessageType::SOLICIT
            | MessageType::REQUEST
            | MessageType::RENEW
            | MessageType::REBIND
            | MessageType::CONFIRM
            | MessageType::INFORMATION_REQUEST
            | MessageType::RELEASE
            | MessageType::DECLINE => MessageType::REPLY,
            _ => return None,
        };
        let mut w = Writer::new();
        w.u8(kind.0).bytes(&message.header);
        w.option6(OptionCode::CLIENTID, |w| {
            w.bytes(options.first(OptionCode::CLIENTID).unwrap_or_default());
        });
        w.option6(OptionCode::SERVERID, |w| {
            w.bytes(&self.duid);
        });
        match message.kind {
            MessageType::CONFIRM => {
                let ok = addresses(options).all(|a| a.segments()[..4] == self.prefix.segments()[..4]);
                status(&mut w, if ok { Status::SUCCESS } else { Status::NOT_ON_LINK });
                return w.finish().ok();
            }
            MessageType::RELEASE | MessageType::DECLINE => {
                self.bindings.clear();
                status(&mut w, Status::SUCCESS);
                return w.finish().ok();
            }
            _ => {}
        }
        if message.kind == MessageType::SOLICIT {
            w.option6(OptionCode::PREFERENCE, |w| {
                w.u8(self.preference);
            });
            if rapid {
                w.option6(OptionCode::RAPID_COMMIT, |_| {});
            }
        }
        for (code, value) in options.iter() {
            if let Some(ia) =
                Ia::parse(value).filter(|_| matches!(code, OptionCode::IA_NA | OptionCode::IA_PD))
            {
                self.association(&mut w, code, ia.iaid, message.kind, kind);
            }
        }
        self.configuration(&mut w, options);
        w.finish().ok()
    }

    fn association(
        &mut self,
        w: &mut Writer,
        code: OptionCode,
        iaid: Iaid,
        asked: MessageType,
        answer: MessageType,
    ) {
        let known = self.bindings.contains(&(code.0, iaid));
        let extends = matches!(asked, MessageType::RENEW | MessageType::REBIND);
        if answer == MessageType::REPLY && self.gives_addresses && !extends {
            self.bindings.insert((code.0, iaid));
        }
        let (preferred, valid) = (self.preferred, self.valid);
        let host = u128::from(iaid.0) | 0x1_0000_0000;
        w.option6(code, |w| {
            w.u32(iaid.0).u32(preferred / 2).u32(preferred / 5 * 4);
            if !self.gives_addresses {
                let none =
                    if code == OptionCode::IA_NA { Status::NO_ADDRS_AVAIL } else { Status::NO_PREFIX_AVAIL };
                return status(w, none);
            }
            if extends && !known {
                return status(w, Status::NO_BINDING);
            }
            if code == OptionCode::IA_NA {
                w.option6(OptionCode::IAADDR, |w| {
                    w.ipv6(Ipv6Addr::from(u128::from(self.prefix) | host)).u32(preferred).u32(valid);
                });
            } else {
                w.option6(OptionCode::IAPREFIX, |w| {
                    let [a, b, c, ..] = self.prefix.segments();
                    w.u32(preferred).u32(valid).u8(56).ipv6(Ipv6Addr::new(
                        a,
                        b,
                        c + 0xd000,
                        0x100,
                        0,
                        0,
                        0,
                        0,
                    ));
                });
            }
        });
    }

    fn configuration(&self, w: &mut Writer, options: Options<'_>) {
        let asked = options.codes(OptionCode::ORO).unwrap_or_default();
        let seconds = [
            (OptionCode::SOL_MAX_RT, self.max_rt),
            (OptionCode::INF_MAX_RT, self.max_rt),
            (OptionCode::INFORMATION_REFRESH_TIME, self.refresh),
        ];
        for (code, value) in seconds {
            if let Some(value) = value.filter(|_| asked.contains(&code)) {
                w.option6(code, |w| {
                    w.u32(value);
                });
            }
        }
        w.option6(OptionCode::DNS_SERVERS, |w| {
            w.ipv6(self.global);
        });
        if self.tells_aftr {
            w.option6(OptionCode::AFTR_NAME, |w| {
                w.bytes(b"\x04aftr\x07example\0");
            });
        }
        let (enable, list) = match self.profile {
            WireProfile::Rfc7341 => (None, OptionCode::DHCP4_O_DHCP6_SERVER),
            WireProfile::Draft01 => (Some(OptionCode(self.draft01.enable)), OptionCode(self.draft01.servers)),
        };
        if !asked.contains(&list) || self.enable == Enable::No {
            return;
        }
        if let Some(enable) = enable {
            w.option6(enable, |_| {});
        }
        match &self.enable {
            Enable::No => {}
            // draft01 has no empty list: Enable alone asks for multicast.
            Enable::Servers(servers) if servers.is_empty() && enable.is_some() => {}
            Enable::Servers(servers) => {
                w.option6(list, |w| {
                    servers.iter().for_each(|server| _ = w.ipv6(*server));
                });
            }
            Enable::Malformed => {
                w.option6(list, |w| {
                    w.bytes(&[0x20; 17]);
                });
            }
        }
    }
}

fn status(w: &mut Writer, status: Status) {
    w.option6(OptionCode::STATUS_CODE, |w| {
        w.u16(status.0);
    });
}

/// The addresses in all IA_NA of a message.
fn addresses(options: Options<'_>) -> impl Iterator<Item = Ipv6Addr> {
    let inside = |value| Ia::parse(value).into_iter().flat_map(|ia| ia.options.all(OptionCode::IAADDR));
    options
        .all(OptionCode::IA_NA)
        .flat_map(inside)
        .filter_map(IaAddress::parse)
        .map(|address| address.address)
}
