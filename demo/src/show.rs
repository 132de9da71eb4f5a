//! What people see: plain text, with colours on a terminal.

use dhcp4o6_tests::{Bus, ctl};
use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

/// Where something was seen.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Link,
    Wire,
    Kernel,
    Bus,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Wire => "wire",
            Self::Kernel => "kernel",
            Self::Bus => "D-Bus",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Link => "0",
            Self::Wire => "36",
            Self::Kernel => "33",
            Self::Bus => "35",
        }
    }
}

/// Standard output.
pub(crate) struct Screen {
    colours: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { colours: stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// Begins a part.
    pub(crate) fn heading(&mut self, text: &str) {
        self.line(&format!("\n{}", self.in_colour("1", text)));
    }

    /// Something that is now so.
    pub(crate) fn fact(&mut self, text: &str) {
        self.line(&format!("  {} {text}", self.in_colour("32", "*")));
    }

    /// Something that happened at a place, `after` the beginning.
    pub(crate) fn event(&mut self, after: Duration, who: &str, kind: Kind, text: &str) {
        let time = format!("{:9.1} ms", after.as_secs_f64() * 1000.0);
        let word = self.in_colour(kind.colour(), &format!("{:<6}", kind.word()));
        self.line(&format!("{time}  {who:<6}  {word} {text}"));
    }

    /// Lines that show where things are.
    pub(crate) fn picture(&mut self, lines: &[&str]) {
        lines.iter().for_each(|line| self.line(line));
    }

    /// Runs `dhcp4o6ctl` with these arguments and shows what it prints.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) fn program(&mut self, bus: &Bus, arguments: &str) -> Result<(), String> {
        let output = ctl(bus, arguments);
        if !output.status.success() {
            return Err(format!(
                "dhcp4o6ctl {arguments}: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            ));
        }
        self.command(&format!("dhcp4o6ctl {arguments}"), &String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// A program's output under the command that gives it.
    fn command(&mut self, command: &str, output: &str) {
        self.line(&format!("  $ {}", self.in_colour("1", command)));
        self.quote(output);
    }

    /// Somebody else's text.
    pub(crate) fn quote(&mut self, text: &str) {
        for line in text.trim_end().lines() {
            self.line(&format!("      {line}"));
        }
    }

    /// A row of the table of times.
    pub(crate) fn row(&mut self, what: &str, after: Duration, since_last: Duration) {
        let [after, since_last] = [after, since_last].map(|time| time.as_secs_f64() * 1000.0);
        self.line(&format!("  {what:<32} {after:9.1} ms   {since_last:+9.1} ms"));
    }

    fn line(&self, text: &str) {
        // A closed pipe is no reason to stop before everything is cleaned up.
        let _ = writeln!(stdout(), "{text}");
    }

    fn in_colour(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
