//! The walk through a collection, page by page.

use std::collections::{HashMap, HashSet};
use std::mem;

use async_trait::async_trait;
use chrono::Utc;
use reqwest::StatusCode;
use serde_json::json;
use url::Url;

use super::client::{TaxiiClient, TaxiiPage};
use super::parts::{TaxiiObject, missing, records};
use super::place::{PageEnds, TaxiiPlace};
use crate::plugin::source::{InputSource, Next};
use crate::sink::RecordSink;
use cybexp_feed::HttpRefusal;
use cybexp_spool::RecordBatch;

/// Bytes of objects at which they become records.
const GROUP_BYTES: usize = 16 << 20;
/// The most pages of one fetch. The next one goes on.
const PAGES: u32 = 10_000;
/// Pages without an object, one after the other, that are gone past.
const EMPTY: u32 = 10;
/// The most objects of a page that are known again.
const TAIL: usize = 2000;
/// The most objects that are remembered because others need them.
const KNOWN: usize = 2000;
/// The most objects that are asked for at once because others need them.
const ASKED: usize = 1000;

pub(super) struct TaxiiSource {
    client: TaxiiClient,
    /// The collection and the server, as a place names them.
    of: String,
    /// The time from which on objects are taken.
    from: Option<String>,
    /// The URL of the collection, once it is found.
    collection: Option<Url>,
    /// Makers and markings that objects need, by id.
    known: HashMap<String, TaxiiObject>,
}

#[async_trait]
impl InputSource for TaxiiSource {
    async fn check(&mut self) -> anyhow::Result<String> {
        let checked = self.look().await;
        checked.map_err(|error| self.client.http.secrets().hide_in(error))
    }

    async fn fetch(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let fetched = self.take(sink).await;
        if fetched.is_err() {
            // it may have moved
            self.collection = None;
        }
        fetched.map_err(|error| self.client.http.secrets().hide_in(error))
    }
}

impl TaxiiSource {
    pub(super) fn new(client: TaxiiClient, of: String, from: Option<String>) -> Self {
        Self {
            client,
            of,
            from,
            collection: None,
            known: HashMap::new(),
        }
    }

    async fn look(&self) -> anyhow::Result<String> {
        let (url, title) = self.client.collection().await?;
        let place = TaxiiPlace {
            added_after: self.from.clone(),
            ..TaxiiPlace::default()
        };
        let mut objects = 0;
        if let Some(mut page) = self.client.page(&url, &place).await? {
            while let Some(group) = page.objects.next().await? {
                objects += group.len();
            }
        }
        Ok(format!(
            "collection {title}, {objects} objects on its first page"
        ))
    }

    async fn take(&mut self, sink: &RecordSink) -> anyhow::Result<Next> {
        let known: Option<TaxiiPlace> = sink.cursor().await?;
        let begins = || TaxiiPlace {
            of: self.of.clone(),
            added_after: self.from.clone(),
            ..TaxiiPlace::default()
        };
        let mut place = known
            .filter(|place| place.of == self.of)
            .unwrap_or_else(begins);
        let url = match &self.collection {
            Some(url) => url.clone(),
            None => {
                let (url, _) = self.client.collection().await?;
                self.collection.insert(url).clone()
            }
        };
        place.begin(Utc::now());
        let (mut empty, mut skipped) = (0, false);
        for _ in 0..PAGES {
            let page = match self.client.page(&url, &place).await {
                Ok(page) => page,
                // a server forgets its pages after a while
                Err(error) if place.next.is_some() && !skipped && is_forgotten(&error) => {
                    place.skip();
                    skipped = true;
                    continue;
                }
                Err(error) => return Err(error),
            };
            sink.reached();
            let (batch, ends) = match page {
                Some(page) => self.read(sink, &url, page, &place.tail).await?,
                None => (RecordBatch::new(), PageEnds::default()),
            };
            if sink.is_stopping() {
                return Ok(Next::Period);
            }
            empty = if ends.any { 0 } else { empty + 1 };
            let ends = checked(ends, &place, empty, sink);
            let goes_on = place.advance(ends);
            let mut batch = batch;
            batch.cursor = Some(json!(place));
            sink.take(batch).await?;
            if !goes_on {
                return Ok(Next::Period);
            }
        }
        Ok(Next::Period)
    }

    /// Reads a page. The last of its records are in the batch, and those before are taken already.
    async fn read(
        &mut self,
        sink: &RecordSink,
        url: &Url,
        mut page: TaxiiPage,
        known: &[String],
    ) -> anyhow::Result<(RecordBatch, PageEnds)> {
        let mut batch = RecordBatch::new();
        let (mut group, mut bytes, mut any) = (Vec::new(), 0, false);
        let known: HashSet<&String> = known.iter().collect();
        let mut tail = Vec::new();
        while let Some(objects) = page.objects.next().await? {
            for object in objects {
                match TaxiiObject::of(object) {
                    Ok(object) => {
                        any = true;
                        if tail.len() < TAIL {
                            tail.push(object.key.clone());
                        }
                        if !known.contains(&object.key) {
                            bytes += object.bytes();
                            group.push(object);
                        }
                    }
                    Err(why) => page.objects.leave_out(why),
                }
            }
            if bytes >= GROUP_BYTES {
                bytes = 0;
                self.group(sink, url, mem::take(&mut group), &mut batch)
                    .await?;
            }
            if sink.is_stopping() {
                return Ok((batch, PageEnds::default()));
            }
        }
        self.group(sink, url, group, &mut batch).await?;
        if let Some(complaint) = page.objects.complaint() {
            sink.complain(&complaint);
        }
        Ok((batch, page.ends(any, tail)))
    }

    /// Makes records of some objects of a page.
    async fn group(
        &mut self,
        sink: &RecordSink,
        url: &Url,
        group: Vec<TaxiiObject>,
        batch: &mut RecordBatch,
    ) -> anyhow::Result<()> {
        self.know(url, &group).await?;
        for record in records(&group, &self.known) {
            // without a cursor: records that are taken again become the same raws
            if batch.is_full() {
                sink.take(mem::take(batch)).await?;
            }
            batch.push(record);
        }
        // makers and markings stand once in a collection, before all that needs them
        for object in group {
            let is_kept = ["identity--", "marking-definition--"]
                .iter()
                .any(|kind| object.id.starts_with(kind));
            if is_kept && self.known.len() < KNOWN && object.bytes() < 64 << 10 {
                self.known.insert(object.id.clone(), object);
            }
        }
        Ok(())
    }

    /// Asks for what objects need and the page does not hold.
    async fn know(&mut self, url: &Url, group: &[TaxiiObject]) -> anyhow::Result<()> {
        let is_kept =
            |id: &String| id.starts_with("identity--") || id.starts_with("marking-definition--");
        // what only this page needed
        self.known.retain(|id, _| is_kept(id));
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        let mut wanted = missing(group, &self.known);
        // what is needed may need others: observed data its observables
        for _ in 0..2 {
            wanted.truncate(ASKED);
            if wanted.is_empty() {
                return Ok(());
            }
            let found = self.client.named(url, &wanted).await?;
            let found: Vec<TaxiiObject> = found
                .into_iter()
                .filter_map(|json| TaxiiObject::of(json).ok())
                .collect();
            let further = missing(&found, &self.known);
            for object in found {
                if wanted.contains(&object.id) {
                    self.known.insert(object.id.clone(), object);
                }
            }
            wanted = further;
            wanted.retain(|id| !group.iter().any(|object| object.id == *id));
        }
        Ok(())
    }
}

/// Whether a refusal may be because of a page that the server does not know any more.
fn is_forgotten(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<HttpRefusal>();
    refused.is_some_and(|refused| {
        matches!(
            refused.status,
            StatusCode::BAD_REQUEST
                | StatusCode::NOT_FOUND
                | StatusCode::GONE
                | StatusCode::UNPROCESSABLE_ENTITY
        )
    })
}

/// Ends a walk that leads in a circle.
fn checked(ends: PageEnds, place: &TaxiiPlace, empty: u32, sink: &RecordSink) -> PageEnds {
    // some servers have one name for all pages of a walk, so the page itself tells
    let is_same =
        ends.next.is_some() && ends.next == place.next && ends.any && ends.tail == place.tail;
    if !is_same && empty < EMPTY {
        return ends;
    }
    if ends.next.is_some() || ends.more {
        sink.complain(match is_same {
            true => "a page names itself as the next one, so it is the last one",
            false => "many pages in a row have no object, so the last one is taken for the end",
        });
    }
    PageEnds {
        next: None,
        more: false,
        ..ends
    }
}
