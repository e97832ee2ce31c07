//! The cases of `tests/fixtures/filters/<filter>/<case>/`, for tests and benches that walk all filters.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test uses its part, and clippy sees helpers of a test as no test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use cybexp_filters::{Filter, RawInput, Refusal, Yield};
use serde_json::Value;
use tahoe_core::{OrgId, Timestamp, json::parse};

/// A fixture: one record, and its place in the tree.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) folder: PathBuf,
    pub(crate) data: Value,
    pub(crate) typetag: String,
    orgid: OrgId,
    timezone: String,
    timestamp: Timestamp,
}

impl Case {
    pub(crate) fn name(&self) -> String {
        let name = self.folder.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    pub(crate) fn run(&self, filter: &dyn Filter) -> Result<Yield, Refusal> {
        self.run_on(filter, &self.data)
    }

    /// Runs the filter on other data, with the organisation, time and zone of this case.
    pub(crate) fn run_on(&self, filter: &dyn Filter, data: &Value) -> Result<Yield, Refusal> {
        filter.run(&RawInput {
            data,
            orgid: &self.orgid,
            timezone: &self.timezone,
            timestamp: self.timestamp,
        })
    }
}

/// Returns the cases of a filter, by name.
pub(crate) fn cases(filter: &dyn Filter) -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/filters");
    let root = root.join(filter.name());
    let entries = root
        .read_dir()
        .unwrap_or_else(|error| panic!("{root:?}: {error}"));
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    assert!(!folders.is_empty(), "{root:?} is empty");
    folders.into_iter().map(read).collect()
}

fn read(folder: PathBuf) -> Case {
    let text = fs::read_to_string(folder.join("input.json"))
        .unwrap_or_else(|error| panic!("{folder:?}: input.json: {error}"));
    let input = parse(&text).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let field = |name: &str| {
        let value = input[name].as_str();
        value.unwrap_or_else(|| panic!("{folder:?}: no {name}"))
    };
    let timestamp = input["timestamp"].as_f64().expect("timestamp");
    Case {
        data: input["data"].clone(),
        typetag: field("typetag").to_owned(),
        orgid: OrgId::new(field("orgid")).expect("orgid"),
        timezone: field("timezone").to_owned(),
        timestamp: Timestamp::new(timestamp).expect("finite"),
        folder,
    }
}
