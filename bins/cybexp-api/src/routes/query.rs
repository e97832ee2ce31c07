//! Questions.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cybexp_store::{Access, LastAnswer, StoredQuery};
use metrics::{counter, histogram};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tahoe_core::question::Question;
use tahoe_core::{Query, Report, Socket, Status, Timestamp};
use utoipa::ToSchema;

use super::batch::{self, OneOfMany};
use super::report::{AnyReport, Refused};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message};
use crate::json::Body;

/// How often a query is looked at without being called: somebody else may have asked the same, at another API
/// perhaps, or the call may not have come through.
pub(super) const LOOK: Duration = Duration::from_millis(500);

/// How long a slow answer is kept for whoever comes back for it. Clients ask again every few seconds.
const KEPT_S: f64 = 15.0;

/// A question.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryRequest {
    /// `count`, `related`, or `threatrank`, which takes the `_hash` of an event and nothing else.
    #[serde(rename = "type")]
    #[schema(example = "count")]
    qtype: String,
    /// The question's fields.
    #[schema(value_type = Fields, example = json!({"sub_type": "ipv4", "data": "192.0.2.1", "last": "7d"}))]
    data: Map<String, Value>,
    /// Use nothing that is remembered of answers: what others than the suite changed in the archive is seen at once.
    pub(super) redo: Option<bool>,
}

/// One question or several.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    reason = "only its description is used: each of a list is read on its own"
)]
pub(crate) enum Questions {
    /// One.
    One(QueryRequest),
    /// Several, which are answered as one.
    Many(Vec<QueryRequest>),
}

/// What a question may say: `sub_type` and `data`, or `_hash`, and conditions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "only its description is used: the fields are read from their canonical form"
)]
struct Fields {
    /// The type of an attribute, such as `url`; `ip` is `ipv4` or `ipv6`, by the value.
    sub_type: Option<String>,
    /// The attribute's value: text, a number, true, false or null. It is read as filters read it, so `YA.RU` and
    /// `ya[.]ru` are the domain `ya.ru`, and the text `80` is the port 80.
    data: Option<Value>,
    /// In place of both: the hash of any instance.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    _hash: Option<String>,
    /// Events from then on: Unix seconds, or a date and time.
    from: Option<Value>,
    /// Events until then.
    to: Option<Value>,
    /// In place of both: the time until now, such as `30min`, `2h`, `7d`, `1M` or `1Y`.
    last: Option<String>,
    /// The IANA name of the zone of dates without one [default: UTC].
    tzname: Option<String>,
    /// Of events: `malicious`, `benign`, `unknown` or `all` [default].
    category: Option<String>,
    /// In which the event has it: `malicious`, `benign`, `unknown` or `all` [default].
    context: Option<String>,
    /// `attribute`, `object`, `event`, `session` or `all` [default].
    return_type: Option<String>,
    /// How far to go: 1 [default] to 3.
    #[schema(minimum = 1, maximum = 3)]
    level: Option<u8>,
    /// Ten events a page, from 1 [default].
    #[schema(minimum = 1)]
    page: Option<u32>,
    /// Values by type [default], not documents.
    summary: Option<bool>,
    /// With the path from each value to the attribute.
    summary_graph: Option<bool>,
}

/// What comes instead of a report that takes longer.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotReady {
    message: String,
    /// `processing`
    status: String,
}

impl Default for NotReady {
    fn default() -> Self {
        Self {
            message: "check back later".to_owned(),
            status: "processing".to_owned(),
        }
    }
}

/// Ask a question, or up to 1000 in a list, and wait a little for the report
///
/// A list is answered by a list of what each question would have been answered alone, in the same order.
#[utoipa::path(post, path = "/query", request_body = Questions, security(("bearer" = [])), responses(
    (status = 200, description = "The answers to a list of questions.", body = Vec<OneOfMany>),
    (status = 201, description = "The report.", body = AnyReport),
    (status = 202, description = "Not ready yet: ask the same again.", body = NotReady),
    (status = 400, description = "A field is missing or wrong, or there can be no report: the report of a query that fails.", body = Refused),
    (status = 401, description = "No token, or not a good one.", body = Message),
))]
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    let since = Instant::now();
    let request = match body {
        Value::Array(requests) => {
            let answers = batch::ask(&app, &caller, requests).await?;
            counter!("cybexp_api_queries_total", "outcome" => "batch").increment(1);
            return Ok(Json(answers).into_response());
        }
        body => read(body)?,
    };
    let asked = ask(&app, &caller, request).await;
    let (outcome, response) = match asked {
        Ok(Some(report)) => ("ready", (StatusCode::CREATED, Json(report)).into_response()),
        Ok(None) => {
            let body = Json(NotReady::default());
            ("processing", (StatusCode::ACCEPTED, body).into_response())
        }
        Err(error) => ("failed", error.into_response()),
    };
    counter!("cybexp_api_queries_total", "outcome" => outcome).increment(1);
    histogram!("cybexp_api_query_seconds").record(since.elapsed().as_secs_f64());
    Ok(response)
}

/// The report, or nothing where it is not ready in time.
///
/// A report that is stored already is not handed out: only a report daemon can tell whether it still holds, and whether
/// the caller may still see it. So what is asked again waits again.
async fn ask(app: &App, caller: &Caller, request: QueryRequest) -> Result<Option<Value>, ApiError> {
    let deadline = tokio::time::Instant::now() + app.wait;
    let mut ticket = app.waiting.ticket();
    let query = question(app, caller, &request, &ticket.nonce)?;
    let hash = query.to_object().map_err(anyhow::Error::from)?.hash();
    ticket.waits_for(&[hash]);
    let redo = request.redo.unwrap_or(false);
    let known = app.queries.stored(&[hash]).await?.remove(&hash);
    if let (false, Some(known)) = (redo, &known)
        && is_kept(app, known).await?
    {
        return report(app, known).await;
    }
    // somebody waits for it already: that answer serves both
    if redo || !known.as_ref().is_some_and(is_under_way) {
        let redone = if redo { &[hash][..] } else { &[] };
        app.queries.put_all(&[query], redone).await?;
    }
    let before = known.and_then(|known| known.last);
    loop {
        let look = deadline.min(tokio::time::Instant::now() + LOOK);
        let _ = tokio::time::timeout_at(look, ticket.called()).await;
        let found = app.queries.stored(&[hash]).await?.remove(&hash);
        if let Some(found) = found.filter(|found| is_answered(found, before.as_ref())) {
            return report(app, &found).await;
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(None);
        }
    }
}

/// Whether the answer took so long that whoever asked for it may have been told to come back, and is just there: then it
/// is handed out, for a new one might take as long. Its timestamp says as of when it is. It must be of the organisations
/// that the user may see now.
pub(super) async fn is_kept(app: &App, stored: &StoredQuery) -> Result<bool, ApiError> {
    let (Status::Ready, Some(last), Some(made_of)) =
        (stored.query.status, &stored.last, stored.made_of())
    else {
        return Ok(false);
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let age_s = now.unwrap_or_default().as_secs_f64() - last.finished;
    if age_s > KEPT_S || stored.query.report_id != Some(last.report) {
        return Ok(false);
    }
    Ok(match app.identity.access(&stored.query.userid).await? {
        Access::Orgs(visible) => visible.fingerprint() == made_of,
        Access::UnknownUser => false,
    })
}

/// Whether a query waits for its answer.
pub(super) fn is_under_way(stored: &StoredQuery) -> bool {
    matches!(stored.query.status, Status::Wait | Status::Processing)
}

/// Whether there is an answer that was not there before. It may be asked again by now.
pub(super) fn is_answered(stored: &StoredQuery, before: Option<&LastAnswer>) -> bool {
    let ended = matches!(stored.query.status, Status::Ready | Status::Failed);
    ended || stored.last.is_some() && stored.last.as_ref() != before
}

/// The report of a query that is answered, or why it failed.
pub(super) async fn report(app: &App, stored: &StoredQuery) -> Result<Option<Value>, ApiError> {
    let report = app.queries.report_of(stored).await?;
    let failed = match stored.query.status {
        Status::Failed => true,
        Status::Ready => false,
        Status::Invalid | Status::Wait | Status::Processing => {
            stored.last.as_ref().is_some_and(|last| last.failed)
        }
    };
    if !failed {
        return Ok(report);
    }
    let report = report.unwrap_or_default();
    let reason = stored.reason.as_deref().or(report["data"].as_str());
    let reason = reason.unwrap_or("the query failed").to_owned();
    Err(ApiError::Failed(reason, Box::new(report)))
}

/// A question as it was sent.
pub(super) fn read(request: Value) -> Result<QueryRequest, ApiError> {
    serde_path_to_error::deserialize(request)
        .map_err(|error| ApiError::BadRequest(format!("the question cannot be read: {error}")))
}

/// What a question comes to that is refused before it is asked.
fn refused(qtype: &str, userid: &str, now: f64, reason: &dyn std::fmt::Display) -> ApiError {
    let reason = reason.to_string();
    let report = Timestamp::new(now).ok().and_then(|now| {
        let report = Report::refusal(qtype, userid.to_owned(), now, &reason).ok()?;
        serde_json::to_value(report).ok()
    });
    match report {
        Some(report) => ApiError::Failed(reason, Box::new(report)),
        None => ApiError::BadRequest(reason),
    }
}

/// The query as it will stand in the database: sealed, and with where to call back.
pub(super) fn question(
    app: &App,
    caller: &Caller,
    request: &QueryRequest,
    nonce: &str,
) -> Result<Query, ApiError> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = since.as_secs_f64();
    let userid = caller.user.hash().to_string();
    let bad = |error: &dyn std::fmt::Display| refused(&request.qtype, &userid, now, error);
    let fields = Value::Object(request.data.clone());
    let (text, qhash) = Question::encode(&fields).map_err(|error| bad(&error))?;
    Question::decode(&request.qtype, &text, now).map_err(|error| bad(&error))?;
    let sealed = app
        .public_key
        .seal(app.format, text.as_bytes())
        .map_err(anyhow::Error::from)?;
    Ok(Query {
        qtype: request.qtype.clone(),
        qdata: match String::from_utf8(sealed) {
            Ok(jwe) => jwe,
            // bytes that are no text stand as the literal that the Python API writes
            Err(bytes) => tahoe_core::python_bytes::literal(bytes.as_bytes()),
        },
        qhash,
        userid,
        timestamp: Timestamp::new(now).map_err(anyhow::Error::from)?,
        encrypted: true,
        status: Status::Wait,
        report_id: None,
        socket: Socket {
            host: app.host.clone(),
            port: app.waiting.port(),
            nonce: nonce.to_owned(),
        },
    })
}
