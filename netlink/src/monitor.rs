//! Keeps the picture of one namespace true: subscribe, dump, follow; and dump again when events were lost.

use crate::decode::{decode, events};
use crate::message::RTPROT_RA;
use crate::netns::Netns;
use crate::picture::{Picture, Watched};
use crate::plan::{Placement, routes};
use crate::request::{Only, get_addresses, get_links, get_routes};
use crate::socket::{Events, Received, Requests};
use crate::{PROTOCOL, picture};
use dhcp4o6_protocol::facts::{Address6, LinkFacts, Target};
use dhcp4o6_protocol::lease::Ipv4Config;
use rtnetlink::packet_route::AddressFamily;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};

pub use crate::message::KernelLink;
pub use crate::picture::Changes;

/// Pauses before a dump that follows lost events: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// So many datagrams are taken in before somebody may look, however fast more come.
const BATCH: usize = 1024;

/// How much of a lease is in the kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Presence4 {
    /// The address is not there, or is not ours.
    Absent,
    /// The address is there, but not all routes.
    RoutesMissing,
    /// Everything is there.
    Whole,
}

/// Watches one namespace.
#[derive(Debug)]
pub struct Monitor {
    netns: Netns,
    events: Events,
    picture: Picture,
    /// Noted and not yet told.
    changes: Changes,
    /// Events were lost: when to dump, and the pause that comes after this one.
    stale: Option<Instant>,
    pause: Duration,
    /// When the last dump was done.
    dumped_at: Instant,
    overruns: u64,
}

impl Monitor {
    /// Subscribes, then dumps, so that nothing can happen in between.
    ///
    /// # Errors
    /// When the namespace cannot be entered or gives no socket.
    pub async fn open(netns: &Netns) -> io::Result<Self> {
        Self::open_with_queue(netns, None).await
    }

    /// As [`Monitor::open`], with room for so many octets of events in the kernel. For tests: a small queue overruns.
    ///
    /// # Errors
    /// As [`Monitor::open`].
    pub async fn open_with_queue(netns: &Netns, queue: Option<usize>) -> io::Result<Self> {
        let mut monitor = Self {
            netns: netns.clone(),
            events: Events::open(netns, queue)?,
            picture: Picture::default(),
            changes: Changes::default(),
            stale: None,
            pause: PAUSE.0,
            dumped_at: Instant::now(),
            overruns: 0,
        };
        while !monitor.dump().await? {
            tokio::time::sleep(monitor.longer_pause()).await;
        }
        monitor.changes = Changes::default();
        Ok(monitor)
    }

    /// The namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// Waits until the picture changed, taking in all that is queued, and tells where. Nothing is lost when the
    /// wait is abandoned.
    ///
    /// # Errors
    /// When the socket is broken; the monitor is then of no more use.
    pub async fn changed(&mut self) -> io::Result<Changes> {
        loop {
            match self.stale {
                Some(at) => {
                    tokio::time::sleep_until(at).await;
                    self.dump_again().await?;
                }
                None => self.follow()?,
            }
            if !self.changes.is_empty() {
                return Ok(std::mem::take(&mut self.changes));
            }
            if self.stale.is_none() {
                self.events.readable().await?;
            }
        }
    }

    /// Takes in what is queued.
    fn follow(&mut self) -> io::Result<()> {
        for _ in 0..BATCH {
            let (picture, changes) = (&mut self.picture, &mut self.changes);
            match self
                .events
                .next(|datagram| events(datagram).for_each(|event| picture.take(event, changes)))?
            {
                Received::Datagram => {}
                Received::Nothing => break,
                Received::Overrun => {
                    self.overruns += 1;
                    // The first pause again, once there was no overrun for longer than the longest.
                    if self.dumped_at.elapsed() > 2 * PAUSE.1 {
                        self.pause = PAUSE.0;
                    }
                    self.stale = Some(Instant::now() + self.longer_pause());
                    warn!(
                        netns = self.netns.name(),
                        "events of the kernel were lost; reading everything again"
                    );
                    break;
                }
            }
        }
        Ok(())
    }

    /// Empties the queue, so that events are heard again, and dumps. What comes meanwhile stays queued.
    async fn dump_again(&mut self) -> io::Result<()> {
        let whole = self.events.discard()?
            && self.dump().await.inspect_err(|error| debug!(%error, "dump failed")).unwrap_or(false);
        self.stale = (!whole).then(|| Instant::now() + self.longer_pause());
        Ok(())
    }

    fn longer_pause(&mut self) -> Duration {
        let pause = self.pause;
        self.pause = (2 * pause).min(PAUSE.1);
        pause
    }

    /// Replaces the picture by what the kernel has. False when the kernel's tables changed too fast; the picture is
    /// then as before.
    async fn dump(&mut self) -> io::Result<bool> {
        let mut asking = Requests::open(&self.netns)?;
        let kernel = Only { protocol: libc::RTPROT_KERNEL, ..Only::default() };
        let advertised = Only { protocol: RTPROT_RA, ..Only::default() };
        let ours = Only { protocol: PROTOCOL, ..Only::default() };
        let (mut fresh, mut changes) = (Picture::default(), Changes::default());
        // Links first: nothing is kept for unknown ones.
        for request in [
            get_links(),
            get_addresses(AddressFamily::Inet, Only::default()),
            get_addresses(AddressFamily::Inet6, Only::default()),
            get_routes(AddressFamily::Inet, ours),
            get_routes(AddressFamily::Inet6, kernel),
            get_routes(AddressFamily::Inet6, advertised),
        ] {
            let whole = asking.ask(request, |message| {
                if let Some(event) = decode(message.message_type(), 0, message.payload()) {
                    fresh.take(event, &mut changes);
                }
            });
            match whole.await {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                // A kernel without IPv6, or without any route.
                Err(error) if matches!(error.raw_os_error(), Some(libc::EOPNOTSUPP | libc::ENOENT)) => {}
                Err(error) => return Err(error),
            }
        }
        fresh.remember(&self.picture);
        fresh.differences(&self.picture, &mut self.changes);
        self.picture = fresh;
        self.dumped_at = Instant::now();
        Ok(true)
    }

    /// How often events were lost and everything had to be read again.
    pub fn overruns(&self) -> u64 {
        self.overruns
    }

    /// Every link of the namespace.
    pub fn links(&self) -> impl Iterator<Item = &KernelLink> {
        self.picture.links().values().map(|watched| &watched.link)
    }

    /// One link.
    pub fn link(&self, index: u32) -> Option<&KernelLink> {
        self.watched(index).map(|watched| &watched.link)
    }

    fn watched(&self, index: u32) -> Option<&Watched> {
        self.picture.links().get(&index)
    }

    /// IPv6 addresses of a link; none when it does not exist.
    pub fn addresses6(&self, index: u32) -> Vec<Address6> {
        self.watched(index).map(Watched::facts6).unwrap_or_default()
    }

    /// IPv4 addresses of a link, whoever made them, each once; none when it does not exist.
    pub fn addresses4(&self, index: u32) -> Vec<Ipv4Addr> {
        let mut addresses = Vec::new();
        for known in self.watched(index).into_iter().flat_map(|watched| &watched.addresses4) {
            // One with two prefix lengths is there twice.
            if let IpAddr::V4(address) = known.address
                && !addresses.contains(&address)
            {
                addresses.push(address);
            }
        }
        addresses
    }

    /// The facts of a link for its role, with the targets of its IPv4 addresses: each a monitor and an index, which may
    /// be of this or another namespace.
    ///
    /// For a link that is not there, only the surroundings and the targets are filled in.
    pub fn facts(&self, link: u32, targets: &[Option<(&Monitor, u32)>]) -> LinkFacts {
        let mut facts = LinkFacts {
            elsewhere6: self.picture.elsewhere6(link),
            foreign4: self.foreign4(targets),
            targets: targets
                .iter()
                .map(|target| target.and_then(|(there, index)| there.target(index)))
                .collect(),
            ..LinkFacts::default()
        };
        if let Some(watched) = self.watched(link) {
            facts.index = watched.link.index;
            facts.name.clone_from(&watched.link.name);
            facts.up = watched.link.up();
            facts.carrier = watched.link.carrier();
            facts.mtu = watched.link.mtu;
            facts.hardware.clone_from(&watched.link.hardware);
            facts.addresses = watched.facts6();
            facts.ra = watched.router_advertisement();
        }
        facts
    }

    /// Addresses of others in the namespaces of the targets; in this one if there is no target.
    fn foreign4(&self, targets: &[Option<(&Monitor, u32)>]) -> Vec<Ipv4Addr> {
        let mut beside: Vec<&Self> = Vec::new();
        for (there, _) in targets.iter().flatten() {
            if !beside.iter().any(|known| std::ptr::eq(*known, *there)) {
                beside.push(there);
            }
        }
        if beside.is_empty() {
            beside.push(self);
        }
        beside.into_iter().flat_map(|there| there.picture.foreign4()).collect()
    }

    fn target(&self, index: u32) -> Option<Target> {
        let watched = self.watched(index)?;
        let ours4 = watched.addresses4.iter().filter(|address| watched.is_ours4(address));
        let v4 = |address: IpAddr| if let IpAddr::V4(ip) = address { Some(ip) } else { None };
        Some(Target {
            index,
            name: watched.link.name.clone(),
            mtu: watched.link.mtu,
            up: watched.link.up(),
            arp: watched.link.arp(),
            hardware: watched.link.hardware.clone(),
            ours4: ours4.filter_map(|address| v4(address.address)).collect(),
        })
    }

    /// True when the IPv4 address, whoever made it, is on the link.
    pub fn has_address4(&self, index: u32, address: Ipv4Addr) -> bool {
        let wanted = IpAddr::V4(address);
        self.watched(index)
            .is_some_and(|watched| watched.addresses4.iter().any(|known| known.address == wanted))
    }

    /// How much of a lease is on the target. After the target was down and up again the address is there and the
    /// routes are gone: install the lease again.
    pub fn present4(&self, target: u32, config: &Ipv4Config, placement: &Placement) -> Presence4 {
        let Some(watched) = self.watched(target) else {
            return Presence4::Absent;
        };
        let (wanted, prefix_len) = (IpAddr::V4(config.address), config.prefix_len);
        let mut same = watched
            .addresses4
            .iter()
            .filter(|known| (known.address, known.prefix_len) == (wanted, prefix_len));
        if !same.any(|known| watched.is_ours4(known) || !picture::kernel_marks_addresses()) {
            return Presence4::Absent;
        }
        let mut wanted = routes(config, *placement, target, watched.link.arp()).into_iter();
        if wanted.all(|route| watched.routes4.contains(&route)) {
            Presence4::Whole
        } else {
            Presence4::RoutesMissing
        }
    }
}
