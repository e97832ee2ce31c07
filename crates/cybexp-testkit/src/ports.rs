//! Ports for daemons that cannot be asked which one the kernel gave them.

use std::net::TcpListener;

/// Ports that nobody listens on, for now. They are below those that the kernel gives to connections, for one of
/// those could be taken before its daemon listens.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let bind = || {
        let mut ports = std::iter::repeat_with(|| rand::random_range(10_000..32_000));
        ports.find_map(|port: u16| TcpListener::bind(("127.0.0.1", port)).ok())
    };
    // all at once, so that no two are the same
    let listeners = [(); N].map(|()| bind().expect("the ports have no end"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}
