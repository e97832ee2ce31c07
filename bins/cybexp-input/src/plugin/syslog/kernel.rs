//! What the kernel dropped, because a socket's buffer was full (proc_net(5): `/proc/net/udp`, columns `inode` and `drops`).

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

/// The inode of a socket.
pub(super) fn inode(socket: &UdpSocket) -> io::Result<u64> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd()))?;
    let link = link.to_string_lossy();
    let inode = link
        .strip_prefix("socket:[")
        .and_then(|rest| rest.strip_suffix(']'));
    let inode = inode.and_then(|inode| inode.parse().ok());
    inode.ok_or_else(|| io::Error::other(format!("{link} is no socket")))
}

/// The datagrams that it lost since it was opened; a 32-bit counter.
pub(super) fn drops(inode: u64) -> io::Result<u32> {
    for table in ["/proc/net/udp", "/proc/net/udp6"] {
        let text = match std::fs::read_to_string(table) {
            // without IPv6
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            text => text?,
        };
        if let Some(drops) = text.lines().find_map(|line| drops_of(line, inode)) {
            return Ok(drops);
        }
    }
    Err(io::Error::other("the socket is not in /proc/net/udp"))
}

fn drops_of(line: &str, inode: u64) -> Option<u32> {
    let mut columns = line.split_ascii_whitespace();
    let own: u64 = columns.nth(9)?.parse().ok()?;
    (own == inode)
        .then(|| columns.nth(2)?.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_of_the_table() {
        let line = " 4123: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 98765 2 000000006fd1d1f4 42";
        assert_eq!(super::drops_of(line, 98765), Some(42));
        assert_eq!(super::drops_of(line, 2), None);
        let head = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
        assert_eq!(super::drops_of(head, 0), None);
    }
}
