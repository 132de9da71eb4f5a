//! `explain` of a role: why it works or not, step by step, from its state and its counters. The service itself tells
//! that of links only, which remember more.

use super::Role;
use crate::service::{joined, number};
use dhcp4o6_dbus::Step;

/// Messages without an answer up to which there is nothing to worry about.
const FEW: u64 = 3;

/// How a step stands, and why.
type Finding = (&'static str, String);

fn ok(evidence: impl Into<String>) -> Finding {
    ("ok", evidence.into())
}

fn waiting(evidence: impl Into<String>) -> Finding {
    ("waiting", evidence.into())
}

fn failed(evidence: impl Into<String>) -> Finding {
    ("failed", evidence.into())
}

/// The steps in their order. The first that is neither `ok` nor `skipped` is where it stops; what lies behind it is
/// `skipped` unless it holds all the same.
pub fn steps(role: &Role) -> Vec<Step> {
    type Look = fn(&Role) -> Finding;
    let chain: &[(&str, Look)] = match role.kind {
        "server" => &[
            ("running", running),
            ("interfaces", interfaces),
            ("leases-stored", stored),
            ("heard", heard),
            ("taken-up", taken_up),
            ("answered", answered),
        ],
        "lcra" => &[
            ("running", running),
            ("servers", servers),
            ("own-address", own_address),
            ("heard", heard),
            ("relayed", relayed),
            ("answers", answers),
            ("delivered", delivered),
        ],
        "tra" => &[
            ("running", running),
            ("heard", heard),
            ("relayed", relayed),
            ("answers", answers),
            ("delivered", delivered),
        ],
        _ => &[
            ("running", running),
            ("interfaces", interfaces),
            ("heard", heard),
            ("relayed", relayed),
            ("answers", answers),
            ("delivered", delivered),
        ],
    };
    let mut stopped_at = None;
    let mut steps = Vec::with_capacity(chain.len());
    for (name, look) in chain {
        let (mut verdict, mut evidence) = look(role);
        match stopped_at {
            Some(stop) if verdict != "ok" => {
                (verdict, evidence) = ("skipped", format!("Not looked at: stopped at {stop}."));
            }
            None if verdict != "ok" && verdict != "skipped" => stopped_at = Some(name),
            _ => {}
        }
        steps.push(Step { name: (*name).to_owned(), verdict: verdict.to_owned(), evidence });
    }
    steps
}

fn running(role: &Role) -> Finding {
    let (state, reason) = (role.text("State"), role.text("Reason"));
    match state {
        "running" => ok("The service runs it."),
        "degraded" => ok(format!("The service runs it, but not all is well. {}", why(reason))),
        // What is missing has a step of its own.
        _ if role.kind == "lcra" && ["no-servers", "no-global-address"].contains(&reason) => {
            ok("The service would run it.")
        }
        "starting" if reason.is_empty() => waiting("It begins."),
        "starting" => waiting(why(reason)),
        _ => failed(why(reason)),
    }
}

/// What a reason means, and what to do.
fn why(reason: &str) -> String {
    let known = match reason {
        "port-in-use" => "Another program has the UDP port. Find it with `ss -ulpn` and stop it.",
        "not-permitted" => {
            "The service may not open the socket: it needs CAP_NET_BIND_SERVICE, CAP_NET_RAW for frames, and CAP_SYS_ADMIN \
             for other namespaces."
        }
        "no-such-address" => {
            "The host does not have the configured address. Add it, or correct the configuration."
        }
        "no-such-namespace" => {
            "There is no network namespace of this name. It is looked for again by itself."
        }
        "netns-forbidden" => "The service may not enter the network namespace: it needs CAP_SYS_ADMIN.",
        "netlink-failed" => "The kernel does not answer in the network namespace; see the log.",
        "no-interface" => "No configured interface is there and up.",
        "no-link" | "no-such-link" => {
            "The configured interface does not exist. Make it, or correct the configuration."
        }
        "not-ethernet" => "The interface of the clients is not an Ethernet.",
        "no-servers" => "No address of an IPv6-transport server or relay agent is known.",
        "no-global-address" | "no-source-address" => {
            "The upstream interface has no usable global IPv6 address."
        }
        "no-storage" => "Leases cannot be stored.",
        "no-agent-information" => "A DHCPv4 server does not return relay agent information (option 82).",
        "leases-in-use" => "Another process has the leases open. Stop it.",
        "panicked" => "It ended by a mistake of its own, which is in the log. It starts again by itself.",
        "socket-failed" => "The kernel does not open the socket; see the log. It is tried again by itself.",
        "" => "The service does not say why.",
        _ => "",
    };
    if known.is_empty() { format!("The reason is {reason}.") } else { known.to_owned() }
}

fn interfaces(role: &Role) -> Finding {
    let (there, missing) =
        (joined(&role.properties, &["Interfaces"]), joined(&role.properties, &["Missing"]));
    match (there.as_str(), missing.as_str()) {
        ("", "") => ("skipped", "It needs none.".to_owned()),
        (there, "") => ok(format!("There and up: {there}.")),
        ("", missing) => failed(format!("Missing or down: {missing}. Make them, or bring them up.")),
        (there, missing) => ok(format!("There and up: {there}. Missing or down: {missing}.")),
    }
}

fn stored(role: &Role) -> Finding {
    match role.text("Storage") {
        "degraded" => failed(
            "Leases cannot be stored, so no new ones are given. Look at the disk of the state directory; the service \
             goes on by itself when it can be written.",
        ),
        _ => ok("Leases reach the disk."),
    }
}

fn servers(role: &Role) -> Finding {
    let servers = joined(&role.properties, &["Servers"]);
    if servers.is_empty() {
        return failed(format!(
            "No address of an IPv6-transport server or relay agent is known. Configure `servers`, or let this service run \
             {} as a link that is told them.",
            named(role.text("Upstream"), "the upstream interface")
        ));
    }
    let from = super::show::servers_from(role.text("ServersFrom"));
    ok(format!("Every message goes to {servers} ({from})."))
}

fn own_address(role: &Role) -> Finding {
    match role.text("Source") {
        "" => failed(format!(
            "{} has no usable global IPv6 address. It comes from router advertisements (SLAAC), DHCPv6 or an operator; a \
             unique local one counts with `unique-local = true`.",
            named(role.text("Upstream"), "The upstream interface")
        )),
        source => ok(format!("Messages come from {source}.")),
    }
}

fn named<'a>(name: &'a str, otherwise: &'a str) -> &'a str {
    if name.is_empty() { otherwise } else { name }
}

fn heard(role: &Role) -> Finding {
    let received = number(&role.properties, &["Received"]);
    if received > 0 {
        return ok(format!("{} came.", datagrams(received)));
    }
    waiting(match role.kind {
        "lcra" => format!(
            "Nothing came. Clients have to be on {}, and ask by broadcast, UDP port 67.",
            named(role.text("Device"), "the configured interface")
        ),
        "tra" => format!(
            "Nothing came. Client relay agents have to ask {}, UDP port 67; see that no filter drops it.",
            at(&joined(&role.properties, &["Addresses"]))
        ),
        "server" if role.is_tsv() => format!(
            "Nothing came. Client relay agents have to ask {}, UDP port 67, and others UDP port 547; see that no filter \
             drops it.",
            at(&joined(&role.tsv, &["Addresses"]))
        ),
        _ => "Nothing came. See that no filter drops UDP port 547 on these interfaces.".to_owned(),
    })
}

fn at(addresses: &str) -> &str {
    named(addresses, "any address of this host")
}

fn datagrams(count: u64) -> String {
    if count == 1 { "1 datagram".to_owned() } else { format!("{count} datagrams") }
}

/// Why messages of clients are refused, and what to do. Of relay agents of every kind.
const UPWARD: &[(&str, &str)] = &[
    ("source-refused", "they come from where nothing is taken; see `accept-from`"),
    ("giaddr-nonzero", "another relay agent is in between, which must not be"),
    ("opt82-from-client", "they have relay agent information, which nobody may add before this agent"),
    ("hops-limit", "they passed too many relay agents; see `hops-limit`"),
    ("hop-limit", "they passed too many relay agents"),
    ("no-room", "they are too long for what has to be added; see `max-message`"),
    ("rate-limited", "more came than the limit allows"),
    ("op-unsupported", "they are not DHCPv4 requests, or have relay encapsulation that is not switched on"),
    ("malformed4", "they are not DHCPv4 messages"),
    ("malformed-relay", "they are not relay messages"),
    ("malformed6", "they are not DHCPv6 messages"),
    ("mcast-dst", "they are sent to a multicast address"),
    ("wrong-dst", "they are sent to an address where they are not taken"),
    ("wrong-link", "they come by an interface that is not served"),
    ("overload", "there was more to do than could be done"),
];

/// Why answers of servers are refused, and what to do.
const DOWNWARD: &[(&str, &str)] = &[
    (
        "no-cra6addr",
        "the server does not return relay agent information (option 82), or not the CRA6ADDR sub-option: switch that on \
         there",
    ),
    ("bad-cra6addr", "they name the client relay agent twice or wrongly"),
    ("unknown-server", "they come from an address that is not one of `servers`"),
    ("foreign-giaddr", "they are for another relay agent"),
    ("unsolicited", "nothing was asked that they could answer, or they came two minutes late"),
    ("xid-mismatch", "nothing was asked that they could answer"),
    ("opt82-in-reply", "relay agent information is still in them: the relay agent before has to take it out"),
    ("unknown-interface", "they name no interface that is served"),
    ("bad-peer", "they are for an address that no client can have"),
    ("no-way-back", "the server did not return what was sent along"),
];

/// Of `reasons` those that were counted, most frequent first, in a sentence; `None` if there are none.
fn refusals(role: &Role, reasons: &[(&str, &str)]) -> Option<String> {
    let mut counted: Vec<_> = reasons
        .iter()
        .map(|(reason, advice)| (role.refused(reason), reason, advice))
        .filter(|(count, ..)| *count > 0)
        .collect();
    counted.sort_by_key(|(count, ..)| std::cmp::Reverse(*count));
    let told: Vec<_> =
        counted.iter().map(|(count, reason, advice)| format!("{count} {reason} ({advice})")).collect();
    (!told.is_empty()).then(|| format!("Refused: {}.", told.join("; ")))
}

fn with(text: String, more: Option<String>) -> String {
    match more {
        Some(more) => format!("{text} {more}"),
        None => text,
    }
}

fn relayed(role: &Role) -> Finding {
    let refused = refusals(role, UPWARD);
    match role.done("upstream") {
        0 => match refused {
            Some(refused) => failed(format!("No message of a client was relayed. {refused}")),
            None => waiting("No message of a client was relayed yet."),
        },
        count => ok(with(format!("{} went to servers.", messages(count)), refused)),
    }
}

fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

fn answers(role: &Role) -> Finding {
    let refused: u64 = DOWNWARD.iter().map(|(reason, _)| role.refused(reason)).sum();
    let (came, asked) = (role.done("downstream").saturating_add(refused), role.done("upstream"));
    if came > 0 {
        return ok(format!(
            "{} came.",
            if came == 1 { "1 answer".into() } else { format!("{came} answers") }
        ));
    }
    let servers = joined(&role.properties, &["Servers"]);
    let servers = named(&servers, "the servers");
    let advice = match role.kind {
        "tra" => format!(
            "Check that {servers} can be reached, that they have a way back to {}, and a subnet for it or for the \
             configured links.",
            named(role.text("Giaddr"), "this host")
        ),
        "lcra" => format!(
            "Check that {servers} can be reached and take messages from {}, and that no filter drops UDP port 67.",
            named(role.text("Source"), "this host")
        ),
        _ => "Check that the servers can be reached, and that no filter drops UDP port 547.".to_owned(),
    };
    if asked <= FEW {
        waiting(format!("No answer came yet. {advice}"))
    } else {
        failed(format!("No answer came. {advice}"))
    }
}

fn delivered(role: &Role) -> Finding {
    let refused = refusals(role, DOWNWARD);
    let failure = match role.refused("send-error") {
        0 => None,
        count => Some(format!("The kernel refused to send {}; see the log.", datagrams(count))),
    };
    match (role.done("downstream"), refused) {
        (0, Some(refused)) => failed(with(format!("No answer went back to a client. {refused}"), failure)),
        (0, None) => waiting(with("No answer went back to a client yet.".to_owned(), failure)),
        (count, refused) => {
            let text = if count == 1 { "1 answer".to_owned() } else { format!("{count} answers") };
            ok(with(with(format!("{text} went back to clients."), refused), failure))
        }
    }
}

/// What a server counts when it takes a message up.
const TAKEN_UP: [&str; 18] = [
    "query",
    "discover",
    "request-selecting",
    "request-init-reboot",
    "request-renewing",
    "request-rebinding",
    "decline",
    "release",
    "inform",
    "bootp",
    "solicit",
    "request6",
    "confirm6",
    "renew6",
    "rebind6",
    "release6",
    "decline6",
    "information6",
];

/// What a server counts when it answers.
const ANSWERED: [&str; 6] = ["offer", "ack", "nak", "advertise", "reply6", "upstream"];

/// Why a server takes a message up and does not answer it, and what to do.
const UNANSWERED: &[(&str, &str)] = &[
    ("no-subnet", "no subnet serves the client; `dhcp4o6ctl select-test` shows why"),
    ("pool-empty", "the pool is full; see `dhcp4o6ctl pools`"),
    ("no-storage", "leases cannot be stored"),
    ("lease-limit", "the client, or its place, has as many leases as it may have"),
    ("unknown-client", "nothing is known of the client, and another server may know it"),
    ("other-server", "they are for another server"),
    ("not-owner", "they are about leases of others"),
    ("unsupported4", "messages of this type are not answered"),
    ("bad-query6", "they lack what they must have"),
];

fn sum(role: &Role, what: &[&str]) -> u64 {
    what.iter().map(|what| role.done(what)).fold(0, u64::saturating_add)
}

fn taken_up(role: &Role) -> Finding {
    let refused = refusals(role, UPWARD);
    // A query holds one more of these.
    match (sum(role, &TAKEN_UP) > 0, refused) {
        (true, refused) => ok(with("Messages of clients were taken up.".to_owned(), refused)),
        (false, Some(refused)) => failed(format!("No message was taken up. {refused}")),
        (false, None) => waiting("No message was taken up yet."),
    }
}

fn answered(role: &Role) -> Finding {
    let (refused, answered) = (refusals(role, UNANSWERED), sum(role, &ANSWERED));
    match (answered, refused) {
        (0, Some(refused)) => failed(format!("Nobody got an answer. {refused}")),
        (0, None) => waiting("Nobody got an answer yet."),
        (count, refused) => {
            let counts: Vec<_> = ANSWERED
                .iter()
                .map(|what| (role.done(what), what))
                .filter(|(count, _)| *count > 0)
                .map(|(count, what)| format!("{count} {what}"))
                .collect();
            let text = format!("{}: {}.", if count == 1 { "Answer" } else { "Answers" }, counts.join(", "));
            ok(with(text, refused))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::role;
    use super::*;
    use serde_json::{Value, json};

    /// Where it stops: name, verdict, evidence.
    fn stop(kind: &'static str, properties: Value) -> Option<(String, String, String)> {
        let steps = steps(&role(kind, "x", properties, Value::Null));
        let mut stops = steps.into_iter().filter(|step| !["ok", "skipped"].contains(&step.verdict.as_str()));
        let stop = stops.next()?;
        assert!(stops.next().is_none(), "it stops once");
        Some((stop.name, stop.verdict, stop.evidence))
    }

    fn tra(change: Value) -> Value {
        let mut all = json!({
            "State": "running", "Servers": ["10.0.0.1"], "Giaddr": "10.0.0.9", "Received": 9, "Sent": 9,
            "Done": { "upstream": 5, "downstream": 5 }, "Refused": {},
        });
        let object = all.as_object_mut().unwrap();
        object.extend(change.as_object().unwrap().clone());
        all
    }

    #[test]
    fn a_role_that_works_stops_nowhere() {
        assert_eq!(stop("tra", tra(json!({}))), None);
        assert_eq!(stop("relay", tra(json!({ "Interfaces": ["lan0"] }))), None);
        assert_eq!(
            stop(
                "server",
                json!({ "State": "running", "Received": 2, "Done": { "discover": 1, "offer": 1 } })
            ),
            None
        );
    }

    #[test]
    fn an_ipv6_transport_relay_agent_stops_where_messages_do() {
        for (change, name, verdict, words) in [
            (json!({ "State": "failed", "Reason": "no-such-address" }), "running", "failed", "does not have"),
            (json!({ "State": "failed", "Reason": "new-word" }), "running", "failed", "new-word"),
            (
                json!({ "Received": 0, "Done": {} }),
                "heard",
                "waiting",
                "any address of this host, UDP port 67",
            ),
            (
                json!({ "Done": {}, "Refused": { "source-refused": 7, "giaddr-nonzero": 9 } }),
                "relayed",
                "failed",
                "Refused: 9 giaddr-nonzero (another relay agent is in between, which must not be); 7 source-refused",
            ),
            (json!({ "Done": {} }), "relayed", "waiting", "yet"),
            (json!({ "Done": { "upstream": 2 } }), "answers", "waiting", "10.0.0.1 can be reached"),
            (json!({ "Done": { "upstream": 4 } }), "answers", "failed", "a way back to 10.0.0.9"),
            (
                json!({ "Done": { "upstream": 4 }, "Refused": { "no-cra6addr": 4 } }),
                "delivered",
                "failed",
                "does not return relay agent information (option 82)",
            ),
        ] {
            let (its_name, its_verdict, evidence) = stop("tra", tra(change.clone())).unwrap();
            assert_eq!((its_name.as_str(), its_verdict.as_str()), (name, verdict), "{change}");
            assert!(evidence.contains(words), "{evidence}");
        }
    }

    #[test]
    fn an_on_link_agent_says_what_it_lacks_before_it_can_relay() {
        let lcra = |source: &str, servers: &[&str]| {
            let reason = if servers.is_empty() { "no-servers" } else { "no-global-address" };
            json!({ "State": "failed", "Reason": reason, "Upstream": "wan0", "Source": source, "Servers": servers,
                    "ServersFrom": "configured" })
        };
        let (name, _, evidence) = stop("lcra", lcra("2001:db8::18", &[])).unwrap();
        assert_eq!(name, "servers");
        assert!(evidence.contains("let this service run wan0 as a link"), "{evidence}");
        let (name, _, evidence) = stop("lcra", lcra("", &["2001:db8:9::67"])).unwrap();
        assert_eq!(name, "own-address");
        assert!(evidence.starts_with("wan0 has no usable global IPv6 address"), "{evidence}");
    }

    #[test]
    fn what_is_behind_the_stop_is_shown_only_if_it_holds() {
        let steps =
            steps(&role("tra", "x", tra(json!({ "State": "failed", "Reason": "port-in-use" })), Value::Null));
        let verdicts: Vec<_> = steps.iter().map(|step| step.verdict.as_str()).collect();
        assert_eq!(verdicts, ["failed", "ok", "ok", "ok", "ok"]);
        let silent = super::steps(&role("tra", "x", json!({ "State": "running" }), Value::Null));
        assert_eq!(silent[1].verdict, "waiting");
        assert_eq!(silent[2].evidence, "Not looked at: stopped at heard.");
    }

    #[test]
    fn a_server_that_answers_nobody_says_why() {
        let server = json!({
            "State": "running", "Storage": "ok", "Received": 9, "Done": { "discover": 3 }, "Refused": { "no-subnet": 3 },
        });
        let (name, verdict, evidence) = stop("server", server).unwrap();
        assert_eq!((name.as_str(), verdict.as_str()), ("answered", "failed"));
        assert!(evidence.contains("select-test"), "{evidence}");
        let full = json!({ "State": "degraded", "Reason": "no-storage", "Storage": "degraded" });
        assert_eq!(stop("server", full).unwrap().0, "leases-stored");
    }
}
