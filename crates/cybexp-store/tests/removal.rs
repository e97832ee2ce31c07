//! Deleting users and organisations, and issued tokens.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::*;
use cybexp_store::{Archive, GraphBatch, GraphWriter, Holdings, Identity, Raws, Standing};
use serde_json::json;
use tahoe_core::{Membership, Org, OrgError, User};

const FAR: u64 = 4_000_000_000;

fn user(email: &str) -> User {
    User::new(email, &User::python_password_hash("a password"), "A User").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_is_nowhere_and_the_last_admin_stays() {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, COLL).await.unwrap();
    let [admin, member] = ["admin@example.com", "member@example.com"].map(user);
    for user in [&admin, &member] {
        identity.create_user(user).await.unwrap();
    }
    let org =
        |name, users: &[User]| Org::new(name, "", users, std::slice::from_ref(&admin)).unwrap();
    let home = org("home", &[admin.clone(), member.clone()]);
    let guest = org("guest", std::slice::from_ref(&admin));
    let guest = guest
        .add(Membership::Acl, std::slice::from_ref(&member))
        .unwrap();
    for org in [&home, &guest] {
        assert!(identity.create_org(org).await.unwrap());
    }
    let names = async |user: &User| {
        let orgs = identity.orgs_of(user.hash()).await.unwrap();
        orgs.iter()
            .map(|org| org.orgname().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&member).await, ["guest", "home"]);
    identity
        .remember_token("a1", member.hash(), 0, "login", FAR)
        .await
        .unwrap();

    let (org, error) = identity
        .delete_user(admin.hash())
        .await
        .unwrap()
        .unwrap_err();
    assert_eq!((org.orgname(), error), ("guest", OrgError::LastAdmin));
    assert!(identity.user(admin.hash()).await.unwrap().is_some());
    assert_eq!(names(&admin).await, ["guest", "home"]);

    identity.delete_user(member.hash()).await.unwrap().unwrap();
    assert!(identity.user(member.hash()).await.unwrap().is_none());
    assert_eq!(names(&member).await, [""; 0]);
    let ended = Standing {
        generation: 1,
        locked: false,
    };
    assert_eq!(identity.standing(member.hash()).await.unwrap(), ended);
    identity.delete_user(member.hash()).await.unwrap().unwrap();
    assert!(
        identity.create_user(&member).await.unwrap(),
        "the address is free again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_goes_and_its_data_stays() {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, COLL).await.unwrap();
    let archive = Archive::open(&server, &db, "archive").await.unwrap();
    let admin = user("admin@example.com");
    let admins = std::slice::from_ref(&admin);
    let org = Org::new("home", "", admins, admins).unwrap();
    identity.create_user(&admin).await.unwrap();
    identity.create_org(&org).await.unwrap();
    Raws::new(&archive)
        .write(&[raw("cowrie", json!({"i": 1}))], filters)
        .await
        .unwrap();
    let mut graph = GraphBatch::default();
    graph.add_event(event("unr", 5.0, "203.0.113.9"));
    GraphWriter::new(&archive).write(&graph).await.unwrap();
    let held = Holdings { raws: 1, events: 1 };
    assert_eq!(archive.holdings("unr").await.unwrap(), held);
    assert_eq!(archive.holdings("home").await.unwrap(), Holdings::default());

    assert!(identity.delete_org(org.hash()).await.unwrap());
    assert!(!identity.delete_org(org.hash()).await.unwrap());
    assert!(identity.org(org.hash()).await.unwrap().is_none());
    assert!(identity.user(admin.hash()).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_until_they_end_and_revoked_together() {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, COLL).await.unwrap();
    let [one, other] = ["one@example.com", "other@example.com"].map(|email| user(email).hash());
    for (jti, user, until) in [
        ("a", one, FAR),
        ("b", one, FAR),
        ("c", other, FAR),
        ("d", one, 5),
    ] {
        identity
            .remember_token(jti, user, 0, "login", until)
            .await
            .unwrap();
    }
    let ids = async |user| {
        let tokens = identity.tokens(user).await.unwrap();
        let mut ids: Vec<_> = tokens.into_iter().map(|t| (t.jti, t.revoked)).collect();
        ids.sort();
        ids
    };
    let row = |id: &str, revoked| (id.to_owned(), revoked);
    assert_eq!(
        ids(None).await,
        [row("a", false), row("b", false), row("c", false)]
    );
    identity.revoke("b", Some(FAR)).await.unwrap();
    assert_eq!(identity.revoke_all(one).await.unwrap(), 1);
    assert_eq!(ids(Some(one)).await, [row("a", true), row("b", true)]);
    assert_eq!(ids(Some(other)).await, [row("c", false)]);
}
