//! A bundle of an answer: of the documents of events and sessions that a question gave.
//!
//! An answer shows its asker all that they may see. A bundle leaves, so it holds only events of labels that may leave, and
//! tells nothing that other events say: of sessions which of these events they hold, and verdicts about their values.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::{Map, Value};
use tahoe_core::{Attribute, Scalar, SubType, Tlp};

use crate::stix::bundle::StixBundle;
use crate::stix::creator::Creator;
use crate::stix::observable::Observable;
use crate::stix::observed::{ObservedEvent, ObservedSession};

/// Sub_types of a verdict's event that are not the value judged.
const OF_VERDICT: [&str; 3] = ["verdict", "reason", "analyst"];

/// A bundle of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerBundle {
    /// The bundle.
    pub bundle: Value,
    /// The number of events that may not leave.
    pub left_out: u64,
}

/// Makes the bundle of the documents of an answer. `may` is the strictest label that it may hold. All of it has the strictest
/// label of what is in it.
pub fn of_documents(documents: &[Value], creator: Creator, may: Tlp) -> AnswerBundle {
    let of = |itype: &'static str| {
        documents
            .iter()
            .filter(move |document| document["itype"] == itype)
    };
    let observed = of("event").filter(|event| event["derived"] != true);
    let (told, untold): (Vec<&Value>, Vec<&Value>) =
        observed.partition(|event| label(event) <= may);
    let strictest = told.iter().map(|event| label(event)).max();
    let mut making = Making {
        bundle: StixBundle::new(creator, strictest.unwrap_or_default()),
        ids: HashMap::new(),
    };
    for event in told {
        making.event(event);
    }
    for session in of("session") {
        making.session(session);
    }
    for verdict in
        of("event").filter(|event| event["derived"] == true && event["sub_type"] == "verdict")
    {
        making.verdict(verdict);
    }
    AnswerBundle {
        bundle: making.bundle.end(),
        left_out: untold.len() as u64,
    }
}

/// Returns the label of a document; one without a label is for everybody.
fn label(document: &Value) -> Tlp {
    match &document["tlp"] {
        Value::Null => Tlp::Clear,
        text => Tlp::stored(text.as_str().unwrap_or_default()),
    }
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

struct Making<'a> {
    bundle: StixBundle,
    /// The ids of observed data, with its time, by the hash of its event.
    ids: HashMap<&'a str, (String, f64)>,
}

/// The fields that events and sessions have.
fn fields(document: &Value) -> Option<(&str, &str, &Map<String, Value>)> {
    let text = |name: &str| document[name].as_str();
    Some((
        text("_hash")?,
        text("sub_type")?,
        document["data"].as_object()?,
    ))
}

impl<'a> Making<'a> {
    fn event(&mut self, event: &'a Value) {
        let Some((hash, sub_type, data)) = fields(event) else {
            return;
        };
        let observed = ObservedEvent {
            hash,
            sub_type,
            timestamp: event["timestamp"].as_f64().unwrap_or_default(),
            data,
        };
        let bad: HashSet<&str> = texts(&event["_mal_ref"]).collect();
        let is_bad = |sub_type: &str, data: &Scalar| {
            let sub_type = SubType::new(sub_type).ok();
            let hash = sub_type.map(|sub_type| Attribute::new(sub_type, data.clone()).hash());
            hash.is_some_and(|hash| bad.contains(hash.to_string().as_str()))
        };
        if let Some(id) = self.bundle.add_event(&observed, is_bad) {
            self.ids.insert(hash, (id, observed.timestamp));
        }
    }

    /// Adds a session as a grouping of those of its events that leave. What it is known by, and its times, may be those of
    /// others.
    fn session(&mut self, session: &Value) {
        let Some((hash, sub_type, _)) = fields(session) else {
            return;
        };
        let told = texts(&session["_ref"]).filter_map(|hash| self.ids.get(hash));
        let (ids, times): (Vec<String>, Vec<f64>) = told.cloned().unzip();
        let first = times.iter().copied().reduce(f64::min);
        let last = times.iter().copied().reduce(f64::max);
        if let Some(times) = first.zip(last) {
            let told = ObservedSession {
                hash,
                sub_type,
                times,
                data: &Map::new(),
            };
            self.bundle.add_session(&told, &ids);
        }
    }

    fn verdict(&mut self, event: &Value) {
        let Some((_, _, data)) = fields(event) else {
            return;
        };
        let first = |name: &str| {
            data.get(name)
                .and_then(|list| list[0].as_str())
                .unwrap_or_default()
        };
        let values: BTreeMap<&String, &Value> = data
            .iter()
            .filter(|(name, _)| !OF_VERDICT.contains(&name.as_str()))
            .collect();
        for (sub_type, values) in values {
            for value in values.as_array().into_iter().flatten() {
                let Ok(value) = Scalar::try_from(value) else {
                    continue;
                };
                if self.bundle.holds(Observable::of(sub_type, &value).id()) {
                    let at = event["timestamp"].as_f64().unwrap_or_default();
                    self.bundle.add_verdict(
                        (sub_type, &value),
                        first("verdict"),
                        first("reason"),
                        at,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(address: &str, tlp: Option<&str>) -> Value {
        let ip = Attribute::new(SubType::from_static("ipv4"), address);
        let mut event = json!({"itype": "event", "sub_type": "ssh", "_hash": format!("{address}-hash"), "timestamp": 5.0,
            "data": {"ipv4": [address]}, "_mal_ref": [ip.hash().to_string()]});
        if let Some(tlp) = tlp {
            event["tlp"] = tlp.into();
        }
        event
    }

    fn made(documents: &[Value], may: Tlp) -> (String, u64) {
        let made = of_documents(documents, Creator::new("Example Org", 0.0), may);
        (made.bundle.to_string(), made.left_out)
    }

    #[test]
    fn only_what_may_leave_is_told() {
        let session = |address: &str| {
            json!({"itype": "session", "sub_type": "cowrie_session", "_hash": format!("{address}-session"), "start_time": 5.0,
                "data": {"sessionid": [format!("{address}-id")]}, "_ref": ["x", format!("{address}-hash")]})
        };
        let verdict = |address: &str| {
            json!({"itype": "event", "sub_type": "verdict", "derived": true, "_hash": "v", "timestamp": 6.0,
                "data": {"ipv4": [address], "verdict": ["malicious"], "reason": [format!("seen {address}")], "analyst": ["jdoe"]}})
        };
        let mut all = Vec::new();
        for (address, tlp) in [
            ("203.0.113.1", None),
            ("203.0.113.2", Some("green")),
            ("203.0.113.3", Some("red")),
            ("203.0.113.4", Some("odd")),
        ] {
            all.extend([event(address, tlp), session(address), verdict(address)]);
        }
        all.push(json!({"itype": "event", "sub_type": "geoip", "derived": true, "_hash": "g", "timestamp": 0.0, "data": {"ipv4": ["203.0.113.5"]}}));
        all.push(
            json!({"itype": "attribute", "sub_type": "ipv4", "data": "203.0.113.6", "_hash": "a"}),
        );
        for (may, told, left_out, label) in [
            (Tlp::Clear, 1, 3, "TLP:WHITE"),
            (Tlp::Green, 2, 2, "TLP:GREEN"),
            (Tlp::AmberStrict, 2, 2, "TLP:GREEN"),
            (Tlp::Red, 4, 0, "TLP:RED"),
        ] {
            let (text, left) = made(&all, may);
            assert_eq!(left, left_out, "{may}");
            assert!(text.contains(label), "{may}: {text}");
            for n in 1..=6 {
                assert_eq!(
                    text.contains(&format!("203.0.113.{n}")),
                    n <= told,
                    "{may}: 203.0.113.{n}"
                );
            }
            assert_eq!(text.matches("\"type\":\"opinion\"").count(), told, "{may}");
            assert_eq!(text.matches("\"type\":\"grouping\"").count(), told, "{may}");
            assert_eq!(text.matches("\"type\":\"sighting\"").count(), told, "{may}");
        }
    }

    #[test]
    fn documents_of_other_shapes_are_no_harm() {
        let odd = [
            json!(null),
            json!([]),
            json!({"itype": "event"}),
            json!({"itype": "session", "_ref": 5}),
            json!({"itype": "event", "tlp": 5}),
        ];
        assert_eq!(made(&odd, Tlp::Clear).1, 1);
    }
}
