//! The call to the API that a report is ready.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cybexp_service::Config;
use tahoe_core::Socket;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The number of calls at once.
const AT_ONCE: usize = 256;

/// Characters of a nonce.
const NONCE: usize = 32;

/// Names that stand for the API's host.
const HERE: [&str; 3] = ["0.0.0.0", "127.0.0.1", "localhost"];

/// The hosts that the daemon may call. A query must not make it connect to any other host.
#[derive(Debug)]
pub(crate) struct Callback {
    api_host: String,
    allowed: HashSet<String>,
    /// The port of the API's listener, if it is configured and no other is allowed.
    port: Option<u16>,
    room: Arc<Semaphore>,
}

impl Callback {
    pub(crate) fn new(config: &Config) -> Self {
        let report = &config.report;
        let all = report.callback_hosts.iter().map(|host| host.to_lowercase());
        let port = config.api.callback_listen.map(|listen| listen.port());
        Self {
            api_host: config.api.host.clone(),
            allowed: all.chain([config.api.host.to_lowercase()]).collect(),
            // each request of a Python API listens on a port of its own
            port: port.filter(|port| *port != 0 && !report.accept_unsigned),
            room: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Returns the host to call for the name in a query, if it is allowed.
    fn host<'a>(&'a self, named: &'a str) -> Option<&'a str> {
        if HERE.contains(&named.to_lowercase().as_str()) {
            return Some(&self.api_host);
        }
        self.allowed
            .contains(&named.to_lowercase())
            .then_some(named)
    }

    /// Waits for room for one more call. The room is kept until the permit is dropped.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).acquire_owned().await.ok()
    }

    /// Sends the nonce. If nobody listens, that is not an error: the report is stored.
    pub(crate) async fn send(&self, socket: &Socket) {
        if socket.port == 0 {
            return;
        }
        if self.port.is_some_and(|port| port != socket.port) || !is_nonce(&socket.nonce) {
            tracing::warn!(
                port = socket.port,
                "a call-back is not for the API's listener"
            );
            return;
        }
        let Some(host) = self.host(&socket.host) else {
            tracing::warn!(
                host = socket.host.escape_debug().to_string(),
                "a call-back host is not allowed"
            );
            return;
        };
        let call = async {
            let mut stream = TcpStream::connect((host, socket.port)).await?;
            stream.write_all(socket.nonce.as_bytes()).await?;
            stream.shutdown().await
        };
        match tokio::time::timeout(TIMEOUT, call).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(host, port = socket.port, %error, "nobody waits"),
            Err(_) => tracing::debug!(host, port = socket.port, "the call-back took too long"),
        }
    }
}

/// Whether this is a nonce: 32 hex digits, and nothing else that a listener could read as a command.
fn is_nonce(nonce: &str) -> bool {
    nonce.len() == NONCE && nonce.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_32_hex_digits() {
        assert!(is_nonce("0123456789abcdef0123456789ABCDEF"));
        for other in [
            "",
            &"0".repeat(31),
            &"0".repeat(33),
            &"g".repeat(32),
            &"é".repeat(16),
        ] {
            assert!(!is_nonce(other), "{other}");
        }
    }

    #[test]
    fn only_the_api_and_listed_hosts_are_called() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        let config = serde_json::json!({
            "api": {"host": "api.example"}, "report": {"callback_hosts": ["10.0.0.7"]},
        });
        std::fs::write(&file, config.to_string()).unwrap();
        let callback = Callback::new(&Config::from_file(&file).unwrap());
        for here in HERE.into_iter().chain(["LocalHost"]) {
            assert_eq!(callback.host(here), Some("api.example"));
        }
        assert_eq!(callback.host("API.example"), Some("API.example"));
        assert_eq!(callback.host("10.0.0.7"), Some("10.0.0.7"));
        for other in [
            "169.254.169.254",
            "10.0.0.70",
            "evil.example",
            "",
            "127.0.0.2",
            "[::1]",
        ] {
            assert_eq!(callback.host(other), None, "{other}");
        }
    }
}
