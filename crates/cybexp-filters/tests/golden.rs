//! Walks `tests/fixtures/filters/<filter>/<case>/`: `input.json` must give `expected.json`.
//!
//! `UPDATE_FIXTURES=1 cargo test -p cybexp-filters` writes the expected files anew; read the difference.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use cybexp_filters::{FILTERS, Filter, RawInput};
use serde_json::{Value, json};
use tahoe_core::{Node, OrgId, Timestamp, json::parse};

#[test]
fn every_case_gives_what_is_expected() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/filters");
    let mut wrong = Vec::new();
    for filter in FILTERS {
        for case in folders(&root.join(filter.name())) {
            let input = fs::read_to_string(case.join("input.json")).expect("input.json");
            let found = run(*filter, &parse(&input).expect("input.json is JSON"));
            let path = case.join("expected.json");
            if update {
                let text = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
                fs::write(&path, text).unwrap();
            } else if fs::read_to_string(&path).ok().and_then(|t| parse(&t).ok()) != Some(found) {
                wrong.push(path);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not as expected: {wrong:#?}\nUPDATE_FIXTURES=1 writes what was found"
    );
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = of
        .read_dir()
        .unwrap_or_else(|error| panic!("{of:?}: {error}"));
    entries
        .map(|entry| entry.expect("a folder's entry").path())
        .filter(|path| path.is_dir())
        .collect()
}

fn run(filter: &dyn Filter, input: &Value) -> Value {
    let text = |field: &str| {
        input[field]
            .as_str()
            .unwrap_or_else(|| panic!("{field}: {input}"))
    };
    assert!(filter.typetags().contains(&text("typetag")), "{input}");
    let raw = RawInput {
        data: &input["data"],
        orgid: &OrgId::new(text("orgid")).expect("orgid"),
        timezone: text("timezone"),
        timestamp: Timestamp::new(input["timestamp"].as_f64().expect("timestamp")).expect("finite"),
    };
    let found = match filter.run(&raw) {
        Ok(found) => found,
        Err(refusal) => return json!({"refused": refusal.to_string()}),
    };
    let mut documents = Documents::default();
    for event in &found.events {
        documents.push(event.hash().to_string(), event);
        event
            .children()
            .iter()
            .for_each(|node| documents.push_node(node));
    }
    for session in &found.sessions {
        documents.push(session.hash().to_string(), session);
        session
            .children()
            .iter()
            .for_each(|node| documents.push_node(node));
    }
    let mut shown = json!({"unknown": found.unknown, "documents": documents.list});
    if !found.left_out.is_empty() {
        shown["left_out"] = json!(found.left_out);
    }
    shown
}

/// Each instance once, a parent before its children.
#[derive(Default)]
struct Documents {
    list: Vec<Value>,
    seen: HashSet<String>,
}

impl Documents {
    fn push(&mut self, hash: String, instance: &impl serde::Serialize) {
        if self.seen.insert(hash) {
            self.list
                .push(serde_json::to_value(instance).expect("instances are JSON"));
        }
    }

    fn push_node(&mut self, node: &Node) {
        match node {
            Node::Attribute(attribute) => self.push(attribute.hash().to_string(), attribute),
            Node::Object(object) => {
                self.push(object.hash().to_string(), object);
                object
                    .children()
                    .iter()
                    .for_each(|child| self.push_node(child));
            }
        }
    }
}
