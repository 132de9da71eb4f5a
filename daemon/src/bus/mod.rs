//! The service on D-Bus: thin objects over the channels of [`crate::control`]. Getters read the latest status, methods
//! send a request and await its reply; nothing here can hold up a link.
//!
//! The bus may be missing, go away and come back at any time. Everything shown lives in the channels, so a new
//! connection only has to make the objects again.

mod announce;
mod authority;
mod client;
mod leases;
mod link;
mod log_control;
mod manager;
mod pace;
mod registry;
mod relay;
mod relay_client;
mod server;
mod session;
mod stage;
mod statistics;
mod tra;
mod tsv;
mod values;

#[cfg(test)]
mod tests;

use crate::control::{LogHandle, Notice, ServiceRequest, ServiceStatus};
pub use dhcp4o6_dbus::BusAddress;
use registry::Registry;
use session::{Ended, Session};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// First pause before a bus is tried again; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(250);
/// Longest pause before a bus is tried again: the name is to be back within five seconds of the bus.
const RETRY_MAX: Duration = Duration::from_secs(4);

/// Offers the service as `name` on the bus at `address` until `notices` ends, with as many connections as that takes.
///
/// `log` is what `org.freedesktop.LogControl1` changes.
pub async fn serve(
    address: BusAddress,
    name: &'static str,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    requests: mpsc::Sender<ServiceRequest>,
    service: watch::Receiver<ServiceStatus>,
    log: LogHandle,
) {
    let registry = Arc::new(Registry::default());
    let mut retry = RETRY;
    let mut told = false;
    loop {
        let connected = {
            let connecting = Session::open(&address, name, &registry, &requests, &service, &log);
            tokio::pin!(connecting);
            loop {
                tokio::select! {
                    connected = &mut connecting => break connected,
                    notice = notices.recv() => match notice {
                        Some(notice) => registry.note(notice),
                        None => return,
                    },
                }
            }
        };
        match connected {
            Ok(session) => {
                (retry, told) = (RETRY, false);
                tracing::info!(bus = %address, name, "bus name taken");
                match session.run(&mut notices).await {
                    Ended::NoMoreNotices => return,
                    Ended::Disconnected => tracing::warn!(bus = %address, "the bus is gone; waiting for it"),
                }
            }
            Err(error) if !told => {
                told = true;
                tracing::warn!(bus = %address, %error, "no bus; trying again in the background");
            }
            Err(error) => tracing::debug!(bus = %address, %error, "no bus"),
        }
        let pause = tokio::time::sleep(retry);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                notice = notices.recv() => match notice {
                    Some(notice) => registry.note(notice),
                    None => return,
                },
            }
        }
        retry = (retry * 2).min(RETRY_MAX);
    }
}
