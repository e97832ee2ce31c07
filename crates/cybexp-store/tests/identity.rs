//! Access of users to organisations' data.

#![allow(clippy::unwrap_used)]

mod common;

use std::slice;

use bson::{Document, doc};
use common::*;
use cybexp_store::{Access, Identity};
use mongodb::Collection;
use tahoe_core::{Org, User};

#[tokio::test(flavor = "multi_thread")]
async fn the_access_list_says_who_sees_the_data() {
    let (identity, coll) = identity().await;
    let (jdoe, asmith) = (user("jdoe"), user("asmith"));
    let org = Org::new(
        "unr",
        "UNR",
        &[jdoe.clone(), asmith.clone()],
        slice::from_ref(&jdoe),
    )
    .unwrap();
    identity
        .add(&org, &[jdoe.clone(), asmith.clone()])
        .await
        .unwrap();
    for user in [&jdoe, &asmith] {
        assert_eq!(orgs(&identity, user).await, [org.hash().to_string()]);
    }

    let of_org = doc! {"_hash": org.hash().to_string()};
    let removed = doc! {"$pull": {"_acl": jdoe.hash().to_string()}};
    coll.update_one(of_org.clone(), removed).await.unwrap();
    assert!(orgs(&identity, &jdoe).await.is_empty());
    assert_eq!(orgs(&identity, &asmith).await.len(), 1);
    // an empty list is a list
    let emptied = doc! {"$set": {"_acl": []}};
    coll.update_one(of_org.clone(), emptied).await.unwrap();
    assert!(orgs(&identity, &asmith).await.is_empty());
    let missing = doc! {"$unset": {"_acl": ""}};
    coll.update_one(of_org, missing).await.unwrap();
    assert_eq!(orgs(&identity, &jdoe).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_on_the_list_sees_what_the_members_see() {
    let (identity, coll) = identity().await;
    let (jdoe, guest) = (user("jdoe"), user("guest"));
    for name in ["unr", "usc"] {
        let org = Org::new(name, name, slice::from_ref(&jdoe), slice::from_ref(&jdoe)).unwrap();
        identity
            .add(&org, &[jdoe.clone(), guest.clone()])
            .await
            .unwrap();
    }
    assert!(orgs(&identity, &guest).await.is_empty());
    let invited = doc! {"$push": {"_acl": guest.hash().to_string()}};
    coll.update_many(doc! {"sub_type": "cybexp_org"}, invited)
        .await
        .unwrap();
    assert_eq!(orgs(&identity, &guest).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_user_is_unknown() {
    let (identity, _) = identity().await;
    let jdoe = user("jdoe");
    let org = Org::new("unr", "UNR", slice::from_ref(&jdoe), slice::from_ref(&jdoe)).unwrap();
    identity.add(&org, &[jdoe]).await.unwrap();
    for userid in [
        "",
        "$ne",
        &org.hash().to_string(),
        &user("nobody").hash().to_string(),
    ] {
        let access = identity.access(userid).await.unwrap();
        assert!(
            matches!(access, Access::UnknownUser),
            "{userid}: {access:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_exists_stays_as_it_is() {
    let (identity, coll) = identity().await;
    let jdoe = user("jdoe");
    let org = Org::new("unr", "UNR", slice::from_ref(&jdoe), slice::from_ref(&jdoe)).unwrap();
    identity.add(&org, slice::from_ref(&jdoe)).await.unwrap();
    let before = find(&coll, doc! {}).await;
    let renamed = User::new("jdoe@example.com", "x", "Another").unwrap();
    identity.add(&org, &[renamed]).await.unwrap();
    assert_eq!(find(&coll, doc! {}).await, before);
}

async fn identity() -> (Identity, Collection<Document>) {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, COLL).await.unwrap();
    (identity, collection(&db, COLL).await)
}

fn user(name: &str) -> User {
    let password = User::python_password_hash("secret");
    User::new(&format!("{name}@example.com"), &password, name).unwrap()
}

async fn orgs(identity: &Identity, user: &User) -> Vec<String> {
    match identity.access(&user.hash().to_string()).await.unwrap() {
        Access::Orgs(visible) => visible
            .0
            .iter()
            .map(|org| org.as_str().to_owned())
            .collect(),
        Access::UnknownUser => panic!("{user:?} is known"),
    }
}
