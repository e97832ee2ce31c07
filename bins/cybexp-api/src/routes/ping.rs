//! Whether anybody is there.

use axum::Json;

use crate::error::Message;

/// Whether the API is there
#[utoipa::path(get, path = "/ping", responses((status = 200, description = "It is.", body = Message)))]
pub(crate) async fn ping() -> Json<Message> {
    Message::new("pong")
}
