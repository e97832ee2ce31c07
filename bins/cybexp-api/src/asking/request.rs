//! A question as it is sent, and the query that is made of it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Map, Value};
use tahoe_core::question::Question;
use tahoe_core::{Hash, Query, Report, Socket, Status, Timestamp};
use utoipa::ToSchema;

use super::fields::QuestionFields;
use crate::app::App;
use crate::error::ApiError;

/// A question about the archive.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QueryRequest {
    /// The type of report: `count`, `related`, `threatrank`, `timeline`, `top`, `session`, `search` or `new`. A threatrank
    /// takes the `_hash` of an event, or `sub_type` and `data` of an attribute, and no other field.
    #[serde(rename = "type")]
    #[schema(example = "count")]
    qtype: String,
    /// The fields of the question.
    #[schema(value_type = QuestionFields, example = json!({"sub_type": "ipv4", "data": "192.0.2.1", "last": "7d"}))]
    data: Map<String, Value>,
    /// Whether to answer without remembered answers [default: false]. Needed only if programs outside CYBEX-P changed the
    /// archive.
    redo: Option<bool>,
}

/// Reads a question as it was sent.
fn read(request: &Value) -> Result<QueryRequest, ApiError> {
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

/// Makes the query of a question as it was sent. Returns its hash, too, and whether it is to be answered anew.
pub(super) fn encode(
    app: &App,
    user: Hash,
    question: &Value,
    nonce: &str,
) -> Result<(Query, Hash, bool), ApiError> {
    let request = read(question)?;
    let query = query(app, user, &request, nonce)?;
    let hash = query.to_object().map_err(anyhow::Error::from)?.hash();
    Ok((query, hash, request.redo == Some(true)))
}

/// Makes the query as it is stored: sealed, and with the socket that a report daemon calls.
fn query(app: &App, user: Hash, request: &QueryRequest, nonce: &str) -> Result<Query, ApiError> {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let now = since.as_secs_f64();
    let userid = user.to_string();
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
