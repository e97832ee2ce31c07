//! Rows of the database as values of a feed.

use cybexp_share::{FeedHead, Item, Tlp};
use cybexp_store::{Feed, FeedValue};

/// Returns the label of a feed. One that cannot be read is the strictest.
pub(crate) fn tlp(feed: &Feed) -> Tlp {
    feed.tlp.parse().unwrap_or(Tlp::Red)
}

/// Returns what the files of a feed tell of it.
pub(crate) fn head(feed: &Feed) -> FeedHead {
    FeedHead {
        name: feed.name.clone(),
        description: feed.description.clone(),
        organisation: feed.organisation.clone(),
        seq: feed.seq.cast_unsigned(),
        created: feed.created,
        changed: feed.changed,
        tlp: tlp(feed),
        comments: feed.comments,
    }
}

/// Returns a value of a feed; `None` if the row has none.
pub(crate) fn item(row: &FeedValue, tlp: Tlp) -> Option<Item> {
    let times = match row.count {
        1 => "1 event".to_owned(),
        n if n >= 10_000 => "10000 events or more".to_owned(),
        n => format!("{n} events"),
    };
    Some(Item {
        sub_type: row.sub_type.clone(),
        data: row.scalar()?,
        added: row.added,
        changed: row.changed,
        seen: Some((row.first, row.last)),
        count: row.count.cast_unsigned(),
        reason: times,
        tlp,
    })
}
