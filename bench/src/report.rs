//! What was measured, as a table for people and as JSON for programs.

use serde::Serialize;
use std::path::Path;

/// One figure and what it is measured against.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// The figure.
    pub(crate) value: f64,
    /// What it counts.
    pub(crate) unit: &'static str,
    /// What it should be at most, if there is such a target.
    pub(crate) at_most: Option<f64>,
    /// What it should be at least, if there is such a target.
    pub(crate) at_least: Option<f64>,
    /// `met` or `MISSED`, if there is a target.
    pub(crate) verdict: Option<&'static str>,
    /// How it came about: number of runs, spread, what it includes.
    pub(crate) how: String,
}

impl Row {
    pub(crate) fn new(
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        how: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), value, unit, at_most: None, at_least: None, verdict: None, how: how.into() }
    }

    /// With a target. A figure that is not a number misses it.
    pub(crate) fn at_most(self, limit: f64) -> Self {
        let verdict = Some(verdict(self.value <= limit));
        Self { at_most: Some(limit), verdict, ..self }
    }

    /// As [`Row::at_most`], where more is better.
    pub(crate) fn at_least(self, limit: f64) -> Self {
        let verdict = Some(verdict(self.value >= limit));
        Self { at_least: Some(limit), verdict, ..self }
    }

    /// The target in the table.
    fn target(&self) -> String {
        match (self.at_most, self.at_least) {
            (Some(limit), _) => format!("<= {}", figure(limit, self.unit)),
            (None, Some(limit)) => format!(">= {}", figure(limit, self.unit)),
            (None, None) => String::new(),
        }
    }
}

/// Everything measured in one run, and what could not be.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    /// The machine it ran on.
    pub(crate) machine: String,
    /// In order.
    pub(crate) rows: Vec<Row>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

impl Report {
    /// More rows, or why there are none.
    pub(crate) fn extend(&mut self, measured: Result<Vec<Row>, String>) {
        match measured {
            Ok(rows) => self.rows.extend(rows),
            Err(why) => self.left_out.push(why),
        }
    }

    /// The table on standard output.
    pub(crate) fn print(&self) {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        println!("\n{:width$}  {:>12}  {:>15}  {:6}  how", "what", "figure", "target", "");
        for row in &self.rows {
            let (value, verdict) = (figure(row.value, row.unit), row.verdict.unwrap_or_default());
            println!("{:width$}  {value:>12}  {:>15}  {verdict:6}  {}", row.name, row.target(), row.how);
        }
        for what in &self.left_out {
            println!("left out: {what}");
        }
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        if let Some(directory) = path.parent() {
            std::fs::create_dir_all(directory)?;
        }
        std::fs::write(path, text + "\n")
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

fn figure(value: f64, unit: &str) -> String {
    match unit {
        "/s" => format!("{value:.0}/s"),
        "" if value.fract() == 0.0 => format!("{value}"),
        "" => format!("{value:.4}"),
        "MB" => format!("{value:.2} MB"),
        "ms" if value < 10.0 => format!("{value:.2} ms"),
        _ if value.fract() == 0.0 => format!("{value} {unit}"),
        _ => format!("{value:.1} {unit}"),
    }
}

/// The middle of several figures; of an even number, the mean of the two in the middle.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// What all but one in twenty of the figures do not exceed.
pub(crate) fn high(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let above = sorted.len() / 20;
    sorted.len().checked_sub(above + 1).map_or(f64::NAN, |index| sorted[index])
}

/// Number of runs, smallest and largest, for [`Row::how`].
pub(crate) fn spread(figures: &[f64]) -> String {
    let low = figures.iter().copied().fold(f64::INFINITY, f64::min);
    let high = figures.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("median of {}, {low:.2} to {high:.2}", figures.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_depend_on_order() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn one_in_twenty_may_be_higher() {
        let figures: Vec<f64> = (1..=40).map(f64::from).collect();
        assert_eq!(high(&figures), 38.0);
        assert_eq!(high(&figures[..20]), 19.0);
        assert_eq!(high(&figures[..19]), 19.0);
        assert!(high(&[]).is_nan());
    }

    #[test]
    fn a_figure_beyond_its_target_is_missed() {
        let row = |value| Row::new("a", value, "ms", "");
        assert_eq!(row(1.0).verdict, None);
        assert_eq!(row(1.0).at_most(1.0).verdict, Some("met"));
        assert_eq!(row(1.1).at_most(1.0).verdict, Some("MISSED"));
        assert_eq!(row(1.0).at_least(1.0).verdict, Some("met"));
        assert_eq!(row(0.9).at_least(1.0).verdict, Some("MISSED"));
        assert_eq!(row(f64::NAN).at_least(1.0).verdict, Some("MISSED"));
    }
}
