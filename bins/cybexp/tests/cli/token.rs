//! Tokens, made and revoked.

use crate::{Up, cybexp, fed};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_until_it_is_revoked() {
    let up = Up::new(&[]).await;
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
