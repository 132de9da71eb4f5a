//! Who may call what, and how often.

use dhcp4o6_dbus::Error;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use zbus::Connection;
use zbus::message::Header;
use zbus::names::UniqueName;

/// Calls of one sender that may be under way.
const MAX_IN_FLIGHT: u32 = 16;
/// Calls of one sender in [`RATE_PERIOD`].
const RATE: u32 = 100;
/// See [`RATE`].
const RATE_PERIOD: Duration = Duration::from_secs(1);
/// Senders that are kept count of.
const MAX_SENDERS: usize = 256;
/// Longest body of a call, octets.
const MAX_BODY: u32 = 64 * 1024;
/// Longest name in a call, octets.
const MAX_NAME: usize = 1024;
/// How long the bus may take to say who a caller is.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(25);

/// What a caller wants to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Right {
    /// See who has which lease.
    ReadLeases,
    /// Start, stop, renew, reload: what the configuration provides for.
    Control,
    /// Change what the configuration provides for.
    Configure,
}

/// Lets `header`'s sender pass if it may do this. Reading needs no right and does not come here.
///
/// The answer belongs to the sender's unique name, which the bus never gives to anyone else.
///
/// # Errors
/// `LimitsExceeded` when the sender asks too much, `NotAuthorized` when it may not.
pub(super) async fn authorise(
    gate: &Arc<Gate>,
    connection: &Connection,
    header: &Header<'_>,
    right: Right,
) -> Result<Pass, Error> {
    let sender =
        header.sender().ok_or_else(|| Error::NotAuthorized("the caller has no name on the bus".into()))?;
    if header.primary().body_len() > MAX_BODY {
        return Err(Error::LimitsExceeded(format!("a call may have up to {MAX_BODY} octets")));
    }
    let pass = gate.enter(sender.as_str(), Instant::now())?;
    let user = user_of(connection, sender).await?;
    // Where polkit asks an administrator, it is asked here, with the action that belongs to `right`.
    let _ = right;
    if user == 0 || user == nix::unistd::geteuid().as_raw() {
        return Ok(pass);
    }
    Err(Error::NotAuthorized("only root may do this".into()))
}

/// A plain call: a proxy would add a tenth of a megabyte to the program.
async fn user_of(connection: &Connection, sender: &UniqueName<'_>) -> Result<u32, Error> {
    let unknown = || Error::NotAuthorized("the bus does not say who the caller is".into());
    let bus = "org.freedesktop.DBus";
    let asked = connection.call_method(
        Some(bus),
        "/org/freedesktop/DBus",
        Some(bus),
        "GetConnectionUnixUser",
        sender,
    );
    let answer = tokio::time::timeout(CREDENTIALS_TIMEOUT, asked).await.map_err(|_| unknown())?;
    answer.ok().and_then(|answer| answer.body().deserialize().ok()).ok_or_else(unknown)
}

/// Refuses names that are too long to be meant.
///
/// # Errors
/// `InvalidArgument`.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    if name.len() > MAX_NAME {
        return Err(Error::InvalidArgument(format!("{what} is longer than {MAX_NAME} octets")));
    }
    Ok(())
}

/// Keeps count of every sender's calls.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<BTreeMap<String, Caller>>);

#[derive(Debug)]
struct Caller {
    in_flight: u32,
    calls: u32,
    period_began_at: Instant,
}

/// A call that may go on; it counts until this is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gate: Arc<Gate>,
    sender: String,
}

impl Gate {
    fn enter(self: &Arc<Self>, sender: &str, now: Instant) -> Result<Pass, Error> {
        let mut callers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !callers.contains_key(sender) && callers.len() >= MAX_SENDERS {
            // Many idle connections must not keep an administrator out; that they call again at once costs little.
            callers.retain(|_, caller| caller.in_flight > 0);
            if callers.len() >= MAX_SENDERS {
                return Err(Error::LimitsExceeded("too many callers at once".into()));
            }
        }
        let fresh = Caller { in_flight: 0, calls: 0, period_began_at: now };
        let caller = callers.entry(sender.to_owned()).or_insert(fresh);
        if now.saturating_duration_since(caller.period_began_at) >= RATE_PERIOD {
            (caller.calls, caller.period_began_at) = (0, now);
        }
        if caller.in_flight >= MAX_IN_FLIGHT || caller.calls >= RATE {
            return Err(Error::LimitsExceeded("too many calls; wait for the answers".into()));
        }
        caller.in_flight += 1;
        caller.calls += 1;
        Ok(Pass { gate: Arc::clone(self), sender: sender.to_owned() })
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut callers = self.gate.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(caller) = callers.get_mut(&self.sender) {
            caller.in_flight = caller.in_flight.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_limited(result: &Result<Pass, Error>) -> bool {
        matches!(result, Err(Error::LimitsExceeded(_)))
    }

    #[test]
    fn a_sender_has_16_calls_under_way_and_no_more_d4() {
        let (gate, now) = (Arc::new(Gate::default()), Instant::now());
        let mut passes: Vec<_> = (0..16).map(|_| gate.enter(":1.1", now).unwrap()).collect();
        assert!(is_limited(&gate.enter(":1.1", now)));
        assert!(gate.enter(":1.2", now).is_ok());
        passes.pop();
        assert!(gate.enter(":1.1", now).is_ok());
    }

    #[test]
    fn a_sender_may_call_100_times_a_second_d4() {
        let (gate, now) = (Arc::new(Gate::default()), Instant::now());
        assert!((0..100).all(|_| gate.enter(":1.1", now).is_ok()));
        assert!(is_limited(&gate.enter(":1.1", now)));
        assert!(gate.enter(":1.1", now + RATE_PERIOD).is_ok());
    }

    #[test]
    fn only_senders_with_calls_under_way_keep_others_out_d4() {
        let (gate, now) = (Arc::new(Gate::default()), Instant::now());
        let mut busy: Vec<_> = (0..255).map(|n| gate.enter(&format!(":1.{n}"), now).unwrap()).collect();
        assert!(gate.enter(":2.0", now).is_ok());
        busy.push(gate.enter(":2.1", now).unwrap());
        assert!(is_limited(&gate.enter(":2.2", now)));
        busy.clear();
        assert!(gate.enter(":2.2", now).is_ok());
        assert_eq!(gate.0.lock().unwrap().len(), 1);
    }
}
