//! The TAP device of a link's client relay agent: how it is called, found again and told from those of others.
//!
//! It stays when the process ends, so that a client on it does not notice a restart. What says that it is ours, and
//! whose, is its alias, which is there before it is made to stay: a device without it is never ours.

use crate::decode::decode;
use crate::message::{Event, KernelLink};
use crate::netns::Netns;
use crate::request::{Dress, add_alternative_name, dress_link, get_link_named};
use crate::socket::Requests;
use crate::tap::Tap;
use dhcp4o6_protocol::machine::OpenError;
use nix::errno::Errno;
use std::fs::File;
use std::io;
use tracing::debug;

/// In front of the link's name.
const PREFIX: &str = "hcra-";
/// In front of the link's name, in the alias.
const MARK: &str = "dhcp4o6 hcra ";
/// Octets that the kernel takes as the name of a device.
const LONGEST: usize = libc::IFNAMSIZ - 1;
/// Octets of a long name that stay, and characters that stand for the whole of it.
const HEAD: usize = 4;
const TAIL: usize = LONGEST - PREFIX.len() - HEAD;

/// What fits into the smallest MTU of IPv6 (1280) with the headers of IPv6 and UDP (48) is what a relayed message may
/// have; with those of IPv4 and UDP (28) it is the MTU. IPv6 itself does not run on a device with so little, so nothing of
/// it is ever sent there.
const MTU: u32 = 1280 - 48 + 28;

/// The name of the TAP device of a link: `hcra-` and the link's name. Of a name with more than ten octets, the first four
/// and six letters or digits that stand for the whole.
pub fn name(link: &str) -> String {
    if link.len() <= HEAD + TAIL {
        return format!("{PREFIX}{link}");
    }
    let head = (0..=HEAD).rev().find_map(|end| link.get(..end)).unwrap_or_default();
    // FNV-1a, 64 bits.
    let hash = link.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    // What the last octets change spreads to all bits.
    let hash = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let digits = b"0123456789abcdefghjkmnpqrstvwxyz";
    let tail = (0..TAIL).map(|place| {
        let digit = usize::try_from(hash >> (59 - 5 * place) & 31).unwrap_or_default();
        char::from(digits.get(digit).copied().unwrap_or(b'0'))
    });
    format!("{PREFIX}{head}{}", tail.collect::<String>())
}

/// The link that a device with this alias is for; `None` if it is not ours.
pub fn marked(alias: &str) -> Option<&str> {
    alias.trim_end_matches('\0').strip_prefix(MARK)
}

/// Opens the TAP device of a link in the link's namespace, without carrier: the one that an earlier process left, or a new
/// one, which is then up. `hardware` is the address that the host has on it.
///
/// # Errors
/// [`OpenError::InUse`] when there is a device of that name that is not this link's, or another process has it open.
pub async fn open(netns: &Netns, link: &str, hardware: [u8; 6]) -> Result<Tap, OpenError> {
    open_device(netns, link, hardware).await.map_err(|error| why(&error))
}

async fn open_device(netns: &Netns, link: &str, hardware: [u8; 6]) -> io::Result<Tap> {
    let name = name(link);
    let mut requests = Requests::open(netns)?;
    let known = find(&mut requests, &name).await?;
    if known.as_ref().is_some_and(|known| !is_of(known, link)) {
        return Err(Errno::EBUSY.into());
    }
    let file = attach(netns, &name, known.is_none())?;
    let found = find(&mut requests, &name).await?.ok_or(Errno::ENODEV)?;
    match known {
        None => {
            let alias = format!("{MARK}{link}");
            let dress = Dress { hardware: Some(hardware), mtu: Some(MTU), alias: Some(&alias), up: true };
            tell(&mut requests, dress_link(found.index, dress)).await?;
        }
        // Somebody removed it just then, and this is another.
        Some(known) if known.index != found.index => return Err(Errno::EBUSY.into()),
        // The DUID is another than that of the earlier process.
        Some(known) if known.hardware.octets != hardware => {
            let dress = Dress { hardware: Some(hardware), ..Dress::default() };
            tell(&mut requests, dress_link(found.index, dress)).await?;
        }
        Some(_) => {}
    }
    let full = format!("{PREFIX}{link}");
    if full != name
        && !found.alt_names.contains(&full)
        && let Err(error) = tell(&mut requests, add_alternative_name(found.index, &full)).await
    {
        debug!(name = full, %error, "no alternative name");
    }
    Tap::persist(&file, true)?;
    Tap::watch(file, &name)
}

/// Removes the TAP device that an earlier process left for a link. That there is none, or another's of that name, is
/// success.
///
/// # Errors
/// EBUSY when another process has it open, and what the system says.
pub async fn remove(netns: &Netns, link: &str) -> io::Result<()> {
    let name = name(link);
    let mut requests = Requests::open(netns)?;
    if find(&mut requests, &name).await?.is_some_and(|known| is_of(&known, link)) {
        Tap::persist(&attach(netns, &name, false)?, false)?;
    }
    Ok(())
}

fn is_of(device: &KernelLink, link: &str) -> bool {
    device.tap_of.as_deref() == Some(link)
}

fn attach(netns: &Netns, name: &str, new: bool) -> io::Result<File> {
    let name = name.to_owned();
    netns.run(move || Tap::attach(&name, new))
}

async fn find(requests: &mut Requests, name: &str) -> io::Result<Option<KernelLink>> {
    let mut found = None;
    let asked = requests.ask(get_link_named(name), |message| {
        if let Some(Event::Link(link, _)) = decode(message.message_type(), 0, message.payload()) {
            found = Some(link);
        }
    });
    match asked.await {
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        outcome => outcome.map(|_| found),
    }
}

async fn tell(requests: &mut Requests, request: crate::request::Request) -> io::Result<()> {
    requests.ask(request, |_| {}).await.map(|_| ())
}

/// ENOENT and ENODEV are those of /dev/net/tun: the link is there.
fn why(error: &io::Error) -> OpenError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EBUSY | Errno::EEXIST) => OpenError::InUse,
        Some(Errno::EACCES | Errno::EPERM) => OpenError::NotPermitted,
        Some(other) => OpenError::Other(other as i32),
        None => OpenError::Other(Errno::EINVAL as i32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_short_name_is_kept_whole() {
        assert_eq!(name("wan0"), "hcra-wan0");
        assert_eq!(name("enp0s31f6a"), "hcra-enp0s31f6a");
    }

    #[test]
    fn long_names_that_begin_alike_are_told_apart() {
        let links: Vec<_> = (0..4096).map(|vlan| format!("enp0s31f6.{vlan:04}")).collect();
        let names: BTreeSet<_> = links.iter().map(|link| name(link)).collect();
        assert_eq!(names.len(), links.len());
        assert!(names.iter().all(|name| name.len() == LONGEST && name.starts_with("hcra-enp0")), "{names:?}");
        // It is found again by the next version too.
        assert_eq!(name("enp0s31f6.1000"), "hcra-enp03c5ftw");
    }

    #[test]
    fn a_name_is_not_cut_within_a_character() {
        let name = name("wan\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}");
        assert!(name.starts_with("hcra-wan") && name.is_ascii() && name.len() <= LONGEST, "{name}");
    }

    #[test]
    fn only_our_mark_makes_a_device_ours() {
        assert_eq!(marked("dhcp4o6 hcra wan0\0"), Some("wan0"));
        for foreign in ["", "hcra wan0", "my dhcp4o6 hcra wan0", "dhcp4o6 hcra"] {
            assert_eq!(marked(foreign), None, "{foreign:?}");
        }
    }
}
