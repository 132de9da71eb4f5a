//! The stock clients themselves, with a stock server on their link: what the other tests stand on.

use dhcp4o6_tests::{Lab, Make, Plain, PlainSettings, Pool, SOON, Stock, StockClient};
use std::net::Ipv4Addr;
use std::time::Duration;

#[test]
#[ignore = "needs network namespaces"]
fn every_stock_client_gets_renews_and_releases_a_lease() {
    let lab = Lab::apart();
    let own = Pool { network: Ipv4Addr::new(10, 0, 1, 0), hosts: (100, 199) };
    let settings =
        PlainSettings { pools: vec![own], lifetime: (120, 4, 100), ..PlainSettings::of(Make::Dnsmasq) };
    let server = Plain::start(&lab, settings);
    for make in Stock::ALL {
        let client = StockClient::start(&lab.provider, make, "d1", &lab.dir().join(make.program()));
        let address = client.wait_lease(0, SOON);
        assert!(lab.provider.ipv4("d1").contains(&address), "{make:?}");
        let mark = client.mark();
        client.renew();
        assert_eq!(client.wait_renewed(mark, Duration::from_secs(30)), address, "{make:?}");
        let told = server.process().mark();
        client.release();
        server.process().wait_line_after(told, "DHCPRELEASE");
    }
}
