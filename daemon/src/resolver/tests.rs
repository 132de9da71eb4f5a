//! Against servers that say what a test wants, on the loopback interface.

use super::*;
use crate::namespace::Namespace;
use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread::JoinHandle;

const LOOPBACK: u32 = 1;
/// One address, 2001:db8:9::67, for ten minutes.
const ADDRESS: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 0x67);
const HOLD: Duration = Duration::from_secs(600);

fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build_local(Default::default());
    let test = async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("it does not hang") };
    runtime.unwrap().block_on(test)
}

/// A server that keeps what it was asked.
struct Server(tokio::net::UdpSocket);

impl Server {
    fn new() -> Self {
        let socket = UdpSocket::bind("[::1]:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(tokio::net::UdpSocket::from_std(socket).unwrap())
    }

    fn address(&self) -> SocketAddrV6 {
        match self.0.local_addr().unwrap() {
            SocketAddr::V6(address) => address,
            SocketAddr::V4(_) => unreachable!(),
        }
    }

    async fn query(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = [0; 512];
        let (length, from) = self.0.recv_from(&mut buffer).await.unwrap();
        (buffer[..length].to_vec(), from)
    }

    async fn say(&self, octets: &[u8], to: SocketAddr) {
        self.0.send_to(octets, to).await.unwrap();
    }
}

/// Takes one connection.
fn listen(address: SocketAddrV6, serve: impl FnOnce(TcpStream) + Send + 'static) -> JoinHandle<()> {
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || serve(listener.accept().unwrap().0))
}

/// An answer with these flags, and [`ADDRESS`] if asked for.
fn answer(query: &[u8], flags: [u8; 2], with_address: bool) -> Vec<u8> {
    // Without the OPT record, which has 11 octets.
    let opt = if query[11] == 1 { 11 } else { 0 };
    let mut octets = query[..query.len() - opt].to_vec();
    octets[2..4].copy_from_slice(&flags);
    octets[6..12].copy_from_slice(&[0, u8::from(with_address), 0, 0, 0, 0]);
    if with_address {
        octets.extend([0xc0, 12, 0, 28, 0, 1, 0, 0, 2, 88, 0, 16]);
        octets.extend(ADDRESS.octets());
    }
    octets
}

/// Response, recursion desired and available.
const GOOD: [u8; 2] = [0x81, 0x80];

async fn resolver(servers: &[SocketAddrV6], patience: Duration) -> Resolver {
    let clock = Clock::new();
    tokio::task::spawn_local(clock.clone().run());
    let place = Place { access: Namespace::open(None).await.unwrap().access, index: LOOPBACK };
    let question = Question { name: "aftr.example.net".into(), resolvers: Vec::new() };
    let asking = Asking { name: question.name.clone(), servers: servers.to_vec(), place, clock, patience };
    Resolver::asking(question, asking)
}

fn found() -> Answer {
    Some((vec![ADDRESS], HOLD))
}

#[test]
fn only_an_answer_of_the_resolver_to_this_question_counts() {
    run(async {
        let (server, forger) = (Server::new(), Server::new());
        let mut resolver = resolver(&[server.address()], PATIENCE).await;
        let script = async {
            let (query, from) = server.query().await;
            let good = answer(&query, GOOD, true);
            let mut forged = good.clone();
            // Another address, by the right words from the wrong place.
            *forged.last_mut().unwrap() = 0x66;
            forger.say(&forged, from).await;
            // From the right place with another id, and about another name.
            let mut other_id = forged.clone();
            other_id[1] ^= 1;
            server.say(&other_id, from).await;
            let mut other_name = forged.clone();
            other_name[13] = b'b';
            server.say(&other_name, from).await;
            server.say(&[], from).await;
            server.say(&good, from).await;
        };
        let (answer, ()) = tokio::join!(resolver.next(), script);
        assert_eq!(answer, found());
    });
}

#[test]
fn resolvers_are_asked_in_order_until_one_knows() {
    run(async {
        let closed = Server::new().address();
        let (silent, ignorant, good, unasked) = (Server::new(), Server::new(), Server::new(), Server::new());
        let servers = [closed, silent.address(), ignorant.address(), good.address(), unasked.address()];
        let mut resolver = resolver(&servers, Duration::from_millis(200)).await;
        let script = async {
            silent.query().await;
            let (query, from) = ignorant.query().await;
            // SERVFAIL.
            ignorant.say(&answer(&query, [0x81, 0x82], false), from).await;
            let (query, from) = good.query().await;
            good.say(&answer(&query, GOOD, true), from).await;
        };
        let (answer, ()) = tokio::join!(resolver.next(), script);
        assert_eq!(answer, found());
        let mut buffer = [0];
        assert!(unasked.0.try_recv(&mut buffer).is_err());
    });
}

#[test]
fn a_truncated_answer_is_fetched_by_tcp() {
    run(async {
        let server = Server::new();
        let stream = listen(server.address(), |mut stream| {
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query).unwrap();
            let good = answer(&query, GOOD, true);
            let framed = [&u16::try_from(good.len()).unwrap().to_be_bytes()[..], &good].concat();
            // In two parts, as a network may deliver it.
            stream.set_nodelay(true).unwrap();
            stream.write_all(&framed[..7]).unwrap();
            std::thread::yield_now();
            stream.write_all(&framed[7..]).unwrap();
        });
        let mut resolver = resolver(&[server.address()], PATIENCE).await;
        let script = async {
            let (query, from) = server.query().await;
            server.say(&answer(&query, [0x83, 0x80], false), from).await;
        };
        let (answer, ()) = tokio::join!(resolver.next(), script);
        assert_eq!(answer, found());
        stream.join().unwrap();
    });
}

#[test]
fn tcp_that_ends_early_leads_to_the_next_resolver() {
    run(async {
        let (first, second) = (Server::new(), Server::new());
        let stream = listen(first.address(), |mut stream| stream.write_all(&[0, 40, 1, 2]).unwrap());
        let mut resolver = resolver(&[first.address(), second.address()], PATIENCE).await;
        let script = async {
            let (query, from) = first.query().await;
            first.say(&answer(&query, [0x83, 0x80], false), from).await;
            let (query, from) = second.query().await;
            second.say(&answer(&query, GOOD, true), from).await;
        };
        let (answer, ()) = tokio::join!(resolver.next(), script);
        assert_eq!(answer, found());
        stream.join().unwrap();
    });
}

#[test]
fn a_resolver_without_edns_is_asked_without_it() {
    run(async {
        let server = Server::new();
        let mut resolver = resolver(&[server.address()], PATIENCE).await;
        let script = async {
            let (query, from) = server.query().await;
            assert_eq!(query[11], 1, "an OPT record");
            // FORMERR.
            server.say(&answer(&query, [0x81, 0x81], false), from).await;
            let (query, from) = server.query().await;
            assert_eq!(query[11], 0, "none");
            server.say(&answer(&query, GOOD, true), from).await;
        };
        let (answer, ()) = tokio::join!(resolver.next(), script);
        assert_eq!(answer, found());
    });
}

#[test]
fn a_name_without_addresses_is_told_as_such() {
    run(async {
        let server = Server::new();
        let mut resolver = resolver(&[server.address()], PATIENCE).await;
        let script = async {
            let (query, from) = server.query().await;
            // NXDOMAIN.
            server.say(&answer(&query, [0x81, 0x83], false), from).await;
        };
        let (answer, ()) = tokio::join!(resolver.next(), script);
        assert_eq!(answer, Some((Vec::new(), Duration::from_secs(30))));
    });
}

#[test]
fn it_asks_again_by_itself_with_another_id_from_another_port() {
    run(async {
        let server = Server::new();
        let mut resolver = resolver(&[server.address()], PATIENCE).await;
        let (mut ids, mut ports) = (BTreeSet::new(), BTreeSet::new());
        for hurried in [false, true, true, true] {
            let script = async {
                let (query, from) = server.query().await;
                // REFUSED.
                server.say(&answer(&query, [0x81, 0x85], false), from).await;
                (query[..2].to_vec(), from.port())
            };
            let (answer, (id, port)) = tokio::join!(resolver.next(), script);
            assert_eq!(answer, None);
            ids.insert(id);
            ports.insert(port);
            if hurried {
                resolver.hurry();
            }
        }
        // Two of four may be alike, once in ten thousand runs; not three.
        assert!(ids.len() > 2 && ports.len() > 2, "{ids:?} {ports:?}");
    });
}

#[test]
fn pauses_after_failures_double_up_to_a_minute() {
    run(async {
        let closed = Server::new().address();
        let mut resolver = resolver(&[closed], PATIENCE).await;
        assert_eq!(resolver.next().await, None);
        assert_eq!(resolver.failures, 1);
        let began_at = now();
        assert_eq!(resolver.next().await, None);
        let pause = now().since(began_at);
        assert!((Duration::from_millis(900)..Duration::from_millis(2000)).contains(&pause), "{pause:?}");
    });
}

#[test]
fn nothing_is_asked_twice_when_the_wait_is_abandoned() {
    run(async {
        let server = Server::new();
        let mut resolver = resolver(&[server.address()], PATIENCE).await;
        let (query, from) = tokio::select! {
            biased;
            _ = resolver.next() => unreachable!("nobody has answered"),
            query = server.query() => query,
        };
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = resolver.next() => unreachable!("nobody has answered"),
                () = tokio::task::yield_now() => {}
            }
        }
        server.say(&answer(&query, GOOD, true), from).await;
        assert_eq!(resolver.next().await, found());
        assert!(server.0.try_recv(&mut [0]).is_err());
    });
}
