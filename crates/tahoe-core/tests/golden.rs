#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]
//! Vectors made by the Python TAHOE library. `$TAHOE_GOLDEN` names another folder of them.

use std::path::PathBuf;

use serde_json::{Value, json};
use tahoe_core::{
    Attribute, Event, Finite, Instance, Node, Object, Org, OrgId, Query, Raw, Scalar, Session,
    Socket, Status, SubType, User, canonical,
};

fn vectors(file: &str) -> Vec<Value> {
    let folder = std::env::var_os("TAHOE_GOLDEN").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../tests/fixtures/golden"
            ))
        },
        PathBuf::from,
    );
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let vectors: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!vectors.is_empty());
    println!("{}: {} vectors", path.display(), vectors.len());
    vectors
}

/// Sorts the lists in `data` and the lists of hashes, which Python writes in the order of its sets.
fn unordered(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(unordered).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(map) => {
            let sorted: std::collections::BTreeMap<_, _> = map.iter().collect();
            let entries = sorted.into_iter();
            entries
                .map(|(key, value)| (key.clone(), unordered(value)))
                .collect()
        }
        other => other.clone(),
    }
}

/// Returns the document with its `data` in a fixed order, and everything else unchanged.
fn comparable(document: &Value, also: &[&str]) -> Value {
    let mut document = document.clone();
    for field in [&["data"], also].concat() {
        if document["itype"] != "raw" {
            document[field] = unordered(&document[field]);
        }
    }
    document
}

fn text<'a>(spec: &'a Value, field: &str) -> &'a str {
    spec[field].as_str().unwrap()
}

fn sub_type(spec: &Value) -> SubType {
    SubType::new(text(spec, "sub_type")).unwrap()
}

fn children(spec: &Value) -> Vec<Node> {
    spec["children"]
        .as_array()
        .unwrap()
        .iter()
        .map(node)
        .collect()
}

fn node(spec: &Value) -> Node {
    match text(spec, "itype") {
        "attribute" => {
            Attribute::new(sub_type(spec), Scalar::try_from(&spec["data"]).unwrap()).into()
        }
        "object" => Object::new(sub_type(spec), children(spec)).unwrap().into(),
        other => panic!("{other} is no child"),
    }
}

fn instance(spec: &Value) -> Instance {
    let orgid = || OrgId::new(text(spec, "orgid")).unwrap();
    match text(spec, "itype") {
        "event" => {
            let children = children(spec);
            let chosen = |field: &str| {
                let indices = spec[field].as_array().unwrap().iter();
                let hashes = indices.map(|i| children[i.as_u64().unwrap() as usize].hash());
                hashes.collect::<Vec<_>>()
            };
            let (malicious, benign) = (chosen("mal"), chosen("ben"));
            let timestamp = Finite::new(spec["timestamp"].as_f64().unwrap()).unwrap();
            let event = Event::new(sub_type(spec), orgid(), timestamp, children).unwrap();
            let event = event.with_malicious(malicious).unwrap();
            Instance::Event(event.with_benign(benign).unwrap())
        }
        "session" => Instance::Session(Session::new(sub_type(spec), children(spec)).unwrap()),
        "raw" => {
            let timezone = text(spec, "timezone").to_owned();
            let data = spec["data"].clone();
            Instance::Raw(Raw::new(sub_type(spec), data, orgid(), timezone, None).unwrap())
        }
        _ => node(spec).into(),
    }
}

#[test]
fn golden_canonical() {
    for vector in vectors("canonical.jsonl") {
        assert_eq!(
            canonical(&vector["value"]).unwrap(),
            vector["canonical"],
            "{}",
            vector["value"]
        );
    }
}

#[test]
fn golden_instances() {
    for vector in vectors("instances.jsonl") {
        let made = serde_json::to_value(instance(&vector["spec"])).unwrap();
        assert_eq!(comparable(&made, &[]), comparable(&vector["doc"], &[]));
        let read = Instance::from_document(&vector["doc"]).unwrap();
        let read = serde_json::to_value(read).unwrap();
        assert_eq!(comparable(&read, &[]), comparable(&made, &[]));
    }
}

#[test]
fn golden_queries_identity() {
    for vector in vectors("queries_identity.jsonl") {
        let (spec, expected) = (&vector["spec"], &vector["doc"]);
        let (made, also): (Value, &[&str]) = match text(spec, "sub_type") {
            "query" => {
                let query = Query {
                    qtype: text(spec, "qtype").into(),
                    qdata: text(spec, "qdata").into(),
                    qhash: text(spec, "qhash").into(),
                    userid: text(spec, "userid").into(),
                    timestamp: Finite::new(spec["timestamp"].as_f64().unwrap()).unwrap(),
                    encrypted: spec["encrypted"].as_bool().unwrap(),
                    status: Status::Invalid,
                    report_id: None,
                    socket: Socket::default(),
                };
                assert_eq!(Query::from_document(expected).unwrap(), query);
                (
                    serde_json::to_value(query.to_object().unwrap()).unwrap(),
                    &[],
                )
            }
            "cybexp_user" => {
                let password = User::python_password_hash(text(spec, "password"));
                let user = User::new(text(spec, "email"), &password, text(spec, "name")).unwrap();
                (serde_json::to_value(user.object()).unwrap(), &[])
            }
            "cybexp_org" => {
                // the specification does not give the two users' passwords, and the document has their hashes
                let data = &expected["data"];
                let user = |email: &Value| {
                    let users = data["cybexp_user"].as_array().unwrap();
                    let user = users.iter().find(|u| u["email_addr"][0] == *email).unwrap();
                    let field = |name: &str| user[name][0].as_str().unwrap();
                    User::new(field("email_addr"), field("password"), field("name")).unwrap()
                };
                let users = |field: &str| {
                    let emails = spec[field].as_array().unwrap();
                    emails.iter().map(user).collect::<Vec<_>>()
                };
                let (orgname, name) = (text(spec, "orgname"), text(spec, "name"));
                let org = Org::new(orgname, name, &users("users"), &users("admins")).unwrap();
                let read = Org::from_document(expected).unwrap();
                assert_eq!(comparable(&json!(read), &[]), comparable(&json!(org), &[]));
                (json!(org), &["_usr_ref", "_adm_ref", "_acl"])
            }
            other => panic!("{other}"),
        };
        assert_eq!(comparable(&made, also), comparable(expected, also));
    }
}
