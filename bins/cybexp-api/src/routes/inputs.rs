//! The sources of data, as far as the cache knows them: what they submitted lately.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use cybexp_filters::is_reserved;
use cybexp_store::RecentEntry;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message};

/// The newest submissions that are looked at.
const LOOKED_AT: i64 = 2000;
/// The most sources that are told, and the most characters of their names.
const SOURCES: usize = 200;
const NAME_CHARS: usize = 200;

/// The sources of the newest submissions.
#[derive(Serialize, ToSchema)]
pub(crate) struct Inputs {
    /// The sources, those that submitted last first.
    sources: Vec<InputSource>,
    /// The time since which all submissions were looked at, in Unix seconds; missing if there is none. Sources that are
    /// silent for longer are not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<f64>,
    /// False if there are older submissions that were not looked at.
    all: bool,
}

/// A source of data: an input, or a file that was posted by hand.
#[derive(Serialize, ToSchema)]
pub(crate) struct InputSource {
    /// The name of the submissions: that of the input, or of a file.
    #[schema(example = "london")]
    name: String,
    /// The kind of data.
    #[schema(example = "cowrie")]
    typetag: String,
    /// The hash of the organisation that owns the data.
    orgid: String,
    /// The time of the last submission, in Unix seconds.
    last: f64,
    /// The time of the first submission that was looked at, in Unix seconds.
    first: f64,
    /// The number of submissions.
    submissions: u64,
    /// The number of records in them.
    records: u64,
    /// The number of submissions that the archive daemon has not opened yet.
    waiting: u64,
    /// The number of submissions with records that were set aside.
    bad: u64,
}

/// List the sources that submitted data lately; admins of their organisations only
///
/// The newest 2000 submissions are looked at, of those that `cache.keep` has not removed yet.
#[utoipa::path(get, path = "/inputs", security(("bearer" = [])), responses(
    (status = 200, description = "The sources of the organisations of which the caller is an admin.", body = Inputs),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn inputs(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<Json<Inputs>, ApiError> {
    let orgs = app.identity.orgs_admin_of(caller.user.hash()).await?;
    let orgs: Vec<String> = orgs.iter().map(|org| org.hash().to_string()).collect();
    let entries = match orgs.is_empty() {
        true => vec![],
        false => app.cache.recent(&orgs, LOOKED_AT).await?,
    };
    Ok(Json(sources(&entries)))
}

fn sources(entries: &[RecentEntry]) -> Inputs {
    let is_told = |entry: &&RecentEntry| !is_reserved(&entry.typetag);
    let mut all: BTreeMap<(&str, &str, &str), InputSource> = BTreeMap::new();
    for entry in entries.iter().filter(is_told) {
        let key = (
            entry.orgid.as_str(),
            entry.typetag.as_str(),
            entry.name.as_str(),
        );
        let source = all.entry(key).or_insert_with(|| InputSource {
            name: entry.name.chars().take(NAME_CHARS).collect(),
            typetag: entry.typetag.clone(),
            orgid: entry.orgid.clone(),
            last: entry.timestamp,
            first: entry.timestamp,
            submissions: 0,
            records: 0,
            waiting: 0,
            bad: 0,
        });
        source.last = source.last.max(entry.timestamp);
        source.first = source.first.min(entry.timestamp);
        source.submissions += 1;
        source.records += u64::from(entry.records.unwrap_or(1));
        source.waiting += u64::from(!entry.processed);
        source.bad += u64::from(entry.bad);
    }
    let mut sources: Vec<InputSource> = all.into_values().collect();
    sources.sort_by(|one, other| other.last.total_cmp(&one.last));
    sources.truncate(SOURCES);
    Inputs {
        sources,
        since: entries.last().map(|entry| entry.timestamp),
        all: entries.len() < LOOKED_AT as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(org: &str, name: &str, timestamp: f64) -> RecentEntry {
        RecentEntry {
            name: name.to_owned(),
            typetag: "cowrie".to_owned(),
            orgid: org.to_owned(),
            timestamp,
            processed: timestamp < 3.0,
            bad: false,
            records: (name == "london").then_some(10),
        }
    }

    #[test]
    fn sources_are_told_by_name() {
        let mut entries = vec![
            entry("a", "london", 4.0),
            entry("a", "london", 2.0),
            entry("a", "rome", 2.5),
        ];
        entries[2].typetag = "cybexp_verdict".to_owned();
        let told = sources(&entries);
        let [london] = told.sources.as_slice() else {
            panic!("one source");
        };
        assert_eq!((london.name.as_str(), london.records), ("london", 20));
        assert_eq!((london.submissions, london.waiting), (2, 1));
        assert_eq!((london.first, london.last), (2.0, 4.0));
        assert!(told.all && told.since == Some(2.5));
    }
}
