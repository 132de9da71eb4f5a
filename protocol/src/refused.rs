//! Why a datagram, or a part of one, was not used. Each reason is a counter with a stable name.

use std::fmt;

macro_rules! refusals {
    ($($variant:ident $name:literal $why:literal;)+) => {
        /// A reason to ignore a datagram or a part of it. Not an error: counted, logged at debug, asserted in tests.
        ///
        /// `Display` is the counter's stable name, [`Refused::why`] a sentence for people.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Refused {
            $(#[doc = $why] $variant,)+
        }

        impl Refused {
            /// Every reason, in the order of the counters.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The counter's stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// One sentence for people.
            pub const fn why(self) -> &'static str {
                match self { $(Self::$variant => $why),+ }
            }
        }
    };
}

refusals! {
    Malformed6 "malformed6" "The DHCPv6 message is too short, or an option runs past its container.";
    MalformedRelay "malformed-relay" "The relay message is too short, too deep, or has not exactly one relayed message.";
    Malformed4 "malformed4" "The DHCPv4 message is too short, or its cookie, op, hlen, an option or the message type is wrong.";
    HopLimit "hop-limit" "The relay message has passed too many relay agents.";
    BadReply6 "bad-reply6" "The Advertise or Reply has no or two server identifiers, or a wrong client identifier or transaction id.";
    BadQuery6 "bad-query6" "The client's message lacks an identifier or option that it must have, or has one it must not have.";
    UnexpectedState "unexpected-state" "The message is well formed, but nothing waits for its type now.";
    BadOption88 "bad-opt88" "The list of 4o6 servers has a wrong length or no usable entry.";
    Option88Truncated "opt88-truncated" "The list of 4o6 servers is longer than what is used of it.";
    BadEnable "bad-enable" "The draft01 Enable option is not empty.";
    BadAftr "bad-aftr" "The AFTR name is not one plain domain name.";
    DuplicateOption "dup-option" "An option that may stand once stands twice; the first is used.";
    BadOption "bad-option" "An option has a wrong length or value and is left out.";
    BadIa "bad-ia" "An identity association, or an address or prefix in it, is unusable and is left out.";
    NoDhcpv4Message "no-dhcpv4-msg" "The DHCPv4-response holds no DHCPv4 message.";
    DuplicateDhcpv4Message "dup-dhcpv4-msg" "The DHCPv4-response holds more than one DHCPv4 message.";
    NoPermit "no-permit" "A DHCPv4-response came while DHCPv4 over DHCPv6 is not enabled on this link.";
    WrongLink "wrong-link" "The datagram belongs to another link.";
    MulticastDestination "mcast-dst" "A datagram was sent to a multicast address where only unicast is taken.";
    WrongDirection "wrong-direction" "A message of this type goes the other way.";
    WrongDestination "wrong-dst" "The message was sent to an address where its type is not taken.";
    UnknownType "unknown-type" "The DHCPv6 message type is unknown here.";
    Reconfigure "reconfigure" "A Reconfigure message was not negotiated or is not authenticated.";
    SourceRefused "source-refused" "The sender is not one that messages of this type are taken from.";
    XidMismatch "xid-mismatch" "No pending exchange has this transaction id.";
    ClientIdMismatch "client-id-mismatch" "The DHCPv4 client identifier is not ours.";
    NoClientIdEcho "no-client-id-echo" "The server did not return our client identifier, and it is needed here.";
    BadOffer "bad-offer" "The OFFER lacks a usable address, lease time or server identifier.";
    BadAck "bad-ack" "The ACK lacks a usable address, lease time or server identifier, or comes from another server.";
    BadNak "bad-nak" "The NAK has no server identifier or the wrong one.";
    YiaddrChanged "yiaddr-changed" "The ACK to a renewal names another address than the one renewed.";
    Unrequested159 "unrequested-159" "A shared address was given that was not asked for.";
    GiaddrNonzero "giaddr-nonzero" "A relay agent address is set where it must not be.";
    Option82FromClient "opt82-from-client" "A client's message already has relay agent information.";
    Option82InReply "opt82-in-reply" "A reply still has relay agent information.";
    OpUnsupported "op-unsupported" "The BOOTP op code is not handled here.";
    HopsLimit "hops-limit" "The BOOTP hops field is above the limit.";
    NoCra6addr "no-cra6addr" "The reply does not name the client relay agent.";
    BadCra6addr "bad-cra6addr" "The reply names the client relay agent twice or wrongly.";
    UnknownServer "unknown-server" "The reply is not from a configured server.";
    ForeignGiaddr "foreign-giaddr" "The relay agent address is not ours.";
    NoRoom "no-room" "What has to be added does not fit.";
    NoWayBack "no-way-back" "The server did not return what was sent along to find the client.";
    Unsolicited "unsolicited" "Nobody asked for this reply.";
    RateLimited "rate-limited" "More was to be sent than the limit allows.";
    NoSubnet "no-subnet" "No subnet serves this client.";
    PoolEmpty "pool-empty" "The pool has no free address.";
    OtherServer "other-server" "The message is for another server.";
    UnknownClient "unknown-client" "Nothing is known of this client, and another server may know it.";
    NotOwner "not-owner" "The sender does not have the lease it speaks of.";
    LeaseLimit "lease-limit" "The client, or the place it is at, has as many leases as it may have.";
    NoStorage "no-storage" "A new lease cannot be stored, so none is given.";
    Unsupported4 "unsupported4" "DHCPv4 messages of this type are not answered here.";
    UnknownInterface "unknown-interface" "The reply names no interface that is served.";
    BadPeer "bad-peer" "The reply is for an address that no client or relay agent can have.";
    UntrustedRelay "untrusted-relay" "A relayed message came from where only clients are expected.";
    NotReady "not-ready" "There is no address to send from yet, or nobody to send to.";
    MalformedFrame "malformed-frame" "The frame, or the IPv4 or UDP header in it, is wrong, or it is a part of a packet.";
    Overload "overload" "There was more to do than could be done.";
    SendError "send-error" "The kernel refused to send a datagram.";
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How often each reason came up. Monotonic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counters([u64; Refused::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; Refused::ALL.len()])
    }
}

impl Counters {
    /// One more of `reason`.
    pub fn count(&mut self, reason: Refused) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter = counter.saturating_add(1);
        }
    }

    /// How often `reason` came up.
    pub fn of(&self, reason: Refused) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Name and value of every counter.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refused::ALL.iter().map(|reason| (reason.name(), self.of(*reason)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counter_names_are_unique_and_kebab_case() {
        let names: std::collections::BTreeSet<_> = Refused::ALL.iter().map(|reason| reason.name()).collect();
        assert_eq!(names.len(), Refused::ALL.len());
        assert!(
            names
                .iter()
                .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        );
    }

    #[test]
    fn each_refusal_has_a_counter_of_its_own_gen_20() {
        let mut counters = Counters::default();
        for reason in Refused::ALL {
            counters.count(*reason);
        }
        assert!(counters.iter().all(|(_, count)| count == 1));
    }
}
