//! DHCPv4 servers as distributions have them. They know nothing of IPv6 and serve what a relay agent sends them.

use crate::kea;
use crate::lab::{Lab, Namespace};
use crate::process::{Process, unconfined};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// Whose server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Make {
    /// kea-dhcp4.
    Kea,
    /// ISC dhcpd.
    Isc,
    /// dnsmasq.
    Dnsmasq,
}

/// Addresses that it gives out in one network of 24 bits. The first host there is the router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pool {
    /// The network.
    pub network: Ipv4Addr,
    /// Last octets of the first and last address.
    pub hosts: (u8, u8),
}

impl Pool {
    fn host(self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.network.octets();
        Ipv4Addr::new(a, b, c, last)
    }

    fn range(self) -> [Ipv4Addr; 2] {
        [self.hosts.0, self.hosts.1].map(|last| self.host(last))
    }
}

/// How it is set up.
#[derive(Clone, Debug)]
pub struct PlainSettings {
    /// Whose.
    pub make: Make,
    /// Servers of one lab differ in it: 1 to 9.
    pub number: u8,
    /// What it gives out.
    pub pools: Vec<Pool>,
    /// Lifetime of leases, T1 and T2, seconds. dnsmasq takes at least 120 for the first.
    pub lifetime: (u32, u32, u32),
    /// NAK for addresses that do not belong where the client is.
    pub authoritative: bool,
}

impl PlainSettings {
    /// One pool in 192.0.2.0/24, leases of ten minutes.
    pub fn of(make: Make) -> Self {
        let pools = vec![Pool { network: Ipv4Addr::new(192, 0, 2, 0), hosts: (100, 199) }];
        Self { make, number: 1, pools, lifetime: (600, 300, 525), authoritative: true }
    }

    /// Its address, and its identifier.
    pub fn address(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, self.number, 1)
    }

    fn kea(&self, dir: &Path) -> Value {
        let (lifetime, renew, rebind) = self.lifetime;
        let subnet = |(pool, id): (&Pool, u32)| {
            let [first, last] = pool.range();
            json!({
                "id": id, "subnet": format!("{}/24", pool.network), "pools": [{ "pool": format!("{first}-{last}") }],
                "option-data": [{ "name": "routers", "data": pool.host(1) }],
            })
        };
        json!({ "Dhcp4": {
            "interfaces-config": { "interfaces": ["d0"], "dhcp-socket-type": "udp",
                "service-sockets-max-retries": 50, "service-sockets-retry-wait-time": 100 },
            "lease-database": { "type": "memfile", "name": dir.join("leases"), "lfc-interval": 0 },
            "valid-lifetime": lifetime, "renew-timer": renew, "rebind-timer": rebind,
            "authoritative": self.authoritative,
            "subnet4": self.pools.iter().zip(1..).map(subnet).collect::<Vec<_>>(),
            "loggers": [kea::logger("kea-dhcp4", "INFO")],
        } })
    }

    fn isc(&self) -> String {
        let (lifetime, renew, rebind) = self.lifetime;
        let own = Ipv4Addr::from(u32::from(self.address()) & 0xffff_ff00);
        let mut text = format!(
            "{}authoritative;\nping-check off;\ndefault-lease-time {lifetime};\nmax-lease-time {lifetime};\n\
             min-lease-time {lifetime};\noption dhcp-renewal-time {renew};\noption dhcp-rebinding-time {rebind};\n\
             subnet {own} netmask 255.255.255.0 {{}}\n",
            if self.authoritative { "" } else { "not " },
        );
        for pool in &self.pools {
            let (network, router, [first, last]) = (pool.network, pool.host(1), pool.range());
            let _ = writeln!(
                text,
                "subnet {network} netmask 255.255.255.0 {{ range {first} {last}; option routers {router}; }}"
            );
        }
        text
    }

    fn dnsmasq(&self, dir: &Path) -> String {
        let (lifetime, renew, rebind) = self.lifetime;
        let mut text = format!(
            "port=0\nno-resolv\nno-hosts\ninterface=d0\nexcept-interface=lo\nbind-interfaces\npid-file\n\
             dhcp-leasefile={}\nlog-facility=-\nlog-dhcp\nno-ping\ndhcp-option=58,{renew}\ndhcp-option=59,{rebind}\n{}",
            dir.join("leases").display(),
            if self.authoritative { "dhcp-authoritative\n" } else { "" },
        );
        for (pool, tag) in self.pools.iter().zip(1..) {
            let (router, [first, last]) = (pool.host(1), pool.range());
            let _ = writeln!(text, "dhcp-range=set:p{tag},{first},{last},255.255.255.0,{lifetime}");
            let _ = writeln!(text, "dhcp-option=tag:p{tag},option:router,{router}");
        }
        text
    }
}

/// A running server in a namespace of its own. Its `d0` has 10.0.N.1/24, the provider's `dN` 10.0.N.254/24; everything
/// else it reaches through the provider. Fields are dropped in this order.
pub struct Plain {
    process: Option<Process>,
    /// Change them, then start it again.
    pub settings: PlainSettings,
    /// Where it runs.
    pub namespace: Namespace,
    dir: PathBuf,
}

impl Plain {
    /// Joins it to the provider of `lab` and starts it; returns when it serves.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(lab: &Lab, settings: PlainSettings) -> Self {
        let number = settings.number;
        let namespace = lab.namespace(&format!("d{number}"));
        let near = format!("d{number}");
        lab.join((&lab.provider, &near), (&namespace, "d0"));
        lab.provider.ip(&format!("addr add 10.0.{number}.254/24 dev {near}"));
        namespace.ip(&format!("addr add {}/24 dev d0", settings.address()));
        namespace.ip(&format!("route add default via 10.0.{number}.254"));
        let dir = lab.dir().join(format!("plain-{number}"));
        fs::create_dir_all(&dir).expect("a directory for the DHCPv4 server");
        let mut plain = Self { process: None, settings, namespace, dir };
        plain.start_again();
        plain
    }

    /// Starts it once more, with the settings as they are now. Its leases are kept.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_again(&mut self) {
        self.stop();
        let (process, ready) = match self.settings.make {
            Make::Kea => (
                kea::spawn(&self.namespace, "kea-dhcp4", &self.dir, &self.settings.kea(&self.dir)),
                "DHCP4_STARTED",
            ),
            Make::Isc => (self.spawn_isc(), "Server starting service"),
            Make::Dnsmasq => (self.spawn_dnsmasq(), "sockets bound exclusively"),
        };
        process.wait_line(ready);
        self.process = Some(process);
    }

    /// TERM, then waits for its end.
    pub fn stop(&mut self) {
        self.process = None;
    }

    /// Its process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("it runs")
    }

    fn spawn_isc(&self) -> Process {
        let (config, leases) = (self.dir.join("dhcpd.conf"), self.dir.join("leases"));
        fs::write(&config, self.settings.isc()).expect("the configuration can be written");
        fs::File::options().create(true).append(true).open(&leases).expect("it wants its file to be there");
        let mut command = self.namespace.command(unconfined(&self.dir, "dhcpd", "isc-dhcp-server"));
        command.args(["-f", "-d", "-4", "--no-pid", "-cf"]).arg(&config).arg("-lf").arg(&leases).arg("d0");
        Process::spawn(command, &self.dir.join("dhcpd.log"))
    }

    fn spawn_dnsmasq(&self) -> Process {
        let config = self.dir.join("dnsmasq.conf");
        fs::write(&config, self.settings.dnsmasq(&self.dir)).expect("the configuration can be written");
        let mut command = self.namespace.command(unconfined(&self.dir, "dnsmasq", "dnsmasq-base"));
        // Without leaving root, which the only user of a user namespace cannot do.
        command.arg("--no-daemon").arg(format!("--conf-file={}", config.display()));
        Process::spawn(command, &self.dir.join("dnsmasq.log"))
    }
}
