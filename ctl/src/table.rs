//! Columns that line up.

use crate::output::{Mood, Output};

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    text: String,
    mood: Mood,
}

impl Cell {
    /// A cell with a mood; an empty one shows `-`.
    pub fn new(text: impl Into<String>, mood: Mood) -> Self {
        let text = text.into();
        Self { text: if text.is_empty() { "-".into() } else { text }, mood }
    }

    /// A cell like any other.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Mood::Plain)
    }
}

/// The lines of a table: every column as wide as its widest cell, two blanks apart.
pub fn lines(output: Output, rows: &[Vec<Cell>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| crate::output::safe(&cell.text).len()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(&output.paint(cell.mood, &cell.text));
                let blanks = width.saturating_sub(crate::output::safe(&cell.text).len()) + 2;
                line.extend(std::iter::repeat_n(' ', blanks));
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_as_printed() {
        let row = |cells: &[&str]| cells.iter().map(|text| Cell::plain(*text)).collect::<Vec<_>>();
        let rows = [row(&["LINK", "STATE"]), row(&["w\x1b", "bound"]), row(&["", "x"])];
        assert_eq!(lines(Output::new(true), &rows), ["LINK   STATE", "w\\x1b  bound", "-      x"]);
    }
}
