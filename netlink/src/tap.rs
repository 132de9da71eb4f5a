//! A TAP device: Ethernet that ends in this process. The only place with `unsafe`: the kernel has no other way to a TAP
//! device than ioctl.

#![allow(unsafe_code, reason = "each block says why it is sound")]

use crate::ready::watch;
use nix::errno::Errno;
use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::warn;

/// Where the kernel gives them.
const CLONE: &str = "/dev/net/tun";
/// Where Ethernet says what is in a frame, and what it can say.
const ETHERTYPE: u32 = 12;
const ARP: u32 = 0x0806;
const IPV4: u32 = 0x0800;
/// Where IPv4 begins, and the places in it of fragment offset and protocol.
const HEADER4: u32 = 14;
const FRAGMENT: u32 = HEADER4 + 6;
const PROTOCOL4: u32 = HEADER4 + 9;
/// Port of DHCPv4 servers.
const SERVER4_PORT: u32 = 67;

/// What the kernel is told of a descriptor of [`CLONE`].
mod ioctl {
    nix::ioctl_readwrite_bad!(
        /// Makes it that of an interface.
        interface,
        libc::TUNSETIFF,
        libc::ifreq
    );
    nix::ioctl_write_int_bad!(
        /// Lets the interface stay, or not, when the descriptor is closed.
        persistent,
        libc::TUNSETPERSIST
    );
    nix::ioctl_write_ptr_bad!(
        /// Gives the interface carrier, or takes it.
        carrier,
        libc::TUNSETCARRIER,
        libc::c_int
    );
    nix::ioctl_write_ptr_bad!(
        /// Lets out what a filter lets pass.
        filter,
        libc::TUNATTACHFILTER,
        libc::sock_fprog
    );
}

/// A TAP device with us as its other end. What the host sends on it comes out here, ARP and DHCPv4 for a server only; what
/// is sent here the host receives. It ends with this, unless it is persistent.
#[derive(Debug)]
pub struct Tap {
    file: AsyncFd<File>,
    name: Box<str>,
    /// The kernel said that nothing can be sent to it any more.
    gone: Cell<bool>,
}

impl Tap {
    /// Inside the namespace: the device of this name, which nobody else may have open, without carrier. `new` tells that
    /// there may be none yet; otherwise one is made if there is none.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is no interface's, EBUSY when there is one and it is to be new or somebody has it,
    /// EINVAL when it is no TAP device, and what the system says.
    pub(crate) fn attach(name: &str, new: bool) -> io::Result<File> {
        // SAFETY: zeros are a name without octets, and a valid value of everything else that can stand there.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        if name.is_empty() || name.len() >= request.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (place, octet) in request.ifr_name.iter_mut().zip(name.bytes()) {
            *place = libc::c_char::from_ne_bytes([octet]);
        }
        let only_new = if new { libc::IFF_TUN_EXCL } else { 0 };
        // Kernels before 6.2 do not know IFF_NO_CARRIER and overlook it.
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_NO_CARRIER | only_new;
        // The kernel takes 16 bits; the highest is the sign here.
        request.ifr_ifru.ifru_flags = flags as libc::c_short;
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC);
        let file = options.open(CLONE).inspect_err(|error| warn!(%error, "cannot open {CLONE}"))?;
        // SAFETY: the descriptor is open, and the kernel reads and writes one ifreq, which lives until the call is over.
        unsafe { ioctl::interface(file.as_raw_fd(), &mut request) }?;
        carrier(&file, false)?;
        filter(&file)?;
        Ok(file)
    }

    /// Puts an attached device in the hands of the runtime.
    ///
    /// # Errors
    /// When there is no runtime, or no more descriptors can be watched.
    pub(crate) fn watch(file: File, name: &str) -> io::Result<Self> {
        Ok(Self { file: watch(file, Interest::READABLE)?, name: name.into(), gone: Cell::new(false) })
    }

    /// Whether the device stays when this process ends.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn persist(file: &File, persistent: bool) -> io::Result<()> {
        // SAFETY: the descriptor is open, and the kernel takes the number itself.
        unsafe { ioctl::persistent(file.as_raw_fd(), persistent.into()) }?;
        Ok(())
    }

    /// The name that the device had when it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the device carrier, or takes it.
    ///
    /// # Errors
    /// What the system says: EINVAL before Linux 5.0.
    pub fn set_carrier(&self, on: bool) -> io::Result<()> {
        carrier(self.file.get_ref(), on)
    }

    /// Lets the device go for good.
    ///
    /// # Errors
    /// What the system says; then it stays.
    pub fn remove(self) -> io::Result<()> {
        Self::persist(self.file.get_ref(), false)
    }

    /// Ready when there may be a frame, and when the device is gone.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // A closed runtime has nobody left to tell.
        if self.file.poll_read_ready(cx).is_ready() {
            return Poll::Ready(());
        }
        // Whether it can be written is not watched. So it is only ever ready because it cannot any more.
        self.file.poll_write_ready(cx).map(|_| self.gone.set(true))
    }

    /// The next frame; `None` when there is none now. What does not fit is cut off.
    ///
    /// # Errors
    /// When somebody removed the device.
    pub fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
        let read = match self.file.try_io(Interest::READABLE, |mut file| file.read(buffer)) {
            // There was nothing to read when it went.
            Err(_) if self.gone.get() => self.file.get_ref().read(buffer),
            read => read,
        };
        match read {
            Ok(length) => Ok(buffer.get(..length)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lets the host receive a frame.
    ///
    /// # Errors
    /// What the system says: EIO while the device is down. The frame is lost then.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.file.get_ref().write(frame).map(|_| ())
    }
}

fn carrier(file: &File, on: bool) -> io::Result<()> {
    let on = libc::c_int::from(on);
    // SAFETY: the descriptor is open, and the kernel reads one int, which lives until the call is over.
    match unsafe { ioctl::carrier(file.as_raw_fd(), &on) } {
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Lets out only what a client relay agent looks at: a host that sends everything else into the device is not to wake us.
fn filter(file: &File) -> io::Result<()> {
    let mut code = only_arp_and_dhcp4();
    let length = u16::try_from(code.len()).map_err(|_| Errno::EINVAL)?;
    let program = libc::sock_fprog { len: length, filter: code.as_mut_ptr() };
    // SAFETY: the descriptor is open; the kernel copies `len` instructions from `filter`, which is an array of as many
    // that lives until the call is over.
    unsafe { ioctl::filter(file.as_raw_fd(), &program) }?;
    Ok(())
}

fn only_arp_and_dhcp4() -> [libc::sock_filter; 12] {
    const LOAD_16: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
    const LOAD_8: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
    const LOAD_LENGTH: u32 = libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH;
    const LOAD_16_AFTER: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
    const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const IF_SET: u32 = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    [
        step(LOAD_16, 0, 0, ETHERTYPE),
        step(IF_EQUAL, 9, 0, ARP),  // pass
        step(IF_EQUAL, 0, 7, IPV4), // else drop
        step(LOAD_8, 0, 0, PROTOCOL4),
        step(IF_EQUAL, 0, 5, libc::IPPROTO_UDP.unsigned_abs()), // else drop
        step(LOAD_16, 0, 0, FRAGMENT),
        step(IF_SET, 3, 0, 0x1fff), // drop: it has no ports
        step(LOAD_LENGTH, 0, 0, HEADER4),
        step(LOAD_16_AFTER, 0, 0, HEADER4 + 2),
        step(IF_EQUAL, 1, 0, SERVER4_PORT), // pass
        step(RETURN, 0, 0, 0),              // drop
        step(RETURN, 0, 0, u32::MAX),       // pass
    ]
}
