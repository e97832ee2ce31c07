//! Something that a text names, with what it tells besides.

use tahoe_core::Attribute;

use crate::{url, vocab};

/// The kind of thing that an indicator is.
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

/// Something that a text names.
#[derive(Debug, Clone)]
pub(crate) struct Indicator {
    pub(crate) kind: Kind,
    pub(crate) attribute: Attribute,
    /// Of a URL its hostname or address and its registered domain, of a hostname its domain: for unknown context.
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
