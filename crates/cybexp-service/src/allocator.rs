//! Settings of glibc's allocator, which reads them only when a process begins.
//!
//! Daemons that read in large pieces allocate megabytes on one thread and free them on another. glibc lets each thread keep
//! an arena, up to eight for each core, and learns from the first large block that is freed to keep the next ones, up to 32
//! MB in each arena. That is a third of the memory of such a daemon, in use for nothing.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable from which glibc reads its settings.
const TUNABLES: &str = "GLIBC_TUNABLES";
/// Older variables for some of them.
const OLDER: [&str; 3] = [
    "MALLOC_ARENA_MAX",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
];

/// Daemons that read in large pieces.
const LARGE: [&str; 2] = ["archive", "analytics"];

/// Begins this process anew with the settings, if the daemon is one that needs them. Does nothing where somebody has set
/// others, without glibc, or if the program's file is gone.
pub(crate) fn settle(daemon: &str) {
    let is_set = |name: &&str| env::var_os(name).is_some();
    let ours = !OLDER.iter().chain([&TUNABLES]).any(is_set);
    if !cfg!(target_env = "gnu") || !LARGE.contains(&daemon) || !ours {
        return;
    }
    let Ok(program) = env::current_exe() else {
        return;
    };
    let mut args = env::args_os();
    let mut again = Command::new(program);
    if let Some(name) = args.next() {
        again.arg0(name);
    }
    // it returns only if it fails, and the daemon then runs as it is
    let _ = again.args(args).env(TUNABLES, tunables()).exec();
}

/// Blocks of over 1 MiB are the system's own, and what is free beyond 1 MiB goes back to it; as many arenas as cores.
fn tunables() -> String {
    let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let bytes = 1 << 20;
    format!(
        "glibc.malloc.arena_max={cores}:glibc.malloc.mmap_threshold={bytes}:glibc.malloc.trim_threshold={bytes}"
    )
}
