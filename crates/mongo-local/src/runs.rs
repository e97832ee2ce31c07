//! Checking that a mongod runs on this machine.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// The oldest release series that has everything used here and in `cybexp-store`.
const OLDEST_MAJOR: u32 = 5;

const BUSY_TRIES: u32 = 100;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Checks that `mongod --version` runs here and names a version that is new enough. The error is the reason.
pub(crate) fn check(mongod: &Path) -> Result<(), String> {
    let run = || {
        let mut command = Command::new(mongod);
        command.arg("--version").stdin(Stdio::null()).output()
    };
    let mut result = run();
    // a file that was just written is busy while a process that was forked in the meantime has it open
    for _ in 0..BUSY_TRIES {
        match &result {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => {
                thread::sleep(BUSY_PAUSE);
                result = run();
            }
            _ => break,
        }
    }
    let output = result.map_err(|e| format!("cannot be run: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "`--version` failed, {}: {}",
            output.status,
            said.trim()
        ));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix('v').filter(|v| v.contains('.')));
    let version = version.ok_or("`--version` names no version")?;
    match version
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
    {
        Some(major) if major >= OLDEST_MAJOR => Ok(()),
        _ => Err(format!("version {version} is older than {OLDEST_MAJOR}.0")),
    }
}
