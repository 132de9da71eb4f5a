//! What people see: plain text, with colours on a terminal.

use std::io::{IsTerminal, Write, stdout};
use std::time::Duration;

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

    /// Something that happened, `after` the beginning.
    pub(crate) fn event(&mut self, after: Duration, who: &str, text: &str) {
        let colour = match who {
            "wire" => "36",
            "kernel" => "33",
            "D-Bus" => "35",
            _ => "0",
        };
        let time = format!("{:9.1} ms", after.as_secs_f64() * 1000.0);
        self.line(&format!("{time}  {} {text}", self.in_colour(colour, &format!("{who:<6}"))));
    }

    /// A program's output under the command that gives it.
    pub(crate) fn command(&mut self, command: &str, output: &str) {
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
