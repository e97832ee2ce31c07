//! Delivery of notices: each reaches its receiver at least once, with its id, and nobody else.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod bounds;
mod mail;
mod world;

use std::collections::BTreeSet;

use bson::doc;
use cybexp_seal::webhook_signature;
use cybexp_store::Channel;
use cybexp_testkit::eventually;
use serde_json::{Value, json};
use tahoe_core::Membership;

use world::{Came, Receiver, World};

#[tokio::test(flavor = "multi_thread")]
async fn all_are_told_though_the_receiver_is_away_and_the_daemon_is_killed() {
    let world = World::new(json!({})).await;
    let receiver = Receiver::start(0, "204 No Content").await;
    let port = receiver.port;
    let url = receiver.url();
    let subscription = world.subscribe(Channel::Webhook { url: url.clone() }).await;
    let mut expected = world.write(&subscription, 0..250).await;
    let daemon = world.daemon();
    let told = async || receiver.ids().len() == 250;
    eventually("the first are told", told).await;
    let came = receiver.came();
    assert!(
        came.len() <= 5,
        "those that wait are told together: {}",
        came.len()
    );
    let secret = world.macs.webhook_secret(&subscription.1.user, &url);
    for one in &came {
        let signature = &one.headers["x-cybexp-signature"];
        let at = signature.split_once(',').unwrap().0;
        let at = at.strip_prefix("t=").unwrap().parse().unwrap();
        let own = webhook_signature(&secret, at, one.body.as_bytes());
        assert_eq!(*signature, own);
        assert_eq!(one.headers["content-type"], "application/json");
    }
    let body: Value = serde_json::from_str(&came[0].body).unwrap();
    assert_eq!(body["notices"][0]["subscription"]["name"], "log-ins");
    assert_eq!(body["notices"][0]["event"]["sub_type"], "ssh");
    assert_eq!(body["delivery"], came[0].headers["x-cybexp-delivery"]);

    // away, and the daemon is killed while it tries
    let mut all = receiver.stop().await;
    expected.extend(world.write(&subscription, 250..300).await);
    let tried = doc! {"tries": {"$gte": 1_i64}};
    eventually("delivery fails", async || {
        world.rows(tried.clone()).await > 0
    })
    .await;
    daemon.kill();
    expected.extend(world.write(&subscription, 300..320).await);
    let daemon = world.daemon();
    // a moment in which the receiver answers with an error
    let broken = Receiver::start(port, "500 Internal Server Error").await;
    eventually("it is tried again", async || !broken.came().is_empty()).await;
    broken.stop().await;
    let receiver = Receiver::start(port, "200 OK").await;
    eventually("all are told", async || {
        world.rows(doc! {"due": {"$exists": true}}).await == 0
    })
    .await;
    all.extend(receiver.came());
    let ids: BTreeSet<String> = all.iter().flat_map(Came::ids).collect();
    assert_eq!(ids, expected);
    // written again, they are not told again
    world.write(&subscription, 0..320).await;
    assert_eq!(world.rows(doc! {"due": {"$exists": true}}).await, 0);
    assert_eq!(world.rows(doc! {"told": {"$exists": true}}).await, 320);
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_user_may_not_see_is_not_told() {
    let world = World::new(json!({})).await;
    let receiver = Receiver::start(0, "200 OK").await;
    let channel = || Channel::Webhook {
        url: receiver.url(),
    };
    let subscription = world.subscribe(channel()).await;
    let (id, of) = &subscription;
    let own = world.site.orgid.to_string();
    let mut forged = world.notice(*id, 1, &own);
    forged.text = forged.text.replace("203.0.113.9", "203.0.113.10");
    let foreign = world.notice(*id, 2, "another organisation");
    let good = world.notice(*id, 3, &own);
    let removed = world.subscribe(channel()).await;
    let late = world.notice(removed.0, 4, &own);
    assert!(
        world
            .subscriptions
            .remove(removed.0, &removed.1)
            .await
            .unwrap()
    );
    // a subscription that somebody wrote into the database himself
    let (mut fake, as_user) = (world.subscribe(channel()).await, world.site.userid);
    fake.1.user = as_user.to_string();
    let rows = world.site.collection("report", "subscriptions").await;
    let set = doc! {"$set": {"mac": "0".repeat(64)}};
    let fake_id = bson::oid::ObjectId::parse_str(fake.0.to_string()).unwrap();
    rows.update_one(doc! {"_id": fake_id}, set).await.unwrap();
    let faked = world.notice(fake.0, 5, &own);
    let good_id = good.id.to_string();
    let notices = [
        (of, forged),
        (of, foreign),
        (of, good),
        (&removed.1, late),
        (&fake.1, faked),
    ];
    world.outbox.write(&notices).await.unwrap();
    let daemon = world.daemon();
    eventually("nothing waits", async || {
        world.rows(doc! {"due": {"$exists": true}}).await == 0
    })
    .await;
    assert_eq!(receiver.ids(), BTreeSet::from([good_id]));
    assert_eq!(world.rows(doc! {}).await, 1, "the others are discarded");

    // removed from the organisation between event and delivery
    assert!(daemon.terminate().success());
    world.write(&subscription, 10..11).await;
    let other = world.site.add_user("other@example.com", "correct horse");
    let other = other.await;
    let change = |org: &tahoe_core::Org| {
        let org = org.add(Membership::Admin, std::slice::from_ref(&other))?;
        let all = [Membership::Admin, Membership::User, Membership::Acl];
        org.remove(&all.into(), &[world.site.userid])
    };
    let changed = world.site.identity.change_org(world.site.orgid, change);
    changed.await.unwrap().unwrap().unwrap();
    let daemon = world.daemon();
    eventually("it is discarded", async || world.rows(doc! {}).await == 1).await;
    assert_eq!(receiver.came().len(), 1);
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_delivered_is_parked_and_can_be_tried_again() {
    let world = World::new(json!({"delivery_give_up_s": 1})).await;
    let elsewhere = "302 Found\r\nLocation: http://127.0.0.1:9/";
    let receiver = Receiver::start(0, elsewhere).await;
    let (port, url) = (receiver.port, receiver.url());
    let subscription = world.subscribe(Channel::Webhook { url }).await;
    let other = Receiver::start(0, "200 OK").await;
    let good = world.subscribe(Channel::Webhook { url: other.url() }).await;
    let ids = world.write(&subscription, 0..3).await;
    let told = world.write(&good, 0..3).await;
    let daemon = world.daemon();
    let parked = doc! {"parked": {"$exists": true}};
    eventually("they are parked", async || {
        world.rows(parked.clone()).await == 3
    })
    .await;
    assert_eq!(other.ids(), told, "one that fails holds up no other");
    let user = world.site.userid;
    let rows = world.outbox.parked(user, 10).await.unwrap();
    let reason = rows[0].error.clone().unwrap();
    assert!(reason.contains("redirects are not followed"), "{reason}");
    assert!(!reason.contains("secret"), "{reason}");
    assert_eq!(world.outbox.count_parked(10).await.unwrap(), 3);
    receiver.stop().await;
    let receiver = Receiver::start(port, "200 OK").await;
    let one = rows[0].id;
    assert_eq!(world.outbox.retry(user, Some(one)).await.unwrap(), 1);
    eventually("one is told", async || receiver.ids().len() == 1).await;
    assert_eq!(world.outbox.retry(user, None).await.unwrap(), 2);
    eventually("all are told", async || receiver.ids() == ids).await;
    assert_eq!(world.outbox.retry(user, None).await.unwrap(), 0);
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_never_leads_inside_unless_that_is_allowed() {
    let more = json!({"webhook_inside": false, "webhook_hosts": ["*"], "delivery_give_up_s": 1});
    let world = World::new(more).await;
    let receiver = Receiver::start(0, "200 OK").await;
    for host in ["127.0.0.1", "localhost", "[::1]", "169.254.169.254"] {
        let url = format!("https://{host}:{}/", receiver.port);
        let subscription = world.subscribe(Channel::Webhook { url }).await;
        world.write(&subscription, 0..1).await;
    }
    let daemon = world.daemon();
    eventually("all are parked", async || {
        world.rows(doc! {"parked": {"$exists": true}}).await == 4
    })
    .await;
    let rows = world.outbox.parked(world.site.userid, 10).await.unwrap();
    for row in rows {
        let reason = row.error.unwrap();
        assert!(reason.contains("of this machine"), "{reason}");
    }
    assert_eq!(receiver.came().len(), 0);
    assert!(daemon.terminate().success());
}
