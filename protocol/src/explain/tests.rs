use super::*;
use crate::facts::{Address6, Noted, RouterAdvertisement, Target};
use crate::ids::{Duid, HardwareAddress};
use crate::lease::Ipv4Config;
use crate::permit::Permit;
use crate::status::{EndpointStatus, HcraStatus};
use crate::time::Lifetime;
use std::sync::Arc;

const NOW: Instant = Instant::from_secs(100_000);

fn ago(secs: u64) -> Instant {
    NOW - Duration::from_secs(secs)
}

fn link_local_address() -> Address6 {
    Address6 {
        address: "fe80::1".parse().unwrap(),
        prefix_len: 64,
        tentative: false,
        duplicate: false,
        deprecated: false,
        temporary: false,
    }
}

fn exchange(message: &'static str, transmissions: u32, started_at: Instant) -> Option<ExchangeStatus> {
    Some(ExchangeStatus { message, transmissions, started_at, next_at: Some(NOW + Duration::from_secs(4)) })
}

fn facts(status: &mut Status) -> &mut LinkFacts {
    Arc::make_mut(&mut status.facts)
}

/// A link on which everything holds.
fn bound() -> Status {
    let mut status =
        Status { state: LinkState::Bound, reason: "bound", since: ago(100), ..Status::default() };
    *facts(&mut status) = LinkFacts {
        index: 7,
        name: "wan0".to_owned(),
        up: true,
        carrier: true,
        mtu: 1500,
        hardware: HardwareAddress::ethernet([2, 0, 0, 0, 0, 1]),
        addresses: vec![link_local_address()],
        ra: Some(RouterAdvertisement {
            managed: false,
            other: true,
            prefixes: vec![("2001:db8::".parse().unwrap(), 64)],
        }),
        targets: vec![Some(Target { index: 7, name: "wan0".to_owned(), up: true, ..Target::default() })],
        ..LinkFacts::default()
    };
    status.dhcp6.state = "bound";
    status.dhcp6.mode = "stateless";
    status.dhcp6.reply_at = Some(ago(200));
    status.dhcp6.server = Some(Duid::new([0, 3, 0, 1]).unwrap());
    status.permit_state = "valid";
    status.permit = Some(Permit {
        profile: WireProfile::Rfc7341,
        servers: vec!["2001:db8::53".parse().unwrap()],
        since: ago(3700),
    });
    status.client4.state = "bound";
    status.client4.transport = "4o6";
    status.client4.source = Some("2001:db8::2".parse().unwrap());
    status.client4.destinations = vec!["2001:db8::53".parse().unwrap()];
    status.client4.messages = [1, 1, 1, 0, 1, 0, 0];
    status.client4.lease = Some(Lease4 {
        address: "192.0.2.7".parse().unwrap(),
        server_id: "192.0.2.1".parse().unwrap(),
        requested_at: ago(100),
        lifetime: Lifetime(3600),
        renew_at: Some(ago(100) + Duration::from_secs(1800)),
        rebind_at: Some(ago(100) + Duration::from_secs(3150)),
        expires_at: Some(ago(100) + Duration::from_secs(3600)),
        options: Vec::new(),
        source: None,
    });
    status.ipv4 = Some(Ipv4Config {
        address: "192.0.2.7".parse().unwrap(),
        prefix_len: 24,
        expires_at: Some(ago(100) + Duration::from_secs(3600)),
        routes: Vec::new(),
        mtu: None,
        gateway: None,
        dns: Vec::new(),
        domains: Vec::new(),
        ntp: Vec::new(),
        host_name: None,
    });
    status
}

/// A link that has no lease and has not asked for one.
fn without_lease() -> Status {
    let mut status = bound();
    status.client4.lease = None;
    status.client4.source = None;
    status.client4.messages = [0; 7];
    status.client4.state = "off";
    status.ipv4 = None;
    status
}

/// Where the chain stops, how, and with what evidence. It stops once.
fn stop(status: &Status) -> (&'static str, Verdict, String) {
    let steps = explain(status, NOW);
    let at = steps
        .iter()
        .position(|step| matches!(step.verdict, Verdict::Waiting | Verdict::Failed))
        .unwrap_or_else(|| panic!("{steps:#?}"));
    for behind in &steps[at + 1..] {
        assert!(matches!(behind.verdict, Verdict::Skipped | Verdict::Ok), "{behind:?}");
    }
    (steps[at].name, steps[at].verdict, steps[at].evidence.clone())
}

fn verdict_of(status: &Status, name: &str) -> Verdict {
    explain(status, NOW).into_iter().find(|step| step.name == name).unwrap().verdict
}

#[track_caller]
fn assert_stops(status: &Status, name: &str, verdict: Verdict, evidence: &str) {
    let (at, how, why) = stop(status);
    assert_eq!((at, how), (name, verdict), "{why}");
    assert!(why.contains(evidence), "{why:?} does not contain {evidence:?}");
}

#[test]
fn a_bound_link_is_explained_by_what_holds() {
    let steps = explain(&bound(), NOW);
    assert!(steps.iter().all(|step| step.verdict == Verdict::Ok), "{steps:#?}");
    let evidence = |name| steps.iter().find(|step| step.name == name).unwrap().evidence.as_str();
    assert_eq!(evidence("link"), "wan0 is interface 7, link-layer address 02:00:00:00:00:01, MTU 1500.");
    assert_eq!(evidence("router-advertisement"), "One came: M not set, O set; on the link: 2001:db8::/64.");
    assert_eq!(evidence("dhcp6"), "Configured (stateless): last Reply from server 00030001 3 min 20 s ago.");
    assert!(evidence("permit").contains("first 1 h 1 min ago; queries go to 2001:db8::53."));
    assert_eq!(
        evidence("lease"),
        "192.0.2.7 from server 192.0.2.1, valid for another 58 min 20 s. Renewed in 28 min 20 s. \
         Rebound in 50 min 50 s."
    );
    assert_eq!(evidence("installed"), "192.0.2.7/24 and 0 routes are on wan0.");
}

#[test]
fn nothing_known_yet_is_a_missing_interface() {
    assert_stops(&Status::default(), "link", Verdict::Failed, "does not exist");
}

#[test]
fn a_stopped_link_says_how_to_start_it() {
    let mut status = without_lease();
    status.stopped = true;
    assert_stops(&status, "started", Verdict::Failed, "dhcp4o6ctl up");
}

#[test]
fn an_interface_that_is_down_says_how_to_bring_it_up() {
    let mut status = without_lease();
    let facts = facts(&mut status);
    (facts.up, facts.carrier) = (false, false);
    facts.addresses.clear();
    let steps = explain(&status, NOW);
    assert_eq!(
        steps[2].evidence,
        "The interface is administratively down. Bring it up: ip link set wan0 up."
    );
    assert_eq!(steps[2].verdict, Verdict::Failed);
}

#[test]
fn no_carrier_is_named() {
    let mut status = without_lease();
    facts(&mut status).carrier = false;
    let steps = explain(&status, NOW);
    assert_eq!((steps[3].name, steps[3].verdict), ("carrier", Verdict::Failed));
    assert!(steps[3].evidence.contains("cable"));
}

fn before_dhcp6() -> Status {
    let mut status = without_lease();
    facts(&mut status).targets[0] = None;
    status.dhcp6 = crate::status::Dhcp6Status { state: "waiting", mode: "auto", ..Default::default() };
    status.permit = None;
    status.permit_state = "none";
    status.client4.waiting_for = Some("permit");
    status
}

#[test]
fn duplicate_address_detection_is_waited_for_until_it_fails() {
    let mut status = before_dhcp6();
    facts(&mut status).ra = None;
    facts(&mut status).addresses[0].tentative = true;
    assert_stops(&status, "link-local", Verdict::Waiting, "still runs");
    facts(&mut status).addresses[0].duplicate = true;
    assert_stops(&status, "link-local", Verdict::Failed, "Another host on the link has fe80::1");
    facts(&mut status).addresses.clear();
    assert_stops(&status, "link-local", Verdict::Failed, "disable_ipv6");
}

#[test]
fn a_router_advertisement_is_waited_for_only_while_the_mode_is_open() {
    let mut status = before_dhcp6();
    facts(&mut status).ra = None;
    assert_stops(&status, "router-advertisement", Verdict::Waiting, "After 10 seconds");
    status.dhcp6.mode = "stateful";
    status.dhcp6.exchange = exchange("Solicit", 1, ago(1));
    assert_eq!(verdict_of(&status, "router-advertisement"), Verdict::Skipped);
    assert_stops(
        &status,
        "dhcp6",
        Verdict::Waiting,
        "Solicit sent once, first 1.0 s ago, no answer; again in 4.0 s.",
    );
}

#[test]
fn dhcp6_without_an_answer_fails_after_a_minute_of_silence() {
    let mut status = before_dhcp6();
    status.dhcp6.mode = "stateless";
    status.dhcp6.exchange = exchange("Information-request", 0, NOW + Duration::from_secs(1));
    assert_stops(&status, "dhcp6", Verdict::Waiting, "Information-request goes out in 4.0 s.");
    status.dhcp6.exchange = exchange("Information-request", 3, ago(12));
    assert_stops(&status, "dhcp6", Verdict::Waiting, "sent 3 times, first 12 s ago");
    status.dhcp6.exchange = exchange("Information-request", 6, ago(60));
    assert_stops(&status, "dhcp6", Verdict::Failed, "Nobody answers");
    status.dhcp6.exchange = None;
    assert_stops(&status, "dhcp6", Verdict::Waiting, "the state is waiting");
}

#[test]
fn an_old_reply_does_not_hide_that_its_configuration_is_over() {
    let mut status = before_dhcp6();
    status.state = LinkState::Dhcp6;
    status.dhcp6.mode = "stateful";
    status.dhcp6.reply_at = Some(ago(7200));
    status.dhcp6.exchange = exchange("Solicit", 9, ago(600));
    assert_stops(&status, "dhcp6", Verdict::Failed, "Nobody answers");
}

#[test]
fn a_port_in_use_is_named_with_its_cure() {
    let mut status = before_dhcp6();
    status.reason = "port-in-use";
    status.last_error = Some(Noted {
        at: ago(1),
        name: "port-in-use",
        text: "UDP port 546: another program has the port".into(),
    });
    assert_stops(&status, "dhcp6", Verdict::Failed, "Stop the other DHCPv6 client");
    status.reason = "no-permit";
    assert_eq!(stop(&status).1, Verdict::Waiting);
}

#[test]
fn every_way_to_have_no_permit_is_told_apart() {
    let mut status = without_lease();
    status.permit = None;
    status.client4.waiting_for = Some("permit");
    facts(&mut status).targets[0] = None;
    for (state, verdict, evidence) in [
        ("none", Verdict::Failed, "does not enable"),
        ("", Verdict::Failed, "does not enable"),
        ("suspended", Verdict::Waiting, "same network"),
        ("withdrawn", Verdict::Failed, "no longer enables"),
        ("expired", Verdict::Failed, "has expired"),
        ("refused", Verdict::Failed, "no usable address"),
    ] {
        status.permit_state = state;
        let steps = explain(&status, NOW);
        let step = steps.iter().find(|step| step.name == "permit").unwrap();
        assert_eq!(step.verdict, verdict, "{state}");
        assert!(step.evidence.contains(evidence), "{state}: {}", step.evidence);
    }
    status.client4.waiting_for = Some("mode-off");
    let steps = explain(&status, NOW);
    assert!(steps.iter().any(|step| step.name == "permit" && step.evidence.contains("Set mode")));
}

#[test]
fn a_permit_without_servers_goes_to_all_of_them() {
    let mut status = bound();
    status.permit.as_mut().unwrap().servers.clear();
    let steps = explain(&status, NOW);
    assert!(steps.iter().any(|step| step.name == "permit" && step.evidence.contains("ff02::1:2")));
}

#[test]
fn a_missing_target_is_named() {
    let mut status = without_lease();
    facts(&mut status).targets[0] = None;
    status.client4.waiting_for = Some("target");
    assert_stops(&status, "target", Verdict::Failed, "correct `target`");
}

#[test]
fn every_prerequisite_of_the_4o6_client_is_named() {
    for (waiting_for, name, verdict, evidence) in [
        ("source-address", "source-address", Verdict::Failed, "global or unique local"),
        ("native-dhcp", "native-dhcp", Verdict::Failed, "port 68"),
        ("native-check", "native-dhcp", Verdict::Waiting, "Looking"),
        ("operator", "wanted", Verdict::Failed, "dhcp4o6ctl renew"),
        ("address-removed", "wanted", Verdict::Failed, "removed"),
        ("something-new", "native-dhcp", Verdict::Waiting, "something-new"),
    ] {
        let mut status = without_lease();
        status.client4.waiting_for = Some(waiting_for);
        let steps = explain(&status, NOW);
        let step = steps
            .iter()
            .find(|step| step.verdict != Verdict::Ok && step.verdict != Verdict::Skipped)
            .unwrap();
        assert_eq!((step.name, step.verdict), (name, verdict), "{waiting_for}");
        assert!(step.evidence.contains(evidence), "{waiting_for}: {}", step.evidence);
    }
}

#[test]
fn each_query_is_told_with_what_came_back() {
    let mut status = without_lease();
    status.client4.state = "selecting";
    status.client4.source = Some("2001:db8::2".parse().unwrap());
    status.client4.messages = [2, 0, 0, 0, 0, 0, 0];
    status.client4.exchange = exchange("DISCOVER", 2, ago(5));
    assert_stops(&status, "dhcp4", Verdict::Waiting, "Sent: 2 DISCOVER, 0 REQUEST. Came: 0 OFFER, 0 ACK.");
    status.client4.exchange = exchange("DISCOVER", 5, ago(90));
    assert_stops(&status, "dhcp4", Verdict::Failed, "Check that 2001:db8::53 can be reached");
    status.client4.messages = [2, 1, 1, 0, 0, 1, 0];
    status.client4.exchange = exchange("REQUEST", 1, ago(1));
    assert_stops(&status, "dhcp4", Verdict::Waiting, "Came: 1 OFFER, 0 ACK, 1 NAK.");
}

#[test]
fn a_client_that_has_not_begun_says_so() {
    assert_stops(&without_lease(), "dhcp4", Verdict::Waiting, "has not begun");
}

#[test]
fn a_kernel_that_refuses_the_address_is_quoted() {
    let mut status = bound();
    status.ipv4 = None;
    assert_stops(&status, "installed", Verdict::Waiting, "not taken the address on wan0 yet");
    status.last_error = Some(Noted {
        at: ago(1),
        name: "install-failed",
        text: "192.0.2.7/24 is already there and is not ours".into(),
    });
    assert_stops(&status, "installed", Verdict::Failed, "already there and is not ours. It is tried again");
}

#[test]
fn a_lease_still_shows_while_the_permit_is_withdrawn_or_the_server_silent() {
    let mut status = bound();
    status.permit = None;
    status.permit_state = "withdrawn";
    status.client4.waiting_for = Some("permit");
    assert_eq!(verdict_of(&status, "permit"), Verdict::Failed);
    assert_eq!(verdict_of(&status, "lease"), Verdict::Ok);
    assert_eq!(verdict_of(&status, "installed"), Verdict::Ok);

    let mut status = bound();
    status.client4.exchange = exchange("REQUEST", 9, ago(600));
    assert_eq!(verdict_of(&status, "dhcp4"), Verdict::Ok);
}

#[test]
fn a_lease_that_ended_is_told() {
    let mut status = bound();
    status.ipv4 = None;
    status.client4.lease.as_mut().unwrap().expires_at = Some(ago(3));
    let steps = explain(&status, NOW);
    assert!(steps.iter().any(|step| step.verdict == Verdict::Waiting || step.verdict == Verdict::Failed));
    assert_eq!(verdict_of(&status, "installed"), Verdict::Skipped);
}

#[test]
fn a_lease_without_end_is_for_ever() {
    let mut status = bound();
    let lease = status.client4.lease.as_mut().unwrap();
    (lease.expires_at, lease.renew_at, lease.rebind_at) = (None, None, None);
    let steps = explain(&status, NOW);
    assert!(steps.iter().any(|step| step.evidence == "192.0.2.7 from server 192.0.2.1, for ever."));
}

#[test]
fn spans_have_one_or_two_units() {
    for (secs, text) in [
        (0, "0.0 s"),
        (9, "9.0 s"),
        (10, "10 s"),
        (61, "1 min 1 s"),
        (3600, "1 h 0 min"),
        (90_000, "1 d 1 h"),
    ] {
        assert_eq!(span(Duration::from_secs(secs)), text);
    }
    assert_eq!(span(Duration::from_millis(1234)), "1.2 s");
}

/// A link whose lease came through the host Client Relay Agent.
fn relayed() -> Status {
    let mut status = bound();
    (status.permit, status.permit_state) = (None, "none");
    status.client4.transport = "hcra";
    status.hcra = Some(HcraStatus {
        servers: vec!["2001:db8:9::67".parse().unwrap()],
        servers_from: "static",
        source: Some("2001:db8::2".parse().unwrap()),
        client: "builtin",
        renew: "direct",
        relayed: 2,
        delivered: 2,
        ..HcraStatus::default()
    });
    status
}

/// The same, waiting.
fn unrelayed(waiting_for: &'static str) -> Status {
    let mut status = relayed();
    (status.client4.lease, status.client4.state, status.ipv4) = (None, "off", None);
    status.client4.waiting_for = Some(waiting_for);
    status.hcra.as_mut().unwrap().waiting_for = Some(waiting_for);
    status
}

#[test]
fn a_lease_through_the_relay_agent_is_explained_by_servers_address_and_socket() {
    let steps = explain(&relayed(), NOW);
    let evidence = |name| steps.iter().find(|step| step.name == name).unwrap().evidence.as_str();
    assert_eq!(evidence("servers"), "Every message goes to 2001:db8:9::67, as configured.");
    assert_eq!(evidence("source-address"), "The relay agent is at 2001:db8::2.");
    assert_eq!(
        evidence("agent-socket"),
        "UDP port 67 is open there; 2 messages were relayed, 2 answers delivered."
    );
    assert_eq!(verdict_of(&relayed(), "permit"), Verdict::Skipped, "it needs none");
    assert!(steps.iter().all(|step| matches!(step.verdict, Verdict::Ok | Verdict::Skipped)), "{steps:#?}");
}

#[test]
fn what_a_relay_agent_waits_for_is_where_the_chain_stops() {
    let mut status = unrelayed("servers");
    let hcra = status.hcra.as_mut().unwrap();
    (hcra.servers, hcra.servers_from) = (Vec::new(), "none");
    assert_stops(&status, "servers", Verdict::Failed, "Write `servers`");
    status.dhcp6.options.aftr_name = Some("aftr.example.net".to_owned());
    assert_stops(&status, "servers", Verdict::Failed, "no resolver (option 23)");
    status.dhcp6.options.dns = vec!["2001:db8::53".parse().unwrap()];
    assert_stops(&status, "servers", Verdict::Failed, "aftr.example.net is being resolved");

    let mut status = unrelayed("global-address");
    assert_stops(&status, "source-address", Verdict::Failed, "no global IPv6 address");
    let own = Address6 { address: "2001:db8::2".parse().unwrap(), tentative: true, ..link_local_address() };
    facts(&mut status).addresses.push(own);
    assert_stops(&status, "source-address", Verdict::Failed, "still runs");

    let mut status = unrelayed("agent-socket");
    assert_stops(&status, "agent-socket", Verdict::Waiting, "being opened");
    let text = "UDP port 67 on 2001:db8::2: another program has the port".to_owned();
    status.last_error = Some(Noted { at: ago(1), name: "agent-port-in-use", text });
    assert_stops(&status, "agent-socket", Verdict::Failed, "another program has the port");

    let status = unrelayed("permit");
    assert_stops(&status, "permit", Verdict::Failed, "without option 88");
}

#[test]
fn a_relay_agent_with_servers_of_its_own_does_without_dhcpv6() {
    let mut status = relayed();
    (status.dhcp6.reply_at, status.dhcp6.state) = (None, "soliciting");
    assert_eq!(verdict_of(&status, "dhcp6"), Verdict::Skipped);
    assert_eq!(verdict_of(&status, "installed"), Verdict::Ok);
}

#[test]
fn a_relay_agent_with_servers_of_its_own_does_without_a_router() {
    let mut status = relayed();
    facts(&mut status).ra = None;
    (status.dhcp6.reply_at, status.dhcp6.state, status.dhcp6.mode) = (None, "off", "auto");
    let voice = EndpointStatus {
        name: "voice".to_owned(),
        state: LinkState::Failed,
        reason: "server-lacks-6842",
        ..EndpointStatus::default()
    };
    status.endpoints = vec![EndpointStatus::default(), voice];
    assert_eq!(verdict_of(&status, "router-advertisement"), Verdict::Skipped);
    assert_eq!(verdict_of(&status, "endpoint"), Verdict::Failed, "what it waits for is not hidden");

    let mut waiting = unrelayed("permit");
    facts(&mut waiting).ra = None;
    waiting.dhcp6.mode = "auto";
    assert_stops(&waiting, "router-advertisement", Verdict::Waiting, "None came yet");
}

#[test]
fn a_client_of_another_program_is_told_of_and_none_of_ours() {
    let mut status = unrelayed("");
    let hcra = status.hcra.as_mut().unwrap();
    (hcra.client, hcra.waiting_for) = ("external", None);
    assert_stops(&status, "client", Verdict::Waiting, "cannot be made");
    status.hcra.as_mut().unwrap().device = "hcra-wan0".to_owned();
    assert_stops(&status, "client", Verdict::Waiting, "udhcpc -i hcra-wan0");
    status.hcra.as_mut().unwrap().seen = bound().client4.lease;
    let steps = explain(&status, NOW);
    assert!(steps.iter().all(|step| step.name != "dhcp4"), "{steps:#?}");
    assert!(steps.last().unwrap().evidence.contains("192.0.2.7"), "{steps:#?}");
}

#[test]
fn every_further_endpoint_has_a_step_that_says_why_it_does_not_run() {
    let mut status = bound();
    let first = EndpointStatus { name: "data".to_owned(), ..EndpointStatus::default() };
    let lacking = EndpointStatus {
        name: "voice".to_owned(),
        state: LinkState::Failed,
        reason: "server-lacks-6842",
        ..EndpointStatus::default()
    };
    let good = EndpointStatus {
        name: "iptv".to_owned(),
        state: LinkState::Bound,
        target: "tun0".to_owned(),
        client4: status.client4.clone(),
        ipv4: status.ipv4.clone(),
        ..EndpointStatus::default()
    };
    status.endpoints = vec![first, lacking, good];
    let steps: Vec<_> = explain(&status, NOW).into_iter().filter(|step| step.name == "endpoint").collect();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[0].verdict, Verdict::Failed);
    assert!(steps[0].evidence.starts_with("voice: ") && steps[0].evidence.contains("RFC 6842"), "{steps:#?}");
    assert_eq!(steps[1].verdict, Verdict::Ok);
    assert!(steps[1].evidence.contains("192.0.2.7") && steps[1].evidence.contains("tun0"), "{steps:#?}");

    // What keeps all of them is said once.
    facts(&mut status).carrier = false;
    let steps: Vec<_> = explain(&status, NOW).into_iter().filter(|step| step.name == "endpoint").collect();
    assert_eq!(steps[0].verdict, Verdict::Skipped);
}
