//! The way to a source over the network: which certificates are trusted, which proxy is asked, which addresses may be reached.

pub mod proxy;
pub(crate) mod reach;
pub mod tls;

use std::sync::Arc;

use rustls::ClientConfig;

use self::proxy::Proxies;

/// How a source is connected to.
#[derive(Debug, Clone)]
pub struct Wire {
    /// Whom to trust.
    pub tls: Arc<ClientConfig>,
    /// Whom to ask through.
    pub proxies: Proxies,
}
