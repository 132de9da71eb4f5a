//! Installs a lease: what is wanted minus what is there. Objects that do not carry our mark are never touched.

use crate::PROTOCOL;
use crate::decode::{address_message, decode};
use crate::message::{Address, Event, KernelLink, Lifetimes, Route4};
use crate::netns::Netns;
use crate::picture::kernel_marks_addresses;
use crate::plan::{fits, lifetimes4, lifetimes6, routes};
use crate::request::{
    Only, Put, Request, delete_address, delete_route, get_addresses, get_link, get_routes, put_address,
    put_route, restore_address,
};
use crate::socket::Requests;
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config};
use dhcp4o6_protocol::machine::ConfigureError;
use dhcp4o6_protocol::time::Instant;
use rtnetlink::packet_route::{AddressFamily, address::AddressMessage};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use tracing::{debug, warn};

pub use crate::plan::Placement;

/// A dump that the kernel's own changes disturbed is asked for so often; then the last one is taken.
const DUMPS: usize = 8;

/// Changes the addresses and routes of one namespace.
#[derive(Debug)]
pub struct Applier {
    asking: Requests,
    /// What we installed, and until when: the kernel shows whole seconds only, and before 5.18 no mark of ours.
    installed: BTreeMap<(u32, IpAddr), Ends>,
}

/// Preferred and valid end.
type Ends = (Option<Instant>, Option<Instant>);

/// An address as the kernel has it now.
#[derive(Debug)]
struct Present {
    address: Address,
    left: Lifetimes,
    ours: bool,
    /// The kernel's description, to put it back with.
    described: AddressMessage,
}

/// An address that is wanted.
struct Wanted {
    address: IpAddr,
    prefix_len: u8,
    left: Lifetimes,
    ends: Ends,
}

impl Wanted {
    fn is(&self, address: &Address) -> bool {
        (self.address, self.prefix_len) == (address.address, address.prefix_len)
    }
}

impl Applier {
    /// Opens a namespace for changes.
    ///
    /// # Errors
    /// When the namespace cannot be entered or gives no socket.
    pub fn open(netns: &Netns) -> io::Result<Self> {
        Ok(Self { asking: Requests::open(netns)?, installed: BTreeMap::new() })
    }

    /// Makes `want` all that is ours of IPv4 on the target, apart from the addresses `beside` and the routes that leave
    /// with them; `None` takes everything else away. A lease that is over counts as `None`.
    ///
    /// What is as wanted is not touched. The new address comes before the old one goes, and each route before the one
    /// it stands for goes; when removing, routes go before their address.
    ///
    /// # Errors
    /// [`ConfigureError::NoTarget`] when there is no such interface and something is wanted on it; else the first
    /// failure, after trying everything that does not depend on it.
    pub async fn configure4(
        &mut self,
        target: u32,
        want: Option<&Ipv4Config>,
        placement: &Placement,
        beside: &[Ipv4Addr],
        now: Instant,
    ) -> Result<(), ConfigureError> {
        let wanted = want.and_then(|config| Some((config, lifetimes4(config, now)?)));
        let Some((config, left)) = wanted else {
            return self.change4(target, None, &[], beside).await.map(|_| ());
        };
        let link = self.link(target).await?;
        let routes = routes(config, *placement, target, link.arp());
        let address = Wanted {
            address: config.address.into(),
            prefix_len: config.prefix_len,
            left,
            ends: (config.expires_at, config.expires_at),
        };
        // When the old address takes the new one along, the routes of the new one go with it.
        if self.change4(target, Some(&address), &routes, beside).await? {
            self.change4(target, Some(&address), &routes, beside).await?;
        }
        Ok(())
    }

    /// Makes `want` all that is ours of IPv6 addresses on the link, each as /128 with its lifetimes; of two with the
    /// same address the first counts. The kernel checks new ones for duplicates; a changed lifetime does not make it
    /// check again.
    ///
    /// # Errors
    /// As [`Applier::configure4`].
    pub async fn assign6(
        &mut self,
        link: u32,
        want: &[Assignment6],
        now: Instant,
    ) -> Result<(), ConfigureError> {
        let mut wanted: Vec<Wanted> = Vec::with_capacity(want.len());
        for assignment in want {
            let address = IpAddr::V6(assignment.address);
            if let Some(left) = lifetimes6(assignment, now)
                && !wanted.iter().any(|known| known.address == address)
            {
                let ends = (assignment.preferred_until, assignment.valid_until);
                wanted.push(Wanted { address, prefix_len: 128, left, ends });
            }
        }
        if !wanted.is_empty() {
            self.link(link).await?;
        }
        let present = self.addresses(AddressFamily::Inet6, link, &[], &wanted).await?;
        let mut outcome = Ok(());
        for address in &wanted {
            outcome = outcome.and(self.put_address(link, address, &present).await);
        }
        for known in &present {
            if known.ours && !wanted.iter().any(|address| address.is(&known.address)) {
                outcome = outcome.and(self.delete_address(&known.address).await);
            }
        }
        outcome
    }

    /// Removes what is ours from interfaces that no link uses (any more): `keep4` names the targets of IPv4
    /// addresses, `keep6` the links that DHCPv6 runs on, by index.
    ///
    /// # Errors
    /// The first failure, after trying everything.
    pub async fn sweep(
        &mut self,
        keep4: impl Fn(u32) -> bool,
        keep6: impl Fn(u32) -> bool,
    ) -> Result<(), ConfigureError> {
        let routes = self.routes(Only { protocol: PROTOCOL, ..Only::default() }).await?;
        let mut targets: BTreeSet<u32> = routes.iter().map(|route| route.index).collect();
        let addresses = self.addresses(AddressFamily::Inet, 0, &routes, &[]).await?;
        targets.extend(addresses.iter().filter(|known| known.ours).map(|known| known.address.index));
        let addresses = self.addresses(AddressFamily::Inet6, 0, &[], &[]).await?;
        let links: BTreeSet<u32> =
            addresses.iter().filter(|known| known.ours).map(|known| known.address.index).collect();
        let mut outcome = Ok(());
        for target in targets.into_iter().filter(|index| !keep4(*index)) {
            debug!(index = target, "removing what an earlier run left");
            outcome = outcome.and(self.change4(target, None, &[], &[]).await.map(|_| ()));
        }
        for link in links.into_iter().filter(|index| !keep6(*index)) {
            debug!(index = link, "removing what an earlier run left");
            outcome = outcome.and(self.assign6(link, &[], Instant::BOOT).await);
        }
        outcome
    }

    /// One pass over the target. True when the kernel removed the wanted address along with another of its subnet.
    async fn change4(
        &mut self,
        target: u32,
        want: Option<&Wanted>,
        routes: &[Route4],
        beside: &[Ipv4Addr],
    ) -> Result<bool, ConfigureError> {
        let there = self.routes(Only { index: target, protocol: PROTOCOL, table: 0 }).await?;
        let mut present = self
            .addresses(AddressFamily::Inet, target, &there, want.map_or(&[], std::slice::from_ref))
            .await?;
        let (others, there): (Vec<_>, Vec<_>) =
            there.into_iter().partition(|route| route.source.is_some_and(|source| beside.contains(&source)));
        for known in &mut present {
            known.ours &= !beside.iter().any(|other| known.address.address == IpAddr::V4(*other));
        }
        let mut outcome = match want {
            Some(address) => self.put_address(target, address, &present).await,
            None => Ok(()),
        };
        // Without the address no route can leave with it.
        let routes = if outcome.is_ok() { routes } else { &[] };
        for route in routes.iter().filter(|route| !there.contains(route)) {
            outcome = outcome.and(self.put_route(route).await);
        }
        // Those by a gateway first, as they came last.
        let mut unwanted: Vec<&Route4> = there.iter().filter(|route| !routes.contains(route)).collect();
        unwanted.sort_by_key(|route| route.gateway.is_none());
        for route in unwanted {
            outcome = outcome.and(self.delete(delete_route(route), || route.to_string()).await);
        }
        let mut taken_along = false;
        for known in &present {
            if known.ours && !want.is_some_and(|address| address.is(&known.address)) {
                outcome = outcome.and(self.delete_address(&known.address).await);
                taken_along |= self.put_back(&known.address, &present, &others, want).await?;
            }
        }
        outcome.map(|()| taken_along)
    }

    /// Installs an address, or makes its lifetimes right.
    async fn put_address(
        &mut self,
        index: u32,
        wanted: &Wanted,
        present: &[Present],
    ) -> Result<(), ConfigureError> {
        let Wanted { address, prefix_len, left, ends } = *wanted;
        let key = (index, address);
        let foreign = present.iter().find(|known| known.address.address == address && !known.ours);
        let put = match present.iter().find(|known| known.ours && wanted.is(&known.address)) {
            _ if foreign.is_some() => return Err(ConfigureError::Conflict(describe(address, prefix_len))),
            Some(known) if fits(known.left, left) && *self.installed.get(&key).unwrap_or(&ends) == ends => {
                self.installed.insert(key, ends);
                return Ok(());
            }
            Some(_) => Put::Instead,
            None => Put::New,
        };
        let request = put_address(index, address, prefix_len, left, put);
        match self.tell(request).await {
            Ok(()) => {
                self.installed.insert(key, ends);
                Ok(())
            }
            // Somebody was faster.
            Err(libc::EEXIST) => Err(ConfigureError::Conflict(describe(address, prefix_len))),
            Err(errno) => Err(refused(errno, || describe(address, prefix_len))),
        }
    }

    async fn delete_address(&mut self, address: &Address) -> Result<(), ConfigureError> {
        self.installed.remove(&(address.index, address.address));
        let request = delete_address(address.index, address.address, address.prefix_len);
        self.delete(request, || describe(address.address, address.prefix_len)).await
    }

    /// With an address of ours, the kernel removes those that were added to its subnet later (unless told otherwise by
    /// `promote_secondaries`). They are not ours to remove, nor are the routes of other endpoints, `routes`, that leave
    /// with them. True when the wanted address was among them.
    async fn put_back(
        &mut self,
        removed: &Address,
        before: &[Present],
        routes: &[Route4],
        want: Option<&Wanted>,
    ) -> Result<bool, ConfigureError> {
        let now = self.addresses(AddressFamily::Inet, removed.index, &[], &[]).await?;
        let there = |address: &Address| {
            now.iter().any(|known| {
                (known.address.address, known.address.prefix_len) == (address.address, address.prefix_len)
            })
        };
        let secondary = |known: &&Present| known.address.has(libc::IFA_F_SECONDARY) && !known.ours;
        for lost in before.iter().filter(secondary).filter(|known| !there(&known.address)) {
            let Address { address, prefix_len, .. } = lost.address;
            match self.tell(restore_address(&lost.described)).await {
                Ok(()) => debug!(%address, "put back an address that the kernel removed with ours"),
                Err(errno) => {
                    warn!(%address, prefix_len, errno, "lost an address of another owner with ours")
                }
            }
            // A gateway must be reachable before a route goes by it.
            let mut lost: Vec<_> =
                routes.iter().filter(|route| route.source.map(IpAddr::V4) == Some(address)).collect();
            lost.sort_by_key(|route| route.gateway.is_some());
            for route in lost {
                self.put_route(route).await?;
            }
        }
        Ok(want.is_some_and(|wanted| !now.iter().any(|known| wanted.is(&known.address))))
    }

    /// Adds a route. A route of somebody else for the same destination, metric and table stays and is a conflict; one
    /// of ours, of another link or of the lease before, is no obstacle.
    async fn put_route(&mut self, route: &Route4) -> Result<(), ConfigureError> {
        match self.tell(put_route(route, Put::New)).await {
            Ok(()) => return Ok(()),
            Err(libc::EEXIST) => {}
            Err(errno) => return Err(refused(errno, || route.to_string())),
        }
        let table = self.routes(Only { table: route.table, ..Only::default() }).await?;
        if table.iter().any(|known| known.protocol != PROTOCOL && known.competes(route)) {
            return Err(ConfigureError::Conflict(route.to_string()));
        }
        match self.tell(put_route(route, Put::Beside)).await {
            Ok(()) | Err(libc::EEXIST) => Ok(()),
            Err(errno) => Err(refused(errno, || route.to_string())),
        }
    }

    /// Removes an object; that it is not there is success.
    async fn delete(&mut self, request: Request, object: impl Fn() -> String) -> Result<(), ConfigureError> {
        match self.tell(request).await {
            Ok(()) | Err(libc::ESRCH | libc::ENOENT | libc::EADDRNOTAVAIL | libc::ENODEV) => Ok(()),
            Err(errno) => Err(refused(errno, object)),
        }
    }

    async fn link(&mut self, index: u32) -> Result<KernelLink, ConfigureError> {
        let mut found = None;
        let asked = self.asking.ask(get_link(index), |message| {
            if let Some(Event::Link(link, _)) = decode(message.message_type(), 0, message.payload()) {
                found = Some(link);
            }
        });
        match asked.await {
            Ok(_) => found.ok_or(ConfigureError::NoTarget),
            // Index 0 names no interface.
            Err(error) if index == 0 && error.raw_os_error() == Some(libc::EINVAL) => {
                Err(ConfigureError::NoTarget)
            }
            Err(error) => Err(refused(errno(&error), || "the question for the link".to_owned())),
        }
    }

    /// Addresses of a family on a link (0: on all), with what tells whether they are ours.
    async fn addresses(
        &mut self,
        family: AddressFamily,
        index: u32,
        routes: &[Route4],
        wanted: &[Wanted],
    ) -> Result<Vec<Present>, ConfigureError> {
        let found = self.dump(get_addresses(family, Only { index, ..Only::default() }), |event, payload| {
            let Event::Address(address, left) = event else { return None };
            if index != 0 && address.index != index {
                return None;
            }
            Some(Present { address, left, ours: false, described: address_message(payload)? })
        });
        let mut found = found.await?;
        for known in &mut found {
            known.ours = known.address.ours() || self.is_ours_unmarked(&known.address, routes, wanted);
        }
        Ok(found)
    }

    /// Kernels before 5.18 cannot mark addresses. There, an address as we make them is ours if we remember it, if our
    /// routes leave with it, or if it is the one that is wanted.
    fn is_ours_unmarked(&self, address: &Address, routes: &[Route4], wanted: &[Wanted]) -> bool {
        !kernel_marks_addresses()
            && address.has(libc::IFA_F_NOPREFIXROUTE)
            && (self.installed.contains_key(&(address.index, address.address))
                || routes.iter().any(|route| {
                    route.index == address.index && route.source.map(IpAddr::V4) == Some(address.address)
                })
                || wanted.iter().any(|wanted| wanted.is(address)))
    }

    /// IPv4 routes.
    async fn routes(&mut self, only: Only) -> Result<Vec<Route4>, ConfigureError> {
        let any = |wanted: u32, is: u32| wanted == 0 || wanted == is;
        self.dump(get_routes(AddressFamily::Inet, only), |event, _| match event {
            Event::Route4(route, _)
                if any(only.index, route.index)
                    && any(only.table, route.table)
                    && any(only.protocol.into(), route.protocol.into()) =>
            {
                Some(route)
            }
            _ => None,
        })
        .await
    }

    async fn dump<T>(
        &mut self,
        request: Request,
        keep: impl Fn(Event, &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, ConfigureError> {
        let mut found = Vec::new();
        for _ in 0..DUMPS {
            found.clear();
            let whole = self.asking.ask(request.clone(), |message| {
                let event = decode(message.message_type(), 0, message.payload());
                found.extend(event.and_then(|event| keep(event, message.payload())));
            });
            match whole.await {
                Ok(true) => break,
                Ok(false) => {}
                // The interface or the table is not there: nothing is in it.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENOENT)) => break,
                // No IPv6 in this kernel.
                Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => break,
                Err(error) => {
                    return Err(refused(errno(&error), || "the question for what is there".to_owned()));
                }
            }
        }
        Ok(found)
    }

    /// Sends a request that is answered with yes or an error number.
    async fn tell(&mut self, request: Request) -> Result<(), i32> {
        self.asking.ask(request, |_| {}).await.map(|_| ()).map_err(|error| errno(&error))
    }
}

fn errno(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(libc::EIO)
}

fn describe(address: IpAddr, prefix_len: u8) -> String {
    format!("address {address}/{prefix_len}")
}

fn refused(errno: i32, object: impl FnOnce() -> String) -> ConfigureError {
    match errno {
        libc::ENODEV | libc::ENXIO => ConfigureError::NoTarget,
        errno => ConfigureError::Refused { object: object(), errno },
    }
}
