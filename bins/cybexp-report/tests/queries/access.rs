//! Access: the list of an organisation, or its users if it has no list.

use bson::doc;
use cybexp_store::GraphBatch;
use serde_json::json;
use tahoe_core::{Hash, Org, User};

use crate::world::{World, attribute, event};

#[tokio::test]
async fn only_the_organisations_whose_access_list_holds_the_user_are_seen() {
    let world = World::new("access").await;
    let ours = world.site.userid.to_string();
    let eve = User::new("eve@example.net", "-", "Eve").unwrap();
    let nobody = User::new("nobody@example.net", "-", "of no organisation").unwrap();
    let add = async |orgname: &str| -> Hash {
        let users = std::slice::from_ref(&eve);
        let org = Org::new(orgname, orgname, users, users).unwrap();
        world
            .site
            .identity
            .add(&org, &[eve.clone(), nobody.clone()])
            .await
            .unwrap();
        org.hash()
    };
    let foreign = add("foreign").await;
    let (partner, removed, old) = (add("partner").await, add("removed").await, add("old").await);
    let stored = world.site.collection("identity", "instance").await;
    let set = async |org: Hash, update: bson::Document| {
        let result = stored
            .update_one(doc! {"_hash": org.to_string()}, update)
            .await
            .unwrap();
        assert_eq!(result.modified_count, 1);
    };
    let eve_hash = eve.hash().to_string();
    set(partner, doc! {"$set": {"_acl": [&eve_hash, &ours]}}).await;
    // a member, but taken off the access list
    set(
        removed,
        doc! {"$set": {"_usr_ref": [&eve_hash, &ours], "_acl": [&eve_hash]}},
    )
    .await;
    // of the Python system
    set(
        old,
        doc! {"$set": {"_usr_ref": [&ours]}, "$unset": {"_acl": ""}},
    )
    .await;

    let ip = attribute("ipv4", "203.0.113.7");
    let mut batch = GraphBatch::default();
    // a different number of events for each, so that a count tells whose they are
    for (org, count) in [
        (world.site.orgid, 1),
        (partner, 2),
        (old, 4),
        (foreign, 8),
        (removed, 16),
    ] {
        for n in 0..count {
            let name = attribute("username", format!("of {org}"));
            let children = vec![ip.clone().into(), name.into()];
            batch.add_event(event(org, -f64::from(n), children));
        }
    }
    world.write(&batch).await;

    let question = json!({"sub_type": "ipv4", "data": "203.0.113.7"});
    assert_eq!(world.count(question.clone()).await, 1 + 2 + 4);
    let summary = world.related(question.clone()).await["data"].clone();
    let mut names = [world.site.orgid, partner, old].map(|org| json!(format!("of {org}")));
    names.sort_by_key(ToString::to_string);
    assert_eq!(summary, json!({"ipv4": ["203.0.113.7"], "username": names}));

    let mut of_eve = world.query("count", &question);
    of_eve.userid = eve_hash;
    let report = world.answer(of_eve).await.unwrap();
    assert_eq!(report["data"], json!(2 + 8 + 16));

    let mut of_nobody = world.query("count", &question);
    of_nobody.userid = nobody.hash().to_string();
    assert_eq!(world.answer(of_nobody).await.unwrap()["data"], json!(0));

    // the access list is read anew for each query
    set(partner, doc! {"$set": {"_acl": []}}).await;
    assert_eq!(world.count(question.clone()).await, 1 + 4);

    let unknown = "0".repeat(64);
    for userid in [
        unknown.as_str(),
        "",
        "$where",
        &world.site.orgid.to_string(),
    ] {
        let mut query = world.query("count", &question);
        query.userid = userid.to_owned();
        let reason = world.answer(query).await.unwrap_err();
        assert_eq!(reason, "field userid: there is no such user", "{userid}");
    }
}
