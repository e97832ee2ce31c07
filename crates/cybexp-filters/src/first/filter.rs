//! The input and the result of a filter of the first stage.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tahoe_core::{Event, OrgId, Session, Timestamp, Value};

/// The input of a filter.
#[derive(Debug, Clone, Copy)]
pub struct RawInput<'a> {
    /// The submission, as the archive stored it.
    pub data: &'a Value,
    /// The organisation to which the events belong.
    pub orgid: &'a OrgId,
    /// IANA name of the time zone for times without an offset.
    pub timezone: &'a str,
    /// Time at which the API accepted the submission.
    pub timestamp: Timestamp,
}

/// The result of a filter on one raw.
#[derive(Debug, Clone, Default)]
pub struct Yield {
    /// Events, with all instances that they refer to.
    pub events: Vec<Event>,
    /// Sessions as far as this raw shows them, to be merged into the stored ones.
    pub sessions: Vec<Session>,
    /// The event ID of a record that makes no event, for counting. The set of its values is bounded, so that it can be
    /// a metric's label: an unknown ID is `other`.
    pub unknown: Option<&'static str>,
    /// The number of parts of the raw that were left out, by reason. A part is a line of a feed, for example, or an
    /// element beyond a limit. The set of reasons is bounded, as for `unknown`. The parts stay in the raw.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Yield {
    pub(crate) fn leave_out(&mut self, why: &'static str) {
        self.leave_out_many(why, 1);
    }

    pub(crate) fn leave_out_many(&mut self, why: &'static str, parts: u64) {
        if parts > 0 {
            *self.left_out.entry(why).or_default() += parts;
        }
    }
}

/// Joins the parts that a filter makes.
pub(crate) fn whole(
    parts: impl FnOnce(&mut dyn FnMut(Yield) -> ControlFlow<()>) -> Result<(), Refusal>,
) -> Result<Yield, Refusal> {
    let mut whole = Yield::default();
    parts(&mut |part| {
        whole.events.extend(part.events);
        whole.sessions.extend(part.sessions);
        whole.unknown = whole.unknown.or(part.unknown);
        for (why, parts) in part.left_out {
            whole.leave_out_many(why, parts);
        }
        ControlFlow::Continue(())
    })?;
    Ok(whole)
}

/// The reason why a filter refused a raw; it names the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    /// Refuses a raw for a reason, which names the field at fault.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// A filter: reads the raws of some sub_types.
pub trait Filter: Sync {
    /// The filter's name: an ASCII identifier in lower case, the same in source, fixtures and metrics.
    fn name(&self) -> &'static str;

    /// The version of the filter. Raising it makes the worker process all old raws again.
    fn version(&self) -> u32;

    /// The raw sub_types that the filter reads. Several filters may read one typetag: each has its own id in the raw's
    /// `filters`, and the raw is pending until all are through.
    fn typetags(&self) -> &'static [&'static str];

    /// Makes the events and sessions of one raw.
    ///
    /// # Errors
    /// If the raw cannot be read; the reason names the field.
    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal>;

    /// Whether the events are verdicts of analysts, which are no observations.
    fn makes_verdicts(&self) -> bool {
        false
    }

    /// Makes the events and sessions of one raw as [`Filter::run`] does, in parts, each of which is handed to `take` before
    /// the next one is made. So a raw of hundreds of thousands of records takes a bounded amount of memory. No event is in
    /// two parts. A filter of few events makes one part of all.
    ///
    /// # Errors
    /// As [`Filter::run`], and before the first part. Where `take` breaks off, the filter makes no more.
    fn run_in_parts(
        &self,
        raw: &RawInput<'_>,
        take: &mut dyn FnMut(Yield) -> ControlFlow<()>,
    ) -> Result<(), Refusal> {
        let made = self.run(raw)?;
        // the end, whether or not there may be more
        let _ = take(made);
        Ok(())
    }

    /// Fields that this filter never reads and that may be large, the least useful first. [`lighten()`](crate::lighten)
    /// drops them from a submission that is too large to be stored. A field at the top of the submission stays.
    fn dispensable(&self) -> &'static [&'static str] {
        &[]
    }

    /// Tells whether a record of these typetags is a whole feed, so that its lines are not records of their own.
    fn reads_feeds(&self) -> bool {
        false
    }

    /// Returns the id that a raw's `filters` holds once this filter has processed it: `cowrie@1`.
    fn id(&self) -> String {
        format!("{}@{}", self.name(), self.version())
    }
}
