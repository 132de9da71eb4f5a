//! Sockets against the kernel.

mod lab;

use super::*;
use std::net::UdpSocket;

fn open(port: Port) -> Result<PortSocket, OpenError> {
    PortSocket::open(port, &Netns::current().unwrap(), std::iter::empty())
}

/// A socket of our own at a port that is free, and its address.
fn socket() -> (PortSocket, SocketAddr) {
    let free = UdpSocket::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    let socket = open(Port::Upstream6(free)).unwrap();
    (socket, SocketAddr::from((Ipv6Addr::LOCALHOST, free)))
}

async fn receive(socket: &PortSocket, inbox: &mut Inbox) -> Vec<(SocketAddrV6, Ipv6Addr, Vec<u8>)> {
    std::future::poll_fn(|cx| socket.poll_readable(cx)).await;
    let mut received = Vec::new();
    socket.receive(inbox, |arrival| {
        let Arrival::Datagram(datagram) = arrival else { unreachable!() };
        received.push((datagram.from, datagram.to, datagram.payload.to_vec()));
    });
    received
}

#[tokio::test]
async fn datagrams_of_every_size_come_in_whole_and_in_order_gen_18() {
    let (socket, address) = socket();
    let sender = UdpSocket::bind("[::1]:0").unwrap();
    let sizes = [0, 1, 1_500, 65_527, 9, 65_527];
    let mut inbox = Inbox::new();
    for round in 0_u8..3 {
        for size in sizes {
            sender.send_to(&vec![round; size], address).unwrap();
        }
        let mut received = Vec::new();
        while received.len() < sizes.len() {
            received.extend(receive(&socket, &mut inbox).await);
        }
        let seen: Vec<_> = received.iter().map(|(.., payload)| payload.len()).collect();
        assert_eq!(seen, sizes);
        let from_and_to = (sender.local_addr().unwrap(), Ipv6Addr::LOCALHOST);
        assert!(received.iter().all(|(from, to, _)| (SocketAddr::V6(*from), *to) == from_and_to));
        assert!(received.iter().all(|(.., payload)| payload.iter().all(|octet| *octet == round)));
    }
}

#[tokio::test]
async fn more_than_a_batch_comes_in_several() {
    let (socket, address) = socket();
    let sender = UdpSocket::bind("[::1]:0").unwrap();
    (0..BATCH + 1).for_each(|_| _ = sender.send_to(b"x", address).unwrap());
    let mut inbox = Inbox::new();
    assert_eq!(receive(&socket, &mut inbox).await.len(), BATCH);
    assert_eq!(receive(&socket, &mut inbox).await.len(), 1);
}

#[tokio::test]
async fn one_datagram_that_cannot_be_sent_does_not_hold_up_the_others() {
    let (socket, _) = socket();
    let receivers = [(); 2].map(|()| UdpSocket::bind("[::1]:0").unwrap());
    let outgoing = |to: SocketAddrV6, payload: &[u8]| Outgoing {
        via: socket.port,
        interface: 0,
        source: None,
        to,
        payload: payload.to_vec(),
    };
    let at = |receiver: &UdpSocket| match receiver.local_addr().unwrap() {
        SocketAddr::V6(address) => address,
        SocketAddr::V4(_) => unreachable!(),
    };
    let nowhere = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0);
    let queue = [
        outgoing(at(&receivers[0]), b"first"),
        outgoing(nowhere, b"lost"),
        outgoing(at(&receivers[1]), b"second"),
    ];
    assert_eq!(run_length(&queue), 3);
    let mut outlet = Outlet::new();
    assert_eq!(socket.send(&mut outlet, &queue), (1, None));
    assert_eq!(socket.send(&mut outlet, &queue[1..]), (0, Some(Errno::EINVAL)));
    assert_eq!(socket.send(&mut outlet, &queue[2..]), (1, None));
    for (receiver, payload) in receivers.iter().zip([&b"first"[..], b"second"]) {
        let mut buffer = [0; 16];
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], payload);
    }
}

#[tokio::test]
async fn a_source_address_is_kept_to_and_only_where_it_was_asked_for() {
    let (socket, _) = socket();
    let receiver = UdpSocket::bind("[::1]:0").unwrap();
    let SocketAddr::V6(to) = receiver.local_addr().unwrap() else { unreachable!() };
    let outgoing =
        |source: Option<Ipv6Addr>| Outgoing { via: socket.port, interface: 0, source, to, payload: vec![1] };
    let queue = [outgoing(Some(Ipv6Addr::LOCALHOST)), outgoing(None)];
    assert_eq!((run_length(&queue), run_length(&queue[1..])), (1, 1));
    let mut outlet = Outlet::new();
    // Also in turns: what one leaves behind must not get into the other.
    for _ in 0..2 {
        assert_eq!(socket.send(&mut outlet, &queue[..1]), (1, None));
        assert_eq!(socket.send(&mut outlet, &queue[1..]), (1, None));
    }
    let foreign = [outgoing(Some("2001:db8::1".parse().unwrap()))];
    assert!(socket.send(&mut outlet, &foreign).1.is_some());
}

#[tokio::test]
async fn a_port_in_use_has_a_name() {
    let taken = UdpSocket::bind("[::]:0").unwrap();
    let port = Port::Upstream6(taken.local_addr().unwrap().port());
    let refused = open(port).map(|_| ()).unwrap_err();
    assert_eq!((refused, reason(port, refused)), (OpenError::InUse, "port-in-use"));
    let missing = Port::Upstream4("192.0.2.77:67".parse().unwrap());
    let refused = open(missing).map(|_| ()).unwrap_err();
    assert!(matches!(reason(missing, refused), "no-such-address" | "not-permitted"), "{refused}");
}
