//! URLs of sources, which may hold keys and passwords.

use url::Url;

/// A URL that a source can be asked at.
///
/// # Errors
/// Says what is wrong with it, without showing it.
pub fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|error| format!("is no URL: {error}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("is no URL of http or https".to_owned()),
    }
}

/// The part of a URL that may be shown: scheme, host and port. Keys stand in paths and in queries, passwords before the host.
pub fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
