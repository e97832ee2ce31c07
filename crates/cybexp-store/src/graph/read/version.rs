//! Detecting changes since an answer was made.

use tahoe_core::time::TimeRange;

use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;

/// The state of a range of time, as this process knows it. If two versions are equal, no event was written into the
/// range between them; read the first one before the answer is begun. Changes by hand, which bypass
/// [`crate::GraphWriter`], do not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version((u64, u64));

impl GraphReader {
    /// Reads the current version of this range, with one look at the journal.
    pub async fn version(&self, range: &TimeRange) -> Result<Version, StoreError> {
        let version = self.timelines.version(range).await?;
        Ok(Version(version))
    }
}
