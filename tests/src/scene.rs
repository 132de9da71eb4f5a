//! What most tests begin with.

use crate::{Bus, BusClient, Capture, Daemon, Kea, KeaSettings, Lab, SOON, Watch};
use std::net::Ipv4Addr;

/// A provider with Kea, a customer with the service, and everything to watch them by. Fields are dropped in this order.
pub struct Scene {
    /// The service, at the customer.
    pub daemon: Daemon,
    /// The service on the bus.
    pub client: BusClient,
    /// The provider's servers.
    pub kea: Kea,
    /// The bus.
    pub bus: Bus,
    /// The customer's links.
    pub wire: Capture,
    /// The customer's kernel.
    pub kernel: Watch,
    /// The namespaces.
    pub lab: Lab,
}

impl Scene {
    /// Kea with `settings` at the provider and the service with `config` at the customer.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start(settings: KeaSettings, config: &str) -> Self {
        Self::start_in(Lab::new(), settings, config)
    }

    /// As [`Scene::start`], in a lab made before.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start_in(lab: Lab, settings: KeaSettings, config: &str) -> Self {
        let kea = Kea::start(&lab, settings);
        let bus = Bus::start(lab.dir());
        let mut client = bus.client();
        let wire = Capture::start(&lab.customer);
        let kernel = Watch::open(&lab.customer);
        let daemon = Daemon::start(&lab, &bus, config);
        client.wait_service();
        Self { daemon, client, kea, bus, wire, kernel, lab }
    }

    /// As [`Scene::start`], and waits until `c0` has its IPv4 address.
    ///
    /// # Panics
    /// When it does not get one.
    pub fn bound(settings: KeaSettings, config: &str) -> Self {
        let mut scene = Self::start(settings, config);
        scene.wait_bound();
        scene
    }

    /// Starts the service again after it has ended.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.daemon.start_again();
        self.client.wait_service();
    }

    /// Waits until `c0` is bound, and returns the address that the kernel then has.
    ///
    /// # Panics
    /// When it does not become bound, or the kernel has not exactly one address.
    pub fn wait_bound(&mut self) -> Ipv4Addr {
        self.client.wait_state("c0", "bound", SOON);
        self.address().expect("bound means that the kernel has the address")
    }

    /// The IPv4 address of `c0`.
    ///
    /// # Panics
    /// When there are two.
    pub fn address(&self) -> Option<Ipv4Addr> {
        let addresses = self.lab.customer.ipv4("c0");
        assert!(addresses.len() < 2, "more than one address: {addresses:?}");
        addresses.first().copied()
    }
}
