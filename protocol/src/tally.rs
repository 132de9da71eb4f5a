//! What the provider's roles did: a counter for each kind of message and each way a REQUEST was understood. What they
//! did not do is counted in [`crate::refused`].

macro_rules! tallies {
    ($($variant:ident $name:literal $what:literal;)+) => {
        /// Something that was done.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Done {
            $(#[doc = $what] $variant,)+
        }

        impl Done {
            /// Every counter, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The counter's stable name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

tallies! {
    Query "query" "DHCPv4-queries taken up.";
    OverIpv6 "over-ipv6" "DHCPv4 messages taken up by port 67 of IPv6.";
    OverIpv4 "over-ipv4" "DHCPv4 messages taken up by port 67 of IPv4.";
    Relayed "relayed" "Of the messages taken up, those that came through relay agents.";
    Discover "discover" "DISCOVERs.";
    Offer "offer" "OFFERs.";
    Selecting "request-selecting" "REQUESTs that choose an OFFER.";
    InitReboot "request-init-reboot" "REQUESTs to confirm a remembered lease.";
    Renewing "request-renewing" "REQUESTs to the server that gave the lease.";
    Rebinding "request-rebinding" "REQUESTs to any server.";
    Ack "ack" "ACKs.";
    Nak "nak" "NAKs.";
    RapidCommit "rapid-commit" "DISCOVERs answered by an ACK at once.";
    Decline "decline" "DECLINEs.";
    Release "release" "RELEASEs.";
    Inform "inform" "INFORMs.";
    Bootp "bootp" "BOOTP requests answered.";
    OptionsDropped "options-dropped" "Replies that had to leave options out for want of room.";
    Solicit "solicit" "DHCPv6 Solicits.";
    Advertise "advertise" "DHCPv6 Advertises.";
    Request6 "request6" "DHCPv6 Requests.";
    Confirm6 "confirm6" "DHCPv6 Confirms.";
    Renew6 "renew6" "DHCPv6 Renews.";
    Rebind6 "rebind6" "DHCPv6 Rebinds.";
    Release6 "release6" "DHCPv6 Releases.";
    Decline6 "decline6" "DHCPv6 Declines.";
    Information6 "information6" "DHCPv6 Information-requests.";
    Reply6 "reply6" "DHCPv6 Replies.";
    Upstream "upstream" "Messages handed to another server.";
    Downstream "downstream" "Answers of another server handed back.";
}

/// How often each was done. Monotonic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally([u64; Done::ALL.len()]);

impl Default for Tally {
    fn default() -> Self {
        Self([0; Done::ALL.len()])
    }
}

impl Tally {
    /// One more.
    pub fn count(&mut self, done: Done) {
        if let Some(counter) = self.0.get_mut(done as usize) {
            *counter = counter.saturating_add(1);
        }
    }

    /// How often.
    pub fn of(&self, done: Done) -> u64 {
        self.0.get(done as usize).copied().unwrap_or(0)
    }

    /// Name and value of every counter.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Done::ALL.iter().map(|done| (done.name(), self.of(*done)))
    }
}
