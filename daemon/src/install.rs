//! Keeps the kernel as the role wants it: what it refused is tried again, what vanished with a link that went down
//! comes back with it, and what an operator removed stays away.

mod addresses6;
mod lease4;

use crate::namespace::Access;
use addresses6::Addresses6;
use dhcp4o6_netlink::apply::Placement;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config};
use dhcp4o6_protocol::machine::ConfigureError;
use dhcp4o6_protocol::time::{Instant, earliest};
use lease4::{Beside, Lease4};
use std::net::Ipv4Addr;
use std::time::Duration;

/// First pause after a refusal; doubles up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The kernel counts lifetimes in seconds: it may end an address this much before the lease ends.
const KERNEL_ROUNDING: Duration = Duration::from_secs(2);

/// An interface that gets addresses.
#[derive(Clone, Debug)]
pub struct Place {
    /// To its namespace.
    pub access: Access,
    /// Its index there.
    pub index: u32,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.access.netns().inode() == other.access.netns().inode() && self.index == other.index
    }
}

/// Where the IPv4 of an endpoint goes, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// The interface; `None` while it does not exist.
    pub place: Option<Place>,
    /// Metric and table of the routes.
    pub placement: Placement,
}

/// What the task has to tell the role of an endpoint.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// Another outcome than before.
    Configured(Result<(), ConfigureError>),
    /// Somebody else took the address away.
    AddressRemoved,
}

/// What should be in the kernel for one link.
pub struct Install {
    addresses6: Addresses6,
    /// Those of the endpoints, in their order.
    leases4: Vec<Lease4>,
}

impl Install {
    /// Nothing is wanted yet. `link` gets the IPv6 addresses, `targets` the IPv4 addresses of the endpoints.
    pub fn new(link: Place, targets: &[Target]) -> Self {
        Self {
            addresses6: Addresses6::new(link),
            leases4: targets.iter().cloned().map(Lease4::new).collect(),
        }
    }

    /// When [`Install::retry`] is due.
    pub fn retry_at(&self) -> Option<Instant> {
        self.leases4.iter().map(Lease4::retry_at).fold(self.addresses6.retry_at(), earliest)
    }

    /// Makes the IPv4 of an endpoint on its target what is wanted.
    ///
    /// # Errors
    /// When the kernel does not have it now. Tried again later.
    pub async fn configure(
        &mut self,
        endpoint: EndpointId,
        want: Option<Box<Ipv4Config>>,
    ) -> Result<(), ConfigureError> {
        let at = usize::from(endpoint.0);
        let beside = self.beside(at);
        match self.leases4.get_mut(at) {
            Some(lease) => lease.configure(want, beside).await,
            None if want.is_none() => Ok(()),
            None => Err(ConfigureError::NoTarget),
        }
    }

    /// Makes the link's DHCPv6 addresses those wanted.
    pub async fn assign(&mut self, want: Vec<Assignment6>) {
        self.addresses6.assign(want).await;
    }

    /// Repeats what was refused, as far as it is due.
    pub async fn retry(&mut self) -> Vec<(EndpointId, News)> {
        self.addresses6.retry().await;
        let mut news = Vec::new();
        for (at, id) in (0..self.leases4.len()).zip((0..).map(EndpointId)) {
            let beside = self.beside(at);
            let Some(lease) = self.leases4.get_mut(at) else { continue };
            news.extend(lease.retry(beside).await.map(|told| (id, told)));
        }
        news
    }

    /// The role may want something for so many endpoints from now on.
    pub fn make_room(&mut self, endpoints: usize) {
        let nowhere = || Lease4::new(Target { place: None, placement: Placement { metric: 0, table: 0 } });
        if self.leases4.len() < endpoints {
            self.leases4.resize_with(endpoints, nowhere);
        }
    }

    /// The kernel's view or the configuration changed. `routes_missing` tells for each endpoint that the address is on
    /// the target and some route of it is not.
    pub async fn look(
        &mut self,
        facts: &LinkFacts,
        targets: &[Target],
        routes_missing: &[bool],
    ) -> Vec<(EndpointId, News)> {
        self.addresses6.look(facts).await;
        self.make_room(targets.len());
        let mut news = Vec::new();
        for ((at, id), target) in (0..).zip((0..).map(EndpointId)).zip(targets) {
            let beside = self.beside(at);
            let Some(lease) = self.leases4.get_mut(at) else { continue };
            let missing = routes_missing.get(at).copied().unwrap_or(false);
            let told = lease.look(facts.target(id), target, missing, beside).await;
            news.extend(told.map(|told| (id, told)));
        }
        for at in targets.len()..self.leases4.len() {
            let beside = self.beside(at);
            if let Some(gone) = self.leases4.get_mut(at) {
                gone.leave(beside).await;
            }
        }
        self.leases4.truncate(targets.len());
        news
    }

    /// Takes everything away, when nobody will look after it any more.
    pub async fn leave(&mut self) {
        for at in 0..self.leases4.len() {
            let beside = self.beside(at);
            if let Some(lease) = self.leases4.get_mut(at) {
                lease.leave(beside).await;
            }
        }
        self.addresses6.leave().await;
    }

    /// What other endpoints have on the target of this one.
    fn beside(&self, at: usize) -> Beside {
        let Some(place) = self.leases4.get(at).and_then(Lease4::place) else { return Beside::default() };
        let others =
            self.leases4.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, lease)| lease);
        let here = others.filter(|lease| lease.place() == Some(place));
        here.fold(Beside::default(), |mut beside, lease| {
            match lease.wanted() {
                Some(wanted) => beside.addresses.extend(wanted),
                None => beside.unknown = true,
            }
            beside
        })
    }
}

/// Doubling pauses.
#[derive(Default)]
struct Retry {
    at: Option<Instant>,
    pause: Duration,
}

impl Retry {
    fn again(&mut self, now: Instant) {
        self.pause = (self.pause * 2).clamp(PAUSE, MAX_PAUSE);
        self.at = Some(now + self.pause);
    }

    fn is_due(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_one_to_sixty_seconds_inst_10() {
        let mut retry = Retry::default();
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                retry.again(Instant::from_secs(100));
                retry.at.unwrap().since(Instant::from_secs(100)).as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
