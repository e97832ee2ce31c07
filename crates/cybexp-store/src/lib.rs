//! Database access for the daemons. This is the only crate that names `mongodb`.
//!
//! - [`Cache`]: sealed submissions, written by the API, taken by the archive daemon.
//! - [`Archive`]: raws and the TAHOE graph. [`Raws`] are written by the archive daemon and taken by analytics.
//!   Analytics writes the graph with [`GraphWriter`], and reports read it with [`GraphReader`].
//! - [`Queries`]: the queue of queries and their answers.
//! - [`Feeds`]: feeds and their values, kept with [`FeedKeeper`] and read by the API.
//! - [`Live`]: the new events of each organisation, for those who watch them come in.
//! - [`Subscriptions`] of users, and the [`Outbox`] of what is told for them.
//! - [`Identity`]: users, organisations and revoked tokens.
//!
//! Every write on which something else depends waits for a majority of the replica set. Every query that a daemon
//! repeats is served by an index; `src/tests` proves it with `explain`.

mod archive;
mod cache;
mod error;
mod feeds;
mod graph;
mod identity;
#[cfg(feature = "inspect")]
mod inspect;
mod live;
#[cfg(feature = "inspect")]
mod migrate;
mod mongo;
mod quarantine;
mod queries;
mod raws;
mod recent;
mod subscriptions;
mod sweep;
mod tables;
mod values;
#[cfg(feature = "inspect")]
mod verify;
mod visible;

#[cfg(test)]
mod tests;

pub use archive::ids::{RawId, SessionId};
pub use archive::keys::DerivedFrom;
pub use archive::missing::{Rejected, Written};
pub use archive::open::Archive;
pub use cache::entry::{BadRecord, Entry, EntryId, NewEntry, Submission};
pub use cache::fate::Fate;
pub use cache::open::Cache;
pub use cache::queue::{EntryQueue, Opened, SealedEntry};
pub use cache::recent::RecentEntry;
pub use cache::records::OpenedRecords;
pub use cache::submitter::Submitter;
pub use error::StoreError;
pub use feeds::definition::{Feed, Feeds, NewFeed};
pub use feeds::keeper::{FeedChange, FeedJudge, FeedKeeper, FeedKept, FeedMarks, FeedTeller};
pub use feeds::observables::FeedObservable;
pub use feeds::rows::{FeedDay, FeedPart, FeedRows, FeedValue};
pub use feeds::standing::{FeedConditions, FeedStanding};
pub use graph::derived::due::{Due, DueSession, DueSessions, SessionMarker, SessionRead};
pub use graph::derived::progress::{Backfill, BackfillProgress, SecondVersion};
pub use graph::derived::walk::{AttributePage, Walked};
pub use graph::read::event_tally::EventTally;
pub use graph::read::histogram::StepCount;
pub use graph::read::pages::EventPage;
pub use graph::read::reader::GraphReader;
pub use graph::read::rows::{CompositeRow, InstanceRow, InstanceSize, SessionRow};
pub use graph::read::seen::Seen;
pub use graph::read::sessions::SessionEvents;
pub use graph::read::stories::{SessionHead, StoryEvent, StoryPage};
pub use graph::read::verdicts::GivenVerdict;
pub use graph::read::version::Version;
pub use graph::write::batch::GraphBatch;
pub use graph::write::judge::Judgement;
pub use graph::write::news::{SecondStage, SessionReader};
pub use graph::write::rederive::Rederived;
pub use graph::write::replace::Remade;
pub use graph::write::writer::GraphWriter;
pub use identity::invitations::{Accepted, Invitation};
pub use identity::issued::IssuedToken;
pub use identity::standing::Standing;
pub use identity::users::{Access, Identity};
#[cfg(feature = "inspect")]
pub use inspect::{
    bare::BareDocuments,
    bench::Reads,
    census::CensusRow,
    checkup::{Purpose, ServerInfo},
    holdings::Holdings,
    loose_ends::LooseEnds,
    tally::Tally,
    unread::Unread,
};
pub use live::rows::{HEARD_WITHIN, InvalidLiveId, Live, LiveId, LiveRow, LiveStanding};
pub use live::tail::LiveTail;
#[cfg(feature = "inspect")]
pub use migrate::{
    report::{MigratedKind, MigrationFinding, MigrationReport},
    run::{Migration, MigrationProgress, MigrationStanding},
};
pub use mongo::collection::check_fits;
pub use mongo::lease::Taken;
pub use mongo::server::Server;
pub use mongo::spent::{Operations, Spent, describe_metrics, measured};
pub use mongo::watch::Watch;
pub use quarantine::list::Refused;
pub use quarantine::page::{RefusedPage, RefusedPlace};
pub use quarantine::record_id::EntryRecordId;
pub use quarantine::selection::Selection;
pub use queries::claim::{Claimed, Turn};
pub use queries::finish::Answer;
pub use queries::put::QueryCodes;
pub use queries::queue::Queries;
pub use queries::stored::{LastAnswer, MADE_OF, StoredQuery};
pub use raws::outcome::RawOutcome;
pub use raws::pending::PendingRaw;
pub use raws::queue::{RawMarker, RawQueue, Raws, UnreadRaw};
pub use raws::versions::{FilterVersion, VersionStanding};
pub use recent::Recent;
pub use subscriptions::definition::{
    Channel, InvalidSubscriptionId, Subscription, SubscriptionId, Wanted,
};
pub use subscriptions::delivery::OutboxDelivery;
pub use subscriptions::outbox::{InvalidNoticeId, Notice, NoticeId, NoticeRow, Outbox};
pub use subscriptions::stored::{StoredSubscription, SubscriptionStanding, Subscriptions};
pub use subscriptions::watched::Watched;
pub use sweep::{
    cache::{CacheKeep, CacheSweep},
    reports::ReportSweep,
    step::{Sweep, Swept},
};
#[cfg(feature = "inspect")]
pub use sweep::{
    forget::{Forget, Forgotten},
    sizes::Size,
};
pub use tables::keeper::HourKeeper;
pub use tables::top::{TopPage, TopValues};
pub use values::page::{ValuePage, ValueRow};
pub use values::place::{NewPlace, ValuePlace};
pub use values::search::ValueSearch;
pub use values::walk::ValueWalk;
#[cfg(feature = "inspect")]
pub use verify::{
    context::{Remaker, VerifyOptions},
    fault::{Fault, FaultKind},
    run::{Verification, verify},
    state::{VerifyProgress, VerifyReport},
};
pub use visible::Visible;
