//! A client whose transport is not there for a while.

use super::*;

fn sends(actions: &[Action]) -> usize {
    actions.iter().filter(|action| matches!(action, Action::Send { .. })).count()
}

/// A client that has sent a DISCOVER, frozen at once.
fn discovering() -> Client4 {
    let mut client = client(None);
    run(&mut client, at(100.0), |client, now, cx, out| client.start(now, Start::Verify, cx, out));
    client.freeze(at(101.0));
    client
}

fn client(remembered: Option<Lease4>) -> Client4 {
    let hardware = HardwareAddress::ethernet(HARDWARE);
    Client4::new(Dhcp4Settings::default(), client_id(), hardware, remembered)
}

fn run(
    client: &mut Client4,
    now: Instant,
    act: impl FnOnce(&mut Client4, Instant, &mut Cx<'_>, &mut Vec<Action>),
) -> Vec<Action> {
    let mut out = Vec::new();
    let mut rng = Rng::scripted(0.5);
    act(client, now, &mut Cx { rng: &mut rng, foreign: &[], source: None }, &mut out);
    out
}

#[test]
fn what_is_pending_goes_on_where_it_was() {
    let mut client = discovering();
    let pending = client.pending();
    assert_eq!(client.deadline(), None);
    assert!(run(&mut client, at(900.0), Client4::on_deadline).is_empty());
    let thawed = run(&mut client, at(901.0), |client, now, cx, out| client.thaw(now, true, cx, out));
    assert_eq!((sends(&thawed), client.pending()), (1, pending), "once more, with the same transaction id");
    // It was to be sent again at 104 s, and stood still for 800 s.
    assert_eq!(client.status().exchange.unwrap().transmissions, 1);
    let mut again = Vec::new();
    let mut now = at(901.0);
    while sends(&again) == 0 {
        now = client.deadline().unwrap();
        again = run(&mut client, now, Client4::on_deadline);
    }
    assert_eq!(now, at(904.0));
}

#[test]
fn without_leave_to_repeat_it_waits_for_its_turn() {
    let mut client = discovering();
    let thawed = run(&mut client, at(110.0), |client, now, cx, out| client.thaw(now, false, cx, out));
    assert_eq!(sends(&thawed), 0);
    assert!(!client.is_frozen());
}

#[test]
fn what_became_due_happens_with_the_thaw() {
    let mut client = client(Some(lease()));
    run(&mut client, at(100.0), |client, now, cx, out| client.start(now, Start::Continue, cx, out));
    client.freeze(at(200.0));
    assert_eq!(client.deadline(), Some(at(3600.0)), "the lease runs on");
    let thawed = run(&mut client, at(2000.0), |client, now, cx, out| client.thaw(now, true, cx, out));
    assert_eq!((sends(&thawed), client.status().state), (1, "renewing"), "T1 has passed");
}

#[test]
fn a_lease_ends_in_its_time_and_nothing_is_sent() {
    let mut client = client(Some(lease()));
    run(&mut client, at(100.0), |client, now, cx, out| client.start(now, Start::Continue, cx, out));
    client.freeze(at(200.0));
    assert!(run(&mut client, at(3599.0), Client4::on_deadline).is_empty());
    let ended = run(&mut client, at(3600.0), Client4::on_deadline);
    assert!(matches!(ended[..], [Action::Lost(LeaseEventKind::Expired, _)]), "{ended:?}");
    assert!(!client.is_running() && !client.is_frozen());
}

#[test]
fn one_that_is_suspended_cannot_be_frozen_and_suspension_ends_the_frost() {
    let mut client = client(None);
    client.freeze(at(100.0));
    assert!(!client.is_frozen());
    let mut client = discovering();
    client.suspend(at(102.0));
    assert!(!client.is_frozen() && client.pending().is_none());
    let nothing = run(&mut client, at(103.0), |client, now, cx, out| client.thaw(now, true, cx, out));
    assert!(nothing.is_empty());
}
