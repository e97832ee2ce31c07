//! The routes and their description, made in one place so that neither can lack what the other has.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Json, Router};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi as Description, Ref, ResponseBuilder};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::Message;
use crate::json::JSON_BYTES;
use crate::routes::{
    category, feeds, identity, inputs, live, login, membership, ping, proof, quarantine, query,
    raw, submission, subscriptions, taxii, verdict,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "CYBEX-P API", description = "Receives submissions of threat data, and answers questions about them."),
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
        .routes(routes!(openapi))
        .routes(routes!(proof::proof))
        .routes(routes!(login::login))
        .routes(routes!(login::logout))
        .routes(routes!(query::query))
        .routes(routes!(submission::submission))
        .routes(routes!(inputs::inputs))
        .routes(routes!(quarantine::list))
        .routes(routes!(quarantine::retry))
        .routes(routes!(verdict::verdict))
        .routes(routes!(verdict::withdraw))
        .routes(routes!(category::event_category))
        .routes(routes!(identity::create_user))
        .routes(routes!(identity::create_org))
        .routes(routes!(identity::org_add_user))
        .routes(routes!(identity::org_del_user))
        .routes(routes!(identity::org_info))
        .routes(routes!(identity::orgs_admin_of))
        .routes(routes!(identity::orgs_user_of))
        .routes(routes!(identity::user_info_self))
        .routes(routes!(membership::invitations))
        .routes(routes!(membership::accept))
        .routes(routes!(membership::decline))
        .routes(routes!(membership::leave))
        .routes(routes!(live::live))
        .routes(routes!(subscriptions::add, subscriptions::list))
        .routes(routes!(subscriptions::remove))
        .routes(routes!(subscriptions::notices))
        .routes(routes!(subscriptions::parked))
        .routes(routes!(subscriptions::retry))
        .routes(routes!(feeds::add, feeds::list))
        .routes(routes!(feeds::remove))
        .routes(routes!(feeds::token))
        .routes(routes!(feeds::file))
        .routes(routes!(feeds::misp_file))
        .layer(DefaultBodyLimit::max(JSON_BYTES));
    let uploads = OpenApiRouter::new()
        .routes(routes!(raw::raw))
        // the handler counts the file's bytes as they come
        .layer(DefaultBodyLimit::disable());
    OpenApiRouter::with_openapi(ApiDoc::openapi())
        .merge(json)
        .merge(uploads)
}

/// Get this description
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, description = "The OpenAPI description.", body = Object)))]
async fn openapi() -> Json<Description> {
    Json(description())
}

/// Returns the OpenAPI description of the API.
pub fn description() -> Description {
    let mut description = routes().split_for_parts().1;
    let paths = description.paths.paths.values_mut();
    for operation in paths
        .flat_map(|path| [&mut path.get, &mut path.post, &mut path.delete])
        .flatten()
    {
        let reads_body = operation.request_body.is_some();
        let common = [
            (
                StatusCode::REQUEST_TIMEOUT,
                "The client stopped sending.",
                reads_body,
            ),
            (
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large.",
                reads_body,
            ),
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "The database cannot be reached, or the API failed.",
                reads_body || operation.security.is_some(),
            ),
        ];
        for (status, text, applies) in common {
            if applies {
                let response = ResponseBuilder::new().description(text).content(
                    "application/json",
                    Content::new(Some(Ref::from_schema_name("Message"))),
                );
                let responses = &mut operation.responses.responses;
                // a description of the operation's own says more
                let place = responses.entry(status.as_str().to_owned());
                place.or_insert_with(|| response.build().into());
            }
        }
    }
    description
}

/// Returns the router of all routes.
pub fn router(app: Arc<App>) -> Router {
    routes()
        .split_for_parts()
        .0
        .merge(taxii::routes())
        .fallback(async || (StatusCode::NOT_FOUND, Message::new("there is no such path")))
        .method_not_allowed_fallback(async || {
            (
                StatusCode::METHOD_NOT_ALLOWED,
                Message::new("the path does not take this method"),
            )
        })
        .with_state(app)
}
