//! How each further endpoint of a link stands.

use super::{Finding, Step, exchanged, failed, held, ok, waiting};
use crate::status::{EndpointStatus, LinkState, Status};
use crate::time::Instant;

/// One step for each endpoint but the first, which has the steps before.
pub(super) fn steps(status: &Status, now: Instant) -> impl Iterator<Item = Step> {
    status.endpoints.iter().skip(1).map(move |endpoint| {
        let (verdict, evidence) = look(endpoint, now);
        Step { name: "endpoint", verdict, evidence: format!("{}: {evidence}", endpoint.name) }
    })
}

fn look(endpoint: &EndpointStatus, now: Instant) -> Finding {
    let client = &endpoint.client4;
    let lease = client.lease.as_ref().filter(|lease| lease.is_valid(now));
    match (endpoint.reason, lease) {
        ("server-lacks-6842", _) => failed(
            "The server does not return the client identifier (RFC 6842), so that its replies cannot be told apart; only \
             the first endpoint runs. Let the server return it (ISC dhcpd: `echo-client-id on`), or remove the other \
             endpoints.",
        ),
        ("no-target", _) => failed("The interface that is to get its address does not exist."),
        (_, Some(lease)) if endpoint.ipv4.is_some() => {
            ok(format!("{} It is on {}.", held(lease, now), endpoint.target))
        }
        (_, Some(lease)) => waiting(held(lease, now)),
        (_, None) => match (&client.exchange, endpoint.state) {
            (Some(exchange), _) => waiting(exchanged(exchange, now)),
            (None, LinkState::Failed) => failed(format!("It failed: {}.", endpoint.reason)),
            (None, _) => waiting(format!("{} ({}).", endpoint.state.word(), endpoint.reason)),
        },
    }
}
