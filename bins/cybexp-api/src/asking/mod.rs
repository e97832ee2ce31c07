//! The life of a question in the API, from the request to its answer. One question is asked like many: stored together,
//! waited for together.

mod answered;
mod fields;
mod request;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use axum::http::StatusCode;
use cybexp_store::{LastAnswer, QueryCodes};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tahoe_core::{Hash, Query};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::app::App;
use crate::auth::Caller;
use crate::error::ApiError;

pub(crate) use request::QueryRequest;

/// The time after which a query is looked at without a call. Another API may have asked the same, or the call may not
/// have come through.
const LOOK: Duration = Duration::from_millis(500);
/// The time between a call and the look at several queries: most of their answers come within it.
const GATHER: Duration = Duration::from_millis(20);
/// Reports read at once.
const READERS: usize = 16;
/// The most bytes of reports that one request is answered with, as they are stored. A single report has less.
const REQUEST_BYTES: u64 = 32 << 20;
/// Memory of a report for each byte of it as it is stored: its values, and its text.
const MEMORY: u64 = 4;
/// Memory of all reports that are being handed out, in bytes.
pub(crate) const ALL_BYTES: usize = 384 << 20;

/// A question on its way to its answer.
enum Progress {
    /// The question was refused or is answered.
    Done(Outcome),
    /// The question waits for an answer other than `before`.
    Waits {
        hash: Hash,
        before: Option<LastAnswer>,
    },
}

/// The status and body with which a question is answered.
#[derive(Clone)]
pub(crate) struct Outcome {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

/// The outcomes of questions in their order, none for a question that is not answered yet; and the memory they take.
pub(crate) struct Outcomes<'a> {
    pub(crate) of: Vec<Option<Outcome>>,
    _memory: Memory<'a>,
}

/// The memory of the reports of one request, a part of that of all.
struct Memory<'a> {
    of: &'a Semaphore,
    held: Vec<SemaphorePermit<'a>>,
    /// Bytes of reports that may be read still.
    room: u64,
}

/// Asks the questions, and waits for their answers until the time is up. Returns them in the order of the questions; none
/// for a question that is not answered yet.
///
/// A stored report is not handed out, unless it is kept: only a report daemon can tell whether it still holds, and
/// whether the caller may still see it. So a question that is asked again waits again.
///
/// # Errors
/// The database or the seal fails. A question that is wrong has an outcome.
pub(crate) async fn ask<'a>(
    app: &'a App,
    caller: &Caller,
    requests: &[Value],
) -> Result<Outcomes<'a>, ApiError> {
    let mut memory = Memory {
        of: &app.reports,
        held: vec![],
        room: REQUEST_BYTES,
    };
    let deadline = tokio::time::Instant::now() + app.wait;
    let mut ticket = app.waiting.ticket();
    let mut asked = Vec::with_capacity(requests.len());
    let (mut queries, mut redone): (Vec<Query>, Vec<Hash>) = (Vec::new(), Vec::new());
    for request in requests {
        let query = request::read(request.clone()).and_then(|request| {
            let query = request::query(app, caller, &request, &ticket.nonce)?;
            let hash = query.to_object().map_err(anyhow::Error::from)?.hash();
            Ok((query, hash, request.redo == Some(true)))
        });
        asked.push(match query {
            Ok((query, hash, redo)) => {
                queries.push(query);
                redone.extend(redo.then_some(hash));
                Progress::Waits { hash, before: None }
            }
            Err(error) => Progress::Done(wrong(error)?),
        });
    }
    ticket.waits_for(&waiting(&asked));
    if put(app, &mut asked, queries, &redone).await? {
        look(app, &mut asked, &mut memory).await?;
    }
    loop {
        let waits = waiting(&asked).len();
        if waits == 0 || tokio::time::Instant::now() >= deadline {
            break;
        }
        let next = deadline.min(tokio::time::Instant::now() + LOOK);
        let called = tokio::time::timeout_at(next, ticket.called()).await;
        if called.is_ok() && waits > 1 {
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + GATHER)).await;
        }
        look(app, &mut asked, &mut memory).await?;
    }
    let outcomes = asked.into_iter().map(|asked| match asked {
        Progress::Done(outcome) => Some(outcome),
        Progress::Waits { .. } => None,
    });
    Ok(Outcomes {
        of: outcomes.collect(),
        _memory: memory,
    })
}

/// Stores the queries that nobody waits for yet, each once. Returns whether an answer that is kept can be handed out.
async fn put(
    app: &App,
    asked: &mut [Progress],
    queries: Vec<Query>,
    redone: &[Hash],
) -> Result<bool, ApiError> {
    let known = app.queries.stored(&waiting(asked)).await?;
    let mut kept = HashSet::new();
    for (hash, known) in &known {
        if !redone.contains(hash) && answered::is_kept(app, known).await? {
            kept.insert(*hash);
        }
    }
    let hashes = asked.iter().filter_map(Progress::hash);
    let mut new: Vec<(Hash, Query)> = hashes.zip(queries).collect();
    new.sort_by_key(|(hash, _)| *hash);
    new.dedup_by_key(|(hash, _)| *hash);
    new.retain(|(hash, _)| {
        let under_way = known
            .get(hash)
            .is_some_and(|known| answered::is_under_way(app, *hash, known));
        redone.contains(hash) || !(under_way || kept.contains(hash))
    });
    for one in asked {
        if let Progress::Waits { hash, before } = one {
            *before = known.get(hash).and_then(|known| known.last.clone());
        }
    }
    let new: Vec<Query> = new.into_iter().map(|(_, query)| query).collect();
    if !new.is_empty() {
        let codes = |hash: Hash, query: &Query| {
            Some(QueryCodes {
                query: app.macs.query(hash, query),
                socket: app.macs.socket(hash, query),
            })
        };
        app.queries.put_all(&new, redone, codes).await?;
    }
    Ok(!kept.is_empty())
}

/// Reads the answers that are stored by now, as far as there is memory for them. What one request cannot hold is left for
/// another.
async fn look(app: &App, asked: &mut [Progress], memory: &mut Memory<'_>) -> Result<(), ApiError> {
    let found = app.queries.stored(&waiting(asked)).await?;
    let mut new = HashMap::new();
    // the same question may be in a list many times, and each time takes its memory
    let mut charged = HashSet::new();
    for (n, one) in asked.iter_mut().enumerate() {
        if let Progress::Waits { hash, before } = one
            && let Some(stored) = found.get(hash)
            && answered::is_answered(stored, before.as_ref())
        {
            let bytes = stored.last.as_ref().map_or(0, |last| last.bytes);
            match memory.charge(bytes).await {
                Charge::Held => {
                    charged.insert(n);
                    new.insert(*hash, stored);
                }
                Charge::Later => {}
                Charge::Never => *one = Progress::Done(too_much()),
            }
        }
    }
    let reads = new
        .into_iter()
        .map(|(hash, stored)| async move { (hash, answered::report(app, stored).await) });
    let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(READERS);
    let mut answers = HashMap::new();
    while let Some((hash, report)) = reads.next().await {
        match report {
            Ok(Some(body)) => {
                let status = StatusCode::CREATED;
                answers.insert(hash, Outcome { status, body });
            }
            Ok(None) => {}
            Err(error) => drop(answers.insert(hash, wrong(error)?)),
        }
    }
    for (n, one) in asked.iter_mut().enumerate() {
        let answer = one.hash().and_then(|hash| answers.get(&hash));
        if charged.contains(&n)
            && let Some(outcome) = answer
        {
            *one = Progress::Done(outcome.clone());
        }
    }
    Ok(())
}

/// Whether there is memory for one more report of a request.
enum Charge {
    Held,
    /// Others have it now.
    Later,
    /// The request has had its part.
    Never,
}

impl Memory<'_> {
    /// Takes the memory of a report of this size. A request that holds none waits for it; one that holds some does not, or
    /// two requests could wait for each other.
    async fn charge(&mut self, bytes: u64) -> Charge {
        let Some(room) = self.room.checked_sub(bytes) else {
            return Charge::Never;
        };
        let most = (ALL_BYTES >> 10) as u32;
        let kib = u32::try_from((bytes * MEMORY) >> 10).unwrap_or(most);
        let kib = kib.clamp(1, most);
        let permit = match self.held.is_empty() {
            true => self.of.acquire_many(kib).await.ok(),
            false => self.of.try_acquire_many(kib).ok(),
        };
        let Some(permit) = permit else {
            return Charge::Later;
        };
        self.held.push(permit);
        self.room = room;
        Charge::Held
    }
}

/// Makes the outcome of a question whose answer has no room in the list of answers. It is asked again with fewer others.
fn too_much() -> Outcome {
    let message = format!(
        "check back later: the answers of one request have at most {} MiB",
        REQUEST_BYTES >> 20
    );
    Outcome {
        status: StatusCode::ACCEPTED,
        body: json!({"message": message, "status": "processing"}),
    }
}

/// Returns the hashes of the queries that have no answer yet.
fn waiting(asked: &[Progress]) -> Vec<Hash> {
    asked.iter().filter_map(Progress::hash).collect()
}

impl Progress {
    fn hash(&self) -> Option<Hash> {
        match self {
            Self::Waits { hash, .. } => Some(*hash),
            Self::Done(..) => None,
        }
    }
}

/// Returns the outcome of a question that is wrong or fails. Any other error is one of the whole request.
fn wrong(error: ApiError) -> Result<Outcome, ApiError> {
    match error {
        ApiError::BadRequest(_) | ApiError::Failed(..) => Ok(Outcome {
            status: StatusCode::BAD_REQUEST,
            body: error.body(),
        }),
        other => Err(other),
    }
}
