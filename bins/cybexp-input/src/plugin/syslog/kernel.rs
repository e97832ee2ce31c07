//! Reads the kernel's table of sockets (proc_net(5): `/proc/net/udp` and `tcp`): what it dropped because a socket's buffer was
//! full, and whose a port is.

use std::collections::HashSet;
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

/// Whether this process listens on this port; false if that cannot be seen.
pub(super) fn listens(pid: u32, protocol: &str, port: u16) -> bool {
    let tables = ["", "6"].map(|version| format!("/proc/{pid}/net/{protocol}{version}"));
    let tables = tables.iter().flat_map(std::fs::read_to_string);
    let sockets: HashSet<String> = tables
        .flat_map(|text| {
            let found = text.lines().filter_map(|line| listener_of(line, port));
            found.collect::<Vec<_>>()
        })
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
    files.into_iter().flatten().flatten().any(|file| {
        std::fs::read_link(file.path())
            .is_ok_and(|link| sockets.contains(link.to_string_lossy().as_ref()))
    })
}

/// The inode of a socket that is bound to this port, and not connected.
fn listener_of(line: &str, port: u16) -> Option<u64> {
    // of UDP 7 (unconnected), of TCP 0A (listening)
    let mut columns = line.split_ascii_whitespace();
    let (_, own) = columns.nth(1)?.rsplit_once(':')?;
    let state = columns.nth(1)?;
    let listens = u16::from_str_radix(own, 16) == Ok(port) && matches!(state, "07" | "0A");
    listens.then(|| columns.nth(5)?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    #[test]
    fn whose_a_port_is() {
        let line = "   1: 0100007F:158A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 98765 1 0000000000000000 100";
        assert_eq!(super::listener_of(line, 0x158A), Some(98765));
        assert_eq!(super::listener_of(line, 1), None);
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = tcp.local_addr().unwrap().port();
        assert!(super::listens(std::process::id(), "tcp", port));
        assert!(!super::listens(std::process::id(), "udp", port));
        assert!(!super::listens(std::process::id(), "tcp", 1));
    }

    #[test]
    fn a_line_of_the_table() {
        let line = " 4123: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 98765 2 000000006fd1d1f4 42";
        assert_eq!(super::drops_of(line, 98765), Some(42));
        assert_eq!(super::drops_of(line, 2), None);
        let head = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops";
        assert_eq!(super::drops_of(head, 0), None);
    }
}
