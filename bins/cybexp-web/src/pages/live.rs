//! The stream of new events, passed on from the API with the person's token.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use cybexp_client::LiveEvents;
use cybexp_service::Shutdown;
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::app::App;
use crate::error::WebError;
use crate::sign_in::SignedIn;

/// The longest time of one stream; the browser opens another one, from where this one ended.
const LONGEST: Duration = Duration::from_secs(3600);
/// The longest silence. The API says something more often.
const SILENCE: Duration = Duration::from_secs(90);

/// A stream that is passed on.
struct Passed {
    events: LiveEvents,
    until: Instant,
    shutdown: Shutdown,
    _seat: OwnedSemaphorePermit,
}

/// `GET /live`
pub(crate) async fn live(
    State(app): State<Arc<App>>,
    person: SignedIn,
    headers: HeaderMap,
) -> Result<Response, WebError> {
    let Ok(seat) = Arc::clone(&app.live_seats).try_acquire_owned() else {
        let told = "too many people listen: try again in a minute";
        return Ok((StatusCode::SERVICE_UNAVAILABLE, told).into_response());
    };
    let last = headers.get("last-event-id");
    let last = last.and_then(|last| last.to_str().ok());
    let passed = Passed {
        events: person.client.live(last).await?,
        until: Instant::now() + LONGEST,
        shutdown: app.shutdown.clone(),
        _seat: seat,
    };
    let pieces = stream::unfold(passed, async |mut passed| {
        let piece = passed.piece().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), passed))
    });
    let headers = [
        (CONTENT_TYPE, "text/event-stream"),
        // nginx would collect it otherwise
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

impl Passed {
    /// Returns the next piece; `None` when it is time to end.
    async fn piece(&mut self) -> Option<Bytes> {
        let silent = Instant::now() + SILENCE;
        tokio::select! {
            piece = self.events.piece() => piece.map(Bytes::from),
            () = tokio::time::sleep_until(self.until.min(silent)) => None,
            () = self.shutdown.begun() => None,
        }
    }
}
