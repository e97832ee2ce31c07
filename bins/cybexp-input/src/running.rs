//! The one daemon of a run folder, and how to reach it.
//!
//! The process that holds the lock of the file `lock` is the daemon; the kernel lets go of it when the process ends, however it ends. So a
//! `runningconfig` beside an unlocked `lock` is what a killed daemon left.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

const LOCK: &str = "lock";
const FILE: &str = "runningconfig";

/// The address of a running daemon, and the nonce that it expects. Whoever can read the file may command the daemon.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RunningConfig {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// 128 bits in hex.
    pub(crate) nonce: String,
    pub(crate) pid: u32,
}

/// The place of the one daemon; given back when dropped.
#[derive(Debug)]
pub(crate) struct RunPlace {
    folder: PathBuf,
    _lock: File,
}

impl RunPlace {
    /// Takes the place, if no other daemon has it. Blocks for half a second where one has.
    pub(crate) fn take(folder: &Path) -> anyhow::Result<Self> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| folder.display().to_string())?;
        let lock = open_lock(folder)?;
        // someone who looks whether a daemon runs holds it for a moment
        let mut taken = lock.try_lock();
        for _ in 0..10 {
            if !matches!(taken, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
            taken = lock.try_lock();
        }
        match taken {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => match read(folder)? {
                Some(RunningConfig { pid, .. }) => bail!(
                    "another cybexp-input (process {pid}) runs in {}: stop it, or give this one an input.run_dir of its own",
                    folder.display()
                ),
                None => bail!(
                    "another cybexp-input is about to run in {}",
                    folder.display()
                ),
            },
            Err(TryLockError::Error(error)) => {
                return Err(error).context(folder.join(LOCK).display().to_string());
            }
        }
        // of one that was killed
        remove(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// Says where the daemon is; all of it at once, and for its owner alone.
    pub(crate) fn announce(&self, running: &RunningConfig) -> anyhow::Result<()> {
        let path = self.folder.join(FILE);
        let write = || {
            // made with mode 0600
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(serde_json::to_string(running)?.as_bytes())?;
            file.persist(&path)?;
            anyhow::Ok(())
        };
        write().with_context(|| path.display().to_string())
    }
}

impl Drop for RunPlace {
    fn drop(&mut self) {
        // the lock goes with the file; what stays is recognised as stale
        let _ = remove(&self.folder);
    }
}

/// The daemon that runs in this folder, if one does.
///
/// # Errors
/// When the folder cannot be read by this user.
pub(crate) fn find(folder: &Path) -> anyhow::Result<Option<RunningConfig>> {
    Ok(if is_taken(folder)? {
        read(folder)?
    } else {
        None
    })
}

/// Whether a daemon has this place, even if it cannot be reached yet, or any more.
pub(crate) fn is_taken(folder: &Path) -> anyhow::Result<bool> {
    if !folder.join(LOCK).exists() {
        return Ok(false);
    }
    match open_lock(folder)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => {
            Err(error).context(folder.join(LOCK).display().to_string())
        }
    }
}

fn open_lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
        .truncate(false)
        .open(&path)
        .with_context(|| path.display().to_string())
}

fn read(folder: &Path) -> anyhow::Result<Option<RunningConfig>> {
    let path = folder.join(FILE);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let running = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(Some(running))
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(FILE);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn running() -> RunningConfig {
        RunningConfig {
            host: "127.0.0.1".to_owned(),
            port: 1,
            nonce: "0".repeat(32),
            pid: 1,
        }
    }

    #[test]
    fn a_place_is_for_one_and_goes_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("run");
        assert!(find(&folder).unwrap().is_none(), "there is no folder yet");
        let place = RunPlace::take(&folder).unwrap();
        assert!(find(&folder).unwrap().is_none(), "it is not announced yet");
        place.announce(&running()).unwrap();
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert_eq!(find(&folder).unwrap().unwrap().port, 1);
        let second = RunPlace::take(&folder).unwrap_err().to_string();
        assert!(second.contains("process 1"), "{second}");
        drop(place);
        assert!(!folder.join(FILE).exists());
        assert!(find(&folder).unwrap().is_none());
        RunPlace::take(&folder).unwrap();
    }

    #[test]
    fn what_a_killed_daemon_left_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let place = RunPlace::take(folder.path()).unwrap();
        place.announce(&running()).unwrap();
        let left = std::fs::read(folder.path().join(FILE)).unwrap();
        drop(place);
        std::fs::write(folder.path().join(FILE), left).unwrap();
        assert!(find(folder.path()).unwrap().is_none());
        let _place = RunPlace::take(folder.path()).unwrap();
        assert!(!folder.path().join(FILE).exists());
    }
}
