//! Fields of a question that take one of a few names.

/// The context in which an event refers to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// Any context: `_ref`.
    All,
    /// Malicious, part of the attack: `_mal_ref`.
    Malicious,
    /// Benign: `_ben_ref`.
    Benign,
    /// In `_ref`, but in neither of the others.
    Unknown,
}

impl Context {
    /// Returns the name of the context in questions.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Malicious => "malicious",
            Self::Benign => "benign",
            Self::Unknown => "unknown",
        }
    }
}

/// A kind of instance that a related query can be narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReturnType {
    /// Attributes.
    Attribute,
    /// Objects.
    Object,
    /// Events.
    Event,
    /// Sessions.
    Session,
}

impl ReturnType {
    pub(super) const ALL: [Self; 4] = [Self::Attribute, Self::Object, Self::Event, Self::Session];

    /// Returns the `itype` of such instances, as in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Object => "object",
            Self::Event => "event",
            Self::Session => "session",
        }
    }
}
