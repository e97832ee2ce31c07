//! Figures of a process, from Linux's `/proc`.

/// A number of `/proc/PID/status`: `VmRSS` is the memory that it has, `VmHWM` the most that it ever had, both in KiB;
/// `Threads`. Nothing of a process that has ended.
pub fn status_of(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let number = line.strip_prefix(':')?.split_whitespace().next()?;
    number.parse().ok()
}
