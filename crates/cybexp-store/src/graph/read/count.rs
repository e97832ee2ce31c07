//! Counting events, in time that does not grow with their number.

use futures::future::try_join_all;
use tahoe_core::question::Conditions;

use crate::error::StoreError;
use crate::graph::hours;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::{Wanted, within};
use crate::visible::Visible;

/// The most events that are counted key by key; an instance with more is a hub.
pub(crate) const DIRECT: i64 = 2_000;

impl GraphReader {
    /// Counts the events that meet the conditions, among those that `visible` shows. The result is exact.
    pub async fn count(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        self.count_wanted(&Wanted::new(of, visible)).await
    }

    /// Counts the wanted events: key by key, or for a hub by its timeline.
    pub(crate) async fn count_wanted(&self, wanted: &Wanted<'_>) -> Result<u64, StoreError> {
        if let Some(few) = self.few(wanted).await? {
            return Ok(few);
        }
        let whole = async {
            let timeline = self.timelines.of(wanted).await?;
            Ok(timeline.sum(&wanted.orgs, &wanted.range))
        };
        let parts = hours::cut(&wanted.range).into_iter();
        let parts = try_join_all(parts.map(|hour| self.count_part(wanted, hour)));
        let (whole, parts) = futures::try_join!(whole, parts)?;
        Ok(whole + parts.into_iter().sum::<u64>())
    }

    /// Returns the number of the wanted events, if they are few; `None` for a hub.
    pub(crate) async fn few(&self, wanted: &Wanted<'_>) -> Result<Option<u64>, StoreError> {
        if self.timelines.has(&wanted.key()) {
            return Ok(None);
        }
        let few = wanted.find().limit(DIRECT + 1).count(&self.coll).await?;
        Ok((few <= DIRECT as u64).then_some(few))
    }

    /// Counts the wanted events that lie in one hour and in the range.
    pub(crate) async fn count_part(
        &self,
        wanted: &Wanted<'_>,
        hour: i64,
    ) -> Result<u64, StoreError> {
        let find = wanted.find_at(within(hours::times(hour, hour), &wanted.range));
        find.count(&self.coll).await
    }
}
