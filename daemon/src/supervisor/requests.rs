//! What the bus asks of the service as a whole, and what the service shows.

use super::Supervisor;
use crate::args::Side;
use crate::config::{self, Config, LinkConfig};
use crate::control::{Rejected, ServiceRequest};
use crate::provider::missing_interfaces;
use crate::{roster, systemd};
use dhcp4o6_protocol::ids::Duid;
use std::rc::Rc;
use tracing::level_filters::LevelFilter;

impl Supervisor {
    pub(super) async fn serve(&mut self, request: ServiceRequest) {
        // Whoever asked may be gone when the answer is there.
        let _ = match request {
            ServiceRequest::Reload(reply) => reply.send(self.reload().await),
            ServiceRequest::AddLink(toml, reply) => reply.send(self.add(&toml).await),
            ServiceRequest::RemoveLink(matches, reply) => reply.send(self.remove(matches).await),
            ServiceRequest::SetDuid(octets, reply) => reply.send(self.set_duid(octets)),
        };
    }

    /// Reads the configuration again. Links whose part of it is as before do not notice.
    pub(super) async fn reload(&mut self) -> Result<(), Rejected> {
        systemd::reloading();
        let result = match config::load(&self.options.config) {
            Ok(config) if self.options.side(&config) != Ok(Side::Subscriber) => {
                let text = match self.options.side(&config) {
                    Err(error) => error.to_string(),
                    Ok(_) => "there is no link any more: stop this service instead".into(),
                };
                tracing::error!(mistake = text, "the old configuration stays");
                self.show_configuration(vec![text.clone()]);
                Err(Rejected::ConfigInvalid(text))
            }
            Ok(config) => {
                let (links, lcras) = (config.links.len(), config.lcras.len());
                tracing::info!(links, lcras, "configuration read again");
                self.loaded = config;
                self.reloads += 1;
                self.removed.clear();
                if self.options.log.is_none()
                    && self.log.reload(LevelFilter::from_level(self.loaded.log)).is_err()
                {
                    tracing::warn!("the log level stays");
                }
                self.configure().await;
                Ok(())
            }
            Err(mistakes) => {
                for mistake in mistakes.iter() {
                    tracing::error!(mistake = ?mistake.to_string(), "the old configuration stays");
                }
                let more = (mistakes.more() > 0).then(|| format!("and {} more", mistakes.more()));
                self.show_configuration(mistakes.iter().map(ToString::to_string).chain(more).collect());
                Err(Rejected::ConfigInvalid(mistakes.to_string()))
            }
        };
        systemd::ready();
        result
    }

    async fn add(&mut self, toml: &str) -> Result<(), Rejected> {
        let link =
            LinkConfig::from_toml(toml).map_err(|mistakes| Rejected::ConfigInvalid(mistakes.to_string()))?;
        self.loaded.admit(&link).map_err(|mistakes| Rejected::ConfigInvalid(mistakes.to_string()))?;
        let same =
            |other: &LinkConfig| (&other.matches, &other.namespace) == (&link.matches, &link.namespace);
        self.removed.remove(&link.matches.to_string());
        self.added.retain(|other| !same(other));
        if self.loaded.links.iter().any(same) {
            let text = format!("{:?} is configured already", link.matches.to_string());
            return Err(Rejected::ConfigInvalid(text));
        }
        self.added.push(link);
        self.configure().await;
        Ok(())
    }

    async fn remove(&mut self, matches: String) -> Result<(), Rejected> {
        if !self.config.links.iter().any(|link| link.matches.to_string() == matches) {
            return Err(Rejected::NotManaged(matches));
        }
        self.added.retain(|link| link.matches.to_string() != matches);
        self.removed.insert(matches);
        self.configure().await;
        Ok(())
    }

    fn set_duid(&mut self, octets: Vec<u8>) -> Result<(), Rejected> {
        let duid = Duid::new(octets).map_err(|error| Rejected::ConfigInvalid(error.to_string()))?;
        self.shared.storage.borrow_mut().set_duid(&duid).map_err(Rejected::Storage)?;
        tracing::info!(%duid, "DUID replaced by an operator");
        if self.duid.replace(duid.clone()).as_ref() != Some(&duid) {
            self.begin_anew();
        }
        Ok(())
    }

    /// Makes what was read and what the bus said one configuration, and follows it.
    async fn configure(&mut self) {
        let kept = |link: &&LinkConfig| !self.removed.contains(&link.matches.to_string());
        let links = self.loaded.links.iter().filter(kept).chain(&self.added).cloned().collect();
        self.config = Rc::new(Config { links, ..self.loaded.clone() });
        self.unshown = true;
        self.show_configuration(Vec::new());
        self.follow_namespaces().await;
    }

    pub(super) fn show_configuration(&self, mistakes: Vec<String>) {
        self.bus.service.send_modify(|service| {
            service.configuration = self.config.effective_toml();
            service.configuration_errors = mistakes;
        });
    }

    /// Shows what may have changed with any event.
    pub(super) fn show(&mut self) {
        let missing = std::mem::take(&mut self.unshown).then(|| {
            let present = self.links.values().map(|link| &link.entry).collect();
            let reasons = |namespace: &Option<String>| self.closed.get(namespace).map(|closed| closed.reason);
            let mut missing = roster::missing(&self.config, reasons, &present);
            missing.extend(missing_interfaces(self.agents.statuses().values()));
            missing
        });
        let storage = self.shared.storage.borrow().state();
        let duid = self.duid.as_ref().map_or(&[][..], Duid::as_bytes);
        self.bus.service.send_if_modified(|service| {
            let missing = missing.filter(|missing| service.missing != *missing);
            let is_news = missing.is_some() || service.storage != storage || service.duid != duid;
            if is_news {
                service.storage = storage;
                service.duid = duid.to_vec();
                service.missing = missing.unwrap_or_else(|| std::mem::take(&mut service.missing));
            }
            is_news
        });
        let counts = (self.shared.bound.get(), self.links.len());
        let line = || format!("{} of {} links have IPv4", counts.0, counts.1);
        if self.counted != counts && systemd::status(&line()) {
            self.counted = counts;
        }
    }
}
