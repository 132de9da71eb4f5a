//! What agents are called: relay agents of all kinds.

use super::mistakes::{Mistakes, Place};
use super::reader::{At, Reader, Said};
use std::collections::BTreeMap;

/// The name that is written, or else `standard`, which counts as written where the table begins.
pub(super) fn name(reader: &mut Reader<'_>, standard: String) -> At<String> {
    let mut name = Said::default();
    let right = "must be 1 to 64 letters, digits, hyphens, underscores and dots";
    reader.parsed("name", &mut name, right, |text| is_name(text).then(|| text.to_owned()));
    name.right.unwrap_or_else(|| At { value: standard, place: reader.place().clone() })
}

/// What can be part of an object path after escaping, and of a log line as it is.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.'))
}

/// Reports names that two have; `key` is that of the name.
pub(super) fn unique<'a>(key: &str, names: impl Iterator<Item = &'a At<String>>, mistakes: &mut Mistakes) {
    let mut first: BTreeMap<&str, &Place> = BTreeMap::new();
    for At { value, place } in names {
        if let Some(other) = first.insert(value, place) {
            let right = format!("must be unique; the other is at {other}");
            mistakes.key(place, key, format!("two are called \"{value}\""), right);
        }
    }
}
