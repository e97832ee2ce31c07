//! The archive's collection and those beside it, with their indexes.

use bson::doc;

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::find::Find;
use crate::mongo::indexes::{self, ID};
use crate::mongo::server::Server;
use crate::values::walked;

/// The archive: `tahoe_db.instance`, which holds raws and the TAHOE graph; cheap to clone.
///
/// [`Raws`](crate::Raws) reads and writes its raws, [`GraphWriter`](crate::GraphWriter) writes its graph and
/// [`GraphReader`](crate::GraphReader) reads it.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(crate) server: Server,
    pub(crate) db: String,
    pub(crate) coll: Documents,
    /// Notes of the hours whose events change.
    pub(crate) journal: Documents,
    /// The highest version of each filter.
    pub(crate) filters: Documents,
    /// Rows of what may have to go.
    pub(crate) going: Documents,
    /// The organisations whose events or sessions the archive holds.
    pub(crate) orgs: Documents,
    /// A row for each organisation and value.
    pub(crate) values: Documents,
    /// Tables of the values of each hour.
    pub(crate) hours: Documents,
}

impl Archive {
    /// Opens the collection and makes its indexes.
    ///
    /// # Errors
    /// If the server does not answer or refuses an index, and [`StoreError::OldForm`] if the archive was written by the
    /// Python system or an earlier release, or [`StoreError::Migrating`] while `cybexp migrate` takes it over.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let archive = Self::new(server, db, coll);
        let beside = server.collection(db, &migration(coll));
        if !unfinished().all(&beside).await?.is_empty() {
            return Err(StoreError::Migrating(format!("{db}.{coll}")));
        }
        if !old_form().all(&archive.coll).await?.is_empty() {
            return Err(StoreError::OldForm(format!("{db}.{coll}")));
        }
        indexes::ensure(&archive.coll, &indexes::archive()).await?;
        indexes::ensure(&archive.journal, &indexes::journal()).await?;
        indexes::ensure(&archive.going, &indexes::going()).await?;
        indexes::ensure(&archive.values, &indexes::values()).await?;
        walked::begin(&archive.coll, &archive.values).await?;
        Ok(archive)
    }

    pub(crate) fn new(server: &Server, db: &str, coll: &str) -> Self {
        Self {
            server: server.clone(),
            db: db.to_owned(),
            coll: server.collection(db, coll),
            journal: server.collection(db, &journal(coll)),
            filters: server.collection(db, &format!("{coll}_filters")),
            going: server.collection(db, &going(coll)),
            orgs: server.collection(db, &format!("{coll}_orgs")),
            values: server.collection(db, &format!("{coll}_values")),
            hours: server.collection(db, &format!("{coll}_hours")),
        }
    }
}

/// Finds a document of an archive of the old form, which has ids of MongoDB's own.
pub(crate) fn old_form() -> Find {
    let filter = doc! {"_id": {"$type": "objectId"}};
    let find = Find::new("looking at the form of the archive", ID, filter);
    find.project(doc! {"_id": 1}).limit(1)
}

/// Finds a migration that has not ended.
pub(crate) fn unfinished() -> Find {
    let filter = doc! {"_id": "migration", "done": false};
    Find::new("looking for a migration", ID, filter)
        .project(doc! {"_id": 1})
        .limit(1)
}

/// Returns the name of the collection with the place of a migration.
pub(crate) fn migration(coll: &str) -> String {
    format!("{coll}_migration")
}

/// Returns the name of a collection's journal.
pub(crate) fn journal(coll: &str) -> String {
    format!("{coll}_journal")
}

/// Returns the name of the collection of what may have to go.
pub(crate) fn going(coll: &str) -> String {
    format!("{coll}_going")
}
