//! The parameters of a URL or a form: names and texts, in order.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use url::form_urlencoded;

/// Parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `application/x-www-form-urlencoded`. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Returns the parameter's first value, unless it is empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        let value = all.find(|(other, _)| other == name);
        value
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Returns all values of the parameter.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.0.iter().filter(move |(other, _)| other == name);
        all.map(|(_, value)| value.as_str())
    }

    /// Returns the parameter's value as a number between these bounds, if it is one.
    pub(crate) fn number(&self, name: &str, least: u32, most: u32) -> Option<u32> {
        let number = self.get(name)?.parse().ok()?;
        (least..=most).contains(&number).then_some(number)
    }

    /// Returns the value if it is one of these.
    pub(crate) fn choice(&self, name: &str, among: &[&'static str]) -> Option<&'static str> {
        let value = self.get(name)?;
        among.iter().find(|one| **one == value).copied()
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::read(parts.uri.query().unwrap_or_default().as_bytes()))
    }
}

/// Writes a path with parameters; those without a value are left out.
pub(crate) fn link(path: &str, params: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(params.iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let hostile = "a&b=c\u{202e}\"'<>#?\0\n";
        let link = link("/value", &[("type", "url"), ("data", hostile), ("no", "")]);
        let (path, query) = link.split_once('?').unwrap();
        let read = Params::read(query.as_bytes());
        assert_eq!(path, "/value");
        assert_eq!(read.get("data"), Some(hostile));
        assert_eq!(read.get("no"), None);
        assert!(query.is_ascii() && !query.contains(['<', '"', '#']));
    }

    #[test]
    fn numbers_are_within_bounds() {
        let read = Params::read(b"a=3&b=0&c=x&d=99999999999");
        assert_eq!(read.number("a", 1, 3), Some(3));
        for name in ["b", "c", "d", "e"] {
            assert_eq!(read.number(name, 1, 3), None);
        }
    }
}
