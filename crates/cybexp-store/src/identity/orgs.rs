//! Organisations.

use bson::doc;
use tahoe_core::{Hash, Org, OrgError, User};

use crate::error::StoreError;
use crate::identity::users::Identity;
use crate::mongo::find::Find;
use crate::mongo::indexes::{IDENTITY, IDENTITY_KIND, ORG_ADMIN, ORG_USER};
use crate::mongo::swap::{self, Race, Stored};

const CHANGING: &str = "changing an organisation";

impl Identity {
    /// Stores a new organisation. Returns false if there is one of that name.
    pub async fn create_org(&self, org: &Org) -> Result<bool, StoreError> {
        let taken = find_org(org.hash()).filter;
        let new = swap::insert(&self.coll, taken, org, "storing an organisation").await?;
        if new {
            let users: Vec<Hash> = org.users().iter().map(User::hash).collect();
            self.renew_copies(org.hash(), &users).await?;
        }
        Ok(new)
    }

    /// Returns the organisation of this hash.
    pub async fn org(&self, hash: Hash) -> Result<Option<Org>, StoreError> {
        Ok(self.stored_org(hash).await?.map(|stored| stored.value))
    }

    async fn stored_org(&self, hash: Hash) -> Result<Option<Stored<Org>>, StoreError> {
        let read = swap::read(&self.coll, find_org(hash), Org::from_document);
        Ok(read.await?.into_iter().next())
    }

    /// Returns all organisations, by name.
    pub async fn orgs(&self) -> Result<Vec<Org>, StoreError> {
        self.read_orgs(orgs()).await
    }

    /// Returns the organisations that this user may change, by name.
    pub async fn orgs_admin_of(&self, user: Hash) -> Result<Vec<Org>, StoreError> {
        self.read_orgs(orgs_admin_of(user)).await
    }

    /// Returns the organisations to which this user belongs, by name.
    pub async fn orgs_user_of(&self, user: Hash) -> Result<Vec<Org>, StoreError> {
        self.read_orgs(orgs_user_of(user)).await
    }

    async fn read_orgs(&self, find: Find) -> Result<Vec<Org>, StoreError> {
        let read = swap::read(&self.coll, find, Org::from_document).await?;
        let mut orgs: Vec<Org> = read.into_iter().map(|stored| stored.value).collect();
        orgs.sort_by(|a, b| a.orgname().cmp(b.orgname()));
        Ok(orgs)
    }

    /// Changes an organisation by `change`. `change` is called again if the organisation was changed in the meantime,
    /// so that concurrent changes are not lost, and each follows the rules. Returns `None` if there is no such
    /// organisation.
    pub async fn change_org(
        &self,
        org: Hash,
        change: impl Fn(&Org) -> Result<Org, OrgError>,
    ) -> Result<Option<Result<Org, OrgError>>, StoreError> {
        let mut race = Race::new(CHANGING);
        loop {
            let Some(was) = self.stored_org(org).await? else {
                return Ok(None);
            };
            let new = match change(&was.value) {
                Ok(new) => new,
                refused => return Ok(Some(refused)),
            };
            if swap::write(&self.coll, &was, &new, CHANGING).await? {
                let added = new.users().into_iter().map(|user| user.hash());
                let added: Vec<Hash> = added.filter(|user| !was.value.is_user(*user)).collect();
                self.renew_copies(org, &added).await?;
                return Ok(Some(Ok(new)));
            }
            race.lost().await?;
        }
    }

    /// Replaces the organisation's copies of these users by their current state.
    ///
    /// Calling this after every write of a user or of a copy leaves no old copy. It reads the users after the
    /// organisation, and writes only if the organisation is unchanged, so the last writer has read the last state of
    /// the users.
    pub(crate) async fn renew_copies(&self, org: Hash, users: &[Hash]) -> Result<(), StoreError> {
        if users.is_empty() {
            return Ok(());
        }
        let mut race = Race::new(CHANGING);
        loop {
            let Some(was) = self.stored_org(org).await? else {
                return Ok(());
            };
            let copies = was.value.users();
            let mut current = self.users_of(users).await?;
            current.retain(|user| {
                let copy = copies.iter().find(|copy| copy.hash() == user.hash());
                copy.is_some_and(|copy| copy.password_hash() != user.password_hash())
            });
            if current.is_empty() {
                return Ok(());
            }
            let new = current
                .iter()
                .try_fold(was.value.clone(), |org, user| org.with_user(user))
                .map_err(|error| swap::refused(CHANGING, &error))?;
            if swap::write(&self.coll, &was, &new, CHANGING).await? {
                return Ok(());
            }
            race.lost().await?;
        }
    }
}

pub(crate) fn find_org(hash: Hash) -> Find {
    let filter = doc! {"_hash": hash.to_string(), "sub_type": "cybexp_org"};
    Find::new("looking for an organisation", IDENTITY, filter)
}

pub(crate) fn orgs() -> Find {
    let filter = doc! {"itype": "object", "sub_type": "cybexp_org"};
    Find::new("listing organisations", IDENTITY_KIND, filter)
}

pub(crate) fn orgs_admin_of(user: Hash) -> Find {
    let filter = doc! {"_adm_ref": user.to_string(), "sub_type": "cybexp_org"};
    Find::new("listing organisations", ORG_ADMIN, filter)
}

pub(crate) fn orgs_user_of(user: Hash) -> Find {
    let filter = doc! {"_usr_ref": user.to_string(), "sub_type": "cybexp_org"};
    Find::new("listing organisations", ORG_USER, filter)
}
