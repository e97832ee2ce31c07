//! The fate of a submission (`GET /raw/{id}`), and requests from pages of other origins.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{archive, is, start};
use cybexp_testkit::{Form, answer};
use serde_json::json;

#[tokio::test]
async fn an_admin_learns_what_became_of_a_submission() {
    let (site, api) = start("fate", json!({})).await;
    let token = site.token(&site.user().await);
    let mut ids = Vec::new();
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    // the last holds a number that no document can
    for text in ["{\"size\": 7}", &large, "{\"size\": 1e999}"] {
        let form = Form::submission(&site, "sighting").file("a.json", text.as_bytes());
        let taken = api.submit(Some(&token), &form).await;
        assert_eq!(
            (taken.status, taken.message().as_str()),
            (201, "File uploaded successfully!")
        );
        ids.push(taken.json()["id"].as_str().unwrap().to_owned());
    }
    let fate = async |id: &str, token: &str| api.get(&format!("/raw/{id}"), Some(token)).await;
    for id in &ids {
        let waits = fate(id, &token).await;
        assert_eq!(
            (waits.status, &waits.json()["status"]),
            (200, &json!("waiting"))
        );
        assert_eq!(waits.json()["name"], "a.json");
    }
    archive(&site).await;
    for id in &ids[..2] {
        let there = fate(id, &token).await.json();
        assert_eq!(
            (&there["status"], &there["typetag"]),
            (&json!("archived"), &json!("sighting"))
        );
        assert_eq!(there["raws"].as_array().unwrap().len(), 1, "{there}");
        assert!(there.get("error").is_none());
    }
    let bad = fate(&ids[2], &token).await.json();
    assert_eq!(bad["status"], "quarantined", "{bad}");
    assert!(!bad["error"].as_str().unwrap().is_empty());

    // others learn nothing, not even that it is there
    let stranger = site.token(&site.add_user("eve@example.net", "correct horse").await);
    let unknown = "there is no such submission";
    is(&fate(&ids[0], &stranger).await, 404, unknown);
    for id in ["0".repeat(24).as_str(), "x", "%00", "$ne"] {
        is(&fate(id, &token).await, 404, unknown);
    }
    assert_eq!(api.get(&format!("/raw/{}", ids[0]), None).await.status, 401);
}

#[tokio::test]
async fn pages_of_named_origins_may_ask() {
    for (origins, origin, allowed) in [
        (json!([]), "https://soc.example", None),
        (
            json!(["https://soc.example"]),
            "https://soc.example",
            Some("https://soc.example"),
        ),
        (json!(["https://soc.example"]), "https://evil.example", None),
        (json!(["*"]), "https://evil.example", Some("*")),
    ] {
        let (_site, api) = start("cors", json!({"api": {"cors_origins": origins}})).await;
        let before = api
            .request("OPTIONS", "/query", None)
            .header("origin", origin);
        let before = before.header("access-control-request-method", "POST");
        let before = before.header(
            "access-control-request-headers",
            "authorization,content-type",
        );
        let asked = api.request("GET", "/ping", None).header("origin", origin);
        for (request, preflight) in [(before, true), (asked, false)] {
            let response = request.send().await.unwrap();
            let header = |name: &str| {
                response
                    .headers()
                    .get(name)
                    .map(|v| v.to_str().unwrap().to_owned())
            };
            assert_eq!(
                header("access-control-allow-origin").as_deref(),
                allowed,
                "{origin}"
            );
            if preflight && allowed.is_some() {
                assert!(response.status().is_success());
                assert!(
                    header("access-control-allow-headers")
                        .unwrap()
                        .contains("authorization")
                );
            }
            assert_eq!(header("access-control-allow-credentials"), None);
        }
        let plain = answer(api.request("GET", "/ping", None)).await;
        assert_eq!(plain.status, 200);
    }
}
