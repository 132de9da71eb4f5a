//! Our server before DHCPv4 servers as distributions have them: the external engine. Customers are behind our relay
//! agent, with one link-layer and link-local address for both.

use super::STATELESS;
use dhcp4o6_protocol::wire::agent::AgentInformation;
use dhcp4o6_protocol::wire::v4::{self, MessageType as V4, code};
use dhcp4o6_tests::{
    Capture, Customer, Lab, Make, Namespace, Plain, PlainSettings, Plant, Pool, Provider, SOON,
};
use nix::sys::signal::Signal;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6, UdpSocket};

const GIADDR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The subnet of clients that are nowhere else.
const HOME: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 0);
/// A second one.
const AWAY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 0);

const RELAY: &str = "\
[[relay]]
clients = [\"r1\", \"r2\"]
servers = [\"2001:db8:6::1\"]
";

/// Our server with these DHCPv4 servers behind it, and what says which subnet clients are in.
fn front(servers: &[&Plain], links: &str) -> String {
    let servers: Vec<String> =
        servers.iter().map(|server| format!("{:?}", server.settings.address().to_string())).collect();
    format!(
        "[server]\ninterfaces = [\"s0\"]\naccept-from = [\"2001:db8:6::/64\", \"2001:db8:11::/64\"]\nengine = \"external\"\n\
         [server.external]\nservers = [{}]\ngiaddr = \"{GIADDR}\"\n{links}",
        servers.join(", ")
    )
}

/// One link, a customer on it, and our server before one DHCPv4 server. Fields are dropped in this order.
struct Scene {
    customer: Customer,
    front: Provider,
    server: Plain,
    /// What crosses the link between our server and the DHCPv4 server, and the one to the customer.
    wire: Capture,
    lab: Lab,
}

impl Scene {
    fn start(settings: PlainSettings, links: &str) -> Self {
        let lab = Lab::new();
        let server = Plain::start(&lab, settings);
        let wire = Capture::start(&lab.provider);
        let front = Provider::start(&lab, &front(&[&server], links));
        let customer = Customer::start(&lab, STATELESS);
        Self { customer, front, server, wire, lab }
    }

    fn bound(settings: PlainSettings, links: &str) -> Self {
        let mut scene = Self::start(settings, links);
        scene.customer.wait_bound("c0");
        scene
    }

    fn address(&self) -> Ipv4Addr {
        only_address(&self.lab.customer)
    }

    /// Asks for a renewal and waits until the lease is longer.
    fn renew(&mut self) {
        renew(&mut self.customer);
    }
}

/// Our server before one DHCPv4 server, our relay agent, and two customers that look the same. Dropped in this order.
struct Site {
    customers: [Customer; 2],
    relay: Provider,
    front: Provider,
    server: Plain,
    plant: Plant,
}

impl Site {
    fn start(settings: PlainSettings, links: &str) -> Self {
        let plant = Plant::new();
        let server = Plain::start(&plant.lab, settings);
        let front = Provider::start(&plant.lab, &front(&[&server], links));
        let relay = Provider::start_in(&plant.lab, &plant.relay, "relay", RELAY);
        let customers = [
            Customer::start(&plant.lab, STATELESS),
            Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", STATELESS),
        ];
        Self { customers, relay, front, server, plant }
    }

    fn addresses(&self) -> [Ipv4Addr; 2] {
        [&self.plant.lab.customer, &self.plant.neighbour].map(only_address)
    }
}

fn only_address(namespace: &Namespace) -> Ipv4Addr {
    match namespace.ipv4("c0")[..] {
        [address] => address,
        ref others => panic!("not one address: {others:?}"),
    }
}

fn renew(customer: &mut Customer) {
    let mark = customer.client.mark();
    customer.client.link("c0", "Renew").expect("asked");
    customer.client.wait_lease_event(mark, "renewed", SOON);
}

fn network(address: Ipv4Addr) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address) & 0xffff_ff00)
}

/// The octets of an answer that reached the client agree with what it sent: nothing of ours is left in it.
fn assert_clean(customer: &Customer, name: &str) {
    for answer in customer.wire.dhcp().iter().filter(|dhcp| !dhcp.outgoing) {
        let Some(inner) = answer.inner() else { continue };
        assert!(inner.giaddr.is_unspecified() && inner.hops == 0, "{name}: {inner:?}");
        assert_eq!(inner.option(code::RELAY_AGENT), None, "{name}");
        assert!(inner.option(code::CLIENT_ID).is_some(), "{name}: what the client is known by comes back");
    }
}

/// From nothing to a lease that carries traffic, and longer.
fn obtains_and_renews(make: Make) {
    let mut scene = Scene::bound(PlainSettings::of(make), "");
    let address = scene.address();
    assert_eq!(network(address), HOME);
    assert!(scene.lab.customer.pings("198.51.100.1"));
    let mark = scene.customer.wire.mark();
    scene.renew();
    assert_eq!(scene.address(), address);
    let renewal = scene.customer.wire.wait_after(mark, "a renewal", SOON, |dhcp| dhcp.carries(V4::REQUEST));
    assert!(renewal.is_unicast());
    assert_clean(&scene.customer, &format!("{make:?}"));
    let asked = scene.wire.dhcp4().into_iter().filter(|dhcp| dhcp.to == scene.server.settings.address());
    let kinds: Vec<_> = asked.filter_map(|dhcp| dhcp.kind()).collect();
    assert_eq!(kinds, [V4::DISCOVER, V4::REQUEST, V4::REQUEST], "each message goes there once");
    assert_eq!((scene.front.count("upstream"), scene.front.count("downstream")), (3, 3));
}

/// Between T1 and T2 the DHCPv4 server is away; it is back with its leases for the rebinding.
fn rebinds_after_a_restart(make: Make) {
    let settings = PlainSettings { lifetime: (120, 1, 4), ..PlainSettings::of(make) };
    let mut scene = Scene::bound(settings, "");
    let address = scene.address();
    scene.server.stop();
    let renewal = scene.customer.wire.wait("a renewal", SOON, |dhcp| dhcp.is_unicast());
    scene.server.start_again();
    let rebinding = scene.customer.wire.wait("a rebinding", SOON, |dhcp| {
        dhcp.outgoing && dhcp.at > renewal.at && dhcp.carries(V4::REQUEST) && !dhcp.is_unicast()
    });
    assert_eq!(rebinding.inner().map(|inner| inner.ciaddr), Some(address));
    scene.customer.client.wait_lease_event(0, "rebound", SOON);
    assert_eq!(scene.address(), address);
}

/// The provider moves a link to another subnet while a customer is away.
fn refuses_an_address_of_another_subnet(make: Make) {
    let settings = PlainSettings { pools: both_pools(), ..PlainSettings::of(make) };
    let link =
        |prefix| format!("[[server.external.link]]\nprefix = \"{prefix}/24\"\ninterfaces = [\"s0\"]\n");
    let mut scene = Scene::bound(settings, &link(HOME));
    let old = scene.address();
    scene.customer.daemon.kill();
    scene.front.daemon.reload(&front(&[&scene.server], &link(AWAY)));
    scene.customer.daemon.start_again();
    let nak = scene.customer.wire.wait("a NAK", SOON, |dhcp| dhcp.carries(V4::NAK));
    let server = Some(scene.server.settings.address());
    assert_eq!(nak.inner().and_then(|inner| inner.address(code::SERVER_ID)), server);
    scene.customer.kernel.until("an address of the other subnet", SOON, || {
        scene.lab.customer.ipv4("c0").iter().any(|address| network(*address) == AWAY)
    });
    assert!(!scene.lab.customer.ipv4("c0").contains(&old));
    assert_clean(&scene.customer, &format!("{make:?}"));
}

fn both_pools() -> Vec<Pool> {
    [HOME, AWAY].map(|network| Pool { network, hosts: (100, 199) }).into()
}

/// There is one address for both customers.
fn takes_an_address_back(make: Make) {
    let pool = Pool { network: HOME, hosts: (100, 100) };
    let settings = PlainSettings { pools: vec![pool], ..PlainSettings::of(make) };
    let plant = Plant::new();
    let server = Plain::start(&plant.lab, settings);
    let _front = Provider::start(&plant.lab, &front(&[&server], ""));
    let _relay = Provider::start_in(&plant.lab, &plant.relay, "relay", RELAY);
    let mut first = Customer::start(&plant.lab, STATELESS);
    first.wait_bound("c0");
    let address = only_address(&plant.lab.customer);
    first.client.link("c0", "Release").expect("released");
    first.client.wait_lease_event(0, "released", SOON);
    let mut second = Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", STATELESS);
    second.wait_bound("c0");
    assert_eq!(only_address(&plant.neighbour), address);
    assert!(plant.lab.customer.ipv4("c0").is_empty());
}

/// Links are told apart by what the relay agent says of them: an address of one, the name of the other.
fn serves_customers_that_look_the_same(make: Make) {
    let settings = PlainSettings { pools: both_pools(), ..PlainSettings::of(make) };
    let links = format!(
        "[[server.external.link]]\nprefix = \"{HOME}/24\"\nlink-addresses = [\"2001:db8:11::/64\"]\n\
         [[server.external.link]]\nprefix = \"{AWAY}/24\"\ninterface-ids = [\"r2\"]\n"
    );
    let mut site = Site::start(settings, &links);
    site.customers.iter_mut().for_each(|customer| customer.wait_bound("c0"));
    let addresses = site.addresses();
    assert_eq!(addresses.map(network), [HOME, AWAY]);
    let [one, other] = [0, 1].map(|n: usize| {
        let sent = site.customers[n].wire.sent();
        sent.iter().find(|dhcp| dhcp.inner().is_some()).map(|dhcp| dhcp.from).expect("a query")
    });
    assert_eq!(one, other, "they cannot be told apart by their addresses");
    // Its leases, and nothing else, live through this.
    site.server.start_again();
    site.customers.iter_mut().for_each(renew);
    assert_eq!(site.addresses(), addresses);
    for customer in &site.customers {
        assert_clean(customer, &format!("{make:?}"));
        let queries: Vec<_> =
            customer.wire.sent().iter().filter_map(|dhcp| dhcp.inner().map(|i| i.xid)).collect();
        let answers = customer.wire.dhcp();
        let mut answers = answers.iter().filter(|dhcp| !dhcp.outgoing).filter_map(|dhcp| dhcp.inner());
        assert!(answers.all(|answer| queries.contains(&answer.xid)), "only its own answers reach a customer");
    }
    assert_eq!(site.front.count("downstream"), 6);
    assert!(site.relay.daemon.process().runs());
}

/// Everything that relay agents say of a client travels along: as much as an access network may well say.
fn answers_through_two_relay_agents(make: Make) {
    let lab = Lab::apart();
    let [near, far] = ["near", "far"].map(|name| lab.namespace(name));
    lab.join((&lab.provider, "s0"), (&far, "w0"));
    lab.join((&far, "f0"), (&near, "w0"));
    lab.join((&near, "r1"), (&lab.customer, "c0"));
    lab.number_provider("s0");
    far.ip("addr add 2001:db8:6::2/64 dev w0 nodad");
    far.ip("addr add 2001:db8:20::1/64 dev f0 nodad");
    near.ip("addr add 2001:db8:20::2/64 dev w0 nodad");
    near.ip("addr add 2001:db8:11:22:33:44:55:66/64 dev r1 nodad");
    let server = Plain::start(&lab, PlainSettings { pools: both_pools(), ..PlainSettings::of(make) });
    let links = format!(
        "[[server.external.link]]\nprefix = \"{AWAY}/24\"\ninterface-ids = [\"access-node-7 eth 1/2/3:4.5\"]\n"
    );
    let front = Provider::start(&lab, &front(&[&server], &links));
    let relay = |place: &Namespace, name: &str, clients: &str, server: &str| {
        let config = format!(
            "[[relay]]\nclients = [{{ {clients}, always-interface-id = true }}]\nservers = [\"{server}\"]\n"
        );
        Provider::start_in(&lab, place, name, &config)
    };
    let id = "interface-id = \"access-node-7 eth 1/2/3:4.5\"";
    let _near = relay(&near, "near", &format!("name = \"r1\", {id}"), "2001:db8:20::1");
    let _far =
        relay(&far, "far", "name = \"f0\", trusted = true, interface-id = \"ring-3\"", "2001:db8:6::1");
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    assert_eq!(network(only_address(&lab.customer)), AWAY);
    renew(&mut customer);
    assert_clean(&customer, &format!("{make:?}"));
    assert_eq!((front.count("upstream"), front.count("downstream")), (3, 3));
}

/// Between a query and its answer our server is killed: the answer finds its way through the next one.
fn delivers_through_another_front(make: Make) {
    let mut scene = Scene::start(PlainSettings::of(make), "");
    scene.customer.wait_bound("c0");
    let address = scene.address();
    scene.server.process().signal(Signal::SIGSTOP);
    let mark = scene.wire.mark();
    let customer_mark = scene.customer.wire.mark();
    let events = scene.customer.client.mark();
    scene.customer.client.link("c0", "Renew").expect("asked");
    let server = scene.server.settings.address();
    scene.wire.wait_dhcp4(mark, "the query", |dhcp| dhcp.to == server && dhcp.kind() == Some(V4::REQUEST));
    scene.front.daemon.kill();
    scene.front.start_again();
    scene.server.process().signal(Signal::SIGCONT);
    scene.customer.client.wait_lease_event(events, "renewed", SOON);
    let frames = scene.customer.wire.frames();
    let after = frames.iter().skip(customer_mark).filter_map(|frame| frame.dhcp());
    let asked = after.filter(|dhcp| dhcp.outgoing && dhcp.carries(V4::REQUEST)).count();
    assert_eq!(asked, 1, "what was answered is what the first front sent");
    assert_eq!((scene.front.count("upstream"), scene.front.count("downstream")), (0, 1));
    assert_eq!(scene.address(), address);
    scene.renew();
    assert_eq!(scene.address(), address);
}

macro_rules! with_each {
    ($($name:ident $make:expr;)+) => {
        $(mod $name {
            use dhcp4o6_tests::Make;

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn gives_and_renews_an_address_that_carries_traffic() {
                super::obtains_and_renews($make);
            }

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn rebinds_after_a_restart() {
                super::rebinds_after_a_restart($make);
            }

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn refuses_an_address_of_another_subnet() {
                super::refuses_an_address_of_another_subnet($make);
            }

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn gives_a_released_address_to_the_next_customer() {
                super::takes_an_address_back($make);
            }

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn serves_two_customers_that_look_the_same_from_the_subnets_of_their_links() {
                super::serves_customers_that_look_the_same($make);
            }

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn answers_through_two_relay_agents_that_say_much() {
                super::answers_through_two_relay_agents($make);
            }

            #[test]
            #[ignore = "needs namespaces and DHCPv4 servers"]
            fn answers_a_query_of_one_front_through_the_next() {
                super::delivers_through_another_front($make);
            }
        })+
    };
}

with_each! {
    kea Make::Kea;
    isc_dhcpd Make::Isc;
    dnsmasq Make::Dnsmasq;
}

#[test]
#[ignore = "needs namespaces and DHCPv4 servers"]
fn of_several_servers_the_chosen_one_gives_the_lease_and_another_replaces_it() {
    let lab = Lab::new();
    let settings = |make, number, hosts| PlainSettings {
        number,
        pools: vec![Pool { network: HOME, hosts }],
        // Neither may refuse what the other gave.
        authoritative: false,
        ..PlainSettings::of(make)
    };
    let mut servers = [(Make::Kea, 1, (100, 149)), (Make::Isc, 2, (150, 199))]
        .map(|(make, number, hosts)| Plain::start(&lab, settings(make, number, hosts)));
    let [one, two] = &servers;
    let front = Provider::start(&lab, &front(&[one, two], ""));
    let wire = Capture::start(&lab.provider);
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    let pool_of = |address: Ipv4Addr| usize::from(address.octets()[3] >= 150);
    let chosen = pool_of(only_address(&lab.customer));
    let [to_chosen, to_other] = [chosen, 1 - chosen].map(|n| servers[n].settings.address());
    for server in [to_chosen, to_other] {
        customer.wire.wait("an offer of each", SOON, |dhcp| {
            dhcp.carries(V4::OFFER)
                && dhcp.inner().and_then(|inner| inner.address(code::SERVER_ID)) == Some(server)
        });
    }
    let asked = |server| {
        let sent = wire.dhcp4().into_iter().filter(move |dhcp| dhcp.to == server);
        sent.filter_map(|dhcp| dhcp.kind()).collect::<Vec<_>>()
    };
    assert_eq!(asked(to_chosen), [V4::DISCOVER, V4::REQUEST]);
    assert_eq!(asked(to_other), [V4::DISCOVER], "the REQUEST names the other one");
    renew(&mut customer);
    assert_eq!(pool_of(only_address(&lab.customer)), chosen);

    customer.client.link("c0", "Release").expect("released");
    customer.client.wait_lease_event(0, "released", SOON);
    servers[chosen].stop();
    customer.client.link("c0", "Restart").expect("restarted");
    customer.wait_bound("c0");
    assert_eq!(pool_of(only_address(&lab.customer)), 1 - chosen);
    assert_eq!(front.count("unknown-server"), 0);
}

/// A DHCPv4-query with a DISCOVER that has these options, in the options field and in `file`.
fn forged(options: &[&[u8]], file: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..8].copy_from_slice(&[1, 0, 0, 0, 0xde, 0xad, 0xbe, 0xef]);
    message[108..108 + file.len()].copy_from_slice(file);
    message[236..].copy_from_slice(&v4::COOKIE);
    message.extend([53, 1, 1, 61, 3, 0, b'x', b'y']);
    options.iter().for_each(|option| message.extend_from_slice(option));
    message.push(255);
    message.resize(message.len().max(300), 0);
    let mut query = vec![20, 0, 0, 0, 0, 87];
    query.extend(u16::try_from(message.len()).expect("short").to_be_bytes());
    query.extend(message);
    query
}

#[test]
#[ignore = "needs namespaces and DHCPv4 servers"]
fn nothing_that_a_client_sends_is_taken_for_ours_sec_14() {
    let mut scene = Scene::bound(PlainSettings::of(Make::Kea), "");
    let mark = scene.wire.mark();
    let ours = scene.wire.dhcp4().into_iter().find(|dhcp| dhcp.from == GIADDR).expect("a query");
    let ours = v4::Message::parse(&ours.payload).expect("ours");
    let agent = ours.option(code::RELAY_AGENT).expect("with what we added").into_owned();
    let mut copied = vec![82, u8::try_from(agent.len()).expect("short")];
    copied.extend(agent);
    let socket = scene.lab.customer.enter(|| UdpSocket::bind("[::]:0").expect("a socket"));
    let index = scene.lab.customer.ip_json("link show dev c0")[0]["ifindex"].as_u64().expect("an index");
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let to = SocketAddrV6::new(group, 547, 0, u32::try_from(index).expect("an index"));
    let in_file = [82, 4, 220, 2, 1, 2, 255];
    let queries = [
        forged(&[&[82, 4, 1, 2, 1, 2]], &[]),
        forged(&[&[82, 4, 220, 2, 1, 2]], &[]),
        forged(&[&copied], &[]),
        forged(&[&[52, 1, 1]], &in_file),
        forged(&[&[82, 2, 220, 2], &[82, 2, 1, 2]], &[]),
        forged(&[&[82, 0]], &[]),
    ];
    for query in &queries {
        socket.send_to(query, to).expect("sent");
    }
    // Behind an End, and in a field that is not said to hold options, is nothing that a server could find.
    let hidden = [forged(&[&[255], &copied], &[]), forged(&[], &in_file)];
    for query in &hidden {
        socket.send_to(query, to).expect("sent");
    }
    let server = scene.server.settings.address();
    for _ in &hidden {
        // Each is answered for what it says, before anything that is sent from here on.
        scene.wire.wait_dhcp4(mark, "a DISCOVER", |dhcp| dhcp.to == server);
    }
    scene.renew();
    assert_eq!(scene.front.count("opt82-from-client"), queries.len() as u64);
    let frames = scene.wire.frames();
    let passed: Vec<_> =
        frames.iter().skip(mark).filter_map(|frame| frame.dhcp4()).filter(|dhcp| dhcp.to == server).collect();
    let kinds: Vec<_> = passed.iter().filter_map(|dhcp| dhcp.kind()).collect();
    assert_eq!(kinds, [V4::DISCOVER, V4::DISCOVER, V4::REQUEST]);
    for passed in &passed {
        assert!(!passed.payload.windows(copied.len()).any(|part| part == copied), "{:02x?}", passed.payload);
        let message = v4::Message::parse(&passed.payload).expect("what we wrote");
        let value = message.option(code::RELAY_AGENT).expect("our own");
        let agent = AgentInformation::parse(&value).expect("well-formed");
        let codes: Vec<u8> = agent.iter().map(|(code, _)| code).collect();
        assert_eq!((codes, message.option(code::OVERLOAD)), (vec![220], None));
    }
}

#[test]
#[ignore = "needs namespaces and DHCPv4 servers"]
fn only_configured_servers_are_heard_and_only_with_what_we_sealed() {
    let mut scene = Scene::bound(PlainSettings::of(Make::Kea), "");
    let server = scene.server.settings.address();
    let ack = scene.wire.wait_dhcp4(0, "the ACK", |dhcp| dhcp.from == server && dhcp.kind() == Some(V4::ACK));
    let mark = scene.customer.wire.mark();
    let stranger = Ipv4Addr::new(10, 0, 1, 9);
    scene.server.namespace.ip(&format!("addr add {stranger}/24 dev d0"));
    let send = |from: Ipv4Addr, payload: &[u8]| {
        let socket = scene.server.namespace.enter(move || UdpSocket::bind((from, 0)).expect("a socket"));
        socket.send_to(payload, SocketAddrV4::new(GIADDR, 67)).expect("sent");
    };
    send(stranger, &ack.payload);
    let mut forged = ack.payload.clone();
    // Another transaction: the seal does not fit any more.
    forged[4] ^= 1;
    send(server, &forged);
    // Another giaddr, and no option 82 at all.
    let mut foreign = ack.payload.clone();
    foreign[27] ^= 3;
    send(server, &foreign);
    let mut bare = ack.payload[..240].to_vec();
    bare.extend([53, 1, 5, 54, 4, 10, 0, 1, 1, 255]);
    send(server, &bare);
    send(server, &[0; 17]);
    scene.renew();
    for counter in ["unknown-server", "unsolicited", "foreign-giaddr", "no-way-back", "malformed4"] {
        assert_eq!(scene.front.count(counter), 1, "{counter}");
    }
    let frames = scene.customer.wire.frames();
    let heard =
        frames.iter().skip(mark).filter_map(|frame| frame.dhcp()).filter(|dhcp| !dhcp.outgoing).count();
    assert_eq!(heard, 1, "the answer to the renewal");
}

#[test]
#[ignore = "needs namespaces and DHCPv4 servers"]
fn another_front_with_the_same_secret_delivers_what_the_first_asked_for() {
    const SECRET: &str = "secret = \"000102030405060708090a0b0c0d0e0f\"\n";
    let plant = Plant::new();
    let (lab, second) = (&plant.lab, plant.lab.namespace("b"));
    let server = Plain::start(lab, PlainSettings::of(Make::Kea));
    // The other host has its own link to the relay agent and its own address there. Both have giaddr.
    lab.join((&second, "s0"), (&plant.relay, "w1"));
    plant.relay.ip("addr add 2001:db8:7::2/64 dev w1 nodad");
    second.ip("addr add 2001:db8:7::1/64 dev s0 nodad");
    second.ip("route add 2001:db8:6::/64 via 2001:db8:7::2");
    lab.join((&lab.provider, "b1"), (&second, "b0"));
    lab.provider.ip("addr add 10.9.0.1/24 dev b1");
    second.ip("addr add 10.9.0.2/24 dev b0");
    second.ip(&format!("addr add {GIADDR}/32 dev lo"));
    second.ip("route add 10.0.1.0/24 via 10.9.0.1");
    let [to_first, to_second] = ["2001:db8:6::1", "2001:db8:7::1"]
        .map(|address| format!("[[relay]]\nclients = [\"r1\", \"r2\"]\nservers = [\"{address}\"]\n"));
    let config = front(&[&server], SECRET);
    let mut first = Provider::start(lab, &config);
    let config = config.replace("2001:db8:6::/64", "2001:db8:7::/64");
    let other = Provider::start_in(lab, &second, "second", &config);
    let mut relay = Provider::start_in(lab, &plant.relay, "relay", &to_first);
    let mut customer = Customer::start_in(lab, &plant.neighbour, "neighbour", STATELESS);
    customer.wait_bound("c0");
    let address = only_address(&plant.neighbour);

    let wire = Capture::start(&server.namespace);
    server.process().signal(Signal::SIGSTOP);
    let events = customer.client.mark();
    customer.client.link("c0", "Renew").expect("asked");
    wire.wait_dhcp4(0, "the query", |dhcp| dhcp.kind() == Some(V4::REQUEST));
    first.daemon.kill();
    // From here on packets for giaddr go to the other host.
    lab.provider.set("net/ipv4/ip_forward", "1");
    lab.provider.ip(&format!("addr del {GIADDR}/24 dev s0"));
    lab.provider.ip(&format!("route add {GIADDR}/32 via 10.9.0.2"));
    server.process().signal(Signal::SIGCONT);
    customer.client.wait_lease_event(events, "renewed", SOON);
    assert_eq!((other.count("upstream"), other.count("downstream")), (0, 1));
    relay.daemon.reload(&to_second);
    renew(&mut customer);
    assert_eq!((other.count("upstream"), other.count("downstream")), (1, 2));
    assert_eq!(only_address(&plant.neighbour), address);
}
