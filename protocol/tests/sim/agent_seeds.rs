//! Ten thousand histories of a link with a host Client Relay Agent, built-in client, and one to four endpoints.

use crate::model::chaos67;
use crate::seeds::{Suite, live};

/// What a link must have lived through in at least one of the histories.
const SOMETIMES: [&str; 43] = [
    // Messages.
    "relayed",
    "sent-discover",
    "sent-request",
    "sent-decline",
    "sent-release",
    "renewed-through-agent",
    "renewed-directly",
    // What became of leases.
    "acquired",
    "renewed",
    "rebound",
    "declined",
    "nak",
    "nak-67",
    "expired",
    "released",
    // Where servers are known from.
    "static",
    "option-88",
    "draft01",
    "aftr-name",
    // What the agent waits for.
    "servers",
    "global-address",
    "agent-socket",
    "permit",
    // States and reasons.
    "degraded",
    "no-servers",
    "no-global-address",
    "agent-port-in-use",
    "not-permitted",
    "endpoints-acquiring",
    "lacks-echo",
    "address-removed",
    // Refusals.
    "malformed4",
    "op-unsupported",
    "mcast-dst",
    "source-refused",
    "opt82-in-reply",
    "unsolicited",
    "client-id-mismatch",
    "no-client-id-echo",
    "xid-mismatch",
    // The world.
    "crash",
    "sleep",
    "suspended",
];

/// `HCRA_SEED` runs one history alone; `HCRA_FIRST` and `HCRA_SEEDS` choose others, or more.
#[test]
fn ten_thousand_histories_of_a_relay_agent_keep_every_invariant_and_end_well() {
    live(Suite { name: "HCRA", network: chaos67::network, history: chaos67::history, sometimes: &SOMETIMES });
}
