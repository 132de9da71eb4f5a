//! Every constant of the protocols in one place, section by section.

use std::net::Ipv6Addr;
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// UDP port of DHCPv6 clients, RFC 8415 §7.2.
pub const CLIENT6_PORT: u16 = 546;
/// UDP port of DHCPv6 servers and relay agents, RFC 8415 §7.2.
pub const SERVER6_PORT: u16 = 547;
/// UDP port of DHCPv4 servers and relay agents, RFC 2131 §4.1.
pub const SERVER4_PORT: u16 = 67;
/// UDP port of DHCPv4 clients, RFC 2131 §4.1.
pub const CLIENT4_PORT: u16 = 68;
/// Relay agents that a DHCPv4 message may have passed, unless configured, RFC 1542 §4.1.1.
pub const HOPS_LIMIT: u8 = 4;
/// What [`HOPS_LIMIT`] can be set to, RFC 1542 §4.1.1.
pub const HOPS_RANGE: std::ops::RangeInclusive<u8> = 1..=16;
/// How long an answer to what was relayed may take.
pub const ANSWER_WAIT: Duration = secs(120);
/// All_DHCP_Relay_Agents_and_Servers, RFC 8415 §7.1.
pub const ALL_RELAYS_AND_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// All_DHCP_Servers, RFC 8415 §7.1.
pub const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);

/// Retransmission parameters of one DHCPv6 message, RFC 8415 §15. A zero limit is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retransmission {
    /// First pause (IRT).
    pub initial: Duration,
    /// Longest pause (MRT).
    pub max: Duration,
    /// Number of transmissions (MRC).
    pub count: u32,
    /// How long to go on in all (MRD).
    pub duration: Duration,
}

const fn retransmission(initial: u64, max: u64, count: u32, duration: u64) -> Retransmission {
    Retransmission { initial: secs(initial), max: secs(max), count, duration: secs(duration) }
}

// RFC 8415 §7.6.
/// Solicit; the longest pause may be replaced by SOL_MAX_RT.
pub const SOLICIT: Retransmission = retransmission(1, 3600, 0, 0);
/// Request.
pub const REQUEST: Retransmission = retransmission(1, 30, 10, 0);
/// Confirm, and Rebind when it checks for movement.
pub const CONFIRM: Retransmission = retransmission(1, 4, 0, 10);
/// Renew; its duration is the time left to T2.
pub const RENEW: Retransmission = retransmission(10, 600, 0, 0);
/// Rebind; its duration is the time left to the end of the last valid lifetime.
pub const REBIND: Retransmission = retransmission(10, 600, 0, 0);
/// Information-request; the longest pause may be replaced by INF_MAX_RT.
pub const INFORMATION_REQUEST: Retransmission = retransmission(1, 3600, 0, 0);
/// Release.
pub const RELEASE: Retransmission = retransmission(1, 0, 4, 0);
/// Decline.
pub const DECLINE: Retransmission = retransmission(1, 0, 4, 0);

/// Longest random delay before the first Solicit, Confirm or Information-request (SOL_MAX_DELAY, CNF_MAX_DELAY,
/// INF_MAX_DELAY, all one second), RFC 8415 §7.6.
pub const MAX_DELAY: Duration = secs(1);
/// What SOL_MAX_RT and INF_MAX_RT may be set to, in seconds, RFC 8415 §21.24 and §21.25.
pub const MAX_RT_RANGE: std::ops::RangeInclusive<u32> = 60..=86400;
/// Information refresh time when the server gives none (IRT_DEFAULT), RFC 8415 §7.6.
pub const REFRESH_DEFAULT: Duration = secs(86400);
/// Shortest information refresh time (IRT_MINIMUM), RFC 8415 §7.6.
pub const REFRESH_MINIMUM: Duration = secs(600);
/// Shortest time between two refreshes that router advertisements caused, RFC 8415 §18.2.12.
pub const RA_REFRESH_INTERVAL: Duration = secs(30);
/// How long mode `auto` waits for a router advertisement before it goes stateless.
pub const RA_WAIT: Duration = secs(10);
/// Most hops of a relayed message (HOP_COUNT_LIMIT), RFC 8415 §7.6.
pub const HOP_COUNT_LIMIT: u8 = 8;
/// Levels of relay messages any parser follows: the hop limit and the first.
pub const RELAY_NESTING: usize = 9;
/// Octets in one UDP payload over IPv6 without jumbograms.
pub const MAX_PAYLOAD: usize = 65_527;
/// Advertise messages kept while soliciting.
pub const MAX_ADVERTISES: usize = 16;
/// Addresses or prefixes kept of one identity association.
pub const MAX_PER_ASSOCIATION: usize = 16;
/// However short a lease, it is not renewed earlier than this after it was given.
pub const MIN_RENEW_TIME: Duration = secs(1);
/// Pause before DHCPv6 begins again after a server refused; doubles up to [`RESTART_DELAY_MAX`].
pub const RESTART_DELAY: Duration = secs(1);
/// Longest pause before DHCPv6 begins again.
pub const RESTART_DELAY_MAX: Duration = secs(1800);
/// Pause after a DHCPv6 Decline.
pub const DECLINE6_WAIT: Duration = secs(10);
/// Declines in a row after which the pause becomes [`DECLINE6_WAIT_LONG`].
pub const DECLINES6: u32 = 10;
/// Pause after a DHCPv6 Decline when there have been many.
pub const DECLINE6_WAIT_LONG: Duration = secs(60);
/// Token bucket of a link over all it sends, RFC 8415 §14.1: burst.
pub const SEND_BURST: u32 = 20;
/// Token bucket of a link over all it sends, RFC 8415 §14.1: time per token.
pub const SEND_INTERVAL: Duration = secs(1);

// RFC 2131 §4.1 and §4.4.
/// First pause of DHCPv4; doubles up to [`MAX_RT4`].
pub const INITIAL_RT4: Duration = secs(4);
/// Longest pause of DHCPv4.
pub const MAX_RT4: Duration = secs(64);
/// Each pause is longer or shorter by up to this.
pub const JITTER4: Duration = secs(1);
/// Transmissions of a REQUEST in REQUESTING and REBOOTING.
pub const REQUEST4_COUNT: u32 = 4;
/// Shortest pause in RENEWING and REBINDING.
pub const RENEW4_MIN_RT: Duration = secs(60);
/// Pause in RENEWING when the lease never ends.
pub const RENEW4_INFINITE_RT: Duration = secs(3600);
/// Pause after a DECLINE, RFC 2131 §3.1.
pub const DECLINE_WAIT: Duration = secs(10);
/// How long OFFERs are collected while a better one could still come.
pub const OFFER_WINDOW: Duration = secs(1);
/// After this long without an OFFER the operator is told, RFC 2131 §3.1; then as in [`SILENCE_AGAIN`].
pub const OFFER_SILENCE: Duration = secs(300);
/// First back-off after a NAK; doubles up to [`NAK_BACKOFF_MAX`].
pub const NAK_BACKOFF: Duration = secs(1);
/// Longest back-off after consecutive NAKs.
pub const NAK_BACKOFF_MAX: Duration = secs(64);
// RFC 5227 §1.1.
/// Longest random delay before the first probe.
pub const PROBE_WAIT: Duration = secs(1);
/// Probes.
pub const PROBE_NUM: u32 = 3;
/// Shortest pause between two probes.
pub const PROBE_MIN: Duration = secs(1);
/// Longest pause between two probes.
pub const PROBE_MAX: Duration = secs(2);
/// Pause between the last probe and the first announcement.
pub const ANNOUNCE_WAIT: Duration = secs(2);
/// Announcements.
pub const ANNOUNCE_NUM: u32 = 2;
/// Pause between two announcements.
pub const ANNOUNCE_INTERVAL: Duration = secs(2);
/// Conflicts before the pause becomes [`RATE_LIMIT_INTERVAL`].
pub const MAX_CONFLICTS: u32 = 10;
/// Pause between two attempts after many conflicts.
pub const RATE_LIMIT_INTERVAL: Duration = secs(60);
/// Shortest time between two defences of an address.
pub const DEFEND_INTERVAL: Duration = secs(10);

/// Option 57 we announce: 1124 octets of DHCPv4 with IPv4 and UDP headers; leaves room for two relays in 1280.
pub const MAX_MESSAGE_SIZE: u16 = 1152;
/// DHCPv4 messages are padded to this, RFC 1542 §2.1.
pub const MIN_MESSAGE4: usize = 300;
/// DHCPv4 messages shorter than this are refused: fixed part and cookie.
pub const MIN_HEADER4: usize = 240;
/// DHCPv4 messages of clients longer than this are not relayed: what fits into one packet on Ethernet.
pub const MAX_MESSAGE4: usize = 1472;
/// Most destinations taken from option 88.
pub const MAX_SERVERS: usize = 8;
/// Most name servers, and most time servers, taken from a lease.
pub const MAX_NAME_SERVERS: usize = 16;
/// Most routes taken from a lease.
pub const MAX_ROUTES: usize = 256;
/// After this much silence the operator is told; then once an hour.
pub const SILENCE: Duration = secs(60);
/// See [`SILENCE`].
pub const SILENCE_AGAIN: Duration = secs(3600);
