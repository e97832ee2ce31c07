//! Marking definitions of the Traffic Light Protocol.
//!
//! The specification defines four objects for version 1 of the protocol (section 7.2.1.4), which all software knows. `AMBER+STRICT` is
//! of version 2 only, and has the object of OASIS's common objects.

use serde_json::{Value, json};

use tahoe_core::Tlp;

/// The labels that have a marking definition, in order.
pub const MARKINGS: [Tlp; 5] = Tlp::ALL;

/// Extension that version 2 of the protocol is written with.
const TLP_2: &str = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d";

/// Returns the id of a label's marking definition.
pub fn marking_id(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Clear => "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9",
        Tlp::Green => "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
        Tlp::Amber => "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        Tlp::AmberStrict => "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
        Tlp::Red => "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
    }
}

/// Returns the marking definition of a label.
pub fn marking(tlp: Tlp) -> Value {
    let (name, definition) = match tlp {
        Tlp::Clear => ("TLP:WHITE", "white"),
        Tlp::Green => ("TLP:GREEN", "green"),
        Tlp::Amber => ("TLP:AMBER", "amber"),
        Tlp::Red => ("TLP:RED", "red"),
        Tlp::AmberStrict => {
            return json!({
                "type": "marking-definition", "spec_version": "2.1", "id": marking_id(tlp),
                "created": "2022-10-01T00:00:00.000Z", "name": "TLP:AMBER+STRICT",
                "extensions": {TLP_2: {"extension_type": "property-extension", "tlp_2_0": "amber+strict"}},
            });
        }
    };
    json!({
        "type": "marking-definition", "spec_version": "2.1", "id": marking_id(tlp),
        "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp", "name": name,
        "definition": {"tlp": definition},
    })
}
