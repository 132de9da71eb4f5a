//! TAP devices in a real kernel.

mod lab;

use dhcp4o6_netlink::device::{self, name};
use dhcp4o6_netlink::monitor::Monitor;
use dhcp4o6_netlink::tap::Tap;
use dhcp4o6_protocol::machine::OpenError;
use lab::{Lab, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MAC: [u8; 6] = [2, 0x5e, 1, 2, 3, 4];
/// Our end's own address.
const PEER: [u8; 6] = [2, 0x5e, 9, 9, 9, 9];
const SERVER: [u8; 4] = [198, 51, 100, 1];
const LEASE: [u8; 4] = [192, 0, 2, 7];

async fn open(lab: &Lab) -> Tap {
    device::open(&lab.netns(), "wan", MAC).await.expect("the device opens")
}

fn show(lab: &Lab, device: &str) -> String {
    lab.ip(&format!("-d link show dev {device}"))
}

fn is_there(lab: &Lab, device: &str) -> bool {
    lab.ip("-o link show").contains(&format!(" {device}: "))
}

/// The next frame, awaited.
async fn frame(tap: &Tap) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let next = async {
        loop {
            poll_fn(|cx| tap.poll_readable(cx)).await;
            if let Some(frame) = tap.receive(&mut buffer).expect("the device is there") {
                break frame.to_vec();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), next).await.expect("a frame comes")
}

#[tokio::test]
#[ignore = "needs root"]
async fn the_device_is_up_marked_and_without_carrier_or_ipv6() {
    let lab = Lab::new();
    let tap = open(&lab).await;
    let text = show(&lab, "hcra-wan");
    for part in [
        "NO-CARRIER",
        ",UP",
        "mtu 1260",
        "link/ether 02:5e:01:02:03:04",
        "alias dhcp4o6 hcra wan",
        "tun type tap",
        "persist on",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let mut monitor: Monitor = lab.monitor().await;
    let index = lab.index("hcra-wan");
    assert_eq!(monitor.link(index).unwrap().tap_of.as_deref(), Some("wan"));
    for on in [true, false, true] {
        tap.set_carrier(on).unwrap();
        until(&mut monitor, "the carrier is as told", |m| m.link(index).unwrap().carrier() == on).await;
    }
    assert_eq!(lab.ip("-6 addr show dev hcra-wan"), "");
    assert_eq!(
        lab.exec(&["sh", "-c", "ls /proc/sys/net/ipv6/conf/hcra-wan 2>&1 || true"]).lines().count(),
        1
    );
}

#[tokio::test]
#[ignore = "needs root"]
async fn the_device_survives_its_process_and_is_found_again_sup_12() {
    let lab = Lab::new();
    let tap = open(&lab).await;
    tap.set_carrier(true).unwrap();
    let index = lab.index("hcra-wan");
    lab.ip("addr add 192.0.2.7/24 dev hcra-wan");
    drop(tap);
    assert!(show(&lab, "hcra-wan").contains("NO-CARRIER"), "nobody is there to answer");
    let tap = open(&lab).await;
    assert_eq!(lab.index("hcra-wan"), index);
    assert!(show(&lab, "hcra-wan").contains("NO-CARRIER"), "the gate is not open yet");
    assert!(lab.ip("addr show dev hcra-wan").contains("192.0.2.7/24"), "the client's address stays");
    tap.remove().unwrap();
    assert!(!is_there(&lab, "hcra-wan"));
}

#[tokio::test]
#[ignore = "needs root"]
async fn what_an_earlier_process_left_is_removed_when_it_is_ours() {
    let lab = Lab::new();
    drop(open(&lab).await);
    device::remove(&lab.netns(), "wan").await.unwrap();
    assert!(!is_there(&lab, "hcra-wan"));
    // There is nothing to remove any more.
    device::remove(&lab.netns(), "wan").await.unwrap();
    let tap = open(&lab).await;
    assert_eq!(device::remove(&lab.netns(), "wan").await.unwrap_err().kind(), ErrorKind::ResourceBusy);
    drop(tap);
    lab.ip("tuntap add dev hcra-lan mode tap");
    device::remove(&lab.netns(), "lan").await.unwrap();
    assert!(is_there(&lab, "hcra-lan"), "it is somebody else's");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_device_of_somebody_else_is_left_alone() {
    let lab = Lab::new();
    let refused = async || device::open(&lab.netns(), "wan", MAC).await.unwrap_err();
    for foreign in [
        "link add hcra-wan type bridge",
        "tuntap add dev hcra-wan mode tap",
        "tuntap add dev hcra-wan mode tun",
    ] {
        lab.ip(foreign);
        let before = show(&lab, "hcra-wan");
        assert_eq!(refused().await, OpenError::InUse, "{foreign}");
        assert_eq!(show(&lab, "hcra-wan"), before);
        lab.ip("link del hcra-wan");
    }
    // By an alternative name too, and of another link of ours.
    lab.ip("link add other type bridge");
    lab.ip("link property add dev other altname hcra-wan");
    assert_eq!(refused().await, OpenError::InUse);
    lab.ip("link del other");
    lab.ip("tuntap add dev hcra-wan mode tap");
    lab.exec(&["ip", "link", "set", "hcra-wan", "alias", "dhcp4o6 hcra lan"]);
    assert_eq!(refused().await, OpenError::InUse);
}

#[tokio::test]
#[ignore = "needs root"]
async fn that_somebody_removes_the_device_is_noticed() {
    let lab = Lab::new();
    let tap = open(&lab).await;
    let mut buffer = [0; 64];
    assert!(tap.receive(&mut buffer).unwrap().is_none());
    let removed = async {
        lab.ip("link del hcra-wan");
        poll_fn(|cx| tap.poll_readable(cx)).await;
    };
    tokio::time::timeout(Duration::from_secs(20), removed).await.expect("it wakes up");
    assert!(tap.receive(&mut buffer).is_err());
    drop(tap);
    open(&lab).await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn two_processes_do_not_share_a_device() {
    let lab = Lab::new();
    let _tap = open(&lab).await;
    assert_eq!(device::open(&lab.netns(), "wan", MAC).await.unwrap_err(), OpenError::InUse);
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_long_name_is_an_alternative_name() {
    let lab = Lab::new();
    let link = "enp0s31f6.1000";
    let first = device::open(&lab.netns(), link, MAC).await.unwrap();
    assert!(show(&lab, "hcra-enp0s31f6.1000").contains(&format!(": {}: ", name(link))));
    drop(first);
    device::open(&lab.netns(), link, MAC).await.expect("it is found again by its short name");
}

#[tokio::test]
#[ignore = "needs root"]
async fn another_hardware_address_is_taken_up_and_the_same_one_kept() {
    let lab = Lab::new();
    drop(open(&lab).await);
    let other = [2, 0x5e, 7, 7, 7, 7];
    let _tap = device::open(&lab.netns(), "wan", other).await.unwrap();
    assert!(show(&lab, "hcra-wan").contains("02:5e:07:07:07:07"));
}

#[tokio::test]
#[ignore = "needs root"]
async fn only_arp_and_dhcp_come_out() {
    let lab = Lab::new();
    let tap = open(&lab).await;
    tap.set_carrier(true).unwrap();
    lab.ip("addr add 192.0.2.7/24 dev hcra-wan");
    lab.ip("neigh add 192.0.2.1 lladdr 02:5e:09:09:09:09 dev hcra-wan");
    // A datagram to another port, a ping, and what the host says of itself; then one to port 67 and an ARP request.
    lab.exec(&["bash", "-c", "echo no >/dev/udp/192.0.2.1/53; ping -c 1 -W 0.1 192.0.2.1 >/dev/null; echo -n yes >/dev/udp/192.0.2.1/67; ping -c 1 -W 0.1 192.0.2.2 >/dev/null; true"]);
    let first = frame(&tap).await;
    assert_eq!((&first[..6], &first[12..14], &first[42..]), (&PEER[..], &[8, 0][..], &b"yes"[..]));
    let second = frame(&tap).await;
    assert_eq!((&second[12..14], &second[38..42]), (&[8, 6][..], &[192, 0, 2, 2][..]));
}

/// A client that ends with its value.
struct Client(Child);

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn checksum(parts: &[&[u8]]) -> u16 {
    let octets: Vec<u8> = parts.concat();
    let sum: u32 =
        octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    !((sum & 0xffff) + (sum >> 16)) as u16
}

/// What a server says to a DISCOVER or REQUEST, as a frame to the client.
fn answer(query: &[u8]) -> Vec<u8> {
    let options = query[240..].iter().position(|octet| *octet == 53).expect("a message type");
    let kind = if query[240 + options + 2] == 1 { 2 } else { 5 };
    let mut reply = query[..236].to_vec();
    reply[0] = 2;
    reply[16..20].copy_from_slice(&LEASE);
    reply.extend([0x63, 0x82, 0x53, 0x63, 53, 1, kind, 54, 4]);
    reply.extend(SERVER);
    reply.extend([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 255]);
    let length = |more: usize| (u16::try_from(reply.len() + more).expect("it is short")).to_be_bytes();
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0];
    header[2..4].copy_from_slice(&length(28));
    header.extend(SERVER);
    header.extend(LEASE);
    let sum = checksum(&[&header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    let mut frame = [&MAC[..], &PEER, &[8, 0], &header, &[0, 67, 0, 68], &length(8), &[0, 0]].concat();
    frame.extend(reply);
    frame
}

#[tokio::test]
#[ignore = "needs root"]
async fn udhcpc_gets_a_lease_and_renews_it_by_unicast() {
    let lab = Lab::new();
    let tap = open(&lab).await;
    tap.set_carrier(true).unwrap();
    let script = std::env::temp_dir().join(format!("{}-udhcpc", lab.name));
    let text = "#!/bin/sh\n[ \"$1\" = bound ] && ip addr add $ip/24 dev $interface && ip route add 198.51.100.1 dev $interface\nexit 0\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &lab.name, "udhcpc", "-f", "-i", "hcra-wan", "-s"]).arg(&script);
    let client = Client(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("udhcpc runs"));
    let mut monitor = lab.monitor().await;
    let (mut broadcasts, mut renewals) = (0, 0);
    while renewals == 0 {
        let frame = frame(&tap).await;
        if frame[12..14] == [8, 6] {
            // Who has the server?
            if frame[20..22] == [0, 1] && frame[38..42] == SERVER {
                let reply =
                    [&frame[6..12], &PEER, &[8, 6], &frame[14..20], &[0, 2], &PEER, &SERVER, &frame[22..32]];
                tap.send(&reply.concat()).unwrap();
            }
            continue;
        }
        assert_eq!(frame[6..12], MAC);
        match &frame[..6] {
            [0xff, ..] => broadcasts += 1,
            to => {
                assert_eq!((to, &frame[26..34]), (&PEER[..], &[LEASE, SERVER].concat()[..]));
                renewals += 1;
            }
        }
        tap.send(&answer(&frame[42..])).unwrap();
        if broadcasts == 2 && renewals == 0 {
            let bound = |_: &Monitor| lab.ip("addr show dev hcra-wan").contains("192.0.2.7/24");
            until(&mut monitor, "the client has its address", bound).await;
            let process = Pid::from_raw(i32::try_from(client.0.id()).unwrap());
            kill(process, Signal::SIGUSR1).expect("it renews when it is told");
        }
    }
    assert_eq!(broadcasts, 2, "DISCOVER and REQUEST");
    assert!(monitor.facts(1, &[]).foreign4.is_empty(), "it may be installed elsewhere");
    std::fs::remove_file(&script).unwrap();
}
