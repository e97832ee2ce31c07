//! JSON bodies, with errors in the API's own shape.

use std::time::Duration;

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::{FromRequest, Request};
use futures::StreamExt;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::parts::{SILENCE, linger};

/// The longest JSON body; submissions have a limit of their own.
pub(crate) const JSON_BYTES: usize = 1 << 20;

/// The longest JSON body of a client that is not signed in, and the time that it may take.
const STRANGERS_BYTES: usize = 16 << 10;
const STRANGERS_TIME: Duration = Duration::from_secs(10);

/// A JSON body of type `T` of a client that is not signed in: shorter than others, and sent at once.
pub(crate) struct StrangersBody<T>(pub(crate) T);

impl<S, T> FromRequest<S> for StrangersBody<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = read(request, state, STRANGERS_BYTES, STRANGERS_TIME);
        body.await.map(Self)
    }
}

/// A JSON body of type `T`; whatever is wrong with it is a 400 that says so.
pub(crate) struct Body<T>(pub(crate) T);

impl<S, T> FromRequest<S> for Body<T>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = read(request, state, JSON_BYTES, SILENCE);
        body.await.map(Self)
    }
}

async fn read<S, T>(
    request: Request,
    state: &S,
    limit: usize,
    time: Duration,
) -> Result<T, ApiError>
where
    S: Send + Sync,
    T: DeserializeOwned,
{
    let (head, body) = request.into_parts();
    let body = tokio::time::timeout(time, whole(body, limit))
        .await
        .map_err(|_| ApiError::TooSlow)??;
    // serde would take a list for a struct
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let message = "Failed to parse the request body as JSON: it is a list, and no object";
        return Err(ApiError::BadRequest(message.to_owned()));
    }
    match Json::<T>::from_request(Request::from_parts(head, body.into()), state).await {
        Ok(Json(value)) => Ok(value),
        Err(rejection) => Err(ApiError::BadRequest(rejection.body_text())),
    }
}

async fn whole(body: HttpBody, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut pieces = body.into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| ApiError::BadRequest(error.to_string()))?;
        if whole.len() + piece.len() > limit {
            linger(pieces).await;
            return Err(ApiError::TooLarge(limit as u64));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Given {
        #[serde(default)]
        id: Option<u32>,
    }

    async fn read(text: &'static str) -> Result<Option<u32>, String> {
        let request = Request::post("/").header("content-type", "application/json");
        let request = request.body(HttpBody::from(text)).unwrap();
        let read = Body::<Given>::from_request(request, &()).await;
        read.map(|Body(given)| given.id)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_list_is_not_taken_for_an_object() {
        assert_eq!(read("{}").await, Ok(None));
        assert_eq!(read(" {\"id\": 7}").await, Ok(Some(7)));
        for list in ["[]", "\n [7]"] {
            let error = read(list).await.unwrap_err();
            assert!(error.contains("a list"), "{error}");
        }
    }
}
