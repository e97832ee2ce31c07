//! The standing of users with the API: the generation of their tokens, and whether they are locked.
//!
//! A row is made when it is needed; a user without one has the first generation and is not locked. The row stays when
//! the user is deleted, so that old tokens are worth nothing to a new user of the same address.

use std::collections::HashMap;

use bson::doc;
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::identity::users::Identity;
use crate::mongo::find::{ASK, Find};
use crate::mongo::indexes::ID;

/// A user's standing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// The generation of the tokens that are good. Tokens of others have ended.
    pub generation: u64,
    /// Whether the user can neither sign in nor use a token.
    pub locked: bool,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    user: String,
    #[serde(default)]
    generation: i64,
    #[serde(default)]
    locked: bool,
}

impl Identity {
    /// Returns the standing of a user, whether the user exists or not.
    pub async fn standing(&self, user: Hash) -> Result<Standing, StoreError> {
        Ok(self
            .standings(&[user])
            .await?
            .remove(&user)
            .unwrap_or_default())
    }

    /// Returns the standings of those of these users that have a row.
    pub async fn standings(&self, users: &[Hash]) -> Result<HashMap<Hash, Standing>, StoreError> {
        let mut standings = HashMap::new();
        for users in users.chunks(ASK) {
            let rows: Vec<Row> = standings_of(users).read(&self.standings).await?;
            standings.extend(rows.into_iter().filter_map(|row| {
                let standing = Standing {
                    generation: row.generation.cast_unsigned(),
                    locked: row.locked,
                };
                Some((row.user.parse().ok()?, standing))
            }));
        }
        Ok(standings)
    }

    /// Begins a new generation of the user's tokens, which ends all tokens so far, known or not.
    pub async fn end_tokens(&self, user: Hash) -> Result<(), StoreError> {
        let ended = self.change_standing(user, doc! {"$inc": {"generation": 1_i64}});
        ended.await
    }

    /// Locks a user, which ends all tokens, or unlocks the user, which brings none back.
    pub async fn set_locked(&self, user: Hash, locked: bool) -> Result<(), StoreError> {
        let step = i64::from(locked);
        let change = doc! {"$set": {"locked": locked}, "$inc": {"generation": step}};
        self.change_standing(user, change).await
    }

    async fn change_standing(&self, user: Hash, change: bson::Document) -> Result<(), StoreError> {
        let changing = self.standings.named("changing a user's standing");
        let changing = changing.update_one(doc! {"_id": user.to_string()}, change);
        let changing = changing.with(|update| update.upsert(true));
        changing.send().await.map(drop)
    }
}

pub(crate) fn standings_of(users: &[Hash]) -> Find {
    let users: Vec<String> = users.iter().map(Hash::to_string).collect();
    Find::new("reading users' standing", ID, doc! {"_id": {"$in": users}})
}
