//! What stands at the provider while load is put on it: our server, Kea's pair, or a bare echo; and the load.

use crate::service::{kilobytes, processor_time};
use dhcp4o6_protocol::ids::Xid4;
use dhcp4o6_protocol::wire::o6::{CodePoints, Header, emit_query};
use dhcp4o6_protocol::wire::relay::Envelope;
use dhcp4o6_protocol::wire::v4::{self, Outgoing, code};
use dhcp4o6_protocol::wire::v6::MessageType;
use dhcp4o6_tests::{Kea, KeaSettings, Lab, Process, program};
use serde_json::Value;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Where the provider is asked.
pub(crate) const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1);
/// Room for every lease that a run can make.
const NETWORK: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 0, 0, 0), 8);
/// Leases outlive every run.
const LIFETIME: (u32, u32, u32) = (86_400, 43_200, 75_600);
/// Longest wait for a server to serve.
const PATIENCE: Duration = Duration::from_secs(60);

const CONFIG: &str = r#"
[server]
interfaces = ["s0"]
addresses = ["2001:db8:6::1"]
accept-from = ["2001:db8::/32"]
server-id = "192.0.2.1"

[server.tsv]
addresses = ["2001:db8:6::1"]
accept-from = ["2001:db8::/32"]

[server.limits]
messages-per-source = 0
messages-per-interface-id = 0
leases-per-origin = 0
offered-percent = 100

[[server.subnet]]
prefix = "10.0.0.0/8"
pools = ["10.0.0.10-10.255.255.245"]
interfaces = ["s0"]
link-addresses = ["2001:db8:6::/64"]
sources = ["2001:db8::/32"]
lease-time = "1d"
"#;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum System {
    /// dhcp4o6d, role server, built-in engine.
    Ours,
    /// kea-dhcp6 and kea-dhcp4.
    Kea,
    /// dhcp4o6-load echo.
    Echo,
}

impl System {
    pub(crate) const ALL: [Self; 3] = [Self::Ours, Self::Kea, Self::Echo];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ours => "dhcp4o6d",
            Self::Kea => "Kea's pair",
            Self::Echo => "bare echo",
        }
    }
}

/// A provider and a customer, joined, with an address for the pretended relay agent.
pub(crate) fn lab() -> Lab {
    let lab = Lab::new();
    lab.customer.ip("addr add 2001:db8:6::2/64 dev c0 nodad");
    lab
}

/// One of the systems, serving without any lease.
pub(crate) enum Provider {
    Ours(Server),
    /// Kept for its end.
    #[expect(dead_code, reason = "ends with the value")]
    Kea(Box<Kea>),
    /// Kept for its end.
    #[expect(dead_code, reason = "ends with the value")]
    Echo(Process),
}

impl Provider {
    /// Starts it at the provider of `lab` and waits until it answers.
    pub(crate) fn start(lab: &Lab, system: System) -> Self {
        match system {
            System::Ours => {
                let _ = fs::remove_dir_all(state());
                let server = Server::start(lab);
                await_answer(lab);
                Self::Ours(server)
            }
            System::Kea => {
                let kea = Kea::start(
                    lab,
                    KeaSettings {
                        network4: Some(NETWORK),
                        lifetime4: LIFETIME,
                        unicast: Some(SERVER),
                        addresses: false,
                        prefixes: false,
                        quiet: true,
                        ..KeaSettings::default()
                    },
                );
                await_answer(lab);
                Self::Kea(Box::new(kea))
            }
            System::Echo => {
                let mut command = lab.provider.command(program("dhcp4o6-load"));
                command.arg("echo");
                let process = Process::spawn(command, &lab.dir().join("echo.log"));
                process.wait_line("listening");
                Self::Echo(process)
            }
        }
    }

    /// Processor time of our server so far, seconds.
    pub(crate) fn processor_time(&self) -> Option<f64> {
        match self {
            Self::Ours(server) => Some(processor_time(&server.0)),
            Self::Kea(_) | Self::Echo(_) => None,
        }
    }
}

/// dhcp4o6d with the leases that are in [`state`].
pub(crate) struct Server(Process);

impl Server {
    /// Starts it; it may not serve yet.
    pub(crate) fn start(lab: &Lab) -> Self {
        let file = lab.dir().join("server.toml");
        fs::write(&file, CONFIG).expect("the configuration can be written");
        let mut command = lab.provider.command(program("dhcp4o6d"));
        command.args(["--side", "provider", "--bus", "none", "--log", "warn", "--config"]).arg(&file);
        command.arg("--state-dir").arg(state());
        Self(Process::spawn(command, &lab.dir().join("server.log")))
    }

    /// TERM, and waits for its end.
    pub(crate) fn stop(&mut self) {
        self.0.stop();
    }

    /// Resident memory, MB of 2^20.
    pub(crate) fn resident(&self) -> f64 {
        kilobytes(&self.0, "status", "VmRSS") / 1024.0
    }

    /// The most it ever was, MB of 2^20.
    pub(crate) fn peak(&self) -> f64 {
        kilobytes(&self.0, "status", "VmHWM") / 1024.0
    }
}

/// Where our server keeps its leases: on a real disk and not in the laboratory's memory, because it writes a lease
/// through before it acknowledges it.
pub(crate) fn state() -> PathBuf {
    crate::output().join("bench-state")
}

/// The kind of file system that [`state`] is on.
pub(crate) fn file_system() -> String {
    let output = Command::new("findmnt").args(["-n", "-o", "FSTYPE", "-T"]).arg(crate::output()).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Puts load on the provider of `lab`: `options` besides the server. Returns the tool's figures.
pub(crate) fn load(lab: &Lab, options: &str) -> Value {
    load_in(lab.customer.command(program("dhcp4o6-load")), &format!("--server {SERVER} {options}"))
}

/// Processor time for one acquisition, microseconds: of `seconds` that a server took for a load with 500 ms of warming up.
pub(crate) fn cost(figures: &Value, seconds: f64) -> f64 {
    let figure = |name: &str| figures.get(name).and_then(Value::as_f64).unwrap_or(f64::NAN);
    // The half second before is not counted among the acquisitions.
    seconds / (figure("dora_per_second") * (figure("seconds") + 0.5)) * 1e6
}

/// As [`load`], with a command that runs the tool and all its options.
pub(crate) fn load_in(mut command: Command, options: &str) -> Value {
    command.arg("--json").args(options.split_whitespace()).stdin(Stdio::null()).stderr(Stdio::inherit());
    let output = command.output().expect("dhcp4o6-load starts");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("dhcp4o6-load {options}: {e}"))
}

/// Asks the provider of `lab` until it answers; returns how long that took.
pub(crate) fn await_answer(lab: &Lab) -> Duration {
    let socket =
        lab.customer.enter(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 547)).expect("port 547 is free"));
    socket.set_read_timeout(Some(Duration::from_millis(2))).expect("a time limit");
    let (begun, query) = (Instant::now(), discover());
    loop {
        // Nobody may listen yet.
        let _ = socket.send_to(&query, (SERVER, 547));
        if socket.recv(&mut [0; 2048]).is_ok() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < PATIENCE, "no answer within {PATIENCE:?}");
    }
}

/// A relayed query of a client that is none of the load's.
fn discover() -> Vec<u8> {
    let message = Outgoing {
        op: v4::BOOTREQUEST,
        htype: 1,
        hardware: vec![2, 0, 0, 0, 0, 1],
        xid: Xid4(1),
        secs: 0,
        flags: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        options: vec![
            (code::MESSAGE_TYPE, vec![v4::MessageType::DISCOVER.0]),
            (code::CLIENT_ID, vec![0xff, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
        ],
    };
    let message = message.emit().expect("a short message");
    let query = emit_query(CodePoints::RFC7341, Header::Flags { unicast: false }, &[], &message);
    Envelope {
        kind: MessageType::RELAY_FORW,
        hop_count: 0,
        link_address: Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 2),
        peer_address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        options: Vec::new(),
        message: &query.expect("a short message"),
    }
    .emit()
    .expect("a short message")
}
