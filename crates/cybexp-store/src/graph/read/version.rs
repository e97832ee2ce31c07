//! Whether anything changed since an answer was made.

use tahoe_core::time::TimeRange;

use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;

/// The state of a range of time, as this process knows it. Two that are equal say that no event came into the range
/// between them; read the first before the answer is begun. What is changed by hand, past
/// [`crate::GraphWriter`], is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version((u64, u64));

impl GraphReader {
    /// The state of this range now: one look at the journal.
    pub async fn version(&self, range: &TimeRange) -> Result<Version, StoreError> {
        let version = self.timelines.version(range).await?;
        Ok(Version(version))
    }
}
