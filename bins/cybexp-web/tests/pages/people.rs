//! Accounts and organisations.

use tahoe_core::Org;

use crate::suite::{ADMIN, PASSWORD, STRANGER, SUPERUSER, Suite, path};

#[tokio::test(flavor = "multi_thread")]
async fn a_superuser_makes_users_and_organisations() {
    let suite = Suite::start("people").await;
    let mut root = suite.person(SUPERUSER).await;
    let account = root.get("/account").await;
    assert!(account.text().contains("superuser"), "{}", account.text());
    let csrf = account.csrf();
    let user = |csrf: String, email: &str| {
        [
            ("csrf", csrf),
            ("what", "user".to_owned()),
            ("email", email.to_owned()),
            ("name", "New <User>".to_owned()),
            ("password", PASSWORD.to_owned()),
        ]
    };
    let made = root
        .post("/account/new", &user(csrf.clone(), "new@unr.example"))
        .await;
    assert_eq!(made.status, 303, "{}", made.text());
    assert!(
        root.get(&made.location)
            .await
            .text()
            .contains("User created!")
    );
    let twice = root
        .post("/account/new", &user(csrf.clone(), "new@unr.example"))
        .await;
    assert_eq!(twice.status, 400);
    assert!(twice.text().contains("already exists"), "{}", twice.text());
    let org = [
        ("csrf", csrf),
        ("what", "org".to_owned()),
        ("orgname", "lab".to_owned()),
        ("name", "The Lab".to_owned()),
        ("admin", "new@unr.example".to_owned()),
    ];
    let made = root.post("/account/new", &org).await;
    assert_eq!(made.status, 303, "{}", made.text());

    let mut new = suite.person("new@unr.example").await;
    let account = new.get("/account").await.text();
    assert!(
        account.contains("lab")
            && account.contains(
                "New <User>"
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
                    .as_str()
            ),
        "{account}"
    );
    let hash = Org::hash_of("lab").to_string();
    assert!(
        new.get(&path("/org", &[("hash", &hash)]))
            .await
            .text()
            .contains("new@unr.example")
    );

    // nobody else may
    let mut admin = suite.person(ADMIN).await;
    let page = admin.get("/account").await;
    assert!(!page.text().contains("New user"));
    let denied = admin
        .post("/account/new", &user(page.csrf(), "x@unr.example"))
        .await;
    assert_eq!(denied.status, 403);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_changes_who_belongs() {
    let suite = Suite::start("members").await;
    let mut admin = suite.person(ADMIN).await;
    let org = suite.site.orgid.to_string();
    let page = path("/org", &[("hash", &org)]);
    let first = admin.get(&page).await;
    assert!(
        first.text().contains(ADMIN) && !first.text().contains(STRANGER),
        "{}",
        first.text()
    );
    let change = |what: &str, membership: &str, user: &str| {
        let texts = [("csrf", first.csrf()), ("hash", org.clone())];
        let more = [
            ("what", what.to_owned()),
            ("as", membership.to_owned()),
            ("user", user.to_owned()),
        ];
        texts.into_iter().chain(more).collect::<Vec<_>>()
    };
    let added = admin.post("/org", &change("add", "user", STRANGER)).await;
    assert_eq!(added.status, 303, "{}", added.text());
    let shown = admin.get(&added.location).await.text();
    assert!(
        !shown.contains(STRANGER) && shown.contains("invited"),
        "{shown}"
    );
    // joins by accepting
    let mut stranger = suite.person(STRANGER).await;
    let account = stranger.get("/account").await;
    assert!(
        account.text().contains("invites you as user"),
        "{}",
        account.text()
    );
    let accept = [
        ("csrf", account.csrf()),
        ("hash", org.clone()),
        ("what", "accept".to_owned()),
    ];
    let accepted = stranger.post("/account/membership", &accept).await;
    assert_eq!(accepted.status, 303, "{}", accepted.text());
    assert!(admin.get(&page).await.text().contains(STRANGER));
    let hash = suite.user(STRANGER).await.hash().to_string();
    let removed = admin.post("/org", &change("remove", "all", &hash)).await;
    assert_eq!(removed.status, 303, "{}", removed.text());
    assert!(!admin.get(&page).await.text().contains(STRANGER));
    let unknown = admin
        .post("/org", &change("add", "user", "nobody@x.example"))
        .await;
    assert_eq!(unknown.status, 400);
    let wrong = admin.post("/org", &change("add", "owner", STRANGER)).await;
    assert_eq!(wrong.status, 400);
    suite.stop().await;
}
