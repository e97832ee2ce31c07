//! An event in a few words: what it was, and the values in it that people look at first.

use std::collections::HashSet;

use serde_json::{Value, json};
use tahoe_core::{Attribute, Event, Hash, Node};

/// The most values of a brief.
const VALUES: usize = 5;
/// The longest text of a value, in characters.
const CHARS: usize = 200;
/// The most attributes of an event that are looked at for its brief.
const LOOKED_AT: usize = 1000;
/// Types of values in the order in which they are told; the others follow.
const LEADING: [&str; 18] = [
    "ipv4",
    "ipv6",
    "shell_command",
    "username",
    "password",
    "url",
    "hostname",
    "domain",
    "email_addr",
    "subject",
    "sha256",
    "sha1",
    "md5",
    "filename",
    "cve_id",
    "hassh",
    "ssh_version",
    "port",
];

/// Makes the brief of an event.
pub(crate) fn brief(event: &Event) -> Value {
    let mut values: Vec<&Attribute> = attributes(event);
    let place = |sub_type: &str| LEADING.iter().position(|leading| *leading == sub_type);
    values.sort_by_key(|value| place(value.sub_type().as_str()).unwrap_or(LEADING.len()));
    let values = values.into_iter().take(VALUES).map(shown);
    let mut brief = json!({
        "_hash": event.hash().to_string(),
        "sub_type": event.sub_type().as_str(),
        "orgid": event.orgid().as_str(),
        "timestamp": event.timestamp().get(),
        "category": event.category().as_str(),
        "values": values.collect::<Vec<_>>(),
    });
    // by which the courier decides whether it may leave
    if let Some(tlp) = event.tlp() {
        brief["tlp"] = tlp.as_str().into();
    }
    brief
}

/// Returns the attributes in an event, each once.
fn attributes(event: &Event) -> Vec<&Attribute> {
    let (mut all, mut seen) = (Vec::new(), HashSet::<Hash>::new());
    let mut left: Vec<&Node> = event.children().iter().collect();
    left.reverse();
    while let Some(node) = left.pop()
        && seen.len() < LOOKED_AT
    {
        if !seen.insert(node.hash()) {
            continue;
        }
        match node {
            Node::Attribute(attribute) => all.push(attribute),
            Node::Object(object) => left.extend(object.children().iter()),
        }
    }
    all
}

fn shown(value: &Attribute) -> Value {
    let sub_type = value.sub_type().as_str();
    let data = value.data();
    match data
        .as_str()
        .and_then(|text| text.char_indices().nth(CHARS))
    {
        Some((end, _)) => {
            let text = data.as_str().and_then(|text| text.get(..end));
            json!({"sub_type": sub_type, "data": text, "cut": true})
        }
        None => json!({"sub_type": sub_type, "data": Value::from(data)}),
    }
}

#[cfg(test)]
mod tests {
    use tahoe_core::{Object, OrgId, SubType, Timestamp, Tlp};

    use super::*;

    fn attribute(sub_type: &'static str, data: &str) -> Node {
        Attribute::new(SubType::from_static(sub_type), data).into()
    }

    #[test]
    fn the_values_that_people_look_at_come_first() {
        let credential = vec![attribute("username", "root"), attribute("password", "123")];
        let attacker = vec![attribute("ipv4", "203.0.113.9")];
        let object = |name, nodes| Object::new(SubType::from_static(name), nodes).unwrap();
        let children = vec![
            attribute("body", &"ä".repeat(300)),
            attribute("method", "ssh"),
            object("credential", credential).into(),
            object("attacker", attacker.clone()).into(),
            attribute("aaa", "first by name"),
            attacker[0].clone(),
        ];
        let org = OrgId::new("unr").unwrap();
        let at = Timestamp::new(5.5).unwrap();
        let event = Event::new(SubType::from_static("ssh"), org, at, children).unwrap();
        let labelled = event.clone().with_tlp_at_least(Some(Tlp::Amber));
        assert_eq!(super::brief(&labelled)["tlp"], "amber");
        let brief = brief(&event);
        assert!(brief.get("tlp").is_none());
        let values: Vec<&str> = brief["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value["sub_type"].as_str().unwrap())
            .collect();
        assert_eq!(values, ["ipv4", "username", "password", "aaa", "body"]);
        assert_eq!(brief["values"][4]["data"], "ä".repeat(CHARS));
        assert_eq!(brief["values"][4]["cut"], true);
        assert_eq!(
            brief["values"][0],
            json!({"sub_type": "ipv4", "data": "203.0.113.9"})
        );
        assert_eq!(brief["_hash"], event.hash().to_string());
        assert_eq!(brief["timestamp"], 5.5);
        assert_eq!(brief["category"], "unknown");
        assert_eq!(brief.get("tlp"), None);
        let strict = event.with_tlp_at_least(Some(tahoe_core::Tlp::Red));
        assert_eq!(super::brief(&strict)["tlp"], "red");
    }
}
