//! First and last time of the events of a query, without counting them.

use bson::doc;
use futures::future::try_join_all;
use serde::Deserialize;
use tahoe_core::Hash;
use tahoe_core::question::{Conditions, Context};

use crate::error::StoreError;
use crate::graph::read::reader::GraphReader;
use crate::graph::read::wanted::Wanted;
use crate::mongo::find::Find;
use crate::visible::Visible;

/// The first and the last time, in Unix seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// The time of the oldest event.
    pub first: f64,
    /// The time of the newest event.
    pub last: f64,
}

/// The time of an event, without the rest.
#[derive(Debug, Deserialize)]
pub(crate) struct At {
    pub timestamp: f64,
}

/// The first or the last time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    First,
    Last,
}

impl GraphReader {
    /// Returns the first and the last time of the events that meet the conditions, if there are any.
    pub async fn seen(
        &self,
        of: &Conditions,
        visible: &Visible,
    ) -> Result<Option<Seen>, StoreError> {
        let wanted = Wanted::new(of, visible);
        let (first, last) = futures::try_join!(
            self.end_of(&wanted, End::First),
            self.end_of(&wanted, End::Last)
        )?;
        Ok(first.zip(last).map(|(first, last)| Seen { first, last }))
    }

    /// Returns the time at one end, from the index alone.
    async fn end_of(&self, wanted: &Wanted<'_>, end: End) -> Result<Option<f64>, StoreError> {
        let parts = wanted.parts();
        let reads = parts
            .iter()
            .map(|part| end_of(part, end).read::<At>(&self.coll));
        let ends = try_join_all(reads).await?.into_iter().flatten();
        let ends = ends.map(|at| at.timestamp);
        Ok(match end {
            End::First => ends.min_by(f64::total_cmp),
            End::Last => ends.max_by(f64::total_cmp),
        })
    }

    /// Returns those of these hashes to which any event refers that `visible` shows, be it observed or derived.
    pub async fn referred(
        &self,
        subjects: &[Hash],
        visible: &Visible,
    ) -> Result<Vec<Hash>, StoreError> {
        let reads = subjects.iter().map(|subject| async move {
            let found = referred(*subject, visible).count(&self.coll).await?;
            Ok::<_, StoreError>((found > 0).then_some(*subject))
        });
        Ok(try_join_all(reads).await?.into_iter().flatten().collect())
    }
}

/// Finds the first or last of the wanted events.
pub(crate) fn end_of(wanted: &Wanted<'_>, end: End) -> Find {
    let (time, tie) = match end {
        End::First => (1, -1),
        End::Last => (-1, 1),
    };
    wanted
        .find()
        .project(doc! {"_id": 0, "timestamp": 1})
        .sort(doc! {"timestamp": time, "_tie": tie})
        .limit(1)
}

/// Finds one event that refers to the subject.
pub(crate) fn referred(subject: Hash, visible: &Visible) -> Find {
    let any = Conditions {
        subjects: vec![subject],
        attribute: None,
        range: Default::default(),
        category: None,
        context: Context::All,
        derived: true,
    };
    Wanted::new(&any, visible).find().limit(1)
}
