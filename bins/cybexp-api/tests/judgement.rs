//! Judgements of analysts: who may judge, what is refused, and what the archive gets.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{all, archive, is, start, stored};
use cybexp_testkit::Form;
use serde_json::{Value, json};

fn verdict(orgid: &str) -> Value {
    json!({
        "orgid": orgid, "sub_type": "ipv4", "data": "203[.]0[.]113[.]9", "verdict": "false_positive",
        "reason": "our own scanner",
    })
}

fn category(orgid: &str) -> Value {
    json!({
        "orgid": orgid, "_hash": "0".repeat(64), "category": "benign", "reason": "our own scanner",
        "context": [{"sub_type": "port", "data": 22, "context": "unknown"}],
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[tokio::test]
async fn a_judgement_is_sealed_and_becomes_a_raw_that_names_its_author() {
    let (site, api) = start("judged", json!({})).await;
    let (token, orgid) = (site.token(&site.user().await), site.orgid.to_string());
    let mut withdrawal = verdict(&orgid);
    withdrawal.as_object_mut().unwrap().remove("verdict");
    for (path, body) in [
        ("/verdict", verdict(&orgid)),
        ("/verdict/withdraw", withdrawal),
        ("/event/category", category(&orgid)),
    ] {
        let answer = api.post(path, Some(&token), &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let taken = answer.json();
        let id = taken["id"].as_str().unwrap();
        let state = api.get(&format!("/raw/{id}"), Some(&token)).await.json();
        assert_eq!(state["timestamp"], taken["timestamp"], "{state}");
    }
    // none of it can be read where the API stores it
    let chunks = all(&site, "cache", "fs.chunks").await;
    assert!(!format!("{chunks:?}").contains("scanner"));
    archive(&site).await;
    let raws = all(&site, "tahoe", "instance").await;
    let mut verdicts = Vec::new();
    for raw in &raws {
        assert_eq!(raw.get_str("orgid").unwrap(), orgid);
        let data = raw.get_document("data").unwrap();
        assert_eq!(data.get_str("analyst").unwrap(), "jdoe@example.com");
        assert_eq!(data.get_str("reason").unwrap(), "our own scanner");
        let todo = raw.get_array("_todo").unwrap();
        match raw.get_str("sub_type").unwrap() {
            "cybexp_verdict" => {
                assert_eq!(todo, &["verdict".into()]);
                verdicts.push(data.get_str("verdict").unwrap());
            }
            "cybexp_event_category" => assert_eq!(todo, &["event_category".into()]),
            other => panic!("{other}"),
        }
    }
    verdicts.sort_unstable();
    assert_eq!(verdicts, ["false_positive", "withdrawn"]);
}

#[tokio::test]
async fn only_admins_judge_and_nobody_learns_of_other_organisations() {
    let (site, api) = start("judges", json!({})).await;
    let stranger = site.add_user("other@example.com", "correct horse").await;
    let token = site.token(&stranger);
    let (ours, none) = (site.orgid.to_string(), "ab".repeat(32));
    for orgid in [&ours, &none] {
        for (path, body) in [
            ("/verdict", verdict(orgid)),
            ("/event/category", category(orgid)),
        ] {
            let answer = api.post(path, Some(&token), &body).await;
            is(&answer, 401, "You are not an admin of this org!");
            let answer = api.post(path, None, &body).await;
            assert_eq!(answer.status, 401, "{answer:?}");
        }
    }
    assert_eq!(stored(&site).await, [0, 0, 0]);
}

#[tokio::test]
async fn what_is_wrong_is_refused_with_its_field_and_not_stored() {
    let (site, api) = start("misjudged", json!({})).await;
    let (token, orgid) = (site.token(&site.user().await), site.orgid.to_string());
    let one = || verdict(&orgid);
    for (body, reason) in [
        (
            with(one(), "data", json!("999.1.1.1")),
            "field data: `999.1.1.1` is not an IPv4 address",
        ),
        (with(one(), "data", json!(["a"])), "field data: "),
        (with(one(), "sub_type", json!("2nd")), "field sub_type: "),
        (with(one(), "reason", json!("  ")), "field reason: is empty"),
        (
            with(one(), "reason", json!("x".repeat(1001))),
            "field reason: is longer than 1000 characters",
        ),
        (with(one(), "orgid", json!("unr")), "field orgid: "),
    ] {
        let answer = api.post("/verdict", Some(&token), &body).await;
        assert!(
            answer.status == 400 && answer.message().starts_with(reason),
            "{answer:?}"
        );
    }
    for body in [
        with(one(), "verdict", json!("evil")),
        with(one(), "verdict", json!("withdrawn")),
        with(one(), "by", json!("somebody else")),
    ] {
        let answer = api.post("/verdict", Some(&token), &body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let one = || category(&orgid);
    let twice = json!([
        {"sub_type": "port", "data": "22", "context": "benign"},
        {"sub_type": "port", "data": 22, "context": "malicious"},
    ]);
    let mut nothing = one();
    for field in ["category", "context"] {
        nothing.as_object_mut().unwrap().remove(field);
    }
    for (body, reason) in [
        (with(one(), "_hash", json!("00")), "field _hash: "),
        (
            with(one(), "context", twice),
            "field context[1]: is given twice, in two contexts",
        ),
        (
            with(
                one(),
                "context",
                json!([{"_hash": "x", "context": "benign"}]),
            ),
            "field context[0]._hash: ",
        ),
        (nothing, "field category: is missing"),
        (with(one(), "reason", json!("")), "field reason: is empty"),
    ] {
        let answer = api.post("/event/category", Some(&token), &body).await;
        assert!(
            answer.status == 400 && answer.message().starts_with(reason),
            "{answer:?}"
        );
    }
    for typetag in ["cybexp_verdict", "cybexp_event_category"] {
        let form = Form::submission(&site, typetag).file("forged.json", b"{}");
        let answer = api.submit(Some(&token), &form).await;
        let reason =
            "field typetag: is reserved: `/verdict` and `/event/category` submit judgements";
        is(&answer, 400, reason);
    }
    assert_eq!(stored(&site).await, [0, 0, 0]);
}
