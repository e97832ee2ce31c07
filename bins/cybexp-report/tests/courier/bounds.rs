//! Receivers that stay dead: what waits for them is bounded in number and age.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_store::Channel;
use cybexp_testkit::eventually;
use serde_json::json;

use crate::world::{Receiver, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_of_too_many_notices_are_parked_and_then_removed() {
    let world = World::new(json!({"delivery_most": 150})).await;
    let receiver = Receiver::start(0, "200 OK").await;
    let (port, url) = (receiver.port, receiver.url());
    receiver.stop().await;
    let dead = world.subscribe(Channel::Webhook { url }).await;
    let mut ids = Vec::new();
    for part in 0..4 {
        ids.push(world.write(&dead, part * 100..(part + 1) * 100).await);
    }
    let daemon = world.daemon();
    let parked = doc! {"parked": {"$exists": true}};
    let waits = doc! {"due": {"$exists": true}};
    // 100 that were written at once are one moment: 100 wait, 150 at most are kept of the 300 others
    eventually("the oldest are parked, and removed", async || {
        world.rows(waits.clone()).await == 100 && world.rows(parked.clone()).await == 150
    })
    .await;
    let rows = world.outbox.parked(world.site.userid, 1000).await.unwrap();
    let reason = rows[0].error.clone().unwrap();
    assert_eq!(reason, "more than 150 notices waited for the receiver");

    // the newest are told when the receiver is back, and the others can be had again
    let receiver = Receiver::start(port, "200 OK").await;
    eventually("the newest are told", async || receiver.ids().len() == 100).await;
    assert_eq!(receiver.ids(), ids[3]);
    let retried = world.outbox.retry(world.site.userid, None).await.unwrap();
    assert_eq!(retried, 150);
    eventually("all that were kept are told", async || {
        receiver.ids().len() == 250
    })
    .await;
    let told: BTreeSet<String> = receiver.ids();
    let written: BTreeSet<String> = ids.into_iter().flatten().collect();
    assert!(told.is_subset(&written));
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_receiver_is_left_alone_while_it_rests() {
    let world = World::new(json!({"delivery_backoff_s": 3600})).await;
    let receiver = Receiver::start(0, "503 Service Unavailable").await;
    let channel = Channel::Webhook {
        url: receiver.url(),
    };
    let dead = world.subscribe(channel).await;
    let daemon = world.daemon();
    // each notice wakes the daemon, and none is a reason to try a receiver that rests
    let since = Instant::now();
    for n in 0..30 {
        world.write(&dead, n..n + 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eventually("it was tried", async || !receiver.came().is_empty()).await;
    let tries = receiver.came().len();
    // rests of 2, 4, 8, … seconds
    let rests = [2, 6, 14, 30, 62, 126].map(Duration::from_secs);
    let most = rests.iter().filter(|at| since.elapsed() >= **at).count();
    assert!(tries <= 1 + most, "{tries} in {:?}", since.elapsed());
    // a row that is no notice holds up nobody
    let outbox = world.site.collection("report", "outbox").await;
    let due = bson::DateTime::now();
    let odd = [
        doc! {"_id": "odd", "receiver": "x", "due": due},
        doc! {"_id": 5, "receiver": dead.1.receiver(), "due": bson::DateTime::from_millis(5)},
    ];
    outbox.insert_many(odd).await.unwrap();
    eventually("they are gone", async || {
        world.rows(doc! {"_id": {"$in": ["odd", 5]}}).await == 0
    })
    .await;
    assert_eq!(world.rows(doc! {"due": {"$exists": true}}).await, 30);
    assert!(daemon.terminate().success());
}
