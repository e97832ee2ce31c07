//! Revoked tokens, by their ids.

use bson::{DateTime, doc};

use crate::error::StoreError;
use crate::identity::users::Identity;
use crate::mongo::find::Find;
use crate::mongo::indexes::ID;

impl Identity {
    /// Revokes the token of this id, which expires at `expires` in Unix seconds, or never.
    pub async fn revoke(&self, jti: &str, expires: Option<u64>) -> Result<(), StoreError> {
        let mut row = doc! {"since": DateTime::now()};
        if let Some(seconds) = expires {
            let millis = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
            row.insert("until", DateTime::from_millis(millis));
        }
        let update = doc! {"$setOnInsert": row};
        let revoking = self.revoked.named("revoking a token");
        let revoking = revoking.update_one(doc! {"_id": jti}, update);
        revoking
            .with(|update| update.upsert(true))
            .send()
            .await
            .map(drop)
    }

    /// Whether the token of this id was revoked.
    pub async fn is_revoked(&self, jti: &str) -> Result<bool, StoreError> {
        Ok(!revoked(jti).all(&self.revoked).await?.is_empty())
    }
}

pub(crate) fn revoked(jti: &str) -> Find {
    Find::new("looking for a revoked token", ID, doc! {"_id": jti}).project(doc! {"_id": 1})
}
