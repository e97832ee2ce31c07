//! Makes a raw of a record, without input or output.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use cybexp_filters::{dispensable, lighten};
use cybexp_store::{Entry, check_fits};
use tahoe_core::canonical::{HASHED_BYTES, measure};
use tahoe_core::submission::data_of;
use tahoe_core::{OrgId, Raw, SubType, SubmissionTags, Timestamp, Tlp, Value};

/// Makes the raw of one record of an entry. The error names the field at fault.
pub(crate) fn of_record(entry: &Entry, bytes: Vec<u8>) -> Result<Raw, String> {
    let tags = SubmissionTags {
        typetag: entry.typetag.clone(),
        orgid: entry.orgid.clone(),
        timezone: entry.timezone.clone(),
        tlp: entry.tlp.as_deref().map(Tlp::stored),
    };
    // a record that makes a library panic must not stop the others
    catch_unwind(AssertUnwindSafe(|| raw_of(&tags, entry.timestamp, bytes)))
        .unwrap_or_else(|_| Err("reading it panicked: please report this".to_owned()))
}

/// Makes the raw of a record whose seal is open. The error names the field at fault.
pub fn raw_of(tags: &SubmissionTags, timestamp: f64, bytes: Vec<u8>) -> Result<Raw, String> {
    let field =
        |name: &'static str| move |error: &dyn std::fmt::Display| format!("{name}: {error}");
    let sub_type = SubType::new(&tags.typetag).map_err(|error| field("typetag")(&error))?;
    let orgid = OrgId::new(&tags.orgid).map_err(|error| field("orgid")(&error))?;
    let at = Timestamp::new(timestamp).map_err(|error| field("timestamp")(&error))?;
    let dispensable = dispensable(&tags.typetag);
    let data = data_of(bytes, &dispensable).map_err(|error| field("data")(&error))?;
    let (mut value, mut gone) = (data.value, data.without.to_vec());
    gone.extend(lighten(&tags.typetag, &mut value, fits));
    if !gone.is_empty() {
        let (typetag, fields) = (&tags.typetag, gone.join(", "));
        tracing::warn!(
            typetag,
            orgid = tags.orgid,
            fields,
            "too large to be stored whole: the raw lacks these fields"
        );
    }
    let raw = Raw::new(sub_type, value, orgid, tags.timezone.clone(), Some(at));
    let raw = raw.map_err(|error| field("data")(&error))?;
    Ok(raw.with_tlp(tags.tlp))
}

/// Tells if data can be a raw: its canonical form is short enough to be hashed, and its document to be stored.
fn fits(data: &Value) -> bool {
    measure(data, HASHED_BYTES).is_ok() && check_fits(&BTreeMap::from([("data", data)])).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(typetag: &str, data: &Value) -> Result<Raw, String> {
        let tags = SubmissionTags {
            typetag: typetag.to_owned(),
            orgid: "unr".to_owned(),
            timezone: "UTC".to_owned(),
            tlp: None,
        };
        raw_of(&tags, 1.5, data.to_string().into_bytes())
    }

    /// An event as MISP 2.5.8 sends it.
    fn event(relations: usize) -> Value {
        let tag = json!({"name": "estimative-language:likelihood-probability=\"almost-certain\"", "colour": "#001cad"});
        let relation = |n: usize| {
            let id = n.to_string();
            json!({"id": id, "referenced_galaxy_cluster_type": "uses", "Tag": [tag]})
        };
        let relations: Vec<Value> = (0..relations).map(relation).collect();
        let galaxy = json!([{"GalaxyCluster": [{"TargetingClusterRelation": relations}]}]);
        json!({"response": [{"Event": {"uuid": "u", "info": "i", "Galaxy": galaxy}}]})
    }

    #[test]
    fn an_event_too_deep_for_a_raw_is_stored_without_what_no_filter_reads() {
        let small = raw("misp_event", &event(100)).expect("a raw");
        assert!(*small.data() == event(100), "it fits, so it stays as it is");
        let large = raw("misp_event", &event(15_000)).expect("a raw");
        let galaxy = &large.data()["response"][0]["Event"]["Galaxy"];
        assert_eq!(*galaxy, json!([{"GalaxyCluster": [{}]}]));
        let reason = raw("cowrie", &event(15_000)).expect_err("refused");
        assert!(reason.starts_with("data: nested too deeply"), "{reason}");
    }
}
