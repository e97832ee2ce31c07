//! What a request can come to besides success: a status and a message, as the Python API gave them.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cybexp_store::StoreError;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is wrong; the message names the field.
    #[error("{0}")]
    BadRequest(String),
    /// The query fails; this is its report, whose data is the reason.
    #[error("{0}")]
    Failed(String, Box<Value>),
    /// There is no such thing, or the caller may not know of it.
    #[error("{0}")]
    NotFound(String),
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

impl ApiError {
    /// The message, and of a query that failed its report, too: CYBEX-P's own web client looks for `data`, whatever the
    /// status, and asks for ever where there is none.
    pub(crate) fn body(&self) -> Value {
        let mut body = match self {
            Self::Failed(_, report) => Value::clone(report),
            _ => json!({}),
        };
        body["message"] = self.to_string().into();
        body
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::BadRequest(_) | Self::Failed(..) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
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
        (status, Json(self.body())).into_response()
    }
}
