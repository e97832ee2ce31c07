//! Figures for people, of the daemon as it runs in the field: `cargo test --release -p cybexp --test collect -- --ignored
//! --nocapture --test-threads=1 figures`.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_testkit::{Site, free_ports, status_of};
use futures::StreamExt;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Downstream, collector};

const LINES: usize = 100_000;
/// The clock ticks a second in `/proc/PID/stat`; Linux has had no other value for decades.
const TICKS_PER_S: f64 = 100.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people"]
async fn a_hundred_thousand_lines() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("cowrie.json");
    let suite = Downstream::start(&json!([
        {"name": "log", "plugin": "file", "typetag": "test", "orgid": "unr", "settings": {"path": log}}
    ]))
    .await;
    let mut text = String::new();
    for n in 0..LINES {
        let record = json!({
            "eventid": "cowrie.login.failed", "username": "root", "password": format!("password {n}"),
            "message": format!("login attempt [root/password {n}] failed"), "sensor": "london",
            "timestamp": "2026-11-02T03:14:11.249000Z", "src_ip": "198.51.100.7", "session": format!("{n:012x}"),
        });
        writeln!(text, "{record}").unwrap();
    }
    fs::write(&log, &text).unwrap();
    println!("{LINES} lines, {} bytes", text.len());

    let since = Instant::now();
    let input = collector(&suite.site);
    let rate = || LINES as f64 / since.elapsed().as_secs_f64();
    let mut spooled = false;
    let mut api_has = false;
    let raws = suite.site.collection("tahoe", "instance").await;
    loop {
        let status = status(&suite.site).await;
        if !spooled && status.taken == LINES as u64 {
            spooled = true;
            println!("in the spool: {:.0} records/s", rate());
        }
        if !api_has && status.posted == LINES as u64 {
            api_has = true;
            println!("with the API: {:.0} records/s", rate());
        }
        // of the index, or the counting would slow down what is measured
        let found = raws
            .count_documents(doc! {"itype": "raw", "sub_type": "test"})
            .await
            .unwrap();
        if found == LINES as u64 {
            println!("in the archive: {:.0} records/s", rate());
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(600), "{found} came");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for (name, pid) in [("input", input.pid()), ("api", suite.api.daemon.pid())] {
        println!("{name}: {} kB at most", status_of(pid, "VmHWM").unwrap());
    }
    assert!(spooled && api_has);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "figures for people"]
async fn twenty_idle_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let feed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let feed_url = format!("http://{}/", feed.local_addr().unwrap());
    let websocket_url = format!("ws://{}/", silent.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = silent.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                // to read is to answer pings
                while let Some(Ok(_)) = socket.next().await {}
            });
        }
    });
    let app = axum::Router::new().fallback(async || "http://phish.example/\n");
    tokio::spawn(async move { axum::serve(feed, app).await });

    let mut inputs = Vec::new();
    let mut add = |plugin: &str, period_s: u64, settings: Value| {
        let name = format!("{plugin}{}", inputs.len());
        inputs.push(json!({"name": name, "plugin": plugin, "typetag": "test", "orgid": "unr", "period_s": period_s, "settings": settings}));
    };
    for n in 0..8 {
        let log = folder.path().join(format!("{n}.json"));
        fs::write(&log, "").unwrap();
        add("file", 0, json!({"path": log}));
    }
    let ports: [u16; 4] = free_ports();
    for port in ports {
        add("websocket", 0, json!({"url": websocket_url}));
        add("openphish", 60, json!({"url": feed_url}));
        add("syslog", 0, json!({"listen": format!("127.0.0.1:{port}")}));
    }
    assert_eq!(inputs.len(), 20);
    let suite = Downstream::start(&json!(inputs)).await;
    let input = collector(&suite.site);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = cpu_s(input.pid());
    tokio::time::sleep(Duration::from_secs(60)).await;
    let used = cpu_s(input.pid()) - before;
    let daemon = cybexp_input::status(&run_dir(&suite.site)).await.unwrap();
    println!("{}", cybexp_input::cli::show::table(&daemon.inputs));
    println!(
        "20 inputs, 60 s: {used:.2} s of CPU, {} kB, {} kB at most",
        status_of(input.pid(), "VmRSS").unwrap(),
        status_of(input.pid(), "VmHWM").unwrap(),
    );
    assert!(daemon.is_right());
}

struct Posted {
    taken: u64,
    posted: u64,
}

/// Zeros while the daemon is not there yet.
async fn status(site: &Site) -> Posted {
    let inputs = match cybexp_input::status(&run_dir(site)).await {
        Ok(daemon) => daemon.inputs,
        Err(_) => Vec::new(),
    };
    Posted {
        taken: inputs.iter().map(|input| input.taken).sum(),
        posted: inputs.iter().map(|input| input.posted).sum(),
    }
}

fn run_dir(site: &Site) -> std::path::PathBuf {
    site.folder.path().join("run")
}

fn cpu_s(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / TICKS_PER_S
}
