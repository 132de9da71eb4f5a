//! What the bus asks of the service as a whole, and what the service shows.

use super::Supervisor;
use crate::args::Side;
use crate::config::{self, Config};
use crate::control::{Rejected, ServiceRequest};
use crate::provider::{Key, missing_interfaces};
use crate::systemd;
use dhcp4o6_protocol::ids::Duid;
use std::rc::Rc;
use tracing::level_filters::LevelFilter;

impl Supervisor {
    pub(super) async fn serve(&mut self, request: ServiceRequest) {
        // Whoever asked may be gone when the answer is there.
        let _ = match request {
            ServiceRequest::Reload(reply) => reply.send(self.reload().await),
            ServiceRequest::AddLink(_, reply) => reply.send(Err(Rejected::ConfigInvalid(
                "links belong to the subscriber's side, which is another process".into(),
            ))),
            ServiceRequest::RemoveLink(link, reply) => reply.send(Err(Rejected::NotManaged(link))),
            ServiceRequest::SetDuid(octets, reply) => reply.send(self.set_duid(octets)),
        };
    }

    /// Reads the configuration again. Roles go on with what changed for them; no lease is lost.
    pub(super) async fn reload(&mut self) -> Result<(), Rejected> {
        systemd::reloading();
        let result = match self.read() {
            Ok(config) => {
                tracing::info!(
                    server = config.server.is_some(),
                    relays = config.relays.len(),
                    tras = config.tras.len(),
                    "configuration read again"
                );
                if self.options.log.is_none() && self.log.reload(LevelFilter::from_level(config.log)).is_err()
                {
                    tracing::warn!("the log level stays");
                }
                self.server = config.server.clone().map(Rc::new);
                self.relays = config.relays.iter().cloned().map(Rc::new).collect();
                self.tras = config.tras.iter().cloned().map(Rc::new).collect();
                self.config = config;
                self.reloads += 1;
                self.show_configuration(Vec::new());
                // Whoever changed the configuration expects a try.
                self.unserved = None;
                self.follow_namespaces().await;
                Ok(())
            }
            Err(mistakes) => {
                for mistake in &mistakes {
                    tracing::error!(?mistake, "the old configuration stays");
                }
                let text = mistakes.join("\n");
                self.show_configuration(mistakes);
                Err(Rejected::ConfigInvalid(text))
            }
        };
        systemd::ready();
        result
    }

    fn read(&self) -> Result<Config, Vec<String>> {
        let config = config::load(&self.options.config).map_err(|mistakes| {
            let more = (mistakes.more() > 0).then(|| format!("and {} more", mistakes.more()));
            mistakes.iter().map(ToString::to_string).chain(more).collect::<Vec<_>>()
        })?;
        match self.options.side(&config) {
            Ok(Side::Provider) => Ok(config),
            Ok(Side::Subscriber) => {
                Err(vec!["there is no server and no relay agent any more: stop this service instead".into()])
            }
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    fn set_duid(&mut self, octets: Vec<u8>) -> Result<(), Rejected> {
        let duid = Duid::new(octets).map_err(|error| Rejected::ConfigInvalid(error.to_string()))?;
        self.store.set_duid(&duid).map_err(|error| Rejected::Storage(error.to_string()))?;
        tracing::info!(%duid, "DUID replaced by an operator");
        self.rename_relays(&duid);
        self.duid = Some(duid);
        self.settle();
        Ok(())
    }

    pub(super) fn show_configuration(&self, mistakes: Vec<String>) {
        self.bus.service.send_modify(|service| {
            service.configuration = self.config.effective_toml();
            service.configuration_errors = mistakes;
        });
    }

    /// Shows what may have changed with any event.
    pub(super) fn show(&mut self) {
        let statuses = self.shared.statuses();
        let duid = self.duid.as_ref().map_or(&[][..], Duid::as_bytes);
        let missing: Vec<_> = missing_interfaces(statuses.values()).collect();
        let storage = statuses.get(&Key::Server).map_or("ok", |status| status.storage);
        self.bus.service.send_if_modified(|service| {
            let is_news = service.missing != missing || service.storage != storage || service.duid != duid;
            if is_news {
                service.storage = storage;
                service.duid = duid.to_vec();
                service.missing = missing;
            }
            is_news
        });
        let said: Vec<_> = statuses
            .iter()
            .map(|(key, status)| match status.reason {
                "" => format!("{key} {}", status.state),
                reason => format!("{key} {}: {reason}", status.state),
            })
            .collect();
        let said = said.join(", ");
        if self.told != said && systemd::status(&said) {
            self.told = said;
        }
    }
}
