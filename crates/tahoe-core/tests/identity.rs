#![allow(clippy::unwrap_used, missing_docs)]
//! The texts that a user may have, and the changes that an organisation refuses.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tahoe_core::Membership::{Acl, Admin, User as Member};
use tahoe_core::{Membership, Org, OrgError, Role, User};

fn user(name: &str) -> User {
    let hash = User::python_password_hash(name);
    User::new(&format!("{name}@example.com"), &hash, name).unwrap()
}

fn users(names: &str) -> Vec<User> {
    names.split_whitespace().map(user).collect()
}

/// An organisation with the admins ann and adam, the users ann, adam and uma, and on the access list the guest gus.
fn org() -> Org {
    let org = Org::new(
        "unr",
        "University",
        &users("ann adam uma"),
        &users("ann adam"),
    )
    .unwrap();
    org.add(Acl, &users("gus")).unwrap()
}

/// Returns `admins | users | access list`, each sorted by name.
fn members(org: &Org) -> String {
    let everybody = users("adam ann eve gus max uma");
    let who = |is_in: &dyn Fn(&User) -> bool| {
        let members = everybody.iter().filter(|user| is_in(user));
        members.map(User::name).collect::<Vec<_>>().join(" ")
    };
    let admins = who(&|user| org.is_admin(user.hash()));
    let users = who(&|user| org.is_user(user.hash()));
    let acl = who(&|user| org.acl().contains(&user.hash()));
    format!("{admins} | {users} | {acl}")
}

fn told(result: Result<Org, OrgError>) -> String {
    match result {
        Ok(org) => {
            consistent(&org);
            members(&org)
        }
        Err(error) => error.to_string(),
    }
}

/// Asserts that a document is read as it was written, keeps its `_hash`, and has the lists of its data.
fn consistent(changed: &Org) {
    let document = json!(changed);
    let read = Org::from_document(&document).unwrap();
    assert_eq!(json!(read), document);
    assert_eq!(changed.hash(), org().hash());
    let hashes = |users: Vec<User>| json!(users.iter().map(User::hash).collect::<BTreeSet<_>>());
    assert_eq!(document["_usr_ref"], hashes(changed.users()));
    assert_eq!(document["_adm_ref"], hashes(changed.admins()));
    let emails = |data: &Value| {
        let users = data["cybexp_user"].as_array().unwrap().iter();
        let emails = users.map(|user| user["email_addr"][0].as_str().unwrap().to_owned());
        emails.collect::<BTreeSet<_>>()
    };
    let expected = |users: Vec<User>| users.iter().map(|u| u.email().to_owned()).collect();
    assert_eq!(emails(&document["data"]), expected(changed.users()));
    assert_eq!(
        emails(&document["data"]["admin"][0]),
        expected(changed.admins())
    );
}

#[test]
fn adding_follows_the_rules() {
    for (to, names, expected) in [
        (
            Admin,
            "eve",
            "adam ann eve | adam ann eve uma | adam ann eve gus uma",
        ),
        (
            Admin,
            "uma",
            "adam ann uma | adam ann uma | adam ann gus uma",
        ),
        (
            Admin,
            "gus",
            "adam ann gus | adam ann gus uma | adam ann gus uma",
        ),
        (
            Member,
            "eve",
            "adam ann | adam ann eve uma | adam ann eve gus uma",
        ),
        (
            Member,
            "gus",
            "adam ann | adam ann gus uma | adam ann gus uma",
        ),
        (
            Member,
            "eve max",
            "adam ann | adam ann eve max uma | adam ann eve gus max uma",
        ),
        (
            Member,
            "eve eve",
            "adam ann | adam ann eve uma | adam ann eve gus uma",
        ),
        (Acl, "eve", "adam ann | adam ann uma | adam ann eve gus uma"),
        (Acl, "", "adam ann | adam ann uma | adam ann gus uma"),
        (
            Admin,
            "ann",
            "user ann@example.com is already an admin of the organisation",
        ),
        (
            Member,
            "ann",
            "user ann@example.com is already in the organisation",
        ),
        (
            Member,
            "uma",
            "user uma@example.com is already in the organisation",
        ),
        (
            Member,
            "eve uma",
            "user uma@example.com is already in the organisation",
        ),
        (
            Acl,
            "gus",
            "user gus@example.com is already in the ACL of the organisation",
        ),
        (
            Acl,
            "eve uma",
            "user uma@example.com is already in the ACL of the organisation",
        ),
    ] {
        assert_eq!(
            told(org().add(to, &users(names))),
            expected,
            "{to:?} {names}"
        );
    }
}

#[test]
fn removing_follows_the_rules() {
    let eve = user("eve").hash();
    let cases: &[(&[Membership], &str, &str)] = &[
        (&[Admin], "ann", "adam | adam ann uma | adam ann gus uma"),
        (
            &[Admin, Member],
            "ann",
            "adam | adam uma | adam ann gus uma",
        ),
        (
            &[Admin, Member, Acl],
            "ann",
            "adam | adam uma | adam gus uma",
        ),
        (&[Admin, Acl], "ann", "adam | adam ann uma | adam gus uma"),
        (&[Member], "uma", "adam ann | adam ann | adam ann gus uma"),
        (&[Member, Acl], "uma", "adam ann | adam ann | adam ann gus"),
        (&[Acl], "uma", "adam ann | adam ann uma | adam ann gus"),
        (&[Acl], "gus", "adam ann | adam ann uma | adam ann uma"),
        (&[Acl], "gus uma", "adam ann | adam ann uma | adam ann"),
        (&[Acl], "gus gus", "adam ann | adam ann uma | adam ann uma"),
        (&[], "ann", "adam ann | adam ann uma | adam ann gus uma"),
        (
            &[Member],
            "ann",
            "user ann@example.com is an admin: remove it from the admins as well",
        ),
        (
            &[Acl],
            "ann",
            "user ann@example.com is an admin: remove it from the admins as well",
        ),
        (
            &[Member, Acl],
            "ann",
            "user ann@example.com is an admin: remove it from the admins as well",
        ),
        (
            &[Member],
            "uma ann",
            "user ann@example.com is an admin: remove it from the admins as well",
        ),
        (
            &[Admin],
            "uma",
            "user uma@example.com is not an admin of the organisation",
        ),
        (
            &[Admin, Member, Acl],
            "uma",
            "user uma@example.com is not an admin of the organisation",
        ),
        (
            &[Member],
            "uma eve",
            &format!("user {eve} is not in the organisation"),
        ),
        (
            &[Acl],
            "eve",
            &format!("user {eve} is not in the ACL of the organisation"),
        ),
        (
            &[Admin],
            "ann adam",
            "the last admin of an organisation stays",
        ),
        (
            &[Admin, Member, Acl],
            "ann adam",
            "the last admin of an organisation stays",
        ),
    ];
    for (from, names, expected) in cases {
        let hashes: Vec<_> = users(names).iter().map(User::hash).collect();
        let from = from.iter().copied().collect();
        assert_eq!(
            told(org().remove(&from, &hashes)),
            *expected,
            "{from:?} {names}"
        );
    }
    let alone = Org::new("unr", "", &users("ann"), &users("ann")).unwrap();
    let removed = alone.remove(&[Admin].into(), &[user("ann").hash()]);
    assert_eq!(removed.unwrap_err(), OrgError::LastAdmin);
}

#[test]
fn an_organisation_without_sense_is_refused() {
    let told = |orgname: &str, name: &str, of: &str, admins: &str| {
        let made = Org::new(orgname, name, &users(of), &users(admins));
        made.unwrap_err().to_string()
    };
    assert_eq!(
        told("unr", "", "", ""),
        "an organisation needs at least one admin"
    );
    assert_eq!(
        told("unr", "", "uma", ""),
        "an organisation needs at least one admin"
    );
    assert_eq!(
        told("unr", "", "uma", "ann"),
        "admin ann@example.com must be a user of the organisation"
    );
    assert_eq!(told(" \t", "", "ann", "ann"), "orgname is empty");
    assert_eq!(
        told("u\nr", "", "ann", "ann"),
        "orgname holds a control character"
    );
    assert_eq!(
        told("unr", &"x".repeat(256), "ann", "ann"),
        "name is longer than 255 characters"
    );
    let trimmed = Org::new(" unr ", " University ", &users("ann"), &users("ann")).unwrap();
    assert_eq!(trimmed.hash(), org().hash());
    assert_eq!((trimmed.orgname(), trimmed.name()), ("unr", "University"));
}

#[test]
fn a_document_with_lists_of_others_is_refused() {
    for (field, hashes) in [
        ("_usr_ref", json!([user("ann").hash()])),
        ("_adm_ref", json!([user("eve").hash()])),
    ] {
        let mut document = json!(org());
        document[field] = hashes;
        let error = Org::from_document(&document).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{field} does not hold the hashes of the data")
        );
    }
    assert!(Org::from_document(&json!(user("ann").object())).is_err());
    assert!(User::from_document(&json!(org())).is_err());
}

#[test]
fn addresses_are_checked() {
    for (email, expected) in [
        ("jdoe@example.com", "ok"),
        (" jdoe@example.com\n", "ok"),
        ("pelé@bücher.example", "ok"),
        ("", "email is empty"),
        (" ", "email is empty"),
        ("jdoe", "email is not one name, one @ and one domain"),
        ("jdoe@", "email is not one name, one @ and one domain"),
        (
            "@example.com",
            "email is not one name, one @ and one domain",
        ),
        ("a@b@c", "email is not one name, one @ and one domain"),
        ("john doe@example.com", "email holds white space"),
        ("jdoe\u{0}@example.com", "email holds a control character"),
        (
            &format!("{}@example.com", "x".repeat(243)),
            "email is longer than 254 bytes",
        ),
        (&"x".repeat(1 << 20), "email is longer than 255 characters"),
    ] {
        let told = match User::new(email, "x", "") {
            Ok(user) => {
                assert_eq!(user.email(), email.trim());
                "ok".to_owned()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(told, expected, "{email:?}");
    }
}

#[test]
fn a_superuser_is_someone_else_than_the_user_of_the_same_address() {
    let plain = user("jdoe");
    let superuser = User::superuser(plain.email(), plain.password_hash(), "jdoe").unwrap();
    assert_ne!(plain.hash(), superuser.hash());
    for (user, role) in [(plain, Role::User), (superuser, Role::Superuser)] {
        assert_eq!(user.hash(), User::hash_of(role, " jdoe@example.com"));
        let document = json!(user.object());
        assert_eq!(document["sub_type"], role.as_str());
        let read = User::from_document(&document).unwrap();
        assert_eq!((read.role(), json!(read.object())), (role, document));
    }
}

#[test]
fn a_password_changes_all_but_the_identity() {
    let (old, new) = (
        user("ann"),
        user("ann").with_password_hash("$argon2id$new").unwrap(),
    );
    assert_eq!(old.hash(), new.hash());
    assert_eq!((new.email(), new.name()), (old.email(), old.name()));
    let changed = org().with_user(&new).unwrap();
    consistent(&changed);
    assert_eq!(members(&changed), members(&org()));
    let text = json!(changed).to_string();
    assert_eq!(
        text.matches("$argon2id$new").count(),
        2,
        "as user and as admin"
    );
    assert!(!text.contains(old.password_hash()));
    assert!(!text.contains(&old.password_attribute().hash().to_string()));
    // a user who does not belong to the organisation changes nothing
    assert_eq!(json!(org().with_user(&user("eve")).unwrap()), json!(org()));
}

#[test]
fn documents_for_others_hold_no_password() {
    let ann = user("ann");
    let document = ann.document_without_password();
    assert_eq!(
        document["data"],
        json!({"email_addr": ["ann@example.com"], "name": ["ann"]})
    );
    for field in ["_cref", "_ref"] {
        assert_eq!(document[field].as_array().unwrap().len(), 2);
    }
    assert_eq!(document["_hash"], json!(ann.hash()));

    let text = org().document_without_passwords().to_string();
    for user in org().users() {
        assert!(text.contains(user.email()) && !text.contains(user.password_hash()));
        assert!(!text.contains(&user.password_attribute().hash().to_string()));
    }
}

#[test]
fn expelled_from_all_that_each_of_them_is() {
    let hash = |name| user(name).hash();
    for (names, expected) in [
        (&["uma"][..], "adam ann | adam ann | adam ann gus"),
        (&["gus", "adam"], "ann | ann uma | ann uma"),
        (&["adam", "ann"], "the last admin of an organisation stays"),
    ] {
        let hashes: Vec<_> = names.iter().copied().map(hash).collect();
        assert_eq!(told(org().expel(&hashes)), expected, "{names:?}");
    }
    let error = org().expel(&[hash("eve")]).unwrap_err();
    assert!(matches!(error, OrgError::UserIsNotInOrg(_)));
}
