//! Indexes for users, organisations and revoked tokens, which every request to the API reads.

use bson::{Document, doc};
use tahoe_core::{Hash, Org, Role, User};

use super::plan::Plan;
use super::{fill, hash, server};
use crate::identity::tokens;
use crate::identity::users::{self as identity, Identity};
use crate::identity::{invitations, orgs, standing};
use crate::mongo::bulk::Update;
use crate::mongo::collection::to_document;
use crate::mongo::swap;

#[tokio::test(flavor = "multi_thread")]
async fn users_and_organisations_are_found_by_who_they_are() {
    let identity = crowded().await;
    let someone = user(1000);

    let find = identity::users_of(&[someone.hash()]);
    let plan = Plan::find(&identity.coll, &find).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 1);

    let both = Role::ALL.map(|role| User::hash_of(role, someone.email()));
    let plan = Plan::find(&identity.coll, &identity::users_of(&both)).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(4, 1);

    let plan = Plan::find(&identity.coll, &orgs::find_org(org(500).hash())).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 1);

    for find in [orgs::orgs_admin_of, orgs::orgs_user_of] {
        let plan = Plan::find(&identity.coll, &find(someone.hash())).await;
        assert_eq!(plan.returned, 1);
        plan.reads_at_most(2, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_read_what_they_list() {
    let identity = crowded().await;
    let plan = Plan::find(&identity.coll, &identity::users()).await;
    assert_eq!(plan.returned, 1500);
    plan.reads_at_most(1500 + 3, 1500);
    let plan = Plan::find(&identity.coll, &orgs::orgs()).await;
    assert_eq!(plan.returned, 700);
    plan.reads_at_most(700 + 1, 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_reads_one_document() {
    let identity = crowded().await;
    let find = orgs::find_org(org(500).hash());
    let read = swap::read(&identity.coll, find, Org::from_document).await;
    let was = read.unwrap().pop().unwrap();
    let now = to_document(&org(500)).unwrap();
    let now = Document::try_from(&now).unwrap();
    let (filter, update) = swap::change(&was, &now, "testing").unwrap();
    let update = Update {
        filter,
        update: update.into(),
        upsert: false,
    };
    Plan::update(&identity.coll, &update)
        .await
        .reads_at_most(1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_tokens_are_found_by_id() {
    let identity = crowded().await;
    let rows = (0..3000).map(|i| doc! {"_id": hash(i).to_string()});
    fill(&identity.revoked, rows).await;
    for (jti, found) in [(hash(1000).to_string(), 1), ("other".to_owned(), 0)] {
        let plan = Plan::find(&identity.revoked, &tokens::revoked(&jti)).await;
        assert_eq!(plan.returned, found);
        plan.reads_at_most(1, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn standings_and_invitations_are_found_by_user() {
    let identity = crowded().await;
    let rows = (0..3000).map(|i| doc! {"_id": hash(i).to_string(), "generation": 1_i64});
    fill(&identity.standings, rows).await;
    let plan = Plan::find(&identity.standings, &standing::standings_of(&[hash(1000)])).await;
    assert_eq!(plan.returned, 1);
    plan.reads_at_most(2, 1);

    let rows = (0..3000).map(|i| {
        let (org, user) = (hash(i / 3).to_string(), hash(i).to_string());
        doc! {"_id": format!("{org}.{user}"), "org": org, "user": user}
    });
    fill(&identity.invitations, rows).await;
    for find in [
        invitations::invitation(hash(500), hash(1500)),
        invitations::invitations_of(hash(1500)),
    ] {
        let plan = Plan::find(&identity.invitations, &find).await;
        assert_eq!(plan.returned, 1);
        plan.reads_at_most(2, 1);
    }
}

/// Users 0 to 1499, organisations 500 to 1199 of the user of the same number, and attributes as the Python system
/// stores them beside these.
async fn crowded() -> Identity {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, "instance").await.unwrap();
    let users = (0..1500).map(|i| document(user(i).object()));
    fill(&identity.coll, users).await;
    fill(&identity.coll, (500..1200).map(|i| document(&org(i)))).await;
    let attributes = (0..2000).map(|i| {
        let of: Hash = hash(format_args!("attribute{i}"));
        doc! {"itype": "attribute", "sub_type": "email_addr", "data": i, "_hash": of.to_string()}
    });
    fill(&identity.coll, attributes).await;
    identity
}

fn user(i: i32) -> User {
    User::new(&format!("user{i}@example.com"), "x", "").unwrap()
}

fn org(i: i32) -> Org {
    let admin = [user(i)];
    Org::new(&format!("org{i}"), "", &admin, &admin).unwrap()
}

fn document(instance: &impl serde::Serialize) -> Document {
    Document::try_from(&to_document(instance).unwrap()).unwrap()
}
