//! Kea as the provider: its DHCPv6 server and its DHCPv4 server, joined for DHCPv4 over DHCPv6.

use crate::lab::{Lab, Namespace};
use crate::process::{Process, unconfined};
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// First of the two loopback ports by which Kea's halves talk. Every server has a namespace, so it is always free.
const JOINT_PORT: u16 = 6767;

/// What the DHCPv6 server says about DHCPv4 over DHCPv6.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Option88 {
    /// Nothing: not offered.
    Absent,
    /// These servers; none is the multicast group.
    Servers(Vec<Ipv6Addr>),
}

/// How Kea is set up.
#[derive(Clone, Debug)]
pub struct KeaSettings {
    /// Interface it serves.
    pub interface: String,
    /// Last octet of its DUID and of its IPv4 pool's base: servers on one link differ in it.
    pub number: u8,
    /// Whether IA_NA gets an address.
    pub addresses: bool,
    /// Whether IA_PD gets a /56.
    pub prefixes: bool,
    /// Option 88.
    pub option88: Option88,
    /// Answers Solicit with Rapid Commit by Reply.
    pub rapid_commit: bool,
    /// Option 7, 0 to 255.
    pub preference: Option<u8>,
    /// Valid lifetime of DHCPv6 leases, seconds; T1 is half of it, T2 five eighths.
    pub lifetime6: u32,
    /// Information refresh time, seconds.
    pub refresh: u32,
    /// Unicast address of the interface it also listens on.
    pub unicast: Option<Ipv6Addr>,
    /// Lifetime of DHCPv4 leases, T1 and T2, seconds.
    pub lifetime4: (u32, u32, u32),
    /// Last octets of the first and last address of the pool in 192.0.2.0/24.
    pub pool4: (u8, u8),
    /// Serves all of this network instead of 192.0.2.0/24, without its first and last ten addresses.
    pub network4: Option<(Ipv4Addr, u8)>,
    /// NAK for addresses it knows nothing of.
    pub authoritative: bool,
    /// Classless routes (option 121): network, length and router.
    pub routes: Vec<(Ipv4Addr, u8, Ipv4Addr)>,
    /// Interface MTU (option 26).
    pub mtu: u16,
    /// IPv6 sources it serves DHCPv4 to.
    pub sources: &'static str,
    /// Further subnets of the DHCPv6 server, in Kea's wording.
    pub more6: Vec<Value>,
    /// Further DHCPv4 options in Kea's wording.
    pub more4: Vec<Value>,
    /// Logs no single lease: for measurements.
    pub quiet: bool,
}

impl Default for KeaSettings {
    fn default() -> Self {
        Self {
            interface: "s0".to_owned(),
            number: 1,
            addresses: true,
            prefixes: true,
            option88: Option88::Servers(Vec::new()),
            rapid_commit: false,
            preference: None,
            lifetime6: 600,
            refresh: 600,
            unicast: None,
            lifetime4: (600, 300, 525),
            pool4: (100, 199),
            network4: None,
            authoritative: false,
            routes: vec![
                (Ipv4Addr::new(198, 51, 100, 0), 24, Ipv4Addr::new(192, 0, 2, 1)),
                (Ipv4Addr::UNSPECIFIED, 0, Ipv4Addr::new(192, 0, 2, 1)),
            ],
            mtu: 1420,
            sources: "::/0",
            more6: Vec::new(),
            more4: Vec::new(),
            quiet: false,
        }
    }
}

impl KeaSettings {
    fn dhcp6(&self, dir: &Path) -> Value {
        let interface = &self.interface;
        let mut listen = vec![interface.clone()];
        listen.extend(self.unicast.map(|address| format!("{interface}/{address}")));
        let mut options = vec![
            json!({ "name": "dns-servers", "data": "2001:db8:6::53" }),
            json!({ "name": "domain-search", "data": "example.test" }),
            json!({ "name": "information-refresh-time", "data": self.refresh.to_string() }),
        ];
        if let Option88::Servers(servers) = &self.option88 {
            let octets: String =
                servers.iter().flat_map(Ipv6Addr::octets).map(|o| format!("{o:02x}")).collect();
            options.push(json!({ "code": 88, "space": "dhcp6", "csv-format": false, "data": octets }));
        }
        if let Some(preference) = self.preference {
            options
                .push(json!({ "name": "preference", "data": preference.to_string(), "always-send": true }));
        }
        let base = u16::from(self.number) * 0x100;
        let pool = json!({ "pool": format!("2001:db8:6::{:x}-2001:db8:6::{:x}", base, base + 0xff) });
        let prefixes = json!({
            "prefix": format!("2001:db8:{:x}::", 0xd000 + base), "prefix-len": 40, "delegated-len": 56
        });
        let mut subnets = vec![json!({
            "id": 1, "subnet": "2001:db8:6::/64", "interface": interface, "rapid-commit": self.rapid_commit,
            "pools": if self.addresses { vec![pool] } else { vec![] },
            "pd-pools": if self.prefixes { vec![prefixes] } else { vec![] },
        })];
        subnets.extend(self.more6.clone());
        json!({ "Dhcp6": {
            "interfaces-config": { "interfaces": listen, "service-sockets-max-retries": 50,
                "service-sockets-retry-wait-time": 100 },
            "dhcp4o6-port": JOINT_PORT,
            "lease-database": { "type": "memfile", "name": dir.join("leases6.csv"), "lfc-interval": 0 },
            "data-directory": dir,
            "server-id": { "type": "LL", "htype": 1, "identifier": format!("02005e0000{:02x}", self.number) },
            "valid-lifetime": self.lifetime6, "preferred-lifetime": self.lifetime6 * 3 / 4,
            "renew-timer": self.lifetime6 / 2, "rebind-timer": self.lifetime6 * 5 / 8,
            "option-data": options,
            "subnet6": subnets,
            "loggers": self.loggers("kea-dhcp6", "dhcp6"),
        } })
    }

    fn dhcp4(&self, dir: &Path) -> Value {
        let (lifetime, renew, rebind) = self.lifetime4;
        let (subnet, pool) = self.subnet4();
        let routes: String = self.routes.iter().map(|route| route_octets(*route)).collect();
        let mut options = self.more4.clone();
        options.extend([
            json!({ "name": "routers", "data": "192.0.2.1" }),
            json!({ "name": "domain-name-servers", "data": "192.0.2.53" }),
            json!({ "name": "domain-name", "data": "example.test" }),
            json!({ "name": "interface-mtu", "data": self.mtu.to_string() }),
        ]);
        if !routes.is_empty() {
            options.push(json!({ "code": 121, "space": "dhcp4", "csv-format": false, "data": routes }));
        }
        json!({ "Dhcp4": {
            // A plain socket and not a raw one: a raw one would also answer DHCPv4 broadcasts on the link.
            "interfaces-config": { "interfaces": [self.interface], "dhcp-socket-type": "udp",
                "service-sockets-max-retries": 50, "service-sockets-retry-wait-time": 100 },
            "dhcp4o6-port": JOINT_PORT,
            "lease-database": { "type": "memfile", "name": dir.join("leases4.csv"), "lfc-interval": 0 },
            "valid-lifetime": lifetime, "renew-timer": renew, "rebind-timer": rebind,
            "authoritative": self.authoritative,
            "subnet4": [{
                "id": 1, "subnet": subnet, "pools": [{ "pool": pool }],
                "4o6-subnet": self.sources, "4o6-interface": self.interface,
                "option-data": options,
            }],
            "loggers": self.loggers("kea-dhcp4", "dhcp4"),
        } })
    }

    /// `main` is the logger that says when the server has started.
    fn loggers(&self, root: &str, main: &str) -> Vec<Value> {
        if self.quiet {
            vec![logger(root, "WARN"), logger(&format!("{root}.{main}"), "INFO")]
        } else {
            vec![logger(root, "INFO")]
        }
    }

    /// The IPv4 network and its pool, as Kea words them.
    fn subnet4(&self) -> (String, String) {
        let Some((network, length)) = self.network4 else {
            let (first, last) = self.pool4;
            return ("192.0.2.0/24".to_owned(), format!("192.0.2.{first}-192.0.2.{last}"));
        };
        let first = u32::from(network) + 10;
        let last = u32::from(network) + (u32::MAX >> length) - 10;
        (format!("{network}/{length}"), format!("{}-{}", Ipv4Addr::from(first), Ipv4Addr::from(last)))
    }
}

/// Starts one of its programs with its files in `dir`.
pub(crate) fn spawn(namespace: &Namespace, name: &str, dir: &Path, settings: &Value) -> Process {
    let file = dir.join(format!("{name}.json"));
    fs::write(&file, format!("{settings:#}")).expect("Kea's configuration can be written");
    let mut command = namespace.command(unconfined(dir, name, &format!("{name}-server")));
    command.arg("-c").arg(&file);
    // The last two are wanted by Kea 2.6.3 and later for files outside its own directories.
    for place in ["KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_DHCP_DATA_DIR", "KEA_LOG_FILE_DIR"] {
        command.env(place, dir);
    }
    Process::spawn(command, &dir.join(format!("{name}.log")))
}

pub(crate) fn logger(name: &str, severity: &str) -> Value {
    json!({ "name": name, "severity": severity, "output_options": [{ "output": "stdout", "flush": true }] })
}

/// One route as RFC 3442 has it: length, significant octets of the network, router.
fn route_octets((network, length, router): (Ipv4Addr, u8, Ipv4Addr)) -> String {
    let significant = usize::from(length.div_ceil(8));
    let octets =
        [length].into_iter().chain(network.octets().into_iter().take(significant)).chain(router.octets());
    octets.map(|octet| format!("{octet:02x}")).collect()
}

/// The two servers.
pub struct Kea {
    /// Change them, then start a half again.
    pub settings: KeaSettings,
    dir: PathBuf,
    halves: [Option<Process>; 2],
}

/// One of Kea's two servers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Half {
    Dhcp6,
    Dhcp4,
}

impl Kea {
    /// Starts both at the provider of `lab`; returns when both serve.
    ///
    /// # Panics
    /// When they do not start.
    pub fn start(lab: &Lab, settings: KeaSettings) -> Self {
        Self::start_in(lab, &lab.provider, settings)
    }

    /// As [`Kea::start`], in another namespace. Its interface needs an IPv4 address.
    ///
    /// # Panics
    /// When they do not start.
    pub fn start_in(lab: &Lab, namespace: &Namespace, settings: KeaSettings) -> Self {
        let dir = lab.dir().join(format!("kea-{}", settings.number));
        fs::create_dir_all(&dir).expect("a directory for Kea");
        let mut kea = Self { settings, dir, halves: [None, None] };
        let spawned = [Half::Dhcp6, Half::Dhcp4].map(|half| kea.spawn(namespace, half));
        kea.halves = spawned.map(Some);
        kea.wait_started(Half::Dhcp6);
        kea.wait_started(Half::Dhcp4);
        kea
    }

    /// Ends the DHCPv6 half.
    pub fn stop6(&mut self) {
        self.halves[Half::Dhcp6 as usize] = None;
    }

    /// Ends the DHCPv4 half.
    pub fn stop4(&mut self) {
        self.halves[Half::Dhcp4 as usize] = None;
    }

    /// Starts the DHCPv6 half (again) with the settings as they are now. Its leases are kept.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start6(&mut self, lab: &Lab) {
        self.stop6();
        self.halves[Half::Dhcp6 as usize] = Some(self.spawn(&lab.provider, Half::Dhcp6));
        self.wait_started(Half::Dhcp6);
    }

    /// Starts the DHCPv4 half (again) with the settings as they are now. Its leases are kept.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start4(&mut self, lab: &Lab) {
        self.stop4();
        self.halves[Half::Dhcp4 as usize] = Some(self.spawn(&lab.provider, Half::Dhcp4));
        self.wait_started(Half::Dhcp4);
    }

    /// The DHCPv4 half's leases are lost. It must not run.
    pub fn forget4(&self) {
        assert!(self.halves[Half::Dhcp4 as usize].is_none(), "stop it first");
        let _ = fs::remove_file(self.dir.join("leases4.csv"));
    }

    fn spawn(&self, namespace: &Namespace, half: Half) -> Process {
        let (name, settings) = match half {
            Half::Dhcp6 => ("kea-dhcp6", self.settings.dhcp6(&self.dir)),
            Half::Dhcp4 => ("kea-dhcp4", self.settings.dhcp4(&self.dir)),
        };
        spawn(namespace, name, &self.dir, &settings)
    }

    fn wait_started(&self, half: Half) {
        let text = match half {
            Half::Dhcp6 => "DHCP6_STARTED",
            Half::Dhcp4 => "DHCP4_STARTED",
        };
        self.halves[half as usize].as_ref().expect("spawned before").wait_line(text);
    }
}
