//! Multipart bodies, read a piece at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use futures::{Stream, StreamExt};

use crate::error::ApiError;

/// The longest pause of a client in the middle of its request.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// The time for which a client whose request was refused may go on sending. Most clients read the response only after they
/// have sent everything.
const LINGER: Duration = Duration::from_secs(10);
/// The most bytes outside the data of a part. The parser keeps such bytes in memory.
const NONSENSE_BYTES: usize = 256 << 10;

/// The parts of a request's body.
pub(crate) struct Parts {
    multipart: Multipart,
    source: Arc<UploadBody>,
    length: Option<u64>,
}

/// A part of a request's body.
pub(crate) struct UploadPart<'a> {
    field: Field<'a>,
    source: Arc<UploadBody>,
}

struct UploadBody {
    body: Mutex<BodyDataStream>,
    /// The number of bytes received since the parser last returned something.
    pending: AtomicUsize,
}

impl<S: Send + Sync> FromRequest<S> for Parts {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (head, body) = request.into_parts();
        let length = body.size_hint().exact();
        let source = Arc::new(UploadBody {
            body: Mutex::new(body.into_data_stream()),
            pending: AtomicUsize::new(0),
        });
        let parsed = Body::from_stream(checked(Arc::clone(&source)));
        match Multipart::from_request(Request::from_parts(head, parsed), state).await {
            Ok(multipart) => Ok(Self {
                multipart,
                source,
                length,
            }),
            Err(rejection) => {
                source.linger().await;
                Err(ApiError::BadRequest(rejection.body_text()))
            }
        }
    }
}

impl Parts {
    /// Returns the length of the body in bytes, if the client said it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Returns the next part.
    pub(crate) async fn next(&mut self) -> Result<Option<UploadPart<'_>>, ApiError> {
        let field = patient(self.multipart.next_field()).await?;
        self.source.pending.store(0, Ordering::Relaxed);
        Ok(field.map(|field| UploadPart {
            field,
            source: Arc::clone(&self.source),
        }))
    }

    /// Reads the rest of the request, so that the client comes to read the response.
    pub(crate) async fn linger(self) {
        drop(self.multipart);
        self.source.linger().await;
    }
}

impl UploadPart<'_> {
    /// Returns the field's name.
    pub(crate) fn name(&self) -> &str {
        self.field.name().unwrap_or_default()
    }

    /// Returns the file's name, if the client gave one.
    pub(crate) fn filename(&self) -> Option<&str> {
        self.field.file_name()
    }

    /// Returns the next bytes of the part's data.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let chunk = patient(self.field.chunk()).await?;
        self.source.pending.store(0, Ordering::Relaxed);
        Ok(chunk)
    }
}

impl UploadBody {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, axum::Error>>> {
        let mut body = self.body.lock().unwrap_or_else(PoisonError::into_inner);
        body.poll_next_unpin(cx)
    }

    async fn linger(&self) {
        linger(futures::stream::poll_fn(|cx| self.poll(cx))).await;
    }
}

/// Reads the rest of the request, so that the client comes to read the response.
pub(crate) async fn linger(rest: impl Stream<Item = Result<Bytes, axum::Error>>) {
    let mut rest = std::pin::pin!(rest);
    let rest = async { while let Some(Ok(_)) = rest.next().await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}

/// Returns the pieces of the body, one at a time.
fn checked(source: Arc<UploadBody>) -> impl Stream<Item = Result<Bytes, axum::Error>> {
    let mut given = false;
    futures::stream::poll_fn(move |cx| {
        // the parser reads on for as long as there is something, all of it into memory
        if std::mem::take(&mut given) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let next = ready!(source.poll(cx));
        let Some(Ok(bytes)) = &next else {
            return Poll::Ready(next);
        };
        given = true;
        let before = source.pending.fetch_add(bytes.len(), Ordering::Relaxed);
        Poll::Ready(match before > NONSENSE_BYTES {
            true => Some(Err(axum::Error::new("no part begins or ends"))),
            false => next,
        })
    })
}

async fn patient<T>(next: impl Future<Output = Result<T, MultipartError>>) -> Result<T, ApiError> {
    match tokio::time::timeout(SILENCE, next).await {
        Ok(result) => result.map_err(|error| ApiError::BadRequest(error.body_text())),
        Err(_) => Err(ApiError::TooSlow),
    }
}
