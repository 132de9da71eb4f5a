//! The client's end of a softwire, option 109 (RFC 8539).

use super::*;

fn with(mut message: Outgoing, end: &str) -> Outgoing {
    message.options.push((code::S46_SOURCE, ip6(end).octets().to_vec()));
    message
}

fn end(got: &Got) -> Option<Ipv6Addr> {
    got.option(code::S46_SOURCE).map(|value| Ipv6Addr::from(<[u8; 16]>::try_from(value).unwrap()))
}

const ONE: &str = "2001:db8:a::1";
const OTHER: &str = "2001:db8:a::2";

#[test]
fn the_end_is_kept_with_the_lease_and_in_every_ack_s46_46() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    let ack = bench.ask(at(0.0), &client, &with(client.selecting(address), ONE));
    assert_eq!(end(&ack), Some(ip6(ONE)));
    assert_eq!(bench.binding(address).softwire, Some(ip6(ONE)));
    assert_eq!(end(&bench.renew(at(10.0), &client, address).unwrap()), Some(ip6(ONE)));
    bench.may_grant = false;
    assert_eq!(end(&bench.renew(at(20.0), &client, address).unwrap()), Some(ip6(ONE)));
}

#[test]
fn an_end_of_another_lease_is_refused_or_left_as_it_was_s46_47() {
    let mut bench = Bench::plain();
    let [first, second, third] = [1, 2, 3].map(Client::new);
    let address = bench.offer(at(0.0), &first);
    bench.ask(at(0.0), &first, &with(first.selecting(address), ONE));
    let wish = bench.offer(at(0.0), &second);
    assert!(bench.ask(at(0.0), &second, &with(second.selecting(wish), ONE)).is(MessageType::NAK));
    assert_eq!(bench.bindings().len(), 1);
    let own = bench.offer(at(0.0), &third);
    bench.ask(at(0.0), &third, &with(third.selecting(own), OTHER));
    let got = bench.ask(at(100.0), &third, &with(third.extending(own), ONE));
    assert_eq!((got.kind, end(&got)), (Some(MessageType::ACK), Some(ip6(OTHER))));
    // It is free again when that lease ends.
    let got = bench.ask(at(3600.0), &third, &with(third.extending(own), ONE));
    assert_eq!((got.kind, end(&got)), (Some(MessageType::ACK), Some(ip6(ONE))));
}

#[test]
fn the_end_changes_at_most_once_a_minute_s46_48() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    bench.ask(at(0.0), &client, &with(client.selecting(address), ONE));
    // Renewals do not begin the minute anew.
    bench.renew(at(20.0), &client, address).unwrap();
    let change = with(client.extending(address), OTHER);
    assert_eq!(end(&bench.ask(at(30.0), &client, &change)), Some(ip6(ONE)));
    assert_eq!(end(&bench.ask(at(61.0), &client, &change)), Some(ip6(OTHER)));
    assert_eq!(bench.binding(address).softwire, Some(ip6(OTHER)));
}

#[test]
fn an_end_that_cannot_be_one_is_not_kept() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    for bad in ["::", "::1", "ff02::1", "fe80::1"] {
        assert_eq!(end(&bench.ask(at(0.0), &client, &with(client.selecting(address), bad))), None, "{bad}");
    }
    let mut short = client.selecting(address);
    short.options.push((code::S46_SOURCE, vec![0x20; 15]));
    assert_eq!(end(&bench.ask(at(0.0), &client, &short)), None);
}
