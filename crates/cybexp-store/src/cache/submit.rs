//! Storing submissions, several in a transaction.

use bson::RawDocumentBuf;
use futures::FutureExt;

use crate::cache::entry::{EntryId, Submission};
use crate::cache::grid::{self, CHUNK_BYTES};
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::transaction::{self, Part};

/// The most submissions of a transaction.
pub(crate) const GROUP: usize = 500;
/// Bytes at which a transaction takes no further submission. The chunks of a larger submission are written before its
/// transaction.
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
            match group {
                [(id, one)] if one.sealed.len() > GROUP_BYTES => {
                    self.submit_large(*id, one).await?
                }
                group => self.submit_group(group).await?,
            }
            left = rest;
        }
        Ok(())
    }

    async fn submit_group(&self, group: &[(EntryId, &Submission)]) -> Result<(), StoreError> {
        let (mut chunks, mut files, mut entries) = (vec![], vec![], vec![]);
        for (fid, Submission { entry, sealed }) in group {
            chunks.extend(grid::chunks(*fid, 0, sealed));
            files.push(grid::file(*fid, sealed.len(), &entry.name));
            entries.push(grid::entry(*fid, entry));
        }
        self.store(vec![
            (&self.chunks, chunks),
            (&self.files, files),
            (&self.entries, entries),
        ])
        .await
    }

    /// Stores a submission that may not fit in a transaction. Its chunks come first: without the file they are nothing,
    /// and [`Cache::sweep_orphans`] deletes what a process that died has left.
    async fn submit_large(&self, fid: EntryId, submission: &Submission) -> Result<(), StoreError> {
        let Submission { entry, sealed } = submission;
        let parts = sealed.chunks(GROUP_BYTES / CHUNK_BYTES * CHUNK_BYTES);
        let mut n = 0;
        for part in parts {
            let chunks: Vec<RawDocumentBuf> = grid::chunks(fid, n, part).collect();
            if let Err(error) = bulk::insert_whole(&self.chunks, &chunks, STORING).await {
                // what cannot be deleted now is swept later
                let _ = self.delete_chunks(&[fid]).await;
                return Err(error);
            }
            n += chunks.len();
        }
        let stored = self.store(vec![
            (
                &self.files,
                vec![grid::file(fid, sealed.len(), &entry.name)],
            ),
            (&self.entries, vec![grid::entry(fid, entry)]),
        ]);
        stored.await
    }

    /// Writes all documents in one transaction.
    async fn store(&self, parts: Vec<Part<'_>>) -> Result<(), StoreError> {
        transaction::run(&self.entries, STORING, parts, |session, parts| {
            transaction::insert(session, STORING, parts).boxed()
        })
        .await
    }
}
