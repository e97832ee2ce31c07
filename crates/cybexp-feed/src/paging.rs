//! Finding the next page of a list.

use cybexp_spool::ItemKey;
use reqwest::Response;
use serde_json::Value;
use url::Url;

use crate::json::place::JsonPath;
use crate::json::plan::Beside;
use crate::link::next_link;
use crate::markup::cleaned;

/// Fields in which APIs name the next page, the most certain ones first.
const USUAL: &[&str] = &[
    "@odata.nextLink",
    "odata.nextLink",
    "nextLink",
    "next_link",
    "next_url",
    "nextUrl",
    "next_page_url",
    "links.next",
    "_links.next",
    "paging.next",
    "pagination.next",
    "meta.next",
    "next",
];

/// The request of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// The URL.
    pub url: Url,
    /// The body of the request, where it has one.
    pub body: Option<Vec<u8>>,
}

impl PageRequest {
    /// The key of this request.
    pub fn key(&self) -> ItemKey {
        let body = self.body.as_deref().unwrap_or_default();
        ItemKey::of([self.url.as_str().as_bytes(), b"\0", body].concat())
    }
}

/// How the next page is found.
#[derive(Debug, Clone)]
pub enum Paging {
    /// The next page is not looked for.
    None,
    /// The next page is found by the `Link` header with `rel="next"` (RFC 8288), or one of the usual fields that hold a URL.
    Usual,
    /// The next page is found by this field, or the `Link` header.
    Field {
        /// The path of the field.
        place: JsonPath,
        /// The parameter of the URL (of a JSON body: the field) that takes the value found; `None`: the value is a URL.
        param: Option<String>,
    },
}

impl Paging {
    /// Values beside the list that tell.
    pub fn places(&self) -> Vec<JsonPath> {
        match self {
            Self::None => Vec::new(),
            Self::Usual => USUAL.iter().map(|path| JsonPath::path(path)).collect(),
            Self::Field { place, .. } => vec![place.clone()],
        }
    }

    /// The URL that the `Link` header of an answer names.
    pub fn linked(&self, response: &Response) -> Option<Url> {
        match self {
            Self::None => None,
            Self::Usual | Self::Field { .. } => {
                next_link(response.headers()).and_then(|link| joined(response.url(), &link))
            }
        }
    }

    /// The usual field that says that there is more, but not by a URL, where no other one does.
    pub fn unread(&self, beside: &Beside) -> Option<&'static str> {
        let Self::Usual = self else { return None };
        let values = || beside.values.iter();
        if values().any(|(_, value)| text(value).is_some_and(|text| is_url(&text))) {
            return None;
        }
        let (number, _) = values().find(|(_, value)| leads(value))?;
        USUAL.get(*number).copied()
    }

    /// The page that follows `page`, which was answered from `base`.
    ///
    /// # Errors
    /// When the field holds something that leads nowhere.
    pub fn next(
        &self,
        page: &PageRequest,
        base: &Url,
        linked: Option<Url>,
        beside: &Beside,
    ) -> anyhow::Result<Option<PageRequest>> {
        let mut values: Vec<_> = beside.values.iter().collect();
        values.sort_by_key(|(number, _)| *number);
        let to = |url| PageRequest {
            url,
            body: page.body.clone(),
        };
        let next = match self {
            Self::None => None,
            Self::Usual => linked
                .or_else(|| {
                    let mut texts = values.iter().filter_map(|(_, value)| text(value));
                    joined(base, &texts.find(|text| is_url(text))?)
                })
                .map(to),
            Self::Field { param, .. } => {
                let value = values
                    .iter()
                    .map(|(_, value)| value)
                    .find(|value| leads(value));
                match (value, param) {
                    (None, _) => linked.map(to),
                    (Some(value), Some(param)) => Some(with(page, param, value)?),
                    (Some(value), None) => {
                        let url = text(value).and_then(|text| joined(base, &text));
                        let url = url.ok_or_else(|| {
                            anyhow::anyhow!(
                                "the next page is {}, which is no URL: settings.next_param names the parameter that it is for",
                                cleaned(&value.to_string())
                            )
                        })?;
                        Some(to(url))
                    }
                }
            }
        };
        // as the last page says of itself
        Ok(next.filter(|next| next != page))
    }
}

/// Whether a text in one of the usual fields is a URL, and not a cursor.
fn is_url(text: &str) -> bool {
    let lower = text.trim().to_ascii_lowercase();
    let starts = ["http://", "https://", "/", "?"];
    starts.iter().any(|start| lower.starts_with(start))
}

/// Whether a field says that there is more.
fn leads(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::Array(values) => !values.is_empty(),
        Value::Object(_) => text(value).is_some(),
    }
}

/// A URL as text, or as an object's (JSON:API, HAL).
fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::Object(members) => ["href", "url"]
            .iter()
            .find_map(|key| members.get(*key)?.as_str()),
        other => other.as_str(),
    };
    text.map(str::to_owned)
        .filter(|text| !text.trim().is_empty())
}

/// A URL that may be relative. Behind a proxy for TLS, servers often name themselves with http: the same host that was asked by
/// https is.
fn joined(base: &Url, text: &str) -> Option<Url> {
    let mut url = base.join(text.trim()).ok()?;
    url.set_fragment(None);
    if base.scheme() == "https" && url.scheme() == "http" && base.host() == url.host() {
        url.set_scheme("https").ok()?;
    }
    matches!(url.scheme(), "http" | "https").then_some(url)
}

/// The same page with another value of a parameter.
fn with(page: &PageRequest, param: &str, value: &Value) -> anyhow::Result<PageRequest> {
    let body = page.body.as_deref().map(serde_json::from_slice::<Value>);
    if let Some(Ok(mut body)) = body {
        put(&mut body, param, value)
            .ok_or_else(|| anyhow::anyhow!("settings.next_param is no place in the body"))?;
        return Ok(PageRequest {
            url: page.url.clone(),
            body: Some(body.to_string().into_bytes()),
        });
    }
    let value = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut url = page.url.clone();
    let others = url.query_pairs().filter(|(name, _)| name != param);
    let others: Vec<_> = others
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    url.query_pairs_mut()
        .clear()
        .extend_pairs(others)
        .append_pair(param, &value);
    Ok(PageRequest {
        url,
        body: page.body.clone(),
    })
}

/// Puts a value under keys with dots between them; `None` where something else than an object is on the way.
fn put(mut at: &mut Value, path: &str, value: &Value) -> Option<()> {
    let (way, last) = path.rsplit_once('.').unwrap_or(("", path));
    for key in way.split('.').filter(|key| !key.is_empty()) {
        let empty = || Value::Object(serde_json::Map::new());
        at = at.as_object_mut()?.entry(key).or_insert_with(empty);
    }
    at.as_object_mut()?.insert(last.to_owned(), value.clone());
    Some(())
}

#[cfg(test)]
mod tests;
