//! Walks the cases of second-stage filters: `tests/fixtures/filters/<filter>/<case>/`.
//!
//! `input.json` names an `attribute` (sub_type and data), or `records` of a `typetag`, which the first stage reads; and
//! `networks`, files by name. `expected.json` holds the events that this filter derives.
//! `UPDATE_FIXTURES=1 cargo test -p cybexp-filters` writes the expected files anew; read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use cybexp_filters::second::{Input, Networks, SECOND_FILTERS, SecondFilter, derive};
use cybexp_filters::{FILTERS, RawInput, Yield, vocabulary};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Event, Node, OrgId, Scalar, SubType, Timestamp, json::parse};

fn cases(filter: &dyn SecondFilter) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/filters");
    let root = root.join(filter.name());
    let entries = root
        .read_dir()
        .unwrap_or_else(|error| panic!("{root:?}: {error}"));
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "{root:?} is empty");
    folders
}

fn run(filter: &dyn SecondFilter, folder: &Path) -> Vec<Event> {
    let text = fs::read_to_string(folder.join("input.json"))
        .unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let input = parse(&text).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let orgid = OrgId::new(input["orgid"].as_str().expect("orgid")).expect("orgid");
    let files = input["networks"].as_object().into_iter().flatten();
    let files = files.map(|(name, text)| {
        (
            Path::new(name),
            text.as_str().expect("text").as_bytes().to_vec(),
        )
    });
    let networks =
        Networks::of(files.collect()).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    if let Some(given) = input.get("attribute") {
        let sub_type =
            SubType::new(given["sub_type"].as_str().expect("sub_type")).expect("sub_type");
        let attribute = Attribute::new(sub_type, Scalar::try_from(&given["data"]).expect("data"));
        let input = Input::Attribute {
            attribute: &attribute,
            orgid: &orgid,
        };
        return filter.run(&input, &networks);
    }
    let typetag = input["typetag"].as_str().expect("typetag");
    let records = input["records"].as_array().expect("records");
    let made: Vec<Yield> = records
        .iter()
        .map(|record| first_stage(typetag, record, &orgid))
        .collect();
    let derived = derive(&made, &orgid, &networks).into_iter();
    derived
        .filter(|(by, _)| by.name() == filter.name())
        .map(|(_, event)| event)
        .collect()
}

fn first_stage(typetag: &str, record: &Value, orgid: &OrgId) -> Yield {
    let mut filters = FILTERS.iter();
    let filter = filters
        .find(|filter| filter.typetags().contains(&typetag))
        .expect("a filter");
    let raw = RawInput {
        data: record,
        orgid,
        timezone: "UTC",
        timestamp: Timestamp::new(1_700_000_000.0).expect("finite"),
    };
    filter.run(&raw).expect("the record is read")
}

#[test]
fn every_case_gives_what_is_expected() {
    let update = std::env::var_os("UPDATE_FIXTURES").is_some();
    let mut wrong = Vec::new();
    for filter in SECOND_FILTERS {
        for folder in cases(*filter) {
            let found = json!({"events": run(*filter, &folder)});
            let path = folder.join("expected.json");
            if update {
                let text = serde_json::to_string_pretty(&found).expect("JSON") + "\n";
                fs::write(&path, text).expect("written");
            } else if fs::read_to_string(&path)
                .ok()
                .and_then(|text| parse(&text).ok())
                != Some(found)
            {
                wrong.push(path);
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "not as expected: {wrong:#?}\nUPDATE_FIXTURES=1 writes what was found"
    );
}

#[test]
fn derived_attributes_can_be_asked_for() {
    for filter in SECOND_FILTERS {
        for folder in cases(*filter) {
            for event in run(*filter, &folder) {
                let mut left: Vec<&Node> = event.children().iter().collect();
                while let Some(node) = left.pop() {
                    match node {
                        Node::Attribute(attribute) => {
                            let name = attribute.sub_type();
                            assert!(vocabulary::is_known(name.as_str()), "{folder:?}: {name}");
                            let forms = vocabulary::forms(name, attribute.data())
                                .expect("it can be asked for");
                            assert!(
                                forms.iter().any(|form| form.hash() == attribute.hash()),
                                "{folder:?}: {name} {} is not found",
                                attribute.data()
                            );
                        }
                        Node::Object(object) => left.extend(object.children().iter()),
                    }
                }
            }
        }
    }
}

#[test]
fn derived_events_of_attributes_have_no_time() {
    for filter in SECOND_FILTERS {
        for folder in cases(*filter) {
            let input = fs::read_to_string(folder.join("input.json")).expect("input");
            for event in run(*filter, &folder) {
                assert_eq!(
                    event.timestamp().get() == 0.0,
                    input.contains("\"attribute\""),
                    "{folder:?}"
                );
            }
        }
    }
}

#[test]
fn a_filter_without_its_data_rests() {
    let none = Networks::default();
    let text = "192.0.2.0,192.0.2.255,AT\n".as_bytes().to_vec();
    let some = Networks::of(vec![(Path::new("country.csv"), text)]).expect("a database");
    for filter in SECOND_FILTERS {
        let plain = format!("{}@{}", filter.name(), filter.version());
        match filter.needs_networks() {
            true => {
                assert_eq!(filter.id(&none), None);
                let version = some.version().expect("a version");
                assert_eq!(filter.id(&some), Some(format!("{plain}+{version}")));
            }
            false => assert_eq!(filter.id(&some), Some(plain)),
        }
    }
}
