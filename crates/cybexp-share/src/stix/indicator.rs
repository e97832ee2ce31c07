//! Indicators, and relationships between objects.

use serde_json::{Value, json};

use crate::ident::Uuid;
use crate::stix::creator::Creator;
use crate::stix::marking::marking_id;
use crate::stix::observable::Observable;
use crate::text;
use crate::time;
use tahoe_core::Tlp;

/// The content of an indicator besides its pattern.
#[derive(Debug, Clone, Copy)]
pub struct Indicated<'a> {
    /// Name of what the indicator is a part of: objects of two scopes are two, for they change apart.
    pub scope: &'a str,
    /// The indicator's name.
    pub name: &'a str,
    /// Why it is one, for people.
    pub description: &'a str,
    /// When it was made, in Unix seconds.
    pub created: f64,
    /// When it last changed, in Unix seconds.
    pub modified: f64,
    /// The time from which on it holds, in Unix seconds.
    pub valid_from: f64,
    /// The label.
    pub tlp: Tlp,
}

/// Returns the fields that all objects of an organisation have.
pub(crate) fn common(
    kind: &str,
    made_of: &[&str],
    (created, modified): (f64, f64),
    tlp: Tlp,
    creator: &Creator,
) -> Value {
    let mut parts = vec![kind, creator.id()];
    parts.extend(made_of);
    json!({
        "type": kind, "spec_version": "2.1", "id": format!("{kind}--{}", Uuid::random_like(&parts)),
        "created_by_ref": creator.id(), "created": time::millis(created),
        "modified": time::millis(modified.max(created)), "object_marking_refs": [marking_id(tlp)],
    })
}

/// Returns the indicator of an observable. One without a pattern of its own matches its id.
pub fn indicator(observable: &Observable, told: &Indicated<'_>, creator: &Creator) -> Value {
    let own = || {
        let (kind, _) = observable.id().split_once("--").unwrap_or_default();
        crate::stix::pattern::equals(&format!("{kind}:id"), observable.id())
    };
    let pattern = observable.pattern().map_or_else(own, str::to_owned);
    let times = (told.created, told.modified);
    let mut object = common(
        "indicator",
        &[told.scope, &pattern],
        times,
        told.tlp,
        creator,
    );
    object["name"] = text::comment(told.name).into();
    let description = text::comment(told.description);
    object["description"] = match description.is_empty() {
        true => "seen in malicious context".into(),
        false => description.into(),
    };
    object["indicator_types"] = json!(["malicious-activity"]);
    object["pattern"] = pattern.into();
    object["pattern_type"] = "stix".into();
    object["pattern_version"] = "2.1".into();
    object["valid_from"] = time::millis(told.valid_from).into();
    object
}

/// Returns a relationship from an object to the object of an id.
pub fn relationship(
    from: &Value,
    kind: &str,
    to: &str,
    told: &Indicated<'_>,
    creator: &Creator,
) -> Value {
    let from = from["id"].as_str().unwrap_or_default();
    let times = (told.created, told.created);
    let mut object = common("relationship", &[from, kind, to], times, told.tlp, creator);
    object["relationship_type"] = kind.into();
    object["source_ref"] = from.into();
    object["target_ref"] = to.into();
    object
}
