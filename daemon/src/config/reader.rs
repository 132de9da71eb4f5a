//! Reads one table key by key. What is asked for is what is known: the rest is reported, with the nearest known key.

use super::mistakes::{Mistake, Mistakes, Place, Shown};
use config::{Map, Value, ValueKind};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Most entries of any list.
pub(super) const MAX_LIST: usize = 64;

/// Where a value was written.
pub(super) fn place_of(value: &Value) -> Place {
    value.origin().map(Place::from_text).unwrap_or_default()
}

/// One table that is being read.
pub(super) struct Reader<'a> {
    path: String,
    place: Place,
    table: &'a Map<String, Value>,
    known: Vec<&'static str>,
    mistakes: &'a mut Mistakes,
}

impl<'a> Reader<'a> {
    /// `path` is that of the table, empty for the root; `place` is where it begins.
    pub(super) fn new(
        path: String,
        place: Place,
        table: &'a Map<String, Value>,
        mistakes: &'a mut Mistakes,
    ) -> Self {
        Self { path, place, table, known: Vec::new(), mistakes }
    }

    /// The value of a key, which is known from now on.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }

    /// Reports a mistake about a key; without a value the place is that of the key, or else that of the table.
    pub(super) fn wrong(
        &mut self,
        key: &str,
        value: Option<&Value>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let place = value.or_else(|| self.table.get(key)).map_or_else(|| self.place.clone(), place_of);
        let key = self.path_of(key);
        self.mistakes.push(Mistake { place, key, wrong: wrong.into(), right: right.into() });
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str, out: &mut bool) {
        match self.value(key).map(|value| (value, &value.kind)) {
            None => {}
            Some((_, ValueKind::Boolean(truth))) => *out = *truth,
            Some((value, _)) => self.wrong(key, None, shown(value), "must be true or false"),
        }
    }

    /// A whole number in `range`.
    pub(super) fn number<N: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        out: &mut N,
        range: RangeInclusive<i64>,
    ) {
        if let Some(value) = self.value(key)
            && let Some(number) = self.number_of(key, value, range)
        {
            *out = number;
        }
    }

    /// `value` of `key`, or an entry of it, as a whole number in `range`, which lies inside `N`.
    pub(super) fn number_of<N: TryFrom<i64>>(
        &mut self,
        key: &str,
        value: &Value,
        range: RangeInclusive<i64>,
    ) -> Option<N> {
        if let ValueKind::I64(number) = value.kind
            && range.contains(&number)
            && let Ok(number) = N::try_from(number)
        {
            return Some(number);
        }
        let right = format!("must be a whole number from {} to {}", range.start(), range.end());
        self.wrong(key, Some(value), shown(value), right);
        None
    }

    /// Text of 1 to `longest` octets.
    pub(super) fn text(&mut self, key: &'static str, longest: usize) -> Option<&'a str> {
        let value = self.value(key)?;
        match &value.kind {
            ValueKind::String(text) if (1..=longest).contains(&text.len()) => Some(text),
            _ => {
                self.wrong(key, None, shown(value), format!("must be text of 1 to {longest} octets"));
                None
            }
        }
    }

    /// One of `words`. Words of `later` belong to versions to come.
    pub(super) fn word<T: Clone>(
        &mut self,
        key: &'static str,
        out: &mut T,
        words: &[(&str, T)],
        later: &[&str],
    ) {
        let Some(value) = self.value(key) else { return };
        let list: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let right = format!("must be one of {}", list.join(", "));
        let ValueKind::String(text) = &value.kind else { return self.wrong(key, None, shown(value), right) };
        match words.iter().find(|(word, _)| word == text) {
            Some((_, meaning)) => *out = meaning.clone(),
            None if later.contains(&text.as_str()) => {
                self.wrong(key, None, format!("\"{text}\" is not available in this version"), right);
            }
            None => self.wrong(key, None, shown(value), right),
        }
    }

    /// A span of time in `range`: seconds as a number, or text with a unit.
    pub(super) fn span(&mut self, key: &'static str, out: &mut Duration, range: RangeInclusive<Duration>) {
        let Some(value) = self.value(key) else { return };
        match span_of(value).filter(|span| range.contains(span)) {
            Some(span) => *out = span,
            None => self.wrong(key, None, shown(value), right_span(&range)),
        }
    }

    /// Like [`Reader::span`], where `"never"` is `None`.
    pub(super) fn span_or_never(
        &mut self,
        key: &'static str,
        out: &mut Option<Duration>,
        range: RangeInclusive<Duration>,
    ) {
        let Some(value) = self.value(key) else { return };
        if matches!(&value.kind, ValueKind::String(text) if text == "never") {
            *out = None;
            return;
        }
        match span_of(value).filter(|span| range.contains(span)) {
            Some(span) => *out = Some(span),
            None => self.wrong(key, None, shown(value), format!("{}, or \"never\"", right_span(&range))),
        }
    }

    /// The entries of a list of at most [`MAX_LIST`].
    pub(super) fn list(&mut self, key: &'static str, entries: &str) -> Option<&'a [Value]> {
        let value = self.value(key)?;
        match &value.kind {
            ValueKind::Array(list) if list.len() <= MAX_LIST => Some(list),
            ValueKind::Array(list) => {
                self.wrong(
                    key,
                    None,
                    format!("has {} entries", list.len()),
                    format!("must be at most {MAX_LIST}"),
                );
                None
            }
            _ => {
                self.wrong(key, None, shown(value), format!("must be a list of {entries}"));
                None
            }
        }
    }

    /// Reads the table under `key`, if it is one, and reports the keys in it that `read` did not ask for.
    pub(super) fn table(&mut self, key: &'static str, read: impl FnOnce(&mut Reader<'_>)) {
        let Some(value) = self.value(key) else { return };
        match &value.kind {
            ValueKind::Table(table) => {
                // Merging keeps no place for tables; any key in them is near enough.
                let place = value.origin().map(Place::from_text).unwrap_or_else(|| self.place.clone());
                let mut reader = Reader::new(self.path_of(key), place, table, self.mistakes);
                read(&mut reader);
                reader.finish();
            }
            _ => self.wrong(key, None, shown(value), "must be a table"),
        }
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(mut self) {
        let known = std::mem::take(&mut self.known);
        let mut strangers: Vec<_> =
            self.table.iter().filter(|(key, _)| !known.contains(&key.as_str())).collect();
        strangers.sort_by_key(|(key, _)| *key);
        for (key, value) in strangers {
            let right = match nearest(key, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.wrong(key, Some(value), "no such key", right);
        }
    }
}

/// A value as a mistake quotes it.
pub(super) fn shown(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => format!("\"{}\" is not valid", Shown(text)),
        ValueKind::Boolean(truth) => format!("{truth} is not valid"),
        ValueKind::I64(number) => format!("{number} is not valid"),
        ValueKind::I128(number) => format!("{number} is not valid"),
        ValueKind::Float(number) => format!("{number} is not valid"),
        ValueKind::Array(_) => "a list is not valid".to_owned(),
        ValueKind::Table(_) => "a table is not valid".to_owned(),
        _ => "this is not valid".to_owned(),
    }
}

/// `5`, `"5s"`, `"250ms"`, `"10m"`, `"2h"` or `"1d"`.
fn span_of(value: &Value) -> Option<Duration> {
    match &value.kind {
        ValueKind::I64(seconds) => Some(Duration::from_secs(u64::try_from(*seconds).ok()?)),
        ValueKind::String(text) => {
            let digits = text.trim_end_matches(|found: char| found.is_ascii_lowercase());
            let unit = text.strip_prefix(digits)?;
            if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            let number: u64 = digits.parse().ok()?;
            let milliseconds = match unit {
                "ms" => 1,
                "s" => 1000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return None,
            };
            number.checked_mul(milliseconds).map(Duration::from_millis)
        }
        _ => None,
    }
}

/// A span as [`span_of`] reads it, in the largest unit that fits.
pub(super) fn span_text(span: Duration) -> String {
    let milliseconds = span.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    match units.iter().find(|(_, size)| milliseconds >= *size && milliseconds.is_multiple_of(*size)) {
        Some((unit, size)) => format!("{}{unit}", milliseconds / size),
        None if milliseconds == 0 => "0s".to_owned(),
        None => format!("{milliseconds}ms"),
    }
}

fn right_span(range: &RangeInclusive<Duration>) -> String {
    format!(
        "must be seconds, or text with the unit ms, s, m, h or d: from \"{}\" to \"{}\"",
        span_text(*range.start()),
        span_text(*range.end())
    )
}

/// The known key that differs least, if it differs little.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    // `_` for `-` is the commonest slip and would count once for each.
    let key = key.to_lowercase().replace('_', "-");
    if key.len() > 40 {
        return None;
    }
    let candidates = known.iter().map(|candidate| (distance(&key, candidate), *candidate));
    candidates
        .filter(|(far, name)| *far <= 1 + name.len() / 4)
        .min_by_key(|(far, _)| *far)
        .map(|(_, name)| name)
}

/// Insertions, removals, replacements and swaps of neighbours between two short words.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (one.chars().collect(), other.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (row, have) in one.iter().enumerate() {
        let mut this = vec![row + 1];
        for (column, want) in other.iter().enumerate() {
            let replaced = last[column] + usize::from(have != want);
            let mut least = replaced.min(last[column + 1] + 1).min(this[column] + 1);
            if row > 0 && column > 0 && *have == other[column - 1] && one[row - 1] == *want {
                least = least.min(before_last[column - 1] + 1);
            }
            this.push(least);
        }
        before_last = std::mem::replace(&mut last, this);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_back_as_they_are_written() {
        for text in ["0s", "1ms", "1500ms", "5s", "90s", "10m", "2h", "1d", "365d"] {
            let span = span_of(&Value::from(text)).unwrap();
            assert_eq!(span_text(span), text);
        }
        assert_eq!(span_of(&Value::from(7_i64)), Some(Duration::from_secs(7)));
        for bad in
            ["", "s", "5", "5 s", "-5s", "5S", "5w", "+5s", "99999999999999999999s", "9999999999999999999d"]
        {
            assert_eq!(span_of(&Value::from(bad)), None, "{bad}");
        }
    }

    #[test]
    fn the_nearest_key_is_near() {
        let known = ["match", "mode", "metric", "on-withdraw"];
        assert_eq!(nearest("mdoe", &known), Some("mode"));
        assert_eq!(nearest("on_withdraw", &known), Some("on-withdraw"));
        assert_eq!(nearest("Match", &known), Some("match"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest(&"m".repeat(1000), &known), None);
    }
}
