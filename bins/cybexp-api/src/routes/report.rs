//! How reports look, for the description of the API. The report daemon makes them.

#![allow(
    dead_code,
    reason = "only the description is used: reports are handed on as they are stored"
)]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The report on a question.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AnyReport {
    /// On `count`.
    Count(CountReport),
    /// On `related`.
    Related(RelatedReport),
    /// On `threatrank`.
    ThreatRank(ThreatRankReport),
}

/// What every report holds.
#[derive(Serialize, ToSchema)]
struct Head {
    #[schema(example = "report")]
    itype: String,
    /// The type of the question.
    #[schema(example = "count")]
    sub_type: String,
    /// The hash of the user who asked.
    userid: String,
    /// When the answer was begun, in Unix seconds: it holds all that was there before.
    timestamp: f64,
    /// From 1.
    #[schema(minimum = 1)]
    current_page: u32,
    /// `current_page` + 1, and 1 after the last page, as in the Python system.
    #[schema(minimum = 1)]
    next_page: u32,
    /// Whether there is a next page.
    more: bool,
    /// The hash of the answer, which equal answers share.
    _hash: String,
}

/// What reports about a value or instance hold.
#[derive(Serialize, ToSchema)]
struct About {
    /// The value in the forms in which it was looked for, where the question gave one: the text `80` for a port is the
    /// int 80.
    about: Option<Vec<Form>>,
    /// When the first of all these events was, in Unix seconds; missing where there is none.
    first_seen: Option<f64>,
    /// And the last.
    last_seen: Option<f64>,
    /// That there is more than the report holds.
    cut: Option<bool>,
}

/// A value as the archive has it.
#[derive(Serialize, ToSchema)]
struct Form {
    #[schema(example = "port")]
    sub_type: String,
    data: Value,
}

/// In how many events something is.
#[derive(Serialize, ToSchema)]
pub(crate) struct CountReport {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    about: About,
    /// The number of events.
    #[schema(example = 30)]
    data: u64,
}

/// What was seen together with something.
#[derive(Serialize, ToSchema)]
pub(crate) struct RelatedReport {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    about: About,
    /// How many events there are on all pages, where that is known at once.
    total: Option<u64>,
    /// The events of this page, newest first.
    events: Vec<EventHead>,
    data: RelatedData,
}

/// An event in short.
#[derive(Serialize, ToSchema)]
struct EventHead {
    _hash: String,
    #[schema(example = "ssh")]
    sub_type: String,
    /// Unix seconds.
    timestamp: f64,
    /// `malicious`, `benign` or `unknown`.
    category: String,
    /// The hash of its organisation.
    orgid: String,
}

/// Values, values with paths, or documents, as the question says.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum RelatedData {
    /// Values by sub_type; with `summary_graph` each is a list of the value and the path from it to what was asked for.
    Values(BTreeMap<String, Vec<Value>>),
    /// Without `summary`: events and sessions, newest first, then objects and attributes.
    #[schema(value_type = Vec<Object>)]
    Documents(Vec<Value>),
}

/// How threatening an event is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ThreatRankReport {
    #[serde(flatten)]
    head: Head,
    data: ThreatRank,
}

/// The rank.
#[derive(Serialize, ToSchema)]
struct ThreatRank {
    /// From 0 (nothing malicious is near) downwards; -1: as threatening as an event that is known to be malicious, and
    /// below that: tied to malicious events in more ways than one.
    score: f64,
    /// Paths from malicious events that were found.
    paths: u64,
    /// Whether all were found.
    exact: bool,
    /// By how much the score may be wrong at most.
    error_bound: f64,
    /// Attributes that paths lead through, those first that contribute most.
    contributors: Vec<Contributor>,
    /// The event.
    _hash: String,
}

/// An attribute between malicious events and this one.
#[derive(Serialize, ToSchema)]
struct Contributor {
    sub_type: String,
    data: Value,
    /// The share of the score that came through it, from 0 to 1.
    share: f64,
}

/// Why there is no report. A question that could be read has the fields of a report, too, the reason being its `data`,
/// as in the Python system.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refused {
    /// What is wrong, and in which field.
    #[schema(example = "field data: `999.1.1.1` is not an IPv4 address")]
    message: String,
    /// The same.
    data: Option<String>,
}
