//! The stream of new events, and the end of subscriptions to them.

use reqwest::Response;
use reqwest::header::{ACCEPT, HeaderName};

use serde_json::Value;

use crate::{CONNECT, Client, ClientError};

/// The header by which a client says which event it had last.
const LAST_EVENT: HeaderName = HeaderName::from_static("last-event-id");

/// New events as they come, as the text of server-sent events.
#[derive(Debug)]
pub struct LiveEvents(Response);

impl Client {
    /// Listens for new events of the organisations of the token's user, from the one behind `last`, if the API still has
    /// them.
    pub async fn live(&self, last: Option<&str>) -> Result<LiveEvents, ClientError> {
        let mut request = self.http.get(self.url("live"));
        request = request.header(ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header(LAST_EVENT, last);
        }
        Ok(LiveEvents(self.send(request).await?))
    }

    /// Deletes what is at this path, and returns the answer.
    pub async fn delete(&self, path: &str) -> Result<Value, ClientError> {
        let request = self.http.delete(self.url(path)).timeout(CONNECT);
        self.json(self.send(request).await?).await
    }
}

impl LiveEvents {
    /// Waits for the next piece of the text, which may end anywhere. Returns `None` at its end, or when the connection
    /// breaks.
    pub async fn piece(&mut self) -> Option<Vec<u8>> {
        let piece = self.0.chunk().await.ok()??;
        Some(piece.to_vec())
    }
}
