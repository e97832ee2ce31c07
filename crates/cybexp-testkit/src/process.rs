//! Figures of a process, from Linux's `/proc`.

/// Returns a number of `/proc/PID/status`: `VmRSS` is the current memory and `VmHWM` the highest so far, both in KiB;
/// `Threads` is the number of threads. `None` if the process has ended.
pub fn status_of(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let number = line.strip_prefix(':')?.split_whitespace().next()?;
    number.parse().ok()
}
