//! The event loop: one thread, one socket.

use super::args::{CLIENT_PORT, Load, Mode, SERVER_PORT, SERVER4_PORT};
use super::batch::{Addresses, BATCH, Family, Inbox, Outbox, Socket};
use super::clock::now;
use super::crowd::{Crowd, Task};
use super::figures::{Circumstances, Report};
use super::progress::Progress;
use super::way::{Carrier, Post, Way};
use dhcp4o6_protocol::time::{Instant, earliest};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::MsgFlags;
use std::io::{self, Read as _};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

/// How long it is measured if nobody says.
pub(super) const DURATION: Duration = Duration::from_secs(10);
/// Clients without a lease are waited for in mode renew, as long as others get one within this time.
const BINDING_PAUSE: Duration = Duration::from_secs(10);
/// As many as fit an address of [`super::identity::Place`].
const MAX_SLOTS: u32 = (1 << 24) - 1;

/// Puts the load on the server and says what came of it.
///
/// # Errors
/// When it cannot be done here, in a sentence for people.
pub(crate) fn run(load: &Load) -> Result<Report, String> {
    let place = place(load)?;
    let seed = load.seed.map_or_else(random, Ok).map_err(|e| format!("no random numbers: {e}"))?;
    let slots = match load.mode {
        Mode::Dora => load.outstanding.min(load.clients.unwrap_or(u32::MAX)),
        Mode::Renew | Mode::Flood => load.clients.unwrap_or(load.outstanding),
    };
    if slots > MAX_SLOTS {
        return Err(format!("--clients can be at most {MAX_SLOTS} in this mode"));
    }
    let task = Task {
        mode: load.mode,
        slots,
        clients: if load.mode == Mode::Dora { load.clients } else { Some(slots) },
        release: load.release,
        chaddr: !load.no_chaddr,
        seed,
    };
    let Place { name, to, socket, addresses, post } = place;
    let crowd = Crowd::new(task, post, Outbox::new(to));
    let run = Run::new(load, socket, addresses, crowd).map_err(|e| e.to_string())?;
    let failed = |e: io::Error| format!("{name}: {e}");
    let Ran { crowd, measured, bound_in } =
        if load.mode == Mode::Flood { run.flood(to) } else { run.complete() }.map_err(failed)?;
    let circumstances = Circumstances {
        server: name,
        seed,
        measured,
        bound: crowd.bound(),
        bound_in,
        unfinished: crowd.busy(),
    };
    Ok(Report::new(load, crowd.figures, circumstances))
}

/// Where the clients are, and whom they speak to.
struct Place {
    /// Of the server, or of the link.
    name: String,
    /// `None` is everybody on the link.
    to: Option<SocketAddrV6>,
    socket: Socket,
    addresses: Addresses,
    post: Post,
}

fn place(load: &Load) -> Result<Place, String> {
    if let Some(link) = &load.link {
        if load.mode != Mode::Flood {
            return Err("--link is for mode flood only".to_owned());
        }
        let socket = Socket::on_link(link).map_err(|e| format!("no frames can be sent by {link}: {e}"))?;
        let post = Post { way: Way::Shared, carrier: Carrier::Frame, echo: false };
        return Ok(Place { name: link.clone(), to: None, socket, addresses: Addresses::Own, post });
    }
    let server = load.server().ok_or("no server is named")?;
    let way = way(load, server)?;
    let addresses = if matches!(way, Way::Prefix(_)) { Addresses::Any } else { Addresses::Own };
    let default_port = match way {
        _ if load.cra => SERVER4_PORT,
        Way::Relayed { .. } => SERVER_PORT,
        Way::Prefix(_) | Way::Shared => CLIENT_PORT,
    };
    let port = load.local_port.unwrap_or(default_port);
    let socket = Socket::bind(port, Family::Ipv6, addresses);
    let socket = socket.map_err(|e| format!("UDP port {port} cannot be used: {e}"))?;
    let carrier = if load.cra { Carrier::Bare } else { Carrier::Query(load.profile.into()) };
    let post = Post { way, carrier, echo: load.echo };
    Ok(Place { name: server.to_string(), to: Some(server), socket, addresses, post })
}

fn way(load: &Load, server: SocketAddrV6) -> Result<Way, String> {
    Ok(match (load.direct, load.link_address) {
        (Some(Some(prefix)), _) => Way::Prefix(prefix),
        (Some(None), _) => Way::Shared,
        (None, _) if load.cra => Way::Shared,
        (None, Some(link)) => Way::Relayed { link },
        (None, None) => {
            let own = source(server).map_err(|e| format!("{server} cannot be reached from here: {e}"))?;
            Way::Relayed { link: own }
        }
    })
}

/// The address of this host from which the kernel would send there.
fn source(server: SocketAddrV6) -> io::Result<Ipv6Addr> {
    let probe = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
    probe.connect(server)?;
    match probe.local_addr()? {
        SocketAddr::V6(own) => Ok(*own.ip()),
        SocketAddr::V4(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

fn random() -> io::Result<u64> {
    let mut octets = [0; 8];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut octets)?;
    Ok(u64::from_be_bytes(octets))
}

/// What a run leaves.
pub(super) struct Ran {
    pub(super) crowd: Crowd,
    /// How long was measured.
    pub(super) measured: Duration,
    /// Mode renew: how long it took until clients were bound.
    pub(super) bound_in: Option<Duration>,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub(super) load: &'a Load,
    pub(super) socket: Socket,
    pub(super) crowd: Crowd,
    pub(super) progress: Progress,
    inbox: Inbox,
    signals: SignalFd,
    began_at: Instant,
    /// When the measured part began; `None` before.
    measured_at: Option<Instant>,
    /// Mode renew: when all clients had a lease.
    bound_at: Option<Instant>,
    /// The last time that a client got its first lease, and how many had one then.
    bound_last: (Instant, u32),
    /// In an open loop, how many have begun.
    begun: u64,
}

impl<'a> Run<'a> {
    fn new(load: &'a Load, socket: Socket, addresses: Addresses, crowd: Crowd) -> io::Result<Self> {
        let stop: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        stop.thread_block()?;
        let began_at = now();
        Ok(Self {
            load,
            socket,
            crowd,
            progress: Progress::new(began_at),
            inbox: Inbox::new(addresses),
            signals: SignalFd::with_flags(&stop, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?,
            began_at,
            measured_at: None,
            bound_at: None,
            bound_last: (began_at, 0),
            begun: 0,
        })
    }

    /// Runs until time is over, all clients have their lease, or somebody interrupts it.
    fn complete(mut self) -> io::Result<Ran> {
        loop {
            let time = now();
            self.measure(time);
            let over = self.ends_at().is_some_and(|end| end <= time);
            if over || self.crowd.is_done() || self.is_interrupted(time) {
                self.progress.clear();
                let measured = self.measured_at.map_or(Duration::ZERO, |at| time.since(at));
                let bound_at = self.bound_at.filter(|_| self.load.mode == Mode::Renew);
                let bound_in = bound_at.map(|at| at.since(self.began_at));
                return Ok(Ran { crowd: self.crowd, measured, bound_in });
            }
            self.crowd.on_time(time);
            let next_due = self.begin(time);
            self.crowd.figures.not_sent += self.crowd.outbox.flush(&self.socket)?;
            let count = self.inbox.receive(&self.socket, MsgFlags::MSG_DONTWAIT)?;
            for index in 0..count {
                let datagram = self.inbox.datagram(index);
                self.crowd.receive(datagram.octets, datagram.to, now());
            }
            if count == 0 && self.crowd.outbox.len() == 0 {
                let wakes_at = earliest(earliest(self.crowd.deadline(), next_due), self.ends_at());
                let until = earliest(wakes_at, Some(self.progress.due_at()));
                let limit = until.map(|at| at.since(now()));
                if limit != Some(Duration::ZERO) {
                    self.socket.wait(limit, Some(self.signals.as_fd()))?;
                }
            }
        }
    }

    /// Begins what may begin; returns when the next is due if nothing but time keeps it.
    fn begin(&mut self, time: Instant) -> Option<Instant> {
        while self.crowd.busy() < self.load.outstanding
            && self.crowd.has_idle()
            && self.crowd.outbox.len() < BATCH
        {
            let due_at = self.due_at(time);
            if due_at > time {
                return Some(due_at);
            }
            self.begun += 1;
            self.crowd.begin(due_at, time);
        }
        None
    }

    /// When the next is due: at once in a closed loop.
    fn due_at(&self, time: Instant) -> Instant {
        self.load.rate.map_or(time, |rate| {
            let micros = u128::from(self.begun) * 1_000_000 / u128::from(rate);
            self.began_at + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        })
    }

    /// Starts the measured part when its time has come.
    fn measure(&mut self, time: Instant) {
        if self.measured_at.is_some() {
            return;
        }
        let bound = self.crowd.bound();
        if bound > self.bound_last.1 {
            self.bound_last = (time, bound);
        }
        let all =
            self.load.mode != Mode::Renew || bound >= self.load.clients.unwrap_or(self.load.outstanding);
        let (last_at, count) = self.bound_last;
        if self.bound_at.is_none() && (all || time.since(last_at) >= BINDING_PAUSE) {
            self.bound_at = Some(if all { time } else { last_at });
            if !all {
                self.progress.say(&format!("only {count} clients got a lease; going on with them"));
            }
        }
        if self.bound_at.is_some_and(|at| time.since(at) >= self.load.warm_up) {
            self.measured_at = Some(time);
            self.crowd.figures.reset();
        }
    }

    fn ends_at(&self) -> Option<Instant> {
        let has_end = self.load.mode == Mode::Dora && self.load.clients.is_some();
        let duration = self.load.duration.or_else(|| (!has_end).then_some(DURATION))?;
        self.measured_at.map(|at| at + duration)
    }

    /// True after INT or TERM. Tells how far it has come, too.
    pub(super) fn is_interrupted(&mut self, time: Instant) -> bool {
        if time < self.progress.due_at() {
            return false;
        }
        let figures = &self.crowd.figures;
        let done = figures.dora.count() + figures.renewal.count();
        self.progress.show(time, self.measured_at.is_some(), done, self.crowd.busy(), figures.lost);
        self.signals.read_signal().ok().flatten().is_some()
    }
}
