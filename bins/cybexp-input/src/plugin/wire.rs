//! The settings `ca` and `proxy` of plugins that speak TLS, HTTP or websocket.

use std::path::Path;
use std::sync::Arc;

use cybexp_feed::wire::proxy::Proxies;
use cybexp_feed::wire::{Wire, tls};
use cybexp_service::ConfigError;
use cybexp_service::config::Secret;
use secrecy::ExposeSecret;

use super::source::{InputConfig, Setting};

/// The setting `ca`, for every plugin that speaks TLS.
pub(super) const CA: Setting = Setting {
    name: "ca",
    required: false,
    about: "a PEM file with certificates that are trusted besides the machine's: of an authority of your own, or of the \
            server itself where it is self-signed",
};

/// The setting `proxy`, for every plugin that speaks HTTP or websocket.
pub(super) const PROXY: Setting = Setting {
    name: "proxy",
    required: false,
    about: "http://[user:password@]host:port, a secret; \"none\" for none; loopback is never asked through it [default: \
            $HTTPS_PROXY, $HTTP_PROXY, $ALL_PROXY, $NO_PROXY]",
};

/// The wire that the settings `ca`, `proxy` and `verify_tls` describe.
///
/// # Errors
/// Names the setting that is wrong.
pub(super) fn wire(
    given: &InputConfig<'_>,
    ca: Option<&Path>,
    proxy: Option<&Secret>,
    verify_tls: bool,
) -> Result<Wire, ConfigError> {
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
    Ok(Wire {
        tls: Arc::new(tls),
        proxies,
        redirects_inside: given.config.input.redirects_inside,
    })
}
