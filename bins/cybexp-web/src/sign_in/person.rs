//! Extractors: who sends the request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, Uri};
use cybexp_client::Client;

use super::{Person, Session};
use crate::app::App;
use crate::error::WebError;

/// Anybody: the session, if the browser has one.
pub(crate) struct Visitor(pub(crate) Option<Session>);

/// A person who is signed in.
#[derive(Clone)]
pub(crate) struct SignedIn {
    pub(crate) email: String,
    /// A client of the API with the person's token.
    pub(crate) client: Client,
    pub(crate) session: Session,
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        app: &Arc<App>,
    ) -> Result<Self, Self::Rejection> {
        Ok(Self(app.cookies.read(&parts.headers)))
    }
}

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = WebError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, WebError> {
        let session = app.cookies.read(&parts.headers);
        let known = session.and_then(|session| {
            let Person { email, token } = session.person.clone()?;
            Some(Self {
                client: app.client.with_token(token.into()),
                email,
                session,
            })
        });
        known.ok_or_else(|| WebError::SignedOut(Some(way_back(&parts.method, &parts.uri))))
    }
}

/// Returns the path to which a person comes back once signed in. What was posted is not posted again.
fn way_back(method: &Method, uri: &Uri) -> String {
    match *method == Method::GET {
        true => uri
            .path_and_query()
            .map_or_else(|| "/".to_owned(), ToString::to_string),
        false => "/".to_owned(),
    }
}
