//! Every daemon as a process: ready, asked to stop, wrongly configured, and with a MongoDB that goes away.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use bson::doc;
use cybexp_store::CensusRow;
use cybexp_testkit::{Daemon, Site, eventually, free_ports, now, verified};
use mongo_local::{Mongod, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tahoe_core::{Query, Socket, Status};

const DAEMONS: [&str; 3] = ["archive", "analytics", "report"];

fn record(n: usize) -> String {
    json!({
        "eventid": "cowrie.login.failed", "session": format!("{:08x}", n / 10), "sensor": "osaka",
        "timestamp": "2026-11-02T03:14:11Z", "src_ip": "198.51.100.7",
        "username": "root", "password": format!("password {n}"),
    })
    .to_string()
}

fn question(n: usize) -> Value {
    json!({"sub_type": "password", "data": format!("password {n}")})
}

fn query(site: &Site, n: usize) -> Query {
    site.query("count", &question(n), now(), Socket::default())
}

/// A `metrics` section with an address for each daemon.
fn metrics(ports: [u16; 3]) -> Value {
    let address = |n: usize| {
        (
            DAEMONS[n].to_owned(),
            json!(format!("127.0.0.1:{}", ports[n])),
        )
    };
    Value::Object([0, 1, 2].map(address).into_iter().collect())
}

fn start(site: &Site, name: &str, more: &[&str]) -> Daemon {
    let args = [&["daemon", name], more].concat();
    let log = site.folder.path().join(format!("{name}.log"));
    Daemon::start_logged(env!("CARGO_BIN_EXE_cybexp"), &args, &site.config, &log)
}

fn log(site: &Site, name: &str) -> String {
    std::fs::read_to_string(site.folder.path().join(format!("{name}.log"))).unwrap()
}

/// Status and body; 0 where nobody listens.
async fn get(port: u16, path: &str) -> (u16, String) {
    match reqwest::get(format!("http://127.0.0.1:{port}/{path}")).await {
        Ok(response) => (response.status().as_u16(), response.text().await.unwrap()),
        Err(error) => (0, error.to_string()),
    }
}

async fn ready(port: u16) {
    eventually("a ready daemon", || async {
        get(port, "readyz").await.0 == 200
    })
    .await;
}

fn stops(daemon: Daemon, name: &str) {
    let since = Instant::now();
    let status = daemon.terminate();
    assert_eq!(status.code(), Some(0), "{name}");
    // 10 s of grace; the rest is for a slow machine
    assert!(
        since.elapsed() < Duration::from_secs(15),
        "{name}: {:?}",
        since.elapsed()
    );
}

#[tokio::test]
async fn every_daemon_is_ready_tells_what_it_does_and_stops_when_asked() {
    let ports = free_ports();
    let more = json!({"metrics": metrics(ports), "report": {"accept_unsigned": true}});
    let site = Site::new("probes", more).await;
    let daemons = DAEMONS.map(|name| start(&site, name, &[]));
    for port in ports {
        ready(port).await;
        assert_eq!(get(port, "healthz").await, (200, "ok\n".to_owned()));
        assert_eq!(get(port, "nothing").await.0, 404);
    }
    site.submit("cowrie", [record(1).as_str(), "no record"])
        .await;
    let [archive, analytics, report] = ports;
    let has = |port: u16, line: &'static str| async move {
        eventually(line, || async {
            get(port, "metrics").await.1.contains(line)
        })
        .await;
    };
    has(archive, "cybexp_archive_entries_total{outcome=\"raw\"} 2").await;
    has(archive, "# TYPE cybexp_archive_lag_seconds gauge").await;
    has(archive, "cybexp_archive_step_seconds_count").await;
    has(
        analytics,
        "cybexp_analytics_raws_total{filter=\"cowrie\",outcome=\"done\"} 1",
    )
    .await;
    has(
        analytics,
        "cybexp_analytics_raws_total{filter=\"cowrie\",outcome=\"refused\"} 1",
    )
    .await;
    has(
        analytics,
        "cybexp_analytics_instances_total{outcome=\"new\"}",
    )
    .await;
    has(analytics, "cybexp_analytics_lag_seconds{filter=\"cowrie\"}").await;
    let wrong = Query {
        userid: "nobody".to_owned(),
        ..query(&site, 1)
    };
    site.queries.put(&[query(&site, 1), wrong]).await.unwrap();
    has(report, "cybexp_report_queries_total{outcome=\"ready\"} 1").await;
    has(report, "cybexp_report_queries_total{outcome=\"failed\"} 1").await;
    has(
        report,
        "cybexp_report_query_seconds_count{type=\"count\"} 2",
    )
    .await;
    for (port, name) in ports.into_iter().zip(DAEMONS) {
        let build = format!("cybexp_build_info{{daemon=\"{name}\",version=");
        assert!(get(port, "metrics").await.1.contains(&build), "{name}");
    }
    for (daemon, name) in daemons.into_iter().zip(DAEMONS) {
        stops(daemon, name);
        assert!(log(&site, name).contains("stopped"), "{}", log(&site, name));
    }
}

#[tokio::test]
async fn the_input_daemon_is_ready_without_the_api_and_keeps_what_it_takes() {
    let [port, nobody] = free_ports();
    let site = Site::new(
        "probe-input",
        json!({
            "api": {"url": format!("http://127.0.0.1:{nobody}/"), "token": "token"},
            "metrics": {"input": format!("127.0.0.1:{port}")},
            "input": {"run_dir": "run", "spool_dir": "spool", "inputs": [
                {"name": "log", "plugin": "file", "typetag": "cowrie", "orgid": "unr", "settings": {"path": "log.json"}}
            ]},
        }),
    )
    .await;
    std::fs::write(site.folder.path().join("log.json"), "{}\n{}\n{}\n").unwrap();
    for _ in 0..2 {
        let daemon = start(&site, "input", &[]);
        ready(port).await;
        assert_eq!(get(port, "healthz").await, (200, "ok\n".to_owned()));
        eventually("what it took", || async {
            let metrics = get(port, "metrics").await.1;
            metrics.contains("cybexp_input_spool_records{input=\"log\"} 3")
                && metrics.contains("cybexp_input_running{input=\"log\"} 1")
        })
        .await;
        stops(daemon, "input");
    }
}

#[tokio::test]
async fn once_with_nothing_to_do_is_done() {
    let site = Site::new("once", json!({})).await;
    for name in DAEMONS {
        let since = Instant::now();
        assert_eq!(
            start(&site, name, &["--once"]).wait().code(),
            Some(0),
            "{name}"
        );
        assert!(
            since.elapsed() < Duration::from_secs(20),
            "{name}: {:?}",
            since.elapsed()
        );
    }
}

#[tokio::test]
async fn a_wrong_configuration_is_told_by_file_and_key() {
    let site = Site::new("wrong", json!({})).await;
    let ends = |name: &str, code: i32, said: &[&str]| {
        assert_eq!(
            start(&site, name, &[]).wait().code(),
            Some(code),
            "{name}: {said:?}"
        );
        let log = log(&site, name);
        assert!(
            said.iter().all(|said| log.contains(said)),
            "{name}: {said:?} in {log}"
        );
        assert_eq!(
            log.lines().filter(|line| !line.contains("started")).count(),
            1,
            "{log}"
        );
    };
    let good: Value =
        serde_json::from_str(&std::fs::read_to_string(&site.config).unwrap()).unwrap();
    let file = site.config.to_str().unwrap();
    for (section, key, value) in [
        ("report", "lease_s", json!("a minute")),
        ("report", "lease_s", json!(0)),
        ("report", "leese_s", json!(5)),
        ("cache", "mongo_url", json!("http://localhost/")),
        ("metrics", "archive", json!("everywhere")),
        ("tahoe", "db", json!("a.b")),
    ] {
        let mut wrong = good.clone();
        wrong[section][key] = value;
        std::fs::write(&site.config, wrong.to_string()).unwrap();
        let key = format!("{section}.{key}");
        DAEMONS.iter().for_each(|name| ends(name, 2, &[file, &key]));
    }
    std::fs::write(&site.config, "{\"report\": ").unwrap();
    DAEMONS.iter().for_each(|name| ends(name, 2, &[file]));
    std::fs::remove_file(&site.config).unwrap();
    DAEMONS.iter().for_each(|name| ends(name, 2, &[file]));

    // a key that is not there, or is none
    std::fs::write(&site.config, good.to_string()).unwrap();
    let key = site.folder.path().join("priv.pem");
    for remove in [true, false] {
        let made = if remove {
            std::fs::remove_file(&key)
        } else {
            std::fs::write(&key, "no key")
        };
        made.unwrap();
        ends("archive", 1, &[key.to_str().unwrap()]);
        ends("report", 1, &[key.to_str().unwrap()]);
    }
}

/// A MongoDB of the test's own, that can go away.
async fn mongod(folder: &Path, port: u16) -> Mongod {
    let options = Options {
        port: Some(port),
        cache_gb: 0.25,
        ..Options::new(folder)
    };
    tokio::task::spawn_blocking(move || mongo_local::start(&options))
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_mongodb_that_is_away_at_the_start_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let [port] = free_ports();
    let ports = free_ports();
    let server = mongod(folder.path(), port).await;
    let url = format!("{}&serverSelectionTimeoutMS=300", server.url());
    let site = Site::on(&url, "away", json!({"metrics": metrics(ports)})).await;
    server.stop().unwrap();

    let daemons = DAEMONS.map(|name| start(&site, name, &[]));
    let complaints = |name: &str| log(&site, name).matches("database fails").count();
    for (port, name) in ports.into_iter().zip(DAEMONS) {
        eventually("a complaint", || async { complaints(name) == 1 }).await;
        let (status, body) = get(port, "readyz").await;
        assert!(
            status == 503 && body.contains("database"),
            "{name}: {status} {body}"
        );
        assert_eq!(
            get(port, "healthz").await.0,
            200,
            "{name} waits, but it lives"
        );
    }
    // time for two tries more
    tokio::time::sleep(Duration::from_secs(6)).await;
    let server = mongod(folder.path(), port).await;
    for (port, name) in ports.into_iter().zip(DAEMONS) {
        ready(port).await;
        assert_eq!(complaints(name), 1, "said once: {}", log(&site, name));
        assert!(
            log(&site, name).contains("database is back"),
            "{}",
            log(&site, name)
        );
    }
    // one that is asked to stop while it waits stops too
    server.stop().unwrap();
    for (daemon, name) in daemons.into_iter().zip(DAEMONS) {
        stops(daemon, name);
    }
}

#[tokio::test]
async fn a_mongodb_that_dies_in_the_middle_loses_nothing() {
    const RECORDS: usize = 3000;
    const QUERIES: usize = 200;
    let folder = tempfile::tempdir().unwrap();
    let [port] = free_ports();
    let server = mongod(folder.path(), port).await;
    let url = format!("{}&serverSelectionTimeoutMS=300", server.url());
    let more = json!({"report": {"lease_s": 2, "max_concurrent": 4, "accept_unsigned": true}});
    let site = Site::on(&url, "died", more).await;
    let texts: Vec<String> = (0..RECORDS).map(record).collect();
    site.submit("cowrie", texts.iter().map(String::as_str))
        .await;
    let queries: Vec<Query> = (0..QUERIES).map(|n| query(&site, n)).collect();
    site.queries.put(&queries).await.unwrap();

    let daemons = DAEMONS.map(|name| start(&site, name, &[]));
    let stored = site.collection("tahoe", "instance").await;
    let count = |itype: &'static str| {
        let observed = doc! {"itype": itype, "derived": {"$exists": false}};
        stored.count_documents(observed).into_future()
    };
    eventually("some events", || async {
        count("event").await.is_ok_and(|count| count > 0)
    })
    .await;
    kill(
        Pid::from_raw(server.pid().try_into().unwrap()),
        Signal::SIGKILL,
    )
    .unwrap();
    let _ = server.stop();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let _server = mongod(folder.path(), port).await;

    eventually("all entries", || async {
        site.cache.count_pending().await.is_ok_and(|n| n == 0)
    })
    .await;
    let pending = || site.raws.count_pending("cowrie@4");
    eventually("all raws", || async {
        pending().await.is_ok_and(|count| count == 0)
    })
    .await;
    assert_eq!(count("raw").await.unwrap(), RECORDS as u64);
    assert_eq!(count("event").await.unwrap(), RECORDS as u64);
    assert_eq!(count("session").await.unwrap(), RECORDS as u64 / 10);
    assert_eq!(site.cache.refused(10).await.unwrap(), []);
    assert_eq!(site.raws.refused(&["cowrie"], 10).await.unwrap(), []);
    // each session has its ten events, so no merge was lost
    let rows = site.archive.census().await.unwrap();
    let whole = |row: &&CensusRow| row.itype == "session" && row.refs.len() == 10 + 2;
    assert_eq!(rows.iter().filter(whole).count(), RECORDS / 10);
    for query in &queries {
        let hash = query.to_object().unwrap().hash();
        let answered = || async {
            let found = site.queries.find(hash).await.unwrap();
            found.unwrap().0.status == Status::Ready
        };
        eventually("an answer", answered).await;
    }
    verified(env!("CARGO_BIN_EXE_cybexp"), &site).await;
    for (daemon, name) in daemons.into_iter().zip(DAEMONS) {
        stops(daemon, name);
        let log = log(&site, name);
        println!("{name}:\n{log}");
        assert!(
            log.contains("no news of work") || log.contains("trying again"),
            "{log}"
        );
        assert!(!log.contains("panic"), "{log}");
    }
}

/// However long MongoDB was away, nobody sleeps through its return.
#[tokio::test]
#[ignore = "MongoDB is away for two minutes"]
async fn a_mongodb_that_was_away_for_long_is_met_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let [port] = free_ports();
    let server = mongod(folder.path(), port).await;
    let ports = free_ports();
    let more = json!({"metrics": metrics(ports), "report": {"accept_unsigned": true}});
    let site = Site::on(server.url(), "long", more).await;
    let daemons = DAEMONS.map(|name| start(&site, name, &[]));
    for port in ports {
        ready(port).await;
    }
    server.stop().unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    let _server = mongod(folder.path(), port).await;
    let since = Instant::now();
    for (port, name) in ports.into_iter().zip(DAEMONS) {
        ready(port).await;
        println!("{name} is back after {:?}", since.elapsed());
        assert!(since.elapsed() < Duration::from_secs(10), "{name}");
    }
    for (daemon, name) in daemons.into_iter().zip(DAEMONS) {
        stops(daemon, name);
    }
}
