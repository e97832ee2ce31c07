//! Every endpoint as clients of the Python API know it, and the rules about users and organisations.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod common;

use common::{NO_ARGS, all, is, start};
use cybexp_testkit::{Answer, Api, Form, Site, answer};
use serde_json::{Value, json};
use tahoe_core::{Org, User};

const PASSWORD: &str = "correct horse battery staple";

/// Those who ask.
struct People {
    site: Site,
    api: Api,
    root: String,
    admin: String,
}

async fn people(name: &str) -> People {
    people_with(name, json!({})).await
}

async fn people_with(name: &str, more: Value) -> People {
    let (site, api) = start(name, more).await;
    let root = site.add_superuser("root@example.com", PASSWORD).await;
    let (root, admin) = (site.token(&root), site.token(&site.user().await));
    People {
        site,
        api,
        root,
        admin,
    }
}

impl People {
    async fn create(&self, email: &str) -> Value {
        let new = new_user(email);
        let made = self.post("/create/user", &self.root, new).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()
    }

    /// Sends the request, and sees that no answer ever holds what is stored of a password.
    async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        let answer = self.api.post(path, Some(token), &body).await;
        no_password(&answer);
        answer
    }

    async fn get(&self, path: &str, token: &str) -> Value {
        let answer = self.api.get(path, Some(token)).await;
        no_password(&answer);
        assert_eq!(
            (answer.status, answer.message().as_str()),
            (200, "See result.")
        );
        answer.json()["result"].clone()
    }
}

#[track_caller]
fn no_password(answer: &Answer) {
    let sha256 = User::python_password_hash(PASSWORD);
    for secret in ["$argon2", &sha256, "no password", PASSWORD] {
        assert!(!answer.body.contains(secret), "{answer:?}");
    }
}

fn new_user(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "password2": PASSWORD, "name": "Jane Doe"})
}

fn fields(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn what_needs_no_token() {
    let (_site, api) = start("open", json!({})).await;
    is(&api.get("/ping", None).await, 200, "pong");
    assert_eq!(
        api.get("/ping", None).await.json(),
        json!({"message": "pong"})
    );
    is(
        &api.get("/no/such/path", None).await,
        404,
        "there is no such path",
    );
    is(
        &api.get("/raw", None).await,
        405,
        "the path does not take this method",
    );
    let description = api.get("/openapi.json", None).await.json();
    assert_eq!(description["openapi"], "3.1.0");
}

#[tokio::test]
async fn a_user_is_made_and_asks() {
    let p = people("user").await;
    let made = p.create("jane@example.com").await;
    assert_eq!(fields(&made), ["message", "result", "token"]);
    assert_eq!(made["message"], "User created!");
    let user = &made["result"];
    assert_eq!(user["sub_type"], "cybexp_user");
    assert_eq!(
        user["data"],
        json!({"email_addr": ["jane@example.com"], "name": ["Jane Doe"]})
    );

    let token = made["token"].as_str().unwrap();
    assert_eq!(p.get("/user/info/self", token).await, *user);
    assert_eq!(p.get("/orgs/user_of", token).await, json!([]));
    assert_eq!(p.get("/orgs/admin_of", token).await, json!([]));

    let login = json!({"email": "jane@example.com", "password": PASSWORD});
    let answer = p.api.post("/login", None, &login).await;
    is(&answer, 200, "Login Successful");
    no_password(&answer);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    assert_eq!(p.get("/user/info/self", &token).await, *user);
    is(
        &answer_of(&p, "/logout", &token).await,
        200,
        "Logout Successful",
    );
    let refused = p.api.get("/user/info/self", Some(&token)).await;
    is(&refused, 401, "JWT token is revoked.");
}

async fn answer_of(p: &People, path: &str, token: &str) -> Answer {
    answer(p.api.request("POST", path, Some(token))).await
}

#[tokio::test]
async fn who_can_be_made_a_user() {
    let p = people("newuser").await;
    p.create("jane@example.com").await;
    let make = async |but: Value| {
        let mut new = new_user("else@example.com");
        new.as_object_mut()
            .unwrap()
            .extend(but.as_object().unwrap().clone());
        p.post("/create/user", &p.root, new).await
    };
    is(
        &make(json!({"password2": "another one"})).await,
        400,
        "Passwords do not match!",
    );
    for taken in ["jane@example.com", " jane@example.com ", "root@example.com"] {
        let message = format!("Username/email = {taken} already exists!");
        is(&make(json!({ "email": taken })).await, 400, &message);
    }
    for (but, message) in [
        (
            json!({"email": "jane"}),
            "email is not one name, one @ and one domain",
        ),
        (json!({"email": ""}), "email is empty"),
        (
            json!({"email": "a\u{0}@b.c"}),
            "email holds a control character",
        ),
        (json!({"name": "a\nb"}), "name holds a control character"),
        (
            json!({"password": "short", "password2": "short"}),
            "field password: the password has 5 bytes, and needs 8 to 1024",
        ),
    ] {
        is(&make(but).await, 400, message);
    }
    for but in [
        json!({"role": "superuser"}),
        json!({"name": null}),
        json!({"email": ["a@b.c"]}),
    ] {
        let answer = make(but.clone()).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        let field = fields(&but)[0];
        assert!(answer.message().contains(field), "{answer:?} names {field}");
    }
    // only superusers may
    let denied = p
        .post("/create/user", &p.admin, new_user("else@example.com"))
        .await;
    is(&denied, 401, "Only CYBEX-P admin can create user!");
    assert_eq!(p.site.identity.users().await.unwrap().len(), 3);
}

#[tokio::test]
async fn an_organisation_is_made_and_changed() {
    let p = people_with("org", json!({"identity": {"consent": false}})).await;
    let mut hashes = Vec::new();
    for name in ["a", "b", "c"] {
        let made = p.create(&format!("{name}@example.com")).await;
        hashes.push((
            made["result"]["_hash"].clone(),
            made["token"].as_str().unwrap().to_owned(),
        ));
    }
    let [(a, a_token), (b, b_token), (c, _)] = hashes.try_into().unwrap();
    let new = json!({"orgname": "acme", "user": [a, b], "admin": a, "name": "Acme Inc."});
    is(
        &p.post("/create/org", &a_token, new.clone()).await,
        401,
        "Only CYBEX-P admin can create org!",
    );
    let made = p.post("/create/org", &p.root, new.clone()).await;
    is(&made, 201, "Org created!");
    let org = made.json()["result"].clone();
    assert_eq!(org["sub_type"], "cybexp_org");
    assert_eq!(org["_adm_ref"], json!([a]));
    is(
        &p.post("/create/org", &p.root, new).await,
        400,
        "Orgname = acme already exists!",
    );
    let org = org["_hash"].clone();

    // what its admin, and nobody else, is told
    let info = |of: Value| json!({"org_hash": org, "return_type": of});
    let answer = p
        .post("/org/info", &a_token, json!({ "org_hash": org }))
        .await;
    is(&answer, 200, "See result.");
    let all_of_it = answer.json()["result"].clone();
    assert_eq!(fields(&all_of_it), ["admin", "user", "acl"]);
    assert_eq!(all_of_it["user"].as_array().unwrap().len(), 2);
    let acl = p
        .post("/org/info", &a_token, info(json!(["acl"])))
        .await
        .json()["result"]
        .clone();
    assert_eq!(fields(&acl), ["acl"]);
    is(
        &p.post("/org/info", &a_token, info(json!("boss"))).await,
        400,
        "Invalid 'return_type'!",
    );
    is(
        &p.post("/org/info", &b_token, info(json!("all"))).await,
        401,
        "You are not an admin of this org!",
    );
    for (path, token, count) in [
        ("/orgs/admin_of", &a_token, 1),
        ("/orgs/user_of", &a_token, 1),
        ("/orgs/admin_of", &b_token, 0),
        ("/orgs/user_of", &b_token, 1),
    ] {
        assert_eq!(
            p.get(path, token).await.as_array().unwrap().len(),
            count,
            "{path}"
        );
    }

    let add = async |user: &Value, to: &str| {
        let body = json!({"org_hash": org, "user": user, "add_to": to});
        p.post("/org/add/user", &a_token, body).await
    };
    let del = async |user: &Value, from: &str| {
        let body = json!({"org_hash": org, "user": [user], "del_from": from});
        p.post("/org/del/user", &a_token, body).await
    };
    is(&add(&c, "user").await, 201, "User/s successfully added!");
    is(
        &add(&c, "user").await,
        400,
        "user c@example.com is already in the organisation",
    );
    is(&add(&c, "boss").await, 400, "Invalid 'add_to'!");
    is(
        &add(&json!("0".repeat(64)), "user").await,
        400,
        &format!("field user: Invalid user hash={}", "0".repeat(64)),
    );
    // of all that a plain user is, whatever that is
    is(&del(&c, "all").await, 201, "User/s successfully deleted!");
    is(&add(&c, "user").await, 201, "User/s successfully added!");
    is(&add(&c, "admin").await, 201, "User/s successfully added!");
    is(&del(&a, "admin").await, 201, "User/s successfully deleted!");
    // no admin of it any more
    is(
        &del(&c, "admin").await,
        401,
        "You are not an admin of this org!",
    );
}

#[tokio::test]
async fn what_is_kept_of_an_organisation_whatever_is_asked() {
    let p = people("rules").await;
    let jane = p.create("jane@example.com").await["result"]["_hash"].clone();
    let org = p.site.orgid.to_string();
    let john = p.site.userid.to_string();
    let change = async |path: &str, body: Value| {
        let answer = p.post(path, &p.admin, body).await;
        (answer.status, answer.message())
    };
    let del = |user: &str, from: &[&str]| json!({"org_hash": org, "user": user, "del_from": from});
    let last = (400, "the last admin of an organisation stays".to_owned());
    assert_eq!(change("/org/del/user", del(&john, &["all"])).await, last);
    assert_eq!(change("/org/del/user", del(&john, &["admin"])).await, last);
    let stays = "user jdoe@example.com is an admin: remove it from the admins as well";
    assert_eq!(
        change("/org/del/user", del(&john, &["user"])).await,
        (400, stays.to_owned())
    );
    assert_eq!(
        change("/org/del/user", del(&john, &["acl"])).await,
        (400, stays.to_owned())
    );
    for (path, field, body) in [
        (
            "/org/del/user",
            "org_hash",
            json!({"org_hash": "x", "user": jane, "del_from": "all"}),
        ),
        (
            "/org/del/user",
            "user",
            json!({"org_hash": org, "user": "x", "del_from": "all"}),
        ),
        (
            "/org/add/user",
            "user",
            json!({"org_hash": org, "user": ["x"], "add_to": "user"}),
        ),
        (
            "/org/add/user",
            "add_to",
            json!({"org_hash": org, "user": jane, "add_to": []}),
        ),
        (
            "/org/del/user",
            "del_from",
            json!({"org_hash": org, "user": jane, "del_from": []}),
        ),
        (
            "/org/info",
            "return_type",
            json!({"org_hash": org, "return_type": []}),
        ),
        (
            "/org/add/user",
            "del_from",
            json!({"org_hash": org, "user": jane, "add_to": "user", "del_from": "all"}),
        ),
        (
            "/org/info",
            "org_hash",
            json!({"org_hash": org.to_uppercase()}),
        ),
        ("/org/info", "org_hash", json!({})),
        (
            "/create/org",
            "admin",
            json!({"orgname": "new", "user": jane, "name": ""}),
        ),
        (
            "/query",
            "redo",
            json!({"type": "count", "data": {}, "redo": "yes"}),
        ),
    ] {
        let (status, message) = change(path, body).await;
        let denied = path == "/create/org" && status == 401;
        assert!(
            denied || status == 400 && message.contains(field),
            "{path} {field}: {status} {message}"
        );
    }
    let unknown = json!({"org_hash": "0".repeat(64), "user": jane, "add_to": "user"});
    assert_eq!(
        change("/org/add/user", unknown).await,
        (401, "You are not an admin of this org!".to_owned())
    );
    let new = json!({"orgname": "new", "user": [john], "admin": [jane], "name": "New"});
    let no_user = "admin jane@example.com must be a user of the organisation";
    is(&p.post("/create/org", &p.root, new).await, 400, no_user);
    let after = p.site.identity.org(p.site.orgid).await.unwrap().unwrap();
    assert_eq!(
        (after.users().len(), after.admins().len(), after.acl().len()),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn bodies_that_are_no_requests() {
    let p = people("bodies").await;
    let long = json!({"email": "a@b.c", "password": "x".repeat(1 << 20)}).to_string();
    for (body, kind, status) in [
        ("", "application/json", 400),
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("{}", "text/plain", 400),
        ("\u{0}", "application/json", 400),
        (&*long, "application/json", 413),
    ] {
        let request = p
            .api
            .request("POST", "/login", None)
            .header("content-type", kind);
        let answer = answer(request.body(body.to_owned())).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(!answer.message().is_empty());
    }
}

#[tokio::test]
async fn a_password_of_the_python_system_is_upgraded_wherever_it_stands() {
    let site = Site::new("upgrade", json!({})).await;
    let sha256 = User::python_password_hash(PASSWORD);
    let old = User::new("old@example.com", &sha256, "Old User").unwrap();
    let users = std::slice::from_ref(&old);
    let org = Org::new("old", "Old", users, users).unwrap();
    site.identity.add(&org, users).await.unwrap();
    let api = Api::start(common::API, NO_ARGS, &site).await;

    let everything = async || format!("{:?}", all(&site, "identity", "instance").await);
    assert!(everything().await.contains(&sha256));
    let login = |password: &str| json!({"email": "old@example.com", "password": password});
    is(
        &api.post("/login", None, &login("wrong password")).await,
        401,
        "401 Unauthorized",
    );
    assert!(everything().await.contains(&sha256));
    let answer = api.post("/login", None, &login(PASSWORD)).await;
    is(&answer, 200, "Login Successful");
    no_password(&answer);

    let everything = everything().await;
    assert!(!everything.contains(&sha256), "{everything}");
    // in the user, and in the organisation as a user and as an admin
    assert_eq!(everything.matches("$argon2id$").count(), 3);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    for path in ["/user/info/self", "/orgs/admin_of", "/orgs/user_of"] {
        no_password(&api.get(path, Some(&token)).await);
    }
    is(
        &api.post("/login", None, &login(PASSWORD)).await,
        200,
        "Login Successful",
    );
    let nobody = json!({"email": "nobody@example.com", "password": PASSWORD});
    is(
        &api.post("/login", None, &nobody).await,
        401,
        "401 Unauthorized",
    );
}

#[tokio::test]
async fn no_secret_stands_in_the_log() {
    let p = people("log").await;
    let made = p.create("jane@example.com").await;
    let token = made["token"].as_str().unwrap();
    p.get("/user/info/self", token).await;
    for password in [PASSWORD, "some wrong password"] {
        p.api
            .post(
                "/login",
                None,
                &json!({"email": "jane@example.com\n", "password": password}),
            )
            .await;
    }
    p.api
        .submit(
            Some(token),
            &Form::submission(&p.site, "cowrie").file("x", b"the data"),
        )
        .await;
    let log = std::fs::read_to_string(&p.api.log).unwrap();
    for secret in [
        PASSWORD,
        "some wrong password",
        "$argon2",
        token,
        "the data",
    ] {
        assert!(!log.contains(secret), "{log}");
    }
    assert!(p.api.daemon.terminate().success());
}
