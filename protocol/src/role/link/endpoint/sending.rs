//! Which way a message leaves, and what leaves again when that way changes.
//!
//! By 4o6 everything goes the same way. With the host Client Relay Agent a renewal goes by IPv4 from the leased address to
//! the server, as every IPv4 host sends it (RFC 2131 §4.4.5); all else goes through the agent. So does RELEASE: nobody
//! answers it, so that nobody would learn that it was lost, and the address and the routes it would need go with it.

use super::{Base, Cx, Endpoint};
use crate::client4;
use crate::ids::Xid4;
use crate::machine::{Datagram, Effect, OpenError, Port};
use crate::params::SERVER4_PORT;
use crate::refused::Refused;
use crate::role::client4o6;
use crate::role::link::running::Transport;
use crate::settings::Renew;
use crate::time::Instant;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

/// Shortest time between two retransmissions that a change of the source address forced.
const FORCED_INTERVAL: Duration = Duration::from_secs(10);
/// After so many transmissions by IPv4 without an answer, the next go through the agent as well (HCRA-28).
const DIRECT_ALONE: u32 = 2;

/// The way past the agent, for one renewal.
#[derive(Debug)]
pub(super) struct Direct {
    /// Of the renewal.
    xid: Xid4,
    /// The leased address.
    address: Ipv4Addr,
    /// Option 54.
    server: Ipv4Addr,
    socket: Socket,
    /// Transmissions by it.
    sent: u32,
}

#[derive(Debug)]
enum Socket {
    /// With the message that waits for it.
    Opening(Vec<u8>),
    Open,
    Failed,
}

impl Endpoint {
    /// Sends a message of the engine.
    pub(super) fn transmit(
        &mut self,
        message: &[u8],
        xid: Xid4,
        unicast: bool,
        base: &mut Base,
        cx: &mut Cx<'_>,
    ) {
        match base.transport() {
            Transport::Dhcp4o6 => {
                let Some(around) = base.around(cx) else { return };
                let queries = self.four.queries(message, xid, unicast, &around, cx.rng);
                self.postponed = queries.is_empty();
                if let Some(first) = queries.first() {
                    self.source = Some(first.source);
                }
                for query in queries {
                    base.send(self.id, Some(query.source), query.destination, query.payload, cx);
                }
            }
            Transport::Hcra => {
                let renews = unicast && self.engine.pending() == Some(xid);
                if !renews || self.goes_through_agent(message, xid, base, cx) {
                    self.relay(message, base, cx);
                }
            }
        }
    }

    fn relay(&mut self, message: &[u8], base: &mut Base, cx: &mut Cx<'_>) {
        let source = base.agent.address();
        if base.agent.relay(message, self.id, cx) {
            self.source = source;
        }
    }

    /// Sends a renewal by IPv4 if that is wanted and can be. True if it must go through the agent, too or instead.
    fn goes_through_agent(&mut self, message: &[u8], xid: Xid4, base: &Base, cx: &mut Cx<'_>) -> bool {
        let installed = self.installed.as_ref().is_some_and(|installed| installed.outcome == Some(Ok(())));
        if cx.settings.hcra.renew == Renew::ViaCra || self.moved || !installed || !cx.facts.running() {
            return true;
        }
        let Some(lease) = self.engine.lease() else { return true };
        if self.direct.as_ref().is_none_or(|direct| direct.xid != xid) {
            let (address, server) = (lease.address, lease.server_id);
            self.close_direct(cx);
            let socket = Socket::Opening(message.to_vec());
            self.direct = Some(Direct { xid, address, server, socket, sent: 1 });
            cx.out.push(Effect::Open(Port::Direct4(self.id, address)));
            return false;
        }
        let Some(direct) = self.direct.as_mut() else { return true };
        direct.sent = direct.sent.saturating_add(1);
        match &mut direct.socket {
            Socket::Opening(waiting) => *waiting = message.to_vec(),
            Socket::Open => cx.out.push(direct.datagram(self.id, message.to_vec())),
            Socket::Failed => return true,
        }
        direct.sent > DIRECT_ALONE && base.agent.address().is_some()
    }

    /// The socket on the leased address is there, or cannot be had: then the agent has to do.
    pub(in crate::role::link) fn on_direct_opened(
        &mut self,
        address: Ipv4Addr,
        result: Result<(), OpenError>,
        base: &mut Base,
        cx: &mut Cx<'_>,
    ) {
        let Some(direct) = self.direct.as_mut().filter(|direct| direct.address == address) else { return };
        let socket = if result.is_ok() { Socket::Open } else { Socket::Failed };
        let Socket::Opening(message) = std::mem::replace(&mut direct.socket, socket) else { return };
        match result {
            Ok(()) => cx.out.push(direct.datagram(self.id, message)),
            Err(error) => {
                let text = format!("renewed through the relay agent: UDP port 68 on {address}: {error}");
                self.note("no-direct-renewal", text, cx);
                self.relay(&message, base, cx);
            }
        }
    }

    /// Judges the address that an answer by IPv4 came from: only the server that gave the lease answers so.
    ///
    /// # Errors
    /// When it is not the answer to a renewal.
    pub(in crate::role::link) fn hear_direct(
        &self,
        address: Ipv4Addr,
        datagram: &Datagram<'_>,
    ) -> Result<(), Refused> {
        let direct = self.direct.as_ref().filter(|direct| direct.address == address);
        let direct = direct.ok_or(Refused::Unsolicited)?;
        let from_server = *datagram.from.ip() == direct.server.to_ipv6_mapped();
        if from_server && datagram.from.port() == SERVER4_PORT { Ok(()) } else { Err(Refused::SourceRefused) }
    }

    /// A socket of ours has UDP port 68.
    pub(in crate::role::link) fn has_port68(&self) -> bool {
        self.direct.as_ref().is_some_and(|direct| matches!(direct.socket, Socket::Open))
    }

    /// The way past the agent is closed when the renewal is over.
    pub(in crate::role::link) fn follow_renewal(&mut self, cx: &mut Cx<'_>) {
        if !self.engine.is_waiting() {
            self.moved = false;
        }
        if self.direct.as_ref().is_some_and(|direct| self.engine.pending() != Some(direct.xid)) {
            self.close_direct(cx);
        }
    }

    pub(in crate::role::link) fn close_direct(&mut self, cx: &mut Cx<'_>) {
        if let Some(direct) = self.direct.take() {
            cx.out.push(Effect::Close(Port::Direct4(self.id, direct.address)));
        }
    }

    /// The agent is where messages can go through again, perhaps at another address: what is pending goes at once (E17).
    pub(in crate::role::link) fn thaw(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.moved |=
            self.engine.is_waiting() && self.source.is_some() && self.source != base.agent.address();
        let rested = self.force(cx.now);
        if let Err(at) = rested {
            self.follow_at = Some(at);
        }
        self.drive(base, cx, |engine, now, cx, out| engine.thaw(now, rested.is_ok(), cx, out));
        if rested.is_ok() && !self.engine.is_waiting() {
            self.follow_agent(base, cx);
        }
    }

    /// What is pending leaves again at once when it found no source address before, or when its source is gone (E5).
    /// If so configured, a bound lease is renewed from the new one.
    pub(in crate::role::link) fn follow_source(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.follow_at = None;
        if base.transport() == Transport::Hcra {
            // Whoever is frozen follows when it is thawed.
            if !self.engine.is_frozen()
                && base.agent.address().is_some_and(|at| self.source.is_some_and(|was| was != at))
            {
                match self.force(cx.now) {
                    Ok(()) => self.follow_agent(base, cx),
                    Err(at) => self.follow_at = Some(at),
                }
            }
            return;
        }
        self.send_postponed(base, cx);
        if !self.engine.is_running() {
            return;
        }
        let Some(around) = base.around(cx) else { return };
        let renew = cx.settings.rebind_on_source_change;
        let reachable = client4o6::reachable_from(&around);
        let moved = reachable.is_some() && self.source.is_some() && self.source != reachable;
        if !moved || !(renew || self.engine.is_waiting()) {
            return;
        }
        if let Err(at) = self.force(cx.now) {
            self.follow_at = Some(at);
            return;
        }
        self.drive(base, cx, |engine, now, cx, out| {
            engine.retransmit(now, cx, out);
            if renew {
                engine.renew(now, cx, out);
            }
        });
    }

    /// Lets the server know where the agent is now, through it: by what is pending, or else by extending the lease. In the
    /// same /64 its own server is asked. Elsewhere another may be in charge, so any may answer; the message is the same.
    fn follow_agent(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        let (Some(was), Some(is)) = (self.source, base.agent.address()) else { return };
        if was == is || !self.engine.is_running() {
            return;
        }
        self.moved = true;
        let same_prefix = prefix(was) == prefix(is);
        self.drive(base, cx, |engine, now, cx, out| {
            if engine.is_waiting() {
                engine.retransmit(now, cx, out);
            } else if same_prefix {
                engine.renew(now, cx, out);
            } else if engine.is_bound() {
                engine.rebind(now, cx, out);
            }
        });
    }

    /// Whether something may leave now because of a move; if not, when.
    fn force(&mut self, now: Instant) -> Result<(), Instant> {
        let rested_at = self.forced_at.map_or(now, |at| at + FORCED_INTERVAL);
        if now < rested_at {
            return Err(rested_at);
        }
        self.forced_at = Some(now);
        Ok(())
    }

    /// The pending message leaves now, if it only waited for a source address.
    pub(in crate::role::link) fn send_postponed(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        if !self.postponed || !self.engine.is_running() {
            return;
        }
        if base.around(cx).as_ref().and_then(client4o6::reachable_from).is_some() {
            self.postponed = false;
            self.drive(base, cx, client4::Client4::retransmit);
        }
    }
}

impl Direct {
    fn datagram(&self, endpoint: crate::ids::EndpointId, payload: Vec<u8>) -> Effect {
        Effect::Send {
            via: Port::Direct4(endpoint, self.address),
            source: Some(self.address.to_ipv6_mapped()),
            to: SocketAddrV6::new(self.server.to_ipv6_mapped(), SERVER4_PORT, 0, 0),
            payload,
        }
    }
}

/// The first 64 bits.
fn prefix(address: Ipv6Addr) -> u128 {
    address.to_bits() >> 64
}
