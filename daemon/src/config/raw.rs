//! What is written, source by source, before anything is made of it. Each value carries the place it was written at,
//! and keeps its type: `config` alone would take `"10"` for a number and could not say on which line it is.

use super::mistakes::{Mistakes, Place, Shown};
use config::{Map, Source, Value, ValueKind};
use std::ffi::OsString;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Longest file and longest variable.
const MAX_OCTETS: usize = 1 << 20;
/// Deepest nesting of tables and lists.
const MAX_DEPTH: usize = 16;
/// Most drop-ins.
const MAX_DROP_INS: usize = 1024;
/// What the variables of the environment begin with.
const PREFIX: &str = "DHCP4O6_";

/// What one file or one variable says: a layer of the configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct Layer {
    /// Where it begins.
    pub(super) place: Place,
    /// Its root table. Places are the values' origins.
    pub(super) table: Map<String, Value>,
    /// Lines that are not TOML. What was made out of them says nothing about the operator's intent.
    pub(super) broken_lines: Vec<usize>,
    /// What is wrong with it as text.
    pub(super) mistakes: Mistakes,
}

impl Layer {
    /// Reads TOML, as much of it as can be read.
    pub(super) fn parse(source: &str, text: &str) -> Self {
        let reading = Reading::new(source, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut mistakes = Mistakes::default();
        let mut broken_lines = Vec::new();
        let mut errors: Vec<_> =
            errors.iter().map(|error| (error.span().map_or(0, |span| span.start), error.message())).collect();
        errors.sort_unstable();
        for (offset, message) in errors {
            let place = reading.place(offset);
            // One wrong character often gives several errors; the first of a line is the cause.
            if broken_lines.last() != Some(&place.line) {
                broken_lines.push(place.line);
                mistakes.at(place, format!("this is not TOML: {}", Shown(message)));
            }
        }
        let table = reading.table(root.get_ref(), 0, &mut mistakes);
        Self { place: Place::whole(source), table, broken_lines, mistakes }
    }
}

/// The merging is that of `config`: tables key by key, everything else as a whole.
impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, config::ConfigError> {
        Ok(self.table.clone())
    }
}

/// The main file and its drop-ins, in the order in which they override.
pub(super) fn files(path: &Path, mistakes: &mut Mistakes) -> Vec<Layer> {
    let directory = path.parent().unwrap_or(Path::new("")).join("conf.d");
    let mut paths = vec![path.to_owned()];
    match drop_ins(&directory) {
        Ok(found) if found.len() > MAX_DROP_INS => {
            mistakes
                .at(Place::whole(directory.to_string_lossy()), format!("more than {MAX_DROP_INS} drop-ins"));
        }
        Ok(found) => paths.extend(found),
        Err(error) => {
            mistakes.at(Place::whole(directory.to_string_lossy()), format!("cannot be read: {error}"))
        }
    }
    paths.iter().filter_map(|path| file(path, mistakes)).collect()
}

/// The files `*.toml` of a directory, in the order of their names' octets. None when there is no such directory.
fn drop_ins(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    // Editors keep their own files beside ours; those begin with a dot or do not end in `.toml`.
    paths.retain(|path| {
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        !hidden && path.extension().is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    Ok(paths)
}

fn file(path: &Path, mistakes: &mut Mistakes) -> Option<Layer> {
    let source = path.to_string_lossy();
    let octets = match read(path) {
        Ok(octets) => octets,
        Err(error) => {
            mistakes.at(Place::whole(source), format!("cannot be read: {error}"));
            return None;
        }
    };
    if octets.len() > MAX_OCTETS {
        mistakes.at(Place::whole(source), "is longer than 1 MiB");
        return None;
    }
    match std::str::from_utf8(&octets) {
        Ok(text) => Some(Layer::parse(&source, text)),
        Err(error) => {
            let sound = octets.get(..error.valid_up_to()).unwrap_or_default();
            let sound = String::from_utf8_lossy(sound);
            mistakes.at(Reading::new(&source, &sound).place(sound.len()), "this is not UTF-8");
            None
        }
    }
}

/// At most one octet more than is allowed.
fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe would keep the service waiting for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut octets = Vec::new();
    std::fs::File::open(path)?.take(MAX_OCTETS as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// A layer for each variable `DHCP4O6_*`, in the order of their names.
///
/// `__` goes one table down and `_` stands for `-`: `DHCP4O6_DEFAULTS__ON_WITHDRAW=drop`. The value is TOML; what is
/// not TOML is text, so that plain words need no quotes.
pub(super) fn environment(
    variables: impl Iterator<Item = (OsString, OsString)>,
    mistakes: &mut Mistakes,
) -> Vec<Layer> {
    let mut ours: Vec<_> =
        variables.filter(|(name, _)| name.as_encoded_bytes().starts_with(PREFIX.as_bytes())).collect();
    ours.sort();
    ours.into_iter().filter_map(|(name, value)| variable(&name, value, mistakes)).collect()
}

fn variable(name: &OsString, value: OsString, mistakes: &mut Mistakes) -> Option<Layer> {
    let shown = name.to_string_lossy();
    let source = format!("environment variable {shown}");
    let value = value.into_string().ok().filter(|value| value.len() <= MAX_OCTETS);
    let (Some(value), Some(path)) = (value, shown.strip_prefix(PREFIX)) else {
        mistakes.at(Place::whole(source), "is not UTF-8 or is longer than 1 MiB");
        return None;
    };
    let keys: Vec<_> = path.split("__").map(|key| key.to_lowercase().replace('_', "-")).collect();
    if keys.len() > MAX_DEPTH {
        mistakes.at(Place::whole(source), format!("goes deeper than {MAX_DEPTH} tables"));
        return None;
    }
    let reading = Reading { source: &source, line_starts: Vec::new() };
    let value = match DeValue::parse(&value) {
        Ok(parsed) => reading.value(&parsed, 0..0, keys.len(), mistakes),
        Err(_) => Value::new(Some(&source), ValueKind::String(value)),
    };
    let (first, inner) = keys.split_first()?;
    let value = inner.iter().rfold(value, |value, key| {
        Value::new(Some(&source), ValueKind::Table(Map::from([(key.clone(), value)])))
    });
    let table = Map::from([(first.clone(), value)]);
    Some(Layer { place: Place::whole(source), table, ..Layer::default() })
}

/// Turns what `toml` read into values that know their place.
struct Reading<'a> {
    source: &'a str,
    /// Offsets at which lines begin; empty for sources without lines.
    line_starts: Vec<usize>,
}

impl<'a> Reading<'a> {
    fn new(source: &'a str, text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { source, line_starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line.checked_sub(1).and_then(|index| self.line_starts.get(index)).unwrap_or(&0);
        Place { source: self.source.to_owned(), line, column: offset.saturating_sub(*start) + 1 }
    }

    /// `depth` counts the tables and lists around it. A value of a table counts as written where its key is.
    fn table(&self, table: &DeTable<'_>, depth: usize, mistakes: &mut Mistakes) -> Map<String, Value> {
        let entries = table.iter().map(|(key, value)| {
            // Heads like `[link.accept]` give their own place, ordinary values that of their key.
            (key.get_ref().to_string(), self.value(value, key.span(), depth, mistakes))
        });
        entries.collect()
    }

    fn value(
        &self,
        value: &Spanned<DeValue<'_>>,
        written: Range<usize>,
        depth: usize,
        mistakes: &mut Mistakes,
    ) -> Value {
        let place = self.place(written.start);
        let origin = place.to_string();
        let nested = matches!(value.get_ref(), DeValue::Array(_) | DeValue::Table(_));
        if nested && depth >= MAX_DEPTH {
            mistakes.at(place, format!("is nested deeper than {MAX_DEPTH} levels"));
            return Value::new(Some(&origin), ValueKind::Nil);
        }
        let kind = match value.get_ref() {
            DeValue::String(text) => ValueKind::String(text.to_string()),
            DeValue::Boolean(truth) => ValueKind::Boolean(*truth),
            DeValue::Integer(integer) => match i128::from_str_radix(integer.as_str(), integer.radix()) {
                Ok(number) => i64::try_from(number).map_or(ValueKind::I128(number), ValueKind::I64),
                // Out of every range, like any number of more than 64 bits.
                Err(_) => ValueKind::I128(i128::MAX),
            },
            DeValue::Float(float) => ValueKind::Float(float.as_str().parse().unwrap_or(f64::NAN)),
            // No key takes a date, and `config` has none.
            DeValue::Datetime(_) => ValueKind::Nil,
            DeValue::Array(list) => ValueKind::Array(
                list.iter().map(|item| self.value(item, item.span(), depth + 1, mistakes)).collect(),
            ),
            DeValue::Table(table) => ValueKind::Table(self.table(table, depth + 1, mistakes)),
        };
        Value::new(Some(&origin), kind)
    }
}
