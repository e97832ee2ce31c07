//! The routes and their description, made in one place so that neither can lack what the other has.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::OpenApi as Description;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::Message;
use crate::routes::{identity, login, ping, query, raw};

/// The longest JSON body; submissions have a limit of their own.
const JSON_BYTES: usize = 1 << 20;

#[derive(OpenApi)]
#[openapi(
    info(title = "CYBEX-P API", description = "Takes submissions of threat data and questions about it."),
    modifiers(&Bearer)
)]
struct ApiDoc;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, description: &mut Description) {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT");
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
    }
}

fn routes() -> OpenApiRouter<Arc<App>> {
    let json = OpenApiRouter::new()
        .routes(routes!(ping::ping))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(query::query))
        .routes(routes!(identity::create_user))
        .routes(routes!(identity::create_org))
        .routes(routes!(identity::org_add_user))
        .routes(routes!(identity::org_del_user))
        .routes(routes!(identity::org_info))
        .routes(routes!(identity::orgs_admin_of))
        .routes(routes!(identity::orgs_user_of))
        .routes(routes!(identity::user_info_self))
        .layer(DefaultBodyLimit::max(JSON_BYTES));
    let uploads = OpenApiRouter::new()
        .routes(routes!(raw::raw))
        // the handler counts the file's bytes as they come
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(json)
        .merge(uploads)
}

/// The OpenAPI description of the API.
pub fn description() -> Description {
    routes().split_for_parts().1
}

/// All routes, and the description at `/openapi.json`.
pub fn router(app: Arc<App>) -> Router {
    let (router, description) = routes().split_for_parts();
    router
        .route("/openapi.json", get(async || Json(description)))
        .fallback(async || (StatusCode::NOT_FOUND, Message::new("there is no such path")))
        .method_not_allowed_fallback(async || {
            (
                StatusCode::METHOD_NOT_ALLOWED,
                Message::new("the path does not take this method"),
            )
        })
        .with_state(app)
}
