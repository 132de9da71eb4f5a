//! The kernel's side of one link: addresses with duplicate address detection and lifetimes, carrier, and the IPv4
//! configuration on the target.

use dhcp4o6_protocol::facts::{Address6, LinkFacts, RouterAdvertisement, Target};
use dhcp4o6_protocol::ids::{EndpointId, HardwareAddress};
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config};
use dhcp4o6_protocol::machine::ConfigureError;
use dhcp4o6_protocol::time::{Instant, earliest};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

pub(crate) struct Kernel {
    /// Tells this machine from others: the end of its hardware address.
    host: u16,
    /// 0 when the link does not exist.
    index: u32,
    last_index: u32,
    up: bool,
    carrier: bool,
    addresses: Vec<Address>,
    pub(crate) ra: Option<RouterAdvertisement>,
    /// The prefix that router advertisements give for autonomous addresses.
    slaac: Option<Ipv6Addr>,
    /// Another interface gets the IPv4 address.
    pub(crate) separate_target: bool,
    target_exists: bool,
    /// How many endpoints have this target.
    pub(crate) endpoints: u8,
    /// What is on the target, with our mark, as the process that runs put it there.
    installed: BTreeMap<EndpointId, Ipv4Config>,
    /// What an earlier process left there. Nobody knows whose it was until every endpoint has said what it wants.
    left: Vec<Ipv4Config>,
    /// Endpoints of which the process that runs has said what they want.
    said: BTreeSet<EndpointId>,
    /// How long duplicate address detection takes.
    pub(crate) dad: Duration,
    /// The next address that is assigned turns out to be a duplicate.
    pub(crate) next_is_duplicate: bool,
    /// What comes of every attempt to add something.
    pub(crate) refuses: Option<ConfigureError>,
    changed: bool,
}

struct Address {
    address: Ipv6Addr,
    prefix_len: u8,
    ours: bool,
    checked_at: Option<Instant>,
    duplicate: bool,
    /// What the check will find.
    taken: bool,
    preferred_until: Option<Instant>,
    valid_until: Option<Instant>,
    deprecated: bool,
}

impl Kernel {
    pub(crate) fn new(host: u16) -> Self {
        Self {
            host,
            index: 0,
            last_index: 6,
            up: false,
            carrier: false,
            addresses: Vec::new(),
            ra: None,
            slaac: None,
            separate_target: false,
            target_exists: true,
            endpoints: 1,
            installed: BTreeMap::new(),
            left: Vec::new(),
            said: BTreeSet::new(),
            dad: Duration::from_millis(1500),
            next_is_duplicate: false,
            refuses: None,
            changed: true,
        }
    }

    pub(crate) fn exists(&self) -> bool {
        self.index != 0
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn running(&self) -> bool {
        self.exists() && self.up && self.carrier
    }

    /// The interface appears, up and with carrier.
    pub(crate) fn plug(&mut self, now: Instant) {
        if !self.exists() {
            self.last_index += 1;
            self.index = self.last_index;
        }
        self.up = true;
        self.set_carrier(now, true);
    }

    /// The interface disappears, and all that was on it.
    pub(crate) fn unplug(&mut self) {
        self.index = 0;
        self.up = false;
        self.carrier = false;
        self.addresses.clear();
        if !self.separate_target {
            self.take_away();
        }
        self.changed = true;
    }

    fn take_away(&mut self) {
        self.installed.clear();
        self.left.clear();
    }

    /// So many endpoints have this target from now on.
    pub(crate) fn set_endpoints(&mut self, count: u8) {
        self.endpoints = count;
        self.said.retain(|id| id.0 < count);
        self.changed = true;
    }

    /// Another process looks after the target from now on.
    pub(crate) fn restarted(&mut self) {
        self.left.extend(std::mem::take(&mut self.installed).into_values());
        self.said.clear();
        self.changed = true;
    }

    /// The machine restarts: nothing of the kernel's state stays.
    pub(crate) fn reboot(&mut self) {
        self.unplug();
        self.take_away();
    }

    pub(crate) fn set_carrier(&mut self, now: Instant, carrier: bool) {
        if !self.exists() || self.carrier == carrier {
            return;
        }
        self.carrier = carrier;
        self.changed = true;
        if carrier {
            // Addresses that were there are checked again; the link-local one is made if it is missing.
            let again = Some(now + self.dad);
            for a in &mut self.addresses {
                a.checked_at = again;
                a.taken |= a.ours && std::mem::take(&mut self.next_is_duplicate);
            }
            self.add(now, self.link_local(), 64, false, None, None);
            self.autoconfigure(now);
        }
    }

    pub(crate) fn advertise(&mut self, now: Instant, managed: bool, other: bool, prefix: Option<Ipv6Addr>) {
        let prefixes = prefix.map(|prefix| (prefix, 64)).into_iter().collect();
        self.ra = Some(RouterAdvertisement { managed, other, prefixes });
        if self.slaac != prefix {
            if let Some(old) = self.slaac {
                self.addresses.retain(|a| a.ours || a.address.segments()[..4] != old.segments()[..4]);
            }
            self.slaac = prefix;
        }
        self.autoconfigure(now);
        self.changed = true;
    }

    fn autoconfigure(&mut self, now: Instant) {
        if let Some(prefix) = self.slaac.filter(|_| self.running()) {
            let host = u128::from(self.link_local()) & u128::from(u64::MAX);
            self.add(now, Ipv6Addr::from(u128::from(prefix) | host), 64, false, None, None);
        }
    }

    fn add(
        &mut self,
        now: Instant,
        address: Ipv6Addr,
        prefix_len: u8,
        ours: bool,
        preferred_until: Option<Instant>,
        valid_until: Option<Instant>,
    ) {
        if let Some(old) = self.addresses.iter_mut().find(|a| a.address == address) {
            (old.preferred_until, old.valid_until) = (preferred_until, valid_until);
            let deprecated = preferred_until.is_some_and(|at| at <= now);
            self.changed |= old.deprecated != deprecated;
            old.deprecated = deprecated;
            return;
        }
        let taken = ours && std::mem::take(&mut self.next_is_duplicate);
        self.addresses.push(Address {
            address,
            prefix_len,
            ours,
            checked_at: Some(now + self.dad),
            duplicate: false,
            taken,
            preferred_until,
            valid_until,
            deprecated: preferred_until.is_some_and(|at| at <= now),
        });
        self.changed = true;
    }

    pub(crate) fn assign6(&mut self, now: Instant, want: &[Assignment6]) {
        let before = self.addresses.len();
        self.addresses.retain(|a| !a.ours || want.iter().any(|w| w.address == a.address));
        self.changed |= self.addresses.len() != before;
        if !self.exists() {
            return;
        }
        for w in want.iter().filter(|w| w.valid_until.is_none_or(|end| now < end)) {
            self.add(now, w.address, 128, true, w.preferred_until, w.valid_until);
        }
    }

    pub(crate) fn configure(
        &mut self,
        now: Instant,
        id: EndpointId,
        want: Option<&Ipv4Config>,
    ) -> Result<(), ConfigureError> {
        if let Some(error) = self.refuses.as_ref().filter(|_| want.is_some()) {
            return Err(error.clone());
        }
        if want.is_some() && self.target_index().is_none() {
            return Err(ConfigureError::NoTarget);
        }
        let address = want.map(|config| config.address);
        self.changed |= self.installed.get(&id).map(|config| config.address) != address;
        self.left.retain(|config| Some(config.address) != address);
        // The kernel refuses an address whose lifetime is over.
        match want.filter(|config| config.expires_at.is_none_or(|end| now < end)) {
            Some(config) => _ = self.installed.insert(id, config.clone()),
            None => _ = self.installed.remove(&id),
        }
        self.said.insert(id);
        if self.said.len() >= usize::from(self.endpoints) && !self.left.is_empty() {
            self.left.clear();
            self.changed = true;
        }
        Ok(())
    }

    /// Somebody else removes the IPv4 address of this endpoint. False when there was none.
    pub(crate) fn steal(&mut self, id: EndpointId) -> bool {
        self.changed = true;
        self.installed.remove(&id).is_some()
    }

    /// What is there for the only endpoint, or the first.
    pub(crate) fn installed(&self) -> Option<&Ipv4Config> {
        self.installed_of(EndpointId::FIRST).or(self.left.first())
    }

    /// What the process that runs has put there for this endpoint.
    pub(crate) fn installed_of(&self, id: EndpointId) -> Option<&Ipv4Config> {
        self.installed.get(&id)
    }

    /// All that is there.
    pub(crate) fn all_installed(&self) -> impl Iterator<Item = &Ipv4Config> {
        self.installed.values().chain(&self.left)
    }

    pub(crate) fn ours6(&self) -> impl Iterator<Item = (Ipv6Addr, Option<Instant>)> {
        self.addresses.iter().filter(|a| a.ours).map(|a| (a.address, a.valid_until))
    }

    pub(crate) fn has(&self, address: Ipv6Addr) -> bool {
        self.exists() && self.addresses.iter().any(|a| a.address == address)
    }

    pub(crate) fn link_local(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x5eff, 0xfe10, self.host)
    }

    pub(crate) fn mac(&self) -> [u8; 6] {
        let [high, low] = self.host.to_be_bytes();
        [2, 0, 0x5e, 0x10, high, low]
    }

    /// The target appears or disappears, if it is another interface than the link.
    pub(crate) fn set_target(&mut self, exists: bool) {
        if !self.separate_target {
            return;
        }
        self.target_exists = exists;
        if !exists {
            self.take_away();
        }
        self.changed = true;
    }

    fn target_index(&self) -> Option<u32> {
        match (self.separate_target, self.target_exists) {
            (true, true) => Some(100),
            (true, false) => None,
            (false, _) => (self.index != 0).then_some(self.index),
        }
    }

    /// Lifetimes and checks that are over by now.
    pub(crate) fn tick(&mut self, now: Instant) {
        let over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let before = self.addresses.len();
        self.addresses.retain(|a| !over(a.valid_until));
        self.changed |= self.addresses.len() != before;
        for a in &mut self.addresses {
            if over(a.checked_at) {
                (a.checked_at, a.duplicate) = (None, a.taken);
                self.changed = true;
            }
            if over(a.preferred_until) && !a.deprecated {
                a.deprecated = true;
                self.changed = true;
            }
        }
        let before = self.all_installed().count();
        self.installed.retain(|_, config| !over(config.expires_at));
        self.left.retain(|config| !over(config.expires_at));
        self.changed |= self.all_installed().count() != before;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        let of = |a: &Address| {
            let preferred = a.preferred_until.filter(|_| !a.deprecated);
            [a.checked_at, preferred, a.valid_until].into_iter().fold(None, earliest)
        };
        let addresses = self.addresses.iter().map(of).fold(None, earliest);
        self.all_installed().map(|config| config.expires_at).fold(addresses, earliest)
    }

    /// What the link's watcher would report, if anything changed since the last call.
    pub(crate) fn news(&mut self) -> Option<LinkFacts> {
        std::mem::take(&mut self.changed).then(|| self.facts())
    }

    pub(crate) fn forget_news(&mut self) {
        self.changed = true;
    }

    fn facts(&self) -> LinkFacts {
        let hardware = HardwareAddress::ethernet(self.mac());
        let address = |a: &Address| Address6 {
            address: a.address,
            prefix_len: a.prefix_len,
            tentative: a.checked_at.is_some(),
            duplicate: a.duplicate,
            deprecated: a.deprecated,
            temporary: false,
        };
        let ours4: Vec<Ipv4Addr> = self.all_installed().map(|config| config.address).collect();
        let target = self.target_index().map(|index| Target {
            index,
            name: "wan0".to_owned(),
            mtu: 1500,
            up: true,
            arp: true,
            hardware: hardware.clone(),
            ours4,
        });
        LinkFacts {
            index: self.index,
            name: if self.exists() { "wan0".to_owned() } else { String::new() },
            up: self.up,
            carrier: self.carrier,
            mtu: 1500,
            hardware,
            addresses: self.addresses.iter().map(address).collect(),
            elsewhere6: Vec::new(),
            foreign4: Vec::new(),
            ra: self.ra.clone(),
            targets: vec![target; usize::from(self.endpoints)],
        }
    }
}
