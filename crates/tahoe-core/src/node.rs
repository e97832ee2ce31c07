//! Attributes and the objects made of them: the tree below every event and session.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::canonical::{self, TooLarge};
use crate::hash::Hash;
use crate::scalar::Scalar;
use crate::sub_type::SubType;

/// One typed value, such as ipv4 `192.0.2.1`. Cheap to clone.
///
/// ```
/// use tahoe_core::{Attribute, SubType};
///
/// let port = |data: i64| Attribute::new(SubType::from_static("port"), data);
/// assert_eq!(port(22).hash(), port(22).hash());
/// // a text is another value than a number
/// let text = Attribute::new(SubType::from_static("port"), "22");
/// assert_ne!(text.hash(), port(22).hash());
/// ```
#[derive(Debug, Clone)]
pub struct Attribute(Arc<AttributeParts>);

#[derive(Debug)]
struct AttributeParts {
    sub_type: SubType,
    data: Scalar,
    canonical: String,
    hash: Hash,
}

/// Several attributes and objects that belong together, such as a file's name and its digest. Cheap to clone.
///
/// ```
/// use tahoe_core::{Attribute, Object, SubType};
///
/// let name = Attribute::new(SubType::from_static("filename"), "x.sh");
/// let digest = Attribute::new(SubType::from_static("md5"), "d41d8cd98f00b204e9800998ecf8427e");
/// let file = SubType::from_static("file");
/// let object = Object::new(file.clone(), vec![name.clone().into(), digest.clone().into()])?;
/// // the order of the children does not matter
/// assert_eq!(Object::new(file, vec![digest.into(), name.into()])?.hash(), object.hash());
/// # Ok::<(), tahoe_core::InvalidObject>(())
/// ```
#[derive(Debug, Clone)]
pub struct Object(Arc<ObjectParts>);

#[derive(Debug)]
struct ObjectParts {
    sub_type: SubType,
    children: Children,
    hash: Hash,
}

/// A part of an object, event or session: an attribute or an object.
#[derive(Debug, Clone)]
pub enum Node {
    /// A leaf of the tree.
    Attribute(Attribute),
    /// An object, with further nodes below.
    Object(Object),
}

/// The reason why children make no object, event or session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObject {
    /// There are no children.
    #[error("{0} has no children")]
    Empty(SubType),
    /// A child is missing from which the unique string is made.
    #[error("{sub_type} has no attribute {missing}")]
    Lacks {
        /// The sub_type of the object.
        sub_type: SubType,
        /// The child's sub_type.
        missing: &'static str,
    },
    /// The children are nested too deeply.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

impl Attribute {
    /// Makes an attribute, with its hash.
    pub fn new(sub_type: SubType, data: impl Into<Scalar>) -> Self {
        let data = data.into();
        let canonical = canonical::canonical_scalar(&data);
        let hash = Hash::of(&["attribute", sub_type.as_str(), &canonical]);
        Self(Arc::new(AttributeParts {
            sub_type,
            data,
            canonical,
            hash,
        }))
    }

    /// Returns the type of the value.
    pub fn sub_type(&self) -> &SubType {
        &self.0.sub_type
    }

    /// Returns the value.
    pub fn data(&self) -> &Scalar {
        &self.0.data
    }

    /// Returns the attribute's hash.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }
}

impl Object {
    /// Makes the object of these children. Of equal ones, the first is kept.
    ///
    /// A `query`, `cybexp_user`, `cybexp_superuser` or `cybexp_org` is identified by some of its children, as TAHOE
    /// defines it.
    pub fn new(sub_type: SubType, children: Vec<Node>) -> Result<Self, InvalidObject> {
        let children = Children::new(&sub_type, children)?;
        let hash = children.object_hash(&sub_type)?;
        Ok(Self(Arc::new(ObjectParts {
            sub_type,
            children,
            hash,
        })))
    }

    /// Returns the object's type, such as `file`.
    pub fn sub_type(&self) -> &SubType {
        &self.0.sub_type
    }

    /// Returns the object's hash.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    /// Returns the attributes and objects that the object is made of.
    pub fn children(&self) -> &Children {
        &self.0.children
    }
}

impl Node {
    /// Returns the type of the attribute or object.
    pub fn sub_type(&self) -> &SubType {
        match self {
            Self::Attribute(attribute) => attribute.sub_type(),
            Self::Object(object) => object.sub_type(),
        }
    }

    /// Returns the node's hash.
    pub fn hash(&self) -> Hash {
        match self {
            Self::Attribute(attribute) => attribute.hash(),
            Self::Object(object) => object.hash(),
        }
    }

    fn canonical(&self) -> &str {
        match self {
            Self::Attribute(attribute) => &attribute.0.canonical,
            Self::Object(object) => &object.0.children.canonical,
        }
    }
}

impl From<Attribute> for Node {
    fn from(attribute: Attribute) -> Self {
        Self::Attribute(attribute)
    }
}

impl From<Object> for Node {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

/// The children of an object, event or session, ordered by sub_type, with the hashes and the canonical form computed
/// from them.
#[derive(Debug, Clone)]
pub struct Children {
    by_type: BTreeMap<SubType, Vec<Node>>,
    cref: Vec<Hash>,
    refs: Vec<Hash>,
    canonical: String,
}

impl Children {
    pub(crate) fn new(owner: &SubType, nodes: Vec<Node>) -> Result<Self, InvalidObject> {
        if nodes.is_empty() {
            return Err(InvalidObject::Empty(owner.clone()));
        }
        let mut cref = BTreeSet::new();
        let mut refs = BTreeSet::new();
        let mut by_type: BTreeMap<SubType, Vec<Node>> = BTreeMap::new();
        for node in nodes {
            if cref.insert(node.hash()) {
                refs.insert(node.hash());
                if let Node::Object(object) = &node {
                    refs.extend(object.children().refs());
                }
                by_type
                    .entry(node.sub_type().clone())
                    .or_default()
                    .push(node);
            }
        }
        let forms: Vec<String> = by_type
            .values()
            .map(|nodes| canonical::list(nodes.iter().map(|n| n.canonical().to_owned()).collect()))
            .collect::<Result<_, _>>()?;
        let canonical = canonical::object(
            by_type
                .keys()
                .map(SubType::as_str)
                .zip(forms.iter().map(String::as_str)),
        )?;
        Ok(Self {
            by_type,
            cref: cref.into_iter().collect(),
            refs: refs.into_iter().collect(),
            canonical,
        })
    }

    /// Returns the hashes of the children, sorted: `_cref`.
    pub fn cref(&self) -> &[Hash] {
        &self.cref
    }

    /// Returns the hashes of all descendants, sorted: `_ref`.
    pub fn refs(&self) -> &[Hash] {
        &self.refs
    }

    /// Returns the canonical form of `data`.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the children, ordered by sub_type.
    pub fn iter(&self) -> impl Iterator<Item = &Node> {
        self.by_type.values().flatten()
    }

    /// Returns the data of the first child attribute of this sub_type.
    pub fn attribute(&self, sub_type: &str) -> Option<&Scalar> {
        self.iter().find_map(|node| match node {
            Node::Attribute(attribute) if attribute.sub_type().as_str() == sub_type => {
                Some(attribute.data())
            }
            _ => None,
        })
    }

    /// Returns the first child object of this sub_type.
    pub fn object(&self, sub_type: &str) -> Option<&Object> {
        self.iter().find_map(|node| match node {
            Node::Object(object) if object.sub_type().as_str() == sub_type => Some(object),
            _ => None,
        })
    }

    /// Returns the hash of the unique string of an object of these children.
    fn object_hash(&self, sub_type: &SubType) -> Result<Hash, InvalidObject> {
        let text = |missing: &'static str| {
            let scalar = self.attribute(missing).ok_or(InvalidObject::Lacks {
                sub_type: sub_type.clone(),
                missing,
            })?;
            Ok::<_, InvalidObject>(scalar.to_string())
        };
        let name = sub_type.as_str();
        let unique = match name {
            "query" => {
                let hour = match self.attribute("timestamp") {
                    Some(Scalar::Float(seconds)) => (seconds.get() as i64).div_euclid(3600),
                    Some(Scalar::Int(seconds)) => seconds.div_euclid(3600),
                    _ => text("timestamp").map(|_| 0)?,
                };
                text("qtype")? + &text("qhash")? + &text("userid")? + &hour.to_string()
            }
            "cybexp_user" | "cybexp_superuser" => text("email_addr")?,
            "cybexp_org" => text("orgname")?,
            _ => return Ok(Hash::of(&["object", name, &self.canonical])),
        };
        Ok(Hash::of(&["object", name, &unique]))
    }
}

impl Serialize for Children {
    /// Writes `data`: {child sub_type: [child data, …]}.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.by_type.len()))?;
        for (sub_type, nodes) in &self.by_type {
            map.serialize_entry(sub_type, nodes)?;
        }
        map.end()
    }
}

impl Serialize for Node {
    /// Writes the node as it stands in the `data` of its parent.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Attribute(attribute) => attribute.data().serialize(serializer),
            Self::Object(object) => object.children().serialize(serializer),
        }
    }
}

/// The document of an attribute.
impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("itype", "attribute")?;
        map.serialize_entry("sub_type", self.sub_type())?;
        map.serialize_entry("data", self.data())?;
        map.serialize_entry("_hash", &self.hash())?;
        map.end()
    }
}

/// The document of an object.
impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(6))?;
        map.serialize_entry("itype", "object")?;
        map.serialize_entry("sub_type", self.sub_type())?;
        map.serialize_entry("data", self.children())?;
        map.serialize_entry("_cref", self.children().cref())?;
        map.serialize_entry("_ref", self.children().refs())?;
        map.serialize_entry("_hash", &self.hash())?;
        map.end()
    }
}
