//! Headers of every response, forms without their token, paths that lead nowhere.

use crate::suite::{ADMIN, Answer, Suite, Visitor};
use crate::walk::{SIGN_IN, furnish, is_no_page, is_page, posted_forms, walk};

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
    let from = furnish(&suite).await;
    let mut person = suite.person(ADMIN).await;
    let nowhere = person.get("/no-such-page").await;
    check_headers("/no-such-page", &nowhere);
    assert!(is_no_page(&nowhere), "{}", nowhere.text());

    let walked = walk(&mut person, &from).await;
    for (what, answer) in walked.values().flatten() {
        check_headers(what, answer);
        let expected = [200, 303].contains(&answer.status);
        assert!(expected, "{what}: {} {}", answer.status, answer.text());
        if !is_page(answer) {
            continue;
        }
        check_inline(what, answer);
        for link in answer.paths() {
            match link.strip_prefix('#') {
                Some(id) => {
                    let id = format!("id=\"{id}\"");
                    assert!(answer.body.contains(&id), "{what}: {link} leads nowhere");
                }
                None => assert!(link.starts_with('/'), "{what} leads elsewhere: {link}"),
            }
        }
        for (action, form) in posted_forms(answer) {
            assert!(
                cybexp_web::paths().any(|path| path == action),
                "{what}: {form}"
            );
            assert!(form.contains("name=\"csrf\" value=\""), "{what}: {form}");
        }
    }
    for path in SIGN_IN {
        check_headers(path, &suite.visitor().get(path).await);
    }
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_is_taken_without_its_token() {
    let suite = Suite::start("forms").await;
    let mut person = suite.person(ADMIN).await;
    let other = suite.person(ADMIN).await.get("/").await.csrf();
    let own = person.get("/").await.csrf();
    assert_ne!(own, other);
    let tokens = [None, Some(""), Some(other.as_str()), Some(&own[1..])];
    let mut forms = 0;
    for path in cybexp_web::paths() {
        for token in tokens {
            let mut fields = vec![
                ("email", "new@unr.example".to_owned()),
                ("q", "a\nb".to_owned()),
                ("what", "user".to_owned()),
            ];
            fields.extend(token.map(|token| ("csrf", token.to_owned())));
            let answer = person.post(path, &fields).await;
            let status = answer.status;
            // a form with files is none of this kind
            let refused = status == 403 || (path, status) == ("/post", 400);
            assert!(
                refused || is_no_page(&answer),
                "{path} {fields:?}: {status}"
            );

            let file: (&str, Option<&str>, &[u8]) = ("file", Some("a.json"), b"{\"a\": 1}");
            let mut parts = vec![file];
            parts.extend(token.map(|token| ("csrf", None, token.as_bytes())));
            // the token comes first, or it is none
            let late = [vec![file], vec![("csrf", None, own.as_bytes())]].concat();
            let first = [parts[1..].to_vec(), vec![file]].concat();
            for parts in [parts, first, late, vec![]] {
                let answer = person.upload(path, &parts).await;
                let refused = answer.status == 403;
                assert!(
                    refused || is_no_page(&answer),
                    "{path} {parts:?}: {answer:?}"
                );
                forms += usize::from(refused);
            }
        }
    }
    assert!(forms > 12 * 16, "{forms}");
    // still signed in: nothing of the above was done
    assert_eq!(person.get("/account").await.status, 200);
    suite.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_without_signing_in() {
    let suite = Suite::start("closed").await;
    let mut nobody: Visitor = suite.visitor();
    for path in cybexp_web::paths().filter(|path| !SIGN_IN.contains(path)) {
        for given in ["", "?q=a", "?type=ipv4&data=a&text=a&hash=a&id=a&form=csv"] {
            let address = format!("{path}{given}");
            let got = nobody.get(&address).await;
            let posted = nobody.post(&address, &[("csrf", "a".to_owned())]).await;
            for answer in [got, posted] {
                let away = answer.status == 303 && answer.location.starts_with("/sign-in");
                assert!(away || is_no_page(&answer), "{address}: {answer:?}");
            }
        }
    }
    suite.stop().await;
}
