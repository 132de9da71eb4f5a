//! Errors of the service's methods.

/// What a method answers instead of a result. The name on the bus is `org.dhcp4o6.Error.` and the variant's; the text
/// is a sentence for people.
#[derive(Debug, Clone, PartialEq, zbus::DBusError)]
#[zbus(prefix = "org.dhcp4o6.Error")]
pub enum Error {
    /// Anything of the bus itself.
    #[zbus(error)]
    ZBus(zbus::Error),
    /// No link has this name.
    NoSuchLink(String),
    /// Links of this name exist in more than one namespace.
    Ambiguous(String),
    /// The interface exists, but the configuration does not name it.
    NotManaged(String),
    /// The server does not enable DHCPv4 over DHCPv6 on this link.
    NotEnabled(String),
    /// There is no IPv4 lease to act on.
    NoLease(String),
    /// The service did not answer in time.
    Timeout(String),
    /// The configuration, or the part of it that was given, has mistakes.
    ConfigInvalid(String),
    /// Another request is still being worked on.
    Busy(String),
    /// The caller may not do this.
    NotAuthorized(String),
    /// The state directory did not take it.
    Storage(String),
    /// An argument is too long or cannot be meant.
    InvalidArgument(String),
    /// The caller has too many calls under way, or too many in too short a time.
    LimitsExceeded(String),
    /// Somebody has the address, or it is kept for somebody.
    Taken(String),
    /// No operator reserved the address.
    NoReservation(String),
    /// The DHCPv4 servers behind the external engine have the leases.
    External(String),
    /// The configuration has no such role.
    NoSuchRole(String),
}
