//! Access by token: every endpoint with every kind of token.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clippy sees helpers of a test as no test; the table is for people"
)]

mod common;

use std::time::{SystemTime, UNIX_EPOCH};

use common::{API, NO_ARGS, is, python_claims, start, stored, token};
use cybexp_testkit::{Answer, Api, Daemon, Form, Site, answer};
use serde_json::{Value, json};
use tahoe_core::{Hash, Org, Role, User};

const PASSWORD: &str = "correct horse battery staple";
/// `{"alg": "none", "typ": "JWT"}`
const ALG_NONE: &str = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";

/// A request to an endpoint that is right in all but its token, so that the token alone decides.
enum Request {
    Get(&'static str),
    Post(&'static str, Value),
    Submit,
}

impl Request {
    fn name(&self) -> &'static str {
        match self {
            Self::Get(path) | Self::Post(path, _) => path,
            Self::Submit => "/raw",
        }
    }

    async fn send(&self, site: &Site, api: &Api, token: Option<&str>) -> Answer {
        match self {
            Self::Get(path) => api.get(path, token).await,
            Self::Post(path, body) => api.post(path, token, body).await,
            Self::Submit => {
                let form = Form::submission(site, "cowrie").file("a.json", b"{}");
                api.submit(token, &form).await
            }
        }
    }
}

fn requests(site: &Site) -> Vec<Request> {
    let new_user = json!({"email": "new@example.com", "password": "12345678", "password2": "else", "name": ""});
    let new_org = json!({"orgname": "new", "user": [], "admin": [], "name": ""});
    let nobody = "0".repeat(64);
    let org = site.orgid;
    vec![
        Request::Get("/ping"),
        Request::Get("/openapi.json"),
        Request::Post(
            "/login",
            json!({"email": "jdoe@example.com", "password": "wrong password"}),
        ),
        Request::Get("/user/info/self"),
        Request::Get("/orgs/admin_of"),
        Request::Get("/orgs/user_of"),
        Request::Post("/create/user", new_user),
        Request::Post("/create/org", new_org),
        Request::Post("/org/info", json!({ "org_hash": org })),
        Request::Post(
            "/org/add/user",
            json!({"org_hash": org, "user": nobody, "add_to": "user"}),
        ),
        Request::Post(
            "/org/del/user",
            json!({"org_hash": org, "user": nobody, "del_from": "user"}),
        ),
        Request::Post(
            "/query",
            json!({"type": "count", "data": {"sub_type": "ipv4"}}),
        ),
        Request::Submit,
        // last, for it revokes what is good
        Request::Post("/logout", json!({})),
    ]
}

fn claims(user: &User, exp: i64) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        .cast_signed();
    let mut claims = python_claims(user);
    claims["jti"] = json!(cybexp_testkit::unique("token"));
    claims["exp"] = json!(now + exp);
    claims
}

/// A signed token with its head replaced by one that says that there is no signature.
fn unsigned(token: &str, signature: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    format!("{ALG_NONE}.{payload}.{signature}")
}

#[tokio::test]
async fn every_endpoint_with_every_kind_of_token() {
    let (site, api) = start("tokens", json!({"api": {"wait_s": 0}})).await;
    let member = site.user().await;
    let root = site.add_superuser("root@example.com", PASSWORD).await;
    let stranger = site.add_user("stranger@example.com", PASSWORD).await;
    let strangers = std::slice::from_ref(&stranger);
    let other = Org::new("other", "Other", strangers, strangers).unwrap();
    site.identity.create_org(&other).await.unwrap();
    let ghost = User::new("ghost@example.com", "no password", "Ghost").unwrap();

    let good = |user: &User| token(&claims(user, 3600), Site::SECRET);
    let revoked = good(&member);
    is(
        &api.post("/logout", Some(&revoked), &json!({})).await,
        200,
        "Logout Successful",
    );
    let mut superior = claims(&member, 3600);
    superior["sub_type"] = json!("cybexp_superuser");
    let mut other_hash = claims(&member, 3600);
    other_hash["_hash"] = json!("not a hash");
    let kinds: Vec<(&str, Option<String>)> = vec![
        ("none", None),
        ("no JWT", Some("x".to_owned())),
        (
            "forged",
            Some(token(&claims(&root, 3600), "another secret")),
        ),
        ("alg none", Some(unsigned(&good(&root), ""))),
        (
            "alg none, signed",
            Some(unsigned(
                &good(&root),
                good(&root).rsplit('.').next().unwrap(),
            )),
        ),
        ("expired", Some(token(&claims(&root, -1), Site::SECRET))),
        ("revoked", Some(revoked)),
        ("unknown user", Some(good(&ghost))),
        ("no hash", Some(token(&other_hash, Site::SECRET))),
        ("other org's", Some(good(&stranger))),
        ("admin's", Some(good(&member))),
        ("says superuser", Some(token(&superior, Site::SECRET))),
        ("superuser's", Some(good(&root))),
    ];

    let mut table = String::new();
    for request in &requests(&site) {
        table += &format!("{:<16}", request.name());
        for (kind, token) in &kinds {
            let answer = request.send(&site, &api, token.as_deref()).await;
            let expected = match (request.name(), *kind) {
                ("/ping" | "/openapi.json", _) => 200,
                ("/login", _) => 401,
                (name, "other org's" | "superuser's") if name.starts_with("/org/") => 401,
                ("/raw", "other org's" | "superuser's") => 401,
                ("/raw", "admin's" | "says superuser") => 201,
                ("/create/user" | "/create/org", "superuser's") => 400,
                ("/create/user" | "/create/org", _) => 401,
                (_, "other org's" | "admin's" | "says superuser" | "superuser's") => {
                    match request.name() {
                        "/query" | "/org/add/user" | "/org/del/user" => 400,
                        _ => 200,
                    }
                }
                _ => 401,
            };
            assert_eq!(
                answer.status,
                expected,
                "{} {kind}: {answer:?}",
                request.name()
            );
            if expected == 401 {
                assert!(!answer.message().is_empty());
            }
            table += &format!(" {}", answer.status);
        }
        table.push('\n');
    }
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    println!("columns: {}", names.join(" | "));
    print!("{table}");
    // those two that the admin's tokens submitted
    assert_eq!(stored(&site).await, [2, 2, 2]);
    assert_eq!(site.identity.users().await.unwrap().len(), 3);
}

#[tokio::test]
async fn how_the_header_may_look() {
    let (site, api) = start("header", json!({})).await;
    let token = site.token(&site.user().await);
    let missing = "Invalid/missing token in auth header!";
    for (header, status, message) in [
        (format!("Bearer {token}"), 200, "See result."),
        (format!("bearer {token}"), 200, "See result."),
        (
            format!("Basic {token}"),
            401,
            "Token must be of type Bearer!",
        ),
        (token.clone(), 401, missing),
        ("Bearer".to_owned(), 401, missing),
        ("Bearer ".to_owned(), 401, missing),
        ("Bearer  ".to_owned(), 401, missing),
        (
            format!("Bearer {token}x"),
            401,
            "Invalid token: its signature is wrong",
        ),
    ] {
        let request = api.request("GET", "/user/info/self", None);
        let answer = answer(request.header("authorization", &header)).await;
        assert_eq!(answer.status, status, "{header}");
        if message == missing {
            assert!(!answer.message().is_empty());
        } else {
            is(&answer, status, message);
        }
    }
}

#[tokio::test]
async fn tokens_of_the_python_system_never_end_until_they_are_refused() {
    for (accept, status) in [(true, 200), (false, 401)] {
        let (site, api) = start(
            "python",
            json!({"api": {"accept_unexpiring_tokens": accept}}),
        )
        .await;
        let python = token(&python_claims(&site.user().await), Site::SECRET);
        let answer = api.get("/user/info/self", Some(&python)).await;
        assert_eq!(answer.status, status);
        let answer = api.post("/logout", Some(&python), &json!({})).await;
        let (status, message) = match accept {
            true => (400, "the token has no id to revoke it by"),
            false => (
                401,
                "Invalid token: it has no expiry, and such tokens are not accepted any more",
            ),
        };
        is(&answer, status, message);
    }
}

#[tokio::test]
async fn a_user_who_is_gone_has_no_token() {
    let (site, api) = start("gone", json!({})).await;
    let user = site.add_user("gone@example.com", PASSWORD).await;
    let token = site.token(&user);
    assert_eq!(api.get("/user/info/self", Some(&token)).await.status, 200);
    let users = site.collection("identity", "instance").await;
    users
        .delete_one(bson::doc! {"_hash": user.hash().to_string()})
        .await
        .unwrap();
    is(
        &api.get("/user/info/self", Some(&token)).await,
        401,
        "User does not exist!",
    );
    // an attribute or an organisation is no user either
    for hash in [site.orgid, Hash::of(&["x"])] {
        let claims = json!({"sub_type": Role::Superuser.as_str(), "_hash": hash});
        let token = common::token(&claims, Site::SECRET);
        is(
            &api.get("/user/info/self", Some(&token)).await,
            401,
            "User does not exist!",
        );
    }
}

#[tokio::test]
async fn a_secret_that_could_be_guessed_is_refused() {
    for (secret, reason) in [
        ("secret", "is \\\"secret\\\", which everybody knows"),
        ("one of our own", "has 14 bytes, and needs 32"),
        ("", "is missing"),
    ] {
        let site = Site::new("secret", json!({"identity": {"secret": secret}})).await;
        let log = site.folder.path().join("log");
        let daemon = Daemon::start_logged(API, NO_ARGS, &site.config, &log);
        assert_eq!(daemon.wait().code(), Some(2));
        let log = std::fs::read_to_string(log).unwrap();
        let config = site.config.display();
        let error = format!("{config}: identity.secret: {reason}");
        assert!(log.contains(&error), "{log}");
    }
}

#[tokio::test]
async fn a_new_password_and_a_lock_end_all_tokens_at_once() {
    let (site, api) = start("generations", json!({})).await;
    let user = site.add_user("ann@example.com", PASSWORD).await;
    let login = async |password: &str| {
        let body = json!({"email": "ann@example.com", "password": password});
        api.post("/login", None, &body).await
    };
    let token = async |password: &str| {
        let answer = login(password).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["token"].as_str().unwrap().to_owned()
    };
    let status = async |token: &str| {
        let answer = api.get("/user/info/self", Some(token)).await;
        (answer.status, answer.message())
    };
    let (good, revoked, locked) = (
        (200, "See result.".to_owned()),
        (401, "JWT token is revoked.".to_owned()),
        (401, "User is locked!".to_owned()),
    );
    // one that the API knows, and those without a row, of the Python system, too
    let python = common::token(&python_claims(&user), Site::SECRET);
    let first = [token(PASSWORD).await, site.token(&user), python];
    for token in &first {
        assert_eq!(status(token).await, good);
    }
    let hash = cybexp_seal::password::hash("another password").unwrap();
    assert!(
        site.identity
            .set_password(user.hash(), &hash)
            .await
            .unwrap()
    );
    for token in &first {
        assert_eq!(status(token).await, revoked);
    }
    is(&login(PASSWORD).await, 401, "401 Unauthorized");

    let second = token("another password").await;
    assert_eq!(status(&second).await, good);
    site.identity.set_locked(user.hash(), true).await.unwrap();
    assert_eq!(status(&second).await, revoked);
    is(&login("another password").await, 401, "401 Unauthorized");
    // a token of the right generation, made by whoever has the secret
    let mut claims = claims(&user, 3600);
    claims["gen"] = json!(2);
    let made = common::token(&claims, Site::SECRET);
    assert_eq!(status(&made).await, locked);
    site.identity.set_locked(user.hash(), false).await.unwrap();
    assert_eq!(status(&second).await, revoked);
    assert_eq!(status(&token("another password").await).await, good);
    // others are not concerned
    assert_eq!(status(&site.token(&site.user().await)).await, good);
}

#[tokio::test]
async fn the_hash_of_an_old_password_is_renewed_and_tokens_stay() {
    let (site, api) = start("renewal", json!({})).await;
    let stored = User::python_password_hash(PASSWORD);
    let user = User::new("old@example.com", &stored, "Old").unwrap();
    site.identity.create_user(&user).await.unwrap();
    let token = site.token(&user);
    let login = json!({"email": "old@example.com", "password": PASSWORD});
    assert_eq!(api.post("/login", None, &login).await.status, 200);
    let found = site.identity.user(user.hash()).await.unwrap().unwrap();
    assert!(found.password_hash().starts_with("$argon2id$"));
    assert_eq!(api.get("/user/info/self", Some(&token)).await.status, 200);
}

#[tokio::test]
async fn the_api_proves_that_it_knows_the_secret() {
    let (_site, api) = start("proof", json!({})).await;
    let port = api.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let challenge = [7; 32];
    let proof = async |challenge: &str| api.get(&format!("/proof/{challenge}"), None).await;
    let answer = proof(&"07".repeat(32)).await;
    let prover = cybexp_seal::Prover::new(&Site::SECRET.into());
    let json = answer.json();
    assert!(prover.holds(&challenge, port, json["proof"].as_str().unwrap()));
    for wrong in ["x", "07", &"07".repeat(33), &"0g".repeat(32)] {
        assert_eq!(proof(wrong).await.status, 400, "{wrong}");
    }
}
