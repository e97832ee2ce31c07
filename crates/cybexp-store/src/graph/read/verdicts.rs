//! The verdicts of organisations on a value.

use bson::{Bson, doc};
use futures::future::try_join_all;
use serde::Deserialize;
use tahoe_core::question::Context;
use tahoe_core::{Category, Hash, Verdict};

use crate::archive::keys::{Kinds, LEAST_TIE, Nature};
use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::{POINTS, order, points};
use crate::mongo::find::Find;
use crate::mongo::indexes::EVENT_KEYS;
use crate::visible::Visible;

const READING: &str = "reading the verdicts on a value";

/// The verdicts that are read at once. An organisation may have changed its mind often.
const ROWS: i64 = 100;

/// The latest verdict of an organisation on a value.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenVerdict {
    /// The organisation.
    pub orgid: String,
    /// The verdict, which is not withdrawn.
    pub verdict: Verdict,
    /// The reason; may be empty.
    pub reason: String,
    /// Who judged.
    pub analyst: String,
    /// The time of the verdict, in Unix seconds.
    pub at: f64,
}

/// An event `verdict`.
#[derive(Debug, Deserialize)]
struct VerdictRow {
    orgid: String,
    timestamp: f64,
    #[serde(rename = "_tie")]
    tie: i64,
    data: VerdictData,
}

#[derive(Debug, Deserialize)]
struct VerdictData {
    verdict: Vec<Verdict>,
    #[serde(default)]
    reason: Vec<String>,
    #[serde(default)]
    analyst: Vec<String>,
}

impl GraphReader {
    /// Returns the latest verdict of each visible organisation on a value that has these forms, newest first. A verdict
    /// that was withdrawn is none.
    pub async fn verdicts(
        &self,
        forms: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<GivenVerdict>, StoreError> {
        let orgs = visible.orgs();
        let at_once = POINTS / (forms.len() * of_judged().count()).max(1);
        let parts = orgs.chunks(at_once.max(1));
        let reads = parts.map(|orgs| self.latest(forms, orgs.to_vec()));
        let latest = try_join_all(reads).await?;
        let latest = latest.into_iter().flatten();
        let mut given: Vec<GivenVerdict> = latest.filter_map(given).collect();
        given.sort_by(|a, b| b.at.total_cmp(&a.at).then(a.orgid.cmp(&b.orgid)));
        Ok(given)
    }

    /// Returns the latest verdict of each of these organisations that has given one.
    async fn latest(
        &self,
        forms: &[Hash],
        mut orgs: Vec<&str>,
    ) -> Result<Vec<VerdictRow>, StoreError> {
        let mut rows: Vec<VerdictRow> = verdicts(forms, &orgs).read(&self.coll).await?;
        if (rows.len() as i64) < ROWS {
            // most values have few or none: then it is cheaper to order them here
            rows.sort_by(|a, b| {
                let times = b.timestamp.total_cmp(&a.timestamp);
                times.then(a.tie.cmp(&b.tie))
            });
            return Ok(first_of_each(rows, &mut orgs).collect());
        }
        let mut latest = Vec::new();
        while !orgs.is_empty() {
            let newest = verdicts(forms, &orgs).sort(order());
            let rows: Vec<VerdictRow> = newest.read(&self.coll).await?;
            let all = (rows.len() as i64) < ROWS;
            latest.extend(first_of_each(rows, &mut orgs));
            if all {
                break;
            }
            // who changed their mind that often must not hide the others
        }
        Ok(latest)
    }
}

/// Returns the first row of each of these organisations that has one, which is taken from them.
fn first_of_each(rows: Vec<VerdictRow>, orgs: &mut Vec<&str>) -> impl Iterator<Item = VerdictRow> {
    rows.into_iter().filter(move |row| {
        let before = orgs.len();
        orgs.retain(|org| *org != row.orgid);
        orgs.len() < before
    })
}

fn given(row: VerdictRow) -> Option<GivenVerdict> {
    let verdict = *row.data.verdict.first()?;
    let first = |texts: Vec<String>| texts.into_iter().next().unwrap_or_default();
    (verdict != Verdict::Withdrawn).then(|| GivenVerdict {
        orgid: row.orgid,
        verdict,
        reason: first(row.data.reason),
        analyst: first(row.data.analyst),
        at: row.timestamp,
    })
}

/// The kinds of a verdict's reference to the value that it is about.
fn of_judged() -> Kinds {
    let malicious = Kinds::of(Context::Malicious, Some(Category::Malicious));
    let benign = Kinds::of(Context::Benign, Some(Category::Benign));
    let withdrawn = Kinds::of(Context::Unknown, Some(Category::Unknown));
    let all = malicious.and(benign).and(withdrawn);
    all.of_nature(Nature::Verdict)
}

/// Finds verdicts of these organisations on a value, in no order.
pub(crate) fn verdicts(forms: &[Hash], orgs: &[&str]) -> Find {
    let points: Vec<Bson> = points(forms, orgs, of_judged());
    let filter = doc! {"_keys": {"$in": points}, "_tie": {"$gte": LEAST_TIE}};
    Find::new(READING, EVENT_KEYS, filter)
        .project(doc! {
            "_id": 0, "orgid": 1, "timestamp": 1, "_tie": 1, "data.verdict": 1, "data.reason": 1, "data.analyst": 1,
        })
        .limit(ROWS)
}
