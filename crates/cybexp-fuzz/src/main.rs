//! Writes the seeds of all targets: `cybexp-fuzz FOLDER` makes `FOLDER/TARGET/seed-0` and so on.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("no folder is named"));
    };
    for target in cybexp_fuzz::targets() {
        let folder = folder.join(&target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in target.seeds().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
