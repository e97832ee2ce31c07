//! Users and organisations.

use bson::doc;
use serde::Deserialize;
use tahoe_core::{Org, OrgId, User};

use crate::bulk;
use crate::collection::{Raws, to_document};
use crate::error::StoreError;
use crate::find::Find;
use crate::graph::Visible;
use crate::indexes::{self, IDENTITY, ORG_ACL, ORG_USER};
use crate::server::Server;

/// Users and organisations: `identity_db.instance`.
#[derive(Debug, Clone)]
pub struct Identity {
    coll: Raws,
}

/// What someone may see.
#[derive(Debug, Clone)]
pub enum Access {
    /// There is no such user.
    UnknownUser,
    /// The events of these organisations.
    Orgs(Visible),
}

#[derive(Deserialize)]
struct HashRow {
    _hash: String,
}

impl Identity {
    /// Opens the collection and makes its indexes.
    pub async fn open(server: &Server, db: &str, coll: &str) -> Result<Self, StoreError> {
        let coll = server.collection(db, coll);
        indexes::ensure(&coll, &indexes::identities()).await?;
        Ok(Self { coll })
    }

    /// What the user of this hash may see: the events of the organisations whose access list holds the user,
    /// or whose users do where they have no such list.
    pub async fn access(&self, userid: &str) -> Result<Access, StoreError> {
        let (users, listed, member) = futures::try_join!(
            user(userid).read::<HashRow>(&self.coll),
            orgs_listing(userid).read::<HashRow>(&self.coll),
            orgs_with_member(userid).read::<HashRow>(&self.coll),
        )?;
        if users.is_empty() {
            return Ok(Access::UnknownUser);
        }
        let orgs = listed.into_iter().chain(member);
        let orgs = orgs.filter_map(|row| OrgId::new(&row._hash).ok()).collect();
        Ok(Access::Orgs(Visible(orgs)))
    }

    /// Stores an organisation and its users; what exists stays as it is.
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
        match bulk::insert(&self.coll, &documents, doing)
            .await?
            .1
            .into_iter()
            .next()
        {
            Some(failure) => Err(failure.into_error(doing)),
            None => Ok(()),
        }
    }
}

pub(crate) fn user(userid: &str) -> Find {
    let filter = doc! {"_hash": userid, "sub_type": "cybexp_user"};
    Find::new("looking for a user", IDENTITY, filter).project(doc! {"_id": 0, "_hash": 1})
}

pub(crate) fn orgs_listing(userid: &str) -> Find {
    let filter = doc! {"_acl": userid, "sub_type": "cybexp_org"};
    Find::new("reading who may see what", ORG_ACL, filter).project(doc! {"_id": 0, "_hash": 1})
}

pub(crate) fn orgs_with_member(userid: &str) -> Find {
    let filter = doc! {"_usr_ref": userid, "_acl": {"$exists": false}, "sub_type": "cybexp_org"};
    Find::new("reading who may see what", ORG_USER, filter).project(doc! {"_id": 0, "_hash": 1})
}
