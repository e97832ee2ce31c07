//! Notes of changed hours: those of a lane are numbered without gaps, up to the lane's head.

use std::collections::HashMap;

use bson::oid::ObjectId;
use bson::{Bson, doc};
use serde::Deserialize;

use crate::error::StoreError;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::verify::context::Context;
use crate::verify::fault::{FaultKind, Findings};

const READING: &str = "reading the notes of changed hours";
/// Age of a head, in milliseconds, at which its notes begin to expire.
const EXPIRES_MS: i64 = 23 * 3_600_000;

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "_id")]
    lane: ObjectId,
    n: i64,
    mark: ObjectId,
    expires: bool,
}

/// The notes of a lane.
#[derive(Deserialize)]
struct Notes {
    #[serde(rename = "_id")]
    lane: ObjectId,
    notes: i64,
    first: i64,
    last: i64,
    mark: Option<ObjectId>,
    /// Notes whose hours are no list.
    odd: i64,
}

/// Checks all notes. Returns also their number.
pub(super) async fn check(context: &Context) -> Result<(Findings, u64), StoreError> {
    let journal = &context.archive().journal;
    let expires = doc! {"$lte": [{"$add": ["$at", EXPIRES_MS]}, "$$NOW"]};
    // the notes before the heads: a head of a lane that was written to meanwhile is ahead of them
    let group = [
        doc! {"$match": {"_id": {"$type": "object"}}},
        doc! {"$sort": {"_id": 1}},
        doc! {"$group": {
            "_id": "$_id.lane", "notes": {"$sum": 1_i64}, "first": {"$min": "$_id.n"}, "last": {"$max": "$_id.n"},
            "mark": {"$last": "$mark"}, "odd": {"$sum": {"$cond": [{"$isArray": "$hours"}, 0_i64, 1_i64]}},
        }},
    ];
    let grouping = journal.named(READING).aggregate(group);
    let notes: Vec<Notes> = grouping.rows().await?.read().await?;
    let notes: HashMap<ObjectId, Notes> = notes.into_iter().map(|one| (one.lane, one)).collect();
    let heads = Find::new(READING, ID, doc! {"_id": {"$type": "objectId"}})
        .project(doc! {"n": 1, "mark": 1, "expires": expires});
    let heads: Vec<Head> = heads.read(journal).await?;
    let heads: HashMap<ObjectId, Head> = heads.into_iter().map(|one| (one.lane, one)).collect();
    let mut found = Findings::default();
    let mut wrong = |lane: ObjectId, words: &str| {
        let words = format!("{words}: kept counts may be wrong until the daemons start again");
        found.add(FaultKind::Journal, Bson::ObjectId(lane), words);
    };
    for (lane, notes) in &notes {
        let gapless = notes.notes == notes.last - notes.first + 1;
        match heads.get(lane) {
            _ if !gapless => wrong(*lane, "notes of a lane are missing"),
            _ if notes.odd > 0 => wrong(*lane, "a note of a lane names no hours"),
            // a writer that died between the first note and its head
            None if notes.last > 1 => wrong(*lane, "a lane has notes and no head"),
            // a writer that died between a note and its head, or wrote more meanwhile
            Some(head) if head.n + 1 < notes.last => wrong(*lane, "the head of a lane lags behind"),
            Some(head) if head.n == notes.last && Some(head.mark) != notes.mark => {
                wrong(*lane, "the head of a lane names another note");
            }
            _ => {}
        }
    }
    for head in heads.values().filter(|head| !head.expires) {
        match notes.get(&head.lane) {
            None => wrong(head.lane, "a lane has a head and no notes"),
            Some(notes) if head.n > notes.last => {
                wrong(head.lane, "the last note of a lane is missing")
            }
            Some(_) => {}
        }
    }
    let read = heads.len() as u64
        + notes
            .values()
            .map(|one| one.notes.cast_unsigned())
            .sum::<u64>();
    Ok((found, read))
}
