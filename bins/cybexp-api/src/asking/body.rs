//! The body of a request with questions: read, and parsed within bounds.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use futures::StreamExt;
use serde_json::Value;
use tahoe_core::Hash;
use tahoe_core::json::ParseError;
use tokio::time::{Instant, timeout, timeout_at};

use super::load::{Load, SMALL_BYTES};
use crate::app::App;
use crate::error::ApiError;
use crate::json::JSON_BYTES;
use crate::parts::{SILENCE, linger};
use crate::turns::Turn;

/// The most JSON values of a request, those within others among them. A thousand questions with all fields have 15,000. Each
/// takes up to 100 bytes of memory, whatever its length as text.
const VALUES: usize = 32_000;

/// How long a body waits to be read before its client is told to come again. Clients end a connection that takes nothing for
/// half a minute.
const PATIENCE: Duration = Duration::from_secs(15);

/// The questions of a request, as they were sent.
pub(crate) struct SentQuestions {
    pub(crate) questions: Arc<[Value]>,
    /// Whether they came as a list.
    pub(crate) is_list: bool,
    pub(crate) load: Load,
    /// The right to hold a large body.
    _turn: Option<Turn<Hash>>,
}

/// Reads the questions of a request of this user. A body that is not small is read once the user may hold one more of them.
///
/// # Errors
/// The body is too long, comes too slowly, is no JSON or has too many values; or too many such bodies wait.
pub(crate) async fn read(
    app: &App,
    user: Hash,
    request: Request,
) -> Result<SentQuestions, ApiError> {
    let (head, body) = request.into_parts();
    if !is_json(&head.headers) {
        let message = "Expected request with `Content-Type: application/json`";
        return Err(ApiError::BadRequest(message.to_owned()));
    }
    let mut pieces = body.into_data_stream();
    let (mut text, mut turn) = (Vec::new(), None);
    let mut deadline = Instant::now() + SILENCE;
    loop {
        let next = timeout_at(deadline, pieces.next()).await;
        let Some(piece) = next.map_err(|_| ApiError::TooSlow)? else {
            break;
        };
        let piece = piece.map_err(|error| ApiError::BadRequest(error.to_string()))?;
        let length = text.len() + piece.len();
        if length > JSON_BYTES {
            linger(pieces).await;
            return Err(ApiError::TooLarge(JSON_BYTES as u64));
        }
        if length > SMALL_BYTES && turn.is_none() {
            let Ok(Ok(taken)) = timeout(PATIENCE, app.bodies.take(user)).await else {
                linger(pieces).await;
                return Err(ApiError::Crowded);
            };
            turn = Some(taken);
            deadline = Instant::now() + SILENCE;
        }
        text.extend_from_slice(&piece);
    }
    let load = Load::of_body(text.len());
    let parsed = load.run(app, user, move || parse(&text)).await?;
    let (questions, is_list) = match parsed? {
        Value::Array(questions) => (questions, true),
        question => (vec![question], false),
    };
    Ok(SentQuestions {
        load: load.and(Load::of_count(questions.len())),
        questions: questions.into(),
        is_list,
        _turn: turn,
    })
}

/// Whether a request says that its body is JSON.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next());
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json")
}

fn parse(text: &[u8]) -> Result<Value, ApiError> {
    tahoe_core::json::parse_within(text, VALUES).map_err(|error| {
        let (ParseError::Syntax(error) | ParseError::Unstorable(error)) = error;
        ApiError::BadRequest(format!("Failed to parse the request body as JSON: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_body_is_read_as_any_json() {
        for text in [
            r#"[{"type": "count", "data": {"a": 1, "b": -1.5e3, "c": null}, "redo": true}, "\ud83d\ude00", -0, 18446744073709551615]"#,
            "7",
            "\"x\"",
        ] {
            let expected: Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text.as_bytes()).unwrap(), expected);
        }
        for wrong in ["", "{", "[1,]", "1 2", "{\"a\": \"\u{1}\"}"] {
            let error = parse(wrong.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("Failed to parse the request body as JSON: "));
        }
    }

    #[test]
    fn values_are_bounded_wherever_they_stand() {
        let most = format!("[{}]", vec!["0"; VALUES - 1].join(","));
        assert!(parse(most.as_bytes()).is_ok());
        let more = format!("[[{}],{{\"a\":0}}]", vec!["0"; VALUES - 3].join(","));
        let error = parse(more.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("more than 32000 values"), "{error}");
    }

    #[test]
    fn json_is_json_with_parameters_and_subtypes() {
        let with = |kind: &'static str| {
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))])
        };
        assert!(is_json(&with("Application/JSON; charset=utf-8")));
        assert!(is_json(&with("application/problem+json")));
        assert!(!is_json(&with("text/json")) && !is_json(&HeaderMap::new()));
    }
}
