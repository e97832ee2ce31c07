//! Questions, one or a list.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::report::{AnyReport, Refused};
use crate::app::App;
use crate::asking::{self, Outcome, QueryRequest};
use crate::auth::Caller;
use crate::error::{ApiError, Message};
use crate::json::Body;

/// The most questions of one request.
const MOST: usize = 1000;

/// One question, or a list of questions.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(
    dead_code,
    reason = "only its description is used: each of a list is read on its own"
)]
pub(crate) enum Questions {
    /// One question.
    One(QueryRequest),
    /// A list of questions, which is answered by one list.
    Many(Vec<QueryRequest>),
}

/// The response while a report is not ready.
#[derive(Serialize, ToSchema)]
pub(crate) struct NotReady {
    /// A message for people.
    message: String,
    /// Always `processing`.
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

/// The response to one question of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneOfMany {
    /// The HTTP status that the question would have had alone: 201, 202 or 400.
    #[schema(example = 201)]
    status: u16,
    /// The response body that the question would have had alone.
    #[schema(value_type = Object)]
    body: Value,
    /// The question, as it was sent.
    question: Value,
}

/// Ask a question, or a list of up to 1000, and wait a little for the reports
///
/// A list is answered by a list in the same order, with the status and body that each question would have had alone. The
/// reports of one list have at most 32 MiB: a question beyond that has the status 202, and is sent again with fewer others.
#[utoipa::path(post, path = "/query", request_body = Questions, security(("bearer" = [])), responses(
    (status = 200, description = "The responses to a list of questions.", body = Vec<OneOfMany>),
    (status = 201, description = "The report.", body = AnyReport),
    (status = 202, description = "The report is not ready yet: send the same question again.", body = NotReady),
    (status = 400, description = "A field is missing or wrong, or the query failed.", body = Refused),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
))]
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    caller: Caller,
    Body(body): Body<Value>,
) -> Result<Response, ApiError> {
    let since = Instant::now();
    let question = match body {
        Value::Array(questions) => {
            let answers = many(&app, &caller, questions).await?;
            counter!("cybexp_api_queries_total", "outcome" => "batch").increment(1);
            return Ok(answers);
        }
        question => question,
    };
    let answer = asking::ask(&app, &caller, std::slice::from_ref(&question)).await;
    // the memory of the report is held until its text is made
    let (answer, _memory) = match answer {
        Ok(mut outcomes) => (Ok(outcomes.of.pop().flatten()), Some(outcomes)),
        Err(error) => (Err(error), None),
    };
    let (outcome, response) = match answer {
        Ok(Some(Outcome { status, body })) => {
            let outcome = match status {
                StatusCode::CREATED => "ready",
                _ => "failed",
            };
            (outcome, (status, Json(body)).into_response())
        }
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

/// Answers a list of questions with what each would have been answered alone.
async fn many(app: &App, caller: &Caller, questions: Vec<Value>) -> Result<Response, ApiError> {
    if questions.len() > MOST {
        let reason = format!(
            "{} questions are more than the {MOST} of one request",
            questions.len()
        );
        return Err(ApiError::BadRequest(reason));
    }
    let mut outcomes = asking::ask(app, caller, &questions).await?;
    let answers = questions.into_iter().zip(outcomes.of.drain(..));
    let answers = answers.map(|(question, outcome)| {
        let Outcome { status, body } = outcome.unwrap_or_else(|| Outcome {
            status: StatusCode::ACCEPTED,
            body: json!(NotReady::default()),
        });
        OneOfMany {
            status: status.as_u16(),
            body,
            question,
        }
    });
    let answers: Vec<OneOfMany> = answers.collect();
    let response = Json(answers).into_response();
    drop(outcomes);
    Ok(response)
}
