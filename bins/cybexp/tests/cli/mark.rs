//! Judgements: verdicts on values and categories of events, through the whole suite.

#![allow(
    clippy::print_stdout,
    reason = "it prints the times it measures, and what a terminal shows"
)]

use std::process::Command;
use std::time::{Duration, Instant};

use cybexp_client::Client;
use cybexp_testkit::eventually;
use serde_json::{Value, json};

use crate::{CYBEXP, SiteWithApi, json_of, run};

const DOWNLOAD: &str = r#"{"eventid": "cowrie.session.file_download", "session": "a1", "sensor": "reno", "timestamp": 1700000000, "src_ip": "198.51.100.7", "url": "http://evil.example/a.sh"}"#;
const SIGHTING: &str = r#"{"url": "http://evil.example/a.sh", "timestamp": 1700000002}"#;

/// The longest wait for an effect. It takes a fraction of a second, but for a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(10);

/// A suite at work, and clients of its API: of the admin of `unr`, and of the admin of `usc`, who sees nothing of `unr`.
struct Judged {
    up: SiteWithApi,
    ours: Client,
    theirs: Client,
}

impl Judged {
    async fn new() -> Self {
        let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
        up.site.add_user("other@example.com", "correct horse").await;
        up.run(&["org", "add", "usc", "--admin", "other@example.com"])
            .good();
        let token = up.run(&["token", "other@example.com"]).good();
        let config = json_of(&std::fs::read_to_string(&up.site.config).unwrap());
        let url = config["api"]["url"].as_str().unwrap();
        let client = |token: &str| {
            Client::new(url.parse().unwrap(), Some(token.trim().to_owned().into())).unwrap()
        };
        let ours = client(&std::fs::read_to_string(&up.token).unwrap());
        let theirs = client(&token);
        up.have("--whole", [("cowrie", DOWNLOAD), ("sighting", SIGHTING)], 2)
            .await;
        Self { up, ours, theirs }
    }

    async fn ask(&self, qtype: &str, data: Value) -> Value {
        let wait = Duration::from_secs(20);
        self.ours.ask(qtype, &data, false, wait).await.unwrap()
    }

    async fn count(&self, more: Value) -> Value {
        let mut data = json!({"sub_type": "url", "data": "http://evil.example/a.sh"});
        for (field, value) in more.as_object().unwrap() {
            data[field] = value.clone();
        }
        self.ask("count", data).await
    }

    fn org(&self) -> String {
        self.up.site.orgid.to_string()
    }

    /// Runs a command in a terminal of 80 columns, and returns all that it prints.
    fn terminal(&self, args: &[&str]) -> String {
        let mut command = Command::new(CYBEXP);
        command.env("CYBEXP_CONFIG", &self.up.site.config);
        command.env("COLUMNS", "80").env_remove("CYBEXP_TOKEN");
        let output = run(command.args(args), "");
        assert_eq!(output.code, 0, "{}{}", output.out, output.err);
        let all = output.out + &output.err;
        println!("$ cybexp {}\n{all}", args.join(" "));
        for line in all.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        all
    }
}

/// Waits until something is so, and prints how long that took.
async fn within(what: &str, since: Instant, is_so: impl AsyncFn() -> bool) {
    while !is_so().await {
        assert!(since.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    println!("{what}: {:.3} s", since.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_shows_at_once_and_so_does_its_withdrawal() {
    let judged = Judged::new().await;
    let verdict = |name: &str| {
        json!({
            "orgid": judged.org(), "sub_type": "url", "data": "hxxp://evil[.]example/a.sh",
            "verdict": name, "reason": "our own test",
        })
    };
    let shown = async |report: Value| report["verdicts"][0]["verdict"].clone();
    for name in ["malicious", "false_positive"] {
        let since = Instant::now();
        let taken = judged.ours.post("verdict", &verdict(name)).await.unwrap();
        within(&format!("until answers show {name}"), since, async || {
            shown(judged.count(json!({})).await).await == name
        })
        .await;
        let report = judged.count(json!({})).await;
        assert_eq!(
            report["verdicts"],
            json!([{
                "orgid": judged.org(), "verdict": name, "reason": "our own test",
                "analyst": "jdoe@example.com", "timestamp": taken["timestamp"],
            }])
        );
        // it is no observation
        assert_eq!(report["data"], 2);
    }
    let url = json!({"sub_type": "url", "data": "http://evil.example/a.sh"});
    let related = judged.ask("related", url.clone()).await;
    assert_eq!(shown(related.clone()).await, "false_positive");
    assert_eq!(
        (&related["total"], &related["data"]["reason"]),
        (&json!(2), &Value::Null)
    );
    let mut with_all = url.clone();
    with_all["derived"] = json!(true);
    let all = judged.ask("related", with_all).await;
    assert_eq!(all["data"]["reason"], json!(["our own test"]));
    // nothing of it shows to others, and they cannot judge for the organisation
    let wait = Duration::from_secs(20);
    let theirs = judged.theirs.ask("count", &url, false, wait).await.unwrap();
    assert_eq!(
        (&theirs["data"], &theirs["verdicts"]),
        (&json!(0), &Value::Null)
    );
    for path in ["verdict", "verdict/withdraw"] {
        let mut body = verdict("benign");
        if path == "verdict/withdraw" {
            body.as_object_mut().unwrap().remove("verdict");
        }
        let refused = judged.theirs.post(path, &body).await.unwrap_err();
        assert!(
            refused.to_string().contains("not an admin of this org"),
            "{refused}"
        );
    }
    let since = Instant::now();
    let mut withdrawal = verdict("");
    withdrawal.as_object_mut().unwrap().remove("verdict");
    judged
        .ours
        .post("verdict/withdraw", &withdrawal)
        .await
        .unwrap();
    within("until answers show the withdrawal", since, async || {
        judged.count(json!({})).await["verdicts"].is_null()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_category_changes_counts_and_threatranks_at_once() {
    let judged = Judged::new().await;
    let malicious = json!({"category": "malicious"});
    let events = judged.ask(
        "related",
        json!({"sub_type": "url", "data": "http://evil.example/a.sh"}),
    );
    let events = events.await["events"].clone();
    let hash = |sub_type: &str| {
        let mut events = events.as_array().unwrap().iter();
        let event = events.find(|event| event["sub_type"] == sub_type).unwrap();
        event["_hash"].clone()
    };
    let (download, sighting) = (hash("file_download"), hash("sighting"));
    let rank = async || judged.ask("threatrank", json!({"_hash": sighting})).await["data"].clone();
    assert_eq!(judged.count(malicious.clone()).await["data"], 1);
    let before = rank().await;
    assert!(before["score"].as_f64().unwrap() < 0.0, "{before}");
    let change = json!({
        "orgid": judged.org(), "_hash": download, "category": "benign", "reason": "our own test",
        "context": [{"sub_type": "url", "data": "http://evil.example/a.sh", "context": "benign"}],
    });
    let refused = judged.theirs.post("event/category", &change).await;
    assert!(refused.is_err());
    let since = Instant::now();
    judged.ours.post("event/category", &change).await.unwrap();
    within("until the count is right", since, async || {
        judged.count(json!({"category": "benign"})).await["data"] == 1
    })
    .await;
    let timeline = async || {
        let url = json!({"sub_type": "url", "data": "http://evil.example/a.sh", "by": "day"});
        let timeline = judged.ask("timeline", url).await;
        let buckets = timeline["data"]["buckets"].as_array().cloned();
        let benign = buckets.iter().flatten().map(|one| one["benign"].as_u64());
        benign.flatten().sum::<u64>()
    };
    within("until the timeline is right", since, async || {
        timeline().await == 1
    })
    .await;
    within("until the threatrank is right", since, async || {
        rank().await["score"] == 0.0
    })
    .await;
    let of_url = |more: Value| {
        let mut data = json!({"sub_type": "url", "data": "http://evil.example/a.sh"});
        data["context"] = more;
        data
    };
    let related = judged.ask("related", of_url(json!("benign"))).await;
    assert_eq!(related["events"][0]["_hash"], download);
    assert_eq!(related["events"][0]["category"], "benign");
    println!(
        "until related is right: {:.3} s",
        since.elapsed().as_secs_f64()
    );
    let related = judged.ask("related", of_url(json!("malicious"))).await;
    assert_eq!(related["events"], json!([]));
    assert_eq!(judged.count(malicious).await["data"], 0);
    // the hash is in malicious context elsewhere in the event still
    let attacker = json!({"sub_type": "ipv4", "data": "198.51.100.7", "context": "malicious"});
    assert_eq!(judged.ask("count", attacker).await["data"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_analyst_judges_in_a_terminal() {
    let judged = Judged::new().await;
    let marked = judged.terminal(&[
        "mark",
        "value",
        "ip",
        "198.51.100.7",
        "false_positive",
        "--org",
        "unr",
        "--reason",
        "a scanner that we run ourselves, and that is allowed to look at our honeypots",
    ]);
    assert!(marked.contains("is false_positive now"), "{marked}");
    let shown = judged.terminal(&["query", "count", "ipv4", "198.51.100.7"]);
    assert!(
        shown.contains("verdict: false_positive (jdoe@example.com"),
        "{shown}"
    );
    let withdrawn = judged.terminal(&["mark", "withdraw", "ip", "198.51.100.7", "--org", "unr"]);
    assert!(withdrawn.contains("has no verdict now"), "{withdrawn}");
    let events = judged
        .ask(
            "related",
            json!({"sub_type": "ipv4", "data": "198.51.100.7"}),
        )
        .await;
    let event = events["events"][0]["_hash"].as_str().unwrap().to_owned();
    judged.terminal(&[
        "mark",
        "event",
        &event,
        "--category",
        "benign",
        "--benign",
        "ipv4=198.51.100.7",
        "--org",
        "unr",
        "--reason",
        "our scanner",
    ]);
    eventually("the event is benign", async || {
        let data = json!({"sub_type": "ipv4", "data": "198.51.100.7", "category": "benign"});
        judged.ask("count", data).await["data"] == 1
    })
    .await;

    // what is wrong is told: at once, or in quarantine where only the archive knows
    let none = "0".repeat(64);
    judged.terminal(&[
        "mark",
        "event",
        &none,
        "--category",
        "benign",
        "--org",
        "unr",
        "--reason",
        "none",
    ]);
    eventually("it is set aside", async || {
        let listed = judged.up.run(&["quarantine", "list"]).good();
        listed.contains("the organisation has no such event")
    })
    .await;
    let run = |args: &[&str]| judged.up.run(args);
    let refused = run(&[
        "mark",
        "value",
        "ipv4",
        "999.1.1.1",
        "benign",
        "--org",
        "unr",
        "--reason",
        "x",
    ])
    .bad();
    assert!(
        refused.contains("`999.1.1.1` is not an IPv4 address"),
        "{refused}"
    );
    let nothing = run(&["mark", "event", &none, "--org", "unr", "--reason", "x"]);
    assert_eq!(nothing.code, 2, "{}", nothing.err);
    let file = judged.up.file("forged", "{}");
    for typetag in ["cybexp_verdict", "cybexp_event_category"] {
        let refused = run(&["post", "--any-typetag", "-t", typetag, "-o", "unr", &file]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(
            refused.err.contains("reserved for judgements"),
            "{}",
            refused.err
        );
        let tags = tahoe_core::SubmissionTags {
            typetag: typetag.to_owned(),
            orgid: judged.org(),
            timezone: "UTC".to_owned(),
            tlp: None,
        };
        let refused = judged.ours.submit(&tags, "forged", &["{}"]).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("field typetag: is reserved"), "{refused}");
    }
}
