//! Reads the field `Link` of a response (RFC 8288).

use reqwest::header::{HeaderMap, LINK};

/// Returns the target of the first link with the relation `next`.
pub(crate) fn next_link(headers: &HeaderMap) -> Option<String> {
    headers.get_all(LINK).iter().find_map(|header| {
        let mut rest = std::str::from_utf8(header.as_bytes()).ok()?;
        while let Some((_, link)) = rest.split_once('<') {
            let (target, after) = link.split_once('>')?;
            let (parameters, next) = parameters(after);
            rest = next;
            let relation = parameters
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case("rel"));
            let mut words = relation
                .into_iter()
                .flat_map(|(_, value)| value.split_whitespace());
            if words.any(|word| word.eq_ignore_ascii_case("next")) {
                return Some(target.to_owned());
            }
        }
        None
    })
}

/// Returns the parameters of a link, and the text after it.
fn parameters(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut parameters = Vec::new();
    loop {
        let (parameter, end, rest) = until(text, &[';', ',']);
        if let Some((name, value)) = parameter.split_once('=') {
            let value = value.trim().trim_matches('"');
            parameters.push((name.trim().to_owned(), value.to_owned()));
        }
        match end {
            Some(';') => text = rest,
            _ => return (parameters, rest),
        }
    }
}

/// Splits a text at the first of these characters outside of quotes: the text before, the character, the text after.
fn until<'a>(text: &'a str, ends: &[char]) -> (&'a str, Option<char>, &'a str) {
    let (mut quoted, mut escaped) = (false, false);
    let end = text.char_indices().find(|&(_, c)| {
        if escaped {
            escaped = false;
            return false;
        }
        match c {
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            c => return !quoted && ends.contains(&c),
        }
        false
    });
    match end {
        Some((at, c)) => (&text[..at], Some(c), &text[at + c.len_utf8()..]),
        None => (text, None, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links() {
        let next = |headers: &[&str]| {
            let headers = headers.iter().map(|header| (LINK, header.parse().unwrap()));
            next_link(&headers.collect::<HeaderMap>())
        };
        for (headers, expected) in [
            (
                &[r#"<https://a/?p=2>; rel="next", <https://a/?p=9>; rel="last""#][..],
                Some("https://a/?p=2"),
            ),
            (
                &[r#"<a,b>; title="x, <y>; rel=next"; rel=prev, </n>; rel=next"#],
                Some("/n"),
            ),
            (&["<a>; rel=self", r#"<b>; rel="next nofollow""#], Some("b")),
            (&["<a>; rel=nextish", "rel=next", "<", "<a"], None),
            (&[], None),
        ] {
            assert_eq!(next(headers).as_deref(), expected, "{headers:?}");
        }
    }
}
