//! The form of reports, for the description of the API. The report daemon makes them.

#![allow(
    dead_code,
    reason = "only the description is used: reports are handed on as they are stored"
)]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A report of any type.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum AnyReport {
    /// The report of a `count` question.
    Count(CountReport),
    /// The report of a `related` question.
    Related(RelatedReport),
    /// The report of a `threatrank` question.
    ThreatRank(ThreatRankReport),
    /// The report of a `timeline` question.
    Timeline(TimelineReport),
    /// The report of a `top` question.
    Top(TopReport),
    /// The report of a `session` question.
    Session(SessionReport),
    /// The report of a `search` question.
    Search(SearchReport),
    /// The report of a question of type `new`.
    New(NewReport),
    /// The report of a question of type `quarantine`.
    Quarantine(QuarantineReport),
}

/// The fields that every report has.
#[derive(Serialize, ToSchema)]
#[schema(as = Head)]
struct ReportHead {
    /// Always `report`.
    #[schema(example = "report")]
    itype: String,
    /// The type of the question.
    #[schema(example = "count")]
    sub_type: String,
    /// The hash of the user who asked.
    userid: String,
    /// The time at which the answer was begun, in Unix seconds. The report covers everything stored before that time.
    timestamp: f64,
    /// The number of this page, from 1.
    #[schema(minimum = 1)]
    current_page: u32,
    /// The number of the next page; 1 after the last page, as in the Python system.
    #[schema(minimum = 1)]
    next_page: u32,
    /// Whether there is a next page.
    more: bool,
    /// The hash of the report. Reports with equal data have the same hash.
    _hash: String,
}

/// The fields of reports about a value or instance.
#[derive(Serialize, ToSchema)]
#[schema(as = About)]
struct AboutValue {
    /// The forms of the value that were looked for, if the question gave a value. For the port `80` this is the int 80.
    about: Option<Vec<Form>>,
    /// The names of the operator's allow lists that hold the value; missing if none does.
    known_good: Option<Vec<String>>,
    /// The latest verdict of each organisation on the value, newest first; missing if there is none.
    verdicts: Option<Vec<OrgVerdict>>,
    /// The time of the first of all events, in Unix seconds; missing if there are no events.
    first_seen: Option<f64>,
    /// The time of the last of all events, in Unix seconds; missing if there are no events.
    last_seen: Option<f64>,
    /// True if there is more than the report can hold.
    cut: Option<bool>,
}

/// The latest verdict of an organisation on the value.
#[derive(Serialize, ToSchema)]
struct OrgVerdict {
    /// The hash of the organisation.
    orgid: String,
    /// The verdict: `malicious`, `benign` or `false_positive`.
    #[schema(example = "false_positive")]
    verdict: String,
    /// The reason.
    reason: String,
    /// The mail address of who judged.
    analyst: String,
    /// The time of the verdict, in Unix seconds.
    timestamp: f64,
}

/// A value in the form that the archive stores.
#[derive(Serialize, ToSchema)]
struct Form {
    #[schema(example = "port")]
    sub_type: String,
    data: Value,
}

/// The number of events that meet the conditions.
#[derive(Serialize, ToSchema)]
pub(crate) struct CountReport {
    #[serde(flatten)]
    head: ReportHead,
    #[serde(flatten)]
    about: AboutValue,
    /// The number of events.
    #[schema(example = 30)]
    data: u64,
}

/// Events that meet the conditions, and the values seen together with them.
#[derive(Serialize, ToSchema)]
pub(crate) struct RelatedReport {
    #[serde(flatten)]
    head: ReportHead,
    #[serde(flatten)]
    about: AboutValue,
    /// The number of events on all pages; missing if counting them would take long.
    total: Option<u64>,
    /// The events of this page, newest first.
    events: Vec<EventHead>,
    data: RelatedData,
}

/// The main fields of an event.
#[derive(Serialize, ToSchema)]
struct EventHead {
    _hash: String,
    #[schema(example = "ssh")]
    sub_type: String,
    /// The time of the event, in Unix seconds.
    timestamp: f64,
    /// The category: `malicious`, `benign` or `unknown`.
    category: String,
    /// The hash of the organisation that owns the event.
    orgid: String,
    /// The event's label in the Traffic Light Protocol, if it has one: `clear`, `green`, `amber`, `amber+strict` or `red`.
    #[serde(skip_serializing_if = "Option::is_none")]
    tlp: Option<String>,
}

/// Values, values with paths, or documents, depending on `summary` and `summary_graph` in the question.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum RelatedData {
    /// Values by sub_type. With `summary_graph`, each is a list of the value and the path from it to the attribute.
    Values(BTreeMap<String, Vec<Value>>),
    /// With `summary` false: events, newest first, then sessions likewise, then objects and attributes.
    #[schema(value_type = Vec<Object>)]
    Documents(Vec<Value>),
}

/// The threat score of an event or attribute.
#[derive(Serialize, ToSchema)]
pub(crate) struct ThreatRankReport {
    #[serde(flatten)]
    head: ReportHead,
    /// The forms of the attribute that were ranked, if the question gave an attribute.
    about: Option<Vec<Form>>,
    /// The names of the operator's allow lists that hold the attribute; missing if none does.
    known_good: Option<Vec<String>>,
    data: ThreatRank,
}

/// The threat score, and the attributes that it comes from.
#[derive(Serialize, ToSchema)]
struct ThreatRank {
    /// The score: 0 or less. 0 means that no malicious event is connected with the event; -1, that the event is as
    /// threatening as a malicious one; less than -1, that many short paths connect it with malicious events. The score of
    /// an attribute grows with the number of its events: a malicious event of three values counts a third for each.
    score: f64,
    /// The number of paths from malicious events that were found.
    paths: u64,
    /// Whether all paths were searched.
    exact: bool,
    /// The largest possible error of the score; 0 if `exact` is true.
    error_bound: f64,
    /// The attributes through which paths lead, with the largest share first.
    contributors: Vec<Contributor>,
    /// The hash of the event; missing for an attribute.
    _hash: Option<String>,
    /// The number of events of the attribute; missing for an event.
    events: Option<u64>,
}

/// An attribute that connects malicious events with this event or attribute.
#[derive(Serialize, ToSchema)]
struct Contributor {
    sub_type: String,
    data: Value,
    /// The share of the score that came through this attribute, from 0 to 1.
    share: f64,
}

/// The numbers of events that meet the conditions, by hour, day or week and by category.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimelineReport {
    #[serde(flatten)]
    head: ReportHead,
    #[serde(flatten)]
    about: AboutValue,
    /// The number of events that meet the conditions, those of buckets that were left out included.
    total: u64,
    data: Timeline,
}

/// The numbers of events by time.
#[derive(Serialize, ToSchema)]
struct Timeline {
    /// The length of a bucket: `hour`, `day` or `week`.
    #[schema(example = "day")]
    by: String,
    /// The time zone in which days and weeks begin.
    #[schema(example = "Europe/Berlin")]
    tzname: String,
    /// The buckets that have events, oldest first. If there are more than 10,000, the newest, and `cut` is true.
    buckets: Vec<TimelineBucket>,
}

/// The numbers of events of one hour, day or week, by category.
#[derive(Serialize, ToSchema)]
struct TimelineBucket {
    /// The beginning, in Unix seconds: a full hour of UTC, midnight in the time zone, or midnight before a Monday. The
    /// first bucket of 1970 also has all earlier events.
    #[schema(example = 1_700_000_000.0)]
    start: f64,
    /// The end, in Unix seconds, which is the beginning of the next bucket. A day may have 23 or 25 hours.
    end: f64,
    malicious: u64,
    benign: u64,
    unknown: u64,
}

/// All that happened in a session, in order of time. A page tells 200 events, and there are 100 pages at most.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionReport {
    #[serde(flatten)]
    head: ReportHead,
    /// The number of events of the session on all pages.
    total: u64,
    /// The time of the first event, in Unix seconds; missing if there are no events.
    first_seen: Option<f64>,
    /// The time of the last event, in Unix seconds; missing if there are no events.
    last_seen: Option<f64>,
    /// True if the session has more events, or more other sessions are known by the value, than the report can hold.
    cut: Option<bool>,
    data: Story,
}

/// A session as a story.
#[derive(Serialize, ToSchema)]
struct Story {
    session: SessionHead,
    /// The steps of this page, oldest first.
    steps: Vec<StoryStep>,
    /// The other sessions that the value identifies, those that began last first, at most 100. Ask for their `_hash`.
    others: Vec<SessionHead>,
}

/// The main fields of a session.
#[derive(Serialize, ToSchema)]
struct SessionHead {
    _hash: String,
    #[schema(example = "cowrie_session")]
    sub_type: String,
    /// The hash of the organisation that owns the session.
    orgid: String,
    /// The values that identify the session: for each sub_type a list. Empty if they have more than 8 KiB.
    #[schema(example = json!({"sessionid": ["8d0c"], "sensor": ["london"]}))]
    data: BTreeMap<String, Vec<Value>>,
    /// The start in Unix seconds; missing if it is unknown.
    start_time: Option<f64>,
    /// The end in Unix seconds; missing if it is unknown.
    end_time: Option<f64>,
    /// The duration in seconds; missing if it is unknown.
    duration: Option<f64>,
}

/// A step of a story: an event, or several events in a row that say the same. `said`, `value` and `rest` make a sentence.
#[derive(Serialize, ToSchema)]
struct StoryStep {
    /// The hash of the first event of the step.
    _hash: String,
    #[schema(example = "ssh")]
    sub_type: String,
    /// The category of the event: `malicious`, `benign` or `unknown`.
    category: String,
    /// The time of the first event, in Unix seconds.
    timestamp: f64,
    /// The time of the last event, in Unix seconds; missing if the step is one event.
    until: Option<f64>,
    /// The number of events.
    #[schema(minimum = 1)]
    times: u32,
    /// The seconds from the first event of the session to this step.
    after: f64,
    /// The seconds from the event before to this step; missing for the first event of the session.
    gap: Option<f64>,
    /// The kind of step: `connection`, `client` (what the client says of itself), `login` (refused), `access` (a log-in
    /// that was let in), `command`, `file`, `network` or `other`.
    kind: String,
    /// The beginning of the sentence.
    #[schema(example = "tried the password")]
    said: String,
    /// The value that the sentence is about; missing if there is none.
    value: Option<Form>,
    /// The rest of the sentence; missing if there is none.
    #[schema(example = "as root, and was refused")]
    rest: Option<String>,
    /// The event's data: for each sub_type a list of values and, for objects, of the same. Missing if it is too long for
    /// the report; then `cut` is true.
    #[schema(value_type = Option<Object>)]
    data: Option<Value>,
}

/// The most frequent values of a sub_type.
#[derive(Serialize, ToSchema)]
pub(crate) struct TopReport {
    #[serde(flatten)]
    head: ReportHead,
    /// The values in the most events first; equally frequent ones in a fixed order.
    data: Vec<TopValue>,
    /// The number of different values that the events have.
    #[schema(example = 1204)]
    distinct: u64,
    /// The sum of the events of all values, of which `data` shows the most frequent. An event with two values counts twice.
    #[schema(example = 30562)]
    sum: u64,
    /// Whether the numbers are exact. False if so many events came in lately that not all could be counted anew: hours that
    /// changed are then told as they were before. Also false if something was left out.
    exact: bool,
    /// For countries, networks and domains, the number of events that may be missing, if there are any. Their addresses or
    /// hosts are so many that it was not looked up what was derived from the rarest. An event counts once for each of these.
    #[schema(example = 130)]
    left_out: Option<u64>,
}

/// A value and its number of events.
#[derive(Serialize, ToSchema)]
struct TopValue {
    #[schema(example = "ipv4")]
    sub_type: String,
    #[schema(example = "203.0.113.9")]
    data: Value,
    /// The number of events that meet the conditions and have the value, or a value from which it was derived: an event
    /// counts once for the country of all its addresses. Of a behaviour, the number of sessions that ended in the time range.
    #[schema(example = 812)]
    count: u64,
    /// The names of the operator's allow lists that hold the value; missing if none does.
    known_good: Option<Vec<String>>,
}

/// A page of the values that begin with a text, in the order of the values: addresses by number, hosts by domain, other values
/// by their lower-case text.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchReport {
    #[serde(flatten)]
    head: ReportHead,
    data: Vec<FirstSeenValue>,
    #[serde(flatten)]
    rest: Rest,
}

/// A page of the values that were first seen in a time range, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewReport {
    #[serde(flatten)]
    head: ReportHead,
    data: Vec<FirstSeenValue>,
    #[serde(flatten)]
    rest: Rest,
}

/// A page of the raws that filters refused, newest first; or, of a question with `_hash`, their documents. Of a question
/// about one typetag, a page may have fewer raws than were asked for, even none, and yet have a next one.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantineReport {
    #[serde(flatten)]
    head: ReportHead,
    data: QuarantineData,
    /// The field `after` of the question for the next page; missing after the last page.
    after: Option<String>,
}

/// Refused raws, or their documents.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum QuarantineData {
    /// The raws of a page.
    Raws(Vec<RefusedRaw>),
    /// The documents of the raws of a hash, with their `data` and, in `_error`, each refusal. One of over 2 MiB has no
    /// `data`, and `cut` is true.
    #[schema(value_type = Vec<Object>)]
    Documents(Vec<Value>),
}

/// A raw that a filter refused.
#[derive(Serialize, ToSchema)]
struct RefusedRaw {
    /// The hash of the raw.
    _hash: String,
    /// The kind of data.
    #[schema(example = "cowrie")]
    typetag: String,
    /// The hash of the organisation that owns the data.
    orgid: String,
    /// The time at which it was accepted, in Unix seconds.
    timestamp: f64,
    /// The id of the filter that refused it last.
    #[schema(example = "cowrie@4")]
    filter: String,
    /// The reason of the last refusal.
    reason: String,
}

/// A value and the time of its first event.
#[derive(Serialize, ToSchema)]
struct FirstSeenValue {
    #[schema(example = "hostname")]
    sub_type: String,
    #[schema(example = "evil.example")]
    data: Value,
    /// The time of the first event that has the value, in Unix seconds.
    first_seen: f64,
    /// The names of the operator's allow lists that hold the value; missing if none does.
    known_good: Option<Vec<String>>,
}

/// Notes on the values that are not on a page. There is a next page if `more` is true; a page may have fewer values
/// than were asked for, even none, and yet have a next one.
#[derive(Serialize, ToSchema)]
struct Rest {
    /// The field `after` of the question for the next page; missing after the last page.
    after: Option<String>,
    /// True while the archive's list of values is being made, so that values may be missing.
    incomplete: Option<bool>,
    /// True if values are missing because they are too long.
    cut: Option<bool>,
}

/// The reason why there is no report. If the question could be read, the response also has the other fields of a report, as
/// in the Python system.
#[derive(Serialize, ToSchema)]
pub(crate) struct Refused {
    /// The field that is wrong, and the reason.
    #[schema(example = "field data: `999.1.1.1` is not an IPv4 address")]
    message: String,
    /// The same text as `message`; missing if the question could not be read.
    data: Option<String>,
}
