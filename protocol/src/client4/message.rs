//! What each message says (RFC 2131 table 5, RFC 4361 §6.1).

use crate::ids::{ClientId, HardwareAddress, Xid4};
use crate::params::MAX_MESSAGE_SIZE;
use crate::settings::Dhcp4Settings;
use crate::wire::v4::{BOOTREQUEST, Message, MessageType, Outgoing, code};
use std::net::Ipv4Addr;

/// `htype` of a link without a link-layer address a DHCPv4 message could hold.
const SERIAL_LINE: u8 = 20;

/// Who we are, the same in every message of a lease's life.
#[derive(Debug)]
pub(super) struct Identity {
    /// Option 61.
    pub(super) client_id: ClientId,
    htype: u8,
    /// `chaddr`, 0 to 16 octets.
    hardware: Vec<u8>,
}

impl Identity {
    pub(super) fn new(client_id: ClientId, hardware: HardwareAddress) -> Self {
        let fits = (1..=16).contains(&hardware.octets.len());
        match u8::try_from(hardware.kind) {
            Ok(htype) if fits => Self { client_id, htype, hardware: hardware.octets },
            _ => Self { client_id, htype: SERIAL_LINE, hardware: Vec::new() },
        }
    }

    /// True if the message returns our hardware address.
    pub(super) fn is_hardware_of(&self, message: &Message<'_>) -> bool {
        usize::from(message.hlen) == self.hardware.len() && message.hardware() == self.hardware
    }
}

/// A message to a server, without what all messages have in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Query {
    /// Anything for me? `wanted` is the address we had before.
    Discover { wanted: Option<Ipv4Addr> },
    /// I take this OFFER.
    Select { address: Ipv4Addr, server_id: Ipv4Addr },
    /// INIT-REBOOT: is this still mine, here?
    Reboot { address: Ipv4Addr },
    /// More time, from the server that gave it.
    Renew { address: Ipv4Addr },
    /// More time, from anyone.
    Rebind { address: Ipv4Addr },
    /// Somebody else uses it.
    Decline { address: Ipv4Addr, server_id: Ipv4Addr },
    /// I need it no more.
    Release { address: Ipv4Addr, server_id: Ipv4Addr },
}

impl Query {
    /// Option 53.
    pub(super) const fn kind(self) -> MessageType {
        match self {
            Self::Discover { .. } => MessageType::DISCOVER,
            Self::Select { .. } | Self::Reboot { .. } | Self::Renew { .. } | Self::Rebind { .. } => {
                MessageType::REQUEST
            }
            Self::Decline { .. } => MessageType::DECLINE,
            Self::Release { .. } => MessageType::RELEASE,
        }
    }

    /// What it is, in the RFC's word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Discover { .. } => "DISCOVER",
            Self::Select { .. } | Self::Reboot { .. } | Self::Renew { .. } | Self::Rebind { .. } => "REQUEST",
            Self::Decline { .. } => "DECLINE",
            Self::Release { .. } => "RELEASE",
        }
    }

    /// RFC 2131 would send it to the server's own address (§4.4.4).
    pub(super) const fn is_unicast(self) -> bool {
        matches!(self, Self::Renew { .. } | Self::Release { .. })
    }

    /// `ciaddr`, option 50 and option 54.
    const fn addresses(self) -> (Ipv4Addr, Option<Ipv4Addr>, Option<Ipv4Addr>) {
        const NONE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
        match self {
            Self::Discover { wanted } => (NONE, wanted, None),
            Self::Reboot { address } => (NONE, Some(address), None),
            Self::Select { address, server_id } | Self::Decline { address, server_id } => {
                (NONE, Some(address), Some(server_id))
            }
            Self::Renew { address } | Self::Rebind { address } => (address, None, None),
            Self::Release { address, server_id } => (address, None, Some(server_id)),
        }
    }

    /// The whole message. `giaddr` and the broadcast flag stay zero: delivery does not depend on them.
    pub(super) fn message(
        self,
        identity: &Identity,
        settings: &Dhcp4Settings,
        xid: Xid4,
        secs: u16,
    ) -> Outgoing {
        let (ciaddr, requested, server_id) = self.addresses();
        let mut options = vec![
            (code::MESSAGE_TYPE, vec![self.kind().0]),
            (code::CLIENT_ID, identity.client_id.as_bytes().to_vec()),
        ];
        if let Some(address) = requested {
            options.push((code::REQUESTED_ADDRESS, address.octets().to_vec()));
        }
        if let Some(address) = server_id {
            options.push((code::SERVER_ID, address.octets().to_vec()));
        }
        if matches!(self.kind(), MessageType::DISCOVER | MessageType::REQUEST) {
            self.ask(settings, &mut options);
        }
        Outgoing {
            op: BOOTREQUEST,
            htype: identity.htype,
            hardware: identity.hardware.clone(),
            xid,
            secs,
            flags: 0,
            ciaddr,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        }
    }

    /// What only DISCOVER and REQUEST carry.
    fn ask(self, settings: &Dhcp4Settings, options: &mut Vec<(u8, Vec<u8>)>) {
        options.push((code::MAX_MESSAGE_SIZE, MAX_MESSAGE_SIZE.to_be_bytes().to_vec()));
        if !settings.request_options.is_empty() {
            options.push((code::PARAMETER_REQUEST, settings.request_options.clone()));
        }
        let texts = [(code::HOST_NAME, &settings.host_name), (code::VENDOR_CLASS, &settings.vendor_class)];
        for (code, text) in texts {
            if let Some(text) = text.as_deref().filter(|text| !text.is_empty()) {
                options.push((code, text.as_bytes().to_vec()));
            }
        }
        if settings.rapid_commit && self.kind() == MessageType::DISCOVER {
            options.push((code::RAPID_COMMIT, Vec::new()));
        }
    }
}
