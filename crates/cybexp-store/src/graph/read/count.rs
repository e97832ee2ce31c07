//! Counting events, in time that does not grow with their number.

use bson::doc;
use futures::future::try_join_all;
use tahoe_core::question::Conditions;

use crate::error::StoreError;
use crate::graph::hours;
use crate::graph::read::event_tally::{EventTally, tally};
use crate::graph::read::reader::GraphReader;
use crate::graph::read::seen::{At, Seen};
use crate::graph::read::wanted::{Wanted, within};
use crate::mongo::find::Find;
use crate::visible::Visible;

/// The most events that are counted key by key; an instance with more is a hub.
pub(crate) const DIRECT: i64 = 2_000;

impl GraphReader {
    /// Counts the events that meet the conditions, among those that `visible` shows. The result is exact.
    pub async fn tally(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<EventTally, StoreError> {
        let wanted = Wanted::new(of, visible);
        match self.few(&wanted).await? {
            Some(few) => Ok(EventTally::of_times(&few)),
            None => self.many(&wanted).await,
        }
    }

    /// Returns only the number of these events.
    pub async fn count(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        Ok(self.tally(of, visible).await?.events)
    }

    /// Returns the number of events that meet the conditions, if it can be had at the cost of a page, and the times of the
    /// first and the last of them.
    pub async fn outline(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<(Option<u64>, Option<Seen>), StoreError> {
        let wanted = Wanted::new(of, visible);
        let tally = match self.few(&wanted).await? {
            Some(few) => EventTally::of_times(&few),
            None if self.timelines.has(&wanted.key()) => self.many(&wanted).await?,
            None => return Ok((None, self.seen(of, visible).await?)),
        };
        Ok((Some(tally.events), tally.seen))
    }

    /// Counts the wanted events by their timeline.
    async fn many(&self, wanted: &Wanted<'_>) -> Result<EventTally, StoreError> {
        let whole = async {
            let timeline = self.timelines.of(wanted).await?;
            Ok(timeline.tally(&wanted.orgs, &wanted.range))
        };
        let parts = hours::cut(&wanted.range).into_iter();
        let parts = try_join_all(parts.map(|hour| self.tally_part(wanted, hour)));
        let (whole, parts) = futures::try_join!(whole, parts)?;
        Ok(parts.into_iter().fold(whole, EventTally::and))
    }

    /// Returns the times of the wanted events, in no order, if they are few; `None` for a hub.
    pub(crate) async fn few(&self, wanted: &Wanted<'_>) -> Result<Option<Vec<f64>>, StoreError> {
        if self.timelines.has(&wanted.key()) {
            return Ok(None);
        }
        self.times(few(wanted.find())).await
    }

    /// Counts the wanted events that lie in one hour and in the range.
    pub(crate) async fn tally_part(
        &self,
        wanted: &Wanted<'_>,
        hour: i64,
    ) -> Result<EventTally, StoreError> {
        let find = wanted.find_at(within(hours::times(hour, hour), &wanted.range));
        match self.times(few(find.clone())).await? {
            Some(few) => Ok(EventTally::of_times(&few)),
            None => tally(&self.coll, &find).await,
        }
    }

    /// Returns the times that [`few`] finds, if these are all.
    async fn times(&self, few: Find) -> Result<Option<Vec<f64>>, StoreError> {
        let few = few.read::<At>(&self.coll).await?;
        let is_few = few.len() <= DIRECT as usize;
        Ok(is_few.then(|| few.into_iter().map(|at| at.timestamp).collect()))
    }
}

/// Finds only the times of these events, up to one more than those of an instance that is no hub. To hand them over costs
/// the server less than to count them.
pub(crate) fn few(events: Find) -> Find {
    let time = doc! {"_id": 0, "timestamp": 1};
    let all = DIRECT + 1;
    events.project(time).limit(all).batch(all as u32)
}
