//! Octets as people write them.

use std::str::FromStr;

/// Octets from an argument: hexadecimal digits, with or without `:` or `-` between octets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Octets(pub Vec<u8>);

impl FromStr for Octets {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text)
            .filter(|octets| !octets.is_empty())
            .map(Self)
            .ok_or("octets are pairs of hexadecimal digits, such as 02005e100001 or 02:00:5e:10:00:01")
    }
}

/// Octets from an argument that is text, or hexadecimal digits after `hex:`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TextOrOctets(pub Vec<u8>);

impl FromStr for TextOrOctets {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("hex:") {
            Some(digits) => digits.parse().map(|Octets(octets)| Self(octets)),
            None if text.is_empty() => Err("it cannot be empty"),
            None => Ok(Self(text.as_bytes().to_vec())),
        }
    }
}

/// The octets of hexadecimal digits, with or without `:` or `-` between octets; `None` if it is anything else.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b':' | b'-'))
        .map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    odd.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_read_with_and_without_colons() {
        assert_eq!("02:00-5e".parse(), Ok(Octets(vec![2, 0, 0x5e])));
        for wrong in ["", "0", "zz", "0x00"] {
            assert!(wrong.parse::<Octets>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn text_stays_text_unless_it_says_hex() {
        assert_eq!("ge-0/0/1".parse(), Ok(TextOrOctets(b"ge-0/0/1".to_vec())));
        assert_eq!("hex:0001".parse(), Ok(TextOrOctets(vec![0, 1])));
        assert!("hex:1".parse::<TextOrOctets>().is_err());
    }
}
