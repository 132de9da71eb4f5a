//! The little that the store needs of a disk, so that tests can pull the plug.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// One directory. After a crash any of the changes since the last [`Disk::sync`] may have happened or not.
pub trait Disk {
    /// The content of a file, at most `most` octets of it; `None` when there is no such file.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    fn read(&mut self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>>;

    /// Makes the file with this content, replacing what has the name, and waits until the content is on the disk. Its
    /// name is there for certain only after [`Disk::sync`].
    ///
    /// # Errors
    /// When it cannot be written; then it may be there in part.
    fn write(&mut self, name: &str, content: &[u8]) -> io::Result<()>;

    /// Renames a file, replacing what has the new name, in one step.
    ///
    /// # Errors
    /// When it cannot; then nothing happened.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Waits until all names are on the disk.
    ///
    /// # Errors
    /// When they may not be.
    fn sync(&mut self) -> io::Result<()>;

    /// True if a file has this name, or when that cannot be known.
    fn has(&mut self, name: &str) -> bool;
}

/// A real directory, made with mode 0700 if it is missing. Files have mode 0600.
#[derive(Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`. It is made when something is written, so that nothing fails while nothing is stored.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }
}

impl Directory {
    /// Makes the directory if it is missing. One that is there keeps the mode that the administrator gave it.
    fn make(&self) -> io::Result<()> {
        if self.0.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        match self.0.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
            _ => Ok(()),
        }
    }
}

impl Disk for Directory {
    fn read(&mut self, name: &str, most: usize) -> io::Result<Option<Vec<u8>>> {
        let path = self.0.join(name);
        let file = match OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
        {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other?,
        };
        let mut content = Vec::new();
        file.take(most as u64).read_to_end(&mut content)?;
        Ok(Some(content))
    }

    fn write(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.make()?;
        let path = self.0.join(name);
        // Made anew each time: a descriptor whose fsync failed once cannot be trusted, nor can a file somebody else made.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let written = file.write_all(content).and_then(|()| file.sync_all());
        if written.is_err() {
            // On a full disk even the part that fitted is in the way.
            let _ = std::fs::remove_file(&path);
        }
        written
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.0.join(from), self.0.join(to))
    }

    fn sync(&mut self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn has(&mut self, name: &str) -> bool {
        !matches!(self.0.join(name).symlink_metadata(), Err(error) if error.kind() == ErrorKind::NotFound)
    }
}
