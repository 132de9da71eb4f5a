//! Long times and bad lines.

use crate::model::net::Net;
use crate::model::server::Server;
use crate::model::{hours, secs};
use dhcp4o6_protocol::lease::LeaseEventKind as K;
use std::time::Duration;

const YEAR: Duration = hours(24 * 365);

#[test]
fn twenty_years_at_thirty_percent_loss() {
    let mut server = Server::good(1);
    server.four.lease = 8 * 3600;
    (server.preferred, server.valid) = (12 * 3600, 24 * 3600);
    let mut net = Net::seeded(20).quiet().loss(0.3).server(server).up();
    net.until_bound(secs(300));
    let mut renewals = 0;
    for year in 0..20 {
        for _ in 0..365 {
            net.run_for(YEAR / 365);
            renewals += net.told.drain(..).filter(|(_, event)| event.kind != K::Expired).count();
        }
        net.servers.iter_mut().for_each(|server| server.heard.clear());
        assert!(net.address().is_some(), "no address at the end of year {year}");
    }
    assert!(renewals > 20 * 365 * 2, "{renewals}");
    assert!(!net.watch.reached.contains("nak") && !net.watch.reached.contains("declined"));
}

#[test]
fn a_fresh_link_is_bound_within_two_minutes_at_thirty_percent_loss_in_95_of_100_cases() {
    let mut times: Vec<Duration> = (0..1000)
        .map(|seed| {
            let mut net = Net::seeded(seed).quiet().loss(0.3).server(Server::good(1)).up();
            net.until_bound(hours(48))
        })
        .collect();
    times.sort();
    let (median, p95) = (times[500], times[950]);
    println!(
        "link-up to bound at 30 % loss: median {median:?}, 95th percentile {p95:?}, slowest {:?}",
        times[999]
    );
    assert!(p95 < secs(120), "95th percentile {p95:?}");
}
