//! The pages, one file each, and the table of their routes.

mod account;
mod event;
mod export;
mod org;
mod post;
mod posted;
mod search;
mod session;
mod sign_in;
mod value;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};

use crate::app::App;
use crate::assets::asset;
use crate::error::WebError;
use crate::guard::guard;

/// A page: its path, its name in the menu, and what answers.
pub(crate) struct PageEntry {
    pub(crate) path: &'static str,
    /// The name in the menu, if the page stands in it.
    pub(crate) menu: Option<&'static str>,
    route: fn() -> MethodRouter<Arc<App>>,
}

const fn page(
    path: &'static str,
    menu: Option<&'static str>,
    route: fn() -> MethodRouter<Arc<App>>,
) -> PageEntry {
    PageEntry { path, menu, route }
}

/// All pages. The menu shows them in this order.
pub(crate) const PAGES: &[PageEntry] = &[
    page("/", Some("Search"), || get(search::home)),
    page("/search", None, || get(search::one).post(search::many)),
    page("/value", None, || get(value::value)),
    page("/value/export", None, || get(export::export)),
    page("/event", None, || get(event::event)),
    page("/session", None, || get(session::session)),
    page("/post", Some("Post"), || get(post::form).post(post::check)),
    page("/post/send", None, || post(posted::send)),
    page("/posted", None, || get(posted::posted)),
    page("/account", Some("Account"), || get(account::account)),
    page("/account/new", None, || post(account::create)),
    page("/account/membership", None, || post(account::membership)),
    page("/org", None, || get(org::org).post(org::change)),
    page("/sign-in", None, || {
        get(sign_in::form).post(sign_in::sign_in)
    }),
    page("/sign-out", None, || post(sign_in::sign_out)),
];

/// Returns the routes of all pages.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for page in PAGES {
        router = router.route(page.path, (page.route)());
    }
    router
        .route("/assets/{version}/{name}", get(asset))
        .fallback(async || WebError::NotFound("There is no such page.".to_owned()))
        .method_not_allowed_fallback(async || {
            WebError::NotFound("There is no such page.".to_owned())
        })
        // forms count their own bytes
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn(guard))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_there_once() {
        let mut paths: Vec<&str> = PAGES.iter().map(|page| page.path).collect();
        paths.sort_unstable();
        let all = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), all);
    }
}
