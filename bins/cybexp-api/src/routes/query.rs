//! Questions, one or a list.

use std::sync::Arc;
use std::time::Instant;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use metrics::{counter, histogram};
use serde::Serialize;
use serde_json::{Value, json};
use tahoe_core::{Hash, Tlp};
use utoipa::{IntoParams, ToSchema};

use super::report::{AnyReport, Refused};
use crate::app::App;
use crate::asking::{self, Outcome, QueryRequest, SentQuestions};
use crate::auth::Caller;
use crate::error::{ApiError, Message};

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

/// The label of a bundle.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "only its description is used")]
pub(crate) struct StixLabel {
    /// The strictest label of what a STIX bundle may hold: `clear`, `green`, `amber`, `amber+strict` or `red` [default:
    /// clear].
    tlp: Option<String>,
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
///
/// With `Accept: application/stix+json`, the documents of one answer come as a STIX 2.1 bundle, to be passed on. It holds
/// what has at most the label `tlp`, and `X-Cybexp-Left-Out` says how many events are stricter.
#[utoipa::path(post, path = "/query", params(StixLabel), request_body = Questions, security(("bearer" = [])), responses(
    (status = 200, description = "The responses to a list of questions.", body = Vec<OneOfMany>),
    (status = 201, description = "The report.", body = AnyReport),
    (status = 202, description = "The report is not ready yet: send the same question again.", body = NotReady),
    (status = 400, description = "A field is missing or wrong, or the query failed.", body = Refused),
    (status = 401, description = "The token is missing, invalid, expired or revoked.", body = Message),
    (status = 503, description = "Too much is asked at once: try again after the seconds in `Retry-After`.", body = Message),
))]
pub(crate) async fn query(
    State(app): State<Arc<App>>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    let since = Instant::now();
    let user = caller.user.hash();
    let stix = asking::stix::wanted(request.headers(), request.uri())?;
    let sent = asking::read(&app, user, request).await?;
    if sent.is_list && stix.is_some() {
        let reason = "a bundle is made of one question: send no list";
        return Err(ApiError::BadRequest(reason.to_owned()));
    }
    if sent.is_list {
        let answers = many(&app, user, &sent).await?;
        counter!("cybexp_api_queries_total", "outcome" => "batch").increment(1);
        return Ok(answers);
    }
    let (outcome, response) = match one(&app, user, &sent, stix).await {
        Ok(answer) => answer,
        Err(error) => ("failed", error.into_response()),
    };
    counter!("cybexp_api_queries_total", "outcome" => outcome).increment(1);
    histogram!("cybexp_api_query_seconds").record(since.elapsed().as_secs_f64());
    Ok(response)
}

/// Answers one question. Returns the outcome that is counted, too.
async fn one(
    app: &Arc<App>,
    user: Hash,
    sent: &SentQuestions,
    stix: Option<Tlp>,
) -> Result<(&'static str, Response), ApiError> {
    // with the memory of the report, which is held until its text is made
    let mut outcomes = asking::ask(app, user, sent).await?;
    let Some(Outcome { status, body }) = outcomes.of.pop().flatten() else {
        let body = Json(NotReady::default());
        let response = (StatusCode::ACCEPTED, body).into_response();
        return Ok(("processing", response));
    };
    let outcome = match status {
        StatusCode::CREATED => "ready",
        _ => "failed",
    };
    let response = match stix {
        Some(may) if status == StatusCode::CREATED => {
            asking::stix::respond(app, user, outcomes.load, body, may).await?
        }
        _ => outcomes.load.respond(app, user, status, body).await?,
    };
    Ok((outcome, response))
}

/// Answers a list of questions with what each would have been answered alone.
async fn many(app: &Arc<App>, user: Hash, sent: &SentQuestions) -> Result<Response, ApiError> {
    if sent.questions.len() > MOST {
        let reason = format!(
            "{} questions are more than the {MOST} of one request",
            sent.questions.len()
        );
        return Err(ApiError::BadRequest(reason));
    }
    let mut outcomes = asking::ask(app, user, sent).await?;
    let answers = outcomes.of.drain(..).enumerate().map(|(n, outcome)| {
        let Outcome { status, body } = outcome.unwrap_or_else(|| Outcome {
            status: StatusCode::ACCEPTED,
            body: json!(NotReady::default()),
        });
        OneOfMany {
            status: status.as_u16(),
            body,
            question: sent.questions[n].clone(),
        }
    });
    let answers: Vec<OneOfMany> = answers.collect();
    let load = outcomes.load;
    load.respond(app, user, StatusCode::OK, answers).await
}
