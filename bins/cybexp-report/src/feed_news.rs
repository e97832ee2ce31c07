//! Notices for those who subscribe to a feed: a value has come into it, or left it.

use std::sync::Arc;

use cybexp_service::NoticeMacs;
use cybexp_store::{
    Feed, FeedChange, FeedTeller, Notice, NoticeId, Outbox, StoreError, Subscription,
    Subscriptions, Wanted,
};
use futures::FutureExt;
use serde_json::{Value, json};
use tahoe_core::Hash;

/// The longest text of a value, in characters.
const CHARS: usize = 200;
/// Notices that are written at once.
const WRITE: usize = 1000;

/// Returns what tells subscribers, by writing notices to the outbox.
pub(crate) fn teller(subscriptions: Subscriptions, outbox: Outbox, macs: NoticeMacs) -> FeedTeller {
    let telling = Arc::new((subscriptions, outbox, macs));
    Arc::new(move |feed, changes| {
        let telling = Arc::clone(&telling);
        async move {
            let (subscriptions, outbox, macs) = &*telling;
            tell(subscriptions, outbox, macs, &feed, &changes).await
        }
        .boxed()
    })
}

async fn tell(
    subscriptions: &Subscriptions,
    outbox: &Outbox,
    macs: &NoticeMacs,
    feed: &Feed,
    changes: &[FeedChange],
) -> Result<(), StoreError> {
    let stored = subscriptions.selecting().await?;
    let to: Vec<_> = stored
        .iter()
        .filter_map(|one| Some((one.id, macs.open(one)?)))
        .filter(|(_, one)| matches!(&one.wanted, Wanted::Feed { name } if *name == feed.name))
        .collect();
    if to.is_empty() {
        return Ok(());
    }
    let mut notices: Vec<(&Subscription, Notice)> = Vec::new();
    for change in changes {
        let (hash, text) = (told(feed, change), text(feed, change));
        for (id, subscription) in &to {
            let notice = macs.notice(NoticeId::of(*id, hash), text.clone());
            notices.push((subscription, notice));
        }
        if notices.len() >= WRITE {
            outbox.write(&notices).await?;
            notices.clear();
        }
    }
    outbox.write(&notices).await
}

/// Returns the hash of what is told. It is the same until the feed's row of the value has changed.
fn told(feed: &Feed, change: &FeedChange) -> Hash {
    let value = change.value.hash().to_string();
    let before = change.before.map(|at| at.to_string()).unwrap_or_default();
    Hash::of(&[
        "feed ",
        &feed.key.to_string(),
        " ",
        moved(change),
        " ",
        &value,
        " ",
        &change.last.to_string(),
        " ",
        &before,
    ])
}

fn moved(change: &FeedChange) -> &'static str {
    match change.leaves {
        true => "left",
        false => "came",
    }
}

fn text(feed: &Feed, change: &FeedChange) -> String {
    let value = &change.value;
    let data = value.data();
    let long = data.as_str().filter(|text| text.chars().count() > CHARS);
    let data = match long {
        Some(text) => text.chars().take(CHARS).collect::<String>().into(),
        None => Value::from(data),
    };
    let mut shown = json!({
        "sub_type": value.sub_type().as_str(), "data": data, "_hash": value.hash().to_string(), "last": change.last,
    });
    if long.is_some() {
        shown["cut"] = true.into();
    }
    let feed = json!({"name": feed.name, "orgs": feed.orgs, "tlp": feed.tlp});
    json!({"feed": feed, "change": moved(change), "value": shown}).to_string()
}
