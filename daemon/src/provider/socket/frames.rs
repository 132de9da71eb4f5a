//! The frames of an interface: DHCPv4 of hosts that have no address yet, so that no UDP socket reaches them.

use super::{BATCH, Inbox, Outgoing, Outlet};
use crate::sockets::new_socket;
use dhcp4o6_protocol::params::{CLIENT4_PORT, SERVER4_PORT};
use dhcp4o6_protocol::provider::Frame;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{self, ControlMessageOwned, LinkAddr, MsgFlags, sockopt};
use socket2::{Domain, SockFilter, Socket, Type};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd as _, RawFd};

/// EtherType of IPv4.
const IPV4: u16 = 0x0800;

/// Says of each frame, among other things, whether its checksums were computed.
#[derive(Clone, Copy, Debug)]
struct AuxiliaryData;
nix::setsockopt_impl!(AuxiliaryData, libc::SOL_PACKET, libc::PACKET_AUXDATA, bool, sockopt::SetBool);

/// Inside the namespace: a socket for the DHCPv4 that others send on an Ethernet interface.
pub(super) fn open(interface: u32) -> io::Result<Socket> {
    let index = usize::try_from(interface).map_err(io::Error::other)?;
    // Only this list gives a packet address without unsafe code.
    let address: LinkAddr = getifaddrs()?
        .filter_map(|entry| entry.address?.as_link_addr().copied())
        .find(|address| address.ifindex() == index)
        .ok_or(Errno::ENODEV)?;
    if address.hatype() != libc::ARPHRD_ETHER {
        return Err(Errno::EAFNOSUPPORT.into());
    }
    // Until it is bound it receives from every interface: `receive` leaves that out.
    let socket = new_socket(Domain::PACKET, Type::RAW, i32::from(IPV4.to_be()))?;
    socket.attach_filter(&dhcp4_of_others())?;
    socket::setsockopt(&socket, AuxiliaryData, &true)?;
    socket.set_recv_buffer_size(super::QUEUE)?;
    socket.set_send_buffer_size(super::QUEUE)?;
    socket::bind(socket.as_raw_fd(), &address)?;
    Ok(socket)
}

/// Lets pass what others send to this host or to everybody: whole IPv4 datagrams for the UDP port of DHCPv4 servers or
/// clients. Without a VLAN tag: a tagged frame belongs to another interface, and the kernel takes the tag off before it
/// shows the frame here. A tag of VLAN 0 is a priority, and none.
fn dhcp4_of_others() -> [SockFilter; 19] {
    const LOAD_16: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    const LOAD_8: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    /// Offset of the payload behind an IPv4 header here.
    const HEADER_LENGTH: u16 = (libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH) as u16;
    const LOAD_16_BEHIND: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_IND) as u16;
    const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const IF_AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
    const IF_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let about = |what: i32| (libc::SKF_AD_OFF + what).cast_unsigned();
    let (kind, header, fragment, protocol, destination_port) = (12, 14, 20, 23, 16);
    let more_fragments_or_offset = 0x3fff;
    [
        // To another host, seen because somebody looks at everything; or our own.
        SockFilter::new(LOAD_8, 0, 0, about(libc::SKF_AD_PKTTYPE)),
        SockFilter::new(IF_AT_LEAST, 15, 0, u32::from(libc::PACKET_OTHERHOST)), // drop
        SockFilter::new(LOAD_16, 0, 0, kind),
        SockFilter::new(IF_EQUAL, 0, 13, u32::from(IPV4)), // else drop
        SockFilter::new(LOAD_8, 0, 0, about(libc::SKF_AD_VLAN_TAG_PRESENT)),
        SockFilter::new(IF_EQUAL, 3, 0, 0), // untagged
        SockFilter::new(LOAD_16, 0, 0, about(libc::SKF_AD_VLAN_TAG)),
        SockFilter::new(AND, 0, 0, 0x0fff),
        SockFilter::new(IF_EQUAL, 0, 8, 0), // else drop
        // untagged
        SockFilter::new(LOAD_8, 0, 0, protocol),
        SockFilter::new(IF_EQUAL, 0, 6, libc::IPPROTO_UDP.cast_unsigned()), // else drop
        SockFilter::new(LOAD_16, 0, 0, fragment),
        SockFilter::new(IF_SET, 4, 0, more_fragments_or_offset), // drop
        SockFilter::new(HEADER_LENGTH, 0, 0, header),
        SockFilter::new(LOAD_16_BEHIND, 0, 0, destination_port),
        SockFilter::new(IF_EQUAL, 2, 0, u32::from(SERVER4_PORT)), // pass
        SockFilter::new(IF_EQUAL, 1, 0, u32::from(CLIENT4_PORT)), // pass
        SockFilter::new(RETURN, 0, 0, 0),                         // drop
        SockFilter::new(RETURN, 0, 0, u32::MAX),                  // pass
    ]
}

/// Takes a batch of frames from a socket that was opened for `interface`, gives each to `take`, and says how many there
/// were.
pub(super) fn receive(
    fd: RawFd,
    interface: u32,
    inbox: &mut Inbox,
    mut take: impl FnMut(Frame<'_>),
) -> io::Result<usize> {
    let Inbox { room, frames: headers, .. } = inbox;
    let mut slots = super::slots(room);
    let received = socket::recvmmsg(fd, headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
    let mut count = 0;
    for message in received {
        count += 1;
        let here = message.address.is_some_and(|address| u32::try_from(address.ifindex()) == Ok(interface));
        if !here {
            continue;
        }
        let pending = message.cmsgs().into_iter().flatten().any(|control| match control {
            ControlMessageOwned::Unknown(control) => {
                let kind = (control.cmsg_header.cmsg_level, control.cmsg_header.cmsg_type);
                // Its first number is the state of the frame.
                let state = control.data_bytes.first_chunk().copied().map_or(0, u32::from_ne_bytes);
                kind == (libc::SOL_PACKET, libc::PACKET_AUXDATA) && state & libc::TP_STATUS_CSUMNOTREADY != 0
            }
            _ => false,
        });
        let octets = message.iovs().next().unwrap_or_default();
        take(Frame { interface, checksum_pending: pending, octets });
    }
    Ok(count)
}

/// Sends frames, and says how many went before the kernel refused the next one.
pub(super) fn send(fd: RawFd, outlet: &mut Outlet, run: &[Outgoing]) -> Result<usize, Errno> {
    let mut slices = run.iter().map(|outgoing| [IoSlice::new(&outgoing.payload)]);
    let slices: [_; BATCH] = std::array::from_fn(|_| slices.next().unwrap_or([IoSlice::new(&[])]));
    let slices = slices.iter().take(run.len());
    let nowhere_else = [None; BATCH];
    let sent = socket::sendmmsg(fd, &mut outlet.frames, slices, nowhere_else, [], MsgFlags::MSG_DONTWAIT)?;
    Ok(sent.count())
}
