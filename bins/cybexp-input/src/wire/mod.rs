//! The way to a source over the network: which certificates are trusted, which proxy is asked, which addresses may be reached.

mod proxy;
mod reach;
mod tls;

use std::path::Path;
use std::sync::Arc;

use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use rustls::ClientConfig;
use secrecy::ExposeSecret;

pub(crate) use self::proxy::{Proxies, Proxy};
pub(crate) use self::reach::{Reach, Within};
pub(crate) use self::tls::told;
use crate::plugin::{Given, Setting};

/// The setting `ca`, for every plugin that speaks TLS.
pub(crate) const CA: Setting = Setting {
    name: "ca",
    required: false,
    about: "a PEM file with certificates that are trusted besides the machine's: of an authority of your own, or of the \
            server itself where it is self-signed",
};

/// The setting `proxy`, for every plugin that speaks HTTP or websocket.
pub(crate) const PROXY: Setting = Setting {
    name: "proxy",
    required: false,
    about: "http://[user:password@]host:port, a secret; \"none\" for none; loopback is never asked through it [default: \
            $HTTPS_PROXY, $HTTP_PROXY, $ALL_PROXY, $NO_PROXY]",
};

/// How a source is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    /// Whom to trust.
    pub(crate) tls: Arc<ClientConfig>,
    /// Whom to ask through.
    pub(crate) proxies: Proxies,
}

impl Wire {
    /// The wire that the settings `ca`, `proxy` and `verify_tls` describe.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub(crate) fn of(
        given: &Given<'_>,
        ca: Option<&Path>,
        proxy: Option<&Secret>,
        verify_tls: bool,
    ) -> Result<Self, ConfigError> {
        let own = match ca {
            Some(_) if !verify_tls => {
                return Err(given.wrong("ca", "says whom to trust, and verify_tls that all are"));
            }
            Some(file) => {
                tls::certificates(&given.path(file)).map_err(|reason| given.wrong("ca", reason))?
            }
            None => Vec::new(),
        };
        let tls = match verify_tls {
            true => tls::verified(own),
            false => tls::unverified(),
        };
        let proxies = match proxy {
            None => Proxies::of_environment(),
            Some(proxy) => {
                let proxy = given.secret("proxy", proxy)?;
                Proxies::of_setting(proxy.expose_secret())
                    .map_err(|reason| given.wrong("proxy", reason))?
            }
        };
        let tls = tls.map_err(|error| given.wrong("", format!("TLS cannot be used: {error}")))?;
        Ok(Self {
            tls: Arc::new(tls),
            proxies,
        })
    }
}
