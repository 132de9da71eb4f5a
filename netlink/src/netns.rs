//! Network namespaces: opening them, doing something inside one, and noticing that they come and go.

use crate::ready::watch;
use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns};
use nix::sys::stat::{Mode, fstat};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Where `ip netns` and everybody else mount named namespaces.
pub const DIRECTORY: &str = "/run/netns";

/// A network namespace, kept alive while this is.
///
/// Two with the same inode are the same namespace; a name can come back as another one.
#[derive(Clone, Debug)]
pub struct Netns {
    name: Option<String>,
    inode: u64,
    /// `None` for the one that the process is in.
    elsewhere: Option<Arc<OwnedFd>>,
}

impl Netns {
    /// The namespace that the process is in.
    ///
    /// # Errors
    /// When /proc is not there.
    pub fn current() -> io::Result<Self> {
        let (inode, _) = inspect(Path::new("/proc/self/ns/net"), OFlag::empty())?;
        Ok(Self { name: None, inode, elsewhere: None })
    }

    /// The namespace mounted under this name in [`DIRECTORY`].
    ///
    /// # Errors
    /// `InvalidInput` when the name cannot be one, `NotFound` when there is none or it is not mounted (yet), and what
    /// the system says.
    pub fn named(name: &str) -> io::Result<Self> {
        if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a name of a network namespace"));
        }
        let (inode, file) = inspect(&Path::new(DIRECTORY).join(name), OFlag::O_NOFOLLOW)?;
        let elsewhere = (inode != Self::current()?.inode).then(|| Arc::new(file));
        Ok(Self { name: Some(name.to_owned()), inode, elsewhere })
    }

    /// Its name; `None` for the service's own.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What tells it from every other namespace that there is at the same time.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Calls `make` inside the namespace and returns what it made, usually a socket, which stays inside.
    ///
    /// The only place that enters a namespace, on a thread that ends with it; on the calling thread when the process
    /// is in that namespace anyway.
    ///
    /// # Errors
    /// What `make` gave, or `PermissionDenied` without CAP_SYS_ADMIN.
    pub fn run<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let Some(file) = self.elsewhere.clone() else {
            return make();
        };
        let visit = move || {
            setns(&*file, CloneFlags::CLONE_NEWNET)?;
            make()
        };
        std::thread::Builder::new()
            .name("netns".to_owned())
            .stack_size(128 * 1024)
            .spawn(visit)?
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the visit to the namespace panicked")))
    }
}

/// Opens a namespace and says which it is. A file that nothing is mounted on is `NotFound`: `ip netns add` makes the
/// file first and mounts the namespace on it a moment later.
fn inspect(path: &Path, flags: OFlag) -> io::Result<(u64, OwnedFd)> {
    let flags = flags | OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
    let file = open(path, flags, Mode::empty())?;
    if fstatfs(&file)?.filesystem_type() != NSFS_MAGIC {
        return Err(io::Error::new(io::ErrorKind::NotFound, "no namespace is mounted there"));
    }
    Ok((fstat(&file)?.st_ino, file))
}

/// Notices that named namespaces come and go.
///
/// A namespace gets its name by a mount and loses it by an unmount, so the kernel's list of mounts is what is watched:
/// the directory alone would tell of the file but not of the namespace, and need not exist yet.
#[derive(Debug)]
pub struct NetnsWatch {
    mounts: AsyncFd<File>,
    present: BTreeMap<String, u64>,
}

impl NetnsWatch {
    /// Starts watching.
    ///
    /// # Errors
    /// When /proc is not there.
    pub fn open() -> io::Result<Self> {
        let mounts = watch(File::open("/proc/self/mountinfo")?, Interest::PRIORITY)?;
        Ok(Self { mounts, present: present() })
    }

    /// The named namespaces and their inodes, as they were when [`NetnsWatch::changed`] last returned.
    pub fn present(&self) -> &BTreeMap<String, u64> {
        &self.present
    }

    /// Waits until a name is new, gone, or of another namespace than before. Nothing is lost when the wait is
    /// abandoned.
    ///
    /// # Errors
    /// When the runtime ends.
    pub async fn changed(&mut self) -> io::Result<()> {
        loop {
            // Looked at first: the list is what counts, and events only say that it is time to look.
            let now = present();
            if now != self.present {
                self.present = now;
                return Ok(());
            }
            self.mounts.ready(Interest::PRIORITY).await?.clear_ready();
        }
    }
}

fn present() -> BTreeMap<String, u64> {
    let Ok(entries) = std::fs::read_dir(DIRECTORY) else {
        return BTreeMap::new();
    };
    let named = |entry: std::fs::DirEntry| {
        let (inode, _) = inspect(&entry.path(), OFlag::O_NOFOLLOW).ok()?;
        Some((entry.file_name().into_string().ok()?, inode))
    };
    entries.flatten().filter_map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_of_the_directory_are_refused() {
        for name in ["", ".", "..", "../self", "a/b", "a\0b"] {
            assert_eq!(Netns::named(name).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name:?}");
        }
    }

    #[test]
    fn the_own_namespace_needs_no_thread() {
        let here = std::thread::current().id();
        let there = Netns::current().unwrap().run(|| Ok(std::thread::current().id())).unwrap();
        assert_eq!(here, there);
    }
}
