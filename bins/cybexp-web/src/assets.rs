//! Style sheet, script and icon, built into the program. Their addresses hold their hashes, so that browsers keep them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::error::WebError;

/// A file that pages refer to.
pub(crate) struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The style sheet.
pub(crate) const STYLE: Asset = Asset {
    name: "style.css",
    kind: "text/css; charset=utf-8",
    text: include_str!("assets/style.css"),
};
/// The script.
pub(crate) const SCRIPT: Asset = Asset {
    name: "app.js",
    kind: "text/javascript; charset=utf-8",
    text: include_str!("assets/app.js"),
};
/// The icon.
pub(crate) const ICON: Asset = Asset {
    name: "icon.svg",
    kind: "image/svg+xml",
    text: include_str!("assets/icon.svg"),
};

const ALL: [&Asset; 3] = [&STYLE, &SCRIPT, &ICON];

/// The first hexadecimal digits of the hash of all files.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ALL {
        hash.update(asset.text);
    }
    hex::encode(&hash.finalize()[..8])
});

impl Asset {
    /// Returns the path of the file.
    pub(crate) fn path(&self) -> String {
        format!("/assets/{}/{}", *VERSION, self.name)
    }
}

/// `GET /assets/VERSION/NAME`
pub(crate) async fn asset(
    Path((version, name)): Path<(String, String)>,
) -> Result<Response, WebError> {
    let asset = ALL.into_iter().find(|asset| asset.name == name);
    let asset = asset.ok_or_else(|| WebError::NotFound("There is no such file.".to_owned()))?;
    // a page of another version of the program asks for its own file: it gets this one, for now
    let cache = match version == *VERSION {
        true => "public, max-age=31536000, immutable",
        false => "no-store",
    };
    let headers = [(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, cache)];
    Ok((headers, asset.text).into_response())
}
