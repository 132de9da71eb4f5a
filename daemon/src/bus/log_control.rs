//! `org.freedesktop.LogControl1`, for `systemctl service-log-level`.

use super::authority::{Gate, Right, authorise};
use crate::control::LogHandle;
use dhcp4o6_dbus::Error;
use std::sync::Arc;
use tracing::level_filters::LevelFilter;
use zbus::message::Header;
use zbus::{Connection, interface};

/// What is logged, and where.
pub(super) struct LogControl1 {
    pub(super) log: LogHandle,
    pub(super) gate: Arc<Gate>,
}

/// syslog's word for a level. `trace` is our own: syslog ends at `debug`.
fn word(level: LevelFilter) -> &'static str {
    match level {
        LevelFilter::OFF => "emerg",
        LevelFilter::ERROR => "err",
        LevelFilter::WARN => "warning",
        LevelFilter::INFO => "info",
        LevelFilter::DEBUG => "debug",
        _ => "trace",
    }
}

/// The level that a word of syslog, or of our own configuration, means. We have fewer levels than syslog.
fn level(word: &str) -> Option<LevelFilter> {
    match word {
        "emerg" | "alert" | "crit" => Some(LevelFilter::OFF),
        "err" | "error" => Some(LevelFilter::ERROR),
        "warning" | "warn" => Some(LevelFilter::WARN),
        "notice" | "info" => Some(LevelFilter::INFO),
        "debug" => Some(LevelFilter::DEBUG),
        "trace" => Some(LevelFilter::TRACE),
        _ => None,
    }
}

/// Where the log goes cannot be changed while running: whoever started the service chose standard error.
fn target() -> &'static str {
    if std::env::var_os("JOURNAL_STREAM").is_some() { "journal" } else { "console" }
}

#[interface(name = "org.freedesktop.LogControl1", introspection_docs = false)]
impl LogControl1 {
    #[zbus(property)]
    fn log_level(&self) -> &'static str {
        word(self.log.clone_current().unwrap_or(LevelFilter::OFF))
    }

    #[zbus(property)]
    async fn set_log_level(
        &self,
        value: String,
        #[zbus(header)] header: Option<Header<'_>>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        let header = header.ok_or_else(|| Error::NotAuthorized("nobody asks".into()))?;
        let _pass = authorise(&self.gate, connection, &header, Right::Control).await?;
        let level = level(&value).ok_or_else(|| {
            Error::InvalidArgument(
                "a level is one of emerg, alert, crit, err, warning, notice, info, debug".into(),
            )
        })?;
        self.log.reload(level).map_err(|error| Error::Busy(error.to_string()))?;
        tracing::info!(level = word(level), "log level changed");
        Ok(())
    }

    #[zbus(property)]
    fn log_target(&self) -> &'static str {
        target()
    }

    #[zbus(property)]
    async fn set_log_target(
        &self,
        value: String,
        #[zbus(header)] header: Option<Header<'_>>,
        #[zbus(connection)] connection: &Connection,
    ) -> Result<(), Error> {
        let header = header.ok_or_else(|| Error::NotAuthorized("nobody asks".into()))?;
        let _pass = authorise(&self.gate, connection, &header, Right::Control).await?;
        if value == target() || value == "auto" {
            return Ok(());
        }
        Err(Error::InvalidArgument(format!(
            "the log goes to the {} and cannot be moved while running",
            target()
        )))
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn syslog_identifier(&self) -> &'static str {
        "dhcp4o6d"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_read_back_in_the_words_of_syslog() {
        for name in ["err", "warning", "info", "debug", "trace"] {
            assert_eq!(level(name).map(word), Some(name));
        }
        assert_eq!(level("notice").map(word), Some("info"));
        assert_eq!(level("loud"), None);
    }
}
