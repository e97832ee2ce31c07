//! Many questions in one request: stored together, waited for together.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::StatusCode;
use cybexp_store::LastAnswer;
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tahoe_core::{Hash, Query};
use utoipa::ToSchema;

use super::query::{self, NotReady, QueryRequest};
use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;

/// Questions of one request.
pub(super) const MOST: usize = 1000;
/// Reports read at once.
const READERS: usize = 16;
/// Answers come in one by one: how often they are looked for.
const LOOK: Duration = Duration::from_millis(20);

/// What became of one question of several.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OneOfMany {
    /// The status that the question would have had alone: 201, 202, or 400.
    #[schema(example = 201)]
    status: u16,
    /// And the body.
    #[schema(value_type = Object)]
    body: Value,
    /// The question, as it was asked.
    question: Value,
}

/// A question on its way to its answer.
enum Asked {
    Done(StatusCode, Value),
    Waits {
        hash: Hash,
        /// The answer that was there before.
        before: Option<LastAnswer>,
    },
}

/// The answers to all of them, in order.
pub(super) async fn ask(
    app: &App,
    caller: &Caller,
    requests: Vec<Value>,
) -> Result<Vec<OneOfMany>, ApiError> {
    if requests.len() > MOST {
        let reason = format!(
            "{} questions are more than the {MOST} of one request",
            requests.len()
        );
        return Err(ApiError::BadRequest(reason));
    }
    let deadline = tokio::time::Instant::now() + app.wait;
    let mut ticket = app.waiting.ticket();
    let mut asked = Vec::with_capacity(requests.len());
    let (mut queries, mut redone): (Vec<Query>, Vec<Hash>) = (Vec::new(), Vec::new());
    for request in &requests {
        let query = query::read(request.clone()).and_then(|request: QueryRequest| {
            let query = query::question(app, caller, &request, &ticket.nonce)?;
            let hash = query.to_object().map_err(anyhow::Error::from)?.hash();
            Ok((query, hash, request.redo == Some(true)))
        });
        asked.push(match query {
            Ok((query, hash, redo)) => {
                queries.push(query);
                redone.extend(redo.then_some(hash));
                Asked::Waits { hash, before: None }
            }
            Err(error) => Asked::wrong(error)?,
        });
    }
    ticket.waits_for(&waiting(&asked));
    put(app, &mut asked, queries, &redone).await?;
    loop {
        look(app, &mut asked).await?;
        let waits = asked
            .iter()
            .any(|asked| matches!(asked, Asked::Waits { .. }));
        if !waits || tokio::time::Instant::now() >= deadline {
            break;
        }
        let next = deadline.min(tokio::time::Instant::now() + query::LOOK);
        if tokio::time::timeout_at(next, ticket.called()).await.is_ok() {
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + LOOK)).await;
        }
    }
    let answers = requests.into_iter().zip(asked).map(|(question, asked)| {
        let (status, body) = match asked {
            Asked::Done(status, body) => (status, body),
            Asked::Waits { .. } => (StatusCode::ACCEPTED, json!(NotReady::default())),
        };
        OneOfMany {
            status: status.as_u16(),
            body,
            question,
        }
    });
    Ok(answers.collect())
}

/// Stores those that nobody waits for yet, each once.
async fn put(
    app: &App,
    asked: &mut [Asked],
    queries: Vec<Query>,
    redone: &[Hash],
) -> Result<(), ApiError> {
    let known = app.queries.stored(&waiting(asked)).await?;
    let mut kept = HashSet::new();
    for (hash, known) in &known {
        if !redone.contains(hash) && query::is_kept(app, known).await? {
            kept.insert(*hash);
        }
    }
    let hashes = asked.iter().filter_map(Asked::hash);
    let mut new: Vec<(Hash, Query)> = hashes.zip(queries).collect();
    new.sort_by_key(|(hash, _)| *hash);
    new.dedup_by_key(|(hash, _)| *hash);
    new.retain(|(hash, _)| {
        let under_way = known.get(hash).is_some_and(query::is_under_way);
        redone.contains(hash) || !(under_way || kept.contains(hash))
    });
    for one in asked {
        if let Asked::Waits { hash, before } = one {
            *before = known.get(hash).and_then(|known| known.last.clone());
        }
    }
    let new: Vec<Query> = new.into_iter().map(|(_, query)| query).collect();
    if !new.is_empty() {
        app.queries.put_all(&new, redone).await?;
    }
    Ok(())
}

/// Takes the answers that are there by now.
async fn look(app: &App, asked: &mut [Asked]) -> Result<(), ApiError> {
    let found = app.queries.stored(&waiting(asked)).await?;
    let mut answered = HashMap::new();
    for one in asked.iter() {
        if let Asked::Waits { hash, before } = one
            && let Some(stored) = found.get(hash)
            && query::is_answered(stored, before.as_ref())
        {
            answered.insert(*hash, stored);
        }
    }
    let reads = answered
        .into_iter()
        .map(|(hash, stored)| async move { (hash, query::report(app, stored).await) });
    let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(READERS);
    let mut answers = HashMap::new();
    while let Some((hash, report)) = reads.next().await {
        match report {
            Ok(Some(report)) => drop(answers.insert(hash, (StatusCode::CREATED, report))),
            Ok(None) => {}
            Err(error) => drop(answers.insert(hash, wrong(error)?)),
        }
    }
    for one in asked {
        let answer = one.hash().and_then(|hash| answers.get(&hash));
        if let Some((status, body)) = answer {
            *one = Asked::Done(*status, body.clone());
        }
    }
    Ok(())
}

fn waiting(asked: &[Asked]) -> Vec<Hash> {
    asked.iter().filter_map(Asked::hash).collect()
}

impl Asked {
    fn hash(&self) -> Option<Hash> {
        match self {
            Self::Waits { hash, .. } => Some(*hash),
            Self::Done(..) => None,
        }
    }

    fn wrong(error: ApiError) -> Result<Self, ApiError> {
        let (status, body) = wrong(error)?;
        Ok(Self::Done(status, body))
    }
}

/// A question that is wrong; any other error is one of the request.
fn wrong(error: ApiError) -> Result<(StatusCode, Value), ApiError> {
    match error {
        ApiError::BadRequest(_) | ApiError::Failed(..) => {
            Ok((StatusCode::BAD_REQUEST, error.body()))
        }
        other => Err(other),
    }
}
