//! The errors of requests, as pages.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use cybexp_client::ClientError;
use maud::{Markup, html};

use crate::params::link;
use crate::view::frame::plain_page;
use crate::view::text;

/// The error of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    /// Nobody is signed in. The path is where the person wanted to go.
    #[error("nobody is signed in")]
    SignedOut(Option<String>),
    /// The form does not carry its session's token.
    #[error("the form is too old, or another site sent it")]
    Forged,
    /// The request is wrong.
    #[error("{0}")]
    Wrong(String),
    /// There is no such page or thing.
    #[error("{0}")]
    NotFound(String),
    /// The request is longer than this many bytes.
    #[error("the form is larger than {0} bytes")]
    TooLarge(u64),
    /// The API refuses or fails.
    #[error(transparent)]
    Api(#[from] ClientError),
    /// The answer was not there in time.
    #[error("the answer is not ready yet")]
    NotReady,
    /// The daemon failed.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

impl WebError {
    /// Returns what to tell a person: a heading and a sentence.
    fn told(&self) -> (&'static str, String) {
        match self {
            Self::SignedOut(_) => ("Signed out", "Sign in to go on.".to_owned()),
            Self::Forged => (
                "Not sent",
                "The form is too old, or another site sent it. Go back, reload the page, and send it again.".to_owned(),
            ),
            Self::Wrong(reason) => ("That does not work", reason.clone()),
            Self::NotFound(reason) => ("Not found", reason.clone()),
            Self::TooLarge(bytes) => {
                ("Too large", format!("At most {bytes} bytes can be sent at once."))
            }
            Self::Api(ClientError::Unauthorized(_)) => {
                ("Not allowed", "The API does not allow this user to do that.".to_owned())
            }
            Self::Api(ClientError::Refused { message, .. }) => ("That does not work", message.clone()),
            Self::Api(_) => (
                "The API does not answer",
                "Try again in a moment. If it stays like this, whoever runs CYBEX-P finds the reason in the log.".to_owned(),
            ),
            Self::NotReady => (
                "Not ready yet",
                "The answer takes longer than this page waits. Reload it to ask again.".to_owned(),
            ),
            Self::Internal(_) => (
                "Something went wrong",
                "This is an error of CYBEX-P. Whoever runs it finds the reason in the log.".to_owned(),
            ),
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::SignedOut(_) => StatusCode::UNAUTHORIZED,
            Self::Forged => StatusCode::FORBIDDEN,
            Self::Wrong(_) => StatusCode::BAD_REQUEST,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Api(ClientError::Unauthorized(_)) => StatusCode::FORBIDDEN,
            Self::Api(ClientError::Refused { .. }) => StatusCode::BAD_REQUEST,
            Self::Api(_) => StatusCode::BAD_GATEWAY,
            Self::NotReady => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Logs the error if it is one of the API or of this daemon.
    fn log(&self) {
        match self {
            Self::Api(ClientError::Unauthorized(_) | ClientError::Refused { .. }) => {}
            Self::Api(error) => tracing::warn!(%error, "the API does not answer"),
            Self::Internal(error) => tracing::error!(error = format!("{error:#}"), "a page failed"),
            _ => {}
        }
    }

    /// Returns the error as a part of a page that has begun already.
    pub(crate) fn part(&self) -> Markup {
        self.log();
        let (heading, sentence) = match self {
            // the token was taken when the person signed in, and is not taken now
            Self::Api(ClientError::Unauthorized(_)) => {
                ("Signed out", "The sign-in has ended.".to_owned())
            }
            other => other.told(),
        };
        html! {
            div.notice.bad role="alert" {
                strong { (heading) } " " (text::line(&sentence))
                @if matches!(self, Self::Api(ClientError::Unauthorized(_))) {
                    " " a href="/sign-in" { "Sign in again" }
                }
            }
        }
    }
}

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        if let Self::SignedOut(next) = &self {
            let next = next.as_deref().filter(|next| *next != "/");
            let to = link("/sign-in", &[("next", next.unwrap_or_default())]);
            return Redirect::to(&to).into_response();
        }
        self.log();
        let (heading, sentence) = self.told();
        let body = html! {
            h1 { (heading) }
            p { (text::line(&sentence)) }
            p { a href="/" { "To the search" } }
        };
        (self.status(), plain_page(heading, &body)).into_response()
    }
}
