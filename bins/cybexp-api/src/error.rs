//! The errors of requests: a status and a message, as the Python API gave them.

use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cybexp_store::StoreError;
use serde::Serialize;
use serde_json::{Value, json};
use tahoe_core::submission::RecordError;
use utoipa::ToSchema;

use crate::pool::PoolError;
use crate::turns::TooManyWait;

/// The error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The request is wrong; the message names the field.
    #[error("{0}")]
    BadRequest(String),
    /// The query fails; this is its report, whose data is the reason.
    #[error("{0}")]
    Failed(String, Box<Value>),
    /// The thing does not exist, or the caller may not see it.
    #[error("{0}")]
    NotFound(String),
    /// The caller is unknown, or lacks the right.
    #[error("{0}")]
    Unauthorized(String),
    /// The request is longer than this many bytes.
    #[error("the request is larger than {0} bytes")]
    TooLarge(u64),
    /// The submission has more records than this.
    #[error("the submission has more than {0} records")]
    TooManyRecords(usize),
    /// Records cannot be stored, because they are too large.
    #[error("{}", too_large(.0))]
    Records(Vec<LargeRecord>),
    /// Too many submissions are in work.
    #[error("too much is being submitted at once: try again later")]
    Busy,
    /// Too many questions are in work.
    #[error("too much is being asked at once: try again later")]
    Crowded,
    /// Too many listen to new events, or the caller does so too often at once.
    #[error("too many connections listen to new events: try again later")]
    ListensOften,
    /// The database does not tell of new events.
    #[error("new events cannot be followed: try again later")]
    Unfollowed,
    /// The client stopped sending.
    #[error("the request came too slowly")]
    TooSlow,
    /// The client has tried too often, and may try again after this many seconds.
    #[error("too many attempts: try again in {0} s")]
    TooMany(u64),
    /// The database fails.
    #[error("Database down!")]
    Database(#[from] StoreError),
    /// The API failed.
    #[error("Server Error!")]
    Internal(#[from] anyhow::Error),
}

/// A record that is too large to be stored.
#[derive(Debug)]
pub(crate) struct LargeRecord {
    /// Its number, beginning with 1.
    pub(crate) n: usize,
    /// Whether the submission has other records.
    pub(crate) among_others: bool,
    pub(crate) error: RecordError,
}

fn too_large(bad: &[LargeRecord]) -> String {
    match bad {
        [] => String::new(),
        [one] if !one.among_others => one.error.to_string(),
        [first, rest @ ..] => {
            let more = match rest.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            format!("record {}: {}{more}", first.n, first.error)
        }
    }
}

/// A message for people.
#[derive(Serialize, ToSchema)]
pub(crate) struct Message {
    /// The message.
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

/// Returns the error of a field that is missing or wrong.
pub(crate) fn bad(field: &str, reason: impl std::fmt::Display) -> ApiError {
    ApiError::BadRequest(format!("field {field}: {reason}"))
}

impl ApiError {
    /// Returns the body of the response: the message, and the report of a query that failed. CYBEX-P's own web client reads
    /// `data` whatever the status, and asks forever if it is missing.
    pub(crate) fn body(&self) -> Value {
        let mut body = match self {
            Self::Failed(_, report) => Value::clone(report),
            // programs leave these records out, and submit the others again
            Self::Records(bad) => {
                let bad = bad.iter().map(
                    |LargeRecord { n, error, .. }| json!({"n": n, "reason": error.to_string()}),
                );
                json!({"bad": bad.collect::<Vec<_>>()})
            }
            _ => json!({}),
        };
        body["message"] = self.to_string().into();
        body
    }
}

impl From<TooManyWait> for ApiError {
    fn from(_: TooManyWait) -> Self {
        Self::Crowded
    }
}

impl From<PoolError> for ApiError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::TooManyWait => Self::Crowded,
            PoolError::Panicked => Self::Internal(error.into()),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::BadRequest(_) | Self::Failed(..) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
            Self::TooLarge(_) | Self::TooManyRecords(_) | Self::Records(_) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::Busy | Self::Crowded | Self::Unfollowed => StatusCode::SERVICE_UNAVAILABLE,
            Self::ListensOften => StatusCode::TOO_MANY_REQUESTS,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooMany(seconds) => {
                let after = [(RETRY_AFTER, seconds.to_string())];
                let status = StatusCode::TOO_MANY_REQUESTS;
                return (status, after, Json(self.body())).into_response();
            }
            Self::Database(error) => {
                tracing::error!(%error, "the database fails");
                StatusCode::INTERNAL_SERVER_ERROR
            }
            Self::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        let mut response = (status, Json(self.body())).into_response();
        if let Self::Busy | Self::Crowded | Self::ListensOften | Self::Unfollowed = self {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
