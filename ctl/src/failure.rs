//! Why a command did not succeed, and the exit code that tells it.

use dhcp4o6_dbus::Error;
use std::fmt;

/// Why a command did not succeed. Wrong usage is clap's, and exits with 2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The service or the bus is not there.
    NoService(String),
    /// There is no such link.
    NoSuchLink(String),
    /// Anything else.
    Failed(String),
    /// Whoever read our output went away. Not worth a word.
    NobodyReads,
}

impl Failure {
    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) | Self::NobodyReads => 1,
            Self::NoService(_) => 3,
            Self::NoSuchLink(_) => 4,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoService(text) | Self::NoSuchLink(text) | Self::Failed(text) => f.write_str(text),
            Self::NobodyReads => f.write_str("nobody reads the output"),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::ZBus(error) => error.into(),
            Error::NoSuchLink(text) => Self::NoSuchLink(text),
            Error::Ambiguous(text) => Self::NoSuchLink(format!("{text}; choose with --namespace")),
            Error::NotManaged(text)
            | Error::NotEnabled(text)
            | Error::NoLease(text)
            | Error::Timeout(text)
            | Error::ConfigInvalid(text)
            | Error::Busy(text)
            | Error::NotAuthorized(text)
            | Error::Storage(text)
            | Error::InvalidArgument(text)
            | Error::LimitsExceeded(text)
            | Error::Taken(text)
            | Error::NoReservation(text)
            | Error::External(text)
            | Error::NoSuchRole(text) => Self::Failed(text),
        }
    }
}

impl From<zbus::Error> for Failure {
    fn from(error: zbus::Error) -> Self {
        let name = match &error {
            zbus::Error::MethodError(name, ..) => name.to_string(),
            zbus::Error::FDO(error) => zbus::DBusError::name(&**error).to_string(),
            zbus::Error::InputOutput(_) | zbus::Error::Handshake(_) => {
                return Self::NoService(format!("the bus is gone: {error}"));
            }
            _ => String::new(),
        };
        match name.as_str() {
            "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner"
            | "org.freedesktop.DBus.Error.Disconnected" => Self::NoService(
                "dhcp4o6d does not run on this bus; start it with `systemctl start dhcp4o6`".into(),
            ),
            "org.freedesktop.DBus.Error.UnknownObject" | "org.freedesktop.DBus.Error.UnknownInterface" => {
                Self::NoSuchLink("the link is gone".into())
            }
            "org.freedesktop.DBus.Error.AccessDenied" => {
                Self::Failed(format!("the bus does not let you do this: {error}"))
            }
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<zbus::fdo::Error> for Failure {
    fn from(error: zbus::fdo::Error) -> Self {
        zbus::Error::from(error).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_tell_what_is_missing() {
        let of = |error: zbus::Error| Failure::from(error).code();
        assert_eq!(of(zbus::fdo::Error::ServiceUnknown("x".into()).into()), 3);
        assert_eq!(of(zbus::fdo::Error::UnknownObject("x".into()).into()), 4);
        assert_eq!(of(zbus::fdo::Error::Failed("x".into()).into()), 1);
        assert_eq!(Failure::from(Error::NoSuchLink("x".into())).code(), 4);
        assert_eq!(Failure::from(Error::Busy("x".into())).code(), 1);
    }
}
