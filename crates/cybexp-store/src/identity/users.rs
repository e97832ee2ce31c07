//! Users, and the data that each may see.

use std::collections::BTreeSet;

use bson::{Document, doc};
use serde::Deserialize;
use tahoe_core::{Hash, Org, OrgId, Role, User};

use crate::error::StoreError;
use crate::mongo::bulk;
use crate::mongo::collection::{Documents, to_document};
use crate::mongo::find::{Find, MAX_TIME};
use crate::mongo::indexes::{self, IDENTITY, IDENTITY_KIND};
use crate::mongo::server::Server;
use crate::mongo::swap;
use crate::visible::Visible;

/// Users and organisations in `identity_db.instance`, with rows of tokens, standings and invitations in collections
/// beside it.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) coll: Documents,
    pub(crate) revoked: Documents,
    pub(crate) tokens: Documents,
    pub(crate) standings: Documents,
    pub(crate) invitations: Documents,
}

/// The access of a user to data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// There is no user of this hash.
    UnknownUser,
    /// The user may see the events of these organisations.
    Orgs(Visible),
}

#[derive(Deserialize)]
struct AccessRow {
    #[serde(rename = "_hash")]
    hash: String,
    sub_type: String,
}

impl Identity {
    /// Opens the collection and makes its indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, coll);
        let revoked = server.collection(db, "revoked");
        let tokens = server.collection(db, "tokens");
        let standings = server.collection(db, "standings");
        let invitations = server.collection(db, "invitations");
        indexes::ensure(&coll, &indexes::identities()).await?;
        indexes::ensure(&revoked, &indexes::revoked()).await?;
        indexes::ensure(&tokens, &indexes::tokens()).await?;
        indexes::ensure(&invitations, &indexes::invitations()).await?;
        Ok(Self {
            coll,
            revoked,
            tokens,
            standings,
            invitations,
        })
    }

    /// Returns the organisations whose events the user of this hash may see. Their access list holds the user, or, if
    /// they have no access list, their list of users does.
    pub async fn access(&self, userid: &str) -> Result<Access, StoreError> {
        let doing = "reading who may see what";
        let fields = doc! {"_id": 0, "_hash": 1, "sub_type": 1};
        let find = self.coll.named(doing).find(access(userid));
        let find = find.with(|find| find.max_time(MAX_TIME).projection(fields));
        let rows: Vec<AccessRow> = find.rows().await?.read().await?;
        let (orgs, users): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.sub_type == ORG);
        if users.is_empty() {
            return Ok(Access::UnknownUser);
        }
        let orgs = orgs.iter().filter_map(|row| OrgId::new(&row.hash).ok());
        // in a fixed order, whichever index found them
        let orgs = BTreeSet::from_iter(orgs);
        Ok(Access::Orgs(Visible(orgs.into_iter().collect())))
    }

    /// Stores an organisation and its users. Documents that are stored already are not changed.
    pub async fn add(&self, org: &Org, users: &[User]) -> Result<(), StoreError> {
        let doing = "storing an organisation";
        let mut documents = Vec::new();
        for document in users
            .iter()
            .map(|user| to_document(user.object()))
            .chain([to_document(org)])
        {
            documents.push(document.map_err(|message| StoreError::Write {
                doing,
                code: 0,
                message,
            })?);
        }
        bulk::insert_whole(&self.coll, &documents, doing).await
    }

    /// Returns the user or superuser of this hash.
    pub async fn user(&self, hash: Hash) -> Result<Option<User>, StoreError> {
        Ok(self.users_of(&[hash]).await?.pop())
    }

    /// Returns the user of this address. In a database of the Python system, a superuser may have the same address.
    /// Then the user is returned, who has fewer rights.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let hashes = Role::ALL.map(|role| User::hash_of(role, email));
        let users = self.users_of(&hashes).await?;
        Ok(users.into_iter().min_by_key(User::role))
    }

    /// Returns those of these users that exist.
    pub async fn users_of(&self, hashes: &[Hash]) -> Result<Vec<User>, StoreError> {
        let read = swap::read(&self.coll, users_of(hashes), User::from_document).await?;
        Ok(read.into_iter().map(|stored| stored.value).collect())
    }

    /// Returns all users and superusers, by address.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let read = swap::read(&self.coll, users(), User::from_document).await?;
        let mut users: Vec<User> = read.into_iter().map(|stored| stored.value).collect();
        users.sort_by(|a, b| a.email().cmp(b.email()).then(a.role().cmp(&b.role())));
        Ok(users)
    }

    /// Stores a new user. Returns false if a user or superuser has that address.
    pub async fn create_user(&self, user: &User) -> Result<bool, StoreError> {
        let hashes = Role::ALL.map(|role| User::hash_of(role, user.email()));
        let taken = users_of(&hashes).filter;
        swap::insert(&self.coll, taken, user.object(), "storing a user").await
    }

    /// Stores the hash of a new password, in the user and in the copies that organisations hold, so that the old one is
    /// stored nowhere, and ends all tokens of the user. Returns false if there is no such user.
    ///
    /// The user is written first, and from then on the new password is valid. Steps that an error prevented are done by
    /// setting the password again.
    pub async fn set_password(&self, user: Hash, password_hash: &str) -> Result<bool, StoreError> {
        let set = self.write_password(user, None, password_hash).await?;
        if set {
            self.end_tokens(user).await?;
        }
        Ok(set)
    }

    /// Stores another hash of the same password. Tokens stay good. Returns false if the stored hash is no longer `was`:
    /// then there is a new password, which stays.
    pub async fn renew_password_hash(
        &self,
        user: Hash,
        was: &str,
        password_hash: &str,
    ) -> Result<bool, StoreError> {
        self.write_password(user, Some(was), password_hash).await
    }

    async fn write_password(
        &self,
        user: Hash,
        expected: Option<&str>,
        password_hash: &str,
    ) -> Result<bool, StoreError> {
        let doing = "setting a password";
        let mut race = swap::Race::new(doing);
        loop {
            let find = users_of(&[user]);
            let read = swap::read(&self.coll, find, User::from_document).await?;
            let Some(was) = read.into_iter().next() else {
                return Ok(false);
            };
            if expected.is_some_and(|expected| expected != was.value.password_hash()) {
                return Ok(false);
            }
            let new = was.value.with_password_hash(password_hash);
            let new = new.map_err(|error| swap::refused(doing, &error))?;
            if swap::write(&self.coll, &was, new.object(), doing).await? {
                let old = was.value.password_attribute().hash();
                self.forget_attribute(old).await?;
                break;
            }
            race.lost().await?;
        }
        for org in self.orgs_user_of(user).await? {
            self.renew_copies(org.hash(), &[user]).await?;
        }
        Ok(true)
    }

    /// Deletes the attribute in which the Python system stores a password.
    async fn forget_attribute(&self, hash: Hash) -> Result<(), StoreError> {
        let filter = doc! {"_hash": hash.to_string(), "itype": "attribute"};
        let removing = self.coll.named("removing an old password");
        removing.delete_one(filter).send().await.map(drop)
    }
}

const USERS: [&str; 2] = ["cybexp_user", "cybexp_superuser"];
const ORG: &str = "cybexp_org";

/// Matches the user, and the organisations whose events the user may see. Each part is served by an index of its own.
pub(crate) fn access(userid: &str) -> Document {
    doc! {"$or": [
        {"_hash": userid, "sub_type": {"$in": USERS.to_vec()}},
        {"_acl": userid, "sub_type": ORG},
        {"_usr_ref": userid, "_acl": {"$exists": false}, "sub_type": ORG},
    ]}
}

pub(crate) fn users_of(hashes: &[Hash]) -> Find {
    let hashes: Vec<String> = hashes.iter().map(Hash::to_string).collect();
    let filter = doc! {"_hash": {"$in": hashes}, "sub_type": {"$in": USERS.to_vec()}};
    Find::new("looking for a user", IDENTITY, filter)
}

pub(crate) fn users() -> Find {
    let filter = doc! {"itype": "object", "sub_type": {"$in": USERS.to_vec()}};
    Find::new("listing users", IDENTITY_KIND, filter)
}
