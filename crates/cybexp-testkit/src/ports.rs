//! Free ports, for daemons that cannot report the port that the kernel gave them.

use std::net::TcpListener;

/// Returns ports on which nobody listens at the moment. They are below those that the kernel gives to connections,
/// which could be taken before the daemon listens.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let bind = || {
        let mut ports = std::iter::repeat_with(|| rand::random_range(10_000..32_000));
        ports.find_map(|port: u16| TcpListener::bind(("127.0.0.1", port)).ok())
    };
    // all at once, so that no two are the same
    let listeners = [(); N].map(|()| bind().expect("the ports have no end"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}
