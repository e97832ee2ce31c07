//! URLs within URLs: the targets of redirectors, image proxies and link filters.

use super::decode;

/// The most URLs within each other that are read.
const DEPTH: usize = 3;
/// Beginnings of a URL within a URL, plain and percent-encoded.
const SCHEMES: [&str; 5] = [
    "http://",
    "https://",
    "http%3a%2f%2f",
    "https%3a%2f%2f",
    "%68%74%74%70",
];

/// Returns the URLs within a URL, in order: the outer ones first.
pub(super) fn targets(url: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut outer = url.to_owned();
    while let Some(inner) = target(&outer).filter(|_| targets.len() < DEPTH) {
        targets.push(inner.clone());
        outer = inner;
    }
    targets
}

fn target(url: &str) -> Option<String> {
    plain(url)
        .or_else(|| proofpoint(url))
        .or_else(|| base64(url))
}

/// `http` in base64.
const HTTP: &str = "aHR0c";

/// Returns the URL that stands within a URL in base64: `…?u=aHR0cHM6Ly9…`.
fn base64(url: &str) -> Option<String> {
    let start = url.find(HTTP).filter(|at| *at > 0)?;
    Some(from_base64(&url[start..])?.0)
}

/// The URLs that stand in a script in base64: `atob("aHR0cHM6Ly9…")`.
pub(super) fn hidden(script: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = script;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find(HTTP)?..];
            let found = from_base64(rest);
            rest = &rest[found.as_ref().map_or(HTTP.len(), |(_, length)| *length)..];
            // Base64 without an end quote is a piece of something longer.
            let is_whole = rest.trim_start_matches('=').starts_with(['"', '\'', '`']);
            let is_last = rest.trim_start_matches('=').is_empty();
            if let Some((url, _)) = found.filter(|_| is_whole || is_last) {
                return Some(url);
            }
        }
    })
}

/// The URL in the base64 at the start of a text, and how long that is.
fn from_base64(text: &str) -> Option<(String, usize)> {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let digits = text;
    let digits = &digits[..digits.find(|c| !is_digit(c)).unwrap_or(digits.len())];
    let length = digits.len();
    let digits = digits.replace('-', "+").replace('_', "/");
    // A single digit beyond groups of four is less than a byte: the text was cut off there.
    let whole = &digits[..digits.len() - usize::from(digits.len() % 4 == 1)];
    let padded = format!("{whole}{}", &"==="[..(4 - whole.len() % 4) % 4]);
    let text = String::from_utf8(decode::base64(padded.as_bytes())).ok()?;
    let end = text.find(|c: char| c.is_whitespace() || c.is_control() || "\"'<>".contains(c));
    Some((text[..end.unwrap_or(text.len())].to_owned(), length))
}

/// Returns the URL within one of Proofpoint's link filter, version 2: `u=https-3A__b.example_x`.
fn proofpoint(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("urldefense.proofpoint.com/v2/url?")?;
    let value = rest.split('&').find_map(|field| field.strip_prefix("u="))?;
    let value = value
        .replace('%', "%25")
        .replace('-', "%")
        .replace('_', "/");
    String::from_utf8(decode::percent(&value)).ok()
}

fn plain(url: &str) -> Option<String> {
    // A parameter, a fragment or a path ends before one that is encoded.
    let ends =
        |at: usize| at > 0 && matches!(url.as_bytes()[at - 1], b'=' | b'#' | b'/' | b'?' | b'_');
    let starts = url
        .bytes()
        .enumerate()
        .filter(|(at, b)| *at > 0 && matches!(b, b'h' | b'H' | b'%'));
    let mut schemes = starts.filter_map(|(at, _)| {
        let scheme = SCHEMES.iter().find(|scheme| {
            let start = url.get(at..at + scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })?;
        let is_encoded = scheme.contains('%');
        (!is_encoded || ends(at)).then_some((at, is_encoded))
    });
    let (at, is_encoded) = schemes.next()?;
    let inner = &url[at..];
    // Proofpoint's version 3: `/v3/__https://b.example/x__;`
    if url[..at].ends_with("/v3/__")
        && let Some((inner, _)) = inner.split_once("__;")
    {
        return Some(inner.to_owned());
    }
    // A parameter that follows belongs to the outer URL, unless the inner one has its own.
    let end = inner
        .find('&')
        .filter(|end| is_encoded || !inner[..*end].contains('?'));
    let inner = &inner[..end.unwrap_or(inner.len())];
    if is_encoded {
        String::from_utf8(decode::percent(inner)).ok()
    } else {
        Some(inner.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_where_a_redirector_leads() {
        for (url, expected) in [
            ("http://a.example/x", &[][..]),
            (
                "http://a.example/?u=https://b.example/c&s=1",
                &["https://b.example/c"],
            ),
            (
                "http://a.example/?u=https://b.example/?c=d&s=1",
                &["https://b.example/?c=d&s=1"],
            ),
            (
                "https://a.example/p=s0#HTTP://b.example/i.png",
                &["HTTP://b.example/i.png"],
            ),
            (
                "https://a.example/?url=https%3A%2F%2Fb.example%2F%3Fu%3Dhttp%3a%2f%2fc.example&data=1",
                &["https://b.example/?u=http://c.example", "http://c.example"],
            ),
            (
                "https://web.example/2020/http://b.example/",
                &["http://b.example/"],
            ),
            (
                "http://a.example/xhttp://b.example/y",
                &["http://b.example/y"],
            ),
            (
                "https://urldefense.com/v3/__https://b.example/x__;!!abc$",
                &["https://b.example/x"],
            ),
            (
                "https://urldefense.proofpoint.com/v2/url?u=https-3A__b.example_x-3Fa-3D1&d=DwMF",
                &["https://b.example/x?a=1"],
            ),
            (
                "https://a.example/?u=aHR0cHM6Ly9iLmV4YW1wbGUveA==&x=1",
                &["https://b.example/x"],
            ),
            (
                "https://a.example/#aHR0cHM6Ly9iLmV4YW1wbGUveA",
                &["https://b.example/x"],
            ),
            (
                "https://a.example/?u=%68%74%74%70%73%3a%2f%2f%62.example&x",
                &["https://b.example"],
            ),
            ("https://a.example/aHR0c", &["htt"]),
            ("https://a.example/?u=http%3A%2F%2F%ff", &[]),
            ("", &[]),
        ] {
            assert_eq!(targets(url), expected, "{url}");
        }
        let deep = format!("http://a.example/{}", "?u=http://a.example/".repeat(100));
        assert_eq!(targets(&deep).len(), DEPTH);
    }
}
