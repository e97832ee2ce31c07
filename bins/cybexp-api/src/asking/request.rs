//! A question as it is sent, and the query that is made of it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value};
use tahoe_core::question::Question;
use tahoe_core::{Query, Report, Socket, Status, Timestamp};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;

/// A question about the archive.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryRequest {
    /// The type of report: `count`, `related` or `threatrank`. A threatrank takes the `_hash` of an event and no other field.
    #[serde(rename = "type")]
    #[schema(example = "count")]
    pub(super) qtype: String,
    /// The fields of the question.
    #[schema(value_type = Fields, example = json!({"sub_type": "ipv4", "data": "192.0.2.1", "last": "7d"}))]
    pub(super) data: Map<String, Value>,
    /// Whether to answer without remembered answers [default: false]. Needed only if programs outside CYBEX-P changed the
    /// archive.
    pub(super) redo: Option<bool>,
}

/// The fields of a question: either `sub_type` and `data` or `_hash`, and conditions.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "only its description is used: the fields are read from their canonical form"
)]
struct Fields {
    /// The sub_type of an attribute, such as `url`. `ip` stands for `ipv4` or `ipv6`, depending on the value.
    sub_type: Option<String>,
    /// The value of the attribute: text, a number, true, false or null. It is normalised as filters normalise it: `YA.RU`
    /// and `ya[.]ru` are the domain `ya.ru`, and the text `80` is the port 80.
    data: Option<Value>,
    /// The hash of any instance, in place of `sub_type` and `data`.
    #[schema(pattern = "^[0-9A-Fa-f]{64}$")]
    _hash: Option<String>,
    /// The earliest time of the events: Unix seconds, or a date and time.
    from: Option<Value>,
    /// The latest time of the events: Unix seconds, or a date and time.
    to: Option<Value>,
    /// The length of time until now, such as `30min`, `2h`, `7d`, `1M` or `1Y`, in place of `from` and `to`.
    last: Option<String>,
    /// The IANA name of the time zone of `from` and `to` [default: UTC].
    tzname: Option<String>,
    /// The category of the events: `malicious`, `benign`, `unknown` or `all` [default].
    category: Option<String>,
    /// The context in which the events have the attribute: `malicious`, `benign`, `unknown` or `all` [default].
    context: Option<String>,
    /// The kind of instances to return: `attribute`, `object`, `event`, `session` or `all` [default].
    return_type: Option<String>,
    /// The depth of the search, from 1 [default] to 3. 1: the events that have the attribute. Each further level adds the
    /// sessions of these events, and the other events of these sessions.
    #[schema(minimum = 1, maximum = 3)]
    level: Option<u8>,
    /// The number of the page, from 1 [default]. A page has ten events, newest first.
    #[schema(minimum = 1)]
    page: Option<u32>,
    /// Whether to return values by sub_type (true [default]) or whole documents (false).
    summary: Option<bool>,
    /// Whether to return, with each value, the path from it to the attribute [default: false].
    summary_graph: Option<bool>,
}

/// Reads a question as it was sent.
pub(super) fn read(request: Value) -> Result<QueryRequest, ApiError> {
    serde_path_to_error::deserialize(request)
        .map_err(|error| ApiError::BadRequest(format!("the question cannot be read: {error}")))
}

/// Makes the error of a question that is refused before it is asked: with a report, if there can be one.
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

/// Makes the query as it is stored: sealed, and with the socket that a report daemon calls.
pub(super) fn query(
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
