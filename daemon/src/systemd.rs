//! What the service manager is told (sd_notify(3)). Without one, nothing happens.

use sd_notify::NotifyState;
use std::time::Duration;

/// Start-up is complete.
pub fn ready() {
    notify(&[NotifyState::Ready]);
}

/// The configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => notify(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "cannot tell the service manager about the reload"),
    }
}

/// An orderly stop has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping]);
}

/// One line for `systemctl status`.
pub fn status(bound: usize, links: usize) {
    notify(&[NotifyState::Status(&format!("{bound} of {links} links have IPv4"))]);
}

/// The service is alive.
pub fn alive() {
    notify(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is to be called; `None` is never.
pub fn alive_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2).filter(|pause| !pause.is_zero())
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager does not listen");
    }
}
