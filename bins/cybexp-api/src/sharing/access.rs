//! The token of a feed, with which the feed can be read and nothing else can be done.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cybexp_store::Feed;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::ApiError;

/// First characters of all tokens of feeds, by which people and scanners of secrets know them.
const PREFIX: &str = "cybexp-feed-";

/// Makes a new token, and its hash for the database.
pub(crate) fn new_token() -> (String, String) {
    let token = format!("{PREFIX}{}", hex::encode(rand::random::<[u8; 24]>()));
    let hash = hash(&token);
    (token, hash)
}

fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

/// Returns the token in a URL. A token has no characters that would be escaped there.
pub(crate) fn in_url(uri: &Uri) -> Option<&str> {
    let mut parts = uri.query()?.split('&');
    parts.find_map(|part| part.strip_prefix("token="))
}

/// Returns the token of a request: in the header as `Bearer` or as the password of basic authentication, or in the URL.
fn sent(headers: &HeaderMap, in_url: Option<&str>) -> Option<String> {
    let header = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
    let Some((kind, value)) = header.and_then(|it| it.split_once(' ')) else {
        return in_url.map(str::to_owned);
    };
    if kind.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    let both = STANDARD.decode(value.trim()).ok()?;
    let both = String::from_utf8(both).ok()?;
    let (_, password) = both.split_once(':')?;
    kind.eq_ignore_ascii_case("basic")
        .then(|| password.to_owned())
}

/// Returns the feed of a name, if the request has its token. The error does not tell whether there is such a feed.
pub(crate) async fn feed(
    app: &App,
    name: &str,
    headers: &HeaderMap,
    in_url: Option<&str>,
) -> Result<Feed, ApiError> {
    let denied = || ApiError::Unauthorized("there is no such feed, or it has another token".into());
    let token = sent(headers, in_url).ok_or_else(denied)?;
    // a token is random, so the time of a comparison of hashes tells nothing of it
    let token = hash(&token);
    let feed = app.feeds.get(name).await?;
    let feed = feed.filter(|feed| feed.token == token).ok_or_else(denied)?;
    served(feed)
}

/// Returns the feed whose token the request has.
pub(crate) async fn feed_of_token(app: &App, headers: &HeaderMap) -> Result<Feed, ApiError> {
    let denied = || ApiError::Unauthorized("the token is missing, or of no feed".to_owned());
    let token = hash(&sent(headers, None).ok_or_else(denied)?);
    let feed = app.feeds.of_token(&token).await?.ok_or_else(denied)?;
    served(feed)
}

/// Returns a feed that is served.
fn served(feed: Feed) -> Result<Feed, ApiError> {
    match &feed.suspended {
        Some(reason) => {
            let text = format!("the feed is suspended: {reason}");
            Err(ApiError::NotFound(text))
        }
        None => Ok(feed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_in_three_ways() {
        let headers = |value: &str| HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())]);
        let sent = |value: &str| sent(&headers(value), None);
        assert_eq!(sent("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(sent("basic YW55Ym9keTphYmM=").as_deref(), Some("abc"));
        assert_eq!(sent("Basic ####"), None);
        assert_eq!(sent("Digest abc"), None);
        let in_url = super::sent(&HeaderMap::new(), Some("abc"));
        assert_eq!(in_url.as_deref(), Some("abc"));
        let (token, stored) = new_token();
        assert_eq!(hash(&token), stored);
    }
}
