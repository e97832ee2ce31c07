//! Many questions in one request: stored together, waited for together.

use std::time::Duration;

use axum::http::StatusCode;
use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::{Value, json};
use tahoe_core::{Hash, Query, Status};
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
}

/// A question on its way to its answer.
enum Asked {
    Done(OneOfMany),
    Waits { hash: Hash },
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
    for request in requests {
        let query = query::read(request).and_then(|request: QueryRequest| {
            let query = query::question(app, caller, &request, &ticket.nonce)?;
            let hash = query.to_object().map_err(anyhow::Error::from)?.hash();
            Ok((query, hash, request.redo == Some(true)))
        });
        asked.push(match query {
            Ok((query, hash, redo)) => {
                queries.push(query);
                redone.extend(redo.then_some(hash));
                Asked::Waits { hash }
            }
            Err(error) => Asked::Done(OneOfMany::of(error)?),
        });
    }
    put(app, &asked, queries, &redone).await?;
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
    let answers = asked.into_iter().map(|asked| match asked {
        Asked::Done(answer) => answer,
        Asked::Waits { .. } => OneOfMany {
            status: StatusCode::ACCEPTED.as_u16(),
            body: json!(NotReady::default()),
        },
    });
    Ok(answers.collect())
}

/// Stores those that are not asked or answered already, each once.
async fn put(
    app: &App,
    asked: &[Asked],
    queries: Vec<Query>,
    redone: &[Hash],
) -> Result<(), ApiError> {
    let known = app.queries.find_many(&waiting(asked)).await?;
    let hashes = asked.iter().filter_map(Asked::hash);
    let mut new: Vec<(Hash, Query)> = hashes.zip(queries).collect();
    new.sort_by_key(|(hash, _)| *hash);
    new.dedup_by_key(|(hash, _)| *hash);
    new.retain(
        |(hash, _)| match known.get(hash).map(|(query, _)| query.status) {
            Some(Status::Ready | Status::Wait | Status::Processing) => redone.contains(hash),
            Some(Status::Invalid | Status::Failed) | None => true,
        },
    );
    let new: Vec<Query> = new.into_iter().map(|(_, query)| query).collect();
    if !new.is_empty() {
        app.queries.put(&new).await?;
    }
    Ok(())
}

/// Takes the answers that are there by now.
async fn look(app: &App, asked: &mut [Asked]) -> Result<(), ApiError> {
    let found = app.queries.find_many(&waiting(asked)).await?;
    let ready = found
        .iter()
        .filter(|(_, (query, _))| query.status == Status::Ready);
    let reads = ready.map(|(&hash, _)| async move { (hash, app.queries.report(hash).await) });
    let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(READERS);
    let mut reports = std::collections::HashMap::new();
    while let Some((hash, report)) = reads.next().await {
        reports.insert(hash, report?);
    }
    for one in asked {
        let Some(hash) = one.hash() else {
            continue;
        };
        let answer = match found.get(&hash) {
            Some((query, reason)) if query.status == Status::Failed => {
                OneOfMany::of(query::failed(reason.clone()))?
            }
            _ => match reports.get(&hash) {
                Some(Some(report)) => OneOfMany {
                    status: StatusCode::CREATED.as_u16(),
                    body: report.clone(),
                },
                _ => continue,
            },
        };
        *one = Asked::Done(answer);
    }
    Ok(())
}

fn waiting(asked: &[Asked]) -> Vec<Hash> {
    asked.iter().filter_map(Asked::hash).collect()
}

impl Asked {
    fn hash(&self) -> Option<Hash> {
        match self {
            Self::Waits { hash } => Some(*hash),
            Self::Done(_) => None,
        }
    }
}

impl OneOfMany {
    /// A question that is wrong; any other error is one of the request.
    fn of(error: ApiError) -> Result<Self, ApiError> {
        match error {
            ApiError::BadRequest(message) => Ok(Self {
                status: StatusCode::BAD_REQUEST.as_u16(),
                body: json!({"message": message}),
            }),
            other => Err(other),
        }
    }
}
