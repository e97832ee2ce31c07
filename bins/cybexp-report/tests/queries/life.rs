//! The documents in the report database at each step of a query's life.

use std::time::Duration;

use cybexp_store::{Answer, GraphBatch, Queries, Turn};
use cybexp_testkit::Site;
use serde_json::{Value, json};
use tahoe_core::{Hash, Instance, Query, Socket, Status};

use crate::world::{NOW, World, attribute, event};

/// The query's document, after a check that it has the hashes of its data and that they are all there.
async fn checked(queries: &Queries, hash: Hash) -> (Query, Value) {
    let document = queries.document(hash).await.unwrap().unwrap();
    let query = Query::from_document(&document).unwrap_or_else(|e| panic!("{e}: {document}"));
    for field in ["_cref", "_ref"] {
        let hashes = document[field].as_array().unwrap();
        assert!(hashes.len() >= 9, "{field} of {document}");
        for child in hashes {
            let child: Hash = child.as_str().unwrap().parse().unwrap();
            let child = queries.document(child).await.unwrap();
            let child =
                child.unwrap_or_else(|| panic!("nothing has a hash of {field}: {document}"));
            Instance::from_document(&child).unwrap_or_else(|e| panic!("{e}: {child}"));
        }
    }
    let waits = document["_cref"].as_array().unwrap().contains(&json!(
        "64d6f946a875d0fc05774ef1e1fe4eaa4b2f1700c71df9a1bb33b0c0cfcbad89"
    ));
    assert_eq!(waits, query.status == Status::Wait);
    (query, document)
}

#[tokio::test]
async fn a_query_has_the_hashes_of_its_data_at_every_step() {
    // without a daemon: each step is made by hand
    let site = Site::new("steps", json!({})).await;
    let queries = &site.queries;
    let question = json!({"sub_type": "ipv4", "data": "203.0.113.7"});
    let socket = Socket {
        host: "127.0.0.1".to_owned(),
        port: 4711,
        nonce: "n".repeat(32),
    };
    let asked = site.query("count", &question, *NOW + 0.25, socket);
    let hash = asked.to_object().unwrap().hash();

    queries.put(std::slice::from_ref(&asked)).await.unwrap();
    assert_eq!(checked(queries, hash).await.0, asked);

    let claim = queries
        .claim(Duration::from_secs(60), Turn::default())
        .await
        .unwrap()
        .unwrap();
    let (processing, document) = checked(queries, hash).await;
    assert_eq!(processing, asked.changed(Status::Processing, None));
    assert!(document["_lease"].is_object());
    assert!(
        queries
            .claim(Duration::from_secs(60), Turn::default())
            .await
            .unwrap()
            .is_none(),
        "it is taken"
    );

    let failed = Answer::Failed("$field level: is `$$REMOVE`".to_owned());
    assert!(queries.finish(&claim, &failed).await.unwrap());
    let (query, document) = checked(queries, hash).await;
    let report_id = query.report_id.unwrap();
    assert_eq!(query, asked.changed(Status::Failed, Some(report_id)));
    let report = queries.document(report_id).await.unwrap().unwrap();
    assert_eq!(report["data"], "$field level: is `$$REMOVE`");
    assert_eq!(document["_error"], "$field level: is `$$REMOVE`");
    assert!(document.get("_lease").is_none());
    assert!(
        !queries.finish(&claim, &failed).await.unwrap(),
        "the claim has ended"
    );

    // asked again: nothing of the last time is left
    queries.put(std::slice::from_ref(&asked)).await.unwrap();
    let (again, document) = checked(queries, hash).await;
    assert_eq!(again, asked);
    assert!(document.get("_error").is_none() && document.get("_lease").is_none());
}

#[tokio::test]
async fn an_answered_query_leads_to_its_report() {
    let world = World::new("life").await;
    let mut batch = GraphBatch::default();
    let children = vec![attribute("ipv4", "203.0.113.7").into()];
    batch.add_event(event(world.site.orgid, 0.0, children));
    world.write(&batch).await;
    for (qtype, beside) in [
        ("count", vec!["first_seen", "last_seen", "about"]),
        (
            "related",
            vec!["about", "events", "total", "first_seen", "last_seen"],
        ),
    ] {
        let query = world.query(qtype, &json!({"sub_type": "ipv4", "data": "203.0.113.7"}));
        let hash = query.to_object().unwrap().hash();
        let report = world.answer(query.clone()).await.unwrap();
        let (answered, document) = checked(&world.site.queries, hash).await;
        assert!(document.get("_lease").is_none() && document.get("_error").is_none());
        let report_id: Hash = report["_hash"].as_str().unwrap().parse().unwrap();
        assert_eq!(answered, query.changed(Status::Ready, Some(report_id)));
        assert_eq!(document["data"]["report_id"], json!([report_id]));

        let fields: Vec<&String> = report.as_object().unwrap().keys().collect();
        assert_eq!(
            fields,
            [
                "itype",
                "sub_type",
                "userid",
                "timestamp",
                "data",
                "current_page",
                "next_page",
                "more"
            ]
            .into_iter()
            .chain(beside)
            .chain(["_hash"])
            .collect::<Vec<_>>()
        );
        assert_eq!(report["itype"], "report");
        assert_eq!(report["sub_type"], qtype);
        assert_eq!(report["userid"], world.site.userid.to_string());
        assert!(report["timestamp"].is_f64() && report["timestamp"].as_f64() > Some(*NOW));
        let data = tahoe_core::canonical(&report["data"]).unwrap();
        assert_eq!(report_id, Hash::of(&["report", qtype, &data]));

        // failed after it was answered: its report says why
        let failed = Query {
            userid: "0".repeat(64),
            ..query
        };
        let failed_hash = failed.to_object().unwrap().hash();
        world.answer(failed).await.unwrap_err();
        let (failed, document) = checked(&world.site.queries, failed_hash).await;
        assert_eq!(failed.status, Status::Failed);
        let told = world.site.queries.document(failed.report_id.unwrap()).await;
        assert_eq!(told.unwrap().unwrap()["data"], document["_error"]);
        assert!(document["_error"].is_string());
    }
}
