//! What must not harm: any datagram, wrong configurations, full disks, damaged files, taken ports.

use super::STATEFUL;
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_tests::{Bus, Capture, Change, Daemon, Kea, KeaSettings, Lab, SOON, Scene, Watch, program};
use serde_json::Value;
use std::fs;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

fn counters(scene: &Scene) -> Value {
    scene.client.property("c0", "org.dhcp4o6.Statistics1", "Counters")
}

/// Resident memory, kB.
fn memory(daemon: &mut Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.process().id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_flood_of_datagrams_is_counted_and_has_no_other_effect() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address();
    let mark = scene.wire.mark();
    let lines = scene.daemon.process().mark();
    let before = memory(&mut scene.daemon);
    let to = scene.client.property("c0", "org.dhcp4o6.Link1", "LinkLocal");
    let to: Ipv6Addr = to.as_str().and_then(|text| text.parse().ok()).expect("a link-local address");
    let index = scene.lab.provider.ip_json("link show dev s0")[0]["ifindex"].as_u64().expect("an index");
    let replies: Vec<Vec<u8>> =
        scene.wire.dhcp().into_iter().filter(|dhcp| !dhcp.outgoing).map(|dhcp| dhcp.payload).collect();
    let socket = scene.lab.provider.enter(|| UdpSocket::bind("[::]:0").expect("a socket"));
    let to = SocketAddrV6::new(to, 546, 0, u32::try_from(index).expect("an index"));
    // Every prefix and every octet flipped of what real servers sent, then noise.
    let mut seed = 1_u32;
    for reply in &replies {
        for cut in 0..reply.len() {
            socket.send_to(&reply[..cut], to).expect("sent");
            let mut flipped = reply.clone();
            flipped[cut] ^= 0xff;
            socket.send_to(&flipped, to).expect("sent");
        }
        for _ in 0..2000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise: Vec<u8> = seed.to_be_bytes().repeat(1 + seed as usize % 50);
            socket.send_to(&noise, to).expect("sent");
        }
    }
    scene.client.link("c0", "Renew").expect("renewed");
    scene.client.wait_lease_event(0, "renewed", SOON);
    assert_eq!(scene.address(), address);
    assert_eq!(scene.client.state("c0"), "bound");
    let refused: u64 =
        counters(&scene).as_object().expect("counters").values().filter_map(Value::as_u64).sum();
    assert!(refused > 100, "{}", counters(&scene));
    let sent: Vec<_> =
        scene.wire.frames().iter().skip(mark).filter_map(|f| f.dhcp()).filter(|dhcp| dhcp.outgoing).collect();
    assert!(
        sent.iter().all(|dhcp| dhcp.carries(V4::REQUEST)) && sent.len() == 1,
        "one renewal, no more: {sent:?}"
    );
    let grown = memory(&mut scene.daemon).saturating_sub(before);
    assert!(grown < 4096, "memory grew by {grown} kB");
    let written = scene.daemon.process().mark() - lines;
    assert!(written < 1000, "{written} lines of log");
}

/// The service with a configuration, without a bus, run to its end.
fn run(lab: &Lab, config: &str, more: &[&str]) -> Output {
    let file = lab.dir().join("wrong.toml");
    fs::write(&file, config).expect("written");
    let mut command = lab.customer.command(program("dhcp4o6d"));
    command
        .arg("--config")
        .arg(&file)
        .arg("--state-dir")
        .arg(lab.dir().join("state"))
        .args(["--bus", "none"]);
    command.args(more).output().expect("dhcp4o6d starts")
}

#[test]
#[ignore = "needs namespaces"]
fn every_mistake_of_a_configuration_is_told_at_once_with_its_line_and_exit_code_2() {
    let lab = Lab::apart();
    let wrong = "log = \"loud\"\n[[link]]\nmatch = \"wan0\"\nmetrik = 7\nflap-hold = \"soon\"\n[[link]]\n";
    for more in [&[][..], &["--check"]] {
        let output = run(&lab, wrong, more);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let told = String::from_utf8_lossy(&output.stderr);
        for place in ["wrong.toml:1", "wrong.toml:4", "wrong.toml:5", "wrong.toml:6"] {
            assert!(told.contains(place), "{place} in\n{told}");
        }
        assert!(told.contains("metrik") && told.contains("flap-hold") && told.contains("match"), "{told}");
    }
    let good = run(&lab, STATEFUL, &["--check"]);
    assert!(good.status.success(), "{good:?}");
    assert!(String::from_utf8_lossy(&good.stdout).contains("stateful"), "{good:?}");
    assert_eq!(run(&lab, "", &["--nonsense"]).status.code(), Some(2));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_bad_reload_keeps_the_old_configuration_and_a_good_one_takes_effect_without_a_flap() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address();
    scene.daemon.reload("[[link]]\nmatsch = \"c0\"\n");
    let errors = |scene: &Scene| {
        let property = ("org.dhcp4o6.Manager1", "ConfigurationErrors");
        scene.client.call("/org/dhcp4o6", "org.freedesktop.DBus.Properties", "Get", &property).expect("read")
    };
    assert!(errors(&scene).to_string().contains("matsch"), "{}", errors(&scene));
    assert_eq!(scene.client.state("c0"), "bound");
    let (error, _) = scene.client.manager("Reload", &()).expect_err("still wrong");
    assert_eq!(error, "org.dhcp4o6.Error.ConfigInvalid");

    scene.daemon.reload(&format!("{STATEFUL}metric = 42\n"));
    assert_eq!(errors(&scene), serde_json::json!([[]]));
    scene.kernel.until("routes have the new metric", SOON, || {
        let routes = scene.lab.customer.routes4();
        routes.len() == 3 && routes.iter().all(|route| route["metric"] == 42)
    });
    assert_eq!(scene.address(), address);
    let changes = scene.kernel.changes();
    let gone = |change: &Change| Some(change) == address.map(Change::AddressGone).as_ref();
    assert!(!changes.iter().any(|(_, change)| gone(change)), "{changes:?}");

    scene.daemon.reload("");
    scene
        .client
        .until("the link is not run any more", SOON, |client| client.path("c0").is_none().then_some(()));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_taken_port_is_named_and_tried_again() {
    let lab = Lab::new();
    let _kea = Kea::start(&lab, KeaSettings::default());
    let bus = Bus::start(lab.dir());
    let mut client = bus.client();
    let other = lab.customer.enter(|| UdpSocket::bind("[::]:546").expect("nobody else has it"));
    let _daemon = Daemon::start(&lab, &bus, STATEFUL);
    client.wait_service();
    client.until("the reason is named", SOON, |client| {
        let link = client.properties("c0")["org.dhcp4o6.Link1"].clone();
        let words = format!("{} {}", link["Reason"], link["LastError"]);
        (link["State"].is_string() && link["State"] != "bound" && words.contains("port")).then_some(())
    });
    drop(other);
    client.wait_state("c0", "bound", SOON * 2);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn while_another_dhcpv4_client_has_the_link_no_query_is_sent_sup_11() {
    let lab = Lab::new();
    let native = lab.customer.enter(|| UdpSocket::bind("0.0.0.0:68").expect("nobody else has it"));
    let mut scene = Scene::start_in(lab, KeaSettings::default(), STATEFUL);
    scene.client.until("the other client is named", SOON, |client| {
        let words = client.properties("c0").to_string();
        words.contains("native-dhcp").then_some(())
    });
    assert!(scene.wire.sent().iter().all(|dhcp| dhcp.inner().is_none()), "{:?}", scene.wire.sent());
    assert_ne!(scene.client.state("c0"), "bound");
    drop(native);
    scene.client.wait_state("c0", "bound", Duration::from_secs(60));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_damaged_lease_file_is_set_aside_with_one_warning() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    scene.daemon.kill();
    let files = files_in(&scene.daemon.state_dir());
    let damaged: Vec<&PathBuf> =
        files.iter().filter(|file| !file.to_string_lossy().contains("duid")).collect();
    assert!(!damaged.is_empty(), "{files:?}");
    for file in &damaged {
        let mut octets = fs::read(file).expect("readable");
        let middle = octets.len() / 2;
        octets[middle] ^= 0x55;
        fs::write(file, octets).expect("writable");
    }
    let mark = scene.wire.mark();
    scene.start_again();
    scene.wire.wait_after(mark, "a beginning without memory", SOON, |dhcp| dhcp.carries(V4::DISCOVER));
    scene.wait_bound();
    assert!(files_in(&scene.daemon.state_dir()).iter().any(|file| file.to_string_lossy().contains(".bad-")));
    let lines = scene.daemon.process().lines();
    let warnings = lines.iter().filter(|line| line.contains("WARN") && line.contains("aside")).count();
    assert_eq!(warnings, damaged.len(), "{lines:#?}");
}

fn files_in(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_in(&path) } else { vec![path] }).collect()
}

/// A file system that ends with its value.
struct Mounted(PathBuf);

impl Mounted {
    fn tmpfs(at: &Path, options: &str) -> Self {
        fs::create_dir_all(at).expect("a directory");
        let mut mount = Command::new("mount");
        let status = mount.args(["-t", "tmpfs", "-o", options, "lab"]).arg(at).status();
        assert!(status.is_ok_and(|status| status.success()), "mounting {}", at.display());
        Self(at.to_owned())
    }

    fn remount(&self, options: &str) {
        let status =
            Command::new("mount").args(["-o", &format!("remount,bind,{options}")]).arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()), "remounting {}", self.0.display());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn wait_storage(scene: &mut Scene, wanted: &str, limit: Duration) {
    scene.client.until(&format!("storage is {wanted}"), limit, |client| {
        let property = ("org.dhcp4o6.Manager1", "Storage");
        let storage =
            client.call("/org/dhcp4o6", "org.freedesktop.DBus.Properties", "Get", &property).ok()?;
        (storage[0] == wanted).then_some(())
    });
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn with_a_read_only_state_directory_the_service_runs_from_memory_and_says_so() {
    let lab = Lab::new();
    let disk = Mounted::tmpfs(&lab.dir().join("daemon/state"), "size=256k");
    let mut scene = Scene::start_in(lab, KeaSettings::default(), STATEFUL);
    scene.wait_bound();
    wait_storage(&mut scene, "ok", SOON);
    disk.remount("ro");
    scene.client.link("c0", "Release").expect("released");
    scene.client.wait_lease_event(0, "released", SOON);
    scene.client.link("c0", "Restart").expect("restarted");
    scene.wait_bound();
    wait_storage(&mut scene, "degraded", SOON);
    disk.remount("rw");
    wait_storage(&mut scene, "ok", Duration::from_secs(70));
    drop(scene);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn with_a_full_disk_the_service_still_obtains_ipv4() {
    let lab = Lab::new();
    let disk = Mounted::tmpfs(&lab.dir().join("daemon/state"), "size=64k");
    let filler = lab.dir().join("daemon/state/filler");
    let mut octets = vec![0; 128 << 10];
    while fs::write(&filler, &octets).is_err() && octets.len() > 4096 {
        octets.truncate(octets.len() - 4096);
    }
    let mut scene = Scene::start_in(lab, KeaSettings::default(), STATEFUL);
    scene.wait_bound();
    wait_storage(&mut scene, "degraded", SOON);
    drop(scene);
    drop(disk);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn an_address_that_somebody_else_put_there_stays_and_is_named() {
    let lab = Lab::new();
    let kea = Kea::start(&lab, KeaSettings { pool4: (100, 100), ..KeaSettings::default() });
    let bus = Bus::start(lab.dir());
    let mut client = bus.client();
    lab.customer.ip("addr add 192.0.2.100/24 dev c0");
    let kernel = Watch::open(&lab.customer);
    let wire = Capture::start(&lab.customer);
    let mut daemon = Daemon::start(&lab, &bus, STATEFUL);
    client.wait_service();
    let start = Instant::now();
    while client.property("c0", "org.dhcp4o6.Statistics1", "Counters")["bad-offer"] == 0 {
        assert!(start.elapsed() < SOON, "an offer of that address is refused");
        // Counters change without a signal; a DISCOVER that is sent again is one.
        wire.wait_any_after(wire.mark(), Duration::from_millis(100));
    }
    daemon.terminate();
    assert!(lab.customer.ipv4("c0").iter().any(|address| address.octets() == [192, 0, 2, 100]));
    assert!(
        kernel.changes().iter().all(|(_, change)| !matches!(change, dhcp4o6_tests::Change::AddressGone(_)))
    );
    drop(kea);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_stopped_process_catches_up_without_a_burst() {
    let settings = KeaSettings { lifetime4: (6, 2, 4), ..KeaSettings::default() };
    let mut scene = Scene::bound(settings, STATEFUL);
    scene.daemon.process().signal(nix::sys::signal::Signal::SIGSTOP);
    scene.kernel.until("the kernel ended the lease", SOON, || scene.lab.customer.ipv4("c0").is_empty());
    let mark = scene.wire.mark();
    scene.daemon.process().signal(nix::sys::signal::Signal::SIGCONT);
    let start = Instant::now();
    scene.wait_bound();
    assert!(start.elapsed() < SOON);
    let frames = scene.wire.frames();
    let sent = frames.iter().skip(mark).filter_map(|frame| frame.dhcp()).filter(|dhcp| dhcp.outgoing).count();
    assert!(sent <= 8, "{sent} messages after the pause");
}
