//! What was read of a value.

use tahoe_core::Attribute;

/// The attributes that a value is.
#[derive(Default)]
pub(super) struct Reading {
    /// What the type promises; it takes the attribute's flag.
    pub(super) values: Vec<Attribute>,
    /// What stands with it and is never flagged: a port, a name.
    pub(super) with: Vec<Attribute>,
    /// What it tells besides, on the event in unknown context: the registered domain of a host.
    pub(super) beside: Vec<Attribute>,
    /// Whether words of the value are in none of these.
    pub(super) has_label: bool,
}

impl Reading {
    /// The reading of a value that is one attribute.
    pub(super) fn one(attribute: Attribute) -> Self {
        Self {
            values: vec![attribute],
            ..Self::default()
        }
    }
}
