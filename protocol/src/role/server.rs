//! Role `server`: the DHCPv6 server that switches DHCPv4 over DHCPv6 on, and the 4o6 server (RFC 7341 §11).

mod door;
mod ledger;
mod operator;

use super::back::Back;
use super::external::{self, External, Silence};
use super::softwire::{Asked, Softwire};
use super::tsv::{Tsv, TsvSettings};
use crate::binding::Record;
use crate::ids::Duid;
use crate::machine::Machine;
use crate::permit::WireProfile;
use crate::prefix::Prefix6;
use crate::provider::{Datagram, Effect, Input, Notice, Port};
use crate::refused::Refused;
use crate::rng::Rng;
use crate::server4::{Change, Cx, Query};
use crate::settings::{Draft01, Profile};
use crate::tally::{Done, Tally};
use crate::time::{Instant, earliest};
use crate::way::Way;
use crate::wire::v4::{self, code};
use crate::wire::v6;
use crate::wire::v6_option::OptionCode;
use crate::wire::{TooLong, o6};
use crate::{server4, server6};
use door::{Arrival, Door, Kind, Limits};
use ledger::Ledger;
use std::net::Ipv6Addr;

/// An answer to a sender that has proven nothing is at most so many times as long as its message.
const AMPLIFICATION: usize = 4;

/// All settings of the role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSettings {
    /// Wire profiles that are accepted.
    pub profile: Profile,
    /// Code points of profile draft01.
    pub draft01: Draft01,
    /// Own unicast addresses that queries may be sent to, besides those of the served interfaces.
    pub addresses: Vec<Ipv6Addr>,
    /// From where else than link-local addresses of the served interfaces messages are taken.
    pub accept_from: Vec<Prefix6>,
    /// DHCPv4 over DHCPv6 is answered, and DHCPv6 if that is set: UDP port 547.
    pub port547: bool,
    /// DHCPv4 over IPv6 and over IPv4 is answered: UDP port 67.
    pub tsv: Option<TsvSettings>,
    /// The DHCPv6 server; `None` leaves DHCPv6 to another one.
    pub dhcp6: Option<server6::settings::Settings>,
    /// Who answers DHCPv4.
    pub engine: EngineSettings,
    /// How much is taken from whom.
    pub rates: Rates,
    /// What clients are told about softwires, if they ask.
    pub softwire: Softwire,
}

/// Who answers DHCPv4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EngineSettings {
    /// We do.
    Builtin(server4::settings::Settings),
    /// DHCPv4 servers that are reached by IPv4.
    External(external::Settings),
}

/// Messages per second that are taken up, with twice as many at once; 0 is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rates {
    /// Of one client address on one link.
    pub per_source: u32,
    /// Behind one interface-id of one relay agent.
    pub per_interface_id: u32,
    /// Altogether.
    pub total: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { per_source: 20, per_interface_id: 200, total: 0 }
    }
}

/// The role.
///
/// A datagram passes the door, which knows where it came from, then the limits, then the checks of what a DHCPv4-query
/// may be, and only then an engine. What the engine changed goes into the journal, and behind it the answer leaves.
pub struct Server {
    settings: ServerSettings,
    duid: Duid,
    door: Door,
    /// The door at port 67, if that is answered.
    tsv: Option<Tsv>,
    limits: Limits,
    /// Unused with the external engine, but its leases stay.
    engine4: server4::Engine,
    /// Unused while DHCPv6 is not enabled, but its leases stay.
    engine6: server6::Engine,
    /// With the external engine.
    external: Option<External>,
    secret: [u8; 16],
    silence: Silence,
    ledger: Ledger,
    tally: Tally,
    /// What an engine says, until it is passed on; empty between two inputs.
    changes: Vec<Change>,
    notices: Vec<Notice>,
}

impl Server {
    /// A server without leases. `duid` is its DHCPv6 identity, `secret` the key that the external engine signs with,
    /// `seed` comes from the system's generator.
    pub fn new(settings: ServerSettings, duid: Duid, secret: [u8; 16], seed: [u8; 32]) -> Self {
        let mut rng = Rng::seeded(seed);
        let four = match &settings.engine {
            EngineSettings::Builtin(four) => four.clone(),
            EngineSettings::External(_) => server4::settings::Settings::nothing(),
        };
        let engine4 = server4::Engine::new(four, child(&mut rng));
        let six = settings.dhcp6.clone().unwrap_or_default();
        Self {
            external: external(&settings.engine, secret),
            secret,
            silence: Silence::default(),
            engine6: server6::Engine::new(
                six,
                duid.clone(),
                settings.profile,
                settings.draft01,
                child(&mut rng),
            ),
            engine4,
            door: Door::new(&settings),
            tsv: Tsv::of(&settings),
            limits: Limits::new(settings.rates),
            settings,
            duid,
            ledger: Ledger::default(),
            tally: Tally::default(),
            changes: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Takes a record of the journal, in the order they were written. Only before the first input.
    pub fn load(&mut self, record: &Record) {
        self.apply(record);
        // What was there before is no news.
        drop(self.engine4.tunnels());
    }

    /// Takes up other settings and keeps all leases.
    pub fn configure(&mut self, now: Instant, settings: ServerSettings, out: &mut Vec<Effect>) {
        if let EngineSettings::Builtin(four) = &settings.engine {
            self.engine4.configure(now, four.clone());
        }
        self.external = external(&settings.engine, self.secret);
        if let Some(six) = &settings.dhcp6 {
            self.engine6.configure(now, six.clone(), settings.profile, settings.draft01);
        }
        self.tsv = Tsv::of(&settings);
        self.door.configure(&settings);
        self.limits.configure(settings.rates);
        self.settings = settings;
        self.tell(out);
    }

    /// The sockets it needs.
    pub fn ports(&self) -> Vec<Port> {
        let mut ports = Vec::new();
        if self.settings.port547 {
            ports.push(Port::Dhcp6);
        }
        if let EngineSettings::External(external) = &self.settings.engine {
            ports.push(external.port());
        }
        if self.tsv.is_some() {
            ports.extend([Port::Transport6, Port::Server4]);
        }
        ports
    }

    /// True while leases cannot be stored: none are given, and those that exist are not made longer.
    pub fn is_degraded(&self) -> bool {
        self.ledger.is_degraded()
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Lease4(_) | Record::Gone4(_) | Record::Reserve4 { .. } | Record::Unreserve4 { .. } => {
                self.engine4.apply(record);
            }
            Record::Lease6(_) | Record::Gone6(_) => self.engine6.apply(record),
        }
    }

    /// Lets go of what is over. Records are taken as they are, and may be over when they come.
    fn settle(&mut self, now: Instant, out: &mut Vec<Effect>) {
        self.engine4.on_deadline(now);
        self.engine6.on_deadline(now);
        self.tell(out);
    }

    /// Tells tunnel concentrators what has changed for them.
    fn tell(&mut self, out: &mut Vec<Effect>) {
        out.extend(self.engine4.tunnels().map(Effect::Notify));
    }

    /// Sends the changes of the table to the journal, before whatever follows from them.
    fn journal(&mut self, out: &mut Vec<Effect>) {
        for Change { record, undo } in self.changes.drain(..) {
            self.ledger.journal(undo);
            out.push(Effect::Journal(record));
        }
        self.tell(out);
    }

    /// One datagram: changes into the journal, and behind them at most one answer, or the reason why there is none.
    fn receive(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let answer = match datagram.via {
            Port::Dhcp6 if self.settings.port547 => {
                self.answer(now, datagram, out).map(|answer| answer.map(|answer| self.by_dhcp6(answer)))
            }
            Port::Upstream4(_) => self.hand_back(datagram).map(|answer| Some(self.by_dhcp6(answer))),
            Port::Transport6 | Port::Server4 => self.answer_at_67(now, datagram, out),
            Port::Dhcp6 | Port::Upstream6(_) | Port::Cra6(_) | Port::Frames(_) => Err(Refused::WrongLink),
        };
        // Also what is not answered may have changed something.
        self.journal(out);
        out.extend(self.notices.drain(..).map(Effect::Notify));
        out.extend(answer?);
        Ok(())
    }

    /// An answer by port 547.
    fn by_dhcp6(&self, (back, payload): (Back, Vec<u8>)) -> Effect {
        let source = back.source.or_else(|| self.door.interface(back.interface).and_then(|i| i.link_local()));
        let (interface, to) = (back.interface, back.destination());
        Effect::Send { via: Port::Dhcp6, interface, source, to, payload }
    }

    /// The answer to a message that came by port 67. `None` is silence.
    fn answer_at_67(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<Option<Effect>, Refused> {
        let tsv = self.tsv.as_ref().ok_or(Refused::WrongLink)?;
        let interface = self.door.interface(datagram.interface);
        let arrival = tsv.judge(datagram, interface, |address| self.engine4.serves(address))?;
        if !self.limits.take_up(now, arrival.sources()) {
            return Err(Refused::RateLimited);
        }
        if self.ledger.is_full() {
            return Err(Refused::Overload);
        }
        let by_ipv6 = datagram.via == Port::Transport6;
        self.tally.count(if by_ipv6 { Done::OverIpv6 } else { Done::OverIpv4 });
        if arrival.is_relayed() {
            self.tally.count(Done::Relayed);
        }
        out.extend(arrival.refused().map(Effect::Refused));
        let mut cx = Cx {
            may_grant: !self.ledger.is_degraded(),
            tally: &mut self.tally,
            changes: &mut self.changes,
            notices: &mut self.notices,
            refused: None,
        };
        let query = Query {
            message: &arrival.message,
            way: &arrival.way(),
            unicast: arrival.is_unicast(),
            most: arrival.most(AMPLIFICATION),
        };
        let Some(answer) = self.engine4.handle(now, &query, &mut cx)? else { return Ok(None) };
        arrival.answer(tsv.server_id(), answer).map(Some)
    }

    /// The answer to a message, and the way it goes. `None` is silence, or the external engine has the message.
    fn answer(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<Option<(Back, Vec<u8>)>, Refused> {
        let Arrival { interface, levels, message, kind } = self.door.judge(datagram)?;
        if !self.limits.take(now, datagram, &levels) {
            return Err(Refused::RateLimited);
        }
        if self.ledger.is_full() {
            return Err(Refused::Overload);
        }
        let message = v6::Message::parse(message).map_err(|_| Refused::Malformed6)?;
        if !levels.is_empty() {
            self.tally.count(Done::Relayed);
        }
        let way = Way::new(interface, *datagram.from.ip(), &levels);
        let mut cx = Cx {
            may_grant: !self.ledger.is_degraded(),
            tally: &mut self.tally,
            changes: &mut self.changes,
            notices: &mut self.notices,
            refused: None,
        };
        let Kind::Query(profile) = kind else {
            let unicast = levels.is_empty() && !datagram.to.is_multicast();
            let answer = self.engine6.handle(now, &message, &way, unicast, &mut cx)?;
            out.extend(cx.refused.map(Effect::Refused));
            let Some(answer) = answer else { return Ok(None) };
            let back = Back::new(datagram, &levels, None);
            let payload = back.reply(&answer).map_err(no_room)?;
            return bounded(datagram, back, payload).map(Some);
        };
        let points = self.door.points(profile);
        let believed =
            matches!(&self.settings.engine, EngineSettings::Builtin(four) if four.trust_inner_giaddr);
        let inner = inner(&message, points, &self.duid, believed)?;
        cx.tally.count(Done::Query);
        let query = Query {
            message: &inner,
            way: &way,
            // draft01 has a transaction id where RFC 7341 has the flag.
            unicast: profile == WireProfile::Rfc7341 && message.is_unicast(),
            most: usize::MAX,
        };
        let xid = (profile == WireProfile::Draft01).then(|| message.xid());
        // draft01 knows no softwires.
        let asked = if xid.is_none() { Asked::by(&message) } else { Asked::default() };
        let back = || Back { asked, ..Back::new(datagram, &levels, xid) };
        if let Some(external) = &self.external {
            external.forward(&query, &back(), out)?;
            self.tally.count(Done::Upstream);
            let kind = inner.kind();
            out.extend(kind.and_then(|kind| self.silence.asked(now, kind)).map(Effect::Notify));
            return Ok(None);
        }
        let Some(answer) = self.engine4.handle(now, &query, &mut cx)? else { return Ok(None) };
        let back = back();
        let payload = back.response(points, &answer, &self.settings.softwire).map_err(no_room)?;
        bounded(datagram, back, payload).map(Some)
    }

    /// The answer of a DHCPv4 server behind us, and the way it goes.
    fn hand_back(&mut self, datagram: &Datagram<'_>) -> Result<(Back, Vec<u8>), Refused> {
        let external = self.external.as_ref().ok_or(Refused::WrongLink)?;
        let (mut back, answer) = external.back(datagram)?;
        // Another front may have been asked, at an address that is not ours.
        back.source = back.source.filter(|source| self.door.is_own(*source));
        self.silence.answered();
        let profile = back.xid.map_or(WireProfile::Rfc7341, |_| WireProfile::Draft01);
        let points = self.door.points(profile);
        let payload = back.response(points, &answer, &self.settings.softwire).map_err(no_room)?;
        self.tally.count(Done::Downstream);
        Ok((back, payload))
    }
}

fn no_room(_: TooLong) -> Refused {
    Refused::NoRoom
}

/// Only who is on the link, or a relay agent that messages are taken from, gets answers of any length (SEC-07).
fn bounded(datagram: &Datagram<'_>, back: Back, payload: Vec<u8>) -> Result<(Back, Vec<u8>), Refused> {
    let proven = !back.levels.is_empty() || back.to.is_unicast_link_local();
    let most = datagram.payload.len().saturating_mul(AMPLIFICATION);
    if proven || payload.len() <= most { Ok((back, payload)) } else { Err(Refused::NoRoom) }
}

fn external(engine: &EngineSettings, secret: [u8; 16]) -> Option<External> {
    match engine {
        EngineSettings::Builtin(_) => None,
        EngineSettings::External(settings) => Some(External::new(settings.clone(), secret)),
    }
}

/// The DHCPv4 message of a query, if it is one that a client may send this way; `believed` is what it says as a relay
/// agent would. The order of the checks is fixed.
fn inner<'a>(
    message: &v6::Message<'a>,
    points: o6::CodePoints,
    duid: &Duid,
    believed: bool,
) -> Result<v4::Message<'a>, Refused> {
    if message.options.first(OptionCode::SERVERID).is_some_and(|id| id != duid.as_bytes()) {
        return Err(Refused::OtherServer);
    }
    let inner = v4::Message::parse(o6::dhcpv4(points, message)?).map_err(|_| Refused::Malformed4)?;
    if inner.op != v4::BOOTREQUEST {
        return Err(Refused::Malformed4);
    }
    // What only relay agents say would be believed by the engine, and this is the client's own message (SEC-14), unless
    // an operator vouches for what is between the client and the one who asks.
    if !believed && inner.option(code::RELAY_AGENT).is_some() {
        return Err(Refused::Option82FromClient);
    }
    use v4::MessageType as T;
    match inner.kind() {
        None | Some(T::DISCOVER | T::REQUEST | T::DECLINE | T::RELEASE | T::INFORM) => Ok(inner),
        Some(_) => Err(Refused::Unsupported4),
    }
}

/// A generator of its own for an engine.
fn child(rng: &mut Rng) -> Rng {
    let mut seed = [0; 32];
    for chunk in seed.chunks_exact_mut(4) {
        chunk.copy_from_slice(&rng.u32().to_be_bytes());
    }
    Rng::seeded(seed)
}

impl Machine for Server {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Effect>) {
        match input {
            Input::Interfaces(interfaces) => {
                self.door.set_interfaces(interfaces);
                self.settle(now, out);
            }
            Input::Datagram(datagram) => {
                if let Err(reason) = self.receive(now, &datagram, out) {
                    if reason == Refused::SourceRefused {
                        out.push(Effect::Notify(Notice::SourceRefused(*datagram.from.ip())));
                    }
                    out.push(Effect::Refused(reason));
                }
            }
            Input::Frame(_) => out.push(Effect::Refused(Refused::WrongLink)),
            Input::Deadline => self.settle(now, out),
            Input::Stored(count) => self.ledger.stored(count),
            Input::StorageFailed => {
                if !self.ledger.is_degraded() {
                    out.push(Effect::Notify(Notice::StorageDegraded));
                }
                let undo: Vec<Record> = self.ledger.failed().collect();
                for record in &undo {
                    self.apply(record);
                }
                self.settle(now, out);
            }
            Input::StorageRestored => {
                if self.ledger.is_degraded() {
                    out.push(Effect::Notify(Notice::StorageRestored));
                }
                self.ledger.restored();
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        earliest(self.engine4.deadline(), self.engine6.deadline())
    }
}
