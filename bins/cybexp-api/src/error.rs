//! What a request can come to besides success: a status and a message, as the Python API gave them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cybexp_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is wrong; the message names the field.
    #[error("{0}")]
    BadRequest(String),
    /// Nobody we know, or nobody who may.
    #[error("{0}")]
    Unauthorized(String),
    /// Longer than this many bytes.
    #[error("the request is larger than {0} bytes")]
    TooLarge(u64),
    /// The client sends nothing any more.
    #[error("the request came too slowly")]
    TooSlow,
    /// The database is away.
    #[error("Database down!")]
    Database(#[from] StoreError),
    /// Our fault.
    #[error("Server Error!")]
    Internal(#[from] anyhow::Error),
}

/// What an error's body holds.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// What happened.
    #[schema(example = "See result.")]
    pub(crate) message: String,
}

impl Message {
    pub(crate) fn new(message: impl Into<String>) -> Json<Self> {
        Json(Self {
            message: message.into(),
        })
    }
}

/// A request whose field is missing or wrong.
pub(crate) fn bad(field: &str, reason: impl std::fmt::Display) -> ApiError {
    ApiError::BadRequest(format!("field {field}: {reason}"))
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Database(error) => {
                tracing::error!(%error, "the database fails");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Message::new(self.to_string())).into_response()
    }
}
