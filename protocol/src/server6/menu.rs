//! The options that clients can ask for, written once when the settings are taken up.

use super::settings::Options6;
use crate::settings::{Draft01, Profile};
use crate::wire::v6_option::OptionCode;
use crate::wire::{Writer, domain};
use std::net::Ipv6Addr;

/// Options by code, in ascending order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Menu(Vec<(OptionCode, Vec<u8>)>);

impl Menu {
    /// What the first of `layers` that has an option says about it. The list of 4o6 servers goes by the names that the
    /// wire profiles of `profile` have for it.
    pub(super) fn new(layers: &[&Options6], profile: Profile, draft01: &Draft01) -> Self {
        fn seconds(
            layers: &[&Options6],
            code: OptionCode,
            of: fn(&Options6) -> Option<u32>,
        ) -> Option<(OptionCode, Vec<u8>)> {
            let value = layers.iter().find_map(|layer| of(layer))?;
            Some((code, value.to_be_bytes().to_vec()))
        }
        let dns = layers.iter().map(|layer| &layer.dns).find(|list| !list.is_empty());
        let search = layers.iter().map(|layer| &layer.search).find(|list| !list.is_empty());
        let aftr = layers.iter().find_map(|layer| layer.aftr.as_ref());
        let servers = layers.iter().find_map(|layer| layer.servers_4o6.as_ref());
        let mut options: Vec<(OptionCode, Vec<u8>)> = [
            dns.map(|list| (OptionCode::DNS_SERVERS, addresses(list))),
            search.and_then(|list| Some((OptionCode::DOMAIN_LIST, names(list)?))),
            aftr.and_then(|name| Some((OptionCode::AFTR_NAME, names(std::slice::from_ref(name))?))),
            seconds(layers, OptionCode::INFORMATION_REFRESH_TIME, |options| options.refresh),
            seconds(layers, OptionCode::SOL_MAX_RT, |options| options.sol_max_rt),
            seconds(layers, OptionCode::INF_MAX_RT, |options| options.inf_max_rt),
        ]
        .into_iter()
        .flatten()
        .collect();
        if let Some(servers) = servers {
            let list = addresses(servers);
            if profile != Profile::Rfc7341 {
                options.push((OptionCode(draft01.enable), Vec::new()));
                // Servers is never empty: Enable alone means multicast (draft01 §6.3).
                if !list.is_empty() {
                    options.push((OptionCode(draft01.servers), list.clone()));
                }
            }
            if profile != Profile::Draft01 {
                options.push((OptionCode::DHCP4_O_DHCP6_SERVER, list));
            }
        }
        options.sort_by_key(|(code, _)| *code);
        Self(options)
    }

    /// Appends the options that `asked` names.
    pub(super) fn serve(&self, asked: &[OptionCode], information: bool, w: &mut Writer) {
        for (code, value) in &self.0 {
            // The refresh time is for clients without leases (RFC 8415 §21.23).
            if (information || *code != OptionCode::INFORMATION_REFRESH_TIME) && asked.contains(code) {
                w.option6(*code, |w| {
                    w.bytes(value);
                });
            }
        }
    }
}

/// Each address once (RFC 7341 §12).
fn addresses(list: &[Ipv6Addr]) -> Vec<u8> {
    let mut seen: Vec<Ipv6Addr> = Vec::with_capacity(list.len());
    list.iter().for_each(|address| {
        if !seen.contains(address) {
            seen.push(*address);
        }
    });
    seen.iter().flat_map(Ipv6Addr::octets).collect()
}

/// `None` if one of them is no domain name.
fn names(list: &[String]) -> Option<Vec<u8>> {
    let mut w = Writer::new();
    list.iter().for_each(|name| domain::emit(&mut w, name));
    w.finish().ok()
}
