//! Markings of the Traffic Light Protocol.

use std::collections::HashMap;

use tahoe_core::{Tlp, Value};

use super::observable::texts;

/// Extension with which version 2 of the protocol is written.
const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// The marking definitions that all makers share and few send along: those of the specification (2.1, section 7.2.1.4), of
/// OASIS for version 2 of the protocol, and OpenCTI's of `AMBER+STRICT`.
const KNOWN: [(&str, Tlp); 10] = [
    ("613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::Clear),
    ("34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
    ("826578e1-40ad-459f-bc73-ede076f81f37", Tlp::AmberStrict),
];

/// Returns the label that an object gives itself: the strictest of its markings, those of its parts, and labels as MISP
/// writes them.
pub(super) fn of(object: &Value, known: &HashMap<&str, &Value>) -> Option<Tlp> {
    let granular = object.get("granular_markings").and_then(Value::as_array);
    let granular = granular.into_iter().flatten();
    let granular = granular.flat_map(|one| texts(one.get("marking_ref")));
    let ids = texts(object.get("object_marking_refs")).chain(granular);
    let marked = ids.filter_map(|id| of_id(id).or_else(|| of_definition(known.get(id)?)));
    let labelled = texts(object.get("labels")).filter_map(Tlp::of_tag);
    marked.chain(labelled).max()
}

fn of_id(id: &str) -> Option<Tlp> {
    let uuid = id.strip_prefix("marking-definition--")?;
    let known = KNOWN.iter().find(|(known, _)| *known == uuid);
    known.map(|(_, tlp)| *tlp)
}

/// Returns the label of a marking definition that came along; `None` if it is of another kind.
fn of_definition(definition: &Value) -> Option<Tlp> {
    let extension = definition.get("extensions").and_then(|all| all.get(TLP_2));
    let fields = [
        extension.and_then(|extension| extension.get("tlp_2_0")),
        definition.pointer("/definition/tlp"),
        definition
            .get("x_opencti_definition")
            .filter(|text| is_labelled(text)),
        definition.get("name").filter(|text| is_labelled(text)),
    ];
    let mut texts = fields.into_iter().flatten().filter_map(Value::as_str);
    // a label that cannot be read is a label all the same
    texts.next().map(Tlp::stored)
}

fn is_labelled(text: &Value) -> bool {
    let prefix = text.as_str().and_then(|text| text.get(..4));
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case("tlp:"))
}
