//! Events of an organisation that have a time of their own, by the index alone or with what tables need of them: observed
//! ones, and those derived from sessions.

use bson::{Binary, Bson, Document, doc};
use serde::Deserialize;

use crate::archive::ids::{OrgTag, binary};
use crate::archive::keys::{self, LEAST_TIE};
use crate::archive::stored::DERIVED;
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::EVENT_KEYS;

const COUNTING: &str = "counting the values of events";
const ORGS: &str = "looking for organisations";
const NEWEST: &str = "looking for the newest event";

#[derive(Deserialize)]
struct OfOrg {
    orgid: String,
}

#[derive(Deserialize)]
struct At {
    timestamp: f64,
}

/// Finds the observed events of an organisation at these times, and those derived from sessions, with what tables need of
/// them.
pub(crate) fn events(org: &OrgTag, times: Document) -> Find {
    let elements = [
        binary(keys::of_org(org).to_vec()),
        binary(keys::timed(org).to_vec()),
    ];
    with_elements(COUNTING, &elements, times).project(doc! {
        "_id": 0, "sub_type": 1, "category": 1, "data": 1, "_mal_ref": 1, "_ben_ref": 1, (DERIVED): 1,
    })
}

fn with_elements(doing: &'static str, elements: &[Bson], times: Document) -> Find {
    let mut filter = doc! {"_keys": {"$in": elements}, "_tie": {"$gte": LEAST_TIE}};
    if !times.is_empty() {
        filter.insert("timestamp", times);
    }
    Find::new(doing, EVENT_KEYS, filter)
}

/// Finds the newest observed event of an organisation before a time, from the index alone.
pub(crate) fn newest(org: &OrgTag, before: Option<f64>) -> Find {
    let times = before.map_or_else(Document::new, |before| doc! {"$lt": before});
    with_elements(NEWEST, &[binary(keys::of_org(org).to_vec())], times)
        .project(doc! {"_id": 0, "timestamp": 1})
        .sort(doc! {"timestamp": -1, "_tie": 1})
        .limit(1)
}

/// Returns the time of the newest observed event of an organisation before a time.
pub(crate) async fn newest_time(
    coll: &Documents,
    org: &OrgTag,
    before: Option<f64>,
) -> Result<Option<f64>, StoreError> {
    let found: Vec<At> = newest(org, before).read(coll).await?;
    Ok(found.first().map(|event| event.timestamp))
}

/// Finds an event of an organisation whose element is greater than this one.
pub(crate) fn next_org(after: &[u8]) -> Find {
    let (_, most) = keys::of_orgs();
    let element =
        doc! {"$elemMatch": {"$gt": binary(after.to_vec()), "$lte": binary(most.to_vec())}};
    let filter = doc! {"_keys": element, "_tie": {"$gte": LEAST_TIE}};
    Find::new(ORGS, EVENT_KEYS, filter)
        .project(doc! {"_id": 0, "orgid": 1, "_keys": 1})
        .limit(1)
}

/// Returns all organisations that have observed events.
pub(crate) async fn orgs(coll: &Documents) -> Result<Vec<OrgTag>, StoreError> {
    #[derive(Deserialize)]
    struct Keyed {
        #[serde(flatten)]
        of: OfOrg,
        #[serde(rename = "_keys")]
        keys: Vec<Binary>,
    }
    let mut all = Vec::new();
    let mut after = keys::of_orgs().0.to_vec();
    loop {
        let found: Vec<Keyed> = next_org(&after).read(coll).await?;
        let Some(event) = found.first() else {
            return Ok(all);
        };
        let org = OrgTag::of(&event.of.orgid);
        let element = keys::of_org(&org).to_vec();
        if element > after {
            all.push(org);
            after = element;
            continue;
        }
        // an event with the element of another organisation, which no writer makes
        let others = event.keys.iter().map(|key| &key.bytes);
        let next = others.filter(|key| key.len() == after.len() && **key > after);
        match next.min() {
            Some(next) => after = next.clone(),
            None => return Ok(all),
        }
    }
}
