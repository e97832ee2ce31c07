//! The attacks on cost, against real daemons: the peak memory of each daemon, and how fast `/ping` is meanwhile. Figures for
//! people, not for the gate:
//!
//! `cargo build --release -p cybexp && cargo test --release -p cybexp --test attacks -- --ignored --nocapture`

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are for people, and clippy sees helpers of a test as no test"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cybexp_testkit::{Answer, Api, Daemon, Form, Site, answer, eventually, status_of};
use futures::future::join_all;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");
const PASSWORD: &str = "correct horse battery staple";
const MIB: usize = 1 << 20;

/// The daemons under attack.
struct Suite {
    site: Site,
    api: Api,
    others: Vec<(&'static str, Daemon)>,
    token: String,
    address: SocketAddr,
}

impl Suite {
    async fn start(more: Value) -> Self {
        let site = Site::new("attacks", more).await;
        let api = Api::start(CYBEXP, &["daemon", "api"], &site).await;
        let token = site.token(&site.user().await);
        site.add_user("ann@example.com", PASSWORD).await;
        let others = ["archive", "analytics", "report", "input"];
        let others = others.map(|name| (name, Daemon::start(CYBEXP, &["daemon", name], &site)));
        let address = api.address.parse().unwrap();
        let suite = Self {
            site,
            api,
            others: others.into(),
            token,
            address,
        };
        // all of them have started
        suite
            .post_all("sighting", &[json!({"ipv4": "203.0.113.9"}).to_string()])
            .await;
        suite.done(1).await;
        suite
    }

    fn pids(&self) -> Vec<(&'static str, u32)> {
        let others = self
            .others
            .iter()
            .map(|(name, daemon)| (*name, daemon.pid()));
        [("api", self.api.daemon.pid())]
            .into_iter()
            .chain(others)
            .collect()
    }

    /// Prints how much memory each daemon took while the attack went on, and how fast the API answered others.
    async fn under<T>(&self, name: &str, attack: impl Future<Output = T>) -> T {
        for (_, pid) in self.pids() {
            // the peak is counted from here
            let _ = std::fs::write(format!("/proc/{pid}/clear_refs"), "5");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let pings = tokio::spawn(pings(self.address, Arc::clone(&stop)));
        let since = Instant::now();
        let result = attack.await;
        let took = since.elapsed();
        stop.store(true, Ordering::Relaxed);
        let mut pings = pings.await.unwrap();
        pings.sort_by(f64::total_cmp);
        let of = |part: f64| pings[((pings.len() - 1) as f64 * part) as usize];
        let peaks = self.pids().into_iter().map(|(name, pid)| {
            let peak = status_of(pid, "VmHWM").unwrap_or_default() >> 10;
            format!("{name} {peak}")
        });
        println!(
            "| {name} | {:.1} s | {} pings, median {:.1}, p99 {:.1}, most {:.1} ms | {} MiB |",
            took.as_secs_f64(),
            pings.len(),
            of(0.5),
            of(0.99),
            of(1.0),
            peaks.collect::<Vec<_>>().join(", ")
        );
        result
    }

    async fn ask(&self, question: &Value) -> (u16, usize) {
        let body = question.to_string();
        let answer = self
            .post("/query", &self.token, "application/json", body.into())
            .await;
        (answer.status, answer.body.len())
    }

    /// Posts on a connection of its own: one that was idle for 15 s is closed by the API.
    async fn post(&self, path: &str, token: &str, kind: &str, body: Vec<u8>) -> Answer {
        let request = self.api.request("POST", path, Some(token));
        let request = request.header("connection", "close");
        answer(request.header("content-type", kind).body(body)).await
    }

    async fn post_all(&self, typetag: &str, records: &[String]) {
        for record in records {
            let form = Form::submission(&self.site, typetag).file("x", record.as_bytes());
            let answer = self.post("/raw", &self.token, Form::CONTENT_TYPE, form.body());
            let answer = answer.await;
            assert!([201, 413].contains(&answer.status), "{answer:?}");
        }
    }

    /// Waits until so many raws are there and all are read, or set aside.
    async fn done(&self, raws: u64) {
        let instances = self.site.collection("tahoe", "instance").await;
        eventually("all is read", async || {
            let all = bson::doc! {"itype": "raw"};
            let waiting = bson::doc! {"itype": "raw", "_todo": {"$exists": true}};
            let pending = self.site.cache.count_pending().await.unwrap();
            let all = instances.count_documents(all).await.unwrap();
            let waiting = instances.count_documents(waiting).await.unwrap();
            (pending, waiting) == (0, 0) && all >= raws
        })
        .await;
    }
}

/// Pings on connections of their own, from an address that does not attack, until told to stop. Returns their times in
/// milliseconds.
async fn pings(api: SocketAddr, stop: Arc<AtomicBool>) -> Vec<f64> {
    let mut times = Vec::new();
    while !stop.load(Ordering::Relaxed) || times.is_empty() {
        let since = Instant::now();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(api).await.unwrap();
        let request = b"GET /ping HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        times.push(since.elapsed().as_secs_f64() * 1000.0);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    times
}

async fn connections(api: SocketAddr, count: usize, sent: &str) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..count {
        if let Ok(mut stream) = TcpStream::connect(api).await {
            // the API may close it at once
            let _ = stream.write_all(sent.as_bytes()).await;
            held.push(stream);
        }
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    held
}

/// Questions about values of an address that nobody has, of about so many bytes.
fn list(questions: usize, bytes: usize, from: usize) -> Value {
    let question = |n: usize| {
        let data = format!("{}{}", from + n, "x".repeat(bytes));
        json!({"type": "count", "data": {"sub_type": "comment", "data": data}})
    };
    (0..questions).map(question).collect()
}

async fn questions(suite: &Suite) {
    let nested = format!("{}\"x\"{}", "[".repeat(23), "]".repeat(23));
    let nested: Value = serde_json::from_str(&nested).unwrap();
    let nested = json!({"type": "count", "data": {"sub_type": "port", "data": nested}});
    let attack = join_all((0..200).map(|_| suite.ask(&nested)));
    let refused = suite
        .under("A1: 200 questions of 23 nested arrays", attack)
        .await;
    assert!(refused.iter().all(|(status, _)| *status == 400));
    let body = Value::from(vec![0; 500_000]);
    let attack = join_all((0..100).map(|_| suite.ask(&body)));
    suite
        .under("A1: 100 questions of 1 MB `[0,0,…]`", attack)
        .await;
    let lists: Vec<Value> = (0..48).map(|n| list(1000, 900, n * 1000)).collect();
    let attack = join_all(lists.iter().map(|list| suite.ask(list)));
    suite
        .under("A1: 48 lists of 1,000 questions, 1 MB each", attack)
        .await;
    let mut redo = list(1000, 10, 0);
    for question in redo.as_array_mut().unwrap() {
        question["redo"] = json!(true);
    }
    let other = suite
        .site
        .token(&suite.site.add_user("bob@example.com", PASSWORD).await);
    let attack = async {
        let three = join_all((0..3).map(|_| async {
            for _ in 0..2 {
                suite.ask(&redo).await;
            }
        }));
        let one = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let since = Instant::now();
            let count =
                json!({"type": "count", "data": {"sub_type": "ipv4", "data": "203.0.113.9"}});
            let count = count.to_string().into_bytes();
            suite
                .post("/query", &other, "application/json", count)
                .await;
            since.elapsed()
        };
        tokio::join!(three, one).1
    };
    let waited = suite
        .under("A3: three clients redo lists of 1,000", attack)
        .await;
    println!("another user's count took {waited:?} meanwhile");
}

async fn large_events(suite: &Suite) {
    let url = |mail: usize, n: usize| format!("http://h{n}.example/{mail}/{}", "a".repeat(8000));
    let mails: Vec<String> = (0..10)
        .map(|mail| {
            let urls: Vec<String> = (0..250).map(|n| url(mail, n)).collect();
            let head = "From: j@a.example\nTo: bob@b.example\nDate: 28 Apr 2020 00:00:05 +0000";
            format!("{head}\nSubject: {mail}\n\n{}\n", urls.join("\n"))
        })
        .collect();
    let events: Vec<String> = (0..10)
        .map(|event| {
            let values = (0..3000).map(|n| json!({"type": "comment", "value": format!("{event} {n} {}", "x".repeat(2000))}));
            let values: Vec<Value> = values.collect();
            let info = json!({"info": "campaign", "date": "2024-03-01", "timestamp": "1709287200", "Attribute": values});
            json!({"Event": info}).to_string()
        })
        .collect();
    let arrays: Vec<String> = (0..30)
        .map(|n| format!("{{\"a\":{}{n}{}}}", "[".repeat(23), "]".repeat(23)))
        .collect();
    let zeros = vec![format!("[{}0]", "0,".repeat(6_500_000)); 4];
    let attack = async {
        suite.post_all("email", &mails).await;
        suite.post_all("misp_event", &events).await;
        suite.done(21).await;
    };
    suite
        .under(
            "A2: ten mails of 2 MB and ten events of 6 MB come in",
            attack,
        )
        .await;
    let attack = async {
        suite.post_all("sighting", &arrays).await;
        suite.post_all("sighting", &zeros).await;
        suite.done(21).await;
    };
    suite
        .under("A1: 30 nested raws, four posts of 13 MB `[0,0,…]`", attack)
        .await;
    let about = |sub_type: &str, data: &str, from: usize| {
        let fields = json!({"sub_type": sub_type, "data": data, "level": 3, "from": from});
        json!({"type": "related", "data": fields})
    };
    let attack = join_all((0..16).map(|n| {
        let question = about("info", "campaign", n);
        async move { suite.ask(&question).await }
    }));
    let answers = suite
        .under("A2: 16 questions on ten events of 6 MB", attack)
        .await;
    println!("answers: {answers:?}");
    let attack = async {
        let questions: Vec<Value> = (0..60)
            .map(|n| about("info", "campaign", 100 + n))
            .collect();
        let list = suite.ask(&json!(questions)).await;
        let mail = suite.ask(&about("email_addr", "j@a.example", 0)).await;
        (list, mail)
    };
    let answers = suite
        .under(
            "A2: a list of 60 of them, and one on the mails' sender",
            attack,
        )
        .await;
    println!("answers: {answers:?}");
}

async fn strangers(suite: &Suite) {
    let head = "POST /login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n";
    let sent = format!("{head}{}", "x".repeat(900 << 10));
    let attack = connections(suite.address, 1000, &sent);
    drop(
        suite
            .under("A4: 1,000 half-sent logins of 900 KB", attack)
            .await,
    );
    let attack = connections(suite.address, 4300, "GET /ping HTTP/1.1\r\nHost");
    drop(suite.under("A4: 4,300 half-sent headers", attack).await);
    let login = |email: &str, password: &str| {
        let request = suite.api.request("POST", "/login", None);
        // an idle connection may be closed at the moment at which it is used again
        let request = request.header("connection", "close");
        let request = request.header("content-type", "application/json");
        request
            .body(json!({"email": email, "password": password}).to_string())
            .send()
    };
    // the user is known at this address from here on
    assert_eq!(
        login("ann@example.com", PASSWORD).await.unwrap().status(),
        200
    );
    let attack = async {
        let bad = join_all((0..2000).map(|n| {
            login(
                if n % 2 == 0 {
                    "bob@example.com"
                } else {
                    "x@example.com"
                },
                "wrong",
            )
        }));
        let good = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let since = Instant::now();
            let mut tries = 1;
            loop {
                match login("ann@example.com", PASSWORD).await {
                    Ok(answer) if answer.status() == 200 => break,
                    Ok(answer) => assert_eq!(answer.status(), 429),
                    Err(error) => println!("a good login was closed: {error}"),
                }
                tries += 1;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            (since.elapsed(), tries)
        };
        tokio::join!(bad, good)
    };
    let (bad, (good, tries)) = suite.under("A4: 2,000 bad logins at once", attack).await;
    let status = |status: u16| {
        bad.iter()
            .flatten()
            .filter(|answer| answer.status() == status)
            .count()
    };
    println!(
        "{} looked at, {} answered 429, {} closed; a good one from the same address took {good:?} and {tries} tries",
        status(401),
        status(429),
        bad.iter().filter(|answer| answer.is_err()).count()
    );
    let attack = async { login(&"x".repeat(MIB), "x").await.map(drop) };
    let _ = suite.under("A4: a mail address of 1 MB", attack).await;
    let log = std::fs::metadata(&suite.api.log).unwrap().len();
    println!("the API's log has {log} bytes");
}

/// A server that sends pings as fast as they are taken, to whoever comes, and one record at first.
async fn pinging() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut to, _from) = tokio_tungstenite::accept_async(stream)
                    .await
                    .unwrap()
                    .split();
                let ping = Message::Ping(vec![0; 125].into());
                while to.send(ping.clone()).await.is_ok() {}
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people"]
async fn each_attack_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let input = json!({
        "run_dir": folder.path().join("run"), "spool_dir": folder.path().join("spool"),
        "inputs": [{"name": "flood", "plugin": "websocket", "typetag": "sighting", "orgid": "unr", "timezone": "UTC",
            "settings": {"url": format!("ws://{}/", pinging().await)}}],
    });
    let suite = Suite::start(json!({"api": {"wait_s": 20}, "input": input})).await;
    suite
        .under("nothing", tokio::time::sleep(Duration::from_secs(3)))
        .await;
    suite
        .under(
            "A5: a websocket server that only pings",
            tokio::time::sleep(Duration::from_secs(10)),
        )
        .await;
    questions(&suite).await;
    large_events(&suite).await;
    strangers(&suite).await;
    for (name, daemon) in suite.others {
        assert!(daemon.terminate().success(), "{name}");
    }
    assert!(suite.api.daemon.terminate().success());
}
