//! Counting events, in time that does not grow with their number.

use futures::future::try_join_all;
use tahoe_core::question::{Conditions, Context};

use crate::error::StoreError;
use crate::graph::hours;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::{Wanted, Within, within};
use crate::visible::Visible;

/// The most events that are counted key by key; an instance with more is a hub.
const DIRECT: i64 = 2_000;
/// Attempts at a count that is made of several, if events are written in the meantime.
const TRIES: usize = 10;

impl GraphReader {
    /// Counts the events that meet the conditions, among those that `visible` shows. The result is exact.
    pub async fn count(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        match Wanted::of(of, visible) {
            Some(wanted) => self.count_wanted(&wanted).await,
            None => self.count_unknown(of, visible).await,
        }
    }

    /// Counts the events in neither context: all of them less those in either context.
    async fn count_unknown(&self, of: &Conditions, visible: &Visible) -> Result<u64, StoreError> {
        debug_assert_eq!(of.context, Context::Unknown);
        let mut tries = 0;
        loop {
            let before = self.timelines.version(&of.range).await?;
            let wanted = |within| Wanted::new(of, within, visible);
            let (everywhere, malicious, benign) = (
                wanted(Within::All),
                wanted(Within::Malicious),
                wanted(Within::Benign),
            );
            let (all, malicious, benign) = futures::try_join!(
                self.count_wanted(&everywhere),
                self.count_wanted(&malicious),
                self.count_wanted(&benign),
            )?;
            let both = self.both(of, visible, malicious, benign);
            let both = match both {
                Some(both) => self.count_wanted(&both).await?,
                None => 0,
            };
            tries += 1;
            let after = self.timelines.version(&of.range).await?;
            if before == after || tries == TRIES {
                return Ok((all + both).saturating_sub(malicious + benign));
            }
        }
    }

    /// Selects the events in both contexts, if there can be any.
    pub(crate) fn both<'a>(
        &self,
        of: &Conditions,
        visible: &'a Visible,
        malicious: u64,
        benign: u64,
    ) -> Option<Wanted<'a>> {
        let mut both = Wanted::new(of, Within::Both, visible);
        both.by_malicious = malicious < benign;
        (malicious.min(benign) > 0).then_some(both)
    }

    /// Counts the wanted events: key by key, or for a hub by its timeline.
    pub(crate) async fn count_wanted(&self, wanted: &Wanted<'_>) -> Result<u64, StoreError> {
        if let Some(scanned) = self.few(wanted).await? {
            return match wanted.scanned().key() == wanted.key() {
                true => Ok(scanned),
                false => wanted.find().count(&self.coll).await,
            };
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

    /// Returns the number of index keys to read for the wanted events, if they are few; `None` for a hub.
    pub(crate) async fn few(&self, wanted: &Wanted<'_>) -> Result<Option<u64>, StoreError> {
        if self.timelines.has(&wanted.key()) {
            return Ok(None);
        }
        let scanned = wanted.scanned().find().limit(DIRECT + 1);
        let few = scanned.count(&self.coll).await?;
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
