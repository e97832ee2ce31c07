//! Invitations into organisations. An admin invites, and the user joins by accepting.

use bson::{DateTime, Document, doc};
use serde::Deserialize;
use tahoe_core::{Hash, Membership, OrgError};

use crate::error::StoreError;
use crate::identity::users::Identity;
use crate::mongo::find::Find;
use crate::mongo::indexes::{ID, INVITATION_USER};

/// The most invitations of one user that are listed: each is of another organisation.
const LISTED: i64 = 100;

/// An invitation of a user into an organisation. There is one at most; a later one takes its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Invitation {
    /// The organisation.
    pub org: Hash,
    /// The membership that is offered.
    pub to: Membership,
    /// The time of the invitation, in Unix seconds.
    pub since: f64,
}

/// The outcome of accepting an invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The user is in the organisation.
    Joined,
    /// There is no such invitation, or no longer.
    NotInvited,
    /// The organisation does not take the user.
    Refused(OrgError),
}

#[derive(Deserialize)]
struct Row {
    org: String,
    to: Membership,
    since: DateTime,
}

impl Identity {
    /// Invites users into an organisation.
    pub async fn invite(
        &self,
        org: Hash,
        to: Membership,
        users: &[Hash],
    ) -> Result<(), StoreError> {
        for user in users {
            let row = Invitation {
                org,
                to,
                since: DateTime::now().timestamp_millis() as f64 / 1000.0,
            };
            self.put_invitation(*user, &row).await?;
        }
        Ok(())
    }

    async fn put_invitation(&self, user: Hash, it: &Invitation) -> Result<(), StoreError> {
        let doing = "inviting a user";
        let since = DateTime::from_millis((it.since * 1000.0) as i64);
        let row = doc! {
            "org": it.org.to_string(), "user": user.to_string(), "to": name(it.to), "since": since,
        };
        let inviting = self.invitations.named(doing);
        let inviting = inviting.update_one(one(it.org, user), doc! {"$set": row});
        let inviting = inviting.with(|update| update.upsert(true));
        inviting.send().await.map(drop)
    }

    /// Returns the invitations of a user.
    pub async fn invitations(&self, user: Hash) -> Result<Vec<Invitation>, StoreError> {
        read(invitations_of(user), self).await
    }

    /// Returns those of these users that the organisation has invited.
    pub async fn invited(&self, org: Hash, users: &[Hash]) -> Result<Vec<Hash>, StoreError> {
        let mut invited = Vec::new();
        for user in users {
            if !read(invitation(org, *user), self).await?.is_empty() {
                invited.push(*user);
            }
        }
        Ok(invited)
    }

    /// Removes the invitation of this user into this organisation. Returns false if there is none.
    pub async fn withdraw(&self, org: Hash, user: Hash) -> Result<bool, StoreError> {
        let removing = self.invitations.named("removing an invitation");
        let removed = removing.delete_one(one(org, user)).send().await?;
        Ok(removed.deleted_count == 1)
    }

    /// Adds the user to the organisation, as the invitation says, and removes the invitation.
    ///
    /// The invitation is removed first. So it is accepted once, and not after it was withdrawn; a process that is killed
    /// in between loses it.
    pub async fn accept(&self, org: Hash, user: Hash) -> Result<Accepted, StoreError> {
        let Some(invitation) = read(invitation(org, user), self).await?.pop() else {
            return Ok(Accepted::NotInvited);
        };
        if !self.withdraw(org, user).await? {
            return Ok(Accepted::NotInvited);
        }
        let Some(found) = self.user(user).await? else {
            return Ok(Accepted::NotInvited);
        };
        let users = std::slice::from_ref(&found);
        match self
            .change_org(org, |org| org.add(invitation.to, users))
            .await
        {
            Ok(Some(Ok(_))) => Ok(Accepted::Joined),
            Ok(Some(Err(error))) => Ok(Accepted::Refused(error)),
            Ok(None) => Ok(Accepted::NotInvited),
            Err(error) => {
                self.put_invitation(user, &invitation).await?;
                Err(error)
            }
        }
    }

    /// Removes all invitations into an organisation that is deleted.
    pub(crate) async fn forget_invitations_into(&self, org: Hash) -> Result<(), StoreError> {
        let removing = self
            .invitations
            .named("removing an organisation's invitations");
        // the ids of one organisation lie between these, for `/` comes after `.`
        let ids = doc! {"$gte": format!("{org}."), "$lt": format!("{org}/")};
        removing
            .delete_many(doc! {"_id": ids})
            .send()
            .await
            .map(drop)
    }

    /// Removes all invitations of a user who is deleted.
    pub(crate) async fn forget_invitations(&self, user: Hash) -> Result<(), StoreError> {
        let removing = self.invitations.named("removing a user's invitations");
        let removing = removing.delete_many(invitations_of(user).filter);
        removing.send().await.map(drop)
    }
}

async fn read(find: Find, identity: &Identity) -> Result<Vec<Invitation>, StoreError> {
    let rows: Vec<Row> = find.read(&identity.invitations).await?;
    let invitations = rows.into_iter().filter_map(|row| {
        Some(Invitation {
            org: row.org.parse().ok()?,
            to: row.to,
            since: row.since.timestamp_millis() as f64 / 1000.0,
        })
    });
    Ok(invitations.collect())
}

fn name(membership: Membership) -> &'static str {
    match membership {
        Membership::Admin => "admin",
        Membership::User => "user",
        Membership::Acl => "acl",
    }
}

fn one(org: Hash, user: Hash) -> Document {
    doc! {"_id": format!("{org}.{user}")}
}

pub(crate) fn invitation(org: Hash, user: Hash) -> Find {
    Find::new("looking for an invitation", ID, one(org, user))
}

pub(crate) fn invitations_of(user: Hash) -> Find {
    let filter = doc! {"user": user.to_string()};
    Find::new("listing invitations", INVITATION_USER, filter).limit(LISTED)
}
