//! Walks `tests/fixtures/filters/<filter>/<case>/`: `input.json` must give `expected.json`.
//!
//! `UPDATE_FIXTURES=1 cargo test -p cybexp-filters` writes the expected files anew; read the difference.

mod common;

use std::collections::HashSet;
use std::fs;

use common::{Case, cases};
use cybexp_filters::{FILTERS, Filter};
use serde_json::{Value, json};
use tahoe_core::{Node, json::parse};

#[test]
fn every_case_gives_what_is_expected() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut wrong = Vec::new();
    for filter in FILTERS {
        for case in cases(*filter) {
            let found = run(*filter, &case);
            let path = case.folder.join("expected.json");
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

fn run(filter: &dyn Filter, case: &Case) -> Value {
    assert!(
        filter.typetags().contains(&case.typetag.as_str()),
        "{:?}",
        case.folder
    );
    let found = match case.run(filter) {
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

/// Documents of instances, each once, a parent before its children.
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
