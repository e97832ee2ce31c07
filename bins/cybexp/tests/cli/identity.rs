//! Users and organisations.

use cybexp_seal::password::{Verdict, verify};
use cybexp_testkit::Site;
use serde_json::json;
use tahoe_core::{Hash, Org, Role, User};

use crate::{cybexp, fed, json_of};

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_listed_and_given_new_passwords() {
    let site = Site::new("user", json!({})).await;
    let add = |email: &str, more: &[&str], stdin: &str| {
        fed(
            &site,
            &[&["user", "add", email, "--name", "Root"], more].concat(),
            stdin,
        )
    };
    let generated = add("root@example.com", &["--superuser", "--generate"], "").good();
    let file = ["--password-file", "-"];
    add("plain@example.com", &file, "a password\r\n").good();
    let stored = async |email: &str| site.identity.user_by_email(email).await.unwrap().unwrap();
    let root = stored("root@example.com").await;
    assert_eq!((root.role(), root.name()), (Role::Superuser, "Root"));
    assert_eq!(
        verify(generated.trim(), root.password_hash()),
        Verdict::Right
    );
    assert_eq!(generated.trim().len(), 20);
    let plain = stored("plain@example.com").await;
    assert_eq!(plain.role(), Role::User);
    assert_eq!(verify("a password", plain.password_hash()), Verdict::Right);

    assert!(
        add("plain@example.com", &file, "another one")
            .bad()
            .contains("cybexp user passwd")
    );
    assert!(
        add("new@example.com", &file, "short")
            .bad()
            .contains("needs 8 to 1024")
    );
    assert!(add("nobody", &file, "a password").bad().contains("email"));
    assert!(
        add("new@example.com", &[], "a password")
            .bad()
            .contains("--password-file")
    );

    let passwd = [
        "user",
        "passwd",
        "plain@example.com",
        "--password-file",
        "-",
    ];
    fed(&site, &passwd, "a new password").good();
    let plain = stored("plain@example.com").await;
    assert_eq!(
        verify("a new password", plain.password_hash()),
        Verdict::Right
    );
    let nobody = fed(&site, &["user", "passwd", "x@y.example", "--generate"], "").bad();
    assert!(
        nobody.contains("there is no user x@y.example: `cybexp user list`"),
        "{nobody}"
    );

    let listed = cybexp(&site, &["user", "list"]).good();
    for text in [
        "root@example.com",
        "superuser",
        "jdoe@example.com",
        "John Doe",
    ] {
        assert!(listed.contains(text), "{listed}");
    }
    let listed = cybexp(&site, &["user", "list", "--json"]).good();
    assert_eq!(json_of(&listed).as_array().unwrap().len(), 3);
    assert!(!listed.contains("argon2"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn organisations_are_made_and_changed() {
    let site = Site::new("org", json!({})).await;
    let made = ["guest@example.com", "user@example.com"].map(|email| {
        cybexp(&site, &["user", "add", email, "--generate"]).good();
        User::hash_of(Role::User, email)
    });
    let [guest, user] = made;
    let jdoe = site.userid;
    let org = |args: &[&str]| cybexp(&site, &[&["org"], args].concat());
    let stored = async |name: &str| {
        site.identity
            .org(Org::hash_of(name))
            .await
            .unwrap()
            .unwrap()
    };

    let add = [
        "add",
        "cirt",
        "--name",
        "Incidents",
        "--admin",
        "jdoe@example.com",
    ];
    let hash: Hash = org(&add).good().trim().parse().unwrap();
    assert_eq!(hash, Org::hash_of("cirt"));
    assert!(org(&add).bad().contains("already"));
    assert!(
        org(&["add", "x", "--admin", "no@where.example"])
            .bad()
            .contains("no user no@where")
    );
    assert_eq!(org(&["add", "x"]).code, 2, "an organisation has an admin");

    // by e-mail or hash, by name or hash
    org(&["add-user", "cirt", &user.to_string()]).good();
    org(&[
        "add-user",
        &hash.to_string(),
        "guest@example.com",
        "--as",
        "acl",
    ])
    .good();
    let cirt = stored("cirt").await;
    assert!(cirt.is_user(user) && !cirt.is_user(guest));
    assert!(
        [jdoe, user, guest]
            .iter()
            .all(|user| cirt.acl().contains(user))
    );

    org(&["add-user", "cirt", "user@example.com", "--as", "admin"]).good();
    org(&[
        "del-user",
        "cirt",
        "jdoe@example.com",
        "guest@example.com",
        "--from",
        "all",
    ])
    .good();
    let cirt = stored("cirt").await;
    assert!(cirt.is_admin(user) && !cirt.is_user(jdoe));
    assert_eq!(cirt.acl().iter().collect::<Vec<_>>(), [&user]);
    let last = org(&["del-user", "cirt", "user@example.com", "--from", "admin"]).bad();
    assert!(last.contains("last admin"), "{last}");

    let info = org(&["info", "cirt"]).good();
    assert!(
        info.contains("Incidents") && info.contains("user@example.com"),
        "{info}"
    );
    assert!(
        org(&["info", "nowhere"])
            .bad()
            .contains("`cybexp org list`")
    );
    assert!(org(&["list"]).good().contains("cirt"));
    let listed = json_of(&org(&["list", "--json"]).good());
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_organisations_are_deleted_after_being_asked() {
    let site = Site::new(
        "delete",
        json!({"identity": {"secret": "a secret of the tests, of 32 bytes or more"}}),
    )
    .await;
    let run = |args: &[&str]| cybexp(&site, args);
    for email in ["guest@example.com", "other@example.com"] {
        run(&["user", "add", email, "--generate"]).good();
    }
    run(&["org", "add-user", "unr", "guest@example.com"]).good();
    let there = async |email: &str| site.identity.user_by_email(email).await.unwrap().is_some();

    let last = run(&["user", "del", "jdoe@example.com", "--yes"]).bad();
    assert!(
        last.contains("last admin of unr") && last.contains("org del unr"),
        "{last}"
    );
    let asked = run(&["user", "del", "guest@example.com"]);
    assert!(
        asked.code == 2 && asked.err.contains("--yes"),
        "{}",
        asked.err
    );
    assert!(there("guest@example.com").await);
    run(&[
        "user",
        "del",
        "guest@example.com",
        "other@example.com",
        "--yes",
    ])
    .good();
    assert!(!there("guest@example.com").await && !there("other@example.com").await);
    assert!(!run(&["org", "info", "unr"]).good().contains("guest"));
    let nobody = run(&["user", "del", "guest@example.com", "--yes"]).bad();
    assert!(nobody.contains("there is no user"), "{nobody}");

    site.submit("cowrie", ["{}"]).await;
    let asked = run(&["org", "del", "unr"]);
    let told = "0 raws, 0 events and 1 submissions that wait";
    assert!(asked.code == 2 && asked.err.contains(told), "{}", asked.err);
    run(&["org", "del", "unr", "--yes"]).good();
    assert!(
        run(&["org", "info", "unr"])
            .bad()
            .contains("no organisation")
    );
    run(&["user", "del", "jdoe@example.com", "--yes"]).good();
}
