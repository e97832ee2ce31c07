//! Pages of a feed's STIX objects, in the order in which they came into the feed.

use cybexp_share::stix::{Creator, FeedIds};
use cybexp_share::{FeedHead, formats, time};
use cybexp_store::{Feed, FeedValue, Feeds, StoreError};
use serde_json::Value;
use tahoe_core::Hash;

use super::convert::{head, item};
use super::filters::Filters;
use super::position::Position;

pub(crate) use super::filters::BadFilter;

/// The values that are read at once.
const ROWS: i64 = 500;
/// The most values that one request looks at. Where filters leave few, the page is short, and says where the next begins.
const LOOKED_AT: i64 = 100_000;

/// An object of a collection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub(crate) object: Value,
    /// When it came into the collection, in Unix seconds.
    added: f64,
}

impl Listed {
    /// Returns when the object came into the collection.
    pub(crate) fn date_added(&self) -> String {
        time::millis(self.added)
    }

    /// Returns the object's version: when it was changed or made, or else when it came into the collection.
    pub(crate) fn version(&self) -> String {
        let time = |name: &str| self.object[name].as_str().map(str::to_owned);
        time("modified")
            .or_else(|| time("created"))
            .unwrap_or_else(|| self.date_added())
    }
}

/// A page of a collection.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Listed>,
    /// The place at which the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

impl Page {
    /// Returns when the first of the objects came into the collection.
    pub(crate) fn first_added(&self) -> Option<String> {
        self.objects.first().map(Listed::date_added)
    }

    /// Returns when the last of the objects came into the collection.
    pub(crate) fn last_added(&self) -> Option<String> {
        self.objects.last().map(Listed::date_added)
    }
}

/// A page that is being filled.
struct Filling<'a> {
    filters: &'a Filters,
    head: FeedHead,
    creator: Creator,
    page: Page,
}

impl Filling<'_> {
    /// Adds the objects of a place. Returns false if the page is full.
    fn add(&mut self, objects: Vec<Value>, added: f64, at: Position) -> bool {
        for (n, object) in objects.into_iter().enumerate().skip(at.given) {
            let listed = Listed { object, added };
            if !self.filters.take(&listed.object, added, &listed.version()) {
                continue;
            }
            if self.page.objects.len() >= self.filters.page() {
                let next = Position { given: n, ..at };
                self.page.next = Some(next.to_string());
                return false;
            }
            self.page.objects.push(listed);
        }
        !self.is_found()
    }

    /// Whether all objects that were asked for by id are found.
    fn is_found(&self) -> bool {
        let wanted = self.filters.ids();
        wanted.is_some_and(|wanted| self.page.objects.len() >= wanted.len())
    }

    fn add_value(&mut self, hash: Hash, row: &FeedValue, given: usize) -> bool {
        let Some(item) = item(row, self.head.tlp) else {
            return true;
        };
        let objects = formats::stix_objects(&item, &self.head, &self.creator);
        let value = Some((row.added, hash));
        self.add(objects, row.added, Position { value, given })
    }
}

/// Returns the page that the filters ask for, of the values that are in the feed at this time, in Unix seconds.
pub(crate) async fn page(
    feeds: &Feeds,
    feed: &Feed,
    filters: &Filters,
    now: f64,
) -> Result<Page, StoreError> {
    let head = head(feed);
    let mut filling = Filling {
        creator: Creator::new(&feed.organisation, feed.created),
        filters,
        head,
        page: Page::default(),
    };
    let start = filters.next.unwrap_or_default();
    let mut after = (filters.added_after.unwrap_or(f64::MIN), None);
    match start.value {
        None => {
            let told = formats::stix_head(&filling.head, &filling.creator);
            if !filling.add(told, feed.created, start) {
                return Ok(filling.page);
            }
        }
        Some((added, hash)) => {
            if let Some(row) = feeds.value(feed, hash, now).await?
                && !filling.add_value(hash, &row, start.given)
            {
                return Ok(filling.page);
            }
            after = (added, Some(hash));
        }
    }
    if let (Some(ids), true) = (filters.ids(), feed.is_findable()) {
        let told = FeedIds::new(&filling.creator, &feed.name);
        let observables = ids.iter().flat_map(|id| told.observables(id));
        let observables: Vec<[u8; 16]> = observables.map(|uuid| uuid.bytes()).collect();
        for (hash, row) in feeds.of_observables(feed, &observables, now).await? {
            let is_after = match after {
                (added, None) => row.added > added,
                (added, Some(last)) => (row.added, hash) > (added, last),
            };
            if is_after && !filling.add_value(hash, &row, 0) {
                break;
            }
        }
        return Ok(filling.page);
    }
    let mut looked_at = 0;
    loop {
        let rows = feeds.added_after(feed, after, ROWS, now).await?;
        for (hash, row) in &rows {
            after = (row.added, Some(*hash));
            if !filling.add_value(*hash, row, 0) {
                return Ok(filling.page);
            }
        }
        looked_at += ROWS;
        if (rows.len() as i64) < ROWS {
            return Ok(filling.page);
        }
        // an object that is asked for by its id is looked for to the end
        if looked_at >= LOOKED_AT && filters.ids().is_none() {
            let value = after.1.map(|hash| (after.0, hash));
            let next = Position {
                value,
                given: usize::from(u8::MAX),
            };
            filling.page.next = Some(next.to_string());
            return Ok(filling.page);
        }
    }
}
