//! Shared addresses: which sets of ports there are (RFC 7597 §5.1, RFC 7618).

use super::settings::Sharing;
use crate::binding::PortSet;
use crate::wire::softwire;

impl Sharing {
    /// Sets of an address, given out or not.
    pub(super) fn all(self) -> u32 {
        1_u32.checked_shl(u32::from(self.psid_len)).unwrap_or(u32::MAX)
    }

    /// The first set that is given out: all its ports are at or above the lowest one allowed.
    pub(super) fn first(self) -> u32 {
        let tail = u32::from(16_u8.saturating_sub(self.offset).saturating_sub(self.psid_len));
        // With offset bits the ports whose offset bits are all zero belong to nobody.
        let bottom = match self.offset {
            0 => 0,
            offset => 1_u32.checked_shl(u32::from(16_u8.saturating_sub(offset))).unwrap_or(0),
        };
        let excluded = u32::from(self.lowest_port).saturating_sub(bottom);
        excluded.div_ceil(1_u32.checked_shl(tail).unwrap_or(1)).min(self.all())
    }

    /// Sets of an address that are given out.
    pub(super) fn given(self) -> u32 {
        self.all().saturating_sub(self.first())
    }

    /// The set with this number.
    pub(super) fn set(self, psid: u32) -> Option<PortSet> {
        let psid = u16::try_from(psid).ok()?;
        Some(PortSet { offset: self.offset, psid_len: self.psid_len, psid })
    }

    /// True if the set is one of those that are given out.
    pub(super) fn gives(self, set: PortSet) -> bool {
        (set.offset, set.psid_len) == (self.offset, self.psid_len)
            && (self.first()..self.all()).contains(&u32::from(set.psid))
    }
}

/// The value of option 159 as a set of ports.
pub(super) fn parse(value: &[u8]) -> Option<PortSet> {
    let set = softwire::PortSet::parse(value)?;
    Some(PortSet { offset: set.offset(), psid_len: set.psid_len(), psid: set.psid() })
}

/// The value of option 159 for a set; `None` if there is no such set.
pub(super) fn emit(set: PortSet) -> Option<[u8; 4]> {
    softwire::PortSet::new(set.offset, set.psid_len, set.psid).map(softwire::PortSet::emit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_set_with_a_port_below_the_lowest_is_given_out_s46_49() {
        for (offset, psid_len, lowest_port) in
            [(0, 8, 1024), (0, 8, 1025), (0, 1, 1), (6, 8, 1024), (6, 8, 2000), (4, 12, 0), (0, 16, 1024)]
        {
            let sharing = Sharing { offset, psid_len, lowest_port };
            for psid in 0..sharing.all() {
                let set = sharing.set(psid).unwrap();
                let ports = softwire::PortSet::new(offset, psid_len, set.psid).unwrap();
                let lowest = ports.blocks().flatten().min().unwrap();
                assert_eq!(sharing.gives(set), lowest >= lowest_port, "{sharing:?} {psid} {lowest}");
            }
        }
    }

    #[test]
    fn a_lowest_port_above_all_leaves_nothing() {
        let sharing = Sharing { offset: 0, psid_len: 1, lowest_port: 40_000 };
        assert_eq!(sharing.given(), 0);
    }

    #[test]
    fn the_option_reads_back() {
        let set = PortSet { offset: 0, psid_len: 8, psid: 0x34 };
        assert_eq!(emit(set), Some([0, 8, 0x34, 0]));
        assert_eq!(parse(&[0, 8, 0x34, 0]), Some(set));
        assert_eq!(emit(PortSet { offset: 15, psid_len: 8, psid: 0 }), None);
    }
}
