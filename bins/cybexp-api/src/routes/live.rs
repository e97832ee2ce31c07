//! `GET /live`: new events as they come, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::stream;

use crate::app::App;
use crate::auth::{Caller, unix_now};
use crate::error::{ApiError, Message};
use crate::live::{LastEvent, listen};

/// The time that the database may take until it is followed.
const FOLLOWED: Duration = Duration::from_secs(10);
/// Header by which a browser says which event it had last.
const LAST_EVENT: &str = "last-event-id";

/// Watch new events of the caller's organisations as they come
///
/// Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>). `news` has as data
/// `{"event": {"_hash", "sub_type", "orgid", "timestamp", "category", "values": [{"sub_type", "data"}]}}`, with at most
/// five values; a value with `"cut": true` is the beginning of a longer text. Of a batch with many events 25 are told, and
/// `more` says how many there were besides: `{"orgid", "more"}`. `gap` says that events after a time, in Unix seconds, were
/// not told: `{"since"}`. A client that comes back within an hour with the header `Last-Event-ID` is told what it missed; it
/// may be told an event twice, and knows it by its `_hash`. The stream ends when the caller's token does. Observed events
/// are told when they are first made; derived events, verdicts, and what a new version of a filter makes of old data, are not.
#[utoipa::path(get, path = "/live", security(("bearer" = [])),
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that the client has.")),
    responses(
        (status = 200, description = "The events, as long as the client listens.", body = serde_json::Value, content_type = "text/event-stream"),
        (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
        (status = 429, description = "The caller listens too often at once, or too many do: try again after the seconds in `Retry-After`.", body = Message),
        (status = 503, description = "The database does not answer: try again after the seconds in `Retry-After`.", body = Message),
    ))]
pub(crate) async fn live(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let last = headers.get(LAST_EVENT).map(|last| {
        let last = last.to_str().ok().and_then(|last| last.parse().ok());
        // an id that is none of ours: nobody knows since when events are missing
        last.ok_or(unix_now() as f64)
    });
    let last: Option<Result<LastEvent, f64>> = last;
    let seat = app
        .live
        .sit(caller.user.hash())
        .map_err(|_| ApiError::ListensOften)?;
    if !seat.is_followed(FOLLOWED).await {
        return Err(ApiError::Unfollowed);
    }
    let pieces = listen(Arc::clone(&app), caller, seat, last);
    let pieces = stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await?;
        Some((Ok::<Bytes, Infallible>(piece), pieces))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx would collect it otherwise
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}
