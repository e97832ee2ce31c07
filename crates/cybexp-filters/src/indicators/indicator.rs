//! An indicator in a text, with its kind.

use tahoe_core::Attribute;

use crate::{url, vocab};

/// The kind of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A URL as it was seen, defanged or not; also a defanged host, and `host/path` behind a command such as `wget`.
    Url,
    /// An ipv4, an ipv6, or a network (cidr).
    Address,
    /// A hostname that a command connects to.
    Host,
    /// An md5, sha1, sha256 or sha512.
    Digest,
    /// An email_addr.
    Mail,
}

/// An indicator found in a text.
#[derive(Debug, Clone)]
pub(crate) struct Indicator {
    pub(crate) kind: Kind,
    pub(crate) attribute: Attribute,
    /// Attributes for unknown context: a URL's hostname or address and registered domain, a hostname's domain.
    pub(crate) about: Vec<Attribute>,
}

impl Indicator {
    pub(super) fn new(kind: Kind, attribute: Attribute) -> Self {
        let about = Vec::new();
        Self {
            kind,
            attribute,
            about,
        }
    }

    pub(super) fn url(seen: &str) -> Self {
        Self {
            kind: Kind::Url,
            attribute: Attribute::new(vocab::URL, seen),
            about: url::host_attributes(seen),
        }
    }
}
