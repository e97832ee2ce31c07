//! Files on their way to the API: those that wait for a person's word, and those that are being sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use cybexp_client::Client;
use futures::{StreamExt, stream};
use tahoe_core::SubmissionTags;

use crate::guess::records;
use crate::random::random_id;
use crate::sending::{Batch, batches};
use crate::subject::Subject;

/// The most bytes that wait for a person's word, of all persons.
const TRAY_BYTES: usize = 256 << 20;
/// The time for which files wait.
const TRAY_FOR: Duration = Duration::from_secs(30 * 60);
/// The most postings that are remembered.
const REMEMBERED: usize = 200;
/// The time for which a posting is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(2 * 3600);
/// The most records of one posting; `cybexp post` takes any number.
pub(crate) const RECORDS: usize = 100_000;
/// The submissions that are sent at once.
const IN_FLIGHT: usize = 2;
/// The submissions, and the refused records, of a posting that are remembered one by one.
const LISTED: usize = 50;

/// A file that a person uploaded or pasted.
#[derive(Clone)]
pub(crate) struct Upload {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// Files that wait for a person's word.
#[derive(Default)]
pub(crate) struct Tray(Mutex<BTreeMap<String, Waiting>>);

struct Waiting {
    owner: String,
    files: Arc<Vec<Upload>>,
    since: Instant,
}

impl Tray {
    /// Keeps a person's files, and returns their id. The oldest files of others go where there is no room.
    pub(crate) fn keep(&self, owner: &str, files: Vec<Upload>) -> String {
        let mut tray = lock(&self.0);
        tray.retain(|_, waiting| waiting.since.elapsed() < TRAY_FOR);
        let new = size(&files);
        while !tray.is_empty()
            && new + tray.values().map(|one| size(&one.files)).sum::<usize>() > TRAY_BYTES
        {
            let oldest = tray.iter().min_by_key(|(_, one)| one.since);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            tray.remove(&oldest);
        }
        let id = random_id();
        let waiting = Waiting {
            owner: owner.to_owned(),
            files: Arc::new(files),
            since: Instant::now(),
        };
        tray.insert(id.clone(), waiting);
        id
    }

    /// Returns the person's files of this id.
    pub(crate) fn look(&self, owner: &str, id: &str) -> Option<Arc<Vec<Upload>>> {
        let tray = lock(&self.0);
        let waiting = tray.get(id).filter(|waiting| waiting.owner == owner)?;
        Some(Arc::clone(&waiting.files))
    }

    /// Removes the files of this id.
    pub(crate) fn remove(&self, id: &str) {
        lock(&self.0).remove(id);
    }
}

fn size(files: &[Upload]) -> usize {
    files.iter().map(|file| file.bytes.len()).sum()
}

/// A file and how it is to be sent.
pub(crate) struct Outgoing {
    pub(crate) file: Upload,
    pub(crate) typetag: String,
    /// True if each line is a record of its own.
    pub(crate) by_lines: bool,
}

/// The state of a posting.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) all: usize,
    pub(crate) taken: usize,
    pub(crate) refused: usize,
    /// The first accepted submissions.
    pub(crate) traced: Vec<Traced>,
    /// The first refused records: their place and the reason.
    pub(crate) reasons: Vec<(String, String)>,
    /// The reason why it ended before its end.
    pub(crate) broken: Option<String>,
    pub(crate) done: bool,
}

/// A submission that the API took.
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    /// The API's id.
    pub(crate) id: String,
    /// The name of the file.
    file: String,
    /// The numbers of its records in the file; none of a file that is one record.
    numbers: Option<Arc<Vec<u32>>>,
}

impl Traced {
    /// Returns the number of its records.
    pub(crate) fn records(&self) -> usize {
        self.numbers.as_ref().map_or(1, |numbers| numbers.len())
    }

    /// Returns the place of its `n`th record, from 0.
    pub(crate) fn place(&self, n: usize) -> String {
        let number = self.numbers.as_ref().and_then(|numbers| numbers.get(n));
        place(&self.file, number.copied())
    }
}

fn place(file: &str, number: Option<u32>) -> String {
    match number {
        Some(number) => format!("{file}, record {number}"),
        None => file.to_owned(),
    }
}

/// A posting.
pub(crate) struct Posting {
    owner: String,
    since: Instant,
    progress: Mutex<Progress>,
    /// Some of the values that will be found.
    pub(crate) finds: Vec<Subject>,
}

impl Posting {
    /// Returns how far it is.
    pub(crate) fn progress(&self) -> Progress {
        lock(&self.progress).clone()
    }

    /// Returns the time since its beginning.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

/// The postings of late.
#[derive(Default)]
pub(crate) struct Postings(Mutex<BTreeMap<String, Arc<Posting>>>);

impl Postings {
    /// Begins to send the files, in the background, and returns the posting's id.
    pub(crate) fn begin(
        &self,
        owner: &str,
        client: Client,
        files: Vec<Outgoing>,
        (orgid, timezone): (String, String),
        finds: Vec<Subject>,
    ) -> String {
        let all = files
            .iter()
            .map(|one| records(&one.file.bytes, one.by_lines).count());
        let posting = Arc::new(Posting {
            owner: owner.to_owned(),
            since: Instant::now(),
            progress: Mutex::new(Progress {
                all: all.sum(),
                ..Progress::default()
            }),
            finds,
        });
        let id = random_id();
        let mut postings = lock(&self.0);
        postings.retain(|_, one| one.since.elapsed() < REMEMBERED_FOR);
        while postings.len() >= REMEMBERED {
            let oldest = postings.iter().min_by_key(|(_, one)| one.since);
            let Some(oldest) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            postings.remove(&oldest);
        }
        postings.insert(id.clone(), Arc::clone(&posting));
        tokio::spawn(send(client, posting, files, orgid, timezone));
        id
    }

    /// Returns the person's posting of this id.
    pub(crate) fn get(&self, owner: &str, id: &str) -> Option<Arc<Posting>> {
        let postings = lock(&self.0);
        let posting = postings.get(id).filter(|one| one.owner == owner)?;
        Some(Arc::clone(posting))
    }
}

async fn send(
    client: Client,
    posting: Arc<Posting>,
    files: Vec<Outgoing>,
    orgid: String,
    timezone: String,
) {
    let mut all = Vec::new();
    for one in &files {
        let tags = SubmissionTags {
            typetag: one.typetag.clone(),
            orgid: orgid.clone(),
            timezone: timezone.clone(),
            tlp: None,
        };
        let records = records(&one.file.bytes, one.by_lines);
        let records = records.map(|record| one.file.bytes.slice_ref(record));
        let batches = batches(&tags, &one.file.name, records);
        all.extend(batches.into_iter().map(|batch| (one.by_lines, batch)));
    }
    let sends = all.into_iter().map(|(by_lines, batch)| {
        let client = client.clone();
        async move { send_batch(&client, by_lines, batch).await }
    });
    let mut sends = stream::iter(sends).buffer_unordered(IN_FLIGHT);
    while let Some(outcome) = sends.next().await {
        let mut progress = lock(&posting.progress);
        match outcome {
            Ok((taken, refused)) => {
                progress.taken += taken.as_ref().map_or(0, Traced::records);
                progress.refused += refused.len();
                let (room, more) = (
                    LISTED - progress.traced.len(),
                    LISTED - progress.reasons.len(),
                );
                progress.traced.extend(taken.into_iter().take(room));
                progress.reasons.extend(refused.into_iter().take(more));
            }
            // the other records would meet the same
            Err(broken) => {
                progress.broken = Some(broken);
                break;
            }
        }
    }
    lock(&posting.progress).done = true;
}

/// Sends a batch. Returns the submission that was taken, and the records that were refused by place and reason.
///
/// # Errors
/// The API cannot be reached or fails: the text says where and why.
async fn send_batch(
    client: &Client,
    by_lines: bool,
    batch: Batch,
) -> Result<(Option<Traced>, Vec<(String, String)>), String> {
    let file = batch.name.clone();
    let number = |n| by_lines.then_some(n);
    let first = batch.records.first().map(|(n, _)| *n);
    let sent = crate::sending::send(client, batch).await;
    let sent = sent.map_err(|error| {
        let place = place(&file, first.and_then(number));
        format!("{place}: {}", error.brief())
    })?;
    let refused = sent.refused.into_iter();
    let refused = refused.map(|(n, reason)| (place(&file, number(n)), reason));
    let refused = refused.collect();
    let taken = sent.taken.map(|(id, numbers)| Traced {
        id,
        numbers: by_lines.then(|| Arc::new(numbers)),
        file,
    });
    Ok((taken, refused))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // nothing here is changed in two steps
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: usize) -> Upload {
        Upload {
            name: "a".to_owned(),
            bytes: vec![b'x'; bytes].into(),
        }
    }

    #[test]
    fn files_are_their_owners_and_the_oldest_go_first() {
        let tray = Tray::default();
        let first = tray.keep("a@example.com", vec![file(TRAY_BYTES / 2)]);
        assert!(tray.look("b@example.com", &first).is_none());
        assert!(tray.look("a@example.com", &first).is_some());
        let second = tray.keep("b@example.com", vec![file(TRAY_BYTES / 2)]);
        assert!(tray.look("a@example.com", &first).is_some());
        let third = tray.keep("b@example.com", vec![file(1)]);
        assert!(tray.look("a@example.com", &first).is_none());
        assert!(tray.look("b@example.com", &second).is_some());
        tray.remove(&third);
        assert!(tray.look("b@example.com", &third).is_none());
    }
}
