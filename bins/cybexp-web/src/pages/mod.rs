//! The pages, one file each, and the table of their routes.

mod account;
mod asset;
mod category;
mod event;
mod expansion;
mod export;
mod feeds;
mod finding;
mod inputs;
mod list;
mod live;
mod org;
mod overview;
mod post;
mod posted;
mod quarantine;
mod search;
mod session;
mod sign_in;
mod ticket;
mod value;
mod verdict;
mod watch;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{MethodRouter, get, post};

use crate::app::App;
use crate::compress::compress;
use crate::error::WebError;
use crate::guard::guard;

/// A page: its path, and what answers.
struct PageEntry {
    path: &'static str,
    route: fn() -> MethodRouter<Arc<App>>,
}

const fn page(path: &'static str, route: fn() -> MethodRouter<Arc<App>>) -> PageEntry {
    PageEntry { path, route }
}

/// All pages.
const PAGES: &[PageEntry] = &[
    page("/", || get(search::home)),
    page("/search", || get(search::one).post(search::many)),
    page("/overview", || get(overview::overview)),
    page("/overview/export", || get(overview::export)),
    page("/list", || get(list::list)),
    page("/value", || get(value::value)),
    page("/value/export", || get(export::export)),
    page("/verdict", || post(verdict::judge)),
    page("/event", || get(event::event)),
    page("/event/category", || post(category::change)),
    page("/session", || get(session::session)),
    page("/session/export", || get(session::export)),
    page("/post", || get(post::form).post(post::check)),
    page("/post/send", || post(posted::send)),
    page("/posted", || get(posted::posted)),
    page("/live", || get(live::live)),
    page("/watch", || get(watch::watch).post(watch::change)),
    page("/inputs", || get(inputs::inputs)),
    page("/quarantine", || {
        get(quarantine::quarantine).post(quarantine::retry)
    }),
    page("/quarantine/raw", || get(quarantine::raw)),
    page("/feeds", || get(feeds::feeds).post(feeds::add)),
    page("/feeds/change", || post(feeds::change)),
    page("/account", || get(account::account)),
    page("/account/new", || post(account::create)),
    page("/account/membership", || post(account::membership)),
    page("/org", || get(org::org).post(org::change)),
    page("/sign-in", || get(sign_in::form).post(sign_in::sign_in)),
    page("/sign-in/ticket", || {
        get(ticket::form).post(ticket::sign_in)
    }),
    page("/sign-out", || post(sign_in::sign_out)),
];

/// Returns the paths of all pages.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|page| page.path)
}

/// Returns the routes of all pages.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for page in PAGES {
        router = router.route(page.path, (page.route)());
    }
    router
        .route("/assets/{version}/{name}", get(asset::asset))
        .fallback(async || WebError::NotFound("There is no such page.".to_owned()))
        .method_not_allowed_fallback(async || {
            WebError::NotFound("There is no such page.".to_owned())
        })
        // forms count their own bytes
        .layer(DefaultBodyLimit::disable())
        .layer(axum::middleware::from_fn(compress))
        .layer(axum::middleware::from_fn(guard))
        .with_state(app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::menu::MENU;

    #[test]
    fn every_path_is_there_once() {
        let mut paths: Vec<&str> = paths().collect();
        paths.sort_unstable();
        let all = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), all);
        assert!(MENU.iter().all(|(path, _)| paths.contains(path)));
    }
}
