//! `[server]` as operators write it, right and wrong.

use super::*;
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::role::server::{EngineSettings, Rates};
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits, Pool, Settings, Sharing, Subnet};
use dhcp4o6_protocol::server6::settings::Options6;
use dhcp4o6_protocol::time::Lifetime;
use std::net::Ipv4Addr;

/// The smallest useful server.
const SMALLEST: &str = r#"
[server]
interfaces = ["lan0"]
server-id = "192.0.2.1"

[[server.subnet]]
prefix = "192.0.2.0/24"
pools = ["192.0.2.100-192.0.2.199"]
"#;

fn server(text: &str) -> ServerConfig {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")).server.unwrap()
}

fn builtin(text: &str) -> Settings {
    match server(text).settings.engine {
        EngineSettings::Builtin(settings) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_smallest_useful_server() {
    let config = server(SMALLEST);
    assert_eq!((config.namespace, config.interfaces), (None, vec!["lan0".to_owned()]));
    let settings = config.settings;
    assert_eq!((settings.profile, settings.draft01), (Profile::Rfc7341, Draft01::default()));
    assert_eq!((settings.addresses, settings.accept_from), (vec![], vec![]));
    assert_eq!(settings.rates, Rates::default());
    let dhcp6 = settings.dhcp6.unwrap();
    assert_eq!((dhcp6.preference, dhcp6.rapid_commit, dhcp6.subnets), (0, false, vec![]));
    assert_eq!(dhcp6.options, Options6 { servers_4o6: Some(vec![]), ..Options6::default() });
    let EngineSettings::Builtin(engine) = settings.engine else { panic!() };
    assert_eq!(engine.server_id, Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(
        (engine.rapid_commit, engine.trust_inner_giaddr, engine.subnet_selection),
        (false, false, false)
    );
    assert_eq!((engine.offer_hold, engine.decline_rest), (Settings::OFFER_HOLD, Settings::DECLINE_REST));
    assert_eq!((engine.limits, engine.options), (Limits::default(), vec![]));
    let subnet = Subnet {
        prefix: "192.0.2.0/24".parse().unwrap(),
        serves: Default::default(),
        pools: vec![Pool { first: [192, 0, 2, 100].into(), last: [192, 0, 2, 199].into(), sharing: None }],
        reservations: vec![],
        times: LeaseTimes::default(),
        options: vec![],
    };
    assert_eq!(engine.subnets, [subnet]);
    assert_eq!(config.secret, None);
}
