//! Log lines on standard error: fields, not sentences.
//!
//! The journal adds the time by itself and reads the priority from the line's beginning; anyone else gets both in
//! the line.

use crate::control::LogHandle;
use std::fmt;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, Layer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, reload};

/// Logs `level` and what is more important, until the handle changes that. Panics are logged as well.
pub fn start(level: Level) -> LogHandle {
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level));
    let lines = Layer::default().with_writer(std::io::stderr).with_ansi(false);
    let format = Format::default().with_target(false);
    let lines = if std::env::var_os("JOURNAL_STREAM").is_some() {
        lines.event_format(Journal(format.without_time().with_level(false))).boxed()
    } else {
        lines.event_format(format).boxed()
    };
    // There is no other subscriber: this is called once.
    let _ = tracing_subscriber::registry().with(filter).with(lines).try_init();
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        tracing::error!(place, text, "panic");
    }));
    handle
}

/// Puts the priority in front, as sd-daemon(3) describes.
struct Journal<F>(F);

impl<S, N, F> FormatEvent<S, N> for Journal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        writer.write_str(priority(*event.metadata().level()))?;
        self.0.format_event(context, writer, event)
    }
}

fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        _ => "<7>",
    }
}
