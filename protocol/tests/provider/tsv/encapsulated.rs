//! Relay encapsulation, where it is switched on.

use super::*;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::settings::Encapsulation;
use dhcp4o6_protocol::wire::agent;
use dhcp4o6_protocol::wire::encapsulation::{Encapsulated, Level, RELAYFORWARD, RELAYREPLY};
use dhcp4o6_protocol::wire::v4;
use std::net::SocketAddrV6;

fn desk() -> Desk {
    let mut settings = two_subnets();
    tsv(&mut settings).encapsulation = Encapsulation::Private;
    Desk::new(settings)
}

fn around(hops: u8, segment: &[u8], message: &[u8]) -> Vec<u8> {
    Level { op: RELAYFORWARD, hops, segment, message }.emit().unwrap()
}

/// The answer inside, whose levels have these segments, outermost first.
fn inside<'a>(answer: &'a [u8], segments: &[&[u8]]) -> v4::Message<'a> {
    let read = Encapsulated::parse(answer).unwrap();
    assert!(read.levels.iter().all(|level| level.op == RELAYREPLY));
    assert_eq!(read.levels.iter().map(|level| level.segment).collect::<Vec<_>>(), segments);
    v4::Message::parse(read.message).unwrap()
}

#[test]
fn an_agents_own_segment_comes_back_around_the_answer_tsv_09() {
    let mut desk = desk();
    let segment = agent::emit(&[(1, b"lan0")]).unwrap();
    let effects = desk.by_ipv6(CRA, &around(1, &segment, &discover().emit()));
    let answer = sent_by(Port::Transport6, &effects);
    assert_eq!(answer.to, SocketAddrV6::new(address(CRA), 67, 0, 0));
    let offer = inside(&answer.payload, &[&segment]);
    assert_eq!((offer.op, offer.kind()), (v4::BOOTREPLY, Some(MessageType::OFFER)));
    assert_eq!(offer.yiaddr.octets()[0], 192);
    let nested = around(2, &[], &around(1, &segment, &rebooting([203, 0, 113, 5].into()).emit()));
    let answer = sent_by(Port::Transport6, &desk.by_ipv6(CRA, &nested));
    assert_eq!(inside(&answer.payload, &[&[], &segment]).kind(), Some(MessageType::NAK));
}

#[test]
fn behind_a_tra_the_outermost_segment_names_the_agent_tsv_13() {
    let mut desk = desk();
    let own = agent::emit(&[(1, b"lan0")]).unwrap();
    let outer = agent::emit(&[(46, &address("2001:db8:2::18").octets())]).unwrap();
    let message = around(2, &outer, &around(1, &own, &discover().emit()));
    let answer = sent_by(Port::Server4, &desk.by_ipv4(NOT_SERVED, (TRA, 67), SERVER4, &message));
    assert_eq!((answer.to, answer.source), (SocketAddrV6::new(mapped(TRA), 67, 0, 0), Some(mapped(SERVER4))));
    assert_eq!(inside(&answer.payload, &[&outer, &own]).yiaddr.octets()[0], 198);
    // Who is no relay agent is not believed.
    let effects = desk.by_ipv4(NOT_SERVED, ([10, 66, 0, 1], 67), SERVER4, &message);
    assert_eq!(refused(&effects), Some(Refused::SourceRefused));
}

#[test]
fn an_agent_cannot_speak_for_another_or_choose_its_subnet_sec_14() {
    let mut desk = desk();
    let forged = agent::emit(&[(46, &address("2001:db8:2::18").octets())]).unwrap();
    for message in [
        around(1, &forged, &discover().emit()),
        around(2, &[], &around(1, &forged, &discover().emit())),
        around(1, &[], &discover().with(code::RELAY_AGENT, &forged).emit()),
    ] {
        assert_eq!(desk.by_ipv6(CRA, &message), [Effect::Refused(Refused::Option82FromClient)]);
    }
    let selecting = agent::emit(&[(5, &[198, 18, 0, 0])]).unwrap();
    let answer = sent_by(Port::Transport6, &desk.by_ipv6(CRA, &around(1, &selecting, &discover().emit())));
    assert_eq!(inside(&answer.payload, &[&selecting]).yiaddr.octets()[0], 192);
    // Nor behind a TRA, whose segment is the outermost one.
    let inner = around(1, &forged, &discover().by(2).emit());
    let outer = agent::emit(&[(46, &address(CRA).octets())]).unwrap();
    let effects = desk.by_ipv4(NOT_SERVED, (TRA, 67), SERVER4, &around(2, &outer, &inner));
    let answer = sent_by(Port::Server4, &effects);
    assert_eq!(inside(&answer.payload, &[&outer, &forged]).yiaddr.octets()[0], 192);
    let hidden = around(1, &outer, &discover().with(code::RELAY_AGENT, &forged).emit());
    let effects = desk.by_ipv4(NOT_SERVED, (TRA, 67), SERVER4, &hidden);
    assert_eq!(effects, [Effect::Refused(Refused::Option82FromClient)]);
}

#[test]
fn what_is_framed_badly_is_silence_and_without_the_setting_everything_is_tsv_09() {
    let whole = around(1, &[46, 16], &discover().emit());
    let good = around(1, &[1, 1, 9], &discover().emit());
    let mut desk = desk();
    assert_eq!(desk.by_ipv6(CRA, &whole), [Effect::Refused(Refused::MalformedRelay)]);
    for end in 1..good.len() {
        assert_eq!(desk.by_ipv6(CRA, &good[..end]), [Effect::Refused(Refused::MalformedRelay)], "{end}");
    }
    let mut reply = good.clone();
    reply[0] = RELAYREPLY;
    assert_eq!(desk.by_ipv6(CRA, &reply), [Effect::Refused(Refused::OpUnsupported)]);
    let mut off = Desk::new(two_subnets());
    assert_eq!(off.by_ipv6(CRA, &good), [Effect::Refused(Refused::OpUnsupported)]);
    let effects = off.by_ipv4(NOT_SERVED, (TRA, 67), SERVER4, &good);
    assert_eq!(effects, [Effect::Refused(Refused::OpUnsupported)]);
}

#[test]
fn the_limit_of_an_answer_holds_with_all_that_is_around_it_sec_07() {
    let mut settings = two_subnets();
    tsv(&mut settings).encapsulation = Encapsulation::Private;
    engine(&mut settings).options = (224..=240).map(|code| (code, vec![code; 200])).collect();
    let mut desk = Desk::new(settings);
    let all: Vec<u8> = (224..=240).collect();
    let large =
        discover().with(code::PARAMETER_REQUEST, &all).with(code::MAX_MESSAGE_SIZE, &[0xff, 0xff]).emit();
    let message = around(1, &[[1, 250].to_vec(), vec![7; 250]].concat(), &large);
    let answer = sent_by(Port::Transport6, &desk.by_ipv6(CRA, &message)).payload;
    assert!(answer.len() <= 4 * message.len() && answer.len() > 1000, "{}", answer.len());
}
