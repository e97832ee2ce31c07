//! The life of a question in the API, from the request to its answer. One question is asked like many: stored together,
//! waited for together.

mod answered;
mod body;
mod fields;
mod load;
mod request;
pub(crate) mod stix;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use cybexp_store::{LastAnswer, QueryCodes, StoredQuery};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use tahoe_core::{Hash, Query};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::error::ApiError;

pub(crate) use body::{SentQuestions, read};
pub(crate) use load::Load;
pub(crate) use request::QueryRequest;

/// The time after which a query is looked at without a call. Another API may have asked the same, or the call may not
/// have come through.
const LOOK: Duration = Duration::from_millis(500);
/// The time between a call and the look at several queries: most of their answers come within it.
const GATHER: Duration = Duration::from_millis(20);
/// Questions of a list that are read and sealed in one turn, about 5 ms of work.
const SLICE: usize = 50;
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
pub(crate) struct Outcomes {
    pub(crate) of: Vec<Option<Outcome>>,
    /// The load of making a text of them.
    pub(crate) load: Load,
    _memory: Memory,
}

/// The memory of the reports of one request, a part of that of all.
struct Memory {
    of: Arc<Semaphore>,
    held: Vec<OwnedSemaphorePermit>,
    /// Bytes of reports that may be read still.
    room: u64,
}

/// The questions of one request.
struct Asking {
    app: Arc<App>,
    user: Hash,
    load: Load,
    progress: Vec<Progress>,
    memory: Memory,
}

/// Asks the user's questions, and waits for their answers until the time is up. Returns them in the order of the questions;
/// none for a question that is not answered yet.
///
/// A stored report is not handed out, unless it is kept: only a report daemon can tell whether it still holds, and
/// whether the caller may still see it. So a question that is asked again waits again.
///
/// # Errors
/// The database or the seal fails, or too much is asked at once. A question that is wrong has an outcome.
pub(crate) async fn ask(
    app: &Arc<App>,
    user: Hash,
    sent: &SentQuestions,
) -> Result<Outcomes, ApiError> {
    let mut asking = Asking {
        app: Arc::clone(app),
        user,
        load: sent.load,
        progress: Vec::with_capacity(sent.questions.len()),
        memory: Memory {
            of: Arc::clone(&app.reports),
            held: vec![],
            room: REQUEST_BYTES,
        },
    };
    let deadline = tokio::time::Instant::now() + app.wait;
    let mut ticket = app.waiting.ticket();
    let (queries, redone) = asking.encode(&sent.questions, &ticket.nonce).await?;
    ticket.waits_for(&asking.waiting());
    if asking.put(queries, redone).await? {
        asking.look().await?;
    }
    loop {
        let waits = asking.waiting().len();
        if waits == 0 || tokio::time::Instant::now() >= deadline {
            break;
        }
        let next = deadline.min(tokio::time::Instant::now() + LOOK);
        let called = tokio::time::timeout_at(next, ticket.called()).await;
        if called.is_ok() && waits > 1 {
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + GATHER)).await;
        }
        asking.look().await?;
    }
    let Asking {
        load,
        progress,
        memory,
        ..
    } = asking;
    let outcomes = progress.into_iter().map(|one| match one {
        Progress::Done(outcome) => Some(outcome),
        Progress::Waits { .. } => None,
    });
    Ok(Outcomes {
        of: outcomes.collect(),
        load: load.and(load_of(REQUEST_BYTES - memory.room)),
        _memory: memory,
    })
}

/// Returns the load of reports of so many bytes.
fn load_of(report_bytes: u64) -> Load {
    Load::of_body(usize::try_from(report_bytes).unwrap_or(usize::MAX))
}

impl Asking {
    /// Makes queries of the questions, a slice at a time. Returns them, and the hashes of those to be answered anew.
    async fn encode(
        &mut self,
        questions: &Arc<[Value]>,
        nonce: &str,
    ) -> Result<(Vec<Query>, Vec<Hash>), ApiError> {
        let (mut queries, mut redone) = (Vec::new(), Vec::new());
        for from in (0..questions.len()).step_by(SLICE) {
            let slice = from..questions.len().min(from + SLICE);
            let (app, user, nonce) = (Arc::clone(&self.app), self.user, nonce.to_owned());
            let questions = Arc::clone(questions);
            let encoded = self.load.run(&self.app, self.user, move || {
                let slice = questions[slice].iter();
                let encoded = slice.map(|question| request::encode(&app, user, question, &nonce));
                encoded.collect::<Vec<_>>()
            });
            for encoded in encoded.await? {
                self.progress.push(match encoded {
                    Ok((query, hash, redo)) => {
                        queries.push(query);
                        redone.extend(redo.then_some(hash));
                        Progress::Waits { hash, before: None }
                    }
                    Err(error) => Progress::Done(wrong(error)?),
                });
            }
        }
        Ok((queries, redone))
    }

    /// Stores the queries that nobody waits for yet, each once. Returns whether an answer that is kept can be handed out.
    async fn put(&mut self, queries: Vec<Query>, redone: Vec<Hash>) -> Result<bool, ApiError> {
        let (app, hashes) = (Arc::clone(&self.app), self.waiting());
        let put = async move { put(&app, &hashes, queries, &redone).await };
        let (known, any_kept) = self.load.drive(&self.app, self.user, put).await??;
        for one in &mut self.progress {
            if let Progress::Waits { hash, before } = one {
                *before = known.get(hash).and_then(|known| known.last.clone());
            }
        }
        Ok(any_kept)
    }

    /// Reads the answers that are stored by now, as far as there is memory for them. What one request cannot hold is left
    /// for another.
    async fn look(&mut self) -> Result<(), ApiError> {
        let (app, hashes) = (Arc::clone(&self.app), self.waiting());
        let found = async move { app.queries.stored(&hashes).await };
        let found = self.load.drive(&self.app, self.user, found).await??;
        let mut new = HashSet::new();
        // the same question may be in a list many times, and each time takes its memory
        let mut charged = HashSet::new();
        let mut report_bytes = 0;
        for (n, one) in self.progress.iter_mut().enumerate() {
            if let Progress::Waits { hash, before } = one
                && let Some(stored) = found.get(hash)
                && answered::is_answered(stored, before.as_ref())
            {
                let bytes = stored.last.as_ref().map_or(0, |last| last.bytes);
                // outside the pool: those who hold the memory need the pool to give it back
                match self.memory.charge(bytes).await {
                    Charge::Held => {
                        charged.insert(n);
                        new.insert(*hash);
                        report_bytes += bytes;
                    }
                    Charge::Later => {}
                    Charge::Never => *one = Progress::Done(too_much()),
                }
            }
        }
        let new = found.into_iter().filter(|(hash, _)| new.contains(hash));
        let reports = reports(Arc::clone(&self.app), new.collect());
        let load = self.load.and(load_of(report_bytes));
        let answers = load.drive(&self.app, self.user, reports).await??;
        for (n, one) in self.progress.iter_mut().enumerate() {
            let answer = one.hash().and_then(|hash| answers.get(&hash));
            if charged.contains(&n)
                && let Some(outcome) = answer
            {
                *one = Progress::Done(outcome.clone());
            }
        }
        Ok(())
    }

    /// Returns the hashes of the queries that have no answer yet.
    fn waiting(&self) -> Vec<Hash> {
        self.progress.iter().filter_map(Progress::hash).collect()
    }
}

/// Stores the queries of these hashes that nobody waits for yet, each once. Returns those that were stored before, and
/// whether one of them has an answer that is kept.
async fn put(
    app: &App,
    hashes: &[Hash],
    queries: Vec<Query>,
    redone: &[Hash],
) -> Result<(HashMap<Hash, StoredQuery>, bool), ApiError> {
    let known = app.queries.stored(hashes).await?;
    let mut kept = HashSet::new();
    for (hash, known) in &known {
        if !redone.contains(hash) && answered::is_kept(app, known).await? {
            kept.insert(*hash);
        }
    }
    let mut new: Vec<(Hash, Query)> = hashes.iter().copied().zip(queries).collect();
    new.sort_by_key(|(hash, _)| *hash);
    new.dedup_by_key(|(hash, _)| *hash);
    new.retain(|(hash, _)| {
        let under_way = known
            .get(hash)
            .is_some_and(|known| answered::is_under_way(app, *hash, known));
        redone.contains(hash) || !(under_way || kept.contains(hash))
    });
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
    Ok((known, !kept.is_empty()))
}

/// Reads the reports of these queries.
async fn reports(
    app: Arc<App>,
    queries: Vec<(Hash, StoredQuery)>,
) -> Result<HashMap<Hash, Outcome>, ApiError> {
    let reads = queries.into_iter().map(|(hash, stored)| {
        let app = Arc::clone(&app);
        async move { (hash, answered::report(&app, &stored).await) }
    });
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
    Ok(answers)
}

/// Whether there is memory for one more report of a request.
enum Charge {
    Held,
    /// Others have it now.
    Later,
    /// The request has had its part.
    Never,
}

impl Memory {
    /// Takes the memory of a report of this size. A request that holds none waits for it; one that holds some does not, or
    /// two requests could wait for each other.
    async fn charge(&mut self, bytes: u64) -> Charge {
        let Some(room) = self.room.checked_sub(bytes) else {
            return Charge::Never;
        };
        let most = (ALL_BYTES >> 10) as u32;
        let kib = u32::try_from((bytes * MEMORY) >> 10).unwrap_or(most);
        let kib = kib.clamp(1, most);
        let of = Arc::clone(&self.of);
        let permit = match self.held.is_empty() {
            true => of.acquire_many_owned(kib).await.ok(),
            false => of.try_acquire_many_owned(kib).ok(),
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
