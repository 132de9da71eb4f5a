//! Reads one table key by key. What is asked for is what is known: the rest is reported, with the nearest known key.

use super::mistakes::{Mistake, Mistakes, Place, Shown};
use config::{Map, Value, ValueKind};
use dhcp4o6_protocol::ids::{hex, hex_decode};
use dhcp4o6_protocol::time::Lifetime;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Most entries of a list.
pub(super) const MAX_LIST: usize = 64;
/// Most entries of a list that names interfaces, prefixes or interface-ids.
pub(super) const MAX_NAMED: usize = 1024;
/// Longest lifetime that is not for ever: 100 years.
const LONGEST: u32 = 36_500 * 86_400;

/// Where a value was written.
pub(super) fn place_of(value: &Value) -> Place {
    value.origin().map(Place::from_text).unwrap_or_default()
}

/// What was written, and where.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// A key without a default.
#[derive(Debug)]
pub(super) struct Said<T> {
    /// It was written, rightly or wrongly.
    pub(super) given: bool,
    /// What was written rightly.
    pub(super) right: Option<At<T>>,
}

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self { given: false, right: None }
    }
}

/// A list, without the entries that are wrong.
#[derive(Debug)]
pub(super) struct Entries<T> {
    /// There are some, right or wrong.
    pub(super) given: bool,
    /// Those that are right.
    pub(super) right: Vec<At<T>>,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { given: false, right: Vec::new() }
    }
}

impl<T: Clone> Entries<T> {
    /// Without their places.
    pub(super) fn values(&self) -> Vec<T> {
        self.right.iter().map(|entry| entry.value.clone()).collect()
    }
}

/// What a list is to hold.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    /// What its entries are.
    pub(super) entries: &'static str,
    /// What one entry must be.
    pub(super) right: &'static str,
    /// How many there may be.
    pub(super) most: usize,
}

/// One table that is being read.
pub(super) struct Reader<'a> {
    path: String,
    place: Place,
    table: &'a Map<String, Value>,
    known: Vec<&'a str>,
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

    /// Every key with its value, in the order of the keys; all of them are known from now on.
    pub(super) fn each(&mut self) -> Vec<(&'a str, &'a Value)> {
        let mut entries: Vec<_> = self.table.iter().map(|(key, value)| (key.as_str(), value)).collect();
        entries.sort_by_key(|(key, _)| *key);
        self.known.extend(entries.iter().map(|(key, _)| *key));
        entries
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Where a key was written, or else where the table begins.
    pub(super) fn place_of_key(&self, key: &str) -> Place {
        self.table.get(key).map_or_else(|| self.place.clone(), place_of)
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

    /// Like [`Reader::wrong`], about a key of the table under `table`, which need not be written here: then the place
    /// is that of this table.
    pub(super) fn wrong_in(
        &mut self,
        table: &str,
        key: &str,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let written = self.table.get(table).map(|value| match &value.kind {
            ValueKind::Table(inner) => inner.get(key).unwrap_or(value),
            _ => value,
        });
        let place = written.map_or_else(|| self.place.clone(), place_of);
        self.wrong_at(&place, &format!("{table}.{key}"), wrong, right);
    }

    /// Reports a mistake about a key at a place.
    pub(super) fn wrong_at(
        &mut self,
        place: &Place,
        key: &str,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        self.mistakes.key(place, self.path_of(key), wrong, right);
    }

    /// The path of a key of this table.
    pub(super) fn path_of(&self, key: &str) -> String {
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

    /// A lifetime of whole seconds, at least `shortest` of them, or `"never"`.
    pub(super) fn lifetime(&mut self, key: &'static str, out: &mut Said<Lifetime>, shortest: u32) {
        match self.value(key) {
            Some(value) if text_of(value) == Some("never") => {
                out.given = true;
                out.right = Some(At { value: Lifetime::INFINITE, place: place_of(value) });
            }
            _ => self.whole_seconds(key, out, shortest..=LONGEST, ", or \"never\""),
        }
    }

    /// Whole seconds in `range`.
    pub(super) fn seconds(
        &mut self,
        key: &'static str,
        out: &mut Said<Lifetime>,
        range: RangeInclusive<u32>,
    ) {
        self.whole_seconds(key, out, range, "");
    }

    fn whole_seconds(
        &mut self,
        key: &'static str,
        out: &mut Said<Lifetime>,
        range: RangeInclusive<u32>,
        or: &str,
    ) {
        let Some(value) = self.value(key) else { return };
        out.given = true;
        let seconds = span_of(value)
            .filter(|span| span.subsec_nanos() == 0)
            .and_then(|span| u32::try_from(span.as_secs()).ok())
            .filter(|seconds| range.contains(seconds));
        match seconds {
            Some(seconds) => out.right = Some(At { value: Lifetime(seconds), place: place_of(value) }),
            None => {
                let text = |seconds: &u32| span_text(Duration::from_secs(u64::from(*seconds)));
                let right = format!(
                    "must be seconds, or text with the unit s, m, h or d: from \"{}\" to \"{}\"{or}",
                    text(range.start()),
                    text(range.end())
                );
                self.wrong(key, None, shown(value), right);
            }
        }
    }

    /// Text that `read` understands; `right` is what it must be.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        out: &mut Said<T>,
        right: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) {
        let Some(value) = self.value(key) else { return };
        out.given = true;
        match text_of(value).and_then(read) {
            Some(read) => out.right = Some(At { value: read, place: place_of(value) }),
            None => self.wrong(key, None, shown(value), right),
        }
    }

    /// A list of different texts that `read` understands.
    pub(super) fn entries<T: Ord + Clone>(
        &mut self,
        key: &'static str,
        out: &mut Entries<T>,
        wanted: Wanted,
        read: impl Fn(&str) -> Option<T>,
    ) {
        let Some(value) = self.value(key) else { return };
        *out = Entries { given: true, right: Vec::new() };
        let Some(list) = self.list_in(key, value, wanted.entries, wanted.most) else { return };
        out.given = !list.is_empty();
        let mut seen = BTreeSet::new();
        for entry in list {
            match text_of(entry).and_then(&read) {
                None => self.wrong(key, Some(entry), shown(entry), wanted.right),
                Some(found) if seen.insert(found.clone()) => {
                    out.right.push(At { value: found, place: place_of(entry) });
                }
                Some(_) => {
                    let wrong = format!("\"{}\" is listed twice", Shown(text_of(entry).unwrap_or_default()));
                    self.wrong(key, Some(entry), wrong, "must be listed once");
                }
            }
        }
    }

    /// The entries of a list of at most [`MAX_LIST`].
    pub(super) fn list(&mut self, key: &'static str, entries: &str) -> Option<&'a [Value]> {
        let value = self.value(key)?;
        self.list_in(key, value, entries, MAX_LIST)
    }

    /// The entries of `value`, which is that of `key`: a list of at most `most`.
    pub(super) fn list_in<'v>(
        &mut self,
        key: &str,
        value: &'v Value,
        entries: &str,
        most: usize,
    ) -> Option<&'v [Value]> {
        match &value.kind {
            ValueKind::Array(list) if list.len() <= most => Some(list),
            ValueKind::Array(list) => {
                self.wrong(
                    key,
                    None,
                    format!("has {} entries", list.len()),
                    format!("must be at most {most}"),
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

    /// Reads each table of the list under `key`, as [`Reader::table`] does. Returns how many entries there are.
    pub(super) fn tables(&mut self, key: &'static str, mut read: impl FnMut(&mut Reader<'_>)) -> usize {
        let Some(value) = self.value(key) else { return 0 };
        let path = self.path_of(key);
        let ValueKind::Array(list) = &value.kind else {
            let right = format!("must be a list of tables, each begun with [[{path}]]");
            self.wrong(key, None, shown(value), right);
            return 1;
        };
        for entry in list {
            let right = format!("must be a table, begun with [[{path}]]");
            self.entry(key, entry, &right, &mut read);
        }
        list.len()
    }

    /// Reads one entry of the list under `key`, if it is a table; `right` is what it must be.
    pub(super) fn entry(
        &mut self,
        key: &str,
        entry: &Value,
        right: &str,
        read: impl FnOnce(&mut Reader<'_>),
    ) {
        let ValueKind::Table(table) = &entry.kind else {
            return self.wrong(key, Some(entry), shown(entry), right);
        };
        let mut reader = Reader::new(self.path_of(key), place_of(entry), table, self.mistakes);
        read(&mut reader);
        reader.finish();
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

/// A value that is text.
pub(super) fn text_of(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

/// What [`octets`] reads.
pub(super) const SOME_OCTETS: &str =
    "must be text, or hexadecimal digits such as \"hex:0a0b\": 1 to 255 octets";

/// Octets written as text, or as hexadecimal digits behind `hex:`: 1 to 255.
pub(super) fn octets(text: &str) -> Option<Vec<u8>> {
    let octets = match text.strip_prefix("hex:") {
        Some(digits) => hex_decode(digits)?,
        None => text.as_bytes().to_vec(),
    };
    (1..=255).contains(&octets.len()).then_some(octets)
}

/// Octets as [`octets`] reads them: as text when all of them are printable ASCII.
pub(super) fn octets_text(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) if text.bytes().all(|octet| matches!(octet, b' '..=b'~')) && !text.starts_with("hex:") => {
            text.to_owned()
        }
        _ => format!("hex:{}", hex(octets)),
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
pub(super) fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
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
