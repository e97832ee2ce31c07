//! Having refused raws of one organisation read again.

use bson::doc;
use tahoe_core::Hash;

use crate::archive::ids::RawId;
use crate::error::StoreError;
use crate::mongo::indexes::ID;
use crate::raws::queue::Raws;

impl Raws {
    /// Has the filters that refused these raws of an organisation read them again. Raws that are not quarantined stay as
    /// they are. Returns the number of the others.
    pub async fn retry_of(&self, orgid: &str, hashes: &[Hash]) -> Result<u64, StoreError> {
        let ids = hashes.iter().map(|hash| RawId::new(*hash, orgid).bson());
        let ids: Vec<_> = ids.collect();
        let filter = doc! {"_id": {"$in": ids}, "_error": {"$exists": true}};
        self.retry_raws(filter, ID).await
    }
}
