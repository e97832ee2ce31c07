//! Headers of every response, forms without their token, paths that lead nowhere.

use std::collections::BTreeSet;

use crate::suite::{ADMIN, Answer, Suite, Visitor, path, session};

fn check_headers(what: &str, answer: &Answer) {
    let policy = answer.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{what}: {policy}");
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{what}: {policy}"
    );
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
    assert_eq!(
        answer.headers["x-content-type-options"], "nosniff",
        "{what}"
    );
    assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{what}");
}

/// Pages have neither inline scripts nor inline styles, which the policy would refuse.
fn check_inline(what: &str, answer: &Answer) {
    for inline in [
        " style=\"",
        "<style",
        "javascript:",
        " onclick",
        " onload",
        " onerror=\"",
    ] {
        assert!(!answer.body.contains(inline), "{what} has {inline}");
    }
    assert_eq!(answer.body.matches("<script").count(), 1, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_is_guarded_and_no_link_is_dead() {
    let suite = Suite::start("guard").await;
    let records = session(
        "8d0c0817",
        "203.0.113.9",
        &["123456", "admin"],
        &["uname -a"],
    );
    suite
        .have("cowrie", &records, ("ipv4", "203.0.113.9", 6))
        .await;
    let mut person = suite.person(ADMIN).await;

    let mut open = vec![
        "/".to_owned(),
        "/post".to_owned(),
        "/account".to_owned(),
        "/overview".to_owned(),
        "/watch".to_owned(),
        "/inputs".to_owned(),
        "/quarantine".to_owned(),
        "/feeds".to_owned(),
        path("/list", &[("type", "ip"), ("text", "203.0.113.0/24")]),
        "/no-such-page".to_owned(),
        path("/value", &[("type", "ipv4"), ("data", "203.0.113.9")]),
        path(
            "/value",
            &[("type", "ipv4"), ("data", "203.0.113.9"), ("level", "2")],
        ),
        path("/value", &[("type", "ipv4"), ("data", "192.0.2.1")]),
        path("/search", &[("q", "203.0.113.9")]),
        path("/session", &[("type", "sessionid"), ("data", "8d0c0817")]),
    ];
    let mut seen: BTreeSet<String> = open.iter().cloned().collect();
    let mut visited = 0;
    while let Some(next) = open.pop() {
        let answer = person.get(&next).await;
        let (what, status) = (&next, answer.status);
        check_headers(what, &answer);
        visited += 1;
        if next == "/no-such-page" {
            assert_eq!(status, 404);
            continue;
        }
        assert!(
            [200, 303].contains(&status),
            "{what}: {status} {}",
            answer.text()
        );
        let is_page = answer
            .headers
            .get("content-type")
            .is_some_and(|kind| kind == "text/html; charset=utf-8");
        if !is_page {
            continue;
        }
        check_inline(what, &answer);
        for link in answer.paths() {
            if let Some(id) = link.strip_prefix('#') {
                let id = format!("id=\"{id}\"");
                assert!(answer.body.contains(&id), "{what}: {link} leads nowhere");
            } else {
                assert!(link.starts_with('/'), "{what} leads elsewhere: {link}");
                // the whole site, as far as it goes in some time
                if visited < 90 && seen.insert(link.clone()) {
                    open.push(link);
                }
            }
        }
    }
    assert!(visited > 40, "{visited}");
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_without_its_token() {
    let suite = Suite::start("forms").await;
    let mut person = suite.person(ADMIN).await;
    let other = suite.person(ADMIN).await.get("/").await.csrf();
    let own = person.get("/").await.csrf();
    assert_ne!(own, other);
    let email = ("email", "new@unr.example".to_owned());
    for path in [
        "/search",
        "/post/send",
        "/verdict",
        "/event/category",
        "/account/new",
        "/org",
        "/watch",
        "/quarantine",
        "/feeds",
        "/feeds/change",
        "/sign-in",
        "/sign-out",
    ] {
        for token in [
            None,
            Some(String::new()),
            Some(other.clone()),
            Some(own[1..].to_owned()),
        ] {
            let mut fields = vec![
                email.clone(),
                ("q", "a\nb".to_owned()),
                ("what", "user".to_owned()),
            ];
            fields.extend(token.map(|token| ("csrf", token)));
            let answer = person.post(path, &fields).await;
            assert_eq!(answer.status, 403, "{path} {fields:?}");
        }
    }
    let file: (&str, Option<&str>, &[u8]) =
        ("file", Some("a.json"), b"{\"ipv4\": \"203.0.113.9\"}");
    for parts in [
        vec![file],
        vec![file, ("csrf", None, own.as_bytes())],
        vec![("csrf", None, other.as_bytes()), file],
        vec![],
    ] {
        let answer = person.upload("/post", &parts).await;
        assert_eq!(answer.status, 403, "{parts:?}");
    }
    // still signed in: nothing of the above was done
    assert_eq!(person.get("/account").await.status, 200);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_without_signing_in() {
    let suite = Suite::start("closed").await;
    let mut nobody: Visitor = suite.visitor();
    for path in [
        "/",
        "/search?q=a",
        "/value?type=ipv4&data=203.0.113.9",
        "/value/export?type=a&data=b&form=csv",
        "/event?id=a",
        "/session?type=sessionid&data=a",
        "/post",
        "/posted?id=a",
        "/account",
        "/org?hash=a",
        "/overview",
        "/overview/export?form=csv",
        "/list?type=ip&text=a",
        "/live",
        "/watch",
        "/inputs",
        "/quarantine",
        "/quarantine/raw?hash=a",
        "/feeds",
    ] {
        let answer = nobody.get(path).await;
        assert_eq!(answer.status, 303, "{path}");
        assert!(
            answer.location.starts_with("/sign-in"),
            "{path}: {}",
            answer.location
        );
    }
    suite.stop().await;
}
