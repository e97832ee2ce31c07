//! TAXII 2.1 (OASIS Standard, 10 June 2021), read-only: a collection for each feed, which the feed's token reads.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cybexp_share::Uuid;
use cybexp_store::Feed;
use serde_json::{Value, json};

use crate::app::App;
use crate::auth::unix_now;
use crate::error::ApiError;
use crate::sharing::access;
use crate::sharing::collection::{self, Listed, Page};
use crate::sharing::filters::Filters;

/// The media type of TAXII's answers.
const TAXII: &str = "application/taxii+json;version=2.1";
/// The media type of what collections hold.
const STIX: &str = "application/stix+json;version=2.1";

/// The error of a request, as TAXII writes it.
pub(crate) struct TaxiiError(StatusCode, String);

impl TaxiiError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(status, text.into())
    }
}

impl From<ApiError> for TaxiiError {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        Self(error.into_response().status(), text)
    }
}

impl From<cybexp_store::StoreError> for TaxiiError {
    fn from(error: cybexp_store::StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl From<collection::BadFilter> for TaxiiError {
    fn from(error: collection::BadFilter) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for TaxiiError {
    fn into_response(self) -> Response {
        let Self(status, title) = self;
        let body = json!({"title": title, "http_status": status.as_u16().to_string()});
        let mut response = (status, answer(&body)).into_response();
        if status == StatusCode::UNAUTHORIZED {
            let basic = HeaderValue::from_static("Basic realm=\"feeds\"");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, basic);
        }
        response
    }
}

type Answered = Result<Response, TaxiiError>;

fn answer(body: &Value) -> Response {
    ([(header::CONTENT_TYPE, TAXII)], body.to_string()).into_response()
}

/// Returns the routes of TAXII, which has a specification of its own and is not in the OpenAPI description.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/taxii2/", get(discovery))
        .route("/taxii2/feeds/", get(api_root))
        .route("/taxii2/feeds/status/{id}/", get(status))
        .route("/taxii2/feeds/collections/", get(collections))
        .route("/taxii2/feeds/collections/{id}/", get(one_collection))
        .route("/taxii2/feeds/collections/{id}/manifest/", get(manifest))
        .route(
            "/taxii2/feeds/collections/{id}/objects/",
            get(objects).post(add),
        )
        .route(
            "/taxii2/feeds/collections/{id}/objects/{object}/",
            get(object).delete(remove),
        )
        .route(
            "/taxii2/feeds/collections/{id}/objects/{object}/versions/",
            get(versions),
        )
}

/// Checks that the client takes TAXII 2.1, and returns the feed whose token it has.
async fn feed(app: &App, headers: &HeaderMap) -> Result<Feed, TaxiiError> {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<&str> = accepted.filter_map(|value| value.to_str().ok()).collect();
    if !accepted.is_empty() && !accepted.iter().flat_map(|it| it.split(',')).any(is_taxii) {
        let text = format!("only {TAXII} is served");
        return Err(TaxiiError::new(StatusCode::NOT_ACCEPTABLE, text));
    }
    Ok(access::feed_of_token(app, headers).await?)
}

/// Whether a media range holds TAXII 2.1.
fn is_taxii(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let version = parts.find_map(|part| part.strip_prefix("version="));
    let version = version.map(|version| version.trim_matches('"'));
    match kind.to_ascii_lowercase().as_str() {
        "*/*" | "application/*" => true,
        "application/taxii+json" => version.is_none_or(|version| version == "2.1"),
        _ => false,
    }
}

/// Returns the id of a feed's collection.
fn collection_id(feed: &Feed) -> String {
    Uuid::random_like(&["taxii collection", &feed.key.to_hex()]).to_string()
}

fn described(feed: &Feed) -> Value {
    let description = match feed.description.is_empty() {
        true => &feed.name,
        false => &feed.description,
    };
    json!({
        "id": collection_id(feed), "title": feed.name, "description": description, "alias": feed.name,
        "can_read": true, "can_write": false, "media_types": [STIX],
    })
}

/// Returns the feed of the token if this is its collection, by id or alias.
async fn own(app: &App, headers: &HeaderMap, id: &str) -> Result<Feed, TaxiiError> {
    let feed = feed(app, headers).await?;
    if id != feed.name && id != collection_id(&feed) {
        let text = "there is no such collection, or it has another token";
        return Err(TaxiiError::new(StatusCode::NOT_FOUND, text));
    }
    Ok(feed)
}

async fn discovery(State(app): State<Arc<App>>, headers: HeaderMap) -> Answered {
    let feed = feed(&app, &headers).await?;
    Ok(answer(&json!({
        "title": "CYBEX-P", "description": format!("Feeds of {}", feed.organisation),
        "default": "/taxii2/feeds/", "api_roots": ["/taxii2/feeds/"],
    })))
}

async fn api_root(State(app): State<Arc<App>>, headers: HeaderMap) -> Answered {
    feed(&app, &headers).await?;
    Ok(answer(&json!({
        "title": "Feeds", "versions": [TAXII], "max_content_length": app.max_body_bytes,
    })))
}

async fn collections(State(app): State<Arc<App>>, headers: HeaderMap) -> Answered {
    let feed = feed(&app, &headers).await?;
    Ok(answer(&json!({"collections": [described(&feed)]})))
}

async fn one_collection(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answered {
    Ok(answer(&described(&own(&app, &headers, &id).await?)))
}

async fn status(State(app): State<Arc<App>>, headers: HeaderMap) -> Answered {
    feed(&app, &headers).await?;
    // nothing is ever added, so there is nothing whose status could be asked
    Err(TaxiiError::new(
        StatusCode::NOT_FOUND,
        "there is no such status",
    ))
}

async fn add(State(app): State<Arc<App>>, Path(id): Path<String>, headers: HeaderMap) -> Answered {
    own(&app, &headers, &id).await?;
    Err(TaxiiError::new(
        StatusCode::FORBIDDEN,
        "the collection is read-only",
    ))
}

async fn remove(
    State(app): State<Arc<App>>,
    Path((id, _)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answered {
    own(&app, &headers, &id).await?;
    Err(TaxiiError::new(
        StatusCode::FORBIDDEN,
        "the collection is read-only",
    ))
}

/// Returns a page of objects in the form that `each` gives them, with the headers that tell its range of time.
fn paged(page: Page, each: fn(Listed) -> Value) -> Response {
    let time = |name: &'static str, at: Option<String>| {
        let value = HeaderValue::from_str(&at?).ok()?;
        Some((HeaderName::from_static(name), value))
    };
    let dates = [
        time("x-taxii-date-added-first", page.first_added()),
        time("x-taxii-date-added-last", page.last_added()),
    ];
    let mut body = json!({});
    if let Some(next) = page.next {
        body["more"] = true.into();
        body["next"] = next.into();
    }
    if !page.objects.is_empty() {
        body["objects"] = page.objects.into_iter().map(each).collect();
    }
    let mut response = answer(&body);
    response.headers_mut().extend(
        dates
            .into_iter()
            .flatten()
            .map(|(name, value)| (Some(name), value)),
    );
    response
}

/// Returns an object as it is.
fn whole(listed: Listed) -> Value {
    listed.object
}

/// Returns what a manifest tells of an object.
fn entry(listed: Listed) -> Value {
    json!({
        "id": listed.object["id"], "date_added": listed.date_added(), "version": listed.version(), "media_type": STIX,
    })
}

/// Returns a page of a collection, with each object in the form that `each` gives it.
async fn list(
    app: &App,
    headers: &HeaderMap,
    (id, uri): (&str, &Uri),
    each: fn(Listed) -> Value,
) -> Answered {
    let feed = own(app, headers, id).await?;
    let filters = Filters::read(uri.query().unwrap_or_default())?;
    let page = collection::page(&app.feeds, &feed, &filters, unix_now() as f64).await?;
    Ok(paged(page, each))
}

async fn objects(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    list(&app, &headers, (&id, &uri), whole).await
}

async fn manifest(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    list(&app, &headers, (&id, &uri), entry).await
}

async fn found(
    app: &App,
    headers: &HeaderMap,
    (id, object): (&str, &str),
    uri: &Uri,
) -> Result<Page, TaxiiError> {
    let feed = own(app, headers, id).await?;
    let filters = Filters::read(uri.query().unwrap_or_default())?.of_id(object);
    let alone = Filters::default().of_id(object);
    let known = collection::page(&app.feeds, &feed, &alone, unix_now() as f64).await?;
    if known.objects.is_empty() {
        return Err(TaxiiError::new(
            StatusCode::NOT_FOUND,
            "there is no such object",
        ));
    }
    Ok(collection::page(&app.feeds, &feed, &filters, unix_now() as f64).await?)
}

async fn object(
    State(app): State<Arc<App>>,
    Path((id, object)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    let page = found(&app, &headers, (&id, &object), &uri).await?;
    Ok(paged(page, whole))
}

async fn versions(
    State(app): State<Arc<App>>,
    Path((id, object)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Answered {
    let page = found(&app, &headers, (&id, &object), &uri).await?;
    let first = page.first_added();
    let last = page.last_added();
    let versions: Vec<String> = page.objects.iter().map(Listed::version).collect();
    let mut response = answer(&json!({"versions": versions}));
    for (name, at) in [
        ("x-taxii-date-added-first", first),
        ("x-taxii-date-added-last", last),
    ] {
        if let Some(value) = at.and_then(|at| HeaderValue::from_str(&at).ok()) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::is_taxii;

    #[test]
    fn only_this_version_is_taken() {
        for taken in [
            "*/*",
            "application/taxii+json",
            "application/taxii+json;version=2.1",
            " application/taxii+json; version=\"2.1\"",
        ] {
            assert!(is_taxii(taken), "{taken}");
        }
        for refused in [
            "application/taxii+json;version=2.0",
            "text/html",
            "application/json",
            "",
        ] {
            assert!(!is_taxii(refused), "{refused}");
        }
    }
}
