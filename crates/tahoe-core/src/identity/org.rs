//! Organisations: their users, their admins, and the access list of those who see their data.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Value, json};

use super::field::{InvalidField, line, name_attribute};
use super::user::{Role, User};
use crate::hash::Hash;
use crate::node::{Attribute, InvalidObject, Node, Object};
use crate::read::{DocumentError, Fields};
use crate::scalar::Scalar;
use crate::sub_type::SubType;

const ORG: SubType = SubType::from_static("cybexp_org");
const ORGNAME: SubType = SubType::from_static("orgname");
const ADMIN: SubType = SubType::from_static("admin");

/// The relation of a user to an organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    /// Manages the organisation's members, and submits data for it.
    Admin,
    /// Belongs to the organisation.
    User,
    /// Is on the access list: sees the organisation's data.
    Acl,
}

/// The reason why an organisation cannot be made or changed. Users are named by their address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrgError {
    /// A text is not possible in its field.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// The organisation would have no admin, so nobody could ever change it.
    #[error("an organisation needs at least one admin")]
    NoAdmin,
    /// An admin is not among the users.
    #[error("admin {0} must be a user of the organisation")]
    AdminIsNoUser(String),
    /// The user to be added is already in the organisation.
    #[error("user {0} is already in the organisation")]
    UserIsInOrg(String),
    /// The user to be added is already an admin.
    #[error("user {0} is already an admin of the organisation")]
    UserIsAdmin(String),
    /// The user to be added is already on the access list.
    #[error("user {0} is already in the ACL of the organisation")]
    UserIsInAcl(String),
    /// The user to be removed is not in the organisation.
    #[error("user {0} is not in the organisation")]
    UserIsNotInOrg(String),
    /// The user to be removed is not an admin.
    #[error("user {0} is not an admin of the organisation")]
    UserIsNotAdmin(String),
    /// The user to be removed is not on the access list.
    #[error("user {0} is not in the ACL of the organisation")]
    UserIsNotInAcl(String),
    /// The user to be removed is an admin, and an admin is always a user and on the access list.
    #[error("user {0} is an admin: remove it from the admins as well")]
    AdminStays(String),
    /// The last admin cannot be removed, because nobody could change the organisation any more.
    #[error("the last admin of an organisation stays")]
    LastAdmin,
    /// The users make no object.
    #[error(transparent)]
    Object(#[from] InvalidObject),
}

/// An organisation: it owns raws and events, and its access list names the users who see them.
#[derive(Debug, Clone)]
pub struct Org {
    object: Object,
    /// Users by hash, with the copies of them that stand in the object.
    users: BTreeMap<Hash, User>,
    admins: BTreeSet<Hash>,
    acl: BTreeSet<Hash>,
}

impl Org {
    /// Makes an organisation whose users all see its data.
    pub fn new(
        orgname: &str,
        name: &str,
        users: &[User],
        admins: &[User],
    ) -> Result<Self, OrgError> {
        let orgname = line("orgname", orgname)?;
        if orgname.is_empty() {
            let (field, problem) = ("orgname", "is empty");
            return Err(InvalidField { field, problem }.into());
        }
        if admins.is_empty() {
            return Err(OrgError::NoAdmin);
        }
        let users: BTreeMap<_, _> = users.iter().map(|u| (u.hash(), u.clone())).collect();
        if let Some(admin) = admins.iter().find(|a| !users.contains_key(&a.hash())) {
            return Err(OrgError::AdminIsNoUser(admin.email().to_owned()));
        }
        let names = vec![
            Attribute::new(ORGNAME, orgname).into(),
            name_attribute(name)?.into(),
        ];
        let admins = admins.iter().map(User::hash).collect();
        let acl = users.keys().copied().collect();
        Self::build(names, users, admins, acl)
    }

    fn build(
        mut children: Vec<Node>,
        users: BTreeMap<Hash, User>,
        admins: BTreeSet<Hash>,
        acl: BTreeSet<Hash>,
    ) -> Result<Self, OrgError> {
        let objects = |hash: &Hash| users[hash].object().clone().into();
        let admin_objects = admins.iter().map(objects).collect();
        children.push(Object::new(ADMIN, admin_objects)?.into());
        children.extend(users.keys().map(objects));
        Ok(Self {
            object: Object::new(ORG, children)?,
            users,
            admins,
            acl,
        })
    }

    /// Reads an organisation's document. If `_acl` is missing, all users are on the access list.
    pub fn from_document(document: &Value) -> Result<Self, DocumentError> {
        let object = Object::from_document(document)?;
        let fields = Fields::of(document)?;
        if object.sub_type() != &ORG {
            return Err(DocumentError::Type {
                field: "sub_type",
                expected: "cybexp_org",
            });
        }
        if !matches!(object.children().attribute("orgname"), Some(Scalar::Str(_))) {
            return Err(DocumentError::Type {
                field: "data.orgname",
                expected: "text",
            });
        }
        let mut users = BTreeMap::new();
        for node in object.children().iter().filter(|node| is_user(node)) {
            if let Node::Object(object) = node {
                users.insert(object.hash(), User::from_object(object)?);
            }
        }
        let listed = fields.hashes("_usr_ref")?;
        if !listed.iter().eq(users.keys()) {
            return Err(DocumentError::References("_usr_ref"));
        }
        let admins = fields.hashes("_adm_ref")?;
        if !admins.is_subset(&listed) {
            return Err(DocumentError::References("_adm_ref"));
        }
        let acl = match fields.hashes("_acl") {
            Err(DocumentError::Missing(_)) => listed,
            other => other?,
        };
        Ok(Self {
            object,
            users,
            admins,
            acl,
        })
    }

    /// Returns the hash of an organisation of this name, whether it exists or not.
    pub fn hash_of(orgname: &str) -> Hash {
        Hash::of(&["object", ORG.as_str(), orgname.trim()])
    }

    /// Returns the hash of an organisation, given the hash itself or the organisation's name.
    pub fn hash_named(name: &str) -> Hash {
        name.parse().unwrap_or_else(|_| Self::hash_of(name))
    }

    /// Returns the hash, which is the `orgid` of raws and events.
    pub fn hash(&self) -> Hash {
        self.object.hash()
    }

    /// Returns the TAHOE object of the organisation.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Returns the name that identifies the organisation.
    pub fn orgname(&self) -> &str {
        self.text("orgname")
    }

    /// Returns the organisation's name for people; may be empty.
    pub fn name(&self) -> &str {
        self.text("name")
    }

    fn text(&self, sub_type: &str) -> &str {
        let data = self.object.children().attribute(sub_type);
        data.and_then(Scalar::as_str).unwrap_or_default()
    }

    /// Returns the document as its users may see it: without passwords, and without hashes by which passwords could be
    /// guessed.
    pub fn document_without_passwords(&self) -> Value {
        let mut document = json!(self);
        remove_passwords(&mut document["data"]);
        let secret = |user: &User| json!(user.password_attribute().hash());
        let secrets: Vec<Value> = self.users.values().map(secret).collect();
        if let Some(hashes) = document["_ref"].as_array_mut() {
            hashes.retain(|hash| !secrets.contains(hash));
        }
        document
    }

    /// Returns the users who belong to the organisation.
    pub fn users(&self) -> Vec<User> {
        self.users.values().cloned().collect()
    }

    /// Returns the users who may change the organisation.
    pub fn admins(&self) -> Vec<User> {
        let admins = self.admins.iter();
        admins.map(|hash| self.users[hash].clone()).collect()
    }

    /// Returns the hashes of those who see the organisation's data. Guests on the access list need not be its users.
    pub fn acl(&self) -> &BTreeSet<Hash> {
        &self.acl
    }

    /// Whether the user belongs to the organisation.
    pub fn is_user(&self, user: Hash) -> bool {
        self.users.contains_key(&user)
    }

    /// Whether the user may change the organisation.
    pub fn is_admin(&self, user: Hash) -> bool {
        self.admins.contains(&user)
    }

    /// Returns the organisation with these users added: an admin becomes a user, too, and both see the data. All are
    /// added, or none.
    pub fn add(&self, to: Membership, users: &[User]) -> Result<Self, OrgError> {
        let mut new = self.clone();
        for user in users {
            let (hash, email) = (user.hash(), || user.email().to_owned());
            match to {
                Membership::Admin if self.is_admin(hash) => {
                    return Err(OrgError::UserIsAdmin(email()));
                }
                Membership::User if self.is_user(hash) => {
                    return Err(OrgError::UserIsInOrg(email()));
                }
                Membership::Acl if self.acl.contains(&hash) => {
                    return Err(OrgError::UserIsInAcl(email()));
                }
                _ => {}
            }
            if to == Membership::Admin {
                new.admins.insert(hash);
            }
            if to != Membership::Acl {
                new.users.insert(hash, user.clone());
            }
            new.acl.insert(hash);
        }
        new.rebuilt()
    }

    /// Returns the organisation with these users removed from each list in `from`. All are removed, or none.
    pub fn remove(&self, from: &BTreeSet<Membership>, users: &[Hash]) -> Result<Self, OrgError> {
        let mut new = self.clone();
        for user in users {
            let name = || match self.users.get(user) {
                Some(user) => user.email().to_owned(),
                None => user.to_string(),
            };
            for membership in from {
                match membership {
                    Membership::Admin if !self.is_admin(*user) => {
                        return Err(OrgError::UserIsNotAdmin(name()));
                    }
                    Membership::User if !self.is_user(*user) => {
                        return Err(OrgError::UserIsNotInOrg(name()));
                    }
                    Membership::Acl if !self.acl.contains(user) => {
                        return Err(OrgError::UserIsNotInAcl(name()));
                    }
                    Membership::Admin => new.admins.remove(user),
                    Membership::User => new.users.remove(user).is_some(),
                    Membership::Acl => new.acl.remove(user),
                };
            }
            if !from.is_empty() && new.is_admin(*user) {
                return Err(OrgError::AdminStays(name()));
            }
        }
        if new.admins.is_empty() {
            return Err(OrgError::LastAdmin);
        }
        new.rebuilt()
    }

    /// Returns the organisation with these users removed from every list on which each stands. All are removed, or
    /// none.
    pub fn expel(&self, users: &[Hash]) -> Result<Self, OrgError> {
        users.iter().try_fold(self.clone(), |org, user| {
            let is = [
                (Membership::Admin, org.is_admin(*user)),
                (Membership::User, org.is_user(*user)),
                (Membership::Acl, org.acl.contains(user)),
            ];
            let from: BTreeSet<_> = is
                .into_iter()
                .filter(|(_, is)| *is)
                .map(|(m, _)| m)
                .collect();
            match from.is_empty() {
                true => Err(OrgError::UserIsNotInOrg(user.to_string())),
                false => org.remove(&from, &[*user]),
            }
        })
    }

    /// Returns the organisation with this copy of a user, as after a change of password. It is unchanged if the user
    /// does not belong to it.
    pub fn with_user(&self, user: &User) -> Result<Self, OrgError> {
        let mut new = self.clone();
        if let Some(copy) = new.users.get_mut(&user.hash()) {
            *copy = user.clone();
        }
        new.rebuilt()
    }

    /// Makes the object anew from the users, and keeps its other children.
    fn rebuilt(self) -> Result<Self, OrgError> {
        let children = self.object.children().iter();
        let others = children.filter(|node| !is_user(node) && node.sub_type() != &ADMIN);
        Self::build(others.cloned().collect(), self.users, self.admins, self.acl)
    }
}

fn is_user(node: &Node) -> bool {
    let sub_type = node.sub_type().as_str();
    Role::ALL.iter().any(|role| role.as_str() == sub_type)
}

fn remove_passwords(data: &mut Value) {
    match data {
        Value::Object(map) => {
            map.remove("password");
            map.values_mut().for_each(remove_passwords);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_passwords),
        _ => {}
    }
}

/// The document of an organisation.
impl Serialize for Org {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let users: Vec<Hash> = self.users.keys().copied().collect();
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("itype", "object")?;
        map.serialize_entry("sub_type", self.object.sub_type())?;
        map.serialize_entry("data", self.object.children())?;
        map.serialize_entry("_cref", self.object.children().cref())?;
        map.serialize_entry("_ref", self.object.children().refs())?;
        map.serialize_entry("_usr_ref", &users)?;
        map.serialize_entry("_adm_ref", &self.admins)?;
        map.serialize_entry("_acl", &self.acl)?;
        map.serialize_entry("_hash", &self.hash())?;
        map.end()
    }
}
