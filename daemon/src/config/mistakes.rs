//! What is wrong in a configuration, all of it, with the place and what would be right.

use std::fmt;

/// Most mistakes kept; more are only counted.
const MOST: usize = 200;

/// What is wrong with a key that is not there and must be.
pub(super) const MISSING: &str = "is missing";

/// Where something was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// The file, or what it was instead.
    pub source: String,
    /// From 1; 0 when the source has no lines.
    pub line: usize,
    /// From 1, in octets.
    pub column: usize,
}

impl Place {
    /// A source without lines, or one as a whole.
    pub(super) fn whole(source: impl Into<String>) -> Self {
        Self { source: source.into(), line: 0, column: 0 }
    }

    /// The inverse of `Display`: the `config` crate carries places only as text.
    pub(super) fn from_text(text: &str) -> Self {
        let mut parts = text.rsplitn(3, ':');
        let (column, line, source) = (parts.next(), parts.next(), parts.next());
        let number = |part: Option<&str>| part.and_then(|part| part.parse().ok());
        match (source, number(line), number(column)) {
            (Some(source), Some(line), Some(column)) => Self { source: source.to_owned(), line, column },
            _ => Self::whole(text),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}

/// One mistake. Shown as `place: key: what is wrong; what would be right`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where it was written.
    pub place: Place,
    /// Path of the key, such as `link.accept.dns`; empty when it is not about one key.
    pub key: String,
    /// What is wrong.
    pub wrong: String,
    /// What would be right; empty when `wrong` says it.
    pub right: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Shown(&self.place.to_string()))?;
        if !self.key.is_empty() {
            write!(f, "{}: ", Shown(&self.key))?;
        }
        f.write_str(&self.wrong)?;
        if self.right.is_empty() { Ok(()) } else { write!(f, "; {}", self.right) }
    }
}

/// All mistakes of a configuration, in the order of files and lines. Shown one per line.
#[derive(Clone, PartialEq, Eq, Debug, Default, thiserror::Error)]
pub struct Mistakes {
    kept: Vec<Mistake>,
    more: usize,
}

impl Mistakes {
    /// The mistakes: at most 200, then only [`Mistakes::more`] counts.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.kept.iter()
    }

    /// How many there are beyond those kept.
    pub fn more(&self) -> usize {
        self.more
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Adds one, unless it is there: layers are read alone and together.
    pub(super) fn push(&mut self, mistake: Mistake) {
        if self.kept.contains(&mistake) {
            return;
        }
        if self.kept.len() < MOST {
            self.kept.push(mistake);
        } else {
            self.more += 1;
        }
    }

    /// Adds one about a key at a place.
    pub(super) fn key(
        &mut self,
        place: &Place,
        key: impl Into<String>,
        wrong: impl Into<String>,
        right: impl Into<String>,
    ) {
        let (key, wrong, right) = (key.into(), wrong.into(), right.into());
        self.push(Mistake { place: place.clone(), key, wrong, right });
    }

    /// Adds one about a place as a whole.
    pub(super) fn at(&mut self, place: Place, wrong: impl Into<String>) {
        self.push(Mistake { place, key: String::new(), wrong: wrong.into(), right: String::new() });
    }

    /// Forgets those that may only be there because `lines` could not be read: on these lines, and what is missing.
    pub(super) fn forgive(&mut self, lines: &[usize]) {
        if !lines.is_empty() {
            self.kept.retain(|mistake| !lines.contains(&mistake.place.line) && mistake.wrong != MISSING);
        }
    }

    /// Forgets what is missing: when a part cannot be read, it may be there.
    pub(super) fn forgive_missing(&mut self) {
        self.kept.retain(|mistake| mistake.wrong != MISSING);
    }

    /// Takes out those of one source.
    pub(super) fn take_of(&mut self, source: &str) -> Self {
        let (taken, kept) =
            std::mem::take(&mut self.kept).into_iter().partition(|mistake| mistake.place.source == source);
        self.kept = kept;
        Self { kept: taken, more: 0 }
    }

    /// Adds others behind its own.
    pub(super) fn append(&mut self, other: Self) {
        other.kept.into_iter().for_each(|mistake| self.push(mistake));
        self.more += other.more;
    }

    /// Puts those of one source into the order of its lines.
    pub(super) fn in_order(mut self) -> Self {
        self.kept.sort_by_key(|mistake| (mistake.place.line, mistake.place.column));
        self
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.kept.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        if self.more > 0 { write!(f, "\nand {} more", self.more) } else { Ok(()) }
    }
}

/// Text from outside as it may stand in a log line: printable ASCII, the rest as `\xNN`, cut at 200 octets.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.bytes().enumerate() {
            if index == 200 {
                return f.write_str("...");
            }
            match octet {
                b'\\' | b'"' => write!(f, "\\{}", char::from(octet))?,
                b' '..=b'~' => write!(f, "{}", char::from(octet))?,
                _ => write!(f, "\\x{octet:02x}")?,
            }
        }
        Ok(())
    }
}
