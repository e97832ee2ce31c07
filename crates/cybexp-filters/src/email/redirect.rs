//! URLs within URLs: the targets of redirectors, image proxies and link filters.

use super::decode;

/// The most URLs within each other that are read.
const DEPTH: usize = 3;
/// Beginnings of a URL within a URL, plain and percent-encoded.
const SCHEMES: [&str; 4] = ["http://", "https://", "http%3a%2f%2f", "https%3a%2f%2f"];

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
    // An inner URL begins behind a parameter's name, a `#` or a `/`.
    let before = |at: usize| at > 0 && matches!(url.as_bytes()[at - 1], b'=' | b'#' | b'/' | b'?');
    let starts = url
        .char_indices()
        .map(|(at, _)| at)
        .filter(|at| before(*at));
    let mut schemes = starts.filter_map(|at| {
        let scheme = SCHEMES.iter().find(|scheme| {
            let start = url.get(at..at + scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })?;
        Some((at, scheme.contains('%')))
    });
    let (at, is_encoded) = schemes.next()?;
    let inner = &url[at..];
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
            ("https://a.example/?u=http%3A%2F%2F%ff", &[]),
            ("", &[]),
        ] {
            assert_eq!(targets(url), expected, "{url}");
        }
        let deep = format!("http://a.example/{}", "?u=http://a.example/".repeat(100));
        assert_eq!(targets(&deep).len(), DEPTH);
    }
}
