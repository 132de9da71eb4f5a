//! What was counted, for people and for programs.

use super::args::{Load, Mode};
use super::histogram::{Histogram, Percentiles};
use super::identity::Number;
use dhcp4o6_protocol::refused::Counters;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;

/// So many duplicates are told with their address; all are counted.
const EXAMPLES: usize = 5;

/// Counters and times of the measured part of a run.
pub(crate) struct Figures {
    /// From the beginning of an acquisition to its ACK.
    pub(crate) dora: Histogram,
    /// From the beginning of a renewal to its ACK.
    pub(crate) renewal: Histogram,
    /// DISCOVER to OFFER.
    pub(crate) offer: Histogram,
    /// REQUEST of an acquisition to ACK.
    pub(crate) ack: Histogram,
    /// REQUEST of a client that has a lease to ACK.
    pub(crate) extension: Histogram,
    /// Datagrams.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    /// Datagrams the kernel refused to send.
    pub(crate) not_sent: u64,
    /// Messages sent again.
    pub(crate) retransmissions: u64,
    /// Messages of which the first transmission stayed without an answer until it was sent again.
    pub(crate) lost: u64,
    pub(crate) naks: u64,
    pub(crate) duplicates: u64,
    duplicate_examples: Vec<String>,
    /// Why datagrams were not used.
    pub(crate) refused: Counters,
}

impl Figures {
    pub(crate) fn new() -> Self {
        Self {
            dora: Histogram::new(),
            renewal: Histogram::new(),
            offer: Histogram::new(),
            ack: Histogram::new(),
            extension: Histogram::new(),
            sent: 0,
            received: 0,
            not_sent: 0,
            retransmissions: 0,
            lost: 0,
            naks: 0,
            duplicates: 0,
            duplicate_examples: Vec::new(),
            refused: Counters::default(),
        }
    }

    /// Begins anew, but never forgets that an address was given twice.
    pub(crate) fn reset(&mut self) {
        let duplicate_examples = std::mem::take(&mut self.duplicate_examples);
        *self = Self { duplicates: self.duplicates, duplicate_examples, ..Self::new() };
    }

    /// An address went to a client while another still has it.
    pub(crate) fn note_duplicate(&mut self, address: Ipv4Addr, Number(one): Number, Number(other): Number) {
        self.duplicates += 1;
        if self.duplicate_examples.len() < EXAMPLES {
            self.duplicate_examples.push(format!("{address} to clients {one} and {other}"));
        }
    }
}

/// Everything one run found out.
#[derive(Serialize)]
pub(crate) struct Report {
    server: String,
    mode: &'static str,
    /// Of DHCPv4-over-DHCPv6; `none` where it is DHCPv4 without.
    profile: &'static str,
    /// `relayed`, `direct`, `cra` or `link`.
    way: &'static str,
    /// Answers were made here of what was sent back.
    echo: bool,
    outstanding: u32,
    /// `None` is ever new ones.
    clients: Option<u32>,
    /// Begun in a second, at most; `None` is as fast as answers come.
    rate: Option<u32>,
    seed: u64,
    /// How long was measured.
    seconds: f64,
    /// Mode renew: how many clients got a lease before, and how long that took.
    bound: u32,
    bound_in_seconds: Option<f64>,
    dora_per_second: f64,
    renewals_per_second: f64,
    sent_per_second: f64,
    /// Milliseconds, all of the following.
    dora: Percentiles,
    renewal: Percentiles,
    discover_to_offer: Percentiles,
    request_to_ack: Percentiles,
    extension_to_ack: Percentiles,
    sent: u64,
    received: u64,
    not_sent: u64,
    retransmissions: u64,
    lost: u64,
    /// Waited for an answer when the time was over.
    unfinished: u32,
    naks: u64,
    duplicates: u64,
    duplicate_examples: Vec<String>,
    /// Datagrams that were not used, by reason.
    refused: BTreeMap<&'static str, u64>,
}

/// What the figures do not say.
pub(crate) struct Circumstances {
    pub(crate) server: String,
    pub(crate) seed: u64,
    pub(crate) measured: Duration,
    pub(crate) bound: u32,
    pub(crate) bound_in: Option<Duration>,
    pub(crate) unfinished: u32,
}

impl Report {
    pub(crate) fn new(load: &Load, figures: Figures, circumstances: Circumstances) -> Self {
        let Circumstances { server, seed, measured, bound, bound_in, unfinished } = circumstances;
        let seconds = measured.as_secs_f64();
        let rate = |count: u64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        Self {
            server,
            mode: match load.mode {
                Mode::Dora => "dora",
                Mode::Renew => "renew",
                Mode::Flood => "flood",
            },
            profile: match load.profile {
                _ if load.cra || load.link.is_some() => "none",
                super::args::Profile::Rfc7341 => "rfc7341",
                super::args::Profile::Draft01 => "draft01",
            },
            way: match load.direct {
                _ if load.link.is_some() => "link",
                _ if load.cra => "cra",
                Some(_) => "direct",
                None => "relayed",
            },
            echo: load.echo,
            outstanding: load.outstanding,
            clients: load.clients,
            rate: load.rate,
            seed,
            seconds,
            bound,
            bound_in_seconds: bound_in.map(|span| span.as_secs_f64()),
            dora_per_second: rate(figures.dora.count()),
            renewals_per_second: rate(figures.renewal.count()),
            sent_per_second: rate(figures.sent),
            dora: figures.dora.percentiles(),
            renewal: figures.renewal.percentiles(),
            discover_to_offer: figures.offer.percentiles(),
            request_to_ack: figures.ack.percentiles(),
            extension_to_ack: figures.extension.percentiles(),
            sent: figures.sent,
            received: figures.received,
            not_sent: figures.not_sent,
            retransmissions: figures.retransmissions,
            lost: figures.lost,
            unfinished,
            naks: figures.naks,
            duplicates: figures.duplicates,
            duplicate_examples: figures.duplicate_examples,
            refused: figures.refused.iter().filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// True if something was completed and no address given twice.
    pub(crate) fn is_success(&self) -> bool {
        let completed =
            self.dora.count > 0 || self.renewal.count > 0 || (self.mode == "flood" && self.sent > 0);
        completed && self.duplicates == 0
    }

    /// The table for people.
    pub(crate) fn table(&self) -> String {
        let Self { mode, server, way, outstanding, seconds, .. } = self;
        let mut text = format!("{mode}, {way}, {outstanding} outstanding, at {server}: {seconds:.1} s");
        if let Some(in_seconds) = self.bound_in_seconds {
            let _ = write!(text, ", after {} clients were bound in {in_seconds:.1} s", self.bound);
        }
        let _ = writeln!(text, " (seed {})\n", self.seed);
        let rate = |name, count, each: f64| format!("{name:<22}{count:>12}{each:>14.0}/s\n");
        if self.mode == "flood" {
            text += &rate("datagrams sent", self.sent, self.sent_per_second);
            let _ = writeln!(text, "{:<22}{:>12}", "refused by the kernel", self.not_sent);
            return text;
        }
        text += &rate("DORAs", self.dora.count, self.dora_per_second);
        text += &rate("renewals", self.renewal.count, self.renewals_per_second);
        let _ = writeln!(
            text,
            "\n{:<22}{:>10}{:>10}{:>10}{:>10}{:>10}",
            "milliseconds", "p50", "p90", "p99", "p99.9", "max"
        );
        for (name, times) in [
            ("DORA", self.dora),
            ("DISCOVER to OFFER", self.discover_to_offer),
            ("REQUEST to ACK", self.request_to_ack),
            ("renewal", self.renewal),
            ("its REQUEST to ACK", self.extension_to_ack),
        ] {
            if times.count > 0 {
                let Percentiles { p50, p90, p99, p999, max, .. } = times;
                let _ = writeln!(text, "{name:<22}{p50:>10.3}{p90:>10.3}{p99:>10.3}{p999:>10.3}{max:>10.3}");
            }
        }
        text.push('\n');
        for (name, count) in [
            ("datagrams sent", self.sent),
            ("datagrams received", self.received),
            ("refused by the kernel", self.not_sent),
            ("lost", self.lost),
            ("retransmissions", self.retransmissions),
            ("unfinished", self.unfinished.into()),
            ("NAK", self.naks),
            ("duplicate addresses", self.duplicates),
        ] {
            let _ = writeln!(text, "{name:<22}{count:>12}");
        }
        for (reason, count) in &self.refused {
            let _ = writeln!(text, "{:<22}{count:>12}", format!("not used: {reason}"));
        }
        for example in &self.duplicate_examples {
            let _ = writeln!(text, "GIVEN TWICE: {example}");
        }
        text
    }
}
