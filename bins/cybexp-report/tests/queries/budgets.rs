//! Answers that would be too large: they hold what has room, and say that there is more.

use cybexp_store::GraphBatch;
use serde_json::{Value, json};
use tahoe_core::Node;

use crate::world::{World, attribute, event};

/// The most bytes of an answer's data.
const ANSWER_BYTES: usize = 8 << 20;

/// Ten mails of 2 MB, of one sender, with 250 URLs of 8 KB each.
async fn mails(world: &World) {
    for mail in 0..10 {
        let url = |n: usize| format!("http://a{mail}.example/{n}/{}", "x".repeat(8_000));
        let urls = (0..250).map(|n| Node::from(attribute("url", url(n))));
        let few = [
            attribute("email_addr", "sender@a.example").into(),
            attribute("subject", format!("mail {mail}")).into(),
        ];
        let mut batch = GraphBatch::default();
        batch.add_event(event(
            world.site.orgid,
            f64::from(mail),
            urls.chain(few).collect(),
        ));
        world.write(&batch).await;
    }
}

#[tokio::test]
async fn an_answer_of_long_values_is_cut_and_does_not_fail() {
    let world = World::new("long_values").await;
    mails(&world).await;
    let sender = |more: Value| {
        let mut question = json!({"sub_type": "email_addr", "data": "sender@a.example"});
        question
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        question
    };
    let mut before = None;
    // the same question has the same answer, though some of its values are in memory by now
    for _ in 0..2 {
        let report = world.related(sender(json!({}))).await;
        assert_eq!(
            (&report["cut"], &report["total"]),
            (&json!(true), &json!(10))
        );
        assert_eq!(report["data"]["subject"].as_array().unwrap().len(), 10);
        let urls = report["data"]["url"].as_array().unwrap().len();
        assert!((900..1050).contains(&urls), "{urls} URLs");
        assert!(report["data"].to_string().len() < ANSWER_BYTES);
        assert_eq!(
            *before.get_or_insert(report["_hash"].clone()),
            report["_hash"]
        );
    }
    let graph = world.related(sender(json!({"summary_graph": true}))).await;
    assert_eq!(graph["cut"], true);
    assert_eq!(graph["data"]["subject"].as_array().unwrap().len(), 10);
    assert!(graph["data"].to_string().len() < ANSWER_BYTES + (1 << 20));

    // whole documents: the newest events first
    let documents = world.related(sender(json!({"summary": false}))).await;
    assert_eq!(documents["cut"], true);
    let all = documents["data"].as_array().unwrap();
    let times: Vec<&Value> = all
        .iter()
        .filter(|document| document["itype"] == "event")
        .map(|document| &document["timestamp"])
        .collect();
    let heads = documents["events"].as_array().unwrap();
    let newest: Vec<&Value> = heads.iter().map(|head| &head["timestamp"]).collect();
    assert!((3..5).contains(&times.len()), "{times:?}");
    assert_eq!(times, newest[..times.len()]);
    assert!(documents["data"].to_string().len() < ANSWER_BYTES + (1 << 20));

    // what has room is whole
    let one = world.related(sender(json!({"page": 2}))).await;
    assert_eq!((one.get("cut"), &one["data"]), (None, &json!({})));
}

/// Nobody's answer fails for the sake of an event that someone else wrote.
#[tokio::test]
async fn a_malformed_event_is_left_out_of_answers() {
    let world = World::new("malformed").await;
    let mut batch = GraphBatch::default();
    let ip = attribute("ipv4", "203.0.113.7");
    let of = |name: &str| vec![ip.clone().into(), attribute("username", name).into()];
    batch.add_event(event(world.site.orgid, 0.0, of("root")));
    world.write(&batch).await;
    let coll = world.site.collection("tahoe", "instance").await;
    let good = coll
        .find_one(bson::doc! {"itype": "event"})
        .await
        .unwrap()
        .unwrap();
    for (n, (field, value)) in [
        ("timestamp", "noon".into()),
        ("_cref", bson::Bson::from(5)),
        ("sub_type", bson::Bson::Null),
        ("category", 5.into()),
        ("_hash", "no hash".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let mut event = good.clone();
        let hash = tahoe_core::Hash::of(&[&n.to_string()]);
        let id = bson::Binary {
            subtype: bson::spec::BinarySubtype::Generic,
            bytes: hash.as_bytes().to_vec(),
        };
        event.insert("_id", id);
        event.insert("_hash", hash.to_string());
        event.insert(field, value);
        coll.insert_one(event).await.unwrap();
    }
    let question = json!({"sub_type": "ipv4", "data": "203.0.113.7"});
    let report = world.related(question.clone()).await;
    assert_eq!(report["data"]["username"], json!(["root"]));
    assert!(world.count(question).await >= 1);
}
