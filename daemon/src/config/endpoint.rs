//! Where the IPv4 of a link goes, and `[[link.endpoint]]`: its IPv4 identities.

use super::link::namespace;
use super::matching::is_interface_name;
use super::mistakes::{MISSING, Place};
use super::reader::{At, Reader, Said, shown};
use super::{EndpointConfig, TargetConfig};
use config::ValueKind;
use dhcp4o6_protocol::ids::{Iaid, hex_decode};
use std::collections::BTreeMap;

/// Most endpoints of a link: each is a client of its own.
const MAX_ENDPOINTS: usize = 16;

/// `target`; what is not there stays as it is in `out`.
pub(super) fn target(reader: &mut Reader<'_>, out: &mut TargetConfig) {
    if !matches!(reader.value("target").map(|value| &value.kind), Some(ValueKind::Table(_))) {
        // `auto` is the link as long as there are no softwires.
        let words = [("auto", TargetConfig::Link), ("link", TargetConfig::Link)];
        return reader.word("target", out, &words, &["softwire"]);
    }
    reader.table("target", |table| {
        let namespace = namespace(table);
        match table.value("interface").map(|value| (value, &value.kind)) {
            None => table.wrong("interface", None, MISSING, "must be the name of an interface"),
            Some((_, ValueKind::String(name))) if is_interface_name(name) => {
                *out = TargetConfig::Interface { name: name.clone(), namespace };
            }
            Some((value, _)) => {
                table.wrong("interface", None, shown(value), "must be the name of an interface");
            }
        }
    });
}

/// `metric` and `table`.
pub(super) fn routes(reader: &mut Reader<'_>, metric: &mut u32, table: &mut u32) {
    reader.number("metric", metric, 0..=i64::from(u32::MAX));
    let mut number = *table;
    reader.number("table", &mut number, 1..=i64::from(u32::MAX));
    // 255 belongs to the kernel.
    if number == 255 {
        reader.wrong("table", None, "255 is the kernel's table of local addresses", "must be another");
    } else {
        *table = number;
    }
}

/// The endpoints, at least one; what one of them does not say is as in `link`, and `link` itself is the only one of a
/// link that lists none.
pub(super) fn read(reader: &mut Reader<'_>, link: EndpointConfig) -> Vec<EndpointConfig> {
    let mut found = Vec::new();
    reader.tables("endpoint", |table| found.push(Draft::read(table, &link)));
    if let Some(first_beyond) = found.get(MAX_ENDPOINTS) {
        let wrong = format!("{} endpoints", found.len());
        reader.wrong_at(&first_beyond.place, "endpoint", wrong, format!("must be at most {MAX_ENDPOINTS}"));
    }
    let several = found.len() > 1;
    let (mut names, mut iaids) = (BTreeMap::new(), BTreeMap::new());
    for Draft { place, name, iaid, .. } in &found {
        if several && !name.given {
            let right = format!("{A_NAME}: with several endpoints each has one");
            reader.wrong_at(place, "endpoint.name", MISSING, right);
        }
        if let Some(At { value, place }) = &name.right
            && let Some(other) = names.insert(value, place)
        {
            let right = format!("must be unique; the other is at {other}");
            reader.wrong_at(place, "endpoint.name", format!("two are called \"{value}\""), right);
        }
        if let Some(At { value, place }) = &iaid.right
            && let Some(other) = iaids.insert(value, place)
        {
            let right = format!("must be unique, or servers take them for one; the other is at {other}");
            reader.wrong_at(place, "endpoint.iaid", format!("two have {value}"), right);
        }
    }
    if found.is_empty() { vec![link] } else { found.into_iter().map(Draft::finish).collect() }
}

const A_NAME: &str = "must be 1 to 32 letters, digits, hyphens and underscores";

struct Draft {
    place: Place,
    name: Said<String>,
    iaid: Said<Iaid>,
    rest: EndpointConfig,
}

impl Draft {
    fn read(table: &mut Reader<'_>, link: &EndpointConfig) -> Self {
        let mut rest = link.clone();
        let mut name = Said::default();
        table.parsed("name", &mut name, A_NAME, |text| is_name(text).then(|| text.to_owned()));
        let mut iaid = Said::default();
        let right = "must be 8 hexadecimal digits such as \"0badcafe\"";
        table.parsed("iaid", &mut iaid, right, |text| {
            Some(Iaid(u32::from_be_bytes(hex_decode(text)?.try_into().ok()?)))
        });
        target(table, &mut rest.target);
        routes(table, &mut rest.metric, &mut rest.table);
        Self { place: table.place().clone(), name, iaid, rest }
    }

    fn finish(self) -> EndpointConfig {
        EndpointConfig {
            name: self.name.right.map(|at| at.value).unwrap_or_default(),
            iaid: self.iaid.right.map(|at| at.value),
            ..self.rest
        }
    }
}

/// What can be part of a file's name.
fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
}
