//! The lock that allows one `up` to a folder. It ends with its process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

const LOCK: &str = "up.lock";
/// Tries to take the lock: a process that only looks if the lock is held has it for a moment.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);

/// The held lock of a folder. Dropping it frees the folder.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Locks the folder for this process. Returns `None` for a folder that cannot be written to, which no `up` can use.
///
/// # Errors
/// If another process holds the lock, which the error names, or the lock file cannot be opened.
pub fn take(folder: &Path) -> anyhow::Result<Option<Lock>> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    let opened = options.read(true).write(true).create(true).truncate(false);
    let mut file = match opened.open(&path) {
        Ok(file) => file,
        Err(error) => match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => return Ok(None),
            _ => return Err(error).with_context(|| path.display().to_string()),
        },
    };
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => {
                // the process id is for people; the lock decides
                let _ = file
                    .set_len(0)
                    .and_then(|()| write!(file, "{}", std::process::id()));
                return Ok(Some(Lock { _file: file }));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| path.display().to_string());
            }
        }
    }
    let mut holder = String::new();
    let _ = file.read_to_string(&mut holder);
    let process = match holder.trim().parse::<u32>() {
        Ok(pid) => format!(" (process {pid})"),
        Err(_) => String::new(),
    };
    bail!(
        "another `cybexp up`{process} has the folder {}: stop it first, or give this one a folder of its own with --dir",
        folder.display()
    )
}

/// Returns true if an `up` runs in the folder.
pub fn is_held(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(LOCK)) else {
        return false;
    };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_taken_once_and_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(!is_held(folder));
        let lock = take(folder).unwrap().unwrap();
        assert!(is_held(folder));
        let told = take(folder).unwrap_err().to_string();
        let pid = std::process::id();
        assert!(told.contains(&format!("process {pid}")), "{told}");
        drop(lock);
        assert!(!is_held(folder));
        take(folder).unwrap().unwrap();
    }
}
