//! Who we are: the key under which a link is remembered, its IAID, our DUID, and chance.

use crate::clock;
use crate::config::DuidKind;
use crate::store::{Identity, LinkKey};
use dhcp4o6_netlink::message::KernelLink;
use dhcp4o6_protocol::ids::{Duid, HardwareAddress, Iaid};
use std::io::{self, Read as _};

/// Seconds from 1970 to 2000, where DUID-LLT begins (RFC 8415 §11.2).
const YEAR_2000: i64 = 946_684_800;

/// Under what a link is remembered.
///
/// A permanent hardware address tells it for ever. Software devices have none of their own: a VLAN has its parent's,
/// a veth a new one whenever it is made.
pub fn key(namespace: &Option<String>, link: &KernelLink) -> LinkKey {
    let of_its_own = link.kind.is_none() && !link.permanent.octets.is_empty();
    let identity = if of_its_own {
        Identity::PermanentMac(link.permanent.octets.clone())
    } else {
        Identity::Name(link.name.clone())
    };
    LinkKey { namespace: namespace.clone(), identity }
}

/// An IAID for a link that is not remembered: always the same one, so that a lost state directory does not make the
/// link look like another (RFC 8415 §12). `taken` are the IAIDs of other links, which have the same DUID.
pub fn iaid(key: &LinkKey, taken: impl Fn(Iaid) -> bool) -> Iaid {
    let namespace = key.namespace.as_deref().unwrap_or_default().as_bytes();
    let (kind, identity) = match &key.identity {
        Identity::PermanentMac(octets) => (&[0, 1], octets.as_slice()),
        Identity::Name(name) => (&[0, 2], name.as_bytes()),
    };
    // FNV-1a.
    let octets = namespace.iter().chain(kind).chain(identity);
    let hash =
        octets.fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193));
    let mut iaid = Iaid(hash);
    while taken(iaid) {
        iaid = Iaid(iaid.0.wrapping_add(1));
    }
    iaid
}

/// The hardware address that this host has on the TAP device of a link: locally administered, and always the same one, so
/// that a DHCPv4 client there is the same client after the device was made again.
pub fn tap_address(duid: &Duid, iaid: Iaid) -> [u8; 6] {
    let octets = duid.as_bytes().iter().copied().chain(iaid.0.to_be_bytes()).chain(*b"tap");
    // FNV-1a, 64 bits.
    let hash = octets.fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    });
    let [a, b, c, d, e, f, ..] = hash.to_be_bytes();
    // Unicast, locally administered.
    [a & 0xfc | 0x02, b, c, d, e, f]
}

/// A new DUID as configured. `hardware` is the address of the first link that needs one; where it has none, the DUID
/// is made of chance.
///
/// # Errors
/// When there is no source of chance and it is needed.
pub fn duid(kind: &DuidKind, hardware: &HardwareAddress) -> io::Result<Duid> {
    let of_hardware = match kind {
        DuidKind::Enterprise(duid) => return Ok(duid.clone()),
        DuidKind::LinkLayerTime => {
            let seconds = wall_clock_secs().saturating_sub(YEAR_2000).rem_euclid(1 << 32);
            Duid::link_layer_time(hardware.kind, u32::try_from(seconds).unwrap_or(0), &hardware.octets).ok()
        }
        DuidKind::LinkLayer => Duid::link_layer(hardware.kind, &hardware.octets).ok(),
        DuidKind::Uuid => None,
    };
    of_hardware.map_or_else(random_uuid, Ok)
}

fn random_uuid() -> io::Result<Duid> {
    let mut uuid = [0; 16];
    let chance = seed()?;
    uuid.copy_from_slice(&chance[..16]);
    // Version 4, variant 1 (RFC 9562 §5.4).
    uuid[6] = uuid[6] & 0x0f | 0x40;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    Ok(Duid::uuid(uuid))
}

fn wall_clock_secs() -> i64 {
    let boot = i64::try_from(clock::now().as_micros()).unwrap_or(0);
    clock::wall_minus_boot_micros().saturating_add(boot) / 1_000_000
}

/// Random octets of the kernel.
///
/// # Errors
/// When there is no /dev/urandom.
pub fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_of(namespace: Option<&str>, name: &str) -> LinkKey {
        LinkKey { namespace: namespace.map(str::to_owned), identity: Identity::Name(name.to_owned()) }
    }

    #[test]
    fn an_iaid_is_the_same_at_every_start_c6_21() {
        let iaid = |namespace, name| iaid(&key_of(namespace, name), |_| false);
        assert_eq!(iaid(None, "wan0"), iaid(None, "wan0"));
        assert_ne!(iaid(None, "wan0"), iaid(None, "wan1"));
        assert_ne!(iaid(None, "wan0"), iaid(Some("isp"), "wan0"));
    }

    #[test]
    fn no_two_links_share_an_iaid() {
        let first = iaid(&key_of(None, "wan0"), |_| false);
        assert_eq!(iaid(&key_of(None, "wan0"), |taken| taken == first), Iaid(first.0.wrapping_add(1)));
    }

    #[test]
    fn only_hardware_is_remembered_by_its_address() {
        let mac = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 1]);
        let mut link = KernelLink { name: "wan0".into(), permanent: mac.clone(), ..KernelLink::default() };
        assert_eq!(key(&None, &link).identity, Identity::PermanentMac(mac.octets));
        link.kind = Some("vlan".into());
        assert_eq!(key(&None, &link).identity, Identity::Name("wan0".into()));
        let ppp = KernelLink { name: "ppp0".into(), ..KernelLink::default() };
        assert_eq!(key(&None, &ppp).identity, Identity::Name("ppp0".into()));
    }

    #[test]
    fn the_address_on_the_tap_device_is_the_links_own_and_stays() {
        let duid = Duid::uuid([7; 16]);
        let first = tap_address(&duid, Iaid(1));
        assert_eq!(first, tap_address(&duid, Iaid(1)));
        assert_eq!(first[0] & 0x03, 0x02);
        assert_ne!(first, tap_address(&duid, Iaid(2)));
        assert_ne!(first, tap_address(&Duid::uuid([8; 16]), Iaid(1)));
    }

    #[test]
    fn a_duid_is_made_as_configured() {
        let mac = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 1]);
        let of = |kind, hardware: &HardwareAddress| duid(&kind, hardware).unwrap().as_bytes().to_vec();
        let timed = of(DuidKind::LinkLayerTime, &mac);
        assert_eq!((timed.len(), &timed[..4], &timed[8..]), (14, &[0, 1, 0, 1][..], &mac.octets[..]));
        assert_eq!(of(DuidKind::LinkLayer, &mac), [&[0, 3, 0, 1][..], &mac.octets].concat());
        let uuid = of(DuidKind::Uuid, &mac);
        assert_eq!((uuid.len(), &uuid[..2], uuid[8] >> 4), (18, &[0, 4][..], 4));
        assert_eq!(of(DuidKind::LinkLayer, &HardwareAddress::default())[..2], [0, 4]);
    }
}
