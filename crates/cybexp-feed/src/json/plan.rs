//! The list that is read of a document, and the values beside it.

use serde_json::Value;

use super::place::JsonPath;
use crate::limits::RECORD_BYTES;

/// Names the list to read of a document, and the values to read beside it.
#[derive(Debug, Clone)]
pub struct ListPlan {
    pub(super) place: JsonPath,
    pub(super) or_top: bool,
    pub(super) lenient: bool,
    pub(super) key_as: Option<String>,
    pub(super) beside: Vec<JsonPath>,
    pub(crate) most: usize,
}

impl ListPlan {
    /// The list at the place that these keys lead to, with dots between them; the document itself for `` and `.`.
    pub fn list(path: &str) -> Self {
        Self {
            place: JsonPath::path(path),
            or_top: false,
            lenient: false,
            key_as: None,
            beside: Vec::new(),
            most: RECORD_BYTES,
        }
    }

    /// Leaves out elements of more bytes than this, instead of those that no record can hold.
    pub fn elements_up_to(self, most: usize) -> Self {
        Self { most, ..self }
    }

    /// Also accepts the document itself, where that is a list.
    pub fn or_top(self) -> Self {
        Self {
            or_top: true,
            ..self
        }
    }

    /// Also accepts the shapes that APIs give in place of a list: nothing, for no elements; an object of ids, or of ids and lists; one record after
    /// the other, with or without lines. An object of ids has its keys under the name `key_as` in its elements.
    pub fn lenient(self, key_as: Option<String>) -> Self {
        Self {
            lenient: true,
            key_as,
            ..self
        }
    }

    /// Also reads the values at these paths.
    pub fn beside(self, beside: Vec<JsonPath>) -> Self {
        Self { beside, ..self }
    }
}

/// Values found beside the list.
#[derive(Debug, Default)]
pub struct Beside {
    /// The values that were asked for, each with the number of its place, in the order of the document.
    pub values: Vec<(usize, Value)>,
    /// The list's name, where there is none, which counts as an empty one.
    pub absent: Option<String>,
}
