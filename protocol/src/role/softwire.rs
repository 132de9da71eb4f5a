//! What clients that set up a softwire learn beside their DHCPv4 message (RFC 8539 §8).

use crate::prefix::Prefix6;
use crate::wire::v6::Message;
use crate::wire::v6_option::OptionCode;
use crate::wire::{TooLong, Writer, softwire};
use std::net::Ipv6Addr;

/// What is told to those who ask; nothing by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Softwire {
    /// Border relays, routable and all different: at most [`Softwire::MAX_BORDER_RELAYS`].
    pub br: Vec<Ipv6Addr>,
    /// In which of its prefixes a client chooses the address of its end of the tunnel.
    pub bind_prefix: Option<Prefix6>,
}

/// Which of it a query asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    /// The border relays (option 90).
    pub br: bool,
    /// The prefix to choose an address in (option 137).
    pub bind_prefix: bool,
}

impl Asked {
    /// By the option request option of a DHCPv4-query; an unusable one asks for nothing.
    pub fn by(query: &Message<'_>) -> Self {
        let codes = query.options.codes(OptionCode::ORO).unwrap_or_default();
        Self {
            br: codes.contains(&OptionCode::S46_BR),
            bind_prefix: codes.contains(&OptionCode::S46_BIND_IPV6_PREFIX),
        }
    }
}

impl Softwire {
    /// Most border relays that are told. With them, what is asked for adds at most 181 octets to an answer.
    pub const MAX_BORDER_RELAYS: usize = 8;

    /// The options that answer what was asked for, as far as there is something to tell: one S46_BR for each border
    /// relay in order, and S46_BIND_IPV6_PREFIX. Mostly empty.
    ///
    /// # Errors
    /// When there are more border relays than a datagram holds.
    pub fn options(&self, asked: Asked) -> Result<Vec<u8>, TooLong> {
        let mut w = Writer::new();
        if asked.br {
            for relay in &self.br {
                w.option6(OptionCode::S46_BR, |w| _ = w.ipv6(*relay));
            }
        }
        if let Some(prefix) = self.bind_prefix.filter(|_| asked.bind_prefix) {
            w.option6(OptionCode::S46_BIND_IPV6_PREFIX, |w| softwire::emit_bind_prefix(w, prefix));
        }
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;

    fn told() -> Softwire {
        Softwire {
            br: vec!["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()],
            bind_prefix: Some("2001:db8:1::/56".parse().unwrap()),
        }
    }

    fn asked(options: &[u8]) -> (bool, bool) {
        let octets = [&[20, 0, 0, 0][..], options].concat();
        let Asked { br, bind_prefix } = Asked::by(&Message::parse(&octets).unwrap());
        (br, bind_prefix)
    }

    const RELAYS: &str = "005a001020010db8000000000000000000000001005a001020010db8000000000000000000000002";
    const PREFIX: &str = "008900083820010db8000100";

    #[test]
    fn only_an_option_request_that_names_the_options_asks_for_them_s46_46() {
        assert_eq!(asked(&[0, 6, 0, 4, 0, 90, 0, 137]), (true, true));
        assert_eq!(asked(&[0, 6, 0, 6, 0, 88, 0, 23, 0, 137]), (false, true));
        assert_eq!(asked(&[0, 6, 0, 2, 0, 90]), (true, false));
        assert_eq!(asked(&[0, 6, 0, 4, 0, 88, 0, 89]), (false, false));
        // Absent, empty, of an odd length; and codes that only look so across two.
        assert_eq!(asked(&[]), (false, false));
        assert_eq!(asked(&[0, 6, 0, 0]), (false, false));
        assert_eq!(asked(&[0, 6, 0, 3, 0, 90, 0]), (false, false));
        assert_eq!(asked(&[0, 6, 0, 4, 1, 0, 90, 0]), (false, false));
        // The options themselves ask for nothing.
        assert_eq!(asked(&[0, 90, 0, 0, 0, 137, 0, 0]), (false, false));
    }

    #[test]
    fn what_is_asked_for_is_told_if_there_is_something_to_tell_s46_46() {
        let options = |of: &Softwire, br, bind_prefix| hex(&of.options(Asked { br, bind_prefix }).unwrap());
        assert_eq!(options(&told(), true, true), format!("{RELAYS}{PREFIX}"));
        assert_eq!(options(&told(), true, false), RELAYS);
        assert_eq!(options(&told(), false, true), PREFIX);
        assert_eq!(options(&told(), false, false), "");
        assert_eq!(options(&Softwire::default(), true, true), "");
    }

    #[test]
    fn the_most_that_is_told_has_181_octets_sec_07() {
        let relays = (1..=8).map(|host| Ipv6Addr::from_bits(0x2001 << 112 | host)).collect();
        let most = Softwire { br: relays, bind_prefix: Some("2001:db8::1/128".parse().unwrap()) };
        assert_eq!(most.options(Asked { br: true, bind_prefix: true }).unwrap().len(), 181);
    }

    #[test]
    fn a_bind_prefix_reads_back_from_as_few_octets_as_its_length_needs() {
        for (text, octets) in
            [("::/0", 1), ("2001:db8::/33", 6), ("2001:db8:1::/48", 7), ("2001:db8::1/128", 17)]
        {
            let prefix: Prefix6 = text.parse().unwrap();
            let told = Softwire { br: Vec::new(), bind_prefix: Some(prefix) };
            let options = told.options(Asked { br: true, bind_prefix: true }).unwrap();
            let read = softwire::bind_prefix(&options[4..]).unwrap();
            assert_eq!(options.len(), 4 + octets, "{text}");
            assert_eq!((read.prefix, read.len), (prefix.address(), prefix.length()), "{text}");
        }
    }
}
