//! What is known of a namespace: every link with its addresses, the prefixes routers advertise on it, and our routes.
//!
//! Only what somebody asks for is kept, so an event that changes nothing of it (a counter, a lifetime) is no change.

use crate::PROTOCOL;
use crate::few::Few;
use crate::message::{
    Address, Event, IF_RA_MANAGED, IF_RA_OTHERCONF, IF_RA_RCVD, IFAPROT_KERNEL_LL, IFAPROT_KERNEL_RA,
    KernelLink, RTPROT_RA, Route4, Route6,
};
use dhcp4o6_protocol::facts::{Address6, RouterAdvertisement};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// More prefixes than this on one link are not remembered.
const PREFIXES: usize = 64;
/// More addresses of one family than this on one link are not remembered.
const ADDRESSES: usize = 1024;
/// More routes of ours than this on one link are not remembered: a lease has at most 256, twice that while it changes.
const ROUTES: usize = 1024;

const RA_FLAGS: u32 = IF_RA_RCVD | IF_RA_MANAGED | IF_RA_OTHERCONF;
/// The address flags that anybody looks at.
const ADDRESS_FLAGS: u32 = libc::IFA_F_TENTATIVE
    | libc::IFA_F_DADFAILED
    | libc::IFA_F_DEPRECATED
    | libc::IFA_F_TEMPORARY
    | libc::IFA_F_NOPREFIXROUTE;

/// What changed since somebody looked.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Changes {
    /// Links of which something changed, new and vanished ones too.
    pub links: BTreeSet<u32>,
    /// Addresses changed that other links of the namespace are told of: look at every link.
    pub surroundings: bool,
}

impl Changes {
    /// Nothing changed.
    pub fn is_empty(&self) -> bool {
        self.links.is_empty() && !self.surroundings
    }
}

/// One link and what belongs to it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Watched {
    /// The link itself.
    pub link: KernelLink,
    /// IPv6 addresses.
    pub addresses6: Vec<Address>,
    /// IPv4 addresses.
    pub addresses4: Vec<Address>,
    /// Our IPv4 routes.
    pub routes4: Few<Route4>,
    /// `IF_RA_*`.
    flags6: u32,
    /// Something came that only a router advertisement brings. The kernel's own flag for it is set only after a
    /// solicitation of ours.
    advertised: bool,
    /// Prefixes that routers advertise.
    prefixes: Few<(Ipv6Addr, u8)>,
    /// Prefixes the kernel has a route for: an advertised one is forgotten when neither route nor address is left.
    onlink6: Few<(Ipv6Addr, u8)>,
}

impl Watched {
    /// What router advertisements said; `None` until one came.
    pub fn router_advertisement(&self) -> Option<RouterAdvertisement> {
        let came = self.advertised || self.flags6 & RA_FLAGS != 0;
        came.then(|| RouterAdvertisement {
            managed: self.flags6 & IF_RA_MANAGED != 0,
            other: self.flags6 & IF_RA_OTHERCONF != 0,
            prefixes: self.prefixes.iter().copied().collect(),
        })
    }

    /// IPv6 addresses as the role knows them.
    pub fn facts6(&self) -> Vec<Address6> {
        let fact = |address: &Address| {
            let IpAddr::V6(ip) = address.address else { return None };
            Some(Address6 {
                address: ip,
                prefix_len: address.prefix_len,
                tentative: address.has(libc::IFA_F_TENTATIVE),
                duplicate: address.has(libc::IFA_F_DADFAILED),
                deprecated: address.has(libc::IFA_F_DEPRECATED),
                temporary: address.has(libc::IFA_F_TEMPORARY),
            })
        };
        self.addresses6.iter().filter_map(fact).collect()
    }

    /// True when the IPv4 address is ours.
    ///
    /// A kernel before 5.18 cannot mark addresses; there, those count as ours that our routes leave with.
    pub fn is_ours4(&self, address: &Address) -> bool {
        address.ours()
            || address.protocol == 0
                && address.has(libc::IFA_F_NOPREFIXROUTE)
                && !kernel_marks_addresses()
                && self.routes4.iter().any(|route| route.source.map(IpAddr::V4) == Some(address.address))
    }

    // Each of the following tells whether it made a difference.

    fn describe(&mut self, link: KernelLink, flags6: Option<u32>) -> bool {
        let up = link.up();
        let mut changed = self.link != link;
        self.link = link;
        if up {
            changed |= flags6.is_some_and(|flags| self.put_flags6(flags));
        } else {
            // The kernel silently drops what depends on the link being up.
            changed |= self.router_advertisement().is_some() || !self.routes4.is_empty();
            (self.flags6, self.advertised) = (0, false);
            self.routes4.clear();
            self.prefixes.clear();
            self.onlink6.clear();
        }
        changed
    }

    fn put_flags6(&mut self, flags: u32) -> bool {
        std::mem::replace(&mut self.flags6, flags & RA_FLAGS) != flags & RA_FLAGS
    }

    fn put_address(&mut self, address: Address) -> bool {
        let list = if address.address.is_ipv4() { &mut self.addresses4 } else { &mut self.addresses6 };
        let room = list.len() < ADDRESSES;
        let changed = match list.iter_mut().find(|known| same(known, &address)) {
            Some(known) => std::mem::replace(known, address) != address,
            None if room => {
                list.push(address);
                true
            }
            None => false,
        };
        match address.address {
            IpAddr::V6(ip) if address.protocol == IFAPROT_KERNEL_RA => {
                self.put_prefix(ip, address.prefix_len) | changed
            }
            _ => changed,
        }
    }

    fn drop_address(&mut self, address: &Address) -> bool {
        let list = if address.address.is_ipv4() { &mut self.addresses4 } else { &mut self.addresses6 };
        let before = list.len();
        list.retain(|known| !same(known, address));
        let changed = list.len() != before;
        match address.address {
            // The kernel silently takes along the routes that leave with the address.
            IpAddr::V4(ip) if !self.addresses4.iter().any(|known| known.address == address.address) => {
                self.routes4.retain(|route| route.source != Some(ip));
            }
            IpAddr::V4(_) => {}
            IpAddr::V6(ip) => {
                self.forget_prefix(network(ip, address.prefix_len));
            }
        }
        changed
    }

    /// An advertised prefix.
    fn put_prefix(&mut self, prefix: Ipv6Addr, prefix_len: u8) -> bool {
        let news = !std::mem::replace(&mut self.advertised, true);
        let of_others = !prefix.is_unicast_link_local() && !prefix.is_multicast() && prefix_len < 128;
        let room = self.prefixes.len() < PREFIXES;
        (of_others && room && self.prefixes.insert(network(prefix, prefix_len))) | news
    }

    /// Forgets the prefix, if nothing that the kernel made of it is left.
    fn forget_prefix(&mut self, prefix: (Ipv6Addr, u8)) -> bool {
        let made = |address: &Address| {
            address.protocol == IFAPROT_KERNEL_RA
                && matches!(address.address, IpAddr::V6(ip) if network(ip, address.prefix_len) == prefix)
        };
        let left = self.onlink6.contains(&prefix) || self.addresses6.iter().any(made);
        !left && self.prefixes.remove(&prefix)
    }

    fn put_route6(&mut self, route: &Route6) -> bool {
        match route.protocol {
            RTPROT_RA => !std::mem::replace(&mut self.advertised, true),
            libc::RTPROT_KERNEL if !route.gateway && self.onlink6.len() < ADDRESSES => {
                self.onlink6.insert((route.destination, route.prefix_len));
                // Routes of static addresses have no end.
                route.expires && self.put_prefix(route.destination, route.prefix_len)
            }
            _ => false,
        }
    }

    fn drop_route6(&mut self, route: &Route6) -> bool {
        let prefix = (route.destination, route.prefix_len);
        !route.gateway && self.onlink6.remove(&prefix) && self.forget_prefix(prefix)
    }
}

/// One entry of the kernel's list of addresses.
fn same(one: &Address, other: &Address) -> bool {
    (one.address, one.prefix_len) == (other.address, other.prefix_len)
}

fn network(address: Ipv6Addr, prefix_len: u8) -> (Ipv6Addr, u8) {
    let mask = u128::MAX.checked_shl(128 - u32::from(prefix_len.min(128))).unwrap_or(0);
    (Ipv6Addr::from_bits(address.to_bits() & mask), prefix_len)
}

/// The address can be a source, and can come from a prefix delegated on another link: not from an advertisement.
fn may_be_delegated(address: &Address) -> bool {
    let made_here = [PROTOCOL, IFAPROT_KERNEL_RA, IFAPROT_KERNEL_LL].contains(&address.protocol);
    !made_here && !address.has(libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED)
}

/// IFA_PROTO came with Linux 5.18.
pub(crate) fn kernel_marks_addresses() -> bool {
    static KNOWN: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *KNOWN.get_or_init(|| {
        let name = nix::sys::utsname::uname().ok();
        name.and_then(|name| marks_addresses(&name.release().to_string_lossy())).unwrap_or(true)
    })
}

fn marks_addresses(release: &str) -> Option<bool> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    Some((numbers.next()?, numbers.next()?) >= (5, 18))
}

/// A whole namespace.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    links: BTreeMap<u32, Watched>,
    /// IPv6 addresses of any link that others may use as source, so that asking for one link looks at no other.
    usable6: BTreeSet<(Ipv6Addr, u32)>,
    /// IPv4 addresses without our mark.
    unmarked4: BTreeSet<(Ipv4Addr, u32)>,
}

impl Picture {
    /// The links by index.
    pub fn links(&self) -> &BTreeMap<u32, Watched> {
        &self.links
    }

    /// IPv6 addresses of other links that can be the source of a datagram: global, made by an administrator or
    /// another program. Those made of an advertisement, or by us, come from no prefix delegated on this link.
    pub fn elsewhere6(&self, link: u32) -> Vec<Ipv6Addr> {
        self.usable6.iter().filter(|(_, index)| *index != link).map(|(address, _)| *address).collect()
    }

    /// IPv4 addresses that are not ours. What a DHCPv4 client has on a TAP device of ours is what our relay agent brought
    /// it, and may be wanted on a target as well.
    pub fn foreign4(&self) -> Vec<Ipv4Addr> {
        let ours = |address: Ipv4Addr, index: u32| {
            !kernel_marks_addresses()
                && self.links.get(&index).is_some_and(|watched| {
                    let mut all = watched.addresses4.iter().filter(|known| known.address == address);
                    all.any(|known| watched.is_ours4(known))
                })
        };
        let on_tap = |index| self.links.get(&index).is_some_and(|watched| watched.link.tap_of.is_some());
        let unmarked = self.unmarked4.iter();
        let foreign = unmarked.filter(|(address, index)| !ours(*address, *index) && !on_tap(*index));
        foreign.map(|(address, _)| *address).collect()
    }

    /// Takes one event in and notes what it changed.
    pub fn take(&mut self, event: Event, changes: &mut Changes) {
        match event {
            Event::Link(link, flags6) => {
                let index = link.index;
                self.links.entry(index).or_default();
                self.change(index, changes, |watched| watched.describe(link, flags6));
            }
            Event::LinkGone(index) => {
                if let Some(watched) = self.links.remove(&index) {
                    changes.links.insert(index);
                    for address in watched.addresses4.iter().chain(&watched.addresses6) {
                        self.list_address(address, changes);
                    }
                }
            }
            Event::Address(mut address, _) => {
                address.flags &= ADDRESS_FLAGS;
                if self.change(address.index, changes, |watched| watched.put_address(address)) {
                    self.list_address(&address, changes);
                }
            }
            Event::AddressGone(address) => {
                if self.change(address.index, changes, |watched| watched.drop_address(&address)) {
                    self.list_address(&address, changes);
                }
            }
            Event::Flags6(index, flags) => {
                self.change(index, changes, |watched| watched.link.up() && watched.put_flags6(flags));
            }
            Event::Route4(route, replaced) => {
                if replaced {
                    self.drop_replaced(&route, changes);
                }
                if route.protocol == PROTOCOL {
                    let put = |watched: &mut Watched| {
                        watched.routes4.len() < ROUTES && watched.routes4.insert(route)
                    };
                    self.change(route.index, changes, put);
                }
            }
            Event::Route4Gone(route) => {
                self.change(route.index, changes, |watched| watched.routes4.remove(&route));
            }
            Event::Route6(route) => {
                self.change(route.index, changes, |watched| watched.put_route6(&route));
            }
            Event::Route6Gone(route) => {
                self.change(route.index, changes, |watched| watched.drop_route6(&route));
            }
            Event::Prefix(index, prefix, prefix_len, valid) => {
                self.change(index, changes, |watched| {
                    if valid {
                        watched.put_prefix(prefix, prefix_len)
                    } else {
                        watched.prefixes.remove(&network(prefix, prefix_len))
                    }
                });
            }
        }
    }

    /// Somebody put a route in the place of one that may be ours.
    fn drop_replaced(&mut self, route: &Route4, changes: &mut Changes) {
        let competes = |known: &&Route4| known.competes(route);
        let loser = self.links.values().find_map(|watched| watched.routes4.iter().find(competes)).copied();
        if let Some(loser) = loser {
            self.change(loser.index, changes, |watched| watched.routes4.remove(&loser));
        }
    }

    /// Changes what belongs to a link, and tells whether that made a difference. Of links not seen yet nothing is
    /// kept: their own event is still queued, and what belongs to them behind it.
    fn change(
        &mut self,
        index: u32,
        changes: &mut Changes,
        change: impl FnOnce(&mut Watched) -> bool,
    ) -> bool {
        let changed = self.links.get_mut(&index).is_some_and(change);
        if changed {
            changes.links.insert(index);
        }
        changed
    }

    /// Brings the lists that are for all links in step with a link's own list, for one address.
    fn list_address(&mut self, address: &Address, changes: &mut Changes) {
        fn keep<T: Ord>(set: &mut BTreeSet<T>, key: T, there: bool) -> bool {
            if there { set.insert(key) } else { set.remove(&key) }
        }
        // The same address may be there a second time, with another prefix length.
        let watched = self.links.get(&address.index);
        let any = |list: fn(&Watched) -> &Vec<Address>, fits: fn(&Address) -> bool| {
            let mut known = watched.into_iter().flat_map(list);
            known.any(|known| known.address == address.address && fits(known))
        };
        changes.surroundings |= match address.address {
            ip if ip.is_loopback() => false,
            IpAddr::V4(ip) => {
                let there = any(|watched| &watched.addresses4, |known| !known.ours());
                keep(&mut self.unmarked4, (ip, address.index), there)
            }
            IpAddr::V6(ip) => {
                let there = any(|watched| &watched.addresses6, may_be_delegated);
                keep(&mut self.usable6, (ip, address.index), there && !ip.is_unicast_link_local())
            }
        };
    }

    /// Notes every difference from an older picture.
    pub fn differences(&self, older: &Self, changes: &mut Changes) {
        let every = self.links.keys().chain(older.links.keys());
        changes.links.extend(every.filter(|index| self.links.get(index) != older.links.get(index)));
        changes.surroundings |= self.usable6 != older.usable6 || self.unmarked4 != older.unmarked4;
    }

    /// Takes over from an older picture what no dump holds: that an advertisement came, and those of its prefixes
    /// that the kernel still has a route for.
    pub fn remember(&mut self, older: &Self) {
        for (index, watched) in &mut self.links {
            if let Some(known) = older.links.get(index).filter(|_| watched.link.up()) {
                watched.advertised |= known.advertised;
                let left = known.prefixes.iter().filter(|prefix| watched.onlink6.contains(prefix)).copied();
                watched.prefixes.extend(left.take(PREFIXES));
            }
        }
    }
}

#[cfg(test)]
mod tests;
