//! Generations of tokens, locks and invitations.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use std::slice::from_ref;

use common::*;
use cybexp_store::{Accepted, Identity, Standing};
use futures::future::join_all;
use tahoe_core::{Membership, Org, OrgError, User};

async fn identity() -> Identity {
    let (server, db) = server().await;
    Identity::open(&server, &db, COLL).await.unwrap()
}

fn user(name: &str) -> User {
    User::new(&format!("{name}@example.com"), "hash", "A User").unwrap()
}

fn standing(generation: u64, locked: bool) -> Standing {
    Standing { generation, locked }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_and_a_lock_begin_a_generation() {
    let identity = identity().await;
    let ann = user("ann");
    identity.create_user(&ann).await.unwrap();
    let now = async || identity.standing(ann.hash()).await.unwrap();
    assert_eq!(now().await, standing(0, false));
    identity.set_password(ann.hash(), "new").await.unwrap();
    assert_eq!(now().await, standing(1, false));

    // the same password in another form ends nothing, and does not undo a new one
    for (was, renewed) in [("new", true), ("hash", false)] {
        let renewal = identity.renew_password_hash(ann.hash(), was, "newer").await;
        assert_eq!(renewal.unwrap(), renewed);
    }
    let found = identity.user(ann.hash()).await.unwrap().unwrap();
    assert_eq!(
        (found.password_hash(), now().await),
        ("newer", standing(1, false))
    );

    identity.set_locked(ann.hash(), true).await.unwrap();
    assert_eq!(now().await, standing(2, true));
    identity.set_locked(ann.hash(), false).await.unwrap();
    assert_eq!(now().await, standing(2, false));
    let nobody = user("nobody");
    assert!(!identity.set_password(nobody.hash(), "x").await.unwrap());
    assert_eq!(
        identity.standing(nobody.hash()).await.unwrap(),
        Standing::default()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_once() {
    let identity = identity().await;
    let (ann, eve) = (user("ann"), user("eve"));
    for user in [&ann, &eve] {
        identity.create_user(user).await.unwrap();
    }
    let org = Org::new("unr", "", from_ref(&ann), from_ref(&ann)).unwrap();
    identity.create_org(&org).await.unwrap();
    let (org, eve) = (org.hash(), eve.hash());
    let accept = async || identity.accept(org, eve).await.unwrap();
    assert_eq!(accept().await, Accepted::NotInvited);

    identity
        .invite(org, Membership::Admin, &[eve])
        .await
        .unwrap();
    identity
        .invite(org, Membership::User, &[eve])
        .await
        .unwrap();
    let listed = identity.invitations(eve).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].org, listed[0].to), (org, Membership::User));
    assert_eq!(
        identity.invited(org, &[ann.hash(), eve]).await.unwrap(),
        [eve]
    );

    let accepted = join_all((0..8).map(|_| accept())).await;
    let joined = accepted.iter().filter(|it| **it == Accepted::Joined);
    assert_eq!(joined.count(), 1);
    let members = identity.org(org).await.unwrap().unwrap();
    assert!(members.is_user(eve) && !members.is_admin(eve));
    assert_eq!(identity.invitations(eve).await.unwrap(), []);

    identity
        .invite(org, Membership::User, &[eve])
        .await
        .unwrap();
    let refused = OrgError::UserIsInOrg("eve@example.com".to_owned());
    assert_eq!(accept().await, Accepted::Refused(refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_ends_with_what_it_is_about() {
    let identity = identity().await;
    let (ann, eve) = (user("ann"), user("eve"));
    for user in [&ann, &eve] {
        identity.create_user(user).await.unwrap();
    }
    let org = Org::new("unr", "", from_ref(&ann), from_ref(&ann)).unwrap();
    let invite = async || {
        identity.create_org(&org).await.unwrap();
        let invited = [eve.hash()];
        let inviting = identity.invite(org.hash(), Membership::User, &invited);
        inviting.await.unwrap();
    };
    let none = async || identity.invitations(eve.hash()).await.unwrap().is_empty();
    invite().await;
    assert!(!none().await);
    assert!(identity.withdraw(org.hash(), eve.hash()).await.unwrap());
    assert!(!identity.withdraw(org.hash(), eve.hash()).await.unwrap());
    let accepted = identity.accept(org.hash(), eve.hash()).await.unwrap();
    assert_eq!(accepted, Accepted::NotInvited);

    invite().await;
    identity.delete_org(org.hash()).await.unwrap();
    assert!(none().await);
    invite().await;
    identity.delete_user(eve.hash()).await.unwrap().unwrap();
    assert!(none().await);
}
