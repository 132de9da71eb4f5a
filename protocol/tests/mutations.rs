//! Fuzzing without a fuzzer: seeds, mutated by a seeded generator, through every decoder.
//!
//! The same checks run for longer in `fuzz/`. `FUZZ_CORPUS` may name a folder with more seeds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod decoders;

use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::rng::Rng;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// All files below `folder`; those with hexadecimal text in them as octets.
fn seeds(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut seeds = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let octets = std::fs::read(&path).unwrap();
            let text = std::str::from_utf8(&octets).ok().and_then(|text| hex_decode(text.trim()));
            seeds.push((path, text.unwrap_or(octets)));
        }
    }
    seeds.sort();
    seeds
}

fn own_seeds() -> Vec<(PathBuf, Vec<u8>)> {
    let seeds = seeds(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds"));
    assert!(seeds.len() > 100, "the seeds are missing");
    seeds
}

fn pick(rng: &mut Rng, below: usize) -> usize {
    usize::try_from(rng.u32()).unwrap() % below.max(1)
}

/// One to eight small changes: flipped bits, interesting octets, lengths, cuts, repetitions, and joins with `other`.
fn mutate(rng: &mut Rng, octets: &mut Vec<u8>, other: &[u8]) {
    for _ in 0..=pick(rng, 8) {
        let at = pick(rng, octets.len() + 1);
        match pick(rng, 9) {
            0 => octets.truncate(at),
            1 => octets.insert(at, rng.u32().to_be_bytes()[0]),
            2 => {
                let end = (at + pick(rng, 20)).min(octets.len());
                octets.drain(at..end);
            }
            3 => {
                let end = (at + pick(rng, 64)).min(octets.len());
                let copy = octets[at..end].to_vec();
                octets.splice(at..at, copy);
            }
            4 => {
                let from = pick(rng, other.len());
                octets.splice(at..at, other[from..].iter().copied().take(64));
            }
            5 => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet = [0, 1, 3, 4, 16, 52, 87, 121, 127, 128, 192, 255][pick(rng, 12)];
                }
            }
            6 => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet = octet.wrapping_add(if rng.u32().is_multiple_of(2) { 1 } else { 255 });
                }
            }
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 1 << pick(rng, 8);
                }
            }
        }
    }
    octets.truncate(dhcp4o6_protocol::params::MAX_PAYLOAD);
}

#[test]
fn every_seed_of_ours_is_well_formed_and_reads_back() {
    for (path, octets) in own_seeds() {
        let kind = path.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap();
        let accepted = match kind {
            "dhcp4" => dhcp4o6_protocol::wire::v4::Message::parse(&octets).is_ok(),
            "encapsulation" => dhcp4o6_protocol::wire::encapsulation::Encapsulated::parse(&octets).is_some(),
            "frame" => dhcp4o6_protocol::wire::frame::Frame::parse(&octets, false).is_ok(),
            "lease" => dhcp4o6_protocol::binding::Record::decode(&octets).is_ok(),
            "relay6" => dhcp4o6_protocol::wire::relay::Relayed::parse(&octets).is_ok(),
            _ => dhcp4o6_protocol::wire::v6::Message::parse(&octets).is_ok(),
        };
        assert!(accepted, "{}", path.display());
        decoders::all(&octets);
    }
}

#[test]
fn every_prefix_of_every_seed_is_taken_or_refused_gen_01() {
    for (_, octets) in own_seeds() {
        (0..octets.len()).for_each(|end| decoders::all(&octets[..end]));
    }
}

#[test]
fn no_mutation_of_a_seed_breaks_a_decoder_gen_01() {
    let seeds = own_seeds();
    for round in 0..30_000_u32 {
        let mut seed = [0; 32];
        seed[..4].copy_from_slice(&round.to_be_bytes());
        let mut rng = Rng::seeded(seed);
        let mut octets = seeds[pick(&mut rng, seeds.len())].1.clone();
        let other = &seeds[pick(&mut rng, seeds.len())].1;
        mutate(&mut rng, &mut octets, other);
        let outcome = std::panic::catch_unwind(|| decoders::all(&octets));
        assert!(outcome.is_ok(), "round {round}: {}", dhcp4o6_protocol::ids::hex(&octets));
    }
}

#[test]
fn the_longest_hostile_messages_take_no_time_gen_01() {
    let repeated = |header: &[u8], unit: &[u8]| {
        let mut octets = header.to_vec();
        octets.extend(unit.iter().copied().cycle().take(65_527 - header.len()));
        octets
    };
    let mut bootp = vec![0; 240];
    bootp[..3].copy_from_slice(&[2, 1, 6]);
    bootp[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
    let every_code: Vec<u8> = (1..=254).flat_map(|code| [code, 0]).collect();
    let pointers: Vec<u8> =
        (0..0x4000_u16).flat_map(|at| (0xc000 | at.saturating_sub(2)).to_be_bytes()).collect();
    let relay = [&[12, 0][..], &[0; 32]].concat();
    for octets in [
        repeated(&[7, 0, 0, 0], &[0, 88, 0, 0]),
        repeated(&[7, 0, 0, 0], &[0, 3, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        repeated(&bootp, &[121, 0]),
        repeated(&bootp, &[119, 2, 1, 97]),
        repeated(&bootp, &every_code),
        repeated(&relay, &[0, 9, 0, 38, 12]),
        pointers,
        vec![0xff; 65_527],
        vec![0; 65_527],
    ] {
        let before = Instant::now();
        decoders::all(&octets);
        // Without optimisation and on a busy machine; quadratic work would take minutes.
        assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());
    }
}

#[test]
fn foreign_seeds_break_no_decoder_gen_01() {
    let Some(folder) = std::env::var_os("FUZZ_CORPUS") else {
        println!("skipped: FUZZ_CORPUS does not name a folder with seeds");
        return;
    };
    let seeds = seeds(Path::new(&folder));
    assert!(!seeds.is_empty());
    for (round, (_, octets)) in (0..).zip(&seeds) {
        decoders::all(octets);
        let mut rng = Rng::seeded([u8::try_from(round % 256_u32).unwrap(); 32]);
        for _ in 0..50 {
            let mut octets = octets.clone();
            let (_, other) = &seeds[pick(&mut rng, seeds.len())];
            mutate(&mut rng, &mut octets, other);
            decoders::all(&octets);
        }
    }
}
