//! JSON bodies, with errors in the API's own shape.

use axum::Json;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::parts::SILENCE;

/// The longest JSON body; submissions have a limit of their own.
pub(crate) const JSON_BYTES: usize = 1 << 20;

/// A JSON body of type `T`; whatever is wrong with it is a 400 that says so.
pub(crate) struct Body<T>(pub(crate) T);

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = tokio::time::timeout(SILENCE, Json::<T>::from_request(request, state));
        match read.await.map_err(|_| ApiError::TooSlow)? {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::TooLarge(JSON_BYTES as u64))
            }
            Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
        }
    }
}
