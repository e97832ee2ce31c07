//! The ping, which tells that the API runs.

use axum::Json;

use crate::error::Message;

/// Check that the API runs
#[utoipa::path(get, path = "/ping", responses((status = 200, description = "The API runs.", body = Message)))]
pub(crate) async fn ping() -> Json<Message> {
    Message::new("pong")
}
