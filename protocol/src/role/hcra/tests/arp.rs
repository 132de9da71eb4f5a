//! ARP is answered as far as a renewal needs it, and never where it would look like a conflict.

use super::*;

const ROUTER: &str = "192.0.2.1";

fn question(sender: &str, target: &str) -> Arp {
    Arp {
        op: ArpOp::Request,
        sender_hardware: CLIENT,
        sender: ip4(sender),
        target_hardware: [0; 6],
        target: ip4(target),
    }
}

fn ask(rig: &mut Rig, arp: Arp) -> Vec<Action> {
    rig.frame(&arp.emit()).unwrap()
}

fn is_answered(rig: &mut Rig, target: &str) -> bool {
    let answer = Arp {
        op: ArpOp::Reply,
        sender_hardware: AGENT,
        sender: ip4(target),
        target_hardware: CLIENT,
        target: ip4(LEASED),
    };
    let actions = ask(rig, question(LEASED, target));
    assert!(actions.is_empty() || actions == [Action::Frame(answer.emit())]);
    !actions.is_empty()
}

#[test]
fn the_server_is_here_once_a_lease_names_it() {
    let mut rig = Rig::open();
    assert!(!is_answered(&mut rig, SERVER4));
    let mut rig = Rig::bound(&ack(""));
    assert!(is_answered(&mut rig, SERVER4));
    assert!(!is_answered(&mut rig, "198.51.100.2"));
    assert!(!is_answered(&mut rig, ROUTER));
}

#[test]
fn the_router_before_the_server_is_here_too() {
    for (options, expected) in [
        // A default route.
        ("0104ffffff00 0304c0000201", true),
        ("0304c0000201", true),
        // Option 121 makes 3 count for nothing, and the longer prefix wins.
        ("0104ffffff00 0304c0000202 7905 00c0000201", true),
        ("0104ffffff00 0304c0000201 7905 00c0000202", false),
        ("0104ffffff00 790d 00c0000202 18c63364c0000201", true),
        // The server is on the link, or only another network is behind the router.
        ("010480000000 0304c0000201", false),
        ("0104ffffff00 7908 180a0000c0000201", false),
        // Option 33.
        ("0104ffffff00 2108c6336401c0000201 0304c0000202", true),
        ("0104ffffff00 7905 0000000000", false),
    ] {
        let mut rig = Rig::bound(&ack(options));
        assert_eq!(is_answered(&mut rig, ROUTER), expected, "{options}");
        assert!(is_answered(&mut rig, SERVER4), "{options}");
    }
}

#[test]
fn conflict_detection_finds_nothing() {
    let mut rig = Rig::bound(&ack("0104ffffff00 0304c0000201"));
    for (sender, target) in [
        // Probes, whatever for.
        ("0.0.0.0", LEASED),
        ("0.0.0.0", SERVER4),
        ("0.0.0.0", ROUTER),
        // Announcements.
        (LEASED, LEASED),
        (SERVER4, SERVER4),
        // Another address of this host.
        ("192.0.2.99", SERVER4),
    ] {
        assert_eq!(ask(&mut rig, question(sender, target)), [], "{sender} {target}");
    }
    let answer = Arp { op: ArpOp::Reply, ..question(LEASED, SERVER4) };
    assert_eq!(ask(&mut rig, answer), []);
}

#[test]
fn an_address_that_is_leased_is_never_said_to_be_here() {
    // The server names the client's own address as the router.
    let mut rig = Rig::bound(&ack("0104ffffff00 0304c0000212"));
    assert!(!is_answered(&mut rig, LEASED));
    // One client's server has the address that another client leased.
    let other = message(1, 2, "350103 3d05ff00000002 ff");
    rig.say(&other).unwrap();
    let reply = message(2, 2, "350105 3604c0000263 330400000e10 ff");
    rig.reply(&put(reply, YIADDR, &ip4(SERVER4).octets())).unwrap();
    assert_eq!(rig.leased(), [LEASED, SERVER4]);
    assert!(!is_answered(&mut rig, SERVER4));
}

#[test]
fn without_carrier_and_without_the_lease_nobody_is_here() {
    let mut rig = Rig::bound(&ack(""));
    rig.gate(None, &[]);
    assert!(!is_answered(&mut rig, SERVER4));
    rig.gate(Some(OWN), &[SERVER]);
    assert!(is_answered(&mut rig, SERVER4));
    rig.deadline();
    assert!(!is_answered(&mut rig, SERVER4));
}
