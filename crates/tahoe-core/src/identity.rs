//! Users, organisations, and who may see what.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::hash::Hash;
use crate::node::{Attribute, InvalidObject, Node, Object};
use crate::read::{DocumentError, Fields};
use crate::sub_type::SubType;

const EMAIL_ADDR: SubType = SubType::from_static("email_addr");
const PASSWORD: SubType = SubType::from_static("password");
const NAME: SubType = SubType::from_static("name");
const USER: SubType = SubType::from_static("cybexp_user");
const ORG: SubType = SubType::from_static("cybexp_org");
const ORGNAME: SubType = SubType::from_static("orgname");
const ADMIN: SubType = SubType::from_static("admin");

/// A person or program that may post data or ask questions, known by its e-mail address.
#[derive(Debug, Clone)]
pub struct User(Object);

impl User {
    /// A user. `password_hash` is what is stored of the password, never the password.
    pub fn new(email: &str, password_hash: &str, name: &str) -> Result<Self, InvalidObject> {
        let children = vec![
            Attribute::new(EMAIL_ADDR, email).into(),
            Attribute::new(PASSWORD, password_hash).into(),
            Attribute::new(NAME, name).into(),
        ];
        Object::new(USER, children).map(Self)
    }

    /// What the Python system stores of a password: its SHA-256 in hex.
    pub fn python_password_hash(password: &str) -> String {
        Hash::of(&[password]).to_string()
    }

    /// The identity, which is the `userid` of queries.
    pub fn hash(&self) -> Hash {
        self.0.hash()
    }

    /// The TAHOE object.
    pub fn object(&self) -> &Object {
        &self.0
    }
}

/// An organisation: it owns raws and events, and its access list says who sees them.
#[derive(Debug, Clone)]
pub struct Org {
    object: Object,
    users: BTreeSet<Hash>,
    admins: BTreeSet<Hash>,
    acl: BTreeSet<Hash>,
}

impl Org {
    /// An organisation whose users all see its data.
    pub fn new(
        orgname: &str,
        name: &str,
        users: &[User],
        admins: &[User],
    ) -> Result<Self, InvalidObject> {
        fn objects(users: &[User]) -> Vec<Node> {
            users.iter().map(|user| user.0.clone().into()).collect()
        }
        let mut children = vec![
            Attribute::new(ORGNAME, orgname).into(),
            Attribute::new(NAME, name).into(),
            Object::new(ADMIN, objects(admins))?.into(),
        ];
        children.extend(objects(users));
        let hashes = |users: &[User]| users.iter().map(User::hash).collect::<BTreeSet<_>>();
        Ok(Self {
            object: Object::new(ORG, children)?,
            users: hashes(users),
            admins: hashes(admins),
            acl: hashes(users),
        })
    }

    /// Reads an organisation's document; where `_acl` is missing, its users stand for it.
    pub fn from_document(document: &Value) -> Result<Self, DocumentError> {
        let object = Object::from_document(document)?;
        let fields = Fields::of(document)?;
        let users = fields.hashes("_usr_ref")?;
        let acl = match fields.hashes("_acl") {
            Err(DocumentError::Missing(_)) => users.clone(),
            other => other?,
        };
        Ok(Self {
            object,
            admins: fields.hashes("_adm_ref")?,
            users,
            acl,
        })
    }

    /// The identity, which is the `orgid` of raws and events.
    pub fn hash(&self) -> Hash {
        self.object.hash()
    }

    /// The TAHOE object.
    pub fn object(&self) -> &Object {
        &self.object
    }
}

/// The document of an organisation.
impl Serialize for Org {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(9))?;
        map.serialize_entry("itype", "object")?;
        map.serialize_entry("sub_type", self.object.sub_type())?;
        map.serialize_entry("data", self.object.children())?;
        map.serialize_entry("_cref", self.object.children().cref())?;
        map.serialize_entry("_ref", self.object.children().refs())?;
        map.serialize_entry("_usr_ref", &self.users)?;
        map.serialize_entry("_adm_ref", &self.admins)?;
        map.serialize_entry("_acl", &self.acl)?;
        map.serialize_entry("_hash", &self.hash())?;
        map.end()
    }
}
