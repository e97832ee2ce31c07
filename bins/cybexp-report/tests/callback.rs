//! Call-backs: the hosts that the report daemon calls when an answer is there, and hosts that do not reply.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::io::{ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use cybexp_testkit::{Daemon, Site, eventually, now};
use serde_json::{Value, json};
use tahoe_core::{Hash, Query, Socket, Status};
use tokio::net::{TcpSocket, TcpStream};

const REPORT: &str = env!("CARGO_BIN_EXE_cybexp-report");

fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}

fn listen(last: u8, port: u16) -> (TcpListener, u16) {
    let listener = TcpListener::bind((loopback(last), port)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// All that was said by those who have connected so far, sorted.
fn heard(listener: &TcpListener) -> Vec<String> {
    listener.set_nonblocking(true).unwrap();
    let mut heard = Vec::new();
    loop {
        match listener.accept() {
            Ok((mut stream, _)) => {
                let mut said = String::new();
                stream.set_nonblocking(false).unwrap();
                stream.read_to_string(&mut said).unwrap();
                heard.push(said);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    heard.sort_unstable();
    heard
}

/// 32 hex digits.
fn nonce_for(host: &str) -> String {
    Hash::of(&[host]).to_string()[..32].to_owned()
}

/// Queries that differ from each other, whose nonce is the host they name.
fn queries(site: &Site, port: u16, hosts: &[&str]) -> Vec<Query> {
    let make = |(n, host): (usize, &&str)| {
        let question = json!({"sub_type": "port", "data": n});
        let (host, nonce) = ((*host).to_owned(), nonce_for(host));
        site.query("count", &question, now(), Socket { host, port, nonce })
    };
    hosts.iter().enumerate().map(make).collect()
}

async fn all_ready(site: &Site, queries: &[Query]) {
    for query in queries {
        let hash = query.to_object().unwrap().hash();
        let ready = || async {
            let (query, reason) = site.queries.find(hash).await.unwrap().unwrap();
            assert_eq!(reason, None);
            query.status == Status::Ready
        };
        eventually("a report", ready).await;
    }
}

async fn answer(site: &Site, queries: &[Query]) {
    let daemon = Daemon::start::<&str>(REPORT, &[], site);
    site.queries.put(queries).await.unwrap();
    all_ready(site, queries).await;
    // it ends when its calls are made
    assert!(daemon.terminate().success());
}

fn site_with(api_host: &str, callback_hosts: Value, max_concurrent: u32) -> Value {
    json!({
        "api": {"host": api_host},
        "report": {
            "callback_hosts": callback_hosts, "max_concurrent": max_concurrent, "accept_unsigned": true,
        },
    })
}

#[tokio::test]
async fn the_nonce_goes_to_the_api_and_to_listed_hosts() {
    let site = Site::new("callback", site_with("127.0.0.3", json!(["127.0.0.4"]), 64)).await;
    let (api, port) = listen(3, 0);
    let (here, _) = listen(1, port);
    let (listed, _) = listen(4, port);
    let hosts = [
        "localhost",
        "0.0.0.0",
        "127.0.0.1",
        "127.0.0.3",
        "127.0.0.4",
    ];
    answer(&site, &queries(&site, port, &hosts)).await;

    let for_hosts = |hosts: &[&str]| {
        let mut nonces: Vec<String> = hosts.iter().map(|host| nonce_for(host)).collect();
        nonces.sort_unstable();
        nonces
    };
    assert_eq!(heard(&api), for_hosts(&hosts[..4]));
    assert_eq!(heard(&listed), for_hosts(&hosts[4..]));
    assert_eq!(
        heard(&here),
        for_hosts(&[]),
        "localhost means the API's host"
    );
}

#[tokio::test]
async fn no_other_host_is_connected_to() {
    let site = Site::new("refused", site_with("127.0.0.1", json!(["127.0.0.4"]), 64)).await;
    let (other, port) = listen(2, 0);
    let (api, _) = listen(1, port);
    let hosts = [
        "127.0.0.2",
        // other ways to write it
        "127.2",
        "2130706434",
        "0x7f000002",
        "0177.0.0.2",
        "::ffff:127.0.0.2",
        "127.0.0.2.",
        " 127.0.0.2",
        "127.0.0.4@127.0.0.2",
        "127.0.0.2#127.0.0.4",
        "127.0.0.4\n127.0.0.2",
        "",
        "*",
    ];
    answer(&site, &queries(&site, port, &hosts)).await;
    assert_eq!(heard(&other), [""; 0]);
    assert_eq!(heard(&api), [""; 0]);
}

/// A listener whose queue is full: who connects to it waits until it gives up.
async fn black_hole() -> (tokio::net::TcpListener, SocketAddr, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((loopback(1), 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let at = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(at)).await
    {
        filling.push(stream.unwrap());
    }
    (listener, at, filling)
}

#[tokio::test]
async fn who_does_not_listen_holds_up_nobody() {
    // one query at a time: what one waits for, all wait for
    let site = Site::new("deaf", site_with("127.0.0.1", json!([]), 1)).await;
    let (hole, full, _filling) = black_hole().await;
    let (deaf, deaf_port) = listen(1, 0);
    let (closed, closed_port) = listen(1, 0);
    drop(closed);
    let (api, port) = listen(1, 0);

    let mut all = queries(&site, full.port(), &["localhost"; 80]);
    for (query, port) in all[40..]
        .iter_mut()
        .zip([deaf_port, closed_port].into_iter().cycle())
    {
        query.socket.port = port;
    }
    all[79].socket = Socket {
        host: "localhost".to_owned(),
        port,
        nonce: nonce_for("last"),
    };
    let since = Instant::now();
    answer(&site, &all).await;
    assert_eq!(heard(&api), [nonce_for("last")]);
    // one after the other, the 40 calls to the full listener alone would take 200 s
    assert!(
        since.elapsed() < Duration::from_secs(100),
        "{:?}",
        since.elapsed()
    );
    drop((hole, deaf));
}
