//! Finding the IPv6 addresses of a name by the resolvers of one link, and keeping them current.
//!
//! The service's own resolver configuration is another network's: what a link told is asked over that link only. One
//! question is under way at a time; while an answer holds there is nothing but a deadline.

mod message;

use crate::clock::{Clock, now};
use crate::identity::seed;
use crate::install::Place;
use crate::sockets::{bind_to, new_socket};
use dhcp4o6_netlink::ready::watch;
use dhcp4o6_protocol::machine::Question;
use dhcp4o6_protocol::time::Instant;
use message::{Found, Query, Verdict};
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

const PORT: u16 = 53;
/// Each resolver has so long to answer, and as long again when all of the answer is fetched by TCP.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause after no resolver has answered, in doubling steps.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Resolvers that are asked, at most.
const MAX_RESOLVERS: usize = 8;
/// Also that the port is closed is an answer.
const ANSWER: Interest = Interest::READABLE.add(Interest::ERROR);
/// Room for a UDP answer. It asks for less, and some do not care.
const UDP_ROOM: usize = 4096;

/// The addresses, none if there are none, and how long that holds; `None` when no resolver answered.
pub type Answer = Option<(Vec<Ipv6Addr>, Duration)>;

/// Asks for a name again and again.
pub struct Resolver {
    asking: Rc<Asking>,
    question: Question,
    round: Pin<Box<dyn Future<Output = Option<Found>>>>,
    /// Rounds without an answer, since the last one with.
    failures: u32,
}

/// What all rounds have in common.
struct Asking {
    name: String,
    servers: Vec<SocketAddrV6>,
    place: Place,
    clock: Clock,
    patience: Duration,
}

impl Resolver {
    /// Asks by the interface at `place`, at once.
    pub fn new(question: Question, place: &Place, clock: &Clock) -> Self {
        let scope = |address: &Ipv6Addr| if address.is_unicast_link_local() { place.index } else { 0 };
        let server = |address: &Ipv6Addr| SocketAddrV6::new(*address, PORT, 0, scope(address));
        let servers = question.resolvers.iter().take(MAX_RESOLVERS).map(server).collect();
        let asking = Asking {
            name: question.name.clone(),
            servers,
            place: place.clone(),
            clock: clock.clone(),
            patience: PATIENCE,
        };
        Self::asking(question, asking)
    }

    fn asking(question: Question, asking: Asking) -> Self {
        let asking = Rc::new(asking);
        Self { round: Box::pin(round(asking.clone(), None)), asking, question, failures: 0 }
    }

    /// What is asked.
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// The next answer: the first, or what takes the place of one that does not hold any longer. Nothing is lost when the
    /// wait is abandoned.
    pub async fn next(&mut self) -> Answer {
        let found = self.round.as_mut().await;
        let pause = match &found {
            Some(found) => {
                self.failures = 0;
                // A little early, so that there is no moment without an answer.
                found.hold.mul_f64(0.9)
            }
            None => {
                let pause = PAUSE.saturating_mul(1 << self.failures.min(16)).min(MAX_PAUSE);
                self.failures = self.failures.saturating_add(1);
                pause.mul_f64(0.9 + 0.2 * chance())
            }
        };
        self.round = Box::pin(round(self.asking.clone(), Some(now() + pause)));
        found.map(|found| (found.addresses, found.hold))
    }

    /// Something about the link is better than it was: whoever waits after a failure asks now.
    pub fn hurry(&mut self) {
        if self.failures > 0 {
            self.failures = 0;
            self.round = Box::pin(round(self.asking.clone(), None));
        }
    }
}

/// Asks the resolvers in order, from when it is time, until one of them knows.
async fn round(asking: Rc<Asking>, at: Option<Instant>) -> Option<Found> {
    if at.is_some() {
        asking.clock.reached(at).await;
    }
    for server in &asking.servers {
        match asking.ask(*server).await {
            Ok(found) => {
                let hold = found.hold.as_secs();
                tracing::debug!(name = asking.name, %server, addresses = ?found.addresses, hold, "resolved");
                return Some(found);
            }
            Err(error) => tracing::debug!(name = asking.name, %server, %error, "not resolved"),
        }
    }
    None
}

impl Asking {
    /// Asks one resolver.
    async fn ask(&self, server: SocketAddrV6) -> io::Result<Found> {
        for edns in [true, false] {
            let query = Query::new(&self.name, u16::from_be_bytes(random()?), edns);
            let query = query.ok_or(io::ErrorKind::InvalidInput)?;
            let verdict = match self.within(self.by_udp(server, &query)).await? {
                Verdict::Truncated => self.within(self.by_tcp(server, &query)).await?,
                verdict => verdict,
            };
            match verdict {
                Verdict::Found(found) => return Ok(found),
                Verdict::WithoutEdns => {}
                Verdict::NotOurs | Verdict::Truncated | Verdict::Useless => break,
            }
        }
        Err(io::Error::other("it does not know"))
    }

    async fn within<T>(&self, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        tokio::select! {
            result = work => result,
            () = self.clock.reached(Some(now() + self.patience)) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Asks from a port that the kernel picks at random; only the resolver's own datagrams come in there.
    async fn by_udp(&self, server: SocketAddrV6, query: &Query) -> io::Result<Verdict> {
        let socket = self.connect(server, Type::DGRAM, libc::IPPROTO_UDP)?;
        write(&socket, query.octets()).await?;
        let mut room = vec![0; UDP_ROOM];
        loop {
            let length = read(&socket, &mut room).await?;
            match query.judge(room.get(..length).unwrap_or_default()) {
                Verdict::NotOurs => {}
                verdict => return Ok(verdict),
            }
        }
    }

    async fn by_tcp(&self, server: SocketAddrV6, query: &Query) -> io::Result<Verdict> {
        let socket = self.connect(server, Type::STREAM, libc::IPPROTO_TCP)?;
        socket.writable().await?.retain_ready();
        if let Some(error) = socket.get_ref().take_error()? {
            return Err(error);
        }
        let length = u16::try_from(query.octets().len()).map_err(io::Error::other)?;
        write(&socket, &[&length.to_be_bytes(), query.octets()].concat()).await?;
        let mut length = [0; 2];
        read_whole(&socket, &mut length).await?;
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        read_whole(&socket, &mut answer).await?;
        Ok(query.judge(&answer))
    }

    fn connect(&self, server: SocketAddrV6, kind: Type, protocol: i32) -> io::Result<AsyncFd<Socket>> {
        let interface = self.place.index;
        let socket = self.place.access.netns().run(move || {
            let socket = new_socket(Domain::IPV6, kind, protocol)?;
            bind_to(&socket, interface)?;
            match socket.connect(&SocketAddr::V6(server).into()) {
                Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
                _ => Ok(socket),
            }
        })?;
        watch(socket, ANSWER | Interest::WRITABLE)
    }
}

async fn write(socket: &AsyncFd<Socket>, octets: &[u8]) -> io::Result<()> {
    // A new socket has room for a question.
    let written = socket.async_io(Interest::WRITABLE, |mut socket| socket.write(octets)).await?;
    if written == octets.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

async fn read(socket: &AsyncFd<Socket>, room: &mut [u8]) -> io::Result<usize> {
    socket.async_io(ANSWER, |mut socket| socket.read(room)).await
}

async fn read_whole(socket: &AsyncFd<Socket>, mut room: &mut [u8]) -> io::Result<()> {
    while !room.is_empty() {
        let length = read(socket, room).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        room = room.split_at_mut(length).1;
    }
    Ok(())
}

fn random() -> io::Result<[u8; 2]> {
    let [first, second, ..] = seed()?;
    Ok([first, second])
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(u16::from_be_bytes(random().unwrap_or_default())) / f64::from(u16::MAX)
}

#[cfg(test)]
mod tests;
