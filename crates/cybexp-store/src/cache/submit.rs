//! Storing submissions, several in a transaction.

use futures::FutureExt;
use mongodb::ClientSession;
use mongodb::error::Error;

use crate::cache::entry::{EntryId, Submission};
use crate::cache::grid;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::transaction;

/// The most submissions of a transaction.
pub(crate) const GROUP: usize = 500;
/// Bytes at which a transaction takes no further submission, and of one command within it. A submission larger than this
/// has a transaction of its own.
pub(crate) const GROUP_BYTES: usize = 8 << 20;

const STORING: &str = "storing submissions";

impl Cache {
    /// Stores submissions in order. A submission and its file become visible at once. After an error, the first
    /// submissions may be stored.
    pub async fn submit(&self, submissions: &[Submission]) -> Result<(), StoreError> {
        let named = submissions.iter().map(|one| (EntryId::new(), one));
        self.submit_as(&named.collect::<Vec<_>>()).await
    }

    /// Stores submissions as [`Self::submit`] does, under the given ids.
    pub(crate) async fn submit_as(
        &self,
        submissions: &[(EntryId, &Submission)],
    ) -> Result<(), StoreError> {
        let mut left = submissions;
        while !left.is_empty() {
            let mut bytes = 0;
            let fits = left.iter().take(GROUP).take_while(|(_, next)| {
                let room = bytes < GROUP_BYTES && next.sealed.len() <= GROUP_BYTES;
                bytes += next.sealed.len();
                room
            });
            let (group, rest) = left.split_at(fits.count().max(1));
            self.submit_group(group).await?;
            left = rest;
        }
        Ok(())
    }

    /// Stores submissions in one transaction.
    async fn submit_group(&self, group: &[(EntryId, &Submission)]) -> Result<(), StoreError> {
        let context = (self, group);
        transaction::run(&self.entries, STORING, context, |session, (cache, group)| {
            async move { store(cache, session, group).await }.boxed()
        })
        .await
    }
}

/// Writes the chunks a command at a time, so that they are in memory once more for one command only.
async fn store(
    cache: &Cache,
    session: &mut ClientSession,
    group: &[(EntryId, &Submission)],
) -> Result<(), Error> {
    let (mut chunks, mut files, mut entries) = (vec![], vec![], vec![]);
    let mut bytes = 0;
    for (fid, Submission { entry, sealed }) in group {
        for chunk in grid::chunks(*fid, 0, sealed) {
            bytes += chunk.as_bytes().len();
            chunks.push(chunk);
            if bytes >= GROUP_BYTES {
                let part = [(&cache.chunks, std::mem::take(&mut chunks))];
                transaction::insert(session, STORING, &part).await?;
                bytes = 0;
            }
        }
        files.push(grid::file(*fid, sealed.len(), &entry.name));
        entries.push(grid::entry(*fid, entry));
    }
    let rest = [
        (&cache.chunks, chunks),
        (&cache.files, files),
        (&cache.entries, entries),
    ];
    transaction::insert(session, STORING, &rest).await
}
