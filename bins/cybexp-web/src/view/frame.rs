//! The frame of every page: head, bar, and the end.

use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::assets::{ICON, SCRIPT, STYLE};
use crate::csrf::CSRF;
use crate::menu::MENU;
use crate::sign_in::SignedIn;

/// The mark at which a frame is cut in two. It cannot stand in a page otherwise, because texts are escaped.
const CUT: &str = "<!--parts-->";

/// A page that is whole.
pub(crate) struct Page(Markup);

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        Html(self.0.into_string()).into_response()
    }
}

/// Makes a page for a person who is signed in.
pub(crate) fn page(person: &SignedIn, title: &str, body: &Markup) -> Page {
    Page(frame(title, &bar(person, ""), body, None))
}

/// Makes a page that the browser loads again after some seconds.
pub(crate) fn moving_page(
    person: &SignedIn,
    title: &str,
    body: &Markup,
    again_s: Option<u32>,
) -> Page {
    Page(frame(title, &bar(person, ""), body, again_s))
}

/// Makes a page for anybody.
pub(crate) fn plain_page(title: &str, body: &Markup) -> Page {
    Page(frame(title, &html! {}, body, None))
}

/// Makes the beginning and the end of a page whose parts come one after the other. `searched` stands in the search box.
pub(crate) fn halves(person: &SignedIn, title: &str, searched: &str) -> (String, String) {
    let whole = frame(
        title,
        &bar(person, searched),
        &PreEscaped(CUT.to_owned()),
        None,
    );
    let whole = whole.into_string();
    let (begin, end) = whole.split_once(CUT).unwrap_or((&whole, ""));
    (begin.to_owned(), end.to_owned())
}

/// Makes the field that lets a form be read.
pub(crate) fn csrf(person: &SignedIn) -> Markup {
    html! { input type="hidden" name=(CSRF) value=(person.session.form_token()); }
}

fn bar(person: &SignedIn, searched: &str) -> Markup {
    html! {
        form.search.compact role="search" aria-label="Anywhere" action="/search" method="get" {
            label.hidden for="q" { "Search a value" }
            input #q type="search" name="q" value=(searched) placeholder="address, host, URL, hash, command…"
                autocomplete="off" spellcheck="false" maxlength="4096" data-focus="/";
            button type="submit" { "Search" }
        }
        nav aria-label="Pages" {
            ul {
                @for (path, name) in MENU {
                    li { a href=(path) { (name) } }
                }
            }
        }
        form.leave action="/sign-out" method="post" {
            (csrf(person))
            a href="/account" { bdi { (super::text::plain(&person.email, 40)) } }
            button.quiet type="submit" { "Sign out" }
        }
    }
}

fn frame(title: &str, bar: &Markup, body: &Markup, again_s: Option<u32>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = again_s { meta http-equiv="refresh" content=(seconds); }
                title { (title) " · CYBEX-P" }
                link rel="icon" type="image/svg+xml" href=(ICON.path());
                link rel="stylesheet" href=(STYLE.path());
                script src=(SCRIPT.path()) defer {}
            }
            body {
                a.skip href="#main" { "To the content" }
                header { a.brand href="/" { "CYBEX-P" } (bar) }
                main #main tabindex="-1" { (body) }
            }
        }
    }
}
