//! Mail, delivered to a server that is not ours (aiosmtpd), and read by a parser that is not ours (Python's).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_store::Channel;
use cybexp_testkit::eventually;
use serde_json::{Value, json};
use test_needs::Need;

use crate::world::World;

/// A mail server; killed when dropped.
struct MailServer {
    child: Child,
    orders: ChildStdin,
    told: Receiver<Value>,
    port: u16,
}

impl MailServer {
    /// Starts a server, if the software is there.
    fn start(settings: &Value) -> Option<Self> {
        let found = Command::new("python3")
            .args(["-c", "import aiosmtpd.smtp"])
            .output();
        if !found.is_ok_and(|out| out.status.success()) {
            Need::Python.is_lacking("python3 cannot import aiosmtpd");
            return None;
        }
        let mut child = Command::new("python3")
            .args(["-c", include_str!("mail_server.py"), &settings.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).unwrap());
            }
        });
        Some(Self {
            child,
            orders,
            told,
            port,
        })
    }

    /// Answers all mails like this from now on; an empty reply takes them.
    fn reply(&mut self, reply: &str) {
        writeln!(self.orders, "{reply}").unwrap();
        let answer = self.next();
        assert_eq!(answer, json!({"reply": reply}));
    }

    /// Returns the next mail.
    fn next(&self) -> Value {
        let next = self.told.recv_timeout(Duration::from_secs(60));
        next.expect("a mail comes within a minute")
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fixture(name: &str) -> String {
    format!(
        "{}/../../tests/fixtures/tls/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Makes a site that sends mail by a server, with these settings besides.
async fn world(server: &MailServer, smtp: Value, more: Value) -> World {
    let mut report = json!({
        "smtp": {"host": "localhost", "port": server.port, "from": "CYBEX-P <cybexp@example.com>"},
    });
    for (into, from) in [(&mut report["smtp"], smtp)] {
        for (key, value) in from.as_object().unwrap() {
            into[key] = value.clone();
        }
    }
    for (key, value) in more.as_object().unwrap() {
        report[key] = value.clone();
    }
    World::new(report).await
}

/// Reads a mail as a program of its receiver does: its headers and its text.
fn read(mail: &Value) -> Value {
    const READ: &str = r#"
import sys, json, email, email.policy
mail = email.message_from_string(sys.stdin.read(), policy=email.policy.default)
assert not mail.defects, mail.defects
print(json.dumps({"headers": {k.lower(): str(v) for k, v in mail.items()}, "text": mail.get_content(),
                  "type": mail.get_content_type(), "sent": mail["date"].datetime.timestamp()}))
"#;
    let mut child = Command::new("python3")
        .args(["-c", READ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = mail["data"].as_str().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    drop(input);
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    serde_json::from_slice(&out.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_by_mail_is_told_over_every_kind_of_connection() {
    for (tls, user) in [
        ("none", None),
        ("none", Some("cybexp")),
        ("starttls", Some("cybexp")),
        ("tls", None),
    ] {
        let mut settings = json!({
            "tls": tls, "cert": fixture("server.pem"), "key": fixture("server.key.pem"),
        });
        let mut smtp = json!({"tls": tls, "ca": fixture("ca.pem")});
        if let Some(user) = user {
            for settings in [&mut settings, &mut smtp] {
                settings["user"] = user.into();
                settings["password"] = "a password".into();
            }
        }
        let Some(server) = MailServer::start(&settings) else {
            return;
        };
        let world = world(&server, smtp, json!({})).await;
        let subscription = world.subscribe(Channel::Mail).await;
        let ids = world.write(&subscription, 0..3).await;
        let daemon = world.daemon();
        let came = server.next();
        assert_eq!(came["to"], json!(["jdoe@example.com"]), "{tls}");
        assert_eq!(came["from"], "cybexp@example.com", "{tls}");
        assert_eq!(came["tls"], tls != "none", "{tls}");
        assert_eq!(came["user"].as_str(), user, "{tls}");
        let mail = read(&came);
        let headers = &mail["headers"];
        assert_eq!(headers["from"], "CYBEX-P <cybexp@example.com>");
        assert_eq!(headers["to"], "jdoe@example.com");
        assert_eq!(headers["subject"], "[CYBEX-P] log-ins: 3 notices");
        assert_eq!(headers["auto-submitted"], "auto-generated");
        assert!(
            headers["message-id"]
                .as_str()
                .unwrap()
                .ends_with("@example.com>"),
            "{headers}"
        );
        let age = cybexp_testkit::now() - mail["sent"].as_f64().unwrap();
        assert!((-5.0..120.0).contains(&age), "{age}");
        assert_eq!(mail["type"], "text/plain");
        let text = mail["text"].as_str().unwrap();
        // defanged: a mail program makes no link of it
        assert!(text.contains("ipv4  203[.]0[.]113[.]9"), "{text}");
        assert!(!text.contains("203.0.113.9"), "{text}");
        for id in &ids {
            assert!(text.lines().any(|line| line == id), "{text}");
        }
        eventually("they are told", async || {
            world.rows(doc! {"told": {"$exists": true}}).await == 3
        })
        .await;
        assert!(daemon.terminate().success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_within_the_pause_is_one_mail() {
    let Some(server) = MailServer::start(&json!({"tls": "none"})) else {
        return;
    };
    let world = world(&server, json!({"tls": "none"}), json!({"mail_pause_s": 4})).await;
    let subscription = world.subscribe(Channel::Mail).await;
    let daemon = world.daemon();
    world.write(&subscription, 0..1).await;
    let first = read(&server.next());
    let since = Instant::now();
    assert_eq!(first["headers"]["subject"], "[CYBEX-P] log-ins: 1 notice");
    for n in 1..8 {
        world.write(&subscription, n..n + 1).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let second = read(&server.next());
    assert!(since.elapsed() >= Duration::from_secs(3));
    assert_eq!(second["headers"]["subject"], "[CYBEX-P] log-ins: 7 notices");
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_now_comes_later_and_one_refused_for_good_is_parked() {
    let Some(mut server) = MailServer::start(&json!({"tls": "none"})) else {
        return;
    };
    let world = world(&server, json!({"tls": "none"}), json!({"mail_pause_s": 0})).await;
    let subscription = world.subscribe(Channel::Mail).await;
    server.reply("451 4.7.1 greylisted, try again later");
    let ids = world.write(&subscription, 0..3).await;
    let daemon = world.daemon();
    eventually("it was refused", async || {
        world.rows(doc! {"tries": {"$gte": 1_i64}}).await == 3
    })
    .await;
    assert_eq!(world.rows(doc! {"parked": {"$exists": true}}).await, 0);
    server.reply("");
    let text = read(&server.next())["text"].clone();
    let text = text.as_str().unwrap();
    assert!(ids.iter().all(|id| text.contains(id)), "{text}");
    eventually("they are told", async || {
        world.rows(doc! {"told": {"$exists": true}}).await == 3
    })
    .await;

    server.reply("550 5.1.1 no such user here");
    world.write(&subscription, 3..5).await;
    let parked = doc! {"parked": {"$exists": true}};
    eventually("they are parked", async || {
        world.rows(parked.clone()).await == 2
    })
    .await;
    let rows = world.outbox.parked(world.site.userid, 10).await.unwrap();
    let reason = rows[0].error.as_deref().unwrap();
    assert!(reason.contains("no such user here"), "{reason}");
    assert_eq!((rows.len(), rows[0].tries), (2, 1));
    server.reply("");
    let user = world.site.userid;
    assert_eq!(world.outbox.retry(user, None).await.unwrap(), 2);
    let again = read(&server.next());
    assert_eq!(again["headers"]["subject"], "[CYBEX-P] log-ins: 2 notices");
    assert!(daemon.terminate().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_this_site_cannot_use_keeps_what_waits() {
    let settings = json!({
        "tls": "starttls", "cert": fixture("server.pem"), "key": fixture("server.key.pem"),
        "user": "cybexp", "password": "another",
    });
    let Some(server) = MailServer::start(&settings) else {
        return;
    };
    for (smtp, told) in [
        (json!({"tls": "starttls"}), "certificate"),
        (json!({"tls": "starttls", "ca": fixture("ca.pem")}), "(535)"),
        (json!({"tls": "tls"}), "the mail server"),
    ] {
        let mut smtp = smtp;
        smtp["user"] = "cybexp".into();
        smtp["password"] = "a password".into();
        let world = world(&server, smtp.clone(), json!({})).await;
        let subscription = world.subscribe(Channel::Mail).await;
        world.write(&subscription, 0..1).await;
        let daemon = world.daemon();
        eventually("it failed", async || {
            world.rows(doc! {"error": {"$exists": true}}).await == 1
        })
        .await;
        // the operator may mend it: nothing is given up at once
        assert_eq!(world.rows(doc! {"due": {"$exists": true}}).await, 1);
        let rows = world.site.documents("report", "outbox", doc! {}).await;
        let reason = rows[0].get_str("error").unwrap();
        assert!(reason.contains(told), "{smtp}: {reason}");
        assert!(!reason.contains("a password"), "{reason}");
        assert!(daemon.terminate().success());
    }
}
