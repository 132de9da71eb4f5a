//! Everything that is printed passes here, so that nothing a peer wrote reaches the terminal as anything but text.

use crate::failure::Failure;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// JSON instead of text.
    pub json: bool,
    colours: bool,
}

/// What a word says, as a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mood {
    /// All is well.
    Good,
    /// Not yet.
    Pending,
    /// Something is wrong.
    Bad,
    /// Of less interest.
    Faint,
    /// Of more interest.
    Strong,
    /// Neither.
    Plain,
}

impl Mood {
    /// Of a word of `Link1.State`.
    pub fn of_state(state: &str) -> Self {
        match state {
            "bound" => Self::Good,
            "renewing" | "rebinding" | "acquiring" | "dhcp6" | "wait-ipv6" => Self::Pending,
            "degraded" | "expired" | "failed" | "missing" => Self::Bad,
            "down" | "no-carrier" | "not-enabled" => Self::Faint,
            _ => Self::Plain,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Pending => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
            Self::Plain => "",
        }
    }
}

impl Output {
    /// Colours only for a terminal, and not where `NO_COLOR` is set (no-color.org).
    pub fn new(json: bool) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let terminal =
            std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        Self { json, colours: wanted && terminal && !json }
    }

    /// `text`, safe and coloured.
    pub fn paint(self, mood: Mood, text: &str) -> String {
        let text = safe(text);
        if self.colours && mood != Mood::Plain { format!("\x1b[{}m{text}\x1b[0m", mood.code()) } else { text }
    }

    /// Prints a line that is safe already: made of [`Output::paint`], [`safe`] and our own words.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn line(self, line: &str) -> Result<(), Failure> {
        writeln!(std::io::stdout().lock(), "{}", line.trim_end())?;
        Ok(())
    }

    /// Prints a value on one line, all ASCII.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn value(self, value: &Value) -> Result<(), Failure> {
        self.line(&ascii(&value.to_string()))
    }

    /// Prints a value over several lines, all ASCII.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn document(self, value: &Value) -> Result<(), Failure> {
        self.line(&ascii(&format!("{value:#}")))
    }

    /// Says on standard error how things go, unless scripts read us.
    pub fn progress(self, text: &str) {
        if !self.json {
            eprintln!("{}", safe(text));
        }
    }

    /// Says on standard error why it did not work.
    pub fn complain(self, failure: &Failure) {
        if *failure == Failure::NobodyReads {
            return;
        }
        let text = safe(&failure.to_string());
        if self.json {
            eprintln!("{}", ascii(&serde_json::json!({ "error": text, "code": failure.code() }).to_string()));
        } else {
            eprintln!("dhcp4o6ctl: {text}");
        }
    }
}

/// Text with every octet outside printable ASCII as `\xNN`.
pub fn safe(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut safe, octet| {
        match octet {
            b' '..=b'~' => safe.push(char::from(octet)),
            _ => {
                let _ = write!(safe, "\\x{octet:02x}");
            }
        }
        safe
    })
}

/// JSON without anything that a terminal could obey. Outside strings JSON is ASCII, and inside them `\u` says the same.
pub fn ascii(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut ascii, c| {
        match c {
            '\n' | ' '..='~' => ascii.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(ascii, "\\u{unit:04x}");
                }
            }
        }
        ascii
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_octets() {
        assert_eq!(
            safe("a\x1b[31mb\n\u{9b}é\u{202e}"),
            "a\\x1b[31mb\\x0a\\xc2\\x9b\\xc3\\xa9\\xe2\\x80\\xae"
        );
        let plain = Output { json: false, colours: true };
        assert_eq!(plain.paint(Mood::Bad, "\x1b]0;x"), "\x1b[31m\\x1b]0;x\x1b[0m");
    }

    #[test]
    fn json_is_ascii_and_says_the_same() {
        let value = serde_json::json!({ "a": "\u{7f}\u{9b}é𝄞\"\n" });
        let text = ascii(&value.to_string());
        assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
