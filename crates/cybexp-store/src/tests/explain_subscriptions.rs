//! Indexes for subscriptions and notices: what is asked for each batch, and each delivery, reads what it returns.

use bson::{DateTime, doc};
use tahoe_core::Category;

use super::plan::Plan;
use super::{fill, hash, server};
use crate::live::rows::{self, Live, LiveId};
use crate::mongo::indexes::{OUTBOX_PARKED, OUTBOX_RECEIVER};
use crate::subscriptions::definition::{Channel, Subscription, SubscriptionId, Wanted};
use crate::subscriptions::outbox::{self, NoticeId, Outbox};
use crate::subscriptions::stored::{self, StoredSubscription, Subscriptions};
use crate::subscriptions::{bounds, delivery, watched};

fn subscription(n: usize, user: &str) -> Subscription {
    let wanted = match n % 100 {
        0 => Wanted::Events {
            sub_type: None,
            category: Some(Category::Malicious),
            sensor: None,
        },
        _ => Wanted::Value {
            sub_type: "ipv4".to_owned(),
            data: n.into(),
            forms: vec![("ipv4".to_owned(), hash(n))],
        },
    };
    Subscription {
        user: user.to_owned(),
        name: String::new(),
        wanted,
        channel: Channel::Mail,
        tlp: "green".to_owned(),
        made: 0.0,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_asks_for_its_own_hashes_alone() {
    let (server, db) = server().await;
    let all = Subscriptions::open(&server, &db).await.unwrap();
    assert_eq!(all.standing().await.unwrap().version, 0);
    let (one, other) = (hash("one"), hash("other"));
    let mut ids = Vec::new();
    for n in 0..300 {
        let user = if n % 2 == 0 { one } else { other }.to_string();
        let id = SubscriptionId::new();
        let text = serde_json::to_string(&subscription(n, &user)).unwrap();
        let stored = StoredSubscription {
            id,
            text,
            mac: String::new(),
        };
        all.add(&subscription(n, &user), &stored).await.unwrap();
        ids.push(id);
    }
    let standing = all.standing().await.unwrap();
    assert!(standing.version >= 300 && standing.sub_types.contains("ipv4"));

    let asked: Vec<_> = (1..1000)
        .map(|n| hash(if n < 4 { n } else { n + 1000 }))
        .collect();
    let plan = Plan::find(&all.coll, &stored::watching(&asked)).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(1003, 3);
    let plan = Plan::find(&all.coll, &stored::selecting()).await;
    assert_eq!(plan.returned, 3);
    plan.reads_at_most(4, 3);
    let plan = Plan::find(&all.coll, &stored::of_user(one, Some(ids[100])).limit(10)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
    let plan = Plan::find(&all.coll, &stored::standing()).await;
    plan.reads_at_most(1, 1);

    // all watched hashes are read once, and then those that were added
    let known = all.watched(None).await.unwrap();
    for n in 1..300 {
        assert_eq!(known.may_hold(hash(n)), n % 100 != 0, "{n}");
    }
    assert!(!known.may_hold(hash(1000)));
    let version = standing.version;
    let plan = Plan::find(&all.coll, &watched::added(Some(version - 10))).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
    let later = SubscriptionId::new();
    let text = serde_json::to_string(&subscription(999, "u")).unwrap();
    let mac = String::new();
    let stored = StoredSubscription {
        id: later,
        text,
        mac,
    };
    all.add(&subscription(999, "u"), &stored).await.unwrap();
    let new = all.watched(Some(version)).await.unwrap();
    assert!(new.may_hold(hash(999)) && !new.may_hold(hash(1)));

    let found = all.watching(&asked).await.unwrap();
    assert_eq!(found.len(), 3);
    let removed = subscription(1, &other.to_string());
    assert!(
        !all.remove(ids[1], &subscription(1, &one.to_string()))
            .await
            .unwrap()
    );
    assert!(all.remove(ids[1], &removed).await.unwrap());
    assert!(!all.remove(ids[1], &removed).await.unwrap());
    assert_eq!(all.watching(&asked).await.unwrap().len(), 2);
    assert_eq!(all.count(one, 1000).await.unwrap(), 150);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_reads_what_is_due() {
    let (server, db) = server().await;
    let outbox = Outbox::open(&server, &db).await.unwrap();
    let now = DateTime::now().timestamp_millis();
    let (one, other) = (hash("one"), hash("other"));
    let row = |n: i64| {
        let id = NoticeId::of(SubscriptionId::new(), hash(n));
        let user = if n % 2 == 0 { one } else { other }.to_string();
        let at = DateTime::from_millis(now - 1_000_000 + n);
        let mut row = doc! {"_id": id.bson(), "user": user, "at": at, "text": "{}", "mac": ""};
        match n % 10 {
            0 => row.insert("parked", at),
            1..=3 => row.insert("due", DateTime::from_millis(now - 1000 + n)),
            4 => row.insert("page", at),
            _ => None,
        };
        if [1, 2, 3].contains(&(n % 10)) {
            row.insert("receiver", format!("r{}", n % 10));
        } else {
            row.insert("told", at);
        }
        row
    };
    fill(&outbox.coll, (0..1000).map(row)).await;

    // a receiver costs one look into the index, however much waits for it
    let plan = Plan::aggregate(&outbox.coll, OUTBOX_RECEIVER, delivery::receivers()).await;
    plan.reads_at_most(6, 0);
    let plan = Plan::find(&outbox.coll, &delivery::waiting("r2").limit(10)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
    let plan = Plan::aggregate(&outbox.coll, OUTBOX_PARKED, bounds::users_of_parked()).await;
    plan.reads_at_most(3, 0);
    assert_eq!(outbox.users_of_parked().await.unwrap(), [one]);
    let plan = Plan::find(&outbox.coll, &bounds::beyond("r2", 20)).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(22, 0);
    let plan = Plan::find(&outbox.coll, &bounds::parked_beyond(one, 20)).await;
    assert_eq!(plan.returned, 80);
    plan.reads_at_most(101, 100);
    let plan = Plan::count(&outbox.coll, &bounds::all_parked(one).limit(21)).await;
    plan.reads_at_most(22, 0);
    for find in [outbox::page(one), outbox::parked(one)] {
        let plan = Plan::find(&outbox.coll, &find.limit(10)).await;
        assert_eq!(plan.returned, 10);
        plan.reads_at_most(11, 10);
    }
    assert_eq!(outbox.count_parked(1000).await.unwrap(), 100);
    let mut receivers = outbox.receivers().await.unwrap();
    receivers.sort();
    assert_eq!(receivers, ["r1", "r2", "r3"]);
    assert_eq!(outbox.count_waiting(1000).await.unwrap(), 300);
    assert_eq!(outbox.retry(one, None).await.unwrap(), 100);
    assert_eq!(outbox.count_parked(1000).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_for_a_receiver_is_parked_and_then_removed_the_oldest_first() {
    let (server, db) = server().await;
    let outbox = Outbox::open(&server, &db).await.unwrap();
    let user = hash("one");
    let row = |n: i64| {
        let at = DateTime::from_millis(1_000_000 + n);
        let id = NoticeId::of(SubscriptionId::new(), hash(n));
        doc! {
            "_id": id.bson(), "user": user.to_string(), "at": at, "due": at, "receiver": "r", "text": n.to_string(), "mac": "",
        }
    };
    fill(&outbox.coll, (0..50).map(row)).await;
    fill(
        &outbox.coll,
        [doc! {"_id": 7, "receiver": "r", "due": DateTime::now()}].into_iter(),
    )
    .await;
    assert_eq!(outbox.park_beyond("other", 10).await.unwrap(), 0);
    assert_eq!(outbox.park_beyond("r", 51).await.unwrap(), 0);
    // one of them is no notice, and goes when it is read
    assert_eq!(outbox.park_beyond("r", 31).await.unwrap(), 20);
    let left = outbox.waiting("r", 100).await.unwrap();
    let texts: Vec<String> = left.iter().map(|row| row.text.clone()).collect();
    assert_eq!(texts, (20..50).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(outbox.count_waiting(100).await.unwrap(), 30);
    let given_up = outbox.parked(user, 100).await.unwrap();
    let reason = given_up[0].error.as_deref();
    assert_eq!(reason, Some("more than 31 notices waited for the receiver"));
    assert_eq!(outbox.remove_beyond(user, 20).await.unwrap(), 0);
    assert_eq!(outbox.remove_beyond(user, 5).await.unwrap(), 15);
    assert_eq!(outbox.count_parked(100).await.unwrap(), 5);

    let refused: Vec<NoticeId> = left.iter().take(3).map(|row| row.id).collect();
    outbox.failed(&refused, &"x".repeat(1000)).await.unwrap();
    let tried = outbox.waiting("r", 1).await.unwrap();
    assert_eq!(
        (tried[0].tries, tried[0].error.as_ref().unwrap().len()),
        (1, 300)
    );
    outbox.park(&refused, "no such user").await.unwrap();
    assert_eq!(outbox.count_waiting(100).await.unwrap(), 27);
    let hour = std::time::Duration::from_secs(3600);
    assert_eq!(outbox.park_old("r", hour, "gone").await.unwrap(), 27);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_new_events_are_found_by_their_id() {
    let (server, db) = server().await;
    let live = Live::open(&server, &db).await.unwrap();
    assert!(!live.standing().await.unwrap().is_heard);
    let since = live.listen().await.unwrap().since;
    assert_eq!(live.listen().await.unwrap().since, since, "no pause");
    // what is written before that may not be all
    tokio::time::sleep(rows::HEARD_WITHIN).await;
    let ids: Vec<LiveId> = (0..500).map(|_| LiveId::new()).collect();
    let row = |id: &LiveId| {
        let (id, at) = (bson::oid::ObjectId::from_bytes(id.bytes()), DateTime::now());
        doc! {"_id": id, "at": at, "orgid": "unr", "events": "[]", "more": 0_i64, "mac": ""}
    };
    fill(&live.coll, ids.iter().map(row)).await;
    let plan = Plan::find(&live.coll, &rows::since(ids[100], 10)).await;
    assert_eq!(plan.returned, 10);
    plan.reads_at_most(11, 10);
    let plan = Plan::find(&live.coll, &rows::standing()).await;
    plan.reads_at_most(1, 1);
    let told = live.since(ids[400], 1000).await.unwrap().unwrap();
    assert_eq!(told.len(), 500, "and those of the same seconds");
    let before = "000000010000000000000000".parse().unwrap();
    assert_eq!(live.since(before, 1000).await.unwrap(), None);
}
