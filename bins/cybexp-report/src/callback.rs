//! The call to the API that a report is ready.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tahoe_core::Socket;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The number of calls at once.
const AT_ONCE: usize = 256;

/// Names that stand for the API's host.
const HERE: [&str; 3] = ["0.0.0.0", "127.0.0.1", "localhost"];

/// The hosts that the daemon may call. A query must not make it connect to any other host.
#[derive(Debug)]
pub(crate) struct Callback {
    api_host: String,
    allowed: HashSet<String>,
    room: Arc<Semaphore>,
}

impl Callback {
    pub(crate) fn new(api_host: &str, allowed: &[String]) -> Self {
        let all = allowed.iter().map(|host| host.to_lowercase());
        Self {
            api_host: api_host.to_owned(),
            allowed: all.chain([api_host.to_lowercase()]).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_api_and_listed_hosts_are_called() {
        let callback = Callback::new("api.example", &["10.0.0.7".to_owned()]);
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
