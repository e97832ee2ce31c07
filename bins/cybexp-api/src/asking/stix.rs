//! Answers as STIX bundles, for requests that accept `application/stix+json`.

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::Response;
use cybexp_share::stix::{AnswerBundle, Creator, of_documents};
use serde_json::Value;
use tahoe_core::{Hash, Tlp, UnknownTlp};

use crate::app::App;
use crate::asking::load::Load;
use crate::error::{ApiError, bad};
use crate::org_name::org_name;

/// The media type of a bundle.
const STIX: &str = "application/stix+json;version=2.1";
/// The number of events that are too strict for the bundle.
const LEFT_OUT: HeaderName = HeaderName::from_static("x-cybexp-left-out");
/// The name of the creator of a bundle that tells of several organisations' events.
const SEVERAL: &str = "CYBEX-P";
/// The creation of all organisations' identities: no bundle may differ from another one in it.
const SINCE: f64 = 1_764_201_600.0;

/// Returns the strictest label of the bundle that a request wants; `None` if it wants the report.
///
/// # Errors
/// The parameter `tlp` is no label.
pub(crate) fn wanted(headers: &HeaderMap, uri: &Uri) -> Result<Option<Tlp>, ApiError> {
    let accepted = headers.get_all(ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    let is_stix = |kind: &str| {
        let name = kind.split(';').next().unwrap_or_default().trim();
        name.eq_ignore_ascii_case("application/stix+json")
    };
    if !kinds.any(is_stix) {
        return Ok(None);
    }
    let query = uri.query().unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let tlp = pairs.find(|(name, _)| name == "tlp").map(|(_, value)| {
        // a plus sign in a URL is a space
        let value = value.replace(' ', "+");
        value.parse().map_err(|error: UnknownTlp| bad("tlp", error))
    });
    tlp.transpose().map(|tlp| Some(tlp.unwrap_or_default()))
}

/// Makes the response with the bundle of a report's documents.
///
/// # Errors
/// The report holds no documents, or the database fails.
pub(crate) async fn respond(
    app: &App,
    user: Hash,
    load: Load,
    report: Value,
    may: Tlp,
) -> Result<Response, ApiError> {
    let documents = match report {
        Value::Object(mut report) => report.remove("data"),
        _ => None,
    };
    let Some(Value::Array(documents)) = documents else {
        let reason = "a bundle is made of documents: ask for `related` with `summary` false";
        return Err(ApiError::BadRequest(reason.to_owned()));
    };
    let mut orgs = documents.iter().filter_map(|one| one["orgid"].as_str());
    let first = orgs.next().unwrap_or_default().to_owned();
    let name = match orgs.all(|org| org == first) {
        true => {
            let of_user = app.identity.orgs_user_of(user).await?;
            let named = of_user.iter().find(|org| org.hash().to_string() == first);
            named.map_or_else(|| SEVERAL.to_owned(), |org| org_name(org).to_owned())
        }
        false => SEVERAL.to_owned(),
    };
    let making = move || of_documents(&documents, Creator::new(&name, SINCE), may);
    let AnswerBundle { bundle, left_out } = load.run(app, user, making).await?;
    let mut response = load.respond(app, user, StatusCode::CREATED, bundle).await?;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(STIX));
    headers.insert(LEFT_OUT, left_out.into());
    Ok(response)
}
