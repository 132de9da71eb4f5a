//! What the service manager is told (sd_notify(3)). Without one, nothing happens. One that does not listen holds
//! nothing up.

use sd_notify::NotifyState;
use std::ffi::OsStr;
use std::fmt::Write;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// How long a message that it waits for may wait for room in its queue.
const PATIENCE: Duration = Duration::from_millis(100);

/// Start-up is complete.
pub fn ready() {
    notify(&[NotifyState::Ready], PATIENCE);
}

/// The configuration is being read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => {
            notify(&[NotifyState::Reloading, now], PATIENCE);
        }
        Err(error) => tracing::warn!(%error, "cannot tell the service manager about the reload"),
    }
}

/// An orderly stop has begun.
pub fn stopping() {
    notify(&[NotifyState::Stopping], PATIENCE);
}

/// One line for `systemctl status`. False when it has to be said again later.
pub fn status(line: &str) -> bool {
    notify(&[NotifyState::Status(line)], Duration::ZERO)
}

/// The service is alive.
pub fn alive() {
    notify(&[NotifyState::Watchdog], Duration::ZERO);
}

/// How often [`alive`] is to be called; `None` is never.
pub fn alive_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|timeout| timeout / 2).filter(|pause| !pause.is_zero())
}

/// False when its queue is full.
fn notify(states: &[NotifyState<'_>], patience: Duration) -> bool {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return true };
    let text = states.iter().fold(String::new(), |mut text, state| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{state}");
        text
    });
    match send(&socket, text.as_bytes(), patience) {
        Ok(()) => true,
        Err(error) => {
            tracing::debug!(%error, "the service manager does not listen");
            error.kind() != io::ErrorKind::WouldBlock
        }
    }
}

/// Sends one datagram to a path, or to an abstract name that begins with `@`. Waits for room for at most `patience`.
fn send(socket: &OsStr, text: &[u8], patience: Duration) -> io::Result<()> {
    let to = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let from = UnixDatagram::unbound()?;
    if patience.is_zero() {
        from.set_nonblocking(true)?;
    } else {
        from.set_write_timeout(Some(patience))?;
    }
    from.send_to_addr(text, &to).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn a_service_manager_that_does_not_listen_holds_nothing_up() {
        let name = format!("dhcp4o6-test-{}", std::process::id());
        let deaf = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let socket = OsString::from(format!("@{name}"));
        let refused = (0..10_000).find_map(|_| send(&socket, b"STATUS=x\n", Duration::ZERO).err());
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::WouldBlock);
        let waited = send(&socket, b"READY=1\n", Duration::from_millis(1));
        assert_eq!(waited.unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(deaf);
        assert_eq!(
            send(&socket, b"READY=1\n", PATIENCE).unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
    }

    #[test]
    fn what_is_said_arrives_at_a_path() {
        let path = std::env::temp_dir().join(format!("dhcp4o6-notify-{}", std::process::id()));
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), b"READY=1\n", PATIENCE).unwrap();
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
        std::fs::remove_file(path).unwrap();
    }
}
