//! Asking a TAXII server.

use anyhow::{anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use url::Url;

use super::place::{self, PageEnds, TaxiiPlace};
use cybexp_feed::{self as feed, Http, HttpRefusal, JsonPath, ListPlan, Pieces};

/// The longest object that is taken, in bytes.
const OBJECT_BYTES: usize = 8 << 20;
/// The most API roots and collections that are looked at.
const LISTED: usize = 100;
/// Ids that one request names.
const NAMED: usize = 40;

/// The headers with the times at which the first and the last object of a page were added.
const FIRST: &str = "x-taxii-date-added-first";
const LAST: &str = "x-taxii-date-added-last";

/// The version of the protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(super) enum TaxiiVersion {
    /// TAXII 2.0, of 2017.
    #[serde(rename = "2.0")]
    V2_0,
    /// TAXII 2.1.
    #[default]
    #[serde(rename = "2.1")]
    V2_1,
}

impl TaxiiVersion {
    /// The media type of what the server says of itself.
    fn taxii(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::V2_0 => "application/vnd.oasis.taxii+json; version=2.0",
            Self::V2_1 => "application/taxii+json;version=2.1",
        })
    }

    /// The media type of objects.
    fn objects(self) -> HeaderValue {
        match self {
            Self::V2_0 => HeaderValue::from_static("application/vnd.oasis.stix+json; version=2.0"),
            Self::V2_1 => self.taxii(),
        }
    }
}

/// Returns the value of the header of basic authentication.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// A TAXII server, and what is asked for.
#[derive(Debug)]
pub(super) struct TaxiiClient {
    pub(super) http: Http,
    /// The discovery, an API root, or a collection; with a slash at the end.
    pub(super) url: Url,
    /// The headers, with the keys.
    pub(super) headers: HeaderMap,
    /// The id, alias or title of the collection.
    pub(super) collection: Option<String>,
    /// Objects of a page.
    pub(super) limit: u32,
    pub(super) version: TaxiiVersion,
}

/// A collection that a server has.
#[derive(Debug, Deserialize)]
struct Collection {
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    alias: Option<String>,
    #[serde(default = "yes")]
    can_read: bool,
}

fn yes() -> bool {
    true
}

/// A page of objects that is being read.
pub(super) struct TaxiiPage {
    pub(super) objects: Pieces<Box<RawValue>>,
    last: Option<String>,
    /// The next page, as a server of version 2.0 says.
    by_range: Option<String>,
}

impl TaxiiClient {
    /// Returns the URL of the collection, and its title.
    pub(super) async fn collection(&self) -> anyhow::Result<(Url, String)> {
        let parts: Vec<&str> = self.url.path().trim_end_matches('/').split('/').collect();
        match parts[..] {
            [.., "collections", id] => return Ok((self.url.clone(), id.to_owned())),
            [.., "collections"] => return self.among(vec![self.url.join("../")?]).await,
            _ => {}
        }
        let told = self.get(&self.url).await?;
        let roots = match told.get("api_roots").and_then(Value::as_array) {
            Some(all) => {
                let first = told.get("default").into_iter();
                let roots = first.chain(all).filter_map(Value::as_str);
                let roots = roots.filter_map(|root| {
                    self.url
                        .join(&format!("{}/", root.trim_end_matches('/')))
                        .ok()
                });
                let mut known: Vec<Url> = Vec::new();
                for root in roots.take(LISTED) {
                    if !known.contains(&root) {
                        known.push(root);
                    }
                }
                known
            }
            None => vec![self.url.clone()],
        };
        ensure!(
            !roots.is_empty(),
            "{} has no API root",
            feed::origin(&self.url)
        );
        self.among(roots).await
    }

    /// Looks for the collection in these API roots.
    async fn among(&self, roots: Vec<Url>) -> anyhow::Result<(Url, String)> {
        let (mut readable, mut failure) = (Vec::new(), None);
        for root in roots {
            let all = match self.get(&root.join("collections/")?).await {
                Ok(told) => told,
                // others may be for this user
                Err(error) => {
                    failure = Some(error);
                    continue;
                }
            };
            let all = all.get("collections").and_then(Value::as_array).cloned();
            for one in all.unwrap_or_default().into_iter().take(LISTED) {
                let Ok(one) = serde_json::from_value::<Collection>(one) else {
                    continue;
                };
                let named = self.collection.as_deref().is_none_or(|wanted| {
                    wanted.eq_ignore_ascii_case(&one.id)
                        || wanted == one.title
                        || one.alias.as_deref() == Some(wanted)
                });
                if named && one.can_read {
                    readable.push((root.join(&format!("collections/{}/", one.id))?, one));
                }
            }
        }
        let title = |one: &Collection| {
            feed::cleaned(if one.title.is_empty() {
                &one.id
            } else {
                &one.title
            })
        };
        match (&readable[..], failure) {
            ([(url, one)], _) => Ok((url.clone(), title(one))),
            ([], Some(failure)) => Err(failure),
            ([], None) => match &self.collection {
                Some(wanted) => bail!(
                    "there is no collection \"{}\" that may be read",
                    feed::cleaned(wanted)
                ),
                None => bail!("there is no collection that may be read"),
            },
            (several, _) => {
                let titles: Vec<String> =
                    several.iter().take(10).map(|(_, one)| title(one)).collect();
                bail!(
                    "there are {} collections, so settings.collection must say which: {}",
                    several.len(),
                    titles.join(", ")
                )
            }
        }
    }

    async fn get(&self, url: &Url) -> anyhow::Result<Value> {
        let response = self.send(url, self.version.taxii(), None).await?;
        let body = feed::whole(response).await?;
        serde_json::from_slice(&body).map_err(|_| {
            let says = feed::reason(&body, self.http.secrets());
            let what = format!("{} answers {} with no JSON", feed::origin(url), url.path());
            anyhow!(
                "{} (is settings.url that of a TAXII server?)",
                feed::because(what, says)
            )
        })
    }

    /// Returns a page of a collection; `None` if there is nothing from that place on.
    pub(super) async fn page(
        &self,
        collection: &Url,
        at: &TaxiiPlace,
    ) -> anyhow::Result<Option<TaxiiPage>> {
        let mut url = collection.join("objects/")?;
        let mut range = None;
        {
            let mut query = url.query_pairs_mut();
            if let Some(after) = &at.added_after {
                query.append_pair("added_after", after);
            }
            match self.version {
                TaxiiVersion::V2_1 => {
                    query.append_pair("limit", &self.limit.to_string());
                    if let Some(next) = &at.next {
                        query.append_pair("next", next);
                    }
                }
                TaxiiVersion::V2_0 => {
                    let from = at.next.as_deref().and_then(|next| next.parse::<u64>().ok());
                    let from = from.unwrap_or(0);
                    let to = from.saturating_add(u64::from(self.limit) - 1);
                    range = Some(format!("items {from}-{to}"));
                }
            }
        }
        if url.query() == Some("") {
            url.set_query(None);
        }
        let response = match self.send(&url, self.version.objects(), range).await {
            Ok(response) => response,
            Err(error) => {
                let refused = error.downcast_ref::<HttpRefusal>();
                let is_over =
                    |refused: &HttpRefusal| refused.status == StatusCode::RANGE_NOT_SATISFIABLE;
                return match refused.is_some_and(is_over) && self.version == TaxiiVersion::V2_0 {
                    true => Ok(None),
                    false => Err(error),
                };
            }
        };
        // of a page of one object, some tell the first time alone
        let last = text(&response, LAST).or_else(|| text(&response, FIRST));
        let last = last.filter(|last| place::is_time(last));
        let by_range =
            text(&response, CONTENT_RANGE.as_str()).and_then(|range| after_range(&range));
        let plan = ListPlan::list("objects")
            .lenient(None)
            .elements_up_to(OBJECT_BYTES);
        let plan = plan.beside(vec![JsonPath::path("more"), JsonPath::path("next")]);
        Ok(Some(TaxiiPage {
            objects: feed::items(response, plan).await?,
            last,
            by_range,
        }))
    }

    /// Returns the objects of these ids, as far as the collection has them.
    pub(super) async fn named(
        &self,
        collection: &Url,
        ids: &[String],
    ) -> anyhow::Result<Vec<Box<RawValue>>> {
        let mut found = Vec::new();
        for part in ids.chunks(NAMED) {
            let mut url = collection.join("objects/")?;
            url.query_pairs_mut()
                .append_pair("match[id]", &part.join(","));
            let response = match self.send(&url, self.version.objects(), None).await {
                Ok(response) => response,
                Err(error) => match error.downcast_ref::<HttpRefusal>() {
                    // some say so where there is none of them
                    Some(refused) if refused.status == StatusCode::NOT_FOUND => continue,
                    _ => return Err(error),
                },
            };
            let plan = ListPlan::list("objects")
                .lenient(None)
                .elements_up_to(OBJECT_BYTES);
            let mut objects = feed::items(response, plan).await?;
            while let Some(group) = objects.next().await? {
                found.extend(group);
                ensure!(
                    found.len() <= 10 * ids.len().max(NAMED),
                    "the server gives what was not asked for"
                );
            }
        }
        Ok(found)
    }

    async fn send(
        &self,
        url: &Url,
        accept: HeaderValue,
        range: Option<String>,
    ) -> anyhow::Result<Response> {
        let request = self.http.client().get(url.clone());
        let mut request = request.headers(self.headers.clone()).header(ACCEPT, accept);
        if let Some(range) = range {
            request = request.header(RANGE, range);
        }
        let request = request.build();
        let request = request.map_err(|error| anyhow!("no request: {}", feed::cause(&error)))?;
        // what is sent along is for the server that was named, whatever it says of its API roots
        let response = self.http.send(request, &self.url).await;
        let response = response.map_err(|error| match error.downcast::<HttpRefusal>() {
            Ok(refused) => explained(refused),
            Err(error) => error,
        })?;
        match response.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(response),
            status => Err(anyhow!("{} answers {status}", feed::origin(url))),
        }
    }
}

/// Adds the likely cause to a refusal.
fn explained(refused: HttpRefusal) -> anyhow::Error {
    let hint = match refused.status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "are settings.user and settings.password, or settings.headers, those of a user who may read it?"
        }
        StatusCode::NOT_ACCEPTABLE | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "does the server have another settings.version?"
        }
        _ => return refused.into(),
    };
    anyhow!("{refused} ({hint})")
}

impl TaxiiPage {
    /// Returns what the page says of its place, once its objects are read.
    pub(super) fn ends(&self, any: bool, tail: Vec<String>) -> PageEnds {
        let (mut more, mut next) = (false, None);
        for (n, value) in &self.objects.beside().values {
            match (n, value) {
                (0, value) => more = *value == Value::Bool(true),
                (1, Value::String(text)) => next = Some(text.clone()),
                (1, Value::Number(number)) => next = Some(number.to_string()),
                _ => {}
            }
        }
        PageEnds {
            // one that stands there without `more` is no page (3.7 of the specification)
            next: next.filter(|_| more).or_else(|| self.by_range.clone()),
            more,
            last: self.last.clone(),
            any,
            tail,
        }
    }
}

fn text(response: &Response, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

/// Returns where the range after `items 0-99/1000` begins, if there is one.
fn after_range(range: &str) -> Option<String> {
    let (range, total) = range.trim().strip_prefix("items")?.trim().split_once('/')?;
    let (_, last) = range.split_once('-')?;
    let next = last.trim().parse::<u64>().ok()?.checked_add(1)?;
    let total = total.trim().parse::<u64>().unwrap_or(u64::MAX);
    (next < total).then(|| next.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lead_to_the_next_one() {
        assert_eq!(after_range("items 0-99/1000").as_deref(), Some("100"));
        assert_eq!(after_range("items 900-999/1000"), None);
        assert_eq!(after_range("items 0-99/*").as_deref(), Some("100"));
        assert_eq!(after_range("bytes 0-99/1000"), None);
    }
}
