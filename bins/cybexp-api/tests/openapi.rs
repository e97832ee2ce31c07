//! The description says what the API does.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::collections::BTreeSet;

use common::start;
use cybexp_testkit::answer;
use serde_json::{Value, json};

/// Every method of every path in the description.
fn operations(description: &Value) -> Vec<(String, String, Value)> {
    let paths = description["paths"].as_object().unwrap();
    let of_path = |(path, methods): (&String, &Value)| {
        let methods = methods.as_object().unwrap().clone();
        let path = path.clone();
        methods
            .into_iter()
            .map(move |(method, it)| (method.to_uppercase(), path.clone(), it))
    };
    paths.iter().flat_map(of_path).collect()
}

#[tokio::test]
async fn every_route_is_described_and_every_description_has_a_route() {
    let (_site, api) = start("routes", json!({})).await;
    let description = api.get("/openapi.json", None).await.json();
    assert_eq!(
        description,
        serde_json::to_value(cybexp_api::description()).unwrap()
    );
    let operations = operations(&description);
    let described: BTreeSet<(&str, &str)> = operations
        .iter()
        .map(|(method, path, _)| (method.as_str(), path.as_str()))
        .collect();
    assert_eq!(
        described,
        BTreeSet::from([
            ("GET", "/feeds"),
            ("GET", "/feeds/{feed}/{file}"),
            ("GET", "/feeds/{file}"),
            ("GET", "/inputs"),
            ("GET", "/live"),
            ("GET", "/quarantine"),
            ("POST", "/quarantine/retry"),
            ("DELETE", "/subscriptions/{id}"),
            ("GET", "/subscriptions"),
            ("GET", "/subscriptions/notices"),
            ("GET", "/subscriptions/parked"),
            ("POST", "/subscriptions"),
            ("POST", "/subscriptions/retry"),
            ("GET", "/openapi.json"),
            ("GET", "/orgs/admin_of"),
            ("GET", "/orgs/user_of"),
            ("GET", "/ping"),
            ("GET", "/proof/{challenge}"),
            ("GET", "/raw/{id}"),
            ("GET", "/user/info/self"),
            ("GET", "/user/invitations"),
            ("POST", "/create/org"),
            ("POST", "/create/user"),
            ("POST", "/feeds"),
            ("POST", "/feeds/remove"),
            ("POST", "/feeds/token"),
            ("POST", "/event/category"),
            ("POST", "/login"),
            ("POST", "/logout"),
            ("POST", "/org/add/user"),
            ("POST", "/org/del/user"),
            ("POST", "/org/info"),
            ("POST", "/org/leave"),
            ("POST", "/query"),
            ("POST", "/raw"),
            ("POST", "/user/invitations/accept"),
            ("POST", "/user/invitations/decline"),
            ("POST", "/verdict"),
            ("POST", "/verdict/withdraw"),
        ])
    );
    let paths: BTreeSet<&str> = described.iter().map(|(_, path)| *path).collect();
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let answer = answer(api.request(method, path, None)).await;
            let routed = answer.status != 405 && answer.status != 404;
            assert_eq!(
                routed,
                described.contains(&(method, path)),
                "{method} {path}: {answer:?}"
            );
        }
    }
}

#[tokio::test]
async fn every_operation_says_what_it_can_answer() {
    let description = serde_json::to_value(cybexp_api::description()).unwrap();
    for (method, path, operation) in operations(&description) {
        let responses = operation["responses"].as_object().unwrap();
        let statuses: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
        let has = |status| statuses.contains(status);
        assert!(
            statuses.iter().any(|status| status.starts_with('2')),
            "{path}"
        );
        let reads_body = operation.get("requestBody").is_some();
        let proves = path == "/proof/{challenge}";
        let shares = path.starts_with("/feeds/{");
        for (status, applies) in [
            (
                "400",
                reads_body
                    || path == "/logout"
                    || proves
                    || (["/quarantine", "/subscriptions"].contains(&path.as_str())
                        && method == "GET"),
            ),
            ("408", reads_body),
            ("413", reads_body),
            (
                "401",
                operation.get("security").is_some() || path == "/login" || shares,
            ),
            ("429", ["/login", "/live"].contains(&path.as_str())),
            (
                "500",
                !proves && !["/ping", "/openapi.json"].contains(&path.as_str()),
            ),
        ] {
            assert_eq!(has(status), applies, "{method} {path}: {status}");
        }
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{path}"
        );
        for (status, response) in responses {
            if path == "/live" && status == "200" {
                assert!(response["content"]["text/event-stream"].is_object());
                continue;
            }
            if shares && ["200", "304"].contains(&status.as_str()) {
                // files of many formats, and answers without a body
                continue;
            }
            assert!(
                response["content"]["application/json"]["schema"].is_object(),
                "{path} {status}"
            );
        }
    }
}

#[test]
fn reports_are_described_as_they_are() {
    let description = serde_json::to_value(cybexp_api::description()).unwrap();
    let schemas = &description["components"]["schemas"];
    let body = |status: &str| {
        let response = &description["paths"]["/query"]["post"]["responses"][status];
        response["content"]["application/json"]["schema"]["$ref"].clone()
    };
    assert_eq!(body("201"), "#/components/schemas/AnyReport");
    assert_eq!(body("400"), "#/components/schemas/Refused");
    let kinds = schemas["AnyReport"]["oneOf"].as_array().unwrap();
    assert_eq!(kinds.len(), tahoe_core::question::QueryType::ALL.len());
    // a number, as the Python report has it
    let count = schemas["CountReport"]["allOf"].as_array().unwrap();
    let data = count
        .iter()
        .find(|part| part["properties"]["data"].is_object());
    assert_eq!(data.unwrap()["properties"]["data"]["type"], "integer");
    for field in ["more", "next_page", "timestamp"] {
        assert!(schemas["Head"]["properties"][field].is_object(), "{field}");
    }
}
