//! To see what the engine adds to a program.

fn main() {
    dhcp4o6_engines::least::<dhcp4o6_engines::Journal>();
}
