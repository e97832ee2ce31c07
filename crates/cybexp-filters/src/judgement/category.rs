//! The record of another category, or other contexts, for an event.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use tahoe_core::{Attribute, Category, Hash, Scalar, SubType, Value};

use super::{CONTEXTS, check};
use crate::{excerpt, vocabulary};

/// Another category or other contexts for an event, as the API submits them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CategoryRecord {
    /// The event.
    pub _hash: Hash,
    /// The category; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Category>,
    /// The contexts of instances to which the event refers. Others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<ContextRecord>,
    /// The reason; may be empty.
    pub reason: String,
    /// The mail address of who judged.
    pub analyst: String,
    /// The time of the judgement, in Unix seconds. It makes two judgements with equal content two records; their order is
    /// that of the submissions.
    pub at: f64,
}

/// The context of one instance in an event: an attribute by `sub_type` and `data`, or any instance by `_hash`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextRecord {
    /// The sub_type of an attribute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_type: Option<String>,
    /// The value of an attribute, however it is spelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
    /// The hash of an attribute or object, in place of the two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub _hash: Option<Hash>,
    /// The context in which the event has it.
    pub context: Category,
}

/// A checked change.
#[derive(Debug, Clone, PartialEq)]
pub struct CategoryChange {
    /// The event.
    pub event: Hash,
    /// The category, if it changes.
    pub category: Option<Category>,
    /// Contexts, each of all forms that a named value may have in the event.
    pub contexts: Vec<(Vec<Hash>, Category)>,
}

impl CategoryRecord {
    /// Reads a record.
    ///
    /// # Errors
    /// If a field is missing, unknown or wrong.
    pub fn read(data: &Value) -> Result<Self, String> {
        Self::deserialize(data).map_err(|error| format!("no change of category: {error}"))
    }

    /// Checks the record.
    ///
    /// # Errors
    /// If a field is wrong. The reason names it.
    pub fn change(&self) -> Result<CategoryChange, String> {
        check(&self.reason, &self.analyst)?;
        if self.category.is_none() && self.context.is_empty() {
            return Err("field category: is missing, and so is context".to_owned());
        }
        if self.context.len() > CONTEXTS {
            return Err(format!(
                "field context: names more than {CONTEXTS} instances"
            ));
        }
        let mut contexts = Vec::with_capacity(self.context.len());
        let mut seen: HashMap<Hash, Category> = HashMap::new();
        for (n, one) in self.context.iter().enumerate() {
            let forms = one
                .forms()
                .map_err(|reason| format!("field context[{n}].{reason}"))?;
            for form in &forms {
                if seen
                    .insert(*form, one.context)
                    .is_some_and(|other| other != one.context)
                {
                    return Err(format!(
                        "field context[{n}]: is given twice, in two contexts"
                    ));
                }
            }
            contexts.push((forms, one.context));
        }
        Ok(CategoryChange {
            event: self._hash,
            category: self.category,
            contexts,
        })
    }
}

impl ContextRecord {
    /// Returns the hashes that the instance may have. The reason of an error begins with a field's name.
    fn forms(&self) -> Result<Vec<Hash>, String> {
        let (sub_type, data) = match (&self._hash, &self.sub_type, &self.data) {
            (Some(hash), None, None) => return Ok(vec![*hash]),
            (None, Some(sub_type), Some(data)) => (sub_type, data),
            (Some(_), ..) => {
                return Err("_hash: stands in place of sub_type and data".to_owned());
            }
            (None, None, _) => return Err("sub_type: is missing".to_owned()),
            (None, Some(_), None) => return Err("data: is missing".to_owned()),
        };
        let sub_type = SubType::new(sub_type).map_err(|error| format!("sub_type: {error}"))?;
        let value = Scalar::try_from(data).map_err(|error| format!("data: {error}"))?;
        let forms = vocabulary::forms(&sub_type, &value)
            .map_err(|unfit| format!("data: {} {unfit}", excerpt(&value.to_string())))?;
        Ok(forms.iter().map(Attribute::hash).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(context: Value) -> Result<CategoryChange, String> {
        let hash = Hash::of(&["event"]);
        let record = json!({
            "_hash": hash, "context": context, "reason": "", "analyst": "a@b.example", "at": 1.5,
        });
        CategoryRecord::read(&record)?.change()
    }

    #[test]
    fn an_instance_is_named_by_value_or_hash() {
        let object = Hash::of(&["object"]);
        let change = record(json!([
            {"sub_type": "port", "data": "22", "context": "benign"},
            {"_hash": object, "context": "malicious"},
        ]));
        let change = change.unwrap();
        let port = Attribute::new(SubType::from_static("port"), 22_i64);
        assert!(change.contexts[0].0.contains(&port.hash()));
        assert_eq!(change.contexts[1], (vec![object], Category::Malicious));
        assert_eq!(change.category, None);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_field() {
        let url = |context: &str| json!({"sub_type": "url", "data": "http://a.example/", "context": context});
        for (context, reason) in [
            (json!([]), "field category: is missing, and so is context"),
            (
                json!([{"sub_type": "url", "context": "benign"}]),
                "field context[0].data: is missing",
            ),
            (
                json!([url("benign"), {"sub_type": "ipv4", "data": "x", "context": "benign"}]),
                "field context[1].data: `x` is not an IPv4 address",
            ),
            (
                json!([url("benign"), url("unknown")]),
                "field context[1]: is given twice, in two contexts",
            ),
            (
                json!([{"_hash": Hash::of(&["a"]), "data": 1, "context": "benign"}]),
                "field context[0]._hash: stands in place of sub_type and data",
            ),
            (
                json!(vec![url("benign"); CONTEXTS + 1]),
                "field context: names more",
            ),
            (
                json!([{"_hash": "00", "context": "benign"}]),
                "no change of category: ",
            ),
            (json!([url("evil")]), "no change of category: "),
        ] {
            let refused = record(context).unwrap_err();
            assert!(refused.starts_with(reason), "{refused}");
        }
    }
}
