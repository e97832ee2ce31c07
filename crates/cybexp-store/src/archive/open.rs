//! The archive's collection and the journal beside it, with their indexes.

use crate::error::StoreError;
use crate::mongo::collection::Documents;
use crate::mongo::indexes;
use crate::mongo::server::Server;

/// The archive: `tahoe_db.instance`, which holds raws and the TAHOE graph; cheap to clone.
///
/// [`Raws`](crate::Raws) reads and writes its raws, [`GraphWriter`](crate::GraphWriter) writes its graph and
/// [`GraphReader`](crate::GraphReader) reads it.
#[derive(Debug, Clone)]
pub struct Archive {
    pub(crate) server: Server,
    pub(crate) db: String,
    pub(crate) coll: Documents,
    /// Notes of the hours that got new events.
    pub(crate) journal: Documents,
}

impl Archive {
    /// Opens the collection and makes its indexes.
    ///
    /// # Errors
    /// If the server does not answer or refuses an index.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let archive = Self::new(server, db, coll);
        indexes::ensure(&archive.coll, &indexes::archive()).await?;
        indexes::ensure(&archive.journal, &indexes::journal()).await?;
        Ok(archive)
    }

    pub(crate) fn new(server: &Server, db: &str, coll: &str) -> Self {
        Self {
            server: server.clone(),
            db: db.to_owned(),
            coll: server.collection(db, coll),
            journal: server.collection(db, &journal(coll)),
        }
    }
}

/// Returns the name of a collection's journal.
pub(crate) fn journal(coll: &str) -> String {
    format!("{coll}_journal")
}
