//! The little that the journal needs of a disk, so that tests can pull the plug at each of its operations.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One directory. After a crash any of the octets appended to a file since its last [`Disk::sync`] may be there or
/// not, and any of the changes of names since the last [`Disk::sync_names`] may have happened or not.
pub trait Disk {
    /// A file that is being written.
    type File;
    /// A file that is being read.
    type Reader: Read;

    /// Takes the directory, which is made if it is missing, for this process. Nothing happens if it has been taken.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] when another process has it, anything else when that cannot be known.
    fn lock(&mut self) -> io::Result<()>;

    /// The names of all files, in any order; none if there is no directory.
    ///
    /// # Errors
    /// When they cannot be read.
    fn names(&mut self) -> io::Result<Vec<String>>;

    /// A file, from its beginning.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn read(&mut self, name: &str) -> io::Result<Self::Reader>;

    /// Makes an empty file, in place of what has the name.
    ///
    /// # Errors
    /// When it cannot be made.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;

    /// Writes at the end of a file.
    ///
    /// # Errors
    /// When they were not written, or not all of them.
    fn append(&mut self, file: &mut Self::File, octets: &[u8]) -> io::Result<()>;

    /// Waits until the content of a file is on the disk.
    ///
    /// # Errors
    /// When it may never be; another attempt on the same file would tell nothing.
    fn sync(&mut self, file: &mut Self::File) -> io::Result<()>;

    /// Waits until what another process wrote to a file is on the disk.
    ///
    /// # Errors
    /// When it may never be.
    fn sync_closed(&mut self, name: &str) -> io::Result<()>;

    /// Waits until all names are on the disk.
    ///
    /// # Errors
    /// When they may not be.
    fn sync_names(&mut self) -> io::Result<()>;

    /// Renames a file, replacing what has the new name, in one step.
    ///
    /// # Errors
    /// When it cannot; then nothing happened.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A real directory, with mode 0700 if we make it. Files have mode 0600.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// Ours as long as it is open.
    lock: Option<File>,
}

impl Directory {
    /// The directory at `path`.
    pub fn new(path: PathBuf) -> Self {
        Self { path, lock: None }
    }

    /// A directory that is there keeps the mode that the administrator gave it. One that root makes, for instance by an
    /// import, belongs to whom the one above belongs, as files do.
    fn make(&self) -> io::Result<()> {
        if self.path.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                inherit_owner(&File::open(&self.path)?, parent)?;
                File::open(parent)?.sync_all()
            }
            _ => Ok(()),
        }
    }

    fn open_new(&self, options: &mut OpenOptions, name: &str) -> io::Result<File> {
        let file = self.open(options, name)?;
        inherit_owner(&file, &self.path)?;
        Ok(file)
    }

    /// Follows no link, and does not wait for whoever writes to a pipe.
    fn open(&self, options: &mut OpenOptions, name: &str) -> io::Result<File> {
        options.mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(self.path.join(name))
    }
}

/// Gives a file to the owner of a directory. Only root may do so, and nobody else needs to.
fn inherit_owner(file: &File, directory: &Path) -> io::Result<()> {
    let (own, theirs) = (file.metadata()?, std::fs::metadata(directory)?);
    if own.uid() == 0 && (theirs.uid(), theirs.gid()) != (own.uid(), own.gid()) {
        std::os::unix::fs::fchown(file, Some(theirs.uid()), Some(theirs.gid()))?;
    }
    Ok(())
}

impl Disk for Directory {
    type File = File;
    type Reader = File;

    fn lock(&mut self) -> io::Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        self.make()?;
        let file = self.open_new(OpenOptions::new().write(true).create(true), "lock")?;
        match file.try_lock() {
            Ok(()) => {
                self.lock = Some(file);
                Ok(())
            }
            Err(TryLockError::WouldBlock) => Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn names(&mut self) -> io::Result<Vec<String>> {
        let entries = match std::fs::read_dir(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        // None of ours has a name that is no text.
        let names =
            entries.filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose());
        names.collect()
    }

    fn read(&mut self, name: &str) -> io::Result<File> {
        self.open(OpenOptions::new().read(true), name)
    }

    fn create(&mut self, name: &str) -> io::Result<File> {
        match std::fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.open_new(OpenOptions::new().append(true).create_new(true), name)
    }

    fn append(&mut self, file: &mut File, octets: &[u8]) -> io::Result<()> {
        file.write_all(octets)
    }

    fn sync(&mut self, file: &mut File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_closed(&mut self, name: &str) -> io::Result<()> {
        self.read(name)?.sync_data()
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }
}
