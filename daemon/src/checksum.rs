//! CRC-32C (Castagnoli), as iSCSI has it: RFC 7143 §13.1, examples in RFC 3720 §B.4.

/// The checksum of these octets.
pub fn crc32c(octets: &[u8]) -> u32 {
    crc32c_after(0, octets)
}

/// The checksum of octets of which `sum` is the checksum, followed by these.
pub fn crc32c_after(sum: u32, octets: &[u8]) -> u32 {
    let (eights, rest) = octets.as_chunks::<8>();
    let sum = eights.iter().fold(!sum, |sum, [a, b, c, d, e, f, g, h]| {
        let [i, j, k, l] = sum.to_le_bytes();
        of(7, a ^ i)
            ^ of(6, b ^ j)
            ^ of(5, c ^ k)
            ^ of(4, d ^ l)
            ^ of(3, *e)
            ^ of(2, *f)
            ^ of(1, *g)
            ^ of(0, *h)
    });
    !rest.iter().fold(sum, |sum, octet| {
        let [low, ..] = sum.to_le_bytes();
        of(0, low ^ octet) ^ (sum >> 8)
    })
}

/// The effect of an octet with so many octets behind it, up to 7.
fn of(behind: usize, octet: u8) -> u32 {
    TABLES[behind][usize::from(octet)]
}

/// Reflected polynomial 0x82f63b78; eight octets at a time need a table each.
static TABLES: [[u32; 256]; 8] = {
    let mut tables = [[0; 256]; 8];
    let mut octet = 0;
    while octet < 256 {
        let mut sum = octet as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        tables[0][octet] = sum;
        octet += 1;
    }
    let mut behind = 1;
    while behind < 8 {
        octet = 0;
        while octet < 256 {
            let sum = tables[behind - 1][octet];
            tables[behind][octet] = tables[0][(sum & 0xff) as usize] ^ (sum >> 8);
            octet += 1;
        }
        behind += 1;
    }
    tables
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_of_the_examples_in_rfc_3720() {
        let ascending: Vec<u8> = (0..32).collect();
        let descending: Vec<u8> = (0..32).rev().collect();
        // The RFC prints them as octets on the wire, least significant first.
        assert_eq!(crc32c(&[0; 32]).to_le_bytes(), [0xaa, 0x36, 0x91, 0x8a]);
        assert_eq!(crc32c(&[0xff; 32]).to_le_bytes(), [0x43, 0xab, 0xa8, 0x62]);
        assert_eq!(crc32c(&ascending).to_le_bytes(), [0x4e, 0x79, 0xdd, 0x46]);
        assert_eq!(crc32c(&descending).to_le_bytes(), [0x5c, 0xdb, 0x3f, 0x11]);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    #[test]
    fn it_does_not_matter_where_octets_are_divided() {
        let octets: Vec<u8> = (0..100).collect();
        for at in 0..octets.len() {
            let (head, tail) = octets.split_at(at);
            assert_eq!(crc32c_after(crc32c(head), tail), crc32c(&octets));
        }
    }
}
