//! Knowledge of the checks: of the deployment, and from page to page.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bson::doc;
use lru::LruCache;
use serde::Deserialize;
use tahoe_core::Hash;

use crate::archive::ids::OrgTag;
use crate::archive::open::Archive;
use crate::cache::open::Cache;
use crate::error::StoreError;
use crate::feeds::definition::Feeds;
use crate::graph::read::reader::GraphReader;
use crate::graph::write::batch::GraphBatch;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;
use crate::raws::pending::PendingRaw;
use crate::sweep::orgs;
use crate::tables::scan;
use crate::values::walked;

/// Makes again what a filter, given by its id, makes of a raw, part by part. Returns false if this program has no filter of
/// the id, and then hands on nothing.
pub type Remaker = Arc<dyn Fn(&str, PendingRaw, &mut dyn FnMut(GraphBatch)) -> bool + Send + Sync>;

/// The most instances that are remembered to exist, about 100 bytes each.
const KNOWN: NonZeroUsize = NonZeroUsize::new(200_000).unwrap();

/// The scope of a verification: the databases, and how they are read.
pub struct VerifyOptions {
    /// The archive.
    pub archive: Archive,
    /// The cache, unless it is left out.
    pub cache: Option<Cache>,
    /// The feeds, unless they are left out.
    pub feeds: Option<Feeds>,
    /// Returns the names of the filters that read a typetag.
    pub readers: fn(&str) -> Vec<&'static str>,
    /// The names of the filters of the second stage.
    pub second: Vec<&'static str>,
    /// The typetags whose raws are removed after some time; `*` stands for all.
    pub kept: Vec<String>,
    /// Makes what the raws made once more; `None` spares it.
    pub remake: Option<Remaker>,
    /// The number of documents of each stage that are read; `None` for all.
    pub sample: Option<u64>,
    /// Whether to repair what follows from the archive.
    pub repair: bool,
    /// The most faults of each kind that are shown.
    pub most_shown: usize,
    /// The time after which what seemed wrong is looked at again.
    pub settle: Duration,
    /// The time of the verification, in Unix seconds.
    pub now: fn() -> f64,
}

/// The versions of a filter.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Announced {
    pub version: i64,
    #[serde(default)]
    pub walked: i64,
}

/// The knowledge of a verification.
pub(super) struct Context {
    pub options: VerifyOptions,
    pub graph: GraphReader,
    /// The registered organisations.
    pub registered: HashSet<String>,
    /// Whether all organisations must be registered: a sweep has searched the archive for them.
    pub orgs_whole: bool,
    /// All organisations that have events.
    pub orgs: Vec<OrgTag>,
    /// The filters of the first stage that workers announced.
    pub announced: BTreeMap<String, Announced>,
    /// Whether all values have rows.
    pub values_whole: bool,
    /// Instances that were found to exist.
    pub known: LruCache<Hash, ()>,
}

impl Context {
    pub(super) async fn open(options: VerifyOptions) -> Result<Self, StoreError> {
        let mut context = Self {
            graph: GraphReader::new(&options.archive),
            options,
            registered: HashSet::new(),
            orgs_whole: false,
            orgs: Vec::new(),
            announced: BTreeMap::new(),
            values_whole: false,
            known: LruCache::new(KNOWN),
        };
        context.refresh().await?;
        Ok(context)
    }

    /// Reads anew what others change meanwhile, and forgets what was found to exist.
    pub(super) async fn refresh(&mut self) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Row {
            #[serde(rename = "_id")]
            name: String,
            #[serde(flatten)]
            versions: Announced,
        }
        let archive = &self.options.archive;
        let registered = orgs::registered(archive).await?;
        let mut all: BTreeMap<[u8; 32], OrgTag> = registered
            .iter()
            .map(|org| OrgTag::of(org))
            .map(|org| (*org.bytes(), org))
            .collect();
        self.orgs_whole = orgs::is_complete(archive).await?;
        let found = scan::orgs(&archive.coll).await?;
        all.extend(found.into_iter().map(|org| (*org.bytes(), org)));
        self.registered = registered.into_iter().collect();
        self.orgs = all.into_values().collect();
        let doing = "reading the versions of filters";
        // those of the second stage have an id beside
        let first = doc! {"id": {"$exists": false}, "version": {"$type": "number"}};
        let rows: Vec<Row> = Find::new(doing, ID, first).read(&archive.filters).await?;
        self.announced = rows
            .into_iter()
            .map(|row| (row.name, row.versions))
            .collect();
        self.values_whole = walked::is_done(&archive.values).await?;
        self.known.clear();
        Ok(())
    }

    /// Whether an organisation must be registered and is not.
    pub(super) fn is_unregistered(&self, orgid: &str) -> bool {
        self.orgs_whole && !self.registered.contains(orgid)
    }

    pub(super) fn archive(&self) -> &Archive {
        &self.options.archive
    }
}
