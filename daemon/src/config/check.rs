//! From what is written to what is meant, with every mistake on the way.

use super::link::{self, Common};
use super::mistakes::{Mistake, Mistakes, Place};
use super::raw::Layer;
use super::reader::{Reader, shown};
use super::{Config, DuidKind, LinkConfig, TargetConfig, exclusion, lcra, provider};
use config::{Map, Value, ValueKind};
use dhcp4o6_protocol::ids::{Duid, hex_decode};
use std::collections::BTreeMap;

/// Most links.
const MAX_LINKS: usize = 4096;

/// Checks each layer, lays them over each other and checks what came of it.
pub(super) fn whole(layers: Vec<Layer>, mistakes: &mut Mistakes) -> Config {
    let mut written: Vec<(Vec<Value>, Mistakes)> = Vec::new();
    let mut lcras = lcra::Drafts::default();
    let mut provider = provider::Draft::default();
    for layer in &layers {
        // A value is checked even when a later layer overrides it.
        let mut found = Mistakes::default();
        let mut reader = Reader::new(String::new(), layer.place.clone(), &layer.table, &mut found);
        globals(&mut reader);
        let links = links(&mut reader);
        reader.tables("lcra", |table| lcras.read(table));
        provider.read(&mut reader);
        reader.finish();
        written.push((links, found));
    }
    let merged = merge(&layers, mistakes);
    // Every mistake in it was found above, where its place is known.
    let mut seen = Mistakes::default();
    let (mut config, defaults) =
        globals(&mut Reader::new(String::new(), Place::default(), &merged, &mut seen));
    for (links, found) in &mut written {
        config.links.extend(links.iter().filter_map(|value| link::read(value, &defaults, found)));
    }
    let mut across = Mistakes::default();
    exclusion::check(&config.links, &lcras.claims(), &provider.claims(), &mut across);
    config.lcras = lcras.finish(&mut across);
    let provider::Roles { server, relays, tras } = provider.finish(&mut across);
    (config.server, config.relays, config.tras) = (server, relays, tras);
    if layers.iter().any(|layer| !layer.broken_lines.is_empty()) {
        across.forgive_missing();
    }
    for (layer, (_, mut found)) in layers.iter().zip(written) {
        found.append(across.take_of(&layer.place.source));
        mistakes.append(sorted(layer, found));
    }
    mistakes.append(across);
    if config.links.len() > MAX_LINKS {
        let wrong = format!("{} links", config.links.len());
        let right = format!("must be at most {MAX_LINKS}");
        let place = layers.first().map(|layer| layer.place.clone()).unwrap_or_default();
        mistakes.push(Mistake { place, key: "link".to_owned(), wrong, right });
    }
    clashes(&config, mistakes);
    config
}

/// See [`LinkConfig::from_toml`].
pub(super) fn one_link(text: &str) -> Result<LinkConfig, Mistakes> {
    let source = "the given link";
    let layer = Layer::parse(source, text);
    let mut found = Mistakes::default();
    let values = if layer.table.contains_key("link") {
        let mut reader = Reader::new(String::new(), layer.place.clone(), &layer.table, &mut found);
        let links = links(&mut reader);
        reader.finish();
        links
    } else {
        vec![Value::new(Some(&source.to_owned()), ValueKind::Table(layer.table.clone()))]
    };
    let mut read: Vec<_> =
        values.iter().filter_map(|value| link::read(value, &Common::default(), &mut found)).collect();
    if values.len() != 1 && found.is_empty() {
        found.at(layer.place.clone(), format!("has {} links; must be exactly one", values.len()));
    }
    let mistakes = sorted(&layer, found);
    match read.pop() {
        Some(link) if mistakes.is_empty() => Ok(link),
        _ => Err(mistakes),
    }
}

/// All mistakes of a layer: those of its syntax and those `found` in what it says.
fn sorted(layer: &Layer, mut found: Mistakes) -> Mistakes {
    found.forgive(&layer.broken_lines);
    let mut mistakes = layer.mistakes.clone();
    mistakes.append(found);
    mistakes.in_order()
}

/// What is not about single links, and the defaults of all links.
fn globals(reader: &mut Reader<'_>) -> (Config, Common) {
    use tracing::Level;
    let mut config = Config::default();
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
        ("trace", Level::TRACE),
    ];
    reader.word("log", &mut config.log, &levels, &[]);
    duid(reader, &mut config.duid);
    let mut defaults = Common::default();
    reader.table("defaults", |table| link::common(table, &mut defaults));
    (config, defaults)
}

fn duid(reader: &mut Reader<'_>, out: &mut DuidKind) {
    if !matches!(reader.value("duid").map(|value| &value.kind), Some(ValueKind::Table(_))) {
        let kinds = [("llt", DuidKind::LinkLayerTime), ("ll", DuidKind::LinkLayer), ("uuid", DuidKind::Uuid)];
        return reader.word("duid", out, &kinds, &[]);
    }
    reader.table("duid", |table| {
        let mut enterprise = 0_u32;
        table.number("enterprise", &mut enterprise, 1..=i64::from(u32::MAX));
        let identifier = table.text("identifier", 1024);
        if table.value("enterprise").is_none() || table.value("identifier").is_none() {
            let right = "must have both \"enterprise\" and \"identifier\"";
            return table.wrong("identifier", None, "a DUID-EN is not complete", right);
        }
        let Some(identifier) = identifier else { return };
        let octets = hex_decode(identifier)
            .filter(|octets| !octets.is_empty())
            .map(|octets| [&[0, 2], enterprise.to_be_bytes().as_slice(), &octets].concat());
        match octets.and_then(|octets| Duid::new(octets).ok()) {
            Some(whole) => *out = DuidKind::Enterprise(whole),
            None => {
                table.wrong(
                    "identifier",
                    None,
                    "cannot be read",
                    "must be 1 to 124 octets in hexadecimal digits",
                );
            }
        }
    });
}

/// The tables under `link`.
fn links(reader: &mut Reader<'_>) -> Vec<Value> {
    match reader.value("link").map(|value| (value, &value.kind)) {
        None => Vec::new(),
        Some((_, ValueKind::Array(list))) => list.clone(),
        Some((value, _)) => {
            let right = "must be a list of tables, each begun with [[link]]";
            reader.wrong("link", None, shown(value), right);
            Vec::new()
        }
    }
}

/// All layers in one table, without the links: those add up.
fn merge(layers: &[Layer], mistakes: &mut Mistakes) -> Map<String, Value> {
    let mut builder = config::Config::builder();
    for layer in layers {
        let mut layer = layer.clone();
        // `config` takes the keys of a root table for paths, and `a[999999999]` for an order to make so long a list.
        layer.table.retain(|key, _| ["log", "duid", "defaults"].contains(&key.as_str()));
        builder = builder.add_source(layer);
    }
    match builder.build() {
        Ok(merged) => match merged.cache.kind {
            ValueKind::Table(table) => table,
            _ => Map::new(),
        },
        Err(error) => {
            mistakes.at(Place::whole("configuration"), format!("could not be put together: {error}"));
            Map::new()
        }
    }
}

/// Links that want the same thing.
fn clashes(config: &Config, mistakes: &mut Mistakes) {
    let mut matched = BTreeMap::new();
    let mut targets = BTreeMap::new();
    for link in &config.links {
        let first = matched.entry((&link.namespace, &link.matches)).or_insert(link);
        if !std::ptr::eq(*first, link) {
            let wrong = format!("\"{}\" in {} is matched twice", link.matches, place_name(&link.namespace));
            mistakes.push(clash(link, "link.match", wrong, first));
        }
        for endpoint in &link.endpoints {
            if !matches!(endpoint.target, TargetConfig::Interface { .. }) {
                continue;
            }
            let first = targets.entry(&endpoint.target).or_insert(link);
            if !std::ptr::eq(*first, link) {
                mistakes.push(clash(link, "link.target", "two links have the same target".to_owned(), first));
            }
        }
    }
}

fn clash(link: &LinkConfig, key: &str, wrong: String, first: &LinkConfig) -> Mistake {
    let right = format!("the other is at {}", first.where_from);
    Mistake { place: Place::from_text(&link.where_from), key: key.to_owned(), wrong, right }
}

fn place_name(namespace: &Option<String>) -> String {
    match namespace {
        Some(name) => format!("namespace \"{name}\""),
        None => "the service's own namespace".to_owned(),
    }
}
