//! Tokens that were issued: a row for each, so that a person can see who may act for whom, and can revoke tokens that
//! are no longer needed.
//!
//! A token without a row is valid, too: those of the Python system and of earlier releases have none.

use std::collections::BTreeSet;

use bson::{DateTime, doc};
use serde::Deserialize;
use tahoe_core::Hash;

use crate::error::StoreError;
use crate::identity::users::Identity;
use crate::mongo::find::Find;
use crate::mongo::indexes::TOKEN_USER;

/// A token that was issued and has not expired.
#[derive(Debug, Clone, PartialEq)]
pub struct IssuedToken {
    /// The token's id, by which it is revoked.
    pub jti: String,
    /// The `_hash` of the user for whom it was issued.
    pub user: String,
    /// The action that issued it, such as `login`.
    pub by: String,
    /// The time at which it was issued, in Unix seconds.
    pub since: f64,
    /// The time at which it expires, in Unix seconds.
    pub until: f64,
    /// Whether it was revoked, by itself or with all tokens of its generation.
    pub revoked: bool,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "_id")]
    jti: String,
    user: String,
    by: String,
    since: DateTime,
    until: DateTime,
    #[serde(default)]
    generation: i64,
}

impl Identity {
    /// Stores a row for a token of this generation that was issued for this user and expires at `until`, in Unix
    /// seconds. `by` is the action that issued it.
    pub async fn remember_token(
        &self,
        jti: &str,
        user: Hash,
        generation: u64,
        by: &str,
        until: u64,
    ) -> Result<(), StoreError> {
        let until = i64::try_from(until.saturating_mul(1000)).unwrap_or(i64::MAX);
        let row = doc! {
            "user": user.to_string(), "by": by, "since": DateTime::now(), "until": DateTime::from_millis(until),
            "generation": generation.cast_signed(),
        };
        let keeping = self.tokens.named("keeping a row of a token");
        let keeping = keeping.update_one(doc! {"_id": jti}, doc! {"$setOnInsert": row});
        keeping
            .with(|update| update.upsert(true))
            .send()
            .await
            .map(drop)
    }

    /// Returns the tokens of this user, or of all users, that have not expired, the latest first.
    pub async fn tokens(&self, user: Option<Hash>) -> Result<Vec<IssuedToken>, StoreError> {
        let rows: Vec<Row> = tokens_of(user).read(&self.tokens).await?;
        let users: BTreeSet<Hash> = rows
            .iter()
            .filter_map(|row| row.user.parse().ok())
            .collect();
        let standings = self.standings(&Vec::from_iter(users)).await?;
        let now = DateTime::now();
        let mut tokens = Vec::new();
        for row in rows.into_iter().filter(|row| row.until > now) {
            let user: Option<Hash> = row.user.parse().ok();
            let standing = user.and_then(|user| standings.get(&user).copied());
            let ended = standing.unwrap_or_default().generation != row.generation.cast_unsigned();
            tokens.push(IssuedToken {
                revoked: ended || self.is_revoked(&row.jti).await?,
                jti: row.jti,
                user: row.user,
                by: row.by,
                since: seconds(row.since),
                until: seconds(row.until),
            });
        }
        tokens.sort_by(|a, b| b.since.total_cmp(&a.since));
        Ok(tokens)
    }

    /// Ends all tokens of this user, and returns the number of those that have a row and were good until now.
    pub async fn revoke_all(&self, user: Hash) -> Result<usize, StoreError> {
        let tokens = self.tokens(Some(user)).await?;
        self.end_tokens(user).await?;
        Ok(tokens.iter().filter(|token| !token.revoked).count())
    }
}

fn seconds(time: DateTime) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}

fn tokens_of(user: Option<Hash>) -> Find {
    let filter = user.map(|user| doc! {"user": user.to_string()});
    Find::new("listing tokens", TOKEN_USER, filter.unwrap_or_default())
}
