//! Filters: pure functions from one raw to TAHOE instances.
//!
//! A filter touches no database, clock or network: the same raw gives the same instances, always. To add
//! one: its file here, its line in [`FILTERS`], a case in `tests/fixtures/filters/<name>/`.

mod cowrie;
mod email;
mod feed;
mod fields;
mod indicators;
mod lighten;
mod misp;
mod normal;
mod openphish;
mod phishtank;
mod sighting;
mod time;
mod typetag;
pub mod url;
mod vocab;
pub mod vocabulary;

use std::collections::BTreeMap;

use tahoe_core::{Event, OrgId, Session, Timestamp, Value};

pub use lighten::lighten;
pub use normal::{NotOne, normal};
pub use typetag::{UnreadTypetag, known_typetags, unread_typetag};

/// Every filter of the suite. No two share a name or a typetag.
pub const FILTERS: &[&dyn Filter] = &[
    &cowrie::Cowrie,
    &email::Email,
    &misp::Misp,
    &openphish::OpenPhish,
    &phishtank::PhishTank,
    &sighting::Sighting,
];

/// What a filter may look at.
#[derive(Debug, Clone, Copy)]
pub struct RawInput<'a> {
    /// The submission, as the archive stored it.
    pub data: &'a Value,
    /// Whose events these are.
    pub orgid: &'a OrgId,
    /// IANA name of the time zone that times without an offset are in.
    pub timezone: &'a str,
    /// When the API took the submission in.
    pub timestamp: Timestamp,
}

/// What a filter makes of one raw.
#[derive(Debug, Clone, Default)]
pub struct Yield {
    /// Events with all that they refer to.
    pub events: Vec<Event>,
    /// Sessions as this one raw knows them, to be merged into what is stored of them.
    pub sessions: Vec<Session>,
    /// The event ID of a record that makes no event, for counting. One of a bounded set: an ID that the
    /// filter has never heard of is `other`, so this may be a metric's label.
    pub unknown: Option<&'static str>,
    /// How many parts of the raw, such as lines of a feed or what is beyond a limit, were left out while the rest was
    /// read, by why. The
    /// reasons are of a bounded set, as those of `unknown`; the parts themselves stay in the raw.
    pub left_out: BTreeMap<&'static str, u64>,
}

impl Yield {
    fn leave_out(&mut self, why: &'static str) {
        self.leave_out_many(why, 1);
    }

    fn leave_out_many(&mut self, why: &'static str, parts: u64) {
        if parts > 0 {
            *self.left_out.entry(why).or_default() += parts;
        }
    }
}

/// Why a filter refused a raw: names the field at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// One way of reading raws.
pub trait Filter: Sync {
    /// An ASCII identifier in lower case, the same in source, fixtures and metrics.
    fn name(&self) -> &'static str;

    /// Raising it makes the worker process all old raws again.
    fn version(&self) -> u32;

    /// The raw sub_types it reads. A typetag belongs to exactly one filter: the worker finds pending raws by
    /// their typetag and this filter's id alone.
    fn typetags(&self) -> &'static [&'static str];

    /// Makes what there is to make of one raw, or says why it cannot.
    fn run(&self, raw: &RawInput<'_>) -> Result<Yield, Refusal>;

    /// Fields that this filter never reads and that may be large, the least useful first. [`lighten`] drops them from a
    /// submission that is too large to be stored whole, wherever they stand but at the top.
    fn dispensable(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a raw's `filters` holds once this filter has processed it: `cowrie@1`.
    fn id(&self) -> String {
        format!("{}@{}", self.name(), self.version())
    }
}

/// A text from a raw, short and printable, for a refusal's reason.
fn excerpt(text: &str) -> String {
    const CHARS: usize = 60;
    let more = if text.chars().nth(CHARS).is_some() {
        "…"
    } else {
        ""
    };
    let start: String = text.chars().take(CHARS).collect();
    format!("`{}{more}`", start.escape_debug())
}
