//! Checks the demo's sample data against the promises of the program that makes it.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use cybexp_filters::{FILTERS, RawInput, Refusal, Yield};
use serde_json::Value;
use tahoe_core::{OrgId, Timestamp, json::parse};

fn lines(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../demo")
        .join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    text.lines().map(|line| parse(line).expect(line)).collect()
}

fn run(filter: &str, data: &Value) -> Result<Yield, Refusal> {
    let filter = FILTERS
        .iter()
        .find(|known| known.name() == filter)
        .expect(filter);
    let orgid = OrgId::new("demo").expect("orgid");
    let timestamp = Timestamp::new(1_795_000_000.0).expect("finite");
    filter.run(&RawInput {
        data,
        orgid: &orgid,
        timezone: "UTC",
        timestamp,
    })
}

#[test]
fn one_honeypot_record_is_broken_and_the_rest_correlate() {
    let records = lines("cowrie.json");
    assert!(records.len() >= 330, "{} records", records.len());
    let (mut refused, mut sessions, mut kinds) = (Vec::new(), HashSet::new(), HashSet::new());
    let mut sessions_of: HashMap<_, HashSet<_>> = HashMap::new();
    for record in &records {
        kinds.insert(record["eventid"].as_str().expect("eventid"));
        match run("cowrie", record) {
            Ok(found) => {
                let session = found.sessions[0].hash();
                sessions.insert(session);
                for hash in found.events.iter().flat_map(|event| event.malicious()) {
                    sessions_of.entry(*hash).or_default().insert(session);
                }
            }
            Err(refusal) => refused.push(refusal.to_string()),
        }
    }
    assert_eq!(refused, ["session is missing"]);
    assert!(sessions.len() > 45, "{} sessions", sessions.len());
    let shared = sessions_of.values().filter(|sessions| sessions.len() > 3);
    assert!(shared.count() > 20);
    for kind in [
        "client.fingerprint",
        "client.kex",
        "client.size",
        "client.var",
        "client.version",
        "command.failed",
        "command.input",
        "command.success",
        "direct-tcpip.data",
        "direct-tcpip.request",
        "login.failed",
        "login.success",
        "session.closed",
        "session.connect",
        "session.file_download",
        "session.file_download.failed",
        "session.file_upload",
    ] {
        assert!(
            kinds.contains(format!("cowrie.{kind}").as_str()),
            "no {kind}"
        );
    }
}

#[test]
fn a_sighted_url_was_also_downloaded() {
    let sightings: Vec<Yield> = lines("sightings.json")
        .iter()
        .map(|sighting| run("sighting", sighting).unwrap())
        .collect();
    let downloaded: HashSet<_> = lines("cowrie.json")
        .iter()
        .filter_map(|record| run("cowrie", record).ok())
        .flat_map(|found| found.events)
        .flat_map(|event| event.malicious().to_vec())
        .collect();
    let sighted = sightings.iter().flat_map(|found| &found.events);
    let shared = sighted.filter(|event| event.malicious().iter().any(|h| downloaded.contains(h)));
    assert_eq!(shared.count(), 1);
}
