//! Rules for redirects: which URLs are followed, and which headers go along.

use reqwest::Url;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, SET_COOKIE, USER_AGENT,
};

use crate::url::origin;

/// Headers that go along to other hosts: they hold no secrets.
const HARMLESS: [HeaderName; 7] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONTENT_TYPE,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    USER_AGENT,
];
/// The most cookies of one chain of redirects, and the longest one.
const COOKIES: usize = 30;
const COOKIE_BYTES: usize = 4096;

/// The redirects that are followed. From https to http: none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redirects {
    /// All redirects; secrets stay with the host that they are for.
    Followed,
    /// No redirect: a POST would become a GET.
    Refused,
}

/// The part of a request that goes along to the next URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Along {
    /// All of the request.
    Everything,
    /// Nothing that may be a secret: not the headers of the settings, nor a body.
    Harmless,
}

/// Decides what may go along from one URL to another. Secrets only go to the same scheme, host and port, and from http to
/// https of the same host: there the certificate proves that it is the same.
///
/// # Errors
/// Says why the other is not gone to.
pub(crate) fn along(from: &Url, to: &Url) -> Result<Along, String> {
    if !matches!(to.scheme(), "http" | "https") {
        return Err("redirects to a URL that is none of http or https".to_owned());
    }
    let same_host = from.host() == to.host();
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(format!(
            "redirects from https to {}, which is not followed",
            origin(to)
        ));
    }
    let upgrade = same_host && from.scheme() == "http" && to.scheme() == "https";
    Ok(match from.origin() == to.origin() || upgrade {
        true => Along::Everything,
        false => Along::Harmless,
    })
}

/// Whether a redirect stays on its port, or leads to the one where its scheme is served: on others there may be anything.
pub(crate) fn is_usual_port(from: &Url, to: &Url) -> bool {
    to.port().is_none() || to.port() == from.port_or_known_default()
}

/// Says why a redirect is not followed by a source that follows none. A path may hold keys, so only a login's is told.
pub(crate) fn refused(from: &Url, to: &Url) -> String {
    let path = to.path().trim_end_matches('/').to_ascii_lowercase();
    let login = ["/login", "/signin", "/sign_in", "/sso"]
        .iter()
        .any(|end| path.ends_with(end));
    if login {
        format!(
            "sends this program to a login page at {}: the key did not reach it, as where a proxy before it takes the header \
             Authorization away",
            origin(to)
        )
    } else if from.origin() == to.origin() {
        "redirects to another of its own paths, which is not followed: does url name the right one?"
            .to_owned()
    } else {
        format!(
            "redirects to {}, which is not followed: if that is right, set url to it",
            origin(to)
        )
    }
}

/// Leaves only what holds no secrets.
pub(crate) fn keep_harmless(headers: &mut HeaderMap) {
    let kept = HARMLESS
        .iter()
        .filter_map(|name| Some((name.clone(), headers.get(name)?.clone())));
    *headers = kept.collect();
}

/// The cookies of one chain of redirects: some servers redirect to the same place until theirs come back.
#[derive(Debug, Default)]
pub(crate) struct Cookies(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    host: String,
    name: String,
    value: String,
}

impl Cookies {
    /// Keeps those that an answer of this URL sets. Each goes back to that host only.
    pub(crate) fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        let host = url.host_str().unwrap_or_default();
        for cookie in headers.get_all(SET_COOKIE) {
            let Ok(cookie) = cookie.to_str() else {
                continue;
            };
            let Some((name, value)) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
            else {
                continue;
            };
            let (name, value) = (name.trim(), value.trim());
            self.0
                .retain(|cookie| cookie.host != host || cookie.name != name);
            if self.0.len() < COOKIES && name.len() + value.len() <= COOKIE_BYTES {
                self.0.push(Cookie {
                    host: host.to_owned(),
                    name: name.to_owned(),
                    value: value.to_owned(),
                });
            }
        }
    }

    /// The header with those of this URL's host, behind the operator's own.
    pub(crate) fn header(&self, url: &Url, own: Option<&HeaderValue>) -> Option<HeaderValue> {
        let host = url.host_str().unwrap_or_default();
        let own = own.and_then(|own| own.to_str().ok()).map(str::to_owned);
        let kept = self.0.iter().filter(|cookie| cookie.host == host);
        let kept = kept.map(|cookie| format!("{}={}", cookie.name, cookie.value));
        let all: Vec<String> = own.into_iter().chain(kept).collect();
        let mut value = HeaderValue::from_str(&all.join("; ")).ok()?;
        value.set_sensitive(true);
        (!all.is_empty()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn secrets_go_to_the_same_host_only() {
        let along = |from: &str, to: &str| along(&url(from), &url(to));
        for (from, to) in [
            ("http://a/x", "http://a/y"),
            ("http://a/", "https://a/"),
            ("http://a:8080/", "https://a:8443/"),
            ("https://A:443/", "https://a/"),
        ] {
            assert_eq!(along(from, to), Ok(Along::Everything), "{from} {to}");
        }
        for (from, to) in [
            ("http://a/", "http://b/"),
            ("http://a:1/", "http://a:2/"),
            ("https://a:1/", "https://a:2/"),
            ("http://a/", "https://b/"),
            ("http://a/", "http://a.b/"),
        ] {
            assert_eq!(along(from, to), Ok(Along::Harmless), "{from} {to}");
        }
        for (from, to) in [("https://a/", "http://a/"), ("http://a/", "file:///etc/x")] {
            along(from, to).unwrap_err();
        }
    }

    #[test]
    fn cookies_go_back_to_their_host() {
        let mut cookies = Cookies::default();
        let set = |value: &'static str| (SET_COOKIE, HeaderValue::from_static(value));
        let headers = HeaderMap::from_iter([set("a=1; Path=/"), set("b=2")]);
        cookies.keep(&url("http://h/"), &headers);
        cookies.keep(&url("http://h/"), &HeaderMap::from_iter([set("a=3")]));
        let header = |of: &str, own| cookies.header(&url(of), own);
        assert_eq!(header("http://h:8/", None).unwrap(), "b=2; a=3");
        let own = HeaderValue::from_static("own=1");
        assert_eq!(header("http://h/", Some(&own)).unwrap(), "own=1; b=2; a=3");
        assert_eq!(header("http://other/", None), None);
    }
}
