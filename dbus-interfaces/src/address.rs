//! Which bus to talk to.

use std::fmt;
use std::str::FromStr;

/// A message bus, as `--bus` names it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum BusAddress {
    /// The system's bus.
    #[default]
    System,
    /// The bus of the user's session.
    Session,
    /// Any other, for example `unix:path=/run/test/bus`.
    At(String),
}

/// The text names no bus.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{0:?} is not a bus: write `system`, `session`, or an address such as unix:path=/run/dbus/system_bus_socket"
)]
pub struct BadAddress(String);

impl BusAddress {
    /// A connection to this bus, yet to be built.
    ///
    /// # Errors
    /// When the environment or the text holds no valid address.
    pub fn connection(&self) -> zbus::Result<zbus::connection::Builder<'static>> {
        let address = match self {
            Self::System => zbus::Address::system()?,
            Self::Session => zbus::Address::session()?,
            Self::At(address) => address.parse()?,
        };
        Ok(zbus::connection::Builder::address(address))
    }
}

impl FromStr for BusAddress {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        match text {
            "system" => Ok(Self::System),
            "session" => Ok(Self::Session),
            _ if text.contains(':') && text.parse::<zbus::Address>().is_ok() => Ok(Self::At(text.to_owned())),
            _ => Err(BadAddress(text.to_owned())),
        }
    }
}

impl fmt::Display for BusAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "system",
            Self::Session => "session",
            Self::At(address) => address,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_is_a_word_or_an_address() {
        assert_eq!("system".parse(), Ok(BusAddress::System));
        assert_eq!("session".parse(), Ok(BusAddress::Session));
        assert_eq!("unix:path=/run/x".parse(), Ok(BusAddress::At("unix:path=/run/x".to_owned())));
        for wrong in ["", "System", "unix", "/run/dbus/system_bus_socket", "nonsense:a=b"] {
            assert!(wrong.parse::<BusAddress>().is_err(), "{wrong}");
        }
    }
}
