//! The work that a request with questions makes, which decides where it is done.

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;
use tahoe_core::Hash;

use crate::app::App;
use crate::error::ApiError;

/// The longest body, and the most bytes of reports, that are small.
pub(super) const SMALL_BYTES: usize = 16 << 10;
/// The most questions that are few.
const FEW: usize = 8;

/// The work of a request, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    /// Work of less than a millisecond, which is done at once.
    Light,
    /// Work that is done in the pool, where users take turns, for others wait for the threads that serve connections.
    Heavy,
}

impl Load {
    /// The load of so many bytes to be parsed, or of reports of so many bytes.
    pub(super) fn of_body(bytes: usize) -> Self {
        match bytes > SMALL_BYTES {
            true => Self::Heavy,
            false => Self::Light,
        }
    }

    /// The load of so many questions.
    pub(super) fn of_count(questions: usize) -> Self {
        match questions > FEW {
            true => Self::Heavy,
            false => Self::Light,
        }
    }

    /// The greater of two loads.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Light, Self::Light) => Self::Light,
            (Self::Heavy, _) | (_, Self::Heavy) => Self::Heavy,
        }
    }

    /// Does a job of this user.
    ///
    /// # Errors
    /// Too many jobs wait, or the job panicked.
    pub(super) async fn run<T: Send + 'static>(
        self,
        app: &App,
        user: Hash,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        match self {
            Self::Light => Ok(job()),
            Self::Heavy => Ok(app.pool.run(user, job).await?),
        }
    }

    /// Does work of this user in between which the database answers.
    ///
    /// # Errors
    /// Too many jobs wait, or the work panicked.
    pub(super) async fn drive<T: Send + 'static>(
        self,
        app: &App,
        user: Hash,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, ApiError> {
        match self {
            Self::Light => Ok(work.await),
            Self::Heavy => Ok(app.pool.drive(user, work).await?),
        }
    }

    /// Makes a response of this value.
    ///
    /// # Errors
    /// Too many jobs wait, or the value has no JSON.
    pub(crate) async fn respond(
        self,
        app: &App,
        user: Hash,
        status: StatusCode,
        value: impl Serialize + Send + 'static,
    ) -> Result<Response, ApiError> {
        let text = self.run(app, user, move || serde_json::to_vec(&value));
        let text = text.await?.map_err(anyhow::Error::from)?;
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = status;
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        Ok(response)
    }
}
