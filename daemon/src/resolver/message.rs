//! One question for IPv6 addresses, as a DNS message, and what an answer to it says.

use dhcp4o6_protocol::params;
use dhcp4o6_protocol::settings::is_routable;
use domain::base::iana::{Class, OptRcode, Rtype};
use domain::base::message_builder::OptBuilder;
use domain::base::name::{Name, ParsedName};
use domain::base::wire::ParseError;
use domain::base::{Message, MessageBuilder, Question, Ttl};
use domain::rdata::{Aaaa, Cname, Soa};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Octets of a UDP answer that need no fragments anywhere (RFC 9715).
const UDP_SIZE: u16 = 1232;
/// Links of a chain of aliases that are followed.
const LONGEST_CHAIN: usize = 16;
/// Answers hold at least and at most so long.
const SHORTEST_HOLD: Duration = Duration::from_secs(30);
const LONGEST_HOLD: Duration = Duration::from_secs(24 * 60 * 60);
/// That there are no addresses holds at most so long (RFC 2308 §5 recommends one to three hours).
const LONGEST_NOTHING: Duration = Duration::from_secs(60 * 60);

/// What a resolver knows: the addresses that can be used, none if the name has none.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// In the answer's order, without repetition, at most eight.
    pub addresses: Vec<Ipv6Addr>,
    /// How long that holds: 30 s to one day.
    pub hold: Duration,
}

/// What a received message is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// No answer to this question: another may yet come.
    NotOurs,
    /// Cut off: TCP has all of it.
    Truncated,
    /// The resolver does not understand EDNS.
    WithoutEdns,
    /// It answers, but does not know.
    Useless,
    /// It knows.
    Found(Found),
}

/// A question on its way.
pub struct Query {
    id: u16,
    name: Name<Vec<u8>>,
    /// It offers EDNS.
    edns: bool,
    octets: Vec<u8>,
}

impl Query {
    /// Asks for the IPv6 addresses of `name`; `None` when that cannot be a domain name. `id` is to be of chance.
    pub fn new(name: &str, id: u16, edns: bool) -> Option<Self> {
        let name: Name<Vec<u8>> = name.parse().ok()?;
        let mut message = MessageBuilder::new_vec();
        message.header_mut().set_id(id);
        message.header_mut().set_rd(true);
        let mut message = message.question();
        message.push((&name, Rtype::AAAA, Class::IN)).ok()?;
        let mut message = message.additional();
        if edns {
            let size = |opt: &mut OptBuilder<'_, _>| {
                opt.set_udp_payload_size(UDP_SIZE);
                Ok(())
            };
            message.opt(size).ok()?;
        }
        Some(Self { id, name, edns, octets: message.finish() })
    }

    /// The message.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// What a message from the resolver that was asked is. Whatever it is, it is never followed elsewhere.
    pub fn judge(&self, octets: &[u8]) -> Verdict {
        let Ok(message) = Message::from_octets(octets) else { return Verdict::NotOurs };
        let header = message.header();
        if !header.qr() || header.id() != self.id {
            return Verdict::NotOurs;
        }
        let code = message.opt_rcode();
        let baffled = [OptRcode::FORMERR, OptRcode::NOTIMP, OptRcode::BADVERS].contains(&code);
        // Who does not understand may not even return the question.
        if baffled && self.edns && (message.header_counts().qdcount() == 0 || self.is_asked(&message)) {
            return Verdict::WithoutEdns;
        }
        if !self.is_asked(&message) {
            return Verdict::NotOurs;
        }
        if header.tc() {
            return Verdict::Truncated;
        }
        if ![OptRcode::NOERROR, OptRcode::NXDOMAIN].contains(&code) {
            return Verdict::Useless;
        }
        match self.read(&message) {
            // A server that refers to others: it would have to be asked for more than it does.
            Ok((found, false)) if found.addresses.is_empty() && !header.ra() && !header.aa() => {
                Verdict::Useless
            }
            Ok((found, _)) => Verdict::Found(found),
            Err(_) => Verdict::Useless,
        }
    }

    fn is_asked(&self, message: &Message<&[u8]>) -> bool {
        let asked: Result<Question<ParsedName<&[u8]>>, _> = message.sole_question();
        asked.is_ok_and(|asked| {
            *asked.qname() == self.name && asked.qtype() == Rtype::AAAA && asked.qclass() == Class::IN
        })
    }

    /// What the answer says, and whether a zone speaks for there being nothing.
    fn read(&self, message: &Message<&[u8]>) -> Result<(Found, bool), ParseError> {
        let asked: Question<ParsedName<&[u8]>> = message.sole_question()?;
        let mut name = *asked.qname();
        let mut hold = LONGEST_HOLD;
        let aliases = message.answer()?.limit_to_in::<Cname<ParsedName<&[u8]>>>();
        for link in 0.. {
            let next = aliases.clone().flatten().find(|alias| *alias.owner() == name);
            let Some(alias) = next else { break };
            if link == LONGEST_CHAIN {
                return Err(ParseError::form_error("a chain of aliases without an end"));
            }
            hold = hold.min(duration(alias.ttl()));
            name = *alias.data().cname();
        }
        let mut addresses = Vec::new();
        for record in message.answer()?.limit_to_in::<Aaaa>() {
            let record = record?;
            let address = record.data().addr();
            if *record.owner() != name || !is_routable(address) || addresses.contains(&address) {
                continue;
            }
            hold = hold.min(duration(record.ttl()));
            if addresses.len() < params::MAX_SERVERS {
                addresses.push(address);
            }
        }
        let mut spoken_for = false;
        if addresses.is_empty() {
            let zones = message.authority()?.limit_to_in::<Soa<ParsedName<&[u8]>>>();
            let zone =
                zones.flatten().map(|zone| duration(zone.ttl()).min(duration(zone.data().minimum()))).next();
            spoken_for = zone.is_some();
            hold = hold.min(zone.unwrap_or(SHORTEST_HOLD)).min(LONGEST_NOTHING);
        }
        Ok((Found { addresses, hold: hold.max(SHORTEST_HOLD) }, spoken_for))
    }
}

/// A number with the highest bit set counts as zero (RFC 2181 §8).
fn duration(ttl: Ttl) -> Duration {
    let seconds = ttl.as_secs();
    Duration::from_secs(if seconds > i32::MAX.unsigned_abs() { 0 } else { seconds.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::iana::Rcode;
    use domain::base::message_builder::AnswerBuilder;
    use proptest::prelude::*;

    const ID: u16 = 0x5a17;

    fn name(text: &str) -> Name<Vec<u8>> {
        text.parse().unwrap()
    }

    fn address(last: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, last)
    }

    fn query() -> Query {
        Query::new("aftr.example.net", ID, true).unwrap()
    }

    /// An answer of a recursive resolver.
    fn answer(query: &Query, code: Rcode, fill: impl FnOnce(&mut AnswerBuilder<Vec<u8>>)) -> Vec<u8> {
        let question = Message::from_octets(query.octets()).unwrap();
        let mut answer = MessageBuilder::new_vec().start_answer(&question, code).unwrap();
        answer.header_mut().set_ra(true);
        fill(&mut answer);
        answer.finish()
    }

    fn aaaa(answer: &mut AnswerBuilder<Vec<u8>>, owner: &str, ttl: u32, address: Ipv6Addr) {
        answer.push((name(owner), Ttl::from_secs(ttl), Aaaa::new(address))).unwrap();
    }

    fn cname(answer: &mut AnswerBuilder<Vec<u8>>, owner: &str, ttl: u32, target: &str) {
        answer.push((name(owner), Ttl::from_secs(ttl), Cname::new(name(target)))).unwrap();
    }

    fn found(addresses: &[Ipv6Addr], seconds: u64) -> Verdict {
        Verdict::Found(Found { addresses: addresses.to_vec(), hold: Duration::from_secs(seconds) })
    }

    #[test]
    fn a_question_is_one_with_recursion_and_edns() {
        let expected = b"\x5a\x17\x01\0\0\x01\0\0\0\0\0\x01\x04aftr\x07example\x03net\0\0\x1c\0\x01\
            \0\0\x29\x04\xd0\0\0\0\0\0\0";
        assert_eq!(query().octets(), expected);
        let plain = Query::new("aftr.example.net", ID, false).unwrap();
        assert_eq!((plain.octets()[11], plain.octets().len()), (0, expected.len() - 11));
        assert!(Query::new(&"a".repeat(64), ID, true).is_none());
        assert!(Query::new("a..b", ID, true).is_none());
    }

    #[test]
    fn addresses_are_taken_with_the_shortest_time_that_any_of_them_holds() {
        let query = query();
        let octets = answer(&query, Rcode::NOERROR, |answer| {
            aaaa(answer, "AFTR.example.NET", 600, address(1));
            aaaa(answer, "aftr.example.net", 300, address(2));
            aaaa(answer, "aftr.example.net", 300, address(1));
            aaaa(answer, "other.example.net", 60, address(3));
        });
        assert_eq!(query.judge(&octets), found(&[address(1), address(2)], 300));
    }

    #[test]
    fn a_chain_of_aliases_is_followed_in_any_order_and_holds_as_long_as_its_shortest_link() {
        let query = query();
        let octets = answer(&query, Rcode::NOERROR, |answer| {
            aaaa(answer, "c.example.net", 600, address(1));
            cname(answer, "b.example.net", 90, "c.example.net");
            cname(answer, "aftr.example.net", 900, "B.example.net");
        });
        assert_eq!(query.judge(&octets), found(&[address(1)], 90));
    }

    #[test]
    fn a_chain_without_end_is_useless() {
        let query = query();
        let octets = answer(&query, Rcode::NOERROR, |answer| {
            cname(answer, "aftr.example.net", 90, "b.example.net");
            cname(answer, "b.example.net", 90, "aftr.example.net");
        });
        assert_eq!(query.judge(&octets), Verdict::Useless);
    }

    #[test]
    fn an_answer_holds_from_half_a_minute_to_a_day() {
        let query = query();
        for (ttl, hold) in [(0, 30), (29, 30), (86_401, 86_400), (0x8000_0000, 30)] {
            let octets = answer(&query, Rcode::NOERROR, |answer| {
                aaaa(answer, "aftr.example.net", ttl, address(1));
            });
            assert_eq!(query.judge(&octets), found(&[address(1)], hold), "{ttl}");
        }
    }

    #[test]
    fn at_most_eight_addresses_are_taken_and_only_those_that_can_be_asked() {
        let query = query();
        let octets = answer(&query, Rcode::NOERROR, |answer| {
            for unusable in ["::", "::1", "fe80::1", "ff02::1", "::ffff:192.0.2.1"] {
                aaaa(answer, "aftr.example.net", 60, unusable.parse().unwrap());
            }
            (1..=9).for_each(|last| aaaa(answer, "aftr.example.net", 60, address(last)));
        });
        assert_eq!(query.judge(&octets), found(&(1..=8).map(address).collect::<Vec<_>>(), 60));
    }

    #[test]
    fn that_there_is_nothing_holds_as_long_as_the_zone_says() {
        let query = query();
        for (code, ttl, minimum, hold) in [
            (Rcode::NXDOMAIN, 600, 120, 120),
            (Rcode::NOERROR, 90, 120, 90),
            (Rcode::NXDOMAIN, 9999, 9999, 3600),
        ] {
            let octets = answer(&query, code, |_| {});
            let empty = Message::from_octets(octets.clone()).unwrap();
            let mut zone = MessageBuilder::new_vec().start_answer(&empty, code).unwrap().authority();
            let soa = Soa::new(
                name("ns.example.net"),
                name("admin.example.net"),
                1.into(),
                Ttl::from_secs(7),
                Ttl::from_secs(7),
                Ttl::from_secs(7),
                Ttl::from_secs(minimum),
            );
            zone.push((name("example.net"), Ttl::from_secs(ttl), soa)).unwrap();
            assert_eq!(query.judge(&zone.finish()), found(&[], hold));
            assert_eq!(query.judge(&octets), found(&[], 30), "no zone says anything");
        }
    }

    #[test]
    fn only_an_answer_to_this_very_question_is_one() {
        let query = query();
        let good = answer(&query, Rcode::NOERROR, |answer| aaaa(answer, "aftr.example.net", 60, address(1)));
        assert_eq!(query.judge(&good), found(&[address(1)], 60));
        let changed = |place: usize, octet: u8| {
            let mut octets = good.clone();
            octets[place] = octet;
            octets
        };
        let not_ours = [
            ("id", changed(1, 0x18)),
            ("question, not answer", changed(2, 0x01)),
            ("another name", changed(13, b'b')),
            ("another type", changed(31, 1)),
            ("another class", changed(33, 3)),
            ("no question", changed(5, 0)),
            ("two questions", changed(5, 2)),
            ("no header", good[..11].to_vec()),
        ];
        for (what, octets) in not_ours {
            assert_eq!(query.judge(&octets), Verdict::NotOurs, "{what}");
        }
    }

    #[test]
    fn what_a_resolver_cannot_say_leads_on() {
        let query = query();
        for code in [Rcode::SERVFAIL, Rcode::REFUSED] {
            assert_eq!(query.judge(&answer(&query, code, |_| {})), Verdict::Useless);
        }
        let mut truncated =
            answer(&query, Rcode::NOERROR, |answer| aaaa(answer, "aftr.example.net", 60, address(1)));
        truncated[2] |= 0x02;
        assert_eq!(query.judge(&truncated), Verdict::Truncated);
        // Neither recursion nor authority: it only refers to others.
        let mut referral = answer(&query, Rcode::NOERROR, |_| {});
        referral[3] &= 0x7f;
        assert_eq!(query.judge(&referral), Verdict::Useless);
        let cut = answer(&query, Rcode::NOERROR, |answer| aaaa(answer, "aftr.example.net", 60, address(1)));
        assert_eq!(query.judge(&cut[..cut.len() - 1]), Verdict::Useless);
    }

    #[test]
    fn who_does_not_understand_edns_is_asked_without() {
        let (with, without) = (query(), Query::new("aftr.example.net", ID, false).unwrap());
        for code in [Rcode::FORMERR, Rcode::NOTIMP] {
            assert_eq!(with.judge(&answer(&with, code, |_| {})), Verdict::WithoutEdns);
            assert_eq!(without.judge(&answer(&without, code, |_| {})), Verdict::Useless);
        }
        let only_a_header = [0x5a, 0x17, 0x80, 0x01, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(with.judge(&only_a_header), Verdict::WithoutEdns);
        assert_eq!(without.judge(&only_a_header), Verdict::NotOurs);
    }

    proptest! {
        #[test]
        fn any_octets_are_judged(octets in prop::collection::vec(any::<u8>(), 0..300)) {
            query().judge(&octets);
        }

        #[test]
        fn an_answer_with_changed_octets_is_judged(changes in prop::collection::vec((0..200_usize, any::<u8>()), 1..8)) {
            let query = query();
            let mut octets = answer(&query, Rcode::NOERROR, |answer| {
                cname(answer, "aftr.example.net", 90, "b.example.net");
                (1..4).for_each(|last| aaaa(answer, "b.example.net", 60, address(last)));
            });
            for (place, octet) in changes {
                if let Some(there) = octets.get_mut(place) {
                    *there = octet;
                }
            }
            if let Verdict::Found(found) = query.judge(&octets) {
                prop_assert!(found.addresses.len() <= 8 && found.hold >= SHORTEST_HOLD && found.hold <= LONGEST_HOLD);
            }
        }
    }
}
