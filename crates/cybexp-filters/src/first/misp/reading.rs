//! The result of reading a value.

use tahoe_core::Attribute;

/// The attributes read from a value.
#[derive(Default)]
pub(super) struct Reading {
    /// Attributes of the value's type; they take the flag of the MISP attribute.
    pub(super) values: Vec<Attribute>,
    /// Attributes that stand with them and are never flagged: a port, a name.
    pub(super) with: Vec<Attribute>,
    /// Attributes for the event, in unknown context: the registered domain of a host.
    pub(super) beside: Vec<Attribute>,
    /// Whether some words of the value are in none of these attributes.
    pub(super) has_label: bool,
}

impl Reading {
    /// A reading that is one attribute.
    pub(super) fn one(attribute: Attribute) -> Self {
        Self {
            values: vec![attribute],
            ..Self::default()
        }
    }
}
