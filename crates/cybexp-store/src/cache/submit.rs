//! Storing submissions, several in a transaction.

use futures::FutureExt;

use crate::cache::entry::{EntryId, Submission};
use crate::cache::grid;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::mongo::transaction;

/// The most submissions of a transaction.
pub(crate) const GROUP: usize = 500;
/// Bytes at which a transaction takes no further submission. A single submission larger than this is an upload.
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
        while let [(id, first), ..] = left {
            let mut bytes = 0;
            let fits = left.iter().take(GROUP).take_while(|(_, next)| {
                let room = bytes < GROUP_BYTES && next.sealed.len() <= GROUP_BYTES;
                bytes += next.sealed.len();
                room
            });
            let (group, rest) = left.split_at(fits.count().max(1));
            match first.sealed.len() > GROUP_BYTES {
                true => {
                    let mut upload = self.begin_upload_as(*id);
                    upload.write(&first.sealed).await?;
                    upload.commit(first.entry.clone(), None).await?;
                }
                false => self.submit_group(group).await?,
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
        let parts = [
            (&self.chunks, chunks),
            (&self.files, files),
            (&self.entries, entries),
        ];
        transaction::run(&self.entries, STORING, parts, |session, parts| {
            transaction::insert(session, STORING, parts).boxed()
        })
        .await
    }
}
