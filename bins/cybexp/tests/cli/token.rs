//! Tokens, made and revoked.

use crate::{SiteWithApi, cybexp, fed};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_until_it_is_revoked() {
    let up = SiteWithApi::new(&[]).await;
    let made = cybexp(&up.site, &["token", "jdoe@example.com", "--ttl", "2h"]);
    assert!(made.err.contains("2 hours"), "{}", made.err);
    let token = made.good();
    assert_eq!(
        token.lines().count(),
        1,
        "nothing but the token is on the standard output"
    );
    let file = up.file("mine", &token);
    let count = [
        "query",
        "count",
        "url",
        "x",
        "--wait",
        "0",
        "--token-file",
        &file,
    ];
    // nobody answers, but it is not the token's fault
    assert!(up.run(&count).bad().contains("not ready"));

    fed(&up.site, &["token", "revoke", "-"], &token).good();
    let refused = up.run(&count).bad();
    assert!(
        refused.contains("revoked") && refused.contains("`cybexp token EMAIL`"),
        "{refused}"
    );
    assert!(
        fed(&up.site, &["token", "revoke", "-"], "x.y.z")
            .bad()
            .contains("no token of this")
    );

    let short = up.run(&["token", "jdoe@example.com", "--ttl", "1s"]).good();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(
        up.run(&["token", "revoke", short.trim()])
            .err
            .contains("expired")
    );
    assert_eq!(
        up.run(&["token", "jdoe@example.com", "--ttl", "soon"]).code,
        2
    );
    assert!(up.run(&["token", "x@y.example"]).bad().contains("no user"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_listed_and_revoked_by_id_and_user() {
    let up = SiteWithApi::new(&[]).await;
    let list = |more: &[&str]| {
        let listed = up
            .run(&[&["token", "list", "--json"], more].concat())
            .good();
        crate::json_of(&listed).as_array().unwrap().clone()
    };
    let first = list(&[]);
    assert_eq!(first.len(), 1, "that of the test: {first:?}");
    assert_eq!(first[0]["email"], "jdoe@example.com");
    assert_eq!(first[0]["by"], "cybexp token");
    let table = up.run(&["token", "list", "jdoe@example.com"]).good();
    assert!(table.contains("jdoe@example.com"), "{table}");

    up.run(&["user", "add", "other@example.com", "--generate"])
        .good();
    for _ in 0..2 {
        up.run(&["token", "other@example.com"]).good();
    }
    let others = list(&["other@example.com"]);
    assert_eq!((others.len(), list(&[]).len()), (2, 3));
    let id = others[0]["id"].as_str().unwrap();
    up.run(&["token", "revoke", &id[..12]]).good();
    assert_eq!(list(&["other@example.com"]).len(), 1);
    assert_eq!(list(&["other@example.com", "--revoked"]).len(), 2);
    assert!(
        up.run(&["token", "revoke", "abc"])
            .bad()
            .contains("fewer than")
    );
    assert!(
        up.run(&["token", "revoke", "000000000000"])
            .bad()
            .contains("token list")
    );
    let all = up.run(&["token", "revoke", "--user", "other@example.com"]);
    assert!(all.err.contains("1 tokens"), "{}", all.err);
    all.good();
    assert_eq!(list(&[]), first);
}
