//! Names and paths.

use zbus::{ObjectPath, OwnedObjectPath};

/// The service's bus name.
pub const BUS_NAME: &str = "org.dhcp4o6";
/// The bus name of the provider's side.
pub const SERVER_BUS_NAME: &str = "org.dhcp4o6.Server";
/// Path of the ObjectManager and of [`MANAGER1`].
pub const ROOT: &str = "/org/dhcp4o6";
/// The service as a whole.
pub const MANAGER1: &str = "org.dhcp4o6.Manager1";
/// One link.
pub const LINK1: &str = "org.dhcp4o6.Link1";
/// A link's DHCPv6 stage.
pub const DHCP6_STAGE1: &str = "org.dhcp4o6.Dhcp6Stage1";
/// A link's DHCPv4 client.
pub const CLIENT1: &str = "org.dhcp4o6.Client1";
/// A link's counters.
pub const STATISTICS1: &str = "org.dhcp4o6.Statistics1";
/// Every interface that each link object has; [`RELAY_CLIENT1`] comes and goes.
pub const LINK_INTERFACES: [&str; 4] = [LINK1, DHCP6_STAGE1, CLIENT1, STATISTICS1];
/// The provider's server.
pub const SERVER1: &str = "org.dhcp4o6.Server1";
/// Path of [`SERVER1`].
pub const SERVER_PATH: &str = "/org/dhcp4o6/server";
/// What the provider's server is besides as an IPv6-transport server.
pub const TSV1: &str = "org.dhcp4o6.Tsv1";
/// One of the provider's relay agents.
pub const RELAY1: &str = "org.dhcp4o6.Relay1";
/// One of the provider's IPv6-transport relay agents.
pub const TRA1: &str = "org.dhcp4o6.Tra1";
/// A client relay agent: that of a link, or an on-link one.
pub const RELAY_CLIENT1: &str = "org.dhcp4o6.RelayClient1";
/// systemd's interface to a service's logging.
pub const LOG_CONTROL1: &str = "org.freedesktop.LogControl1";
/// The path where systemd looks for [`LOG_CONTROL1`].
pub const LOG_CONTROL_PATH: &str = "/org/freedesktop/LogControl1";
/// What every error name of the service begins with.
pub const ERROR_PREFIX: &str = "org.dhcp4o6.Error.";

const LINKS: &str = "/org/dhcp4o6/link/_";
/// What the kinds of agents are called in object paths.
const AGENTS: [&str; 3] = ["relay", "tra", "lcra"];

/// The object of a link: `/org/dhcp4o6/link/_<inode of the network namespace>_<interface index>`. An interface that is
/// made again gets another index and so another object.
pub fn link_path(netns_inode: u64, index: u32) -> OwnedObjectPath {
    ObjectPath::from_string_unchecked(format!("{LINKS}{netns_inode}_{index}")).into()
}

/// The inverse of [`link_path`]; `None` for any other path.
pub fn parse_link_path(path: &str) -> Option<(u64, u32)> {
    let (inode, index) = path.strip_prefix(LINKS)?.split_once('_')?;
    Some((inode.parse().ok()?, index.parse().ok()?))
}

/// The object of a relay agent: `/org/dhcp4o6/relay/` and its name, in which every octet that is no ASCII letter or
/// digit is written as `_` and two hexadecimal digits.
pub fn relay_path(name: &str) -> OwnedObjectPath {
    agent_path("relay", name)
}

/// The object of an IPv6-transport relay agent: as [`relay_path`], below `/org/dhcp4o6/tra/`.
pub fn tra_path(name: &str) -> OwnedObjectPath {
    agent_path("tra", name)
}

/// The object of an on-link client relay agent: as [`relay_path`], below `/org/dhcp4o6/lcra/`.
pub fn lcra_path(name: &str) -> OwnedObjectPath {
    agent_path("lcra", name)
}

fn agent_path(kind: &str, name: &str) -> OwnedObjectPath {
    let mut path = format!("{ROOT}/{kind}/");
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() {
            path.push(char::from(octet));
        } else {
            path.push_str(&format!("_{octet:02x}"));
        }
    }
    ObjectPath::from_string_unchecked(path).into()
}

/// The inverse of [`relay_path`], [`tra_path`] and [`lcra_path`]: `relay`, `tra` or `lcra`, and the name. `None` for any
/// other path.
pub fn parse_agent_path(path: &str) -> Option<(&'static str, String)> {
    let (kind, escaped) = path.strip_prefix(ROOT)?.strip_prefix('/')?.split_once('/')?;
    let kind = AGENTS.into_iter().find(|known| *known == kind)?;
    let mut rest = escaped.bytes();
    let mut name = Vec::new();
    while let Some(octet) = rest.next() {
        match octet {
            b'_' => {
                let digits = [rest.next()?, rest.next()?];
                name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            octet if octet.is_ascii_alphanumeric() => name.push(octet),
            _ => return None,
        }
    }
    Some((kind, String::from_utf8(name).ok().filter(|name| !name.is_empty())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agent_paths_are_valid_and_read_back() {
        type Make = fn(&str) -> OwnedObjectPath;
        let kinds: [(&str, Make); 3] = [("relay", relay_path), ("tra", tra_path), ("lcra", lcra_path)];
        for (kind, make) in kinds {
            for name in ["relay1", "lan-0", "a_b", "Straße 7", "_", "/;$"] {
                let path = make(name);
                assert!(ObjectPath::try_from(path.as_str()).is_ok(), "{path}");
                assert_eq!(parse_agent_path(path.as_str()), Some((kind, name.to_owned())));
            }
        }
        for other in [
            "/org/dhcp4o6/relay",
            "/org/dhcp4o6/relay/",
            "/org/dhcp4o6/relay/a_",
            "/org/dhcp4o6/relay/a/b",
            "/org/dhcp4o6/link/a",
            "/org/dhcp4o6/server",
            "/org/dhcp4o6x/tra/a",
        ] {
            assert_eq!(parse_agent_path(other), None);
        }
    }

    #[test]
    fn link_paths_are_valid_and_read_back() {
        for (inode, index) in [(4_026_531_840, 2), (0, 0), (u64::MAX, u32::MAX)] {
            let path = link_path(inode, index);
            assert!(ObjectPath::try_from(path.as_str()).is_ok());
            assert_eq!(parse_link_path(path.as_str()), Some((inode, index)));
        }
        for other in
            ["/org/dhcp4o6", "/org/dhcp4o6/link/_1", "/org/dhcp4o6/link/_1_x", "/org/dhcp4o6/link/_1_2_3"]
        {
            assert_eq!(parse_link_path(other), None);
        }
    }
}
