//! Notices for those who subscribe to a feed: a value has come into it.

use std::sync::Arc;

use cybexp_service::NoticeMacs;
use cybexp_store::{
    Feed, FeedTeller, Notice, NoticeId, Outbox, StoreError, Subscription, Subscriptions, Wanted,
};
use futures::FutureExt;
use serde_json::{Value, json};
use tahoe_core::{Attribute, Hash};

/// The longest text of a value, in characters.
const CHARS: usize = 200;

/// Returns what tells subscribers, by writing notices to the outbox.
pub(crate) fn teller(subscriptions: Subscriptions, outbox: Outbox, macs: NoticeMacs) -> FeedTeller {
    let telling = Arc::new((subscriptions, outbox, macs));
    Arc::new(move |feed, values| {
        let telling = Arc::clone(&telling);
        async move {
            let (subscriptions, outbox, macs) = &*telling;
            tell(subscriptions, outbox, macs, &feed, &values).await
        }
        .boxed()
    })
}

async fn tell(
    subscriptions: &Subscriptions,
    outbox: &Outbox,
    macs: &NoticeMacs,
    feed: &Feed,
    values: &[(Attribute, f64)],
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
    for (value, last) in values {
        let text = text(feed, value, *last);
        let notices: Vec<(&Subscription, Notice)> = to
            .iter()
            .map(|(id, subscription)| {
                let notice = NoticeId::of(*id, told(feed, value, *last));
                (subscription, macs.notice(notice, text.clone()))
            })
            .collect();
        outbox.write(&notices).await?;
    }
    Ok(())
}

/// Returns the hash of what is told. A value that leaves the feed and comes in again has had another event, and is told anew.
fn told(feed: &Feed, value: &Attribute, last: f64) -> Hash {
    let (value, last) = (value.hash().to_string(), last.to_string());
    Hash::of(&["feed ", &feed.key.to_string(), " ", &value, " ", &last])
}

fn text(feed: &Feed, value: &Attribute, last: f64) -> String {
    let data = value.data();
    let long = data.as_str().filter(|text| text.chars().count() > CHARS);
    let data = match long {
        Some(text) => text.chars().take(CHARS).collect::<String>().into(),
        None => Value::from(data),
    };
    let mut value = json!({
        "sub_type": value.sub_type().as_str(), "data": data, "_hash": value.hash().to_string(), "last": last,
    });
    if long.is_some() {
        value["cut"] = true.into();
    }
    let feed = json!({"name": feed.name, "orgs": feed.orgs, "tlp": feed.tlp});
    json!({"feed": feed, "value": value}).to_string()
}
