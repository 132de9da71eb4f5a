//! One network namespace: what is in it, and who changes it.

use crate::clock::now;
use dhcp4o6_netlink::apply::{Applier, Placement};
use dhcp4o6_netlink::monitor::Monitor;
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config};
use dhcp4o6_protocol::machine::ConfigureError;
use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use tokio::sync::{mpsc, oneshot};

/// Changes that may wait; whoever has more to change waits as well.
const QUEUE: usize = 16;

/// An open namespace. It lives, even unnamed, until this is dropped.
pub struct Namespace {
    /// What is in it.
    pub monitor: Monitor,
    /// Opens sockets in it and changes it.
    pub access: Access,
}

impl Namespace {
    /// Opens the namespace with this name, or the service's own.
    ///
    /// # Errors
    /// When it does not exist, may not be entered, or netlink fails.
    pub async fn open(name: Option<&str>) -> io::Result<Self> {
        let netns = match name {
            Some(name) => Netns::named(name)?,
            None => Netns::current()?,
        };
        let monitor = Monitor::open(&netns).await?;
        let applier = Applier::open(&netns)?;
        let (changes, queue) = mpsc::channel(QUEUE);
        tokio::task::spawn_local(apply(applier, queue));
        Ok(Self { monitor, access: Access { netns, changes } })
    }
}

/// Opens sockets in a namespace and asks for changes in it, which are made one after the other.
#[derive(Clone, Debug)]
pub struct Access {
    netns: Netns,
    changes: mpsc::Sender<Change>,
}

#[derive(Debug)]
struct Change {
    /// Boxed, because a channel keeps room for many changes.
    what: Box<What>,
    done: oneshot::Sender<Result<(), ConfigureError>>,
}

#[derive(Debug)]
enum What {
    Configure4 { interface: u32, want: Option<Ipv4Config>, placement: Placement, beside: Vec<Ipv4Addr> },
    Assign6(u32, Vec<Assignment6>),
    Sweep { targets: BTreeSet<u32>, links: BTreeSet<u32> },
}

impl Access {
    /// The namespace.
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// Makes our IPv4 on `interface` what is wanted, by difference; what belongs to the addresses `beside` stays.
    ///
    /// # Errors
    /// When the kernel does not have it then.
    pub async fn configure4(
        &self,
        interface: u32,
        want: Option<Ipv4Config>,
        placement: Placement,
        beside: Vec<Ipv4Addr>,
    ) -> Result<(), ConfigureError> {
        self.change(What::Configure4 { interface, want, placement, beside }).await
    }

    /// Makes our IPv6 addresses on `interface` those wanted, by difference.
    ///
    /// # Errors
    /// When the kernel does not have them then.
    pub async fn assign6(&self, interface: u32, want: Vec<Assignment6>) -> Result<(), ConfigureError> {
        self.change(What::Assign6(interface, want)).await
    }

    /// Takes away what is ours on all other interfaces: IPv4 but on `targets`, IPv6 addresses but on `links`.
    ///
    /// # Errors
    /// When something stays.
    pub async fn sweep(&self, targets: BTreeSet<u32>, links: BTreeSet<u32>) -> Result<(), ConfigureError> {
        self.change(What::Sweep { targets, links }).await
    }

    async fn change(&self, what: What) -> Result<(), ConfigureError> {
        let gone = || ConfigureError::Refused { object: "netlink".into(), errno: libc::EPIPE };
        let (done, outcome) = oneshot::channel();
        self.changes.send(Change { what: Box::new(what), done }).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

async fn apply(mut applier: Applier, mut queue: mpsc::Receiver<Change>) {
    while let Some(Change { what, done }) = queue.recv().await {
        let outcome = match *what {
            What::Configure4 { interface, want, placement, beside } => {
                applier.configure4(interface, want.as_ref(), &placement, &beside, now()).await
            }
            What::Assign6(interface, want) => applier.assign6(interface, &want, now()).await,
            What::Sweep { targets, links } => {
                applier.sweep(|index| targets.contains(&index), |index| links.contains(&index)).await
            }
        };
        // Who asked may have ended.
        let _ = done.send(outcome);
    }
}
