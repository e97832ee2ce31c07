//! The server's key, which is also the password of its user: whoever may read the folder may use the server, and no other
//! user of the machine.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rand::Rng;

/// The user of the server, who may do everything.
pub(crate) const USER: &str = "cybexp";

/// Returns the file of the key in a data folder.
pub(crate) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("cybexp.key")
}

/// Returns the key of a data folder; makes one if there is none.
pub(crate) fn of(data_dir: &Path) -> io::Result<String> {
    let file = file(data_dir);
    match fs::read_to_string(&file) {
        Ok(key) if !key.is_empty() => return Ok(key),
        Ok(_) => fs::remove_file(&file)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let key: [u8; 32] = rand::rng().random();
    let key = hex::encode(key);
    // a server refuses a key that others may read
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(file)?.write_all(key.as_bytes())?;
    Ok(key)
}
