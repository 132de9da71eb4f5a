//! To see what the engines add to a program: this one has none.

use dhcp4o6_engines::record;

fn main() {
    let mut octets = Vec::new();
    record(u32::try_from(std::env::args_os().count()).unwrap_or(0)).encode(&mut octets);
    let known = dhcp4o6_protocol::binding::Record::decode(&octets).is_ok();
    std::process::exit(i32::from(!known));
}
