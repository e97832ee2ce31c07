//! Posting by hand.

use cybexp_testkit::eventually;

use crate::suite::{ADMIN, STRANGER, Suite, path, session};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_is_shown_first_and_found_later() {
    let suite = Suite::start("posting").await;
    let mut person = suite.person(ADMIN).await;
    let csrf = person.get("/post").await.csrf();
    let log = session("8d0c0817", "203.0.113.9", &["123456"], &["uname -a"]).join("\n");
    let mail = b"From: a@sender.example\r\nTo: b@unr.example\r\nSubject: hello\r\n\r\nhttp://phish.example/x\r\n";
    let parts: [(&str, Option<&str>, &[u8]); 4] = [
        ("csrf", None, csrf.as_bytes()),
        ("file", Some("cowrie.json"), log.as_bytes()),
        ("file", Some(""), b""),
        ("text", None, mail),
    ];
    let check = person.upload("/post", &parts).await;
    let text = check.text();
    assert_eq!(check.status, 200, "{text}");
    for told in [
        "cowrie.json",
        "pasted text",
        "Send 7 records",
        "file_download",
        "1 email",
        "http://203.0.113.77/bot.sh",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(
        check.body.contains("<option value=\"cowrie\" selected>")
            && check.body.contains("<option value=\"email\" selected>"),
        "{}",
        check.body
    );
    // nothing is sent yet
    let waiting = suite.site.cache.count_pending().await.unwrap();
    assert_eq!(waiting, 0);

    let send = |what: &str, second: &str, org: String| {
        vec![
            ("csrf", csrf.clone()),
            ("id", check.value_of("id")),
            ("typetag0", "cowrie".to_owned()),
            ("lines0", "yes".to_owned()),
            ("typetag1", second.to_owned()),
            ("timezone", "UTC".to_owned()),
            ("org", org),
            ("do", what.to_owned()),
        ]
    };
    let org = suite.site.orgid.to_string();
    let again = person
        .post("/post/send", &send("look", "cowrie", org.clone()))
        .await;
    assert!(
        again.text().contains("would be refused"),
        "{}",
        again.text()
    );
    let undecided = person
        .post("/post/send", &send("send", "", org.clone()))
        .await;
    assert!(
        undecided.text().contains("could not be told"),
        "{}",
        undecided.text()
    );
    let foreign = person
        .post("/post/send", &send("send", "email", "0".repeat(64)))
        .await;
    assert_eq!(foreign.status, 400);
    let mut stranger = suite.person(STRANGER).await;
    let mut stolen = send("send", "email", org.clone());
    stolen[0].1 = stranger.get("/").await.csrf();
    assert_eq!(stranger.post("/post/send", &stolen).await.status, 404);

    let sent = person
        .post("/post/send", &send("send", "email", org.clone()))
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    eventually("all is archived", async || {
        let page = person.clone().get(&sent.location).await;
        page.text().contains("taken by the API7")
            && page.body.matches("in the archive").count() == 7
    })
    .await;
    let page = person.get(&sent.location).await;
    assert!(
        !page.body.contains("http-equiv"),
        "it stands still: {}",
        page.body
    );
    assert_eq!(stranger.get(&sent.location).await.status, 404);
    // sent once
    assert_eq!(
        person
            .post("/post/send", &send("send", "email", org))
            .await
            .status,
        404
    );

    let find = path("/value", &[("type", "hostname"), ("data", "phish.example")]);
    person.finds(&find).await;
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_and_nothing_are_refused() {
    let suite = Suite::with("limits", serde_json::json!({"max_upload_bytes": 1000})).await;
    let mut person = suite.person(ADMIN).await;
    let csrf = person.get("/post").await.csrf();
    let token = ("csrf", None, csrf.as_bytes());
    let large = person
        .upload("/post", &[token, ("file", Some("a"), &[b'x'; 2000])])
        .await;
    assert_eq!(large.status, 413, "{}", large.text());
    let nothing = person
        .upload("/post", &[token, ("file", Some("a"), b" \n")])
        .await;
    assert_eq!(nothing.status, 400, "{}", nothing.text());
    let zone = [("csrf", csrf.clone()), ("id", "none".to_owned())];
    assert_eq!(person.post("/post/send", &zone).await.status, 404);
    let many = vec![("q", "x".repeat(2 << 20)), ("csrf", csrf.clone())];
    assert_eq!(person.post("/search", &many).await.status, 413);
    suite.stop().await;
}
