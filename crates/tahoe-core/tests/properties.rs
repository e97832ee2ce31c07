#![allow(clippy::unwrap_used, missing_docs)]
//! Properties that hold for every value.

use proptest::prelude::*;
use serde_json::{Value, json};
use tahoe_core::{
    Attribute, Category, Event, Finite, Instance, Node, Object, OrgId, Query, Raw, Scalar, Session,
    SubType, canonical, json::parse, python_bytes, question::Question,
};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("JSON has no NaN", |f| f.is_finite())
            .prop_map(Value::from),
        any::<i32>().prop_map(|i| json!(f64::from(i))),
        ".{0,12}".prop_map(Value::from),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[^\0]{0,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn node() -> impl Strategy<Value = Node> {
    let attribute = ("[a-z_]{1,6}", scalar()).prop_map(|(sub_type, data)| {
        let scalar = Scalar::try_from(&data).unwrap();
        Attribute::new(SubType::new(&sub_type).unwrap(), scalar).into()
    });
    attribute.prop_recursive(3, 20, 4, |inner| {
        ("[a-z]{3,6}", prop::collection::vec(inner, 1..4)).prop_map(|(sub_type, children)| {
            let sub_type = SubType::new(&format!("o_{sub_type}")).unwrap();
            Object::new(sub_type, children).unwrap().into()
        })
    })
}

fn instance() -> impl Strategy<Value = Instance> {
    let nodes = || prop::collection::vec(node(), 1..5);
    let sub_type = || SubType::from_static("made");
    let finite = || any::<f64>().prop_filter_map("finite", |f| Finite::new(f).ok());
    prop_oneof![
        node().prop_map(Instance::from),
        (nodes(), finite()).prop_map(move |(children, at)| {
            let hashes = [children[0].hash()];
            let event = Event::new(sub_type(), OrgId::new("org").unwrap(), at, children).unwrap();
            let event = event.with_category(Category::Benign);
            Instance::Event(
                event
                    .with_malicious(hashes)
                    .unwrap()
                    .with_benign(hashes)
                    .unwrap(),
            )
        }),
        (nodes(), nodes(), finite()).prop_map(move |(children, events, at)| {
            let session = Session::new(sub_type(), children).unwrap();
            let session = session.with_events(events.iter().map(Node::hash));
            Instance::Session(session.with_start_time(at).with_duration(at))
        }),
        (json_value(), finite()).prop_map(move |(data, at)| {
            let orgid = OrgId::new("org").unwrap();
            Instance::Raw(Raw::new(sub_type(), data, orgid, "UTC".into(), Some(at)).unwrap())
        }),
    ]
}

fn reordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().rev().map(reordered).collect(),
        Value::Object(map) => {
            let entries = map.iter().rev();
            entries
                .map(|(key, value)| (key.clone(), reordered(value)))
                .collect()
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn canonical_is_stable_under_reordering(value in json_value()) {
        prop_assert_eq!(canonical(&reordered(&value)).unwrap(), canonical(&value).unwrap());
    }

    #[test]
    fn from_bson_and_back_changes_nothing(instance in instance()) {
        let bytes = bson::serialize_to_vec(&instance).unwrap();
        let document: Value = bson::deserialize_from_slice(&bytes).unwrap();
        prop_assert_eq!(&document, &serde_json::to_value(&instance).unwrap());
        let read = Instance::from_document(&document).unwrap();
        prop_assert_eq!(read.hash(), instance.hash());
        prop_assert_eq!(serde_json::to_value(&read).unwrap(), document);
        prop_assert_eq!(bson::serialize_to_vec(&read).unwrap(), bytes);
    }

    #[test]
    fn json_text_and_back_changes_nothing(value in json_value()) {
        prop_assert_eq!(parse(&value.to_string()).unwrap(), value);
    }

    #[test]
    fn parsing_any_text_never_panics(text in "\\PC{0,60}|[\\[\\]{}\",:0-9eE+\\-.\\\\uNaInfityd8]{0,40}") {
        let _ = parse(&text);
        let _ = python_bytes::parse(&text);
        let _ = Question::decode("related", &text, 0.0);
    }

    #[test]
    fn parsing_any_json_never_panics(value in json_value(), itype in 0..6, field in json_value()) {
        let _ = Instance::from_document(&value);
        let _ = Query::from_document(&value);
        let itype = ["attribute", "object", "event", "session", "raw", "x"][itype as usize];
        let _ = Instance::from_document(&json!({
            "itype": itype, "sub_type": "a", "orgid": field, "timezone": "UTC", "timestamp": 1.0,
            "data": value, "_cref": [], "_ref": field, "_hash": "0".repeat(64),
        }));
    }

    #[test]
    fn questions_of_any_fields_never_panic(value in json_value(), key in 0..8) {
        let key = ["data", "from", "to", "last", "level", "page", "summary", "_hash"][key as usize];
        let fields = json!({"sub_type": "ipv4", "data": "192.0.2.1", key: value});
        let (text, _) = Question::encode(&fields).unwrap();
        let _ = Question::decode("related", &text, 1.6e9);
        let _ = Question::decode("threatrank", &text, 1.6e9);
    }
}
