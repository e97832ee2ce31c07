//! Rules that every filter keeps, for the worker and for readers.

use std::collections::HashSet;
use std::path::Path;

use cybexp_filters::FILTERS;

#[test]
fn names_and_ids_are_unique_identifiers() {
    let names: HashSet<_> = FILTERS.iter().map(|filter| filter.name()).collect();
    let ids: HashSet<_> = FILTERS.iter().map(|filter| filter.id()).collect();
    assert_eq!((names.len(), ids.len()), (FILTERS.len(), FILTERS.len()));
    for filter in FILTERS {
        let name = filter.name();
        assert!(
            tahoe_core::SubType::new(name).is_ok() && name.is_ascii(),
            "{name}"
        );
        assert_eq!(filter.id(), format!("{name}@{}", filter.version()));
        assert!(filter.version() > 0, "{name}");
    }
}

#[test]
fn each_typetag_belongs_to_one_filter() {
    let mut seen = HashSet::new();
    for filter in FILTERS {
        assert!(!filter.typetags().is_empty(), "{}", filter.name());
        for typetag in filter.typetags() {
            assert!(seen.insert(*typetag), "two filters read {typetag}");
            assert!(tahoe_core::SubType::new(typetag).is_ok(), "{typetag}");
        }
    }
}

#[test]
fn each_filter_has_fixtures() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/filters");
    for filter in FILTERS {
        let folder = fixtures.join(filter.name());
        let cases = folder
            .read_dir()
            .unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        assert!(cases.count() > 0, "{folder:?} is empty");
    }
}
