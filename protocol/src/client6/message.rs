//! What our messages hold (RFC 8415 §18.2.1 to §18.2.8).

use super::context::Context;
use crate::exchange::Exchange;
use crate::ids::Duid;
use crate::lease::Lease6;
use crate::settings::Dhcp6Settings;
use crate::time::Instant;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::OptionCode;
use crate::wire::{TooLong, Writer};
use std::net::Ipv6Addr;

/// Most codes of an Option Request option that come from the configuration.
const MAX_REQUESTED: usize = 64;

/// Codes that an Option Request option never lists: options that are no configuration, or only come inside others.
/// 32, 82 and 83 are placed by message type and not here.
const NEVER_REQUESTED: [u16; 28] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25, 26, 37, 53, 79, 87, 89, 90, 91, 92, 93, 135];
const PLACED_BY_TYPE: [u16; 4] = [32, 82, 83, 137];

/// IA_NA and IA_PD of a message: the addresses and prefixes in them, or `None` to leave one out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Associations {
    pub(super) addresses: Option<Vec<Ipv6Addr>>,
    pub(super) prefixes: Option<Vec<(Ipv6Addr, u8)>>,
}

impl Associations {
    /// Everything that is held, and nothing else: Confirm, Release.
    pub(super) fn held(lease: &Lease6) -> Self {
        let addresses: Vec<_> = lease.addresses.iter().map(|a| a.address).collect();
        let prefixes: Vec<_> = lease.prefixes.iter().map(|p| (p.prefix, p.prefix_len)).collect();
        Self {
            addresses: (!addresses.is_empty()).then_some(addresses),
            prefixes: (!prefixes.is_empty()).then_some(prefixes),
        }
    }

    /// As [`Associations::held`], with an empty association of each wanted kind that nothing is held of, to ask for it
    /// again: Renew, Rebind (RFC 8415 §18.2.4).
    pub(super) fn wanted(self, settings: &Dhcp6Settings) -> Self {
        Self {
            addresses: self.addresses.or_else(|| settings.address.then(Vec::new)),
            prefixes: self.prefixes.or_else(|| settings.prefix.then(Vec::new)),
        }
    }
}

/// The octets of the transmission of `exchange` that is due now.
///
/// # Errors
/// When it does not fit its length fields. The lists in it are capped, so it does.
pub(super) fn write(
    cx: &Context,
    exchange: &Exchange,
    now: Instant,
    server: Option<&Duid>,
    associations: &Associations,
) -> Result<Vec<u8>, TooLong> {
    let mut w = Writer::new();
    w.u8(exchange.kind().0).bytes(&exchange.xid().0);
    w.option6(OptionCode::CLIENTID, |w| {
        w.bytes(cx.duid.as_bytes());
    });
    if let Some(server) = server {
        w.option6(OptionCode::SERVERID, |w| {
            w.bytes(server.as_bytes());
        });
    }
    w.option6(OptionCode::ELAPSED_TIME, |w| {
        w.u16(exchange.elapsed(now));
    });
    let requested = requested(cx, exchange.kind());
    if !requested.is_empty() {
        w.option6(OptionCode::ORO, |w| {
            for code in requested {
                w.u16(code);
            }
        });
    }
    if exchange.kind() == MessageType::SOLICIT && cx.settings.rapid_commit {
        w.option6(OptionCode::RAPID_COMMIT, |_| {});
    }
    if let Some(addresses) = &associations.addresses {
        w.option6(OptionCode::IA_NA, |w| {
            w.u32(cx.iaid.0).u32(0).u32(0);
            for address in addresses {
                w.option6(OptionCode::IAADDR, |w| {
                    w.ipv6(*address).u32(0).u32(0);
                });
            }
        });
    }
    if let Some(prefixes) = &associations.prefixes {
        w.option6(OptionCode::IA_PD, |w| {
            w.u32(cx.iaid.0).u32(0).u32(0);
            for (prefix, prefix_len) in prefixes {
                w.option6(OptionCode::IAPREFIX, |w| {
                    w.u32(0).u32(0).u8(*prefix_len).ipv6(*prefix);
                });
            }
        });
    }
    w.finish()
}

/// The codes that a message of this type asks for (RFC 8415 §18.2, §21.7). Confirm, Release and Decline ask for none.
fn requested(cx: &Context, kind: MessageType) -> Vec<u16> {
    let placed = match kind {
        MessageType::SOLICIT | MessageType::REQUEST | MessageType::RENEW | MessageType::REBIND => {
            &[OptionCode::SOL_MAX_RT][..]
        }
        MessageType::INFORMATION_REQUEST => &[OptionCode::INF_MAX_RT, OptionCode::INFORMATION_REFRESH_TIME],
        _ => return Vec::new(),
    };
    let mut codes: Vec<u16> = placed.iter().map(|code| code.0).collect();
    let always = [OptionCode::DNS_SERVERS.0, OptionCode::DOMAIN_LIST.0];
    let configured = cx.settings.request_options.iter().take(MAX_REQUESTED);
    for code in cx.permit_options.iter().chain(&always).chain(configured) {
        if !codes.contains(code) && !NEVER_REQUESTED.contains(code) && !PLACED_BY_TYPE.contains(code) {
            codes.push(*code);
        }
    }
    codes
}
