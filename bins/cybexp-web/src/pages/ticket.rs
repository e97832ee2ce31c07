//! Signing in by a ticket.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use metrics::counter;

use crate::app::App;
use crate::csrf::CSRF;
use crate::form::VisitorForm;
use crate::params::Params;
use crate::sign_in::{Session, Visitor};
use crate::view::frame::plain_page;

/// The time for which the form is good, in seconds.
const FORM_S: u64 = 600;
/// The name of the ticket's parameter and field.
const TICKET: &str = "ticket";

/// `GET /sign-in/ticket`: asks whether to sign in, for a browser may open a link before a person does.
pub(crate) async fn form(
    State(app): State<Arc<App>>,
    Visitor(session): Visitor,
    params: Params,
) -> Response {
    if session.as_ref().is_some_and(|one| one.person.is_some()) {
        return Redirect::to("/").into_response();
    }
    let ticket = params.get(TICKET).unwrap_or_default();
    let Some(person) = app.tickets.look(ticket) else {
        return used();
    };
    let session = session.unwrap_or_else(|| Session::begin(None, FORM_S));
    let body = html! {
        section.narrow {
            h1 { "Sign in" }
            form action="/sign-in/ticket" method="post" {
                input type="hidden" name=(CSRF) value=(session.form_token());
                input type="hidden" name=(TICKET) value=(ticket);
                button.main type="submit" autofocus { "Sign in as " (person.email) }
            }
            p.note { "This link works once." }
        }
    };
    let cookie = [(SET_COOKIE, app.cookies.keep(&session))];
    (cookie, plain_page("Sign in", &body)).into_response()
}

/// `POST /sign-in/ticket`: signs in.
pub(crate) async fn sign_in(
    State(app): State<Arc<App>>,
    VisitorForm(fields): VisitorForm,
) -> Response {
    let Some(person) = app.tickets.take(fields.get(TICKET).unwrap_or_default()) else {
        return used();
    };
    counter!("cybexp_web_sign_ins_total", "outcome" => "ticket").increment(1);
    let session = Session::begin(Some(person), app.session_s);
    let cookie = [(SET_COOKIE, app.cookies.keep(&session))];
    (cookie, Redirect::to("/")).into_response()
}

fn used() -> Response {
    let body = html! {
        section.narrow {
            h1 { "This link was used, or is too old" }
            p { "Press Enter in the terminal of " code { "cybexp up" } " for a new one, or " a href="/sign-in" { "sign in with a password" } "." }
        }
    };
    (StatusCode::GONE, plain_page("Sign in", &body)).into_response()
}
