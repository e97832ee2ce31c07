//! Files on their way to the API: those that wait for a person's word, and those that are being sent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use cybexp_client::{Client, ClientError};
use futures::{StreamExt, stream};
use tahoe_core::SubmissionTags;

use crate::guess::records;
use crate::random::random_id;
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
pub(crate) const RECORDS: usize = 10_000;
/// The records that are sent at once.
const IN_FLIGHT: usize = 8;
/// The accepted, and the refused, records of a posting that are remembered one by one.
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
    /// The first accepted records: their place and the API's id.
    pub(crate) traced: Vec<(String, String)>,
    /// The first refused records: their place and the reason.
    pub(crate) reasons: Vec<(String, String)>,
    /// The reason why it ended before its end.
    pub(crate) broken: Option<String>,
    pub(crate) done: bool,
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
        for (n, record) in records(&one.file.bytes, one.by_lines).enumerate() {
            let place = match one.by_lines {
                true => format!("{}, record {}", one.file.name, n + 1),
                false => one.file.name.clone(),
            };
            let record = one.file.bytes.slice_ref(record);
            all.push((tags.clone(), one.file.name.clone(), place, record));
        }
    }
    let sends = all.into_iter().map(|(tags, name, place, record)| {
        let client = client.clone();
        async move { (place, client.submit_traced(&tags, &name, &[record]).await) }
    });
    let mut sends = stream::iter(sends).buffer_unordered(IN_FLIGHT);
    while let Some((place, outcome)) = sends.next().await {
        let mut progress = lock(&posting.progress);
        match outcome {
            Ok(id) => {
                progress.taken += 1;
                if progress.traced.len() < LISTED {
                    progress.traced.push((place, id));
                }
            }
            Err(ClientError::Refused { message, .. }) => {
                progress.refused += 1;
                if progress.reasons.len() < LISTED {
                    progress.reasons.push((place, message));
                }
            }
            // the other records would meet the same
            Err(error) => {
                progress.broken = Some(format!("{place}: {}", error.brief()));
                break;
            }
        }
    }
    lock(&posting.progress).done = true;
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
