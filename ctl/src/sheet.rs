//! What `show` prints: titles, and rows of label, value and source.

use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::table::{Cell, lines};

/// A sheet, section by section.
#[derive(Default)]
pub struct Sheet {
    sections: Vec<(&'static str, Vec<Vec<Cell>>)>,
}

impl Sheet {
    /// The rows that follow stand under this title.
    pub fn section(&mut self, title: &'static str) {
        self.sections.push((title, Vec::new()));
    }

    /// A row, unless there is nothing to say.
    pub fn row(&mut self, label: &str, value: impl Into<String>, source: &str) {
        self.mooded(label, value, source, Mood::Plain);
    }

    /// A row whose value has a mood, unless there is nothing to say.
    pub fn mooded(&mut self, label: &str, value: impl Into<String>, source: &str, mood: Mood) {
        let value = value.into();
        if value.is_empty() {
            return;
        }
        let mut row = vec![Cell::plain(format!("  {label}")), Cell::new(value, mood)];
        if !source.is_empty() {
            row.push(Cell::new(source, Mood::Faint));
        }
        self.cells(row);
    }

    /// A row as it is.
    pub fn cells(&mut self, row: Vec<Cell>) {
        if let Some((_, rows)) = self.sections.last_mut() {
            rows.push(row);
        }
    }

    /// Prints it.
    ///
    /// # Errors
    /// When nobody reads it.
    pub fn print(&self, output: &Output) -> Result<(), Failure> {
        for (title, rows) in &self.sections {
            output.line(&output.paint(Mood::Strong, title))?;
            for line in lines(*output, rows) {
                output.line(&line)?;
            }
        }
        Ok(())
    }

    /// The titles.
    #[cfg(test)]
    pub fn titles(&self) -> Vec<&'static str> {
        self.sections.iter().map(|(title, _)| *title).collect()
    }

    /// The lines of the section of this title, as they are printed without colours.
    #[cfg(test)]
    pub fn section_lines(&self, title: &str) -> Vec<String> {
        let found = self.sections.iter().find(|(its, _)| *its == title);
        found.map(|(_, rows)| lines(Output::new(true), rows)).unwrap_or_default()
    }
}
