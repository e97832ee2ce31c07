//! An HTTP API, as one input asks it.

use std::time::Duration;

use anyhow::anyhow;
use async_trait::async_trait;
use cybexp_feed::{self as feed, Fetched, Http, ListPlan, PageRequest, Paging, Validators};
use cybexp_service::ConfigError;
use cybexp_spool::{ItemKey, RecordBatch};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use url::Url;

use super::identity::ItemIdentity;
use super::pages::Pages;
use crate::plugin::source::{InputConfig, InputSource, Next};
use crate::seen::SeenFeed;
use crate::sink::RecordSink;

/// How long the check waits for what stands behind the first elements of a list.
const REST: Duration = Duration::from_secs(5);

/// A source as the settings say.
#[derive(Debug)]
pub(super) struct HttpSource {
    pub(super) http: Http,
    pub(super) method: Method,
    pub(super) first: PageRequest,
    pub(super) headers: HeaderMap,
    pub(super) items: Option<Items>,
    /// Identifies the request and how its answer is read: validators and cursors hold for one such text only.
    pub(super) of: String,
    /// The page at which the last fetch failed, after others that it read: the next one goes on there.
    pub(super) resume: Option<PageRequest>,
    /// It was told that a field may lead to pages that are not read.
    pub(super) told: bool,
}

/// The way to read an answer as a list.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) plan: ListPlan,
    pub(super) identity: ItemIdentity,
    pub(super) paging: Paging,
    pub(super) most: u32,
}

/// The cursor of an answer that is one record.
#[derive(Debug, Default, Serialize, Deserialize)]
struct DocumentCursor {
    /// The key of the last answer.
    body: Option<String>,
    validators: Option<Validators>,
}

#[async_trait]
impl InputSource for HttpSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let checked = self.look().await;
        checked.map_err(|error| self.http.secrets().hide_in(error))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let fetched = match &self.items {
            Some(_) => self.fetch_items(sink).await,
            None => self.fetch_whole(sink).await,
        };
        fetched.map_err(|error| self.http.secrets().hide_in(error))?;
        Ok(Next::Period)
    }
}

impl HttpSource {
    async fn get(&self, page: &PageRequest, known: Option<&Validators>) -> anyhow::Result<Fetched> {
        // conditions are for what is asked for with GET
        let known = known.filter(|_| self.method == Method::GET);
        let mut request = self
            .http
            .client()
            .request(self.method.clone(), page.url.clone());
        request = request.headers(self.headers.clone());
        if let Some(body) = &page.body {
            request = request.body(body.clone());
        }
        let request: Request = request
            .build()
            .map_err(|error| anyhow!("no request: {}", feed::cause(&error)))?;
        self.http.ask(request, &self.first.url, known).await
    }

    async fn look(&self) -> anyhow::Result<String> {
        let response = match self.get(&self.first, None).await? {
            Fetched::Nothing => return Ok("answers, with nothing".to_owned()),
            Fetched::New(response) => response,
        };
        let kind = feed::cleaned(kind(&response).unwrap_or("data"));
        let Some(items) = &self.items else {
            let bytes = whole(response).await?.len();
            return Ok(format!("answers with {kind}, {bytes} bytes"));
        };
        let (base, linked) = (response.url().clone(), items.paging.linked(&response));
        let mut pieces = feed::items(response, items.plan.clone()).await?;
        let any = pieces.next().await?.is_some();
        let rest = async {
            while pieces.next().await?.is_some() {}
            anyhow::Ok(())
        };
        // what stands behind a long list is not waited for
        let whole = match tokio::time::timeout(REST, rest).await {
            Ok(read) => read.map(|()| true)?,
            Err(_) => false,
        };
        let list = match &pieces.beside().absent {
            Some(name) => format!(
                "but there is no {name} in it, which counts as an empty list: is settings.items right?"
            ),
            None if any => "and the list is there".to_owned(),
            None => "and the list is empty".to_owned(),
        };
        let next = items
            .paging
            .next(&self.first, &base, linked, pieces.beside())?;
        let more = match next {
            Some(_) => ", with a next page".to_owned(),
            None => match items.paging.unread(pieces.beside()).filter(|_| whole) {
                Some(field) => format!(", and {}", unread(field)),
                None => String::new(),
            },
        };
        Ok(format!("answers with {kind}, {list}{more}"))
    }

    async fn fetch_items(&mut self, sink: &RecordSink) -> anyhow::Result<()> {
        let Some(items) = &self.items else {
            return Ok(());
        };
        let mut seen = SeenFeed::of(sink).await?;
        let start = self.resume.take();
        let known = match start {
            None => seen.validators(&self.of),
            Some(_) => None,
        };
        let mut page = start.unwrap_or_else(|| self.first.clone());
        let mut answer = self.get(&page, known).await?;
        let mut pages = Pages::new(items.most);
        loop {
            sink.reached();
            let Fetched::New(response) = answer else {
                break;
            };
            let validators = Validators::of(&self.of, &response);
            let (base, linked) = (response.url().clone(), items.paging.linked(&response));
            let mut pieces = feed::items(response, items.plan.clone()).await?;
            pages.begin(&page);
            while let Some(group) = pieces.next().await? {
                let keyed: Vec<_> = group
                    .into_iter()
                    .map(|item| (items.identity.of(&item), item))
                    .collect();
                pages.see(keyed.iter().map(|(key, _)| key));
                for item in seen.unseen(keyed).await? {
                    seen.push(feed::text(item));
                }
                if seen.is_full() {
                    seen.flush().await?;
                }
                if sink.is_stopping() {
                    return Ok(());
                }
            }
            if let Some(complaint) = pieces.complaint() {
                sink.complain(&complaint);
            }
            let unfollowed = items.paging.unread(pieces.beside());
            if let Some(field) = unfollowed.filter(|_| linked.is_none() && !self.told) {
                sink.complain(&unread(field));
                self.told = true;
            }
            let next = items.paging.next(&page, &base, linked, pieces.beside());
            // what is read is taken, whatever the next page gives
            seen.flush().await?;
            let Some(next) = pages.next(next?, sink) else {
                self.resume = None;
                // what the first page says of itself says nothing of the others
                return seen.finish(validators.filter(|_| pages.only_one())).await;
            };
            page = next;
            self.resume = Some(page.clone());
            answer = self.get(&page, None).await?;
        }
        self.resume = None;
        match pages.any() {
            true => seen.finish(None).await,
            false => Ok(()),
        }
    }

    async fn fetch_whole(&self, sink: &RecordSink) -> anyhow::Result<()> {
        let last: DocumentCursor = sink.cursor().await?.unwrap_or_default();
        let known = last.validators.filter(|known| known.are_of(&self.of));
        let answer = self.get(&self.first, known.as_ref()).await?;
        sink.reached();
        let Fetched::New(response) = answer else {
            return Ok(());
        };
        let validators = Validators::of(&self.of, &response);
        let body = whole(response).await?;
        let mut batch = RecordBatch::new();
        let name = Some(named(&body).to_string());
        let mut cursor = DocumentCursor {
            body: name,
            validators,
        };
        if body.trim_ascii().is_empty() {
            // nothing is no other state of what was there
            cursor.body = last.body;
        } else if cursor.body != last.body {
            batch.push(body);
        }
        batch.cursor = Some(json!(cursor));
        sink.take(batch).await
    }
}

/// Tells of a field that may lead to a next page.
fn unread(field: &str) -> String {
    format!(
        "its field {field} may lead to a next page, which is not read: settings.next and next_param say how, or that there is \
         none (false)"
    )
}

fn kind(response: &Response) -> Option<&str> {
    response.headers().get(CONTENT_TYPE)?.to_str().ok()
}

/// The whole answer, where it is no page for people.
async fn whole(response: Response) -> anyhow::Result<Vec<u8>> {
    let origin = feed::origin(response.url());
    let kind = kind(&response).unwrap_or_default().to_owned();
    let body = feed::whole(response).await?;
    match feed::html(&body, &kind) {
        None => Ok(body),
        Some(says) => {
            let what = format!("{origin} answers with a page of HTML, and no data");
            Err(anyhow!(feed::because(
                what,
                Some(says).filter(|says| !says.is_empty())
            )))
        }
    }
}

/// Returns the key of a whole answer: that of its values, where it is JSON.
fn named(body: &[u8]) -> ItemKey {
    let text = std::str::from_utf8(body).ok();
    let json =
        text.filter(|text| serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok());
    json.map_or_else(|| ItemKey::of(body), feed::key)
}

/// Describes the request of the first page, without its headers.
pub(super) fn asked_for(
    method: &Method,
    first: &PageRequest,
    how: &impl std::fmt::Debug,
) -> String {
    let body = first.body.as_deref().map(ItemKey::of);
    let body = body.map(|key| key.to_string()).unwrap_or_default();
    match method {
        &Method::GET if body.is_empty() => format!("{} {how:?}", first.url),
        method => format!("{method} {} {body} {how:?}", first.url),
    }
}

/// The URL of the first page.
pub(super) fn first_url(given: &InputConfig<'_>, text: &str) -> Result<Url, ConfigError> {
    feed::web_url(text).map_err(|reason| given.wrong("url", reason))
}
