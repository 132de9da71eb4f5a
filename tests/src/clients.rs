//! DHCPv4 clients as distributions have them. They know nothing of IPv6.

use crate::lab::Namespace;
use crate::process::{Process, unconfined};
use nix::sys::signal::Signal;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What each of them runs when something happens: says it in a line and, for those that leave that to a script, puts the
/// address on the interface, with a route to the router and behind it.
const SCRIPT: &str = r#"#!/bin/sh
set -u
kind=${reason:-${1:-}}
case $kind in BOUND|REBOOT|RENEW|REBIND) address=$new_ip_address ;; bound|renew) address=$ip ;; *) address= ;; esac
if [ "${by_itself:-}" != 1 ]; then
  case $kind in
    PREINIT|deconfig)
      ip link set dev "$interface" up
      ip -4 addr flush dev "$interface" ;;
    BOUND|REBOOT|RENEW|REBIND|bound|renew)
      prefix=$address/${new_subnet_mask:-${mask:-32}}
      ip -4 addr show dev "$interface" | grep -q " $address/" || ip -4 addr flush dev "$interface"
      ip -4 addr replace "$prefix" dev "$interface"
      for router in ${new_routers:-${router:-}}; do
        ip -4 route replace default via "$router" dev "$interface" onlink
        break
      done ;;
    EXPIRE|FAIL|RELEASE|STOP|nak) ip -4 addr flush dev "$interface" ;;
  esac
fi
echo "EVENT $kind ${address:-none} ${new_dhcp_server_identifier:-${serverid:-none}}"
exit 0
"#;

/// Whose client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stock {
    /// busybox's.
    Udhcpc,
    /// ISC's.
    Dhclient,
    /// dhcpcd.
    Dhcpcd,
}

impl Stock {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Udhcpc, Self::Dhclient, Self::Dhcpcd];

    /// Its program.
    pub const fn program(self) -> &'static str {
        match self {
            Self::Udhcpc => "udhcpc",
            Self::Dhclient => "dhclient",
            Self::Dhcpcd => "dhcpcd",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Udhcpc => "udhcpc",
            Self::Dhclient => "isc-dhcp-client",
            Self::Dhcpcd => "dhcpcd-base",
        }
    }
}

/// A client that runs on one interface. It looks after that interface's IPv4 alone: no resolver, no host name.
pub struct StockClient {
    make: Stock,
    process: Process,
    interface: String,
    dir: PathBuf,
    namespace: String,
}

impl StockClient {
    /// Starts it on `interface`, which may be down. Its files are in `dir`.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start(namespace: &Namespace, make: Stock, interface: &str, dir: &Path) -> Self {
        Self::run(namespace, make, interface, dir, true)
    }

    /// As [`StockClient::start`], leaving the interface's addresses to others. dhcpcd cannot.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn watch(namespace: &Namespace, make: Stock, interface: &str, dir: &Path) -> Self {
        assert!(make != Stock::Dhcpcd, "it configures by itself");
        Self::run(namespace, make, interface, dir, false)
    }

    fn run(namespace: &Namespace, make: Stock, interface: &str, dir: &Path, configures: bool) -> Self {
        fs::create_dir_all(dir).expect("a directory for the client");
        let script = dir.join("script");
        fs::write(&script, SCRIPT).expect("the script can be written");
        run(Command::new("chmod").arg("755").arg(&script));
        let mut client = match make {
            Stock::Udhcpc => {
                let mut command = namespace.command(unconfined(dir, make.program(), make.package()));
                command.args(["-f", "-t", "100", "-T", "1", "-i", interface, "-s"]).arg(&script);
                command
            }
            Stock::Dhclient => {
                let mut command = namespace.command(unconfined(dir, make.program(), make.package()));
                command.args(dhclient(dir)).args(["-d", "-v"]).arg(interface);
                command
            }
            Stock::Dhcpcd => {
                let config = dir.join("conf");
                let text = format!(
                    "noipv4ll\nnohook resolv.conf, hostname\nclientid\noption routers\nreboot 1\nscript {}\n",
                    script.display()
                );
                fs::write(&config, text).expect("the configuration can be written");
                // It keeps leases and its control socket in directories of the system: of its own here.
                let program = unconfined(dir, make.program(), make.package());
                let inside = format!(
                    "mkdir -p /var/lib/dhcpcd && mount -t tmpfs none /var/lib/dhcpcd && mount -t tmpfs none /run && \
                     exec {} -B -d -4 -f {} {interface}",
                    program.display(),
                    config.display()
                );
                let mut command = namespace.command("unshare");
                command.args(["--mount", "sh", "-c"]).arg(inside);
                command
            }
        };
        client.env("interface", interface);
        if make == Stock::Dhcpcd || !configures {
            client.env("by_itself", "1");
        }
        let process = Process::spawn(client, &dir.join(format!("{}.log", make.program())));
        Self {
            make,
            process,
            interface: interface.to_owned(),
            dir: dir.to_owned(),
            namespace: namespace.name().to_owned(),
        }
    }

    /// Whose it is.
    pub fn make(&self) -> Stock {
        self.make
    }

    /// A mark for [`StockClient::wait_lease`].
    pub fn mark(&self) -> usize {
        self.process.mark()
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Waits until it has a lease, or extended one, after `mark`: its address.
    ///
    /// # Panics
    /// When it gets none within `limit`.
    pub fn wait_lease(&self, mark: usize, limit: Duration) -> Ipv4Addr {
        let kinds = ["BOUND", "REBOOT", "RENEW", "REBIND", "bound", "renew"];
        self.wait_event(mark, limit, &kinds).unwrap_or_else(|| {
            panic!("{} has no lease; it said:\n{}", self.make.program(), self.process.lines().join("\n"))
        })
    }

    /// Waits until it extends the lease it has, after `mark`: the address.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn wait_renewed(&self, mark: usize, limit: Duration) -> Ipv4Addr {
        self.wait_event(mark, limit, &["RENEW", "REBIND", "renew"]).unwrap_or_else(|| {
            panic!("{} did not renew; it said:\n{}", self.make.program(), self.process.lines().join("\n"))
        })
    }

    fn wait_event(&self, mark: usize, limit: Duration, kinds: &[&str]) -> Option<Ipv4Addr> {
        let line = self.process.wait_for(mark, limit, |line| {
            let mut words = line.split_whitespace();
            words.next() == Some("EVENT") && words.next().is_some_and(|kind| kinds.contains(&kind))
        })?;
        line.split_whitespace().nth(2)?.parse().ok()
    }

    /// Makes it renew now, where it can be made to; dhclient only does when its lease is old enough.
    ///
    /// # Panics
    /// When it has ended.
    pub fn renew(&self) {
        match self.make {
            Stock::Udhcpc | Stock::Dhcpcd => self.process.signal(Signal::SIGUSR1),
            Stock::Dhclient => {}
        }
    }

    /// Makes it give its lease back and end.
    ///
    /// # Panics
    /// When it does not end.
    pub fn release(mut self) {
        match self.make {
            Stock::Udhcpc => {
                self.process.signal(Signal::SIGUSR2);
                self.process.wait_line("released");
                self.process.stop();
            }
            Stock::Dhcpcd => {
                // What comes while it runs its script is lost to it at times.
                let mark = self.process.mark();
                for _ in 0..5 {
                    self.process.signal(Signal::SIGALRM);
                    let heard = |line: &str| line.contains("SIGALRM");
                    if self.process.wait_for(mark, Duration::from_secs(2), heard).is_some() {
                        break;
                    }
                }
                self.process.wait_end(Duration::from_secs(10));
            }
            Stock::Dhclient => {
                // The one that releases ends the one that runs.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", &self.namespace]).arg(unconfined(
                    &self.dir,
                    self.make.program(),
                    self.make.package(),
                ));
                run(command.arg("-r").args(dhclient(&self.dir)).arg(&self.interface));
                self.process.wait_end(Duration::from_secs(10));
            }
        }
    }
}

/// What every dhclient gets: no configuration, and files of its own.
fn dhclient(dir: &Path) -> Vec<String> {
    let file = |name: &str| dir.join(name).to_string_lossy().into_owned();
    let files = ["-4", "-cf", "/dev/null", "-sf"].map(str::to_owned).into_iter();
    let more = [file("script"), "-lf".to_owned(), file("leases"), "-pf".to_owned(), file("pid")];
    files.chain(more).collect()
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
}
