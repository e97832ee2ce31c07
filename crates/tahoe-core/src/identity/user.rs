//! Users and superusers.

use serde_json::{Value, json};

use super::field::{InvalidField, NAME, line, name_attribute};
use crate::hash::Hash;
use crate::node::{Attribute, InvalidObject, Object};
use crate::read::DocumentError;
use crate::scalar::Scalar;
use crate::sub_type::SubType;

const EMAIL_ADDR: SubType = SubType::from_static("email_addr");
const PASSWORD: SubType = SubType::from_static("password");
const USER: SubType = SubType::from_static("cybexp_user");
const SUPERUSER: SubType = SubType::from_static("cybexp_superuser");

/// The longest address to which mail can be sent, in bytes (RFC 5321).
const EMAIL_LIMIT_BYTES: usize = 254;

/// The rights of an account, given by the sub_type of its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Submits data and asks queries, as far as the organisations allow.
    User,
    /// Also makes users and organisations.
    Superuser,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 2] = [Self::User, Self::Superuser];

    /// Returns the sub_type of the role's objects, as in documents and tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "cybexp_user",
            Self::Superuser => "cybexp_superuser",
        }
    }

    fn of(sub_type: &SubType) -> Option<Self> {
        let mut roles = Self::ALL.into_iter();
        roles.find(|role| role.as_str() == sub_type.as_str())
    }
}

/// The reason why a user cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// A text is not possible in its field.
    #[error(transparent)]
    Field(#[from] InvalidField),
    /// The texts make no object.
    #[error(transparent)]
    Object(#[from] InvalidObject),
}

/// A person or program that may submit data or ask queries, identified by an e-mail address. Cheap to clone.
#[derive(Debug, Clone)]
pub struct User {
    object: Object,
    role: Role,
}

impl User {
    /// Makes a user. `password_hash` is the stored hash of the password, never the password.
    pub fn new(email: &str, password_hash: &str, name: &str) -> Result<Self, UserError> {
        Self::with_role(Role::User, email, password_hash, name)
    }

    /// Makes a superuser; see [`User::new`].
    pub fn superuser(email: &str, password_hash: &str, name: &str) -> Result<Self, UserError> {
        Self::with_role(Role::Superuser, email, password_hash, name)
    }

    fn with_role(role: Role, email: &str, hash: &str, name: &str) -> Result<Self, UserError> {
        let email = Attribute::new(EMAIL_ADDR, checked_email(email)?);
        Self::build(role, email, hash, name_attribute(name)?)
    }

    fn build(role: Role, email: Attribute, hash: &str, name: Attribute) -> Result<Self, UserError> {
        let password = Attribute::new(PASSWORD, line("password", hash)?);
        let sub_type = match role {
            Role::User => USER,
            Role::Superuser => SUPERUSER,
        };
        let children = vec![email.into(), password.into(), name.into()];
        let object = Object::new(sub_type, children)?;
        Ok(Self { object, role })
    }

    /// Reads the document of a user or superuser.
    pub fn from_document(document: &Value) -> Result<Self, DocumentError> {
        Self::from_object(&Object::from_document(document)?)
    }

    pub(super) fn from_object(object: &Object) -> Result<Self, DocumentError> {
        let role = Role::of(object.sub_type()).ok_or(DocumentError::Type {
            field: "sub_type",
            expected: "cybexp_user or cybexp_superuser",
        })?;
        let children = object.children();
        for (sub_type, field) in [
            (EMAIL_ADDR, "data.email_addr"),
            (PASSWORD, "data.password"),
            (NAME, "data.name"),
        ] {
            match children.attribute(sub_type.as_str()) {
                None => return Err(DocumentError::Missing(field)),
                Some(Scalar::Str(_)) => {}
                Some(_) => {
                    return Err(DocumentError::Type {
                        field,
                        expected: "text",
                    });
                }
            }
        }
        Ok(Self {
            object: object.clone(),
            role,
        })
    }

    /// Returns the hash of a user of this role and address, whether the user exists or not.
    pub fn hash_of(role: Role, email: &str) -> Hash {
        Hash::of(&["object", role.as_str(), email.trim()])
    }

    /// Returns the form in which the Python system stores a password: its SHA-256 in hex.
    pub fn python_password_hash(password: &str) -> String {
        Hash::of(&[password]).to_string()
    }

    /// Returns the hash, which is the `userid` of queries.
    pub fn hash(&self) -> Hash {
        self.object.hash()
    }

    /// Returns the TAHOE object of the user.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// Returns the user's rights.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Returns the address that identifies the user.
    pub fn email(&self) -> &str {
        self.text(&EMAIL_ADDR)
    }

    /// Returns the user's name for people; may be empty.
    pub fn name(&self) -> &str {
        self.text(&NAME)
    }

    /// Returns the stored hash of the password.
    pub fn password_hash(&self) -> &str {
        self.text(&PASSWORD)
    }

    /// Returns the attribute that holds the stored hash of the password.
    pub fn password_attribute(&self) -> Attribute {
        Attribute::new(PASSWORD, self.password_hash())
    }

    /// Returns the same user with another password.
    pub fn with_password_hash(&self, password_hash: &str) -> Result<Self, UserError> {
        let email = Attribute::new(EMAIL_ADDR, self.email());
        let name = Attribute::new(NAME, self.name());
        Self::build(self.role, email, password_hash, name)
    }

    /// Returns the document as others may see it: without the password's hash, and without hashes by which it could be
    /// guessed.
    pub fn document_without_password(&self) -> Value {
        let mut document = json!(self.object);
        let secret = json!(self.password_attribute().hash());
        if let Some(data) = document["data"].as_object_mut() {
            data.remove(PASSWORD.as_str());
        }
        for field in ["_cref", "_ref"] {
            if let Some(hashes) = document[field].as_array_mut() {
                hashes.retain(|hash| *hash != secret);
            }
        }
        document
    }

    fn text(&self, sub_type: &SubType) -> &str {
        let data = self.object.children().attribute(sub_type.as_str());
        data.and_then(Scalar::as_str)
            .expect("every way to a user makes sure of it")
    }
}

fn checked_email(email: &str) -> Result<&str, InvalidField> {
    let email = line("email", email)?;
    let problem = if email.is_empty() {
        "is empty"
    } else if email.len() > EMAIL_LIMIT_BYTES {
        "is longer than 254 bytes"
    } else if email.contains(char::is_whitespace) {
        "holds white space"
    } else {
        match email.split_once('@') {
            Some((local, domain))
                if !local.is_empty() && !domain.is_empty() && !domain.contains('@') =>
            {
                return Ok(email);
            }
            _ => "is not one name, one @ and one domain",
        }
    };
    Err(InvalidField {
        field: "email",
        problem,
    })
}
