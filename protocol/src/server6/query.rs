//! What a client's message asks for, and whether it may (RFC 8415 §16).

use super::slot::{Kind, delegation};
use crate::binding::Slot6;
use crate::ids::Duid;
use crate::params::MAX_PER_ASSOCIATION;
use crate::prefix::Prefix6;
use crate::refused::Refused;
use crate::wire::v6::{Message, MessageType};
use crate::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode};

/// Most identity associations of one message. More are left unanswered.
const MAX_ASSOCIATIONS: usize = 16;

/// What kind of message it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Asks {
    Solicit,
    Request,
    Confirm,
    Renew,
    Rebind,
    Release,
    Decline,
    Information,
}

/// A message that is for this server and has the identifiers it must have.
pub(super) struct Query<'a> {
    pub(super) asks: Asks,
    pub(super) message: &'a Message<'a>,
    /// Only an Information-request may have none.
    pub(super) client: Option<Duid>,
}

/// An identity association as a client sends it.
pub(super) struct Association {
    pub(super) kind: Kind,
    pub(super) iaid: u32,
    /// What the client has, or wishes to have, without what is unspecified.
    pub(super) listed: Vec<Slot6>,
    /// Length of the prefix it would like.
    pub(super) len: Option<u8>,
}

impl<'a> Query<'a> {
    /// Takes up a message sent to the server that is `server`.
    ///
    /// # Errors
    /// When no answer may be given.
    pub(super) fn read(message: &'a Message<'a>, server: &Duid) -> Result<Self, Refused> {
        let asks = match message.kind {
            MessageType::SOLICIT => Asks::Solicit,
            MessageType::REQUEST => Asks::Request,
            MessageType::CONFIRM => Asks::Confirm,
            MessageType::RENEW => Asks::Renew,
            MessageType::REBIND => Asks::Rebind,
            MessageType::RELEASE => Asks::Release,
            MessageType::DECLINE => Asks::Decline,
            MessageType::INFORMATION_REQUEST => Asks::Information,
            MessageType::ADVERTISE
            | MessageType::REPLY
            | MessageType::RECONFIGURE
            | MessageType::RELAY_REPL
            | MessageType::DHCPV4_RESPONSE => return Err(Refused::WrongDirection),
            _ => return Err(Refused::UnknownType),
        };
        let named = message.options.first(OptionCode::SERVERID);
        match asks {
            Asks::Solicit | Asks::Confirm | Asks::Rebind if named.is_some() => {
                return Err(Refused::BadQuery6);
            }
            Asks::Request | Asks::Renew | Asks::Release | Asks::Decline if named.is_none() => {
                return Err(Refused::BadQuery6);
            }
            _ if named.is_some_and(|named| named != server.as_bytes()) => return Err(Refused::OtherServer),
            _ => {}
        }
        let identified = message.options.first(OptionCode::CLIENTID).is_some();
        let client = message.options.duid(OptionCode::CLIENTID);
        if asks == Asks::Information {
            let associations = [OptionCode::IA_NA, OptionCode::IA_TA, OptionCode::IA_PD];
            if associations.iter().any(|code| message.options.first(*code).is_some()) {
                return Err(Refused::BadQuery6);
            }
        }
        if client.is_none() && (identified || asks != Asks::Information) {
            return Err(Refused::BadQuery6);
        }
        Ok(Self { asks, message, client })
    }

    /// The IA_NA and IA_PD of the message, in order. One that is unusable, or has the number of one before it, is left
    /// out, and IA_TA always (RFC 9915 §21.5).
    pub(super) fn associations(&self) -> Vec<Association> {
        let mut all: Vec<Association> = Vec::new();
        for (code, value) in self.message.options.iter() {
            let kind = match code {
                OptionCode::IA_NA => Kind::Address,
                OptionCode::IA_PD => Kind::Prefix,
                _ => continue,
            };
            let Some(ia) = Ia::parse(value) else { continue };
            let again = all.iter().any(|before| before.kind == kind && before.iaid == ia.iaid.0);
            if !again && all.len() < MAX_ASSOCIATIONS {
                all.push(association(kind, &ia));
            }
        }
        all
    }

    /// The options it asks for.
    pub(super) fn asked(&self) -> Vec<OptionCode> {
        self.message.options.codes(OptionCode::ORO).unwrap_or_default()
    }

    /// It would take a Reply at once.
    pub(super) fn rapid(&self) -> bool {
        self.message.options.first(OptionCode::RAPID_COMMIT).is_some()
    }
}

fn association(kind: Kind, ia: &Ia<'_>) -> Association {
    let mut association = Association { kind, iaid: ia.iaid.0, listed: Vec::new(), len: None };
    match kind {
        Kind::Address => {
            let addresses = ia.options.all(OptionCode::IAADDR).filter_map(IaAddress::parse);
            for address in addresses.take(MAX_PER_ASSOCIATION).map(|address| address.address) {
                if !address.is_unspecified() {
                    association.listed.push(Slot6::Address(address));
                }
            }
        }
        Kind::Prefix => {
            let prefixes = ia.options.all(OptionCode::IAPREFIX).filter_map(IaPrefix::parse);
            for prefix in prefixes.take(MAX_PER_ASSOCIATION).filter(|prefix| prefix.prefix_len <= 128) {
                if prefix.prefix_len == 0 {
                    continue;
                }
                association.len = association.len.or(Some(prefix.prefix_len));
                if !prefix.prefix.is_unspecified() {
                    association.listed.push(delegation(Prefix6::of(prefix.prefix, prefix.prefix_len)));
                }
            }
        }
    }
    association
}
