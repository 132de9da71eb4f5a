//! Time for people.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment that never comes.
pub const NEVER: u64 = dhcp4o6_dbus::NEVER;

/// Microseconds since boot, suspend included: the clock of every moment on the bus. 0 where the kernel does not tell.
pub fn now() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    uptime.split_whitespace().next().and_then(micros).unwrap_or(0)
}

/// Microseconds of a decimal number of seconds.
fn micros(seconds: &str) -> Option<u64> {
    let (whole, part) = seconds.split_once('.').unwrap_or((seconds, ""));
    let part: u64 = format!("{part:0<6.6}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1_000_000)?.checked_add(part)
}

/// A span of microseconds in one or two units.
pub fn span(micros: u64) -> String {
    let secs = micros / 1_000_000;
    match (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}min {seconds}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes}min"),
        (days, hours, _, _) => format!("{days}d {hours}h"),
    }
}

/// How long ago a moment was; `-` if it is unknown.
pub fn ago(at: u64, now: u64) -> String {
    if at == 0 { "-".into() } else { format!("{} ago", span(now.saturating_sub(at))) }
}

/// How long until a moment.
pub fn left(at: u64, now: u64) -> String {
    match at {
        0 => "-".into(),
        NEVER => "for ever".into(),
        at if at <= now => "over".into(),
        at => span(at - now),
    }
}

/// A lifetime in seconds.
pub fn lifetime(seconds: u64) -> String {
    if seconds == NEVER { "for ever".into() } else { span(seconds.saturating_mul(1_000_000)) }
}

/// The wall clock in UTC as RFC 3339 writes it, to the second.
pub fn wall() -> String {
    rfc3339(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn rfc3339(since_epoch: Duration) -> String {
    let secs = since_epoch.as_secs();
    // Days since 0000-03-01, so that the leap day is the last of its year; 400 years have 146097 days.
    let days = secs / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let year = year + era * 400;
    let (hour, minute, second) = (secs / 3600 % 24, secs / 60 % 60, secs % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_is_read_to_the_microsecond() {
        assert_eq!(micros("12.34"), Some(12_340_000));
        assert_eq!(micros("7"), Some(7_000_000));
        assert_eq!(micros("x"), None);
        assert!(now() > 0);
    }

    #[test]
    fn spans_have_one_or_two_units() {
        for (secs, text) in [(0, "0s"), (59, "59s"), (61, "1min 1s"), (3661, "1h 1min"), (90_061, "1d 1h")] {
            assert_eq!(span(secs * 1_000_000), text);
        }
        assert_eq!(left(NEVER, 5), "for ever");
        assert_eq!(left(5, 5), "over");
        assert_eq!(lifetime(NEVER), "for ever");
        assert_eq!(ago(0, 5), "-");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_200, "2024-03-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(Duration::from_secs(secs)), text);
        }
    }
}
