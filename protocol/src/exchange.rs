//! Retransmission of one DHCPv6 message (RFC 8415 §15).
