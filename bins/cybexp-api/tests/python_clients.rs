//! The requests of clients that were written for the Python system, and what they read in the answers.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{Reporter, context, start};
use cybexp_store::GraphBatch;
use cybexp_testkit::{Site, now};
use serde_json::{Value, json};
use tahoe_core::{Attribute, Category, Event, Object, OrgId, SubType, Timestamp};

async fn see(site: &Site) {
    let sub_type = |text| SubType::new(text).unwrap();
    let ip = Attribute::new(sub_type("ipv4"), "203.0.113.7");
    let mut batch = GraphBatch::default();
    for n in 0..23_u32 {
        let orgid = OrgId::new(&site.orgid.to_string()).unwrap();
        // 2020-04-22, by day in Nevada
        let at = Timestamp::new(1_587_574_800.0 + f64::from(n)).unwrap();
        let name = Attribute::new(sub_type("username"), format!("user{n:02}"));
        let attacker = Object::new(sub_type("attacker"), vec![ip.clone().into()]).unwrap();
        let event = Event::new(
            sub_type("ssh"),
            orgid,
            at,
            vec![attacker.into(), name.into()],
        );
        let category = if n < 4 {
            Category::Benign
        } else {
            Category::Malicious
        };
        batch.add_event(event.unwrap().with_category(category));
    }
    site.graph.write(&batch).await.unwrap();
}

/// CYBEX-P's web client asks for counts until there is `data` in the answer, whatever its status, and takes that for the
/// number of events.
#[tokio::test]
async fn the_web_clients_counts_are_numbers() {
    let (site, api) = start("web_counts", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    see(&site).await;
    let reporter = Reporter::start(&site);
    let ask = async |sub_type: &str, data: &str, category: &str, from: &str| {
        let payload = json!({"type": "count", "data": {
            "sub_type": sub_type, "data": data, "category": category, "context": "all",
            "from": from, "to": "2020/4/23 6:00am", "tzname": "US/Pacific",
        }});
        let answer = api.post("/query", Some(&token), &payload).await;
        answer.json()["data"].clone()
    };
    let from = "2019/8/30 00:00";
    assert_eq!(ask("ip", "203.0.113.7", "benign", from).await, 4);
    assert_eq!(ask("ip", "203.0.113.7", "malicious", from).await, 19);
    assert_eq!(ask("hostname", "nobody.example", "benign", from).await, 0);
    // a failed query ends its asking, too: the reason is what it reads
    let reason = "field from: `whenever` holds a word that is no part of a date";
    assert_eq!(ask("ip", "203.0.113.7", "benign", "whenever").await, reason);
    let reason = "field sub_type: nothing was found of `country`: did you mean country_code2?";
    assert_eq!(ask("country", "Japan", "benign", from).await, reason);
    reporter.stop().await;
}

/// It asks for ten pages of related values at once, from 0 on, and reads `data` as {sub_type: [[value, labels], …]}.
#[tokio::test]
async fn the_web_clients_pages_are_values_with_labels() {
    let (site, api) = start("web_related", json!({"api": {"wait_s": 60}})).await;
    let token = site.token(&site.user().await);
    see(&site).await;
    let reporter = Reporter::start(&site);
    let asking = (0..10).map(|page| {
        let payload = json!({"type": "related", "data": {
            "sub_type": "ip", "data": "203.0.113.7", "summary": true, "summary_graph": true, "page": page,
            "from": "2019/8/30 00:00", "to": "2020/4/23 6:00am", "tzname": "US/Pacific",
        }});
        let (api, token) = (&api, &token);
        async move { api.post("/query", Some(token), &payload).await.json() }
    });
    let pages = futures::future::join_all(asking).await;
    // the Python report refuses page 0 as well
    assert!(
        pages[0]["data"]
            .as_str()
            .unwrap()
            .starts_with("field page: ")
    );
    let mut values = Vec::new();
    for (n, page) in pages.iter().enumerate().skip(1) {
        let by_type = page["data"].as_object().unwrap();
        for (sub_type, rows) in by_type {
            for row in rows.as_array().unwrap() {
                let labels: Vec<&str> = row[1]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|l| l.as_str().unwrap())
                    .collect();
                assert!(
                    labels.iter().all(|label| label.split_once('=').is_some()),
                    "{labels:?}"
                );
                if sub_type == "username" {
                    values.push(row[0].as_str().unwrap().to_owned());
                }
            }
        }
        let next = if n < 3 { n + 1 } else { 1 };
        assert_eq!(
            (&page["current_page"], &page["next_page"]),
            (&json!(n), &json!(next))
        );
    }
    values.sort();
    assert_eq!(
        values,
        (0..23).map(|n| format!("user{n:02}")).collect::<Vec<_>>()
    );
    reporter.stop().await;
}

/// The Python API hands out whatever report a query leads to, whether it is ready or has failed.
#[tokio::test]
async fn the_python_api_finds_a_report_of_every_query() {
    let (site, _api) = start("python_api", json!({"report": {"accept_unsigned": true}})).await;
    see(&site).await;
    let ip = json!({"sub_type": "ip", "data": "203.0.113.7"});
    let mut wrong = ip.clone();
    wrong["level"] = json!(9);
    let hash_of = |query: &tahoe_core::Query| query.to_object().unwrap().hash();
    let asked: Vec<_> = [
        ("count", &ip),
        ("related", &ip),
        ("count", &wrong),
        ("guess", &ip),
    ]
    .map(|(qtype, question)| site.query(qtype, question, now(), Default::default()))
    .into();
    site.queries.put(&asked).await.unwrap();
    cybexp_report::run(context(&site, "report", true))
        .await
        .unwrap();
    let mut told: Vec<Value> = Vec::new();
    for query in &asked {
        let document = site
            .queries
            .document(hash_of(query))
            .await
            .unwrap()
            .unwrap();
        let report_id = document["data"]["report_id"][0].as_str().unwrap();
        let report = site
            .queries
            .document(report_id.parse().unwrap())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (&report["itype"], &report["sub_type"]),
            (&json!("report"), &json!(query.qtype))
        );
        for field in ["userid", "timestamp", "current_page", "next_page"] {
            assert!(!report[field].is_null(), "{field} of {report}");
        }
        told.push(report["data"].clone());
    }
    assert_eq!(told[0], 23);
    assert_eq!(told[1]["ipv4"], json!(["203.0.113.7"]));
    assert_eq!(told[2], "field level: is not an integer from 1 to 3");
    assert!(
        told[3]
            .as_str()
            .unwrap()
            .starts_with("field type: `guess` is not one of count")
    );
}
