//! Users and organisations: making and changing them, also by several clients at once.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::slice::from_ref;

use bson::{Document, doc};
use common::*;
use cybexp_store::{Access, Identity};
use futures::future::join_all;
use mongodb::Collection;
use tahoe_core::{Attribute, Hash, Membership, Org, OrgError, SubType, User};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_stored_as_its_document_and_found_again() {
    let (identity, coll) = identity().await;
    let (jdoe, root) = (user("jdoe"), superuser("root"));
    for user in [&jdoe, &root] {
        assert!(identity.create_user(user).await.unwrap());
    }
    let stored: Vec<Document> = find(&coll, doc! {}).await.into_iter().map(sorted).collect();
    assert_eq!(stored, [document(jdoe.object()), document(root.object())]);

    for user in [&jdoe, &root] {
        let found = identity.user(user.hash()).await.unwrap().unwrap();
        assert_eq!((found.email(), found.role()), (user.email(), user.role()));
        let email = format!(" {}", user.email());
        let found = identity.user_by_email(&email).await.unwrap().unwrap();
        assert_eq!(found.hash(), user.hash());
    }
    let emails: Vec<String> = identity
        .users()
        .await
        .unwrap()
        .iter()
        .map(|u| u.email().to_owned())
        .collect();
    assert_eq!(emails, ["jdoe@example.com", "root@example.com"]);
    assert!(
        identity
            .user(user("nobody").hash())
            .await
            .unwrap()
            .is_none()
    );
    assert!(
        identity
            .user_by_email("nobody@example.com")
            .await
            .unwrap()
            .is_none()
    );
    // a superuser may ask, too
    let access = identity.access(&root.hash().to_string()).await.unwrap();
    assert!(matches!(access, Access::Orgs(visible) if visible.0.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_belongs_to_one_user() {
    let (identity, coll) = identity().await;
    assert!(identity.create_user(&user("jdoe")).await.unwrap());
    let before = find(&coll, doc! {}).await;
    let renamed = User::new("jdoe@example.com", "other", "Other").unwrap();
    for same in [user("jdoe"), renamed, superuser("jdoe")] {
        assert!(!identity.create_user(&same).await.unwrap());
    }
    assert_eq!(find(&coll, doc! {}).await, before);

    let eve = user("eve");
    let made = join_all((0..20).map(|_| identity.create_user(&eve))).await;
    assert_eq!(
        made.into_iter()
            .filter(|made| *made.as_ref().unwrap())
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organisation_is_stored_as_its_document_and_found_again() {
    let (identity, coll) = identity().await;
    let (ann, uma) = (user("ann"), user("uma"));
    let unr = Org::new("unr", "UNR", &[ann.clone(), uma.clone()], from_ref(&ann)).unwrap();
    assert!(identity.create_org(&unr).await.unwrap());
    assert!(!identity.create_org(&unr).await.unwrap());
    let aaa = Org::new("aaa", "", from_ref(&uma), from_ref(&uma)).unwrap();
    assert!(identity.create_org(&aaa).await.unwrap());

    let stored: Vec<Document> = find(&coll, doc! {}).await.into_iter().map(sorted).collect();
    assert_eq!(stored, [document(&unr), document(&aaa)]);
    let found = identity.org(unr.hash()).await.unwrap().unwrap();
    assert_eq!(document(&found), document(&unr));
    assert!(identity.org(uma.hash()).await.unwrap().is_none());

    let names = |orgs: Vec<Org>| {
        orgs.iter()
            .map(|o| o.orgname().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(identity.orgs().await.unwrap()), ["aaa", "unr"]);
    assert_eq!(
        names(identity.orgs_admin_of(ann.hash()).await.unwrap()),
        ["unr"]
    );
    assert_eq!(
        names(identity.orgs_admin_of(uma.hash()).await.unwrap()),
        ["aaa"]
    );
    assert_eq!(
        names(identity.orgs_user_of(uma.hash()).await.unwrap()),
        ["aaa", "unr"]
    );
    assert!(
        identity
            .orgs_user_of(user("eve").hash())
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_changes_at_once_none_is_lost() {
    let (identity, coll) = identity().await;
    let ann = user("ann");
    let org = org_of(&identity, from_ref(&ann), from_ref(&ann)).await;
    let new: Vec<User> = (0..20).map(|i| user(&format!("user{i}"))).collect();
    let added = join_all(new.iter().enumerate().map(|(i, user)| {
        let to = [Membership::User, Membership::Admin, Membership::Acl][i % 3];
        identity.change_org(org, move |org| org.add(to, from_ref(user)))
    }));
    for added in added.await {
        added.unwrap().unwrap().unwrap();
    }
    let changed = identity.org(org).await.unwrap().unwrap();
    let (admins, users, listed) = (changed.admins(), changed.users(), changed.acl());
    assert_eq!((admins.len(), users.len(), listed.len()), (8, 15, 21));
    let stored = find(&coll, doc! {"sub_type": "cybexp_org"}).await;
    assert_eq!(
        stored.into_iter().map(sorted).collect::<Vec<_>>(),
        [document(&changed)]
    );

    // all add the same user: one succeeds, and the others get an error
    let eve = user("eve");
    let added = join_all(
        (0..20).map(|_| identity.change_org(org, |org| org.add(Membership::User, from_ref(&eve)))),
    );
    let told = added.await.into_iter().map(|added| added.unwrap().unwrap());
    let (done, refused): (Vec<_>, Vec<_>) = told.partition(Result::is_ok);
    assert_eq!(done.len(), 1);
    let already = OrgError::UserIsInOrg("eve@example.com".into());
    assert!(
        refused
            .into_iter()
            .all(|error| error.unwrap_err() == already)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_admins_who_remove_themselves_leave_one() {
    let (identity, _) = identity().await;
    let admins: Vec<User> = (0..20).map(|i| user(&format!("admin{i}"))).collect();
    let org = org_of(&identity, &admins, &admins).await;
    let all: BTreeSet<_> = [Membership::Admin, Membership::User, Membership::Acl].into();
    let removed = join_all(admins.iter().map(|admin| {
        let all = &all;
        identity.change_org(org, move |org| org.remove(all, &[admin.hash()]))
    }));
    let told: Vec<_> = removed
        .await
        .into_iter()
        .map(|r| r.unwrap().unwrap())
        .collect();
    assert_eq!(told.iter().filter(|result| result.is_ok()).count(), 19);
    assert!(
        told.iter()
            .any(|result| matches!(result, Err(OrgError::LastAdmin)))
    );
    let left = identity.org(org).await.unwrap().unwrap();
    assert_eq!(
        (left.admins().len(), left.users().len(), left.acl().len()),
        (1, 1, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_refused_changes_nothing() {
    let (identity, coll) = identity().await;
    let ann = user("ann");
    let org = org_of(&identity, from_ref(&ann), from_ref(&ann)).await;
    let before = find(&coll, doc! {}).await;
    let add = |org: &Org| org.add(Membership::User, &[user("eve"), ann.clone()]);
    let refused = identity.change_org(org, add).await.unwrap().unwrap();
    assert_eq!(
        refused.unwrap_err(),
        OrgError::UserIsInOrg("ann@example.com".into())
    );
    assert_eq!(find(&coll, doc! {}).await, before);
    let nowhere = identity.change_org(ann.hash(), add).await.unwrap();
    assert!(nowhere.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_past_what_the_python_system_wrote_meanwhile() {
    let (identity, coll) = identity().await;
    let (ann, eve) = (user("ann"), user("eve"));
    let org = org_of(&identity, from_ref(&ann), from_ref(&ann)).await;
    // an organisation without a list, and with a field that nobody here knows
    let of_org = doc! {"_hash": org.to_string()};
    let old = doc! {"$unset": {"_acl": ""}, "$set": {"config": {"x": 1}}};
    coll.update_one(of_org.clone(), old).await.unwrap();
    let tries = std::sync::atomic::AtomicU32::new(0);
    let python = tokio::runtime::Handle::current();
    let changed = identity.change_org(org, |org| {
        if tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
            // between the read and the write
            let list = doc! {"$set": {"_acl": [ann.hash().to_string(), hash("guest").to_string()]}};
            tokio::task::block_in_place(|| {
                python.block_on(async { coll.update_one(of_org.clone(), list).await.unwrap() })
            });
        }
        org.add(Membership::User, from_ref(&eve))
    });
    let changed = changed.await.unwrap().unwrap().unwrap();
    assert_eq!(
        *changed.acl(),
        [ann.hash(), eve.hash(), hash("guest")].into()
    );
    assert_eq!(tries.into_inner(), 2);
    let stored = find(&coll, doc! {"_hash": org.to_string()}).await;
    assert_eq!(stored[0].get_document("config").unwrap(), &doc! {"x": 1});
    assert_eq!(
        identity.org(org).await.unwrap().unwrap().acl(),
        changed.acl()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_changed_wherever_it_stands() {
    let (identity, coll) = identity().await;
    let (ann, uma) = (user("ann"), user("uma"));
    for user in [&ann, &uma] {
        identity.create_user(user).await.unwrap();
        // the Python system has the attributes as documents, too
        let attribute = Attribute::new(SubType::from_static("password"), user.password_hash());
        coll.insert_one(document(&attribute)).await.unwrap();
    }
    for name in ["unr", "usc"] {
        let both = [ann.clone(), uma.clone()];
        let org = Org::new(name, "", &both, &both[..1]).unwrap();
        identity.create_org(&org).await.unwrap();
    }
    assert!(
        identity
            .set_password(ann.hash(), "$argon2id$new")
            .await
            .unwrap()
    );
    assert!(
        !identity
            .set_password(user("nobody").hash(), "x")
            .await
            .unwrap()
    );

    let found = identity.user(ann.hash()).await.unwrap().unwrap();
    assert_eq!(found.password_hash(), "$argon2id$new");
    let everything = format!("{:?}", find(&coll, doc! {}).await);
    assert!(!everything.contains(ann.password_hash()));
    assert!(!everything.contains(&ann.password_attribute().hash().to_string()));
    assert_eq!(everything.matches("$argon2id$new").count(), 1 + 2 * 2);
    assert!(everything.contains(uma.password_hash()));
    for org in identity.orgs().await.unwrap() {
        assert!(org.is_admin(ann.hash()) && org.is_user(uma.hash()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_read_a_user_before_its_password_changed_stores_no_old_copy() {
    let (identity, coll) = identity().await;
    let (ann, eve) = (user("ann"), user("eve"));
    for user in [&ann, &eve] {
        identity.create_user(user).await.unwrap();
    }
    let org = org_of(&identity, from_ref(&ann), from_ref(&ann)).await;
    assert!(identity.set_password(eve.hash(), "new").await.unwrap());
    let add = |org: &Org| org.add(Membership::Admin, from_ref(&eve));
    identity
        .change_org(org, add)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    let other = Org::new("other", "", from_ref(&eve), from_ref(&eve)).unwrap();
    assert!(identity.create_org(&other).await.unwrap());
    let everything = format!("{:?}", find(&coll, doc! {}).await);
    assert!(!everything.contains(eve.password_hash()));
    assert_eq!(identity.orgs_admin_of(eve.hash()).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_that_change_while_organisations_do_leave_no_old_copy() {
    let (identity, _) = identity().await;
    let (ann, eve) = (user("ann"), user("eve"));
    for user in [&ann, &eve] {
        identity.create_user(user).await.unwrap();
    }
    let mut orgs = Vec::new();
    for i in 0..6 {
        let org = Org::new(&format!("org{i}"), "", from_ref(&ann), from_ref(&ann)).unwrap();
        identity.create_org(&org).await.unwrap();
        orgs.push(org.hash());
    }
    let passwords = (0..8).map(|i| async move { format!("password hash {i}") });
    let passwords = join_all(passwords).await;
    let set = join_all(passwords.iter().flat_map(|password| {
        [ann.hash(), eve.hash()].map(|user| identity.set_password(user, password))
    }));
    // the caller has read the user before
    let added =
        join_all(orgs.iter().map(|org| {
            identity.change_org(*org, |org| org.add(Membership::Admin, from_ref(&eve)))
        }));
    let late = Org::new("late", "", &[ann.clone(), eve.clone()], from_ref(&ann)).unwrap();
    let (set, added, created) = futures::join!(set, added, identity.create_org(&late));
    assert!(set.into_iter().all(Result::unwrap) && created.unwrap());
    added
        .into_iter()
        .for_each(|added| drop(added.unwrap().unwrap().unwrap()));

    let orgs = identity.orgs().await.unwrap();
    assert_eq!(orgs.len(), 7);
    for user in [&ann, &eve] {
        let current = identity.user(user.hash()).await.unwrap().unwrap();
        assert!(current.password_hash().starts_with("password hash"));
        for org in &orgs {
            let copies = org.users();
            let copy = copies
                .iter()
                .find(|copy| copy.hash() == user.hash())
                .unwrap();
            assert_eq!(
                copy.password_hash(),
                current.password_hash(),
                "{}",
                org.orgname()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_not_what_it_claims_is_left_out_and_nothing_else() {
    let (identity, coll) = identity().await;
    let ann = user("ann");
    let org = org_of(&identity, from_ref(&ann), from_ref(&ann)).await;
    assert!(identity.create_user(&ann).await.unwrap());
    let ann_hash = ann.hash().to_string();
    let mut forged = coll
        .find_one(doc! {"_hash": org.to_string()})
        .await
        .unwrap()
        .unwrap();
    for (name, field, value) in [
        ("other", "data", doc! {"orgname": ["other"]}.into()),
        ("list", "data", bson::Bson::Array(vec![])),
        ("text", "_cref", "text".into()),
        ("type", "itype", 5.into()),
    ] {
        forged.insert("_id", name);
        forged.insert("_hash", hash(name).to_string());
        forged.insert(field, value);
        coll.insert_one(&forged).await.unwrap();
    }
    let wrong = doc! {
        "_hash": hash("user").to_string(), "itype": "object", "sub_type": "cybexp_user", "data": 7,
    };
    coll.insert_one(wrong).await.unwrap();
    let nameless = doc! {"_hash": 5, "sub_type": "cybexp_org", "_acl": ann_hash};
    coll.insert_one(nameless).await.unwrap();

    let names = |orgs: Vec<Org>| Vec::from_iter(orgs.iter().map(Org::hash));
    assert_eq!(names(identity.orgs().await.unwrap()), [org]);
    assert_eq!(
        names(identity.orgs_user_of(ann.hash()).await.unwrap()),
        [org]
    );
    assert_eq!(
        names(identity.orgs_admin_of(ann.hash()).await.unwrap()),
        [org]
    );
    assert_eq!(identity.users().await.unwrap().len(), 1);
    assert_eq!(identity.org(hash("other")).await.unwrap().map(|_| ()), None);
    assert!(matches!(
        identity.access(&ann.hash().to_string()).await.unwrap(),
        Access::Orgs(_)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_revoked_for_good() {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, COLL).await.unwrap();
    assert!(!identity.is_revoked("a").await.unwrap());
    for (jti, expires) in [
        ("a", Some(1_790_000_000)),
        ("a", None),
        ("b", None),
        ("c", Some(u64::MAX)),
    ] {
        identity.revoke(jti, expires).await.unwrap();
        assert!(identity.is_revoked(jti).await.unwrap());
    }
    assert!(!identity.is_revoked("d").await.unwrap());

    let coll = collection(&db, "revoked").await;
    let rows = find(&coll, doc! {}).await;
    assert_eq!(
        rows[0].get_datetime("until").unwrap().timestamp_millis(),
        1_790_000_000_000
    );
    assert!(!rows[1].contains_key("until"), "what never ends stays");
    let names: Vec<_> = coll.list_index_names().await.unwrap();
    assert!(names.contains(&"revoked_until".to_owned()));
}

async fn identity() -> (Identity, Collection<Document>) {
    let (server, db) = server().await;
    let identity = Identity::open(&server, &db, COLL).await.unwrap();
    (identity, collection(&db, COLL).await)
}

async fn org_of(identity: &Identity, users: &[User], admins: &[User]) -> Hash {
    let org = Org::new("unr", "UNR", users, admins).unwrap();
    assert!(identity.create_org(&org).await.unwrap());
    org.hash()
}

fn user(name: &str) -> User {
    let password = User::python_password_hash(name);
    User::new(&format!("{name}@example.com"), &password, name).unwrap()
}

fn superuser(name: &str) -> User {
    let password = User::python_password_hash(name);
    User::superuser(&format!("{name}@example.com"), &password, name).unwrap()
}
