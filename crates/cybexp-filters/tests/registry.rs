//! Rules that every filter keeps, for the worker and for readers.

use std::collections::HashSet;
use std::path::Path;

use cybexp_filters::second::{Networks, SECOND_FILTERS};
use cybexp_filters::{FILTERS, is_reserved};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The names of all filters, with their versions.
fn filters() -> Vec<(&'static str, u32)> {
    let first = FILTERS
        .iter()
        .map(|filter| (filter.name(), filter.version()));
    let second = SECOND_FILTERS
        .iter()
        .map(|filter| (filter.name(), filter.version()));
    first.chain(second).collect()
}

#[test]
fn names_and_ids_are_unique_identifiers() {
    let names: HashSet<_> = filters().iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), filters().len());
    for (name, version) in filters() {
        assert!(
            tahoe_core::SubType::new(name).is_ok() && name.is_ascii(),
            "{name}"
        );
        assert!(version > 0, "{name}");
    }
    for filter in FILTERS {
        assert_eq!(
            filter.id(),
            format!("{}@{}", filter.name(), filter.version())
        );
    }
}

#[test]
fn filters_stand_in_the_order_of_their_names() {
    assert!(FILTERS.is_sorted_by_key(|filter| filter.name()));
    assert!(SECOND_FILTERS.is_sorted_by_key(|filter| filter.name()));
}

/// Several filters may read one typetag. Each has an id of its own, which is how a raw tells who has read it.
#[test]
fn filters_of_one_typetag_have_different_ids() {
    for typetag in cybexp_filters::known_typetags() {
        let readers = || {
            FILTERS
                .iter()
                .filter(|filter| filter.typetags().contains(&typetag))
        };
        let ids: HashSet<_> = readers().map(|filter| filter.id()).collect();
        assert_eq!(ids.len(), readers().count(), "{typetag}");
        assert!(tahoe_core::SubType::new(typetag).is_ok(), "{typetag}");
    }
    for filter in FILTERS {
        let typetags: HashSet<_> = filter.typetags().iter().collect();
        assert!(!typetags.is_empty(), "{}", filter.name());
        assert_eq!(typetags.len(), filter.typetags().len(), "{}", filter.name());
    }
}

#[test]
fn second_stage_filters_read_identifiers() {
    for filter in SECOND_FILTERS {
        let sub_types = filter.source().sub_types();
        assert!(
            !sub_types.is_empty() && sub_types.is_sorted(),
            "{}",
            filter.name()
        );
        for sub_type in sub_types {
            assert!(tahoe_core::SubType::new(sub_type).is_ok(), "{sub_type}");
        }
        let id = filter.id(&Networks::default());
        assert_eq!(id.is_none(), filter.needs_networks(), "{}", filter.name());
    }
}

#[test]
fn each_filter_has_fixtures_and_a_line_in_the_documentation() {
    let fixtures = Path::new(ROOT).join("tests/fixtures/filters");
    let architecture = Path::new(ROOT).join("docs/ARCHITECTURE.md");
    let architecture = std::fs::read_to_string(architecture).expect("docs/ARCHITECTURE.md");
    for (name, _) in filters() {
        let folder = fixtures.join(name);
        let cases = folder
            .read_dir()
            .unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        assert!(cases.count() > 0, "{folder:?} is empty");
        assert!(
            architecture.contains(&format!("| `{name}` |")),
            "docs/ARCHITECTURE.md does not name {name}"
        );
    }
}

/// The first typetag of a filter is the one that people are to use; others are older names for it.
#[test]
fn each_filter_has_its_typetag_in_the_manual() {
    let operations = Path::new(ROOT).join("docs/OPERATIONS.md");
    let operations = std::fs::read_to_string(operations).expect("docs/OPERATIONS.md");
    let (_, inputs) = operations
        .split_once("\n## Inputs\n")
        .expect("a section of inputs");
    let inputs = inputs.split("\n## ").next().unwrap_or(inputs);
    for filter in FILTERS {
        let typetag = filter.typetags()[0];
        assert!(
            is_reserved(typetag) || inputs.contains(&format!("`{typetag}`")),
            "docs/OPERATIONS.md, Inputs, does not name {typetag}"
        );
    }
}
