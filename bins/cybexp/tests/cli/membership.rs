//! Invitations, leaving, locks, and a process that poses as the API.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::json;
use tahoe_core::{Membership, Role, User};

use crate::{SiteWithApi, json_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_user_joins_and_leaves_by_own_will() {
    let up = SiteWithApi::new(&[]).await;
    up.run(&["user", "add", "ann@example.com", "--generate"])
        .good();
    let ann = User::hash_of(Role::User, "ann@example.com");
    let token = up.file("ann", up.run(&["token", "ann@example.com"]).good());
    let mine = |args: &[&str]| {
        let token = ["--token-file", token.as_str()];
        up.run(&[&["membership"], args, &token].concat())
    };
    let invite = async || {
        let org = up.site.orgid;
        up.site
            .identity
            .invite(org, Membership::User, &[ann])
            .await
            .unwrap();
    };
    invite().await;
    let listed = mine(&["list"]).good();
    assert!(
        listed.contains("unr") && listed.contains("invited as user"),
        "{listed}"
    );
    assert!(
        mine(&["accept", "nowhere"])
            .bad()
            .contains("has not invited you")
    );
    mine(&["decline", "unr"]).good();
    assert!(
        mine(&["accept", "unr"])
            .bad()
            .contains("has not invited you")
    );
    invite().await;
    mine(&["accept", "unr"]).good();
    let listed = json_of(&mine(&["list", "--json"]).good());
    assert_eq!(listed["orgs"][0]["_hash"], json!(up.site.orgid));
    assert_eq!(listed["invitations"], json!([]));
    assert!(
        up.run(&["org", "info", "unr"])
            .good()
            .contains("ann@example.com")
    );
    mine(&["leave", "unr"]).good();
    assert!(
        !up.run(&["org", "info", "unr"])
            .good()
            .contains("ann@example.com")
    );
    assert!(mine(&["leave", "unr"]).bad().contains("do not belong"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_user_is_out_at_once() {
    let up = SiteWithApi::new(&[]).await;
    up.run(&["membership", "list"]).good();
    up.run(&["user", "lock", "jdoe@example.com"]).good();
    assert!(up.run(&["membership", "list"]).bad().contains("revoked"));
    assert!(up.run(&["user", "list"]).good().contains("user, locked"));
    let refused = up.run(&["token", "jdoe@example.com"]).bad();
    assert!(
        refused.contains("user unlock jdoe@example.com"),
        "{refused}"
    );
    up.run(&["user", "unlock", "jdoe@example.com"]).good();
    let token = up.run(&["token", "jdoe@example.com"]).good();
    let token = up.file("new", &token);
    up.run(&["membership", "list", "--token-file", &token])
        .good();
    // and a new password ends that one, too
    let passwd = up.run(&["user", "passwd", "jdoe@example.com", "--generate"]);
    assert!(
        passwd.err.contains("all tokens of the user have ended"),
        "{}",
        passwd.err
    );
    let ended = up
        .run(&["membership", "list", "--token-file", &token])
        .bad();
    assert!(ended.contains("revoked"), "{ended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_poses_as_the_api_gets_no_token() {
    let up = SiteWithApi::new(&[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let api = json_of(&std::fs::read_to_string(&up.site.config).unwrap());
    let real = api["api"]["listen"].as_str().unwrap().to_owned();
    let mut config = api.clone();
    config["api"]["url"] = json!(format!("http://127.0.0.1:{port}/"));
    config["api"]["listen"] = json!(format!("127.0.0.1:{port}"));
    let config = up.file("posed.json", config.to_string());
    // it passes everything on to the real API, and keeps what it is sent
    let (heard, all) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = vec![0; 4096];
            let length = client.read(&mut head).unwrap_or(0);
            head.truncate(length);
            let mut server = std::net::TcpStream::connect(&real).unwrap();
            let _ = server.write_all(&head);
            let mut answer = vec![0; 4096];
            let length = server.read(&mut answer).unwrap_or(0);
            let _ = client.write_all(&answer[..length]);
            let _ = heard.send(String::from_utf8_lossy(&head).into_owned());
        }
    });
    let refused = up
        .run(&["query", "count", "url", "x", "--config", &config])
        .bad();
    assert!(
        refused.contains("another process has the port"),
        "{refused}"
    );
    let heard: Vec<String> = all.try_iter().collect();
    assert!(!heard.is_empty());
    for request in heard {
        assert!(
            !request.to_lowercase().contains("authorization"),
            "{request}"
        );
    }
}
