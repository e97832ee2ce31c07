//! Values of feeds: each is given by an event.

use std::collections::HashMap;

use bson::RawDocumentBuf;
use bson::oid::ObjectId;
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::StoreError;
use crate::feeds::definition::{Feed, Feeds};
use crate::feeds::rows::{self, FeedValue};
use crate::feeds::standing::{FeedConditions, attribute};
use crate::mongo::collection::from_document;
use crate::verify::content::id_of;
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};

/// The values that are judged at the same time.
const AT_ONCE: usize = 16;

/// Checks the rows of a page. A value may be missing that the feed's keeper has not judged yet, so only those that the feed
/// holds are checked.
pub(super) async fn check(
    context: &Context,
    feeds: &Feeds,
    page: &[RawDocumentBuf],
) -> Result<Findings, StoreError> {
    let mut found = Findings::default();
    let all: HashMap<ObjectId, Feed> = feeds
        .list()
        .await?
        .into_iter()
        .map(|feed| (feed.key, feed))
        .collect();
    let now = (context.options.now)();
    let mut judged = Vec::new();
    for document in page {
        let key = id_of(document);
        let feed = document.get_object_id("feed").ok();
        let Some(feed) = feed.and_then(|feed| all.get(&feed)) else {
            // one that has left has none of the other fields, perhaps
            let words = "it belongs to a feed that is not there any more: it only takes room";
            found.add(FaultKind::FeedAlone, key, words);
            continue;
        };
        if document.get("until").ok().flatten().is_none() {
            continue;
        }
        let value = from_document::<FeedValue>(document);
        let read = value.as_ref().ok().and_then(|value| {
            let attribute = attribute(&value.sub_type, &value.data)?;
            let id = rows::id_of(feed.key, attribute.hash());
            // any event will do: the keeper looks at the number when the value's time is over
            let feed = Feed {
                min_count: 1,
                ..feed.clone()
            };
            let conditions = FeedConditions::of(&feed).ok()?;
            (id == key).then_some((attribute, conditions))
        });
        match (value, read) {
            (Ok(value), Some(read)) if value.until > Some(now) => judged.push((key, value, read)),
            (Ok(_), Some(_)) => {}
            _ => found.add(
                FaultKind::FeedValue,
                key,
                "a row of a feed is not the one of its value",
            ),
        }
    }
    let graph = &context.graph;
    let judging = judged
        .iter()
        .map(|(key, value, (attribute, conditions))| async move {
            let standing = graph.feed_standing(attribute, conditions, now).await?;
            let right = standing.is_some_and(|standing| standing.seen.last >= value.last);
            Ok::<_, StoreError>((!right).then_some((key, attribute)))
        });
    let judging: Vec<_> = judging.collect();
    let wrong: Vec<_> = stream::iter(judging)
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (key, attribute) in wrong.into_iter().flatten() {
        let words = format!(
            "a feed holds {} {}, and no event gives it to the feed",
            attribute.sub_type(),
            attribute.hash()
        );
        found.add(FaultKind::FeedValue, key.clone(), words);
    }
    Ok(found)
}
