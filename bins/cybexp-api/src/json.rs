//! JSON bodies, with errors in the API's own shape.

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::parts::{SILENCE, linger};

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
        let (head, body) = request.into_parts();
        let whole = whole(body);
        let body = tokio::time::timeout(SILENCE, whole)
            .await
            .map_err(|_| ApiError::TooSlow)??;
        match Json::<T>::from_request(Request::from_parts(head, body.into()), state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
        }
    }
}

async fn whole(body: HttpBody) -> Result<Vec<u8>, ApiError> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| ApiError::BadRequest(error.to_string()))?;
        if whole.len() + piece.len() > JSON_BYTES {
            linger(pieces).await;
            return Err(ApiError::TooLarge(JSON_BYTES as u64));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
