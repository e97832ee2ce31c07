//! Reading documents of archives that others wrote. An instance is built from its `data` alone and must have the hash
//! that the document claims; its lists of hashes are made anew, so an error in them costs nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::event::{Category, Event};
use crate::hash::Hash;
use crate::instance::Instance;
use crate::node::{Attribute, Children, Object};
use crate::org_id::OrgId;
use crate::raw::Raw;
use crate::read::{DocumentError, Fields, bare_event, with_times};
use crate::scalar::Scalar;
use crate::session::Session;
use crate::sub_type::SubType;

type Read<T> = Result<T, DocumentError>;

/// An instance that was built from a document's `data`.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    /// The instance. A session has no events.
    pub instance: Instance,
    /// The hashes that the document's lists hold besides those of its data: for a session its events, for a raw all that
    /// was made from it, for the others references to nothing that they consist of.
    pub further: BTreeSet<Hash>,
    /// The number of elements in the document's lists that are no hashes.
    pub no_hashes: u64,
}

impl Instance {
    /// Builds an instance from the `data` of its document. Lists of hashes may be missing or wrong, as may the category
    /// of an event and the time zone of a raw, for which `unknown` and UTC stand in.
    ///
    /// # Errors
    /// If the data makes no instance, or one with another hash than the document claims.
    pub fn rebuild(document: &Value) -> Read<Rebuilt> {
        let fields = Fields::of(document)?;
        let itype = fields.text("itype")?;
        let sub_type = SubType::new(fields.text("sub_type")?)?;
        let mut lists = Lists::of(&fields);
        let instance = match itype {
            "attribute" => {
                let data = Scalar::try_from(fields.get("data")?)?;
                Self::Attribute(Attribute::new(sub_type, data))
            }
            "object" => Self::Object(Object::new(sub_type, fields.children()?)?),
            "event" => Self::Event(event(&fields, sub_type, &mut lists)?),
            "session" => {
                let session = Session::new(sub_type, fields.children()?)?;
                Self::Session(with_times(&fields, session)?)
            }
            "raw" => {
                let timezone = fields.text("timezone").unwrap_or("UTC");
                Self::Raw(
                    Raw::new(
                        sub_type,
                        fields.get("data")?.clone(),
                        OrgId::new(fields.text("orgid")?)?,
                        timezone.to_owned(),
                        fields.timestamp("timestamp")?,
                    )?
                    .with_tlp(fields.tlp()),
                )
            }
            other => return Err(DocumentError::Itype(other.to_owned())),
        };
        fields.check_hash(instance.hash())?;
        if let Some(children) = children(&instance) {
            let own = children.refs();
            lists.hashes.retain(|hash| own.binary_search(hash).is_err());
        }
        Ok(Rebuilt {
            instance,
            further: lists.hashes,
            no_hashes: lists.no_hashes,
        })
    }
}

fn children(instance: &Instance) -> Option<&Children> {
    match instance {
        Instance::Object(object) => Some(object.children()),
        Instance::Event(event) => Some(event.children()),
        Instance::Session(session) => Some(session.children()),
        Instance::Attribute(_) | Instance::Raw(_) => None,
    }
}

/// Makes an event with those contexts that name its own descendants.
fn event(fields: &Fields<'_>, sub_type: SubType, lists: &mut Lists) -> Read<Event> {
    let event = bare_event(fields, sub_type)?;
    let mut context = |field| {
        let mut hashes = BTreeSet::new();
        lists.read(fields, field, &mut hashes);
        lists.hashes.extend(&hashes);
        hashes.retain(|hash| event.children().refs().binary_search(hash).is_ok());
        hashes
    };
    let (malicious, benign) = (context("_mal_ref"), context("_ben_ref"));
    let category = match fields.get("category") {
        Ok(_) => fields.text("category")?.parse()?,
        Err(_) => Category::Unknown,
    };
    Ok(event
        .with_category(category)
        .with_malicious(malicious)?
        .with_benign(benign)?)
}

/// The hashes in a document's lists.
struct Lists {
    hashes: BTreeSet<Hash>,
    no_hashes: u64,
}

impl Lists {
    fn of(fields: &Fields<'_>) -> Self {
        let mut lists = Self {
            hashes: BTreeSet::new(),
            no_hashes: 0,
        };
        let mut hashes = BTreeSet::new();
        lists.read(fields, "_cref", &mut hashes);
        lists.read(fields, "_ref", &mut hashes);
        lists.hashes = hashes;
        lists
    }

    fn read(&mut self, fields: &Fields<'_>, field: &'static str, into: &mut BTreeSet<Hash>) {
        let items = fields.get(field).ok().and_then(Value::as_array);
        for item in items.into_iter().flatten() {
            match item.as_str().and_then(|text| text.parse().ok()) {
                Some(hash) => drop(into.insert(hash)),
                None => self.no_hashes += 1,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn attacker() -> Object {
        let ip = Attribute::new(SubType::from_static("ipv4"), "203.0.113.9");
        Object::new(SubType::from_static("attacker"), vec![ip.into()]).unwrap()
    }

    #[test]
    fn lists_are_made_anew_and_what_was_strange_in_them_is_told() {
        let object = attacker();
        let stranger = Hash::of(&["stranger"]);
        let mut document = serde_json::to_value(&object).unwrap();
        document["_cref"] = json!([]);
        document["_ref"] = json!([stranger.to_string(), 5, object.children().refs()[0]]);
        let rebuilt = Instance::rebuild(&document).unwrap();
        let Instance::Object(same) = &rebuilt.instance else {
            panic!("{rebuilt:?}");
        };
        assert_eq!(same.children().refs(), object.children().refs());
        assert_eq!(rebuilt.further, BTreeSet::from([stranger]));
        assert_eq!(rebuilt.no_hashes, 1);
    }

    #[test]
    fn a_context_holds_only_what_the_event_consists_of() {
        let (object, stranger) = (attacker(), Hash::of(&["stranger"]));
        let at = crate::scalar::Timestamp::new(5.0).unwrap();
        let orgid = OrgId::new("unr").unwrap();
        let event = Event::new(
            SubType::from_static("ssh"),
            orgid,
            at,
            vec![object.clone().into()],
        );
        let mut document = serde_json::to_value(event.unwrap()).unwrap();
        document["_mal_ref"] = json!([object.hash(), stranger]);
        document.as_object_mut().unwrap().remove("category");
        let rebuilt = Instance::rebuild(&document).unwrap();
        let Instance::Event(event) = &rebuilt.instance else {
            panic!("{rebuilt:?}");
        };
        assert_eq!(event.malicious(), [object.hash()]);
        assert_eq!(event.category(), Category::Unknown);
        assert_eq!(rebuilt.further, BTreeSet::from([stranger]));
    }

    #[test]
    fn another_hash_is_an_error() {
        let mut document = serde_json::to_value(attacker()).unwrap();
        document["data"]["ipv4"] = json!(["203.0.113.10"]);
        let error = Instance::rebuild(&document).unwrap_err();
        assert!(
            matches!(error, DocumentError::HashMismatch { .. }),
            "{error}"
        );
    }
}
