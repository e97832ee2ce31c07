//! Questions to the API, and their answers.

use std::time::Duration;

use cybexp_client::{Client, ClientError};
use serde_json::{Map, Value, json};

use crate::error::WebError;

/// The answer to one question.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The report.
    Report(Value),
    /// The reason why there is none.
    Refused(String),
    /// The report was not there in time.
    NotReady,
}

impl Answer {
    /// Returns the report.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn report(self) -> Result<Value, WebError> {
        match self {
            Self::Report(report) => Ok(report),
            Self::Refused(reason) => Err(WebError::Wrong(reason)),
            Self::NotReady => Err(WebError::NotReady),
        }
    }
}

/// Makes a question.
pub(crate) fn question(qtype: &str, fields: Map<String, Value>) -> Value {
    json!({"type": qtype, "data": fields})
}

/// Asks the questions together. Returns an answer for each, in order.
///
/// # Errors
/// The API does not answer, or does not know the person any more.
pub(crate) async fn ask(
    client: &Client,
    questions: Vec<Value>,
    wait: Duration,
) -> Result<Vec<Answer>, ClientError> {
    let answers = client.ask_many(questions, wait).await?;
    Ok(answers.into_iter().map(read).collect())
}

/// Asks one question.
pub(crate) async fn ask_one(
    client: &Client,
    question: Value,
    wait: Duration,
) -> Result<Value, WebError> {
    let answer = ask(client, vec![question], wait).await?.pop();
    answer.unwrap_or(Answer::NotReady).report()
}

fn read(mut answer: Value) -> Answer {
    match answer["status"].as_u64() {
        Some(201) => Answer::Report(answer["body"].take()),
        Some(202) => Answer::NotReady,
        _ => {
            let message = answer["body"]["message"].as_str();
            Answer::Refused(message.unwrap_or("the question was refused").to_owned())
        }
    }
}
