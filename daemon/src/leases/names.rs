//! Files of leases by their names: `journal-<generation>`, `snapshot-<generation>`, 16 hexadecimal digits.

/// Ends the name of a file that does not count yet.
const UNFINISHED: &str = ".new";
/// Most damaged versions of one file that are kept.
const MAX_BAD: u32 = 9;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum File {
    /// All leases, as they were when the journal of this generation began, or later.
    Snapshot(u64),
    /// A snapshot that is being made, or was when the plug was pulled.
    Unfinished(u64),
    /// What changed from then on.
    Journal(u64),
    /// A journal that counts only when it is complete.
    Draft(u64),
}

impl File {
    /// From its name; `None` if it is none of these.
    pub(super) fn of(name: &str) -> Option<Self> {
        let (kind, number) = name.split_once('-')?;
        let (number, unfinished) = match number.strip_suffix(UNFINISHED) {
            Some(number) => (number, true),
            None => (number, false),
        };
        let digits =
            number.len() == 16 && number.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let generation = u64::from_str_radix(number, 16).ok().filter(|_| digits)?;
        match (kind, unfinished) {
            ("snapshot", false) => Some(Self::Snapshot(generation)),
            ("snapshot", true) => Some(Self::Unfinished(generation)),
            ("journal", false) => Some(Self::Journal(generation)),
            ("journal", true) => Some(Self::Draft(generation)),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> String {
        match self {
            Self::Snapshot(generation) => format!("snapshot-{generation:016x}"),
            Self::Unfinished(generation) => format!("snapshot-{generation:016x}{UNFINISHED}"),
            Self::Journal(generation) => format!("journal-{generation:016x}"),
            Self::Draft(generation) => format!("journal-{generation:016x}{UNFINISHED}"),
        }
    }

    /// Which one it is.
    pub(super) const fn generation(self) -> u64 {
        match self {
            Self::Snapshot(generation)
            | Self::Unfinished(generation)
            | Self::Journal(generation)
            | Self::Draft(generation) => generation,
        }
    }
}

/// The name under which a damaged file is kept for somebody to look at. The last one is used again and again.
pub(super) fn aside(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let numbered = |number| format!("{name}.bad-{number}");
    let free = (1..MAX_BAD).find(|number| !taken(&numbered(*number))).unwrap_or(MAX_BAD);
    numbered(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_others_are_none() {
        for file in [File::Snapshot(0), File::Unfinished(u64::MAX), File::Journal(0x1f), File::Draft(1)] {
            assert_eq!(File::of(&file.name()), Some(file));
        }
        assert_eq!(File::Journal(31).name(), "journal-000000000000001f");
        for name in [
            "lock",
            "journal-1",
            "journal-000000000000001F",
            "journal-+00000000000001f",
            "snapshot-000000000000001f.bad-1",
            "snapshot-000000000000001f.new.new",
            "other-000000000000001f",
        ] {
            assert_eq!(File::of(name), None, "{name}");
        }
    }

    #[test]
    fn damaged_files_are_numbered_up_to_nine() {
        assert_eq!(aside("x", |_| false), "x.bad-1");
        assert_eq!(aside("x", |name| name != "x.bad-4"), "x.bad-4");
        assert_eq!(aside("x", |_| true), "x.bad-9");
    }
}
