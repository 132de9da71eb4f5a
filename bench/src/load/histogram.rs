//! How long things took, as percentiles, in fixed memory.

use serde::Serialize;
use std::time::Duration;

/// Buckets of each power of two: a figure read from one is at most 1/64 too large.
const PART: u64 = 64;
const BUCKETS: usize = 64 * PART as usize;
/// Twelve days, microseconds; what takes longer counts as this.
const LONGEST: u64 = 1 << 40;

/// Counts of spans in microseconds.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Box<[u64]>,
    count: u64,
    max: u64,
}

/// What a histogram says, in milliseconds. All zero when it counted nothing.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    /// How many were counted.
    pub(crate) count: u64,
    /// Half of them took no longer.
    pub(crate) p50: f64,
    /// Nine in ten.
    pub(crate) p90: f64,
    /// All but one in a hundred.
    pub(crate) p99: f64,
    /// All but one in a thousand.
    #[serde(rename = "p99.9")]
    pub(crate) p999: f64,
    /// The longest, exactly.
    pub(crate) max: f64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS].into(), count: 0, max: 0 }
    }

    pub(crate) fn record(&mut self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).min(LONGEST);
        self.counts[bucket(micros)] += 1;
        self.count += 1;
        self.max = self.max.max(micros);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |part: f64| self.quantile(part) as f64 / 1000.0;
        Percentiles {
            count: self.count,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.max as f64 / 1000.0,
        }
    }

    /// The smallest figure that `part` of all do not exceed, up to the width of a bucket; microseconds.
    fn quantile(&self, part: f64) -> u64 {
        let wanted = (self.count as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(index).min(self.max);
            }
        }
        self.max
    }
}

/// Figures below [`PART`] have a bucket each; above, the leading seven bits of a figure choose it.
fn bucket(micros: u64) -> usize {
    let doublings = (u64::from(micros.max(1).ilog2())).saturating_sub(u64::from(PART.ilog2()));
    let index = doublings * PART + (micros >> doublings);
    usize::try_from(index).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The largest figure of a bucket.
fn upper(index: usize) -> u64 {
    let index = index as u64;
    let doublings = (index / PART).saturating_sub(1);
    let leading = index - doublings * PART;
    ((leading + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_in_order_without_gaps_and_narrow() {
        let mut last = 0;
        for micros in (0..100_000).chain((100_000..1_000_000_000).step_by(9_973)) {
            let index = bucket(micros);
            assert!(index == last || index == last + 1 || micros > 100_000, "{micros}");
            assert!(index >= last);
            let upper = upper(index);
            assert!(upper >= micros && upper - micros <= micros / PART, "{micros} in a bucket up to {upper}");
            assert_eq!(bucket(upper), index);
            assert_eq!(bucket(upper + 1), index + 1);
            last = index;
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut histogram = Histogram::new();
        for micros in 1..=10_000 {
            histogram.record(Duration::from_micros(micros));
        }
        let p = histogram.percentiles();
        for (figure, exact) in [(p.p50, 5.0), (p.p90, 9.0), (p.p99, 9.9), (p.p999, 9.99)] {
            assert!((exact..=exact * 65.0 / 64.0).contains(&figure), "{figure} instead of {exact}");
        }
        assert_eq!((p.count, p.max), (10_000, 10.0));
    }

    #[test]
    fn one_figure_is_every_percentile_and_none_is_zero() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.percentiles(), Percentiles::default());
        histogram.record(Duration::from_secs(4));
        let p = histogram.percentiles();
        assert_eq!((p.p50, p.p999, p.max), (4000.0, 4000.0, 4000.0));
    }

    #[test]
    fn no_span_is_too_long() {
        let mut histogram = Histogram::new();
        histogram.record(Duration::MAX);
        assert_eq!(histogram.percentiles().max, LONGEST as f64 / 1000.0);
    }
}
