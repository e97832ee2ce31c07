//! The way to a source over the network: which certificates are trusted, which proxy is asked, which addresses may be reached.

pub mod proxy;
pub mod tls;

use std::sync::Arc;

pub(crate) use cybexp_reach as reach;
use rustls::ClientConfig;

use self::proxy::Proxies;

/// How a source is connected to.
#[derive(Debug, Clone)]
pub struct Wire {
    /// The TLS configuration, with the certificates that are trusted.
    pub tls: Arc<ClientConfig>,
    /// The proxies that are used.
    pub proxies: Proxies,
    /// Whether a redirect may lead to other ports, and to addresses of this machine or its network where the source is there
    /// itself. Otherwise it leads to public addresses and the usual ports.
    pub redirects_inside: bool,
}
