//! Questions.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tahoe_core::question::Question;
use tahoe_core::{Hash, Query, Socket, Status, Timestamp};
use utoipa::ToSchema;

use super::batch::{self, OneOfMany};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{ApiError, Message};
use crate::json::Body;

/// How often a query is looked at without being called: somebody else may have asked the same, at another API
/// perhaps, or the call may not have come through.
pub(super) const LOOK: Duration = Duration::from_millis(500);

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
    /// Answer anew, even if the same was answered within this hour.
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
    /// The attribute's value: text, a number, true, false or null.
    data: Option<Value>,
    /// In place of both: the hash of any instance.
    #[schema(pattern = "^[0-9a-f]{64}$")]
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
    (status = 201, description = "The report.", body = Object),
    (status = 202, description = "Not ready yet: ask the same again.", body = NotReady),
    (status = 400, description = "A field is missing or wrong, or there can be no report.", body = Message),
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
async fn ask(app: &App, caller: &Caller, request: QueryRequest) -> Result<Option<Value>, ApiError> {
    let deadline = tokio::time::Instant::now() + app.wait;
    let mut ticket = app.waiting.ticket();
    let query = question(app, caller, &request, &ticket.nonce)?;
    let hash = query.to_object().map_err(anyhow::Error::from)?.hash();
    let redo = request.redo.unwrap_or(false);
    let known = if redo {
        None
    } else {
        app.queries.find(hash).await?
    };
    match known.map(|(known, _)| known.status) {
        Some(Status::Ready) => {
            if let Some(report) = answer(app, hash).await? {
                return Ok(Some(report));
            }
            app.queries.put(&[query]).await?;
        }
        // somebody waits for it already; their nonce is not ours
        Some(Status::Wait | Status::Processing) => {}
        Some(Status::Invalid | Status::Failed) | None => app.queries.put(&[query]).await?,
    }
    loop {
        let look = deadline.min(tokio::time::Instant::now() + LOOK);
        let _ = tokio::time::timeout_at(look, ticket.called()).await;
        let report = answer(app, hash).await?;
        if report.is_some() || tokio::time::Instant::now() >= deadline {
            return Ok(report);
        }
    }
}

/// A question as it was sent.
pub(super) fn read(request: Value) -> Result<QueryRequest, ApiError> {
    serde_path_to_error::deserialize(request)
        .map_err(|error| ApiError::BadRequest(format!("the question cannot be read: {error}")))
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
    let bad = |error: &dyn std::fmt::Display| ApiError::BadRequest(error.to_string());
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
        userid: caller.user.hash().to_string(),
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

/// The report's document where the query is ready, an error where it failed.
async fn answer(app: &App, hash: Hash) -> Result<Option<Value>, ApiError> {
    let Some((query, reason)) = app.queries.find(hash).await? else {
        return Ok(None);
    };
    match query.status {
        Status::Ready => Ok(app.queries.report(hash).await?),
        Status::Failed => Err(failed(reason)),
        Status::Invalid | Status::Wait | Status::Processing => Ok(None),
    }
}

pub(super) fn failed(reason: Option<String>) -> ApiError {
    ApiError::BadRequest(reason.unwrap_or_else(|| "the query failed".to_owned()))
}
