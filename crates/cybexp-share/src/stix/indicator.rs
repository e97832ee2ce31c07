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
pub(crate) struct Indicated<'a> {
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

/// Returns the id of an object of an organisation that is made of these parts.
pub(crate) fn id_of(kind: &str, made_of: &[&str], creator: &Creator) -> String {
    let mut parts = vec![kind, creator.id()];
    parts.extend(made_of);
    format!("{kind}--{}", Uuid::random_like(&parts))
}

/// Returns the fields that all objects of an organisation have.
pub(crate) fn common(
    id: &str,
    (created, modified): (f64, f64),
    tlp: Tlp,
    creator: &Creator,
) -> Value {
    let kind = id.split_once("--").map_or("", |(kind, _)| kind);
    json!({
        "type": kind, "spec_version": "2.1", "id": id,
        "created_by_ref": creator.id(), "created": time::millis(created),
        "modified": time::millis(modified.max(created)), "object_marking_refs": [marking_id(tlp)],
    })
}

/// Returns the indicator of an observable. One without a pattern of its own matches its id.
pub(crate) fn indicator(
    id: &str,
    observable: &Observable,
    told: &Indicated<'_>,
    creator: &Creator,
) -> Value {
    let own = || {
        let path = format!("{}:id", observable.kind());
        crate::stix::pattern::equals(&path, observable.id())
    };
    let pattern = observable.pattern().map_or_else(own, str::to_owned);
    let times = (told.created, told.modified);
    let mut object = common(id, times, told.tlp, creator);
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

/// Returns a relationship of this kind between the objects of two ids.
pub(crate) fn relationship(
    id: &str,
    (from, kind, to): (&str, &str, &str),
    told: &Indicated<'_>,
    creator: &Creator,
) -> Value {
    let times = (told.created, told.created);
    let mut object = common(id, times, told.tlp, creator);
    object["relationship_type"] = kind.into();
    object["source_ref"] = from.into();
    object["target_ref"] = to.into();
    object
}
