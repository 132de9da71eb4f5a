//! Network namespaces of our own, and what the kernel says of them.

use nix::sched::{CloneFlags, setns};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Directory where `ip netns` keeps its names.
const NAMES: &str = "/run/netns";

/// A provider and a customer in namespaces of their own: `s0` of the one is joined to `c0` of the other, and a
/// directory for files. All of it goes when the value does.
pub struct Lab {
    /// Where the servers run: `s0` has 2001:db8:6::1/64 and 192.0.2.1/24; beyond the link, on its
    /// loopback, 198.51.100.1.
    pub provider: Namespace,
    /// Where the service runs: `c0`, with a link-local address only.
    pub customer: Namespace,
    id: String,
    dir: PathBuf,
    /// See [`full_neighbour_tables`].
    full_before: u64,
}

impl Lab {
    /// Both namespaces, joined and up, without duplicate address detection and deaf to router advertisements.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn new() -> Self {
        let lab = Self::apart();
        lab.join((&lab.provider, "s0"), (&lab.customer, "c0"));
        lab.number_provider("s0");
        lab
    }

    /// As [`Lab::new`], with duplicate address detection and router advertisements as hosts have them. The customer's
    /// link is still down; the provider's is a bridge, which works already.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn like_a_host() -> Self {
        let lab = Self::apart();
        for setting in ["accept_dad", "accept_ra"] {
            lab.customer.set(&format!("net/ipv6/conf/default/{setting}"), "1");
        }
        lab.bridge("s0");
        lab.join((&lab.provider, "p0"), (&lab.customer, "c0"));
        lab.customer.ip("link set c0 down");
        lab.provider.ip("link set p0 master s0");
        lab.number_provider("s0");
        lab
    }

    /// Both namespaces with nothing between them.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn apart() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let id = format!("d4o6-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // Process ids repeat across process namespaces, and these share the directory.
        let dir = nix::unistd::mkdtemp(&std::env::temp_dir().join(format!("{id}-XXXXXX")));
        let dir = dir.expect("a directory for the lab");
        let lab = Self {
            provider: Namespace::create(&format!("{id}-s")),
            customer: Namespace::create(&format!("{id}-c")),
            id,
            dir,
            full_before: full_neighbour_tables(),
        };
        lab.provider.ip("addr add 198.51.100.1/32 dev lo");
        // A link of the provider may lose its carrier and keep its addresses.
        lab.provider.set("net/ipv6/conf/all/keep_addr_on_down", "1");
        lab
    }

    /// Where this lab's files go.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One more namespace, with a name of this lab's own.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn namespace(&self, suffix: &str) -> Namespace {
        Namespace::create(&format!("{}-{suffix}", self.id))
    }

    /// A veth pair, both ends up. MAC addresses follow from the names, so that a link made again has the one it had.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn join(&self, (one, one_name): (&Namespace, &str), (other, other_name): (&Namespace, &str)) {
        let (one_mac, other_mac) = (mac_of(one_name), mac_of(other_name));
        one.ip(&format!(
            "link add {one_name} address {one_mac} type veth peer name {other_name} address {other_mac} netns {}",
            other.name
        ));
        one.ip(&format!("link set {one_name} up"));
        other.ip(&format!("link set {other_name} up"));
    }

    /// A bridge at the provider. It has a carrier, and with it the address that servers bind, before any other port has.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn bridge(&self, name: &str) {
        self.provider.ip(&format!("link add {name} type bridge"));
        self.provider.ip(&format!("link set {name} up"));
        self.join((&self.provider, "k0"), (&self.provider, "k1"));
        self.provider.ip(&format!("link set k0 master {name}"));
    }

    /// The addresses of a provider's interface.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn number_provider(&self, interface: &str) {
        self.provider.ip(&format!("addr add 2001:db8:6::1/64 dev {interface} nodad"));
        // Kea answers only where its interface has an IPv4 address; that becomes the server identifier.
        self.provider.ip(&format!("addr add 192.0.2.1/24 dev {interface}"));
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if std::thread::panicking() && full_neighbour_tables() > self.full_before {
            eprintln!(
                "---- the kernel refused neighbours: its table, shared by all namespaces of this machine, was full. \
                 Something else fills it, or net.ipv6.neigh.default.gc_thresh3 is too small"
            );
        }
        // Kept after a failure when somebody wants to look.
        if !(std::thread::panicking() && std::env::var_os("LAB_KEEP").is_some()) {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// How often a new IPv6 neighbour found the kernel's table full since boot. Sending then fails with EINVAL.
fn full_neighbour_tables() -> u64 {
    let mut show = Command::new("ip");
    show.args(["-j", "-s", "ntable", "show", "name", "ndisc_cache"]);
    let text = show.output().map(|output| output.stdout).unwrap_or_default();
    let tables: Value = serde_json::from_slice(&text).unwrap_or_default();
    tables[0]["table_fulls"].as_u64().unwrap_or(0)
}

/// A locally administered address that only depends on `name`.
fn mac_of(name: &str) -> String {
    let hash = name.bytes().fold(5381_u32, |hash, octet| hash.wrapping_mul(33) ^ u32::from(octet));
    let [a, b, c, d] = hash.to_be_bytes();
    format!("02:5e:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}

/// A named network namespace that goes with its value.
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes it; loopback is up, duplicate address detection and router advertisements are off.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn create(name: &str) -> Self {
        run(Command::new("ip").args(["netns", "add", name]));
        let namespace = Self { name: name.to_owned() };
        namespace.ip("link set lo up");
        namespace.set("net/ipv6/conf/default/accept_dad", "0");
        namespace.set("net/ipv6/conf/default/accept_ra", "0");
        namespace
    }

    /// Its name for `ip netns` and for the service's configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs `program` in it and dies with the calling thread.
    ///
    /// It does not get what this process's environment would mean to the service, which reads its configuration there
    /// too.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        command_in(&self.name, program.as_ref())
    }

    /// Runs `ip` with `arguments`, separated by blanks.
    ///
    /// # Panics
    /// When it fails.
    pub fn ip(&self, arguments: &str) {
        run(Command::new("ip").args(["-n", &self.name]).args(arguments.split_whitespace()));
    }

    /// Runs many `ip` commands, one per line, in one go.
    ///
    /// # Panics
    /// When one fails.
    pub fn ip_batch(&self, file: &Path, commands: &str) {
        fs::write(file, commands).expect("the batch can be written");
        run(Command::new("ip").args(["-n", &self.name, "-batch"]).arg(file));
    }

    /// What `ip -j` says to `arguments`; an empty list when it says nothing.
    ///
    /// # Panics
    /// When it fails or does not speak JSON.
    pub fn ip_json(&self, arguments: &str) -> Value {
        let text = run(Command::new("ip").args(["-n", &self.name, "-j"]).args(arguments.split_whitespace()));
        if text.trim().is_empty() {
            return Value::Array(Vec::new());
        }
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("ip -j {arguments}: {e} in {text}"))
    }

    /// True while `interface` exists here.
    pub fn has(&self, interface: &str) -> bool {
        let mut show = Command::new("ip");
        show.args(["-n", &self.name, "link", "show", "dev", interface]);
        show.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }

    /// IPv4 addresses of an interface; none when it does not exist.
    pub fn ipv4(&self, interface: &str) -> Vec<Ipv4Addr> {
        self.addresses(interface, "inet").iter().filter_map(|a| a["local"].as_str()?.parse().ok()).collect()
    }

    /// Global IPv6 addresses of an interface; none when it does not exist.
    pub fn ipv6(&self, interface: &str) -> Vec<Ipv6Addr> {
        let global = |a: &&Value| a["scope"] == "global";
        let addresses = self.addresses(interface, "inet6");
        addresses.iter().filter(global).filter_map(|a| a["local"].as_str()?.parse().ok()).collect()
    }

    /// The link-local address of an interface.
    ///
    /// # Panics
    /// When it has none.
    pub fn link_local(&self, interface: &str) -> Ipv6Addr {
        let addresses = self.addresses(interface, "inet6");
        let link =
            addresses.iter().find(|a| a["scope"] == "link").and_then(|a| a["local"].as_str()?.parse().ok());
        link.unwrap_or_else(|| panic!("{interface} has no link-local address"))
    }

    /// The index of an interface.
    ///
    /// # Panics
    /// When it does not exist.
    pub fn index(&self, interface: &str) -> u32 {
        let links = self.ip_json(&format!("link show dev {interface}"));
        let index = links[0]["ifindex"].as_u64().and_then(|index| index.try_into().ok());
        index.unwrap_or_else(|| panic!("there is no {interface}"))
    }

    /// The kernel's address entries of one family (`inet`, `inet6`) of an interface, as `ip -j` words them.
    pub fn addresses(&self, interface: &str, family: &str) -> Vec<Value> {
        if !self.has(interface) {
            return Vec::new();
        }
        let links = self.ip_json(&format!("addr show dev {interface}"));
        let entries = links.as_array().into_iter().flatten().filter_map(|link| link["addr_info"].as_array());
        entries.flatten().filter(|entry| entry["family"] == family).cloned().collect()
    }

    /// IPv4 routes of the main table, as `ip -j` words them.
    pub fn routes4(&self) -> Vec<Value> {
        self.ip_json("-4 -details route show").as_array().cloned().unwrap_or_default()
    }

    /// True when one echo request to `to` is answered within 2 s.
    pub fn pings(&self, to: &str) -> bool {
        let mut ping = self.command("ping");
        ping.args(["-n", "-c", "1", "-W", "2", to]).stdout(Stdio::null()).stderr(Stdio::null());
        ping.status().expect("ping starts").success()
    }

    /// Writes a kernel setting, by its path below /proc/sys.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn set(&self, path: &str, value: &str) {
        let (path, value) = (format!("/proc/sys/{path}"), value.to_owned());
        self.enter(move || fs::write(&path, &value).unwrap_or_else(|e| panic!("{path}: {e}")));
    }

    /// Runs `make` in this namespace, on a thread of its own. Sockets made there belong to the namespace.
    ///
    /// # Panics
    /// When the namespace cannot be entered, or `make` panics.
    pub fn enter<T: Send + 'static>(&self, make: impl FnOnce() -> T + Send + 'static) -> T {
        let path = format!("{NAMES}/{}", self.name);
        let entered = std::thread::spawn(move || {
            let file = File::open(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
            setns(file, CloneFlags::CLONE_NEWNET).unwrap_or_else(|e| panic!("cannot enter {path}: {e}"));
            make()
        });
        entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let mut delete = Command::new("ip");
        delete.args(["netns", "del", &self.name]).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = delete.status();
    }
}

/// See [`Namespace::command`].
pub(crate) fn command_in(namespace: &str, program: &OsStr) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={NAMES}/{namespace}"));
    command.args(["setpriv", "--pdeathsig", "KILL", "--"]).arg(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"DHCP4O6_"))
    {
        command.env_remove(name);
    }
    command
}

/// Runs a command to its end and returns what it printed.
fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8_lossy(&output.stdout).into_owned()
}
