//! Our own server and relay agents, and customers of theirs.

use crate::bus::{Bus, BusClient};
use crate::capture::Capture;
use crate::daemon::Daemon;
use crate::lab::{Lab, Namespace};
use crate::watch::Watch;
use crate::{SOON, daemon};
use dhcp4o6_dbus::{RELAY1, SERVER_PATH, SERVER1, relay_path};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

/// A running provider's side on a bus of its own. Fields are dropped in this order.
pub struct Provider {
    /// The process.
    pub daemon: Daemon,
    /// What it says on its bus.
    pub client: BusClient,
    /// Its bus.
    pub bus: Bus,
}

impl Provider {
    /// Starts it at the provider of `lab` and waits until it is ready and on its bus.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(lab: &Lab, config: &str) -> Self {
        Self::start_in(lab, &lab.provider, "provider", config)
    }

    /// As [`Provider::start`], in another namespace. Its files are in a directory of this name.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start_in(lab: &Lab, namespace: &Namespace, name: &str, config: &str) -> Self {
        let dir = lab.dir().join(name);
        std::fs::create_dir_all(&dir).expect("a directory for the provider");
        let bus = Bus::start(&dir);
        let mut client = bus.provider_client();
        let mut daemon = Daemon::spawn_at(&dir, namespace, &bus.address(), config);
        daemon.wait_notice("READY=1");
        client.wait_service();
        Self { daemon, client, bus }
    }

    /// Starts it again after it has ended.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.daemon.start_again();
        self.client.wait_service();
    }

    /// A property of the server; null when there is none.
    pub fn server(&self, property: &str) -> Value {
        self.client.property_at(SERVER_PATH, SERVER1, property)
    }

    /// A property of the relay agent of this name; null when there is none.
    pub fn relay(&self, name: &str, property: &str) -> Value {
        self.client.property_at(relay_path(name).as_str(), RELAY1, property)
    }

    /// A counter of the server: what it did, or refused.
    pub fn count(&self, name: &str) -> u64 {
        let counters = ["Done", "Refused"].map(|property| self.server(property));
        counters.iter().find_map(|counters| counters[name].as_u64()).unwrap_or(0)
    }

    /// Calls a method of the server.
    ///
    /// # Errors
    /// The error's name and text.
    pub fn call<A>(&self, method: &str, arguments: &A) -> Result<Value, (String, String)>
    where
        A: serde::Serialize + zbus::DynamicType,
    {
        self.client.call(SERVER_PATH, SERVER1, method, arguments)
    }

    /// Waits until a property of the server has this value, for at most `limit`.
    ///
    /// # Panics
    /// When it does not get it.
    pub fn wait_within(&mut self, property: &str, value: &str, limit: Duration) {
        let what = format!("{property} of the server is {value}");
        self.client.until(&what, limit, |client| {
            (client.property_at(SERVER_PATH, SERVER1, property) == json!(value)).then_some(())
        });
    }

    /// Waits until a property of the server has this value.
    ///
    /// # Panics
    /// When it does not get it.
    pub fn wait(&mut self, property: &str, value: &str) {
        self.wait_within(property, value, SOON);
    }

    /// The leases of IPv4 addresses that run, in the order of these.
    ///
    /// # Panics
    /// When the server does not tell them.
    pub fn leases4(&self) -> Vec<Value> {
        let answer = self.call("ListLeases", &("", 1_000_u32)).expect("leases");
        let leases = answer[0].as_array().expect("an array").clone();
        let runs = |lease: &Value| {
            lease["state"] == "bound" && lease["address"].as_str().is_some_and(|a| !a.contains(':'))
        };
        leases.into_iter().filter(runs).collect()
    }

    /// `dhcp4o6d` with its state directory and `arguments`, run to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn offline(&self, arguments: &[&str]) -> Output {
        let mut command = std::process::Command::new(daemon::program("dhcp4o6d"));
        command.arg("--state-dir").arg(self.daemon.state_dir()).args(arguments);
        command.output().expect("dhcp4o6d starts")
    }
}

/// The service at customers, with what to watch it by. Fields are dropped in this order.
pub struct Customer {
    /// The process.
    pub daemon: Daemon,
    /// What it says on its bus.
    pub client: BusClient,
    /// Its bus.
    pub bus: Bus,
    /// The links of the namespace it is in.
    pub wire: Capture,
    /// The kernel there.
    pub kernel: Watch,
}

impl Customer {
    /// Starts it at the customer of `lab`.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(lab: &Lab, config: &str) -> Self {
        Self::start_in(lab, &lab.customer, "customer", config)
    }

    /// As [`Customer::start`], in another namespace. Its files are in a directory of this name.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start_in(lab: &Lab, namespace: &Namespace, name: &str, config: &str) -> Self {
        let dir = lab.dir().join(name);
        std::fs::create_dir_all(&dir).expect("a directory for the customer");
        let bus = Bus::start(&dir);
        let mut client = bus.client();
        let (wire, kernel) = (Capture::start(namespace), Watch::open(namespace));
        // Hosts of the same hardware address that start in the same second have the same DUID otherwise.
        let config = format!("duid = \"uuid\"\n{config}");
        let mut daemon = Daemon::spawn_at(&dir, namespace, &bus.address(), &config);
        daemon.wait_notice("READY=1");
        client.wait_service();
        Self { daemon, client, bus, wire, kernel }
    }

    /// Waits until a link is bound.
    ///
    /// # Panics
    /// When it does not become bound.
    pub fn wait_bound(&mut self, link: &str) {
        self.client.wait_state(link, "bound", SOON);
    }
}

/// A provider and a customer on one link, with our service at both. Fields are dropped in this order.
pub struct Rack {
    /// The service at the customer, for `c0`.
    pub customer: Customer,
    /// Our server.
    pub provider: Provider,
    /// The namespaces.
    pub lab: Lab,
}

impl Rack {
    /// With these configurations, server first.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start(server: &str, links: &str) -> Self {
        Self::start_in(Lab::new(), server, links)
    }

    /// As [`Rack::start`], in a lab made before.
    ///
    /// # Panics
    /// When one of them does not start.
    pub fn start_in(lab: Lab, server: &str, links: &str) -> Self {
        let provider = Provider::start(&lab, server);
        let customer = Customer::start(&lab, links);
        Self { customer, provider, lab }
    }

    /// Waits until `c0` is bound, and returns the address that the kernel then has.
    ///
    /// # Panics
    /// When it does not become bound, or the kernel has not exactly one address.
    pub fn wait_bound(&mut self) -> Ipv4Addr {
        self.customer.wait_bound("c0");
        match self.lab.customer.ipv4("c0")[..] {
            [address] => address,
            ref others => panic!("bound means one address: {others:?}"),
        }
    }
}

/// A provider behind a relay agent with two customers, each on a link of its own:
///
/// ```text
/// provider s0 --- w0 relay r1 --- c0 customer
///                    relay r2 --- c0 neighbour
/// ```
///
/// Both customers have the same link-layer and link-local address.
pub struct Plant {
    /// Where the relay agent is: `w0` has 2001:db8:6::2/64, `r1` 2001:db8:11::1/64, and `r2` only a link-local address.
    pub relay: Namespace,
    /// The second customer.
    pub neighbour: Namespace,
    /// The provider and the first customer.
    pub lab: Lab,
}

impl Plant {
    /// With all links up.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn new() -> Self {
        let lab = Lab::apart();
        let (relay, neighbour) = (lab.namespace("r"), lab.namespace("n"));
        lab.join((&lab.provider, "s0"), (&relay, "w0"));
        lab.join((&relay, "r1"), (&lab.customer, "c0"));
        lab.join((&relay, "r2"), (&neighbour, "c0"));
        lab.number_provider("s0");
        relay.ip("addr add 2001:db8:6::2/64 dev w0 nodad");
        relay.ip("addr add 2001:db8:11::1/64 dev r1 nodad");
        Self { relay, neighbour, lab }
    }
}

impl Default for Plant {
    fn default() -> Self {
        Self::new()
    }
}

/// A small file system at `path` until this is dropped: for showing what a full disk does.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// With so many octets.
    ///
    /// # Panics
    /// When it cannot be mounted.
    pub fn mount(path: &Path, octets: u32) -> Self {
        std::fs::create_dir_all(path).expect("a mount point");
        let options = format!("size={octets},mode=700");
        mount(&["-t", "tmpfs", "-o", &options, "small"], path);
        Self(path.to_owned())
    }

    /// Makes it so large.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn resize(&self, octets: u32) {
        mount(&["-o", &format!("remount,size={octets}")], &self.0);
    }

    /// Lets nobody write, or everybody again.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn set_read_only(&self, read_only: bool) {
        mount(&["-o", if read_only { "remount,ro" } else { "remount,rw" }], &self.0);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], path: &Path) {
    let mut command = std::process::Command::new("mount");
    let output = command.args(arguments).arg(path).output().expect("mount starts");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
}
