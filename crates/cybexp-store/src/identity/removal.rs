//! Deleting users and organisations.

use bson::{Document, doc};
use mongodb::options::Hint;
use tahoe_core::{Hash, Org, OrgError};

use crate::error::StoreError;
use crate::identity::orgs::find_org;
use crate::identity::users::{Identity, users_of};
use crate::mongo::find::Find;
use crate::mongo::indexes::{IDENTITY, ORG_ACL};
use crate::mongo::swap;

const DELETING_USER: &str = "deleting a user";

impl Identity {
    /// Returns the organisations to which this user belongs, or whose data the user sees as a guest, by name.
    pub async fn orgs_of(&self, user: Hash) -> Result<Vec<Org>, StoreError> {
        let mut orgs = self.orgs_user_of(user).await?;
        let seen = doc! {"_acl": user.to_string(), "sub_type": "cybexp_org"};
        let find = Find::new("listing organisations", ORG_ACL, seen);
        for stored in swap::read(&self.coll, find, Org::from_document).await? {
            if !stored.value.is_user(user) {
                orgs.push(stored.value);
            }
        }
        orgs.sort_by(|a, b| a.orgname().cmp(b.orgname()));
        Ok(orgs)
    }

    /// Deletes a user: removes the user from all organisations, ends all tokens, and deletes the document and
    /// the password. Steps that an error prevented are done by deleting the user again. The inner error
    /// names an organisation whose last admin the user is. Nothing is changed then, unless the user became the last
    /// admin in the meantime.
    pub async fn delete_user(&self, user: Hash) -> Result<Result<(), (Org, OrgError)>, StoreError> {
        let Some(found) = self.user(user).await? else {
            return Ok(Ok(()));
        };
        let orgs = self.orgs_of(user).await?;
        for org in &orgs {
            if let Err(error) = org.expel(&[user]) {
                return Ok(Err((org.clone(), error)));
            }
        }
        for org in orgs {
            let changed = self
                .change_org(org.hash(), |org| match org.expel(&[user]) {
                    // another process removed the user in the meantime
                    Err(OrgError::UserIsNotInOrg(_)) => Ok(org.clone()),
                    changed => changed,
                })
                .await?;
            if let Some(Err(error)) = changed {
                return Ok(Err((org, error)));
            }
        }
        self.end_tokens(user).await?;
        self.forget_invitations(user).await?;
        self.delete(users_of(&[user]).filter, DELETING_USER).await?;
        let password = found.password_attribute().hash();
        self.delete(
            doc! {"_hash": password.to_string(), "itype": "attribute"},
            DELETING_USER,
        )
        .await?;
        // a new user of that address is another one
        self.set_locked(user, false).await?;
        Ok(Ok(()))
    }

    /// Deletes an organisation. Its data stays in the archive, and nobody sees it until there is an organisation of the
    /// same name again. Returns false if there is no such organisation.
    pub async fn delete_org(&self, org: Hash) -> Result<bool, StoreError> {
        self.forget_invitations_into(org).await?;
        let gone = self
            .delete(find_org(org).filter, "deleting an organisation")
            .await?;
        Ok(gone > 0)
    }

    async fn delete(&self, filter: Document, doing: &'static str) -> Result<u64, StoreError> {
        let delete = self.coll.named(doing).delete_many(filter);
        let delete = delete.with(|delete| delete.hint(Hint::Name(IDENTITY.to_owned())));
        Ok(delete.send().await?.deleted_count)
    }
}
