//! Signing in and out.

use cybexp_service::Config;
use cybexp_web::sign_in_path;
use serde_json::json;

use crate::suite::{ADMIN, PASSWORD, Suite};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_and_out() {
    let suite = Suite::start("sign_in").await;
    let mut visitor = suite.visitor();
    let wanted = "/value?type=ipv4&data=203.0.113.9";
    let away = visitor.get(wanted).await;
    assert_eq!(away.status, 303);
    let expected = "/sign-in?next=%2Fvalue%3Ftype%3Dipv4%26data%3D203.0.113.9";
    assert_eq!(away.location, expected);

    let form = visitor.get(&away.location).await;
    let fields = |password: &str, csrf: String| {
        let next = wanted.to_owned();
        [
            ("csrf", csrf),
            ("next", next),
            ("email", ADMIN.to_owned()),
            ("password", password.to_owned()),
        ]
    };
    let wrong = visitor
        .post("/sign-in", &fields("wrong password", form.csrf()))
        .await;
    assert_eq!(wrong.status, 401);
    assert!(
        wrong
            .text()
            .contains("There is no such user, or the password is wrong.")
    );

    let right = visitor
        .post("/sign-in", &fields(PASSWORD, wrong.csrf()))
        .await;
    assert_eq!((right.status, right.location.as_str()), (303, wanted));
    let cookie = right.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(
        !cookie.contains(ADMIN) && !cookie.contains("eyJ"),
        "it is sealed: {cookie}"
    );

    let home = visitor.get("/").await;
    assert!(home.text().contains(ADMIN));
    let account = visitor.get("/account").await;
    assert!(
        account.text().contains("unr") && account.text().contains("admin"),
        "{}",
        account.text()
    );

    // the token ends, too: a copy of the cookie is worth nothing
    let mut copy = visitor.clone();
    assert_eq!(copy.get("/account").await.status, 200);
    let out = visitor.post("/sign-out", &[("csrf", home.csrf())]).await;
    assert_eq!((out.status, out.location.as_str()), (303, "/sign-in"));
    assert_eq!(visitor.get("/account").await.status, 303);
    assert_eq!(copy.get("/account").await.status, 403);
    let part = copy.get(wanted).await;
    assert!(part.text().contains("Sign in again"), "{}", part.text());
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_run_out() {
    let suite = Suite::with("tries", json!({"behind_proxy": true})).await;
    let mut visitor = suite.visitor();
    let mut answers = Vec::new();
    for _ in 0..11 {
        let csrf = visitor.get("/sign-in").await.csrf();
        let fields = [
            ("csrf", csrf),
            ("email", ADMIN.to_owned()),
            ("password", "wrong one".to_owned()),
        ];
        answers.push(visitor.post("/sign-in", &fields).await);
    }
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10], 429);
    assert!(answers[10].headers.contains_key("retry-after"));
    // not even with the right password, so that nobody can try on
    let csrf = visitor.get("/sign-in").await.csrf();
    let fields = [
        ("csrf", csrf),
        ("email", ADMIN.to_owned()),
        ("password", PASSWORD.to_owned()),
    ];
    assert_eq!(visitor.post("/sign-in", &fields).await.status, 429);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once() {
    let secret = "a secret of the pages, of thirty-two bytes or more";
    let suite = Suite::with("ticket", json!({"secret": secret})).await;
    let config = Config::from_file(&suite.site.config).unwrap();
    let token = suite.site.token(&suite.site.user().await);
    let link = sign_in_path(&config, ADMIN, &token).unwrap().unwrap();
    assert!(!link.contains("eyJ"), "the token is sealed: {link}");

    let mut visitor = suite.visitor();
    let form = visitor.get(&link).await;
    assert!(form.text().contains(ADMIN), "{}", form.text());
    let ticket = link.split_once("ticket=").unwrap().1.to_owned();
    let fields = |csrf: String| [("csrf", csrf), ("ticket", ticket.clone())];
    let forged = suite
        .visitor()
        .post("/sign-in/ticket", &fields("x".to_owned()))
        .await;
    assert_eq!(forged.status, 403);
    let signed_in = visitor.post("/sign-in/ticket", &fields(form.csrf())).await;
    assert_eq!((signed_in.status, signed_in.location.as_str()), (303, "/"));
    assert_eq!(visitor.get("/account").await.status, 200);

    let mut other = suite.visitor();
    let csrf = other.get("/sign-in").await.csrf();
    assert_eq!(other.get(&link).await.status, 410);
    assert_eq!(
        other.post("/sign-in/ticket", &fields(csrf)).await.status,
        410
    );
}
