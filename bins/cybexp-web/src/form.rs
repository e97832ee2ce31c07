//! Forms that were sent. None is read unless it carries its session's token.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{BodyDataStream, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use futures::StreamExt;

use crate::app::App;
use crate::csrf::CSRF;
use crate::error::WebError;
use crate::params::Params;
use crate::sign_in::{Session, SignedIn, Visitor};

/// The longest form without files, in bytes.
pub(crate) const FORM_BYTES: usize = 1 << 20;
/// The longest pause of a browser in the middle of a form.
pub(crate) const SILENCE: Duration = Duration::from_secs(30);
/// The time for which a browser whose form was refused may go on sending. It reads the response only after that.
pub(crate) const LINGER: Duration = Duration::from_secs(10);

/// A form of a person who is signed in.
pub(crate) struct PersonForm(pub(crate) SignedIn, pub(crate) Params);

/// A form of somebody who may not be signed in.
pub(crate) struct VisitorForm(pub(crate) Params);

impl FromRequest<Arc<App>> for PersonForm {
    type Rejection = WebError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, WebError> {
        let (mut parts, body) = request.into_parts();
        let person = SignedIn::from_request_parts(&mut parts, app).await?;
        let fields = read(Request::from_parts(parts, body)).await?;
        check(Some(&person.session), fields.get(CSRF))?;
        Ok(Self(person, fields))
    }
}

impl FromRequest<Arc<App>> for VisitorForm {
    type Rejection = WebError;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, WebError> {
        let (mut parts, body) = request.into_parts();
        let Ok(Visitor(session)) = Visitor::from_request_parts(&mut parts, app).await;
        let fields = read(Request::from_parts(parts, body)).await?;
        check(session.as_ref(), fields.get(CSRF))?;
        Ok(Self(fields))
    }
}

/// Checks that a form carries its session's token.
///
/// # Errors
/// It does not, so that another site may have sent it.
pub(crate) fn check(session: Option<&Session>, token: Option<&str>) -> Result<(), WebError> {
    match session.zip(token) {
        Some((session, token)) if session.allows(token) => Ok(()),
        _ => Err(WebError::Forged),
    }
}

async fn read(request: Request) -> Result<Params, WebError> {
    let mut pieces = request.into_body().into_data_stream();
    let mut whole = Vec::new();
    while let Some(piece) = next(&mut pieces).await? {
        if whole.len() + piece.len() > FORM_BYTES {
            linger(pieces).await;
            return Err(WebError::TooLarge(FORM_BYTES as u64));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(Params::read(&whole))
}

async fn next(pieces: &mut BodyDataStream) -> Result<Option<Bytes>, WebError> {
    let piece = tokio::time::timeout(SILENCE, pieces.next());
    let piece = piece.await.map_err(|_| too_slow())?;
    piece
        .transpose()
        .map_err(|error| WebError::Wrong(error.to_string()))
}

/// Makes the error of a browser that stopped sending.
pub(crate) fn too_slow() -> WebError {
    WebError::Wrong("The form came too slowly.".to_owned())
}

/// Reads the rest of a form that was refused, so that the browser comes to read the response.
async fn linger(mut pieces: BodyDataStream) {
    let rest = async { while let Some(Ok(_)) = pieces.next().await {} };
    let _ = tokio::time::timeout(LINGER, rest).await;
}
