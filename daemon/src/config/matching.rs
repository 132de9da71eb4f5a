//! Which interfaces an entry is for.

use dhcp4o6_protocol::ids::hex_decode;
use std::fmt;

/// Which interfaces of a namespace an entry is for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Match {
    /// The one with this permanent hardware address: 6 to 20 octets.
    PermanentMac(Vec<u8>),
    /// The one with this name or alternative name.
    Name(String),
    /// Those whose name or an alternative name fits this pattern: `*`, `?`, `[abc]`, `[a-z]`, `[!a]`.
    Glob(String),
}

impl Match {
    /// Reads what is written in `match`. A colon, which no interface name has, makes it a MAC.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(':') {
            let octets = hex_decode(text).filter(|octets| (6..=20).contains(&octets.len()));
            let separated = text.split(':').all(|part| part.len() == 2);
            return octets.filter(|_| separated).map(Self::PermanentMac).ok_or("is not a hardware address");
        }
        if !is_interface_name(text) {
            return Err("cannot be the name of an interface");
        }
        if !is_pattern(text) {
            return Ok(Self::Name(text.to_owned()));
        }
        if Pattern(text).is_well_formed() {
            Ok(Self::Glob(text.to_owned()))
        } else {
            Err("has a '[' without a ']' or without anything between")
        }
    }

    /// True for an interface with these names and this permanent address (empty when it has none).
    pub fn covers<'a>(&self, mut names: impl Iterator<Item = &'a str>, mac: &[u8]) -> bool {
        match self {
            Self::PermanentMac(octets) => octets == mac,
            Self::Name(name) => names.any(|candidate| candidate == name),
            Self::Glob(pattern) => names.any(|candidate| Pattern(pattern).fits(candidate)),
        }
    }

    /// The more exact an entry, the smaller.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::PermanentMac(_) => 0,
            Self::Name(_) => 1,
            Self::Glob(_) => 2,
        }
    }
}

/// As it is written in `match`.
impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(text) | Self::Glob(text) => f.write_str(text),
            Self::PermanentMac(octets) => {
                for (index, octet) in octets.iter().enumerate() {
                    let colon = if index > 0 { ":" } else { "" };
                    write!(f, "{colon}{octet:02x}")?;
                }
                Ok(())
            }
        }
    }
}

/// What the kernel takes as a name or alternative name: 1 to 127 octets, without `/`, `:` and white space.
pub(super) fn is_interface_name(text: &str) -> bool {
    (1..=127).contains(&text.len())
        && !matches!(text, "." | "..")
        && !text.bytes().any(|octet| matches!(octet, 0 | b'/' | b':' | b' ' | 0x09..=0x0d | 0xa0))
}

/// True if [`Match::parse`] takes it for more than one name.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The name of a file in /run/netns, so of a namespace.
pub(super) fn is_namespace_name(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && !matches!(text, "." | "..")
        && !text.bytes().any(|octet| octet == b'/' || octet.is_ascii_control())
}

/// A shell pattern.
struct Pattern<'a>(&'a str);

/// One step of a pattern.
enum Step {
    Any,
    One(char),
    Set { negated: bool, ranges: Vec<(char, char)> },
    Star,
}

impl Step {
    fn fits(&self, found: char) -> bool {
        match self {
            Self::Any | Self::Star => true,
            Self::One(wanted) => *wanted == found,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&found)) != *negated
            }
        }
    }
}

impl Pattern<'_> {
    fn is_well_formed(&self) -> bool {
        self.steps().is_some()
    }

    /// `None` when a set does not end or is empty.
    fn steps(&self) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        let mut rest = self.0.chars();
        while let Some(next) = rest.next() {
            steps.push(match next {
                '*' => Step::Star,
                '?' => Step::Any,
                '[' => {
                    let (inside, after) = set(rest.as_str())?;
                    rest = after.chars();
                    inside
                }
                other => Step::One(other),
            });
        }
        Some(steps)
    }

    /// Linear in pattern times name: after a mismatch only the last star is tried again.
    fn fits(&self, name: &str) -> bool {
        let (Some(steps), name) = (self.steps(), name.chars().collect::<Vec<_>>()) else { return false };
        let (mut at, mut step) = (0, 0);
        let mut last_star = None;
        while let Some(found) = name.get(at) {
            match steps.get(step) {
                Some(Step::Star) => {
                    last_star = Some((step, at));
                    step += 1;
                }
                Some(wanted) if wanted.fits(*found) => {
                    step += 1;
                    at += 1;
                }
                _ => {
                    let Some((star, taken)) = last_star else { return false };
                    last_star = Some((star, taken + 1));
                    step = star + 1;
                    at = taken + 1;
                }
            }
        }
        steps.iter().skip(step).all(|step| matches!(step, Step::Star))
    }
}

/// Reads a set behind its `[` and returns what follows its `]`, which may also be its first member.
fn set(text: &str) -> Option<(Step, &str)> {
    let (negated, text) = match text.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let end = text.char_indices().skip(1).find(|(_, found)| *found == ']')?.0;
    let (inside, rest) = text.split_at_checked(end)?;
    let mut ranges = Vec::new();
    let mut members = inside.chars().peekable();
    while let Some(low) = members.next() {
        let mut ahead = members.clone();
        if let (Some('-'), Some(high)) = (ahead.next(), ahead.next()) {
            ranges.push((low, high));
            members = ahead;
        } else {
            ranges.push((low, low));
        }
    }
    Some((Step::Set { negated, ranges }, rest.strip_prefix(']')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(pattern: &str, name: &str) -> bool {
        Match::parse(pattern).unwrap().covers([name].into_iter(), &[])
    }

    #[test]
    fn globs_match_whole_names() {
        assert!(fits("wan*", "wan") && fits("wan*", "wan0.7") && fits("*", "x"));
        assert!(fits("w?n", "wan") && !fits("w?n", "wn") && !fits("w?n", "wann"));
        assert!(fits("*n*0", "wan10") && !fits("*n*0", "wan1"));
        assert!(fits("wan[0-3]", "wan2") && !fits("wan[0-3]", "wan4") && fits("wan[!0-3]", "wan4"));
        assert!(fits("a[]x]", "a]") && fits("a[x-]", "a-"));
        assert!(!fits("wan0", "wan01") && fits("eth;0", "eth;0"));
    }

    #[test]
    fn a_hostile_glob_takes_no_exponential_time() {
        let pattern = "*a".repeat(60);
        assert!(!fits(&pattern, &"a".repeat(59)));
        assert!(fits(&pattern, &"a".repeat(127)));
    }

    #[test]
    fn a_colon_makes_it_a_hardware_address() {
        let mac = Match::parse("02:00:5E:10:00:01").unwrap();
        assert_eq!(mac, Match::PermanentMac(vec![2, 0, 0x5e, 0x10, 0, 1]));
        assert_eq!(mac.to_string(), "02:00:5e:10:00:01");
        assert!(mac.covers([].into_iter(), &[2, 0, 0x5e, 0x10, 0, 1]));
        assert!(!mac.covers(["02:00:5e:10:00:01"].into_iter(), &[]));
        for bad in ["02:00:5e:10:00", "0200:5e10:0001", "02:00:5e:10:00:0g", ":", "wan:0"] {
            assert_eq!(Match::parse(bad), Err("is not a hardware address"), "{bad}");
        }
    }

    #[test]
    fn names_that_the_kernel_refuses_are_refused() {
        for bad in ["", ".", "..", "a/b", "a b", "a\tb", &"x".repeat(128)] {
            assert!(Match::parse(bad).is_err(), "{bad}");
        }
        for bad in ["wan[", "wan[]", "wan[!]", "w[a"] {
            assert!(Match::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_text_panics_as_a_pattern() {
        proptest::proptest!(|(pattern in "[a\\[\\]!*?é-]{0,12}", name in "[aé\\]-]{0,12}")| {
            if let Ok(matches) = Match::parse(&pattern) {
                let _ = matches.covers([name.as_str()].into_iter(), &[]);
            }
        });
    }
}
