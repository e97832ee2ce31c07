//! Signing in and out.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use cybexp_client::ClientError;
use cybexp_service::Peer;
use maud::{Markup, html};
use metrics::counter;
use secrecy::SecretString;

use crate::app::App;
use crate::csrf::CSRF;
use crate::error::WebError;
use crate::form::{PersonForm, VisitorForm};
use crate::params::Params;
use crate::sign_in::{Person, Session, Visitor};
use crate::view::frame::plain_page;
use crate::view::time::span;

/// The time for which a form to sign in is good, in seconds.
const FORM_S: u64 = 3600;

/// `GET /sign-in`: the form.
pub(crate) async fn form(
    State(app): State<Arc<App>>,
    Visitor(session): Visitor,
    params: Params,
) -> Response {
    let next = local(params.get("next"));
    if session.as_ref().is_some_and(|one| one.person.is_some()) {
        return Redirect::to(next).into_response();
    }
    let session = session.unwrap_or_else(|| Session::begin(None, FORM_S));
    let page = plain_page("Sign in", &body(&session, next, "", None));
    ([(SET_COOKIE, app.cookies.keep(&session))], page).into_response()
}

/// `POST /sign-in`: checks the password.
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    peer: Option<axum::Extension<Arc<Peer>>>,
    headers: HeaderMap,
    VisitorForm(fields): VisitorForm,
) -> Result<Response, WebError> {
    let email = fields.get("email").unwrap_or_default().trim();
    let next = local(fields.get("next"));
    let address = address(&app, peer.map(|peer| peer.0.address), &headers);
    if let Err(wait) = app.tries.take(address, email) {
        counter!("cybexp_web_sign_ins_total", "outcome" => "too_many").increment(1);
        let reason = format!(
            "Too many wrong passwords. Try again in {}.",
            span(wait.as_secs_f64())
        );
        let mut response = again(&app, StatusCode::TOO_MANY_REQUESTS, next, email, &reason);
        let seconds = HeaderValue::from(wait.as_secs() + 1);
        response.headers_mut().insert(RETRY_AFTER, seconds);
        return Ok(response);
    }
    let password = SecretString::from(fields.get("password").unwrap_or_default().to_owned());
    match app.client.login(email, &password).await {
        Ok(token) => {
            app.tries.right(address, email);
            counter!("cybexp_web_sign_ins_total", "outcome" => "right").increment(1);
            let person = Person {
                email: email.to_owned(),
                token: secrecy::ExposeSecret::expose_secret(&token).to_owned(),
            };
            // a new session, so that nobody can have planted its token
            let session = Session::begin(Some(person), app.session_s);
            let cookie = [(SET_COOKIE, app.cookies.keep(&session))];
            Ok((cookie, Redirect::to(next)).into_response())
        }
        Err(ClientError::Unauthorized(_) | ClientError::Refused { .. }) => {
            counter!("cybexp_web_sign_ins_total", "outcome" => "wrong").increment(1);
            let reason = "There is no such user, or the password is wrong.";
            Ok(again(&app, StatusCode::UNAUTHORIZED, next, email, reason))
        }
        Err(error) => {
            // not the person's fault
            app.tries.right(address, email);
            Err(error.into())
        }
    }
}

/// `POST /sign-out`: revokes the token.
pub(crate) async fn sign_out(
    State(app): State<Arc<App>>,
    PersonForm(person, _): PersonForm,
) -> Response {
    if let Err(error) = person.client.logout().await {
        tracing::info!(error = error.brief(), "a token was not revoked at sign-out");
    }
    let cookie = [(SET_COOKIE, app.cookies.forget())];
    (cookie, Redirect::to("/sign-in")).into_response()
}

fn again(app: &App, status: StatusCode, next: &str, email: &str, reason: &str) -> Response {
    let session = Session::begin(None, FORM_S);
    let page = plain_page("Sign in", &body(&session, next, email, Some(reason)));
    let cookie = [(SET_COOKIE, app.cookies.keep(&session))];
    (status, cookie, page).into_response()
}

fn body(session: &Session, next: &str, email: &str, reason: Option<&str>) -> Markup {
    html! {
        section.narrow {
            h1 { "Sign in" }
            @if let Some(reason) = reason { div.notice.bad role="alert" { (reason) } }
            form action="/sign-in" method="post" {
                input type="hidden" name=(CSRF) value=(session.form_token());
                input type="hidden" name="next" value=(next);
                label for="email" { "E-mail address" }
                input #email type="email" name="email" value=(email) required autocomplete="username" autofocus[email.is_empty()];
                label for="password" { "Password" }
                input #password type="password" name="password" required autocomplete="current-password"
                    autofocus[!email.is_empty()];
                button.main type="submit" { "Sign in" }
            }
            p.note { "Accounts are made by whoever runs this CYBEX-P. The password is checked by its API and kept nowhere here." }
        }
    }
}

/// Returns the path to go to: one of these pages, never another site.
fn local(next: Option<&str>) -> &str {
    let own = |next: &&str| {
        next.starts_with('/')
            && !next.starts_with("//")
            && !next.contains('\\')
            && !next.chars().any(char::is_control)
            && next.is_ascii()
    };
    next.filter(own).unwrap_or("/")
}

/// Returns the client's address.
fn address(app: &App, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
    let forwarded = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?;
        last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
    };
    let told = app.behind_proxy.then(forwarded).flatten();
    told.or(peer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_to_another_site() {
        for own in ["/", "/value?type=ipv4&data=203.0.113.9"] {
            assert_eq!(local(Some(own)), own);
        }
        for other in [
            "//evil.example/",
            "https://evil.example/",
            "/\\evil.example",
            "/a\r\nSet-Cookie: b",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(local(Some(other)), "/", "{other}");
        }
        assert_eq!(local(None), "/");
    }
}
