//! The indexes of each collection. Opening a collection makes them; `src/tests/explain_*.rs` prove their use.

use bson::{Bson, Document, doc};
use mongodb::IndexModel;
use mongodb::options::IndexOptions;

use crate::archive::keys::{LEAST_TIE, SAMPLED};
use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::operation::timed;

/// One index of a collection.
pub(crate) struct Index {
    pub name: &'static str,
    keys: Document,
    unique: bool,
    /// Filter of the documents that are indexed; `None` for all.
    partial: Option<Document>,
    /// Number of seconds after the time in the key at which a document is deleted.
    expire_s: Option<u64>,
}

impl Index {
    fn new(name: &'static str, keys: Document) -> Self {
        Self {
            name,
            keys,
            unique: false,
            partial: None,
            expire_s: None,
        }
    }

    fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    fn partial(mut self, filter: Document) -> Self {
        self.partial = Some(filter);
        self
    }

    fn model(&self) -> IndexModel {
        let options = IndexOptions::builder()
            .name(self.name.to_owned())
            .unique(self.unique.then_some(true))
            .partial_filter_expression(self.partial.clone())
            .expire_after(self.expire_s.map(std::time::Duration::from_secs))
            .build();
        IndexModel::builder()
            .keys(self.keys.clone())
            .options(options)
            .build()
    }
}

const MAKING: &str = "making an index";

/// Makes the indexes that do not exist. The error names an index that cannot be made.
pub(crate) async fn ensure(coll: &Documents, indexes: &[Index]) -> Result<(), StoreError> {
    for index in indexes {
        let coll = coll.driver();
        let create = coll.create_index(index.model()).comment(Bson::from(MAKING));
        timed(MAKING, create).await.map_err(|error| match error {
            StoreError::Database { cause, .. } => StoreError::Index {
                collection: coll.namespace().to_string(),
                index: index.name.to_owned(),
                cause,
            },
            other => other,
        })?;
    }
    Ok(())
}

/// Returns the names of the existing indexes.
#[cfg(feature = "inspect")]
pub(crate) async fn names(coll: &Documents) -> Result<Vec<String>, StoreError> {
    timed("listing indexes", coll.driver().list_index_names()).await
}

/// Instances by hash, for queries, reports, users and organisations, whose ids Python programs choose.
pub(crate) const IDENTITY: &str = "identity";
/// Raws by the filters that they wait for, oldest first. It is as large as the pending work. Its `_id` spares reading
/// the raws that other workers have leased.
pub(crate) const RAW_TODO: &str = "raw_todo";
/// Sessions by the filters that they wait for, those that are due first.
pub(crate) const SESSION_DUE: &str = "session_due";
/// Raws that a filter refused, by the time at which they were accepted.
pub(crate) const RAW_ERROR: &str = "raw_error";
/// The same raws by their organisation, for its admins. `_id` orders those of one submission.
pub(crate) const RAW_REFUSED: &str = "raw_refused";
/// Raws by typetag and time.
pub(crate) const RAW_TYPE: &str = "raw_type";
/// Events by the elements of their `_keys`, newest first.
pub(crate) const EVENT_KEYS: &str = "event_keys";
/// A sixteenth of all events by the same elements, in the order of their own hashes, which is random.
pub(crate) const EVENT_SAMPLE: &str = "event_sample";
/// Sessions by the instances that identify them, those that began last first.
pub(crate) const SESSION_KNOWN: &str = "session_known";
/// Values of an organisation and sub_type by the time of their first event, newest first.
pub(crate) const VALUE_FIRST: &str = "value_first";
/// Queries by status (the hash of the status attribute is in `_cref`), user, and the time at which they were asked.
pub(crate) const QUERY_TURN: &str = "query_turn";
/// Organisations by the users who may see their data.
pub(crate) const ORG_ACL: &str = "org_acl";
/// Organisations by their users.
pub(crate) const ORG_USER: &str = "org_user";
/// Organisations by their admins.
pub(crate) const ORG_ADMIN: &str = "org_admin";
/// Tokens by the user for whom they were issued.
pub(crate) const IDENTITY_KIND: &str = "identity_kind";
/// Tokens by the user they were made for.
pub(crate) const TOKEN_USER: &str = "token_user";
/// Invitations by the invited user.
pub(crate) const INVITATION_USER: &str = "invitation_user";
/// Entries by whether the archive daemon has processed them, oldest first.
pub(crate) const ENTRY_PROCESSED: &str = "entry_processed";
/// Entries that could not be opened.
pub(crate) const ENTRY_BAD: &str = "entry_bad";
/// The same entries by their organisation, for its admins.
pub(crate) const ENTRY_REFUSED: &str = "entry_refused";
/// Entries by their organisation. New keys stand at one end, so this index costs little.
pub(crate) const ENTRY_ORG: &str = "entry_org";
/// GridFS chunks by file.
pub(crate) const CHUNK_FILE: &str = "files_id_1_n_1";
/// GridFS files by id.
pub(crate) const ID: &str = "_id_";
/// Values of a feed by their places in its MISP folder.
pub(crate) const FEED_PLACE: &str = "feed_place";
/// Values of a feed by the time at which they came into it.
pub(crate) const FEED_ADDED: &str = "feed_added";
/// Values of a feed by the time at which they leave it.
pub(crate) const FEED_UNTIL: &str = "feed_until";
/// Values of a feed by the numbers of their STIX observables.
pub(crate) const FEED_OBSERVABLE: &str = "feed_observable";
/// Subscriptions by the hashes of the values that they watch.
pub(crate) const SUBSCRIPTION_WATCH: &str = "subscription_watch";
/// Subscriptions that watch values by the version at which they were added.
pub(crate) const SUBSCRIPTION_SINCE: &str = "subscription_since";
/// Subscriptions to feeds and kinds of events.
pub(crate) const SUBSCRIPTION_SELECTS: &str = "subscription_selects";
/// Subscriptions by user.
pub(crate) const SUBSCRIPTION_USER: &str = "subscription_user";
/// Notices that wait, by receiver, the oldest first.
pub(crate) const OUTBOX_RECEIVER: &str = "outbox_receiver";
/// Notices that were given up, by user.
pub(crate) const OUTBOX_PARKED: &str = "outbox_parked";
/// Notices that the pages show, by user.
pub(crate) const OUTBOX_PAGE: &str = "outbox_page";
/// Rows of what may have to go by kind, oldest first.
pub(crate) const GOING_AT: &str = "going_at";
/// Leases by the work for which they are held.
pub(crate) const LEASE_WORK: &str = "lease_work";

fn identity() -> Index {
    Index::new(IDENTITY, doc! {"_hash": 1, "orgid": 1}).unique()
}

/// Indexes of raws and the TAHOE graph, besides that of `_id`.
pub(crate) fn archive() -> Vec<Index> {
    vec![
        Index::new(RAW_TODO, doc! {"_todo": 1, "timestamp": 1, "_id": 1})
            .partial(doc! {"_todo": {"$exists": true}}),
        Index::new(SESSION_DUE, doc! {"_todo": 1, "_due": 1, "_id": 1})
            .partial(doc! {"_due": {"$exists": true}}),
        Index::new(RAW_ERROR, doc! {"timestamp": 1}).partial(doc! {"_error": {"$exists": true}}),
        Index::new(RAW_REFUSED, doc! {"orgid": 1, "timestamp": 1, "_id": 1})
            .partial(doc! {"_error": {"$exists": true}}),
        Index::new(RAW_TYPE, doc! {"sub_type": 1, "timestamp": 1}).partial(doc! {"itype": "raw"}),
        Index::new(EVENT_KEYS, doc! {"_keys": 1, "timestamp": -1, "_tie": 1})
            .partial(doc! {"_tie": {"$gte": LEAST_TIE}}),
        Index::new(EVENT_SAMPLE, doc! {"_keys": 1, "_tie": 1})
            .partial(doc! {"_tie": {"$gte": LEAST_TIE, "$lt": SAMPLED}}),
        Index::new(SESSION_KNOWN, doc! {"_known": 1, "start_time": -1})
            .partial(doc! {"_known": {"$exists": true}}),
    ]
}

/// Indexes of the journal of hours that got new events; its notes expire after a day.
pub(crate) fn journal() -> Vec<Index> {
    let mut expiry = Index::new("journal_expiry", doc! {"at": 1});
    expiry.expire_s = Some(86_400);
    vec![expiry]
}

/// Indexes of the rows of what may have to go.
pub(crate) fn going() -> Vec<Index> {
    vec![Index::new(GOING_AT, doc! {"kind": 1, "at": 1})]
}

/// Indexes of the rows of values.
pub(crate) fn values() -> Vec<Index> {
    vec![Index::new(
        VALUE_FIRST,
        doc! {"by": 1, "first": -1, "tie": 1},
    )]
}

/// Indexes of queries and reports.
pub(crate) fn queries() -> Vec<Index> {
    vec![
        identity(),
        Index::new(
            QUERY_TURN,
            doc! {"_cref": 1, "_user": 1, "_asked": 1, "_id": 1},
        )
        .partial(doc! {"sub_type": "query"}),
    ]
}

/// Indexes of users and organisations.
pub(crate) fn identities() -> Vec<Index> {
    vec![
        identity(),
        Index::new(ORG_ACL, doc! {"_acl": 1}).partial(doc! {"sub_type": "cybexp_org"}),
        Index::new(ORG_USER, doc! {"_usr_ref": 1}).partial(doc! {"sub_type": "cybexp_org"}),
        Index::new(ORG_ADMIN, doc! {"_adm_ref": 1}).partial(doc! {"sub_type": "cybexp_org"}),
        Index::new(IDENTITY_KIND, doc! {"sub_type": 1}).partial(doc! {"itype": "object"}),
    ]
}

/// Indexes of revoked tokens. These are deleted an hour after the token would have expired anyway, because clocks
/// differ.
pub(crate) fn revoked() -> Vec<Index> {
    let mut expiry = Index::new("revoked_until", doc! {"until": 1});
    expiry.expire_s = Some(3600);
    vec![expiry]
}

/// Indexes of the rows of issued tokens, which are deleted an hour after the token has expired.
pub(crate) fn tokens() -> Vec<Index> {
    let mut expiry = Index::new("token_until", doc! {"until": 1});
    expiry.expire_s = Some(3600);
    vec![Index::new(TOKEN_USER, doc! {"user": 1}), expiry]
}

/// Indexes of invitations, which end after 30 days.
pub(crate) fn invitations() -> Vec<Index> {
    let mut expiry = Index::new("invitation_since", doc! {"since": 1});
    expiry.expire_s = Some(30 * 86_400);
    vec![Index::new(INVITATION_USER, doc! {"user": 1}), expiry]
}

/// Indexes of cache entries.
pub(crate) fn entries() -> Vec<Index> {
    vec![
        Index::new(ENTRY_PROCESSED, doc! {"processed": 1, "_id": 1})
            .partial(doc! {"processed": false}),
        Index::new(ENTRY_BAD, doc! {"bad_data": 1, "_id": 1}).partial(doc! {"bad_data": true}),
        Index::new(ENTRY_REFUSED, doc! {"orgid": 1, "_id": 1}).partial(doc! {"bad_data": true}),
        Index::new(ENTRY_ORG, doc! {"orgid": 1, "_id": 1}),
    ]
}

/// Indexes of GridFS files, named as in the GridFS specification.
pub(crate) fn grid_files() -> Vec<Index> {
    vec![Index::new(
        "filename_1_uploadDate_1",
        doc! {"filename": 1, "uploadDate": 1},
    )]
}

/// Indexes of GridFS chunks, named as in the GridFS specification.
pub(crate) fn grid_chunks() -> Vec<Index> {
    vec![Index::new(CHUNK_FILE, doc! {"files_id": 1, "n": 1}).unique()]
}

/// Indexes of the values of feeds. Values that have left are found by the first alone.
pub(crate) fn feed_values() -> Vec<Index> {
    let live = doc! {"until": {"$exists": true}};
    let mut gone = Index::new("feed_gone", doc! {"gone": 1});
    gone.expire_s = Some(30 * 86_400);
    vec![
        Index::new(
            FEED_PLACE,
            doc! {"feed": 1, "place": 1, "changed": 1, "until": 1},
        ),
        Index::new(FEED_ADDED, doc! {"feed": 1, "added": 1, "_id": 1}).partial(live.clone()),
        Index::new(FEED_UNTIL, doc! {"feed": 1, "until": 1}).partial(live),
        // four random bytes a value: the feed's key stands once for many
        Index::new(FEED_OBSERVABLE, doc! {"feed": 1, "stix": 1})
            .partial(doc! {"stix": {"$exists": true}}),
        gone,
    ]
}

/// Indexes of the rows of new events, which are kept for an hour.
pub(crate) fn live() -> Vec<Index> {
    let mut expiry = Index::new("live_expiry", doc! {"at": 1});
    expiry.expire_s = Some(3600);
    vec![expiry]
}

/// Indexes of subscriptions.
pub(crate) fn subscriptions() -> Vec<Index> {
    vec![
        Index::new(SUBSCRIPTION_WATCH, doc! {"watch": 1})
            .partial(doc! {"watch": {"$exists": true}}),
        Index::new(SUBSCRIPTION_SINCE, doc! {"since": 1})
            .partial(doc! {"since": {"$exists": true}}),
        Index::new(SUBSCRIPTION_SELECTS, doc! {"selects": 1}).partial(doc! {"selects": true}),
        Index::new(SUBSCRIPTION_USER, doc! {"user": 1, "_id": 1}),
    ]
}

/// Indexes of notices. Those that were told are kept for eight days, which is longer than they may be written again; those
/// that were given up for 30, and as long those that wait where no daemon delivers.
pub(crate) fn outbox() -> Vec<Index> {
    let waits = doc! {"due": {"$exists": true}};
    let mut told = Index::new("outbox_told", doc! {"told": 1});
    told.expire_s = Some(8 * 86_400);
    let mut old = Index::new("outbox_old", doc! {"parked": 1});
    old.expire_s = Some(30 * 86_400);
    let mut stale = Index::new("outbox_stale", doc! {"at": 1}).partial(waits.clone());
    stale.expire_s = Some(30 * 86_400);
    vec![
        stale,
        Index::new(OUTBOX_RECEIVER, doc! {"receiver": 1, "due": 1}).partial(waits),
        Index::new(OUTBOX_PARKED, doc! {"user": 1, "parked": -1})
            .partial(doc! {"parked": {"$exists": true}}),
        Index::new(OUTBOX_PAGE, doc! {"user": 1, "page": -1})
            .partial(doc! {"page": {"$exists": true}}),
        told,
        old,
    ]
}

/// Indexes of leases. Those of processes that died are deleted an hour later.
pub(crate) fn leases() -> Vec<Index> {
    let mut expiry = Index::new("lease_expiry", doc! {"until": 1});
    expiry.expire_s = Some(3600);
    vec![Index::new(LEASE_WORK, doc! {"work": 1, "until": 1}), expiry]
}
