//! Names and paths.

use zbus::{ObjectPath, OwnedObjectPath};

/// The service's bus name.
pub const BUS_NAME: &str = "org.dhcp4o6";
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
/// Every interface of a link object.
pub const LINK_INTERFACES: [&str; 4] = [LINK1, DHCP6_STAGE1, CLIENT1, STATISTICS1];
/// systemd's interface to a service's logging.
pub const LOG_CONTROL1: &str = "org.freedesktop.LogControl1";
/// The path where systemd looks for [`LOG_CONTROL1`].
pub const LOG_CONTROL_PATH: &str = "/org/freedesktop/LogControl1";
/// What every error name of the service begins with.
pub const ERROR_PREFIX: &str = "org.dhcp4o6.Error.";

const LINKS: &str = "/org/dhcp4o6/link/_";

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

#[cfg(test)]
mod tests {
    use super::*;

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
