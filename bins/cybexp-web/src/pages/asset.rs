//! The files that pages refer to.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::assets;
use crate::compress::takes_gzip;
use crate::error::WebError;

/// `GET /assets/VERSION/NAME`
pub(crate) async fn asset(
    Path((version, name)): Path<(String, String)>,
    asked: HeaderMap,
) -> Result<Response, WebError> {
    let asset = assets::find(&name);
    let asset = asset.ok_or_else(|| WebError::NotFound("There is no such file.".to_owned()))?;
    // a page of another version of the program asks for its own file: it gets this one, for now
    let cache = match assets::is_current(&version) {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    let headers = [
        (CONTENT_TYPE, asset.kind),
        (CACHE_CONTROL, cache),
        (VARY, "accept-encoding"),
    ];
    let mut response = match takes_gzip(&asked) {
        true => (headers, asset.gzip()).into_response(),
        false => return Ok((headers, asset.text).into_response()),
    };
    let gzip = HeaderValue::from_static("gzip");
    response.headers_mut().insert(CONTENT_ENCODING, gzip);
    Ok(response)
}
