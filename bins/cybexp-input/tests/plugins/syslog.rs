//! `syslog`, with datagrams and connections on loopback.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use cybexp_testkit::{eventually, free_ports};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::{Input, Running};

struct Listening {
    input: Input,
    running: Running,
    port: u16,
}

impl Listening {
    async fn new(settings: Value) -> Self {
        Self::with(settings, 1 << 30).await
    }

    /// Listens on both protocols, with these other settings and a spool of so many bytes.
    async fn with(mut settings: Value, spool_max_bytes: u64) -> Self {
        let [port] = free_ports();
        settings["listen"] = json!(format!("127.0.0.1:{port}"));
        let input = Input::with("syslog", settings, spool_max_bytes);
        let running = input.start().await;
        eventually("it listens", async || input.now().last_fetch.is_some()).await;
        Self {
            input,
            running,
            port,
        }
    }

    fn udp(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(("127.0.0.1", self.port)).unwrap();
        socket
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    async fn messages(&self, records: usize) -> Vec<String> {
        let records = self.input.wait_for(records).await;
        records.iter().map(|record| message(record)).collect()
    }

    /// Waits until all that was sent is taken or counted as dropped, and stops; gives how many were dropped.
    async fn accounts_for(self, sent: u64) -> u64 {
        let accounted = async || {
            let now = self.input.now();
            now.taken + now.dropped >= sent
        };
        eventually("all is taken or counted", accounted).await;
        self.running.stop().await.unwrap();
        let taken = self.input.taken().await;
        let counts = self.input.known().await.counts;
        assert_eq!(counts.taken, taken.len() as u64);
        assert_eq!(counts.taken + counts.dropped, sent);
        let different: BTreeSet<_> = taken.iter().collect();
        assert_eq!(different.len(), taken.len(), "none came twice");
        counts.dropped
    }
}

fn message(record: &str) -> String {
    let record: Value = serde_json::from_str(record).unwrap();
    assert_eq!(record["peer"], "127.0.0.1");
    record["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn both_protocols_and_framings() {
    let listening = Listening::new(json!({})).await;
    listening
        .udp()
        .send(b"<34>Oct 11 22:14:15 host su: one\n")
        .unwrap();
    assert_eq!(listening.messages(1).await, ["one"]);
    let mut stream = listening.tcp().await;
    stream
        .write_all(b"<34>1 - - - - - - two\n<34>Oct 11 22:14:15 host su: thr")
        .await
        .unwrap();
    assert_eq!(listening.messages(2).await[1..], ["two"]);
    stream
        .write_all(b"ee\n26 <34>1 - - - - - - fo\nur 5.<34>1 - - - - - - half")
        .await
        .unwrap();
    assert_eq!(listening.messages(4).await[2..], ["three", "fo\nur 5."]);
    drop(stream);
    assert_eq!(listening.messages(5).await[4..], ["half"]);
    // what was sent before the end is asked for is taken
    let mut stream = listening.tcp().await;
    stream.write_all(b"<34>1 - - - - - - last\n").await.unwrap();
    assert_eq!(listening.messages(6).await[5..], ["last"]);
    stream.write_all(b"in hand").await.unwrap();
    listening.udp().send(b"a datagram").unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    listening.running.stop().await.unwrap();
    let mut rest: Vec<_> = listening.input.taken().await[6..]
        .iter()
        .map(|record| message(record))
        .collect();
    rest.sort();
    assert_eq!(rest, ["a datagram", "in hand"]);
}

#[tokio::test]
async fn the_message_alone_and_one_protocol() {
    let [port, other] = free_ports();
    let listen = json!([
        format!("udp://127.0.0.1:{port}"),
        format!("tcp://127.0.0.1:{other}")
    ]);
    let input = Input::new("syslog", json!({"listen": listen, "post": "message"}));
    let found = input.source().check().await.unwrap();
    assert_eq!(found, "can listen on 1 UDP and 1 TCP");
    let running = input.start().await;
    eventually("it listens", async || input.now().last_fetch.is_some()).await;
    let error = input.source().check().await.unwrap_err();
    let expected = format!("cannot listen on udp://127.0.0.1:{port}: Address already in use");
    assert!(format!("{error:#}").starts_with(&expected), "{error:#}");
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket
        .send_to(
            b"<14>Oct 11 22:14:15 host cowrie: {\"a\": 1}",
            ("127.0.0.1", port),
        )
        .unwrap();
    assert_eq!(input.wait_for(1).await, ["{\"a\": 1}"]);
    running.stop().await.unwrap();
    // and the ports are free again
    input.start().await.stop().await.unwrap();
    input.source().check().await.unwrap();
}

/// Sends datagrams at about this rate.
fn burst(socket: UdpSocket, datagrams: u64, each_second: u64) {
    let start = std::time::Instant::now();
    for number in 0..datagrams {
        let text = format!("<34>Oct 11 22:14:15 host su: number {number}");
        socket.send(text.as_bytes()).unwrap();
        if number % 100 == 99 {
            let due = Duration::from_secs_f64(number as f64 / each_second as f64);
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_datagrams() {
    const SENT: u64 = 20_000;
    let listening = Listening::new(json!({})).await;
    let socket = listening.udp();
    let sending = tokio::task::spawn_blocking(move || burst(socket, SENT, 10_000));
    sending.await.unwrap();
    let dropped = listening.accounts_for(SENT).await;
    println!("of {SENT} datagrams {dropped} were dropped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_kernel_drops_is_counted() {
    const SENT: u64 = 20_000;
    let listening = Listening::new(json!({"receive_buffer_bytes": 2048})).await;
    let socket = listening.udp();
    let sending = tokio::task::spawn_blocking(move || burst(socket, SENT, u64::MAX));
    sending.await.unwrap();
    assert!(listening.accounts_for(SENT).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_no_room_is_counted() {
    const SENT: u64 = 10_000;
    let listening = Listening::with(json!({}), 500_000).await;
    let socket = listening.udp();
    let sending = tokio::task::spawn_blocking(move || burst(socket, SENT, 20_000));
    sending.await.unwrap();
    assert!(listening.accounts_for(SENT).await > 5000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_waits_while_the_spool_is_full() {
    const SENT: usize = 200_000;
    let listening = Listening::with(json!({}), 4 << 20).await;
    let mut stream = listening.tcp().await;
    let sending = tokio::spawn(async move {
        for number in 0..SENT {
            let line = format!("<34>1 - - - - - - {number:0200}\n");
            stream.write_all(line.as_bytes()).await.unwrap();
        }
    });
    let Listening { input, running, .. } = listening;
    let id = input.known().await.id;
    let (mut posted, mut last) = (0, 0);
    while posted < 40_000 {
        let next = input.spool.next(id, last, 10_000, 4 << 20).await.unwrap();
        for record in next {
            let number = message(&String::from_utf8_lossy(&record.data));
            assert_eq!(number.parse::<usize>().unwrap(), posted);
            input.spool.posted(id, record.id);
            (posted, last) = (posted + 1, record.id);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!sending.is_finished(), "it must not be able to send all");
    assert_eq!(input.now().dropped, 0);
    sending.abort();
    running.kill().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_is_cut() {
    let listening = Listening::new(json!({})).await;
    let mut stream = listening.tcp().await;
    let long = "x".repeat(100_000);
    stream
        .write_all(format!("{long}\n<34>1 - - - - - - next\n").as_bytes())
        .await
        .unwrap();
    let messages = listening.messages(2).await;
    assert_eq!(messages[0], long[..64 << 10]);
    assert_eq!(messages[1], "next");
    let error = listening.input.now().last_error.unwrap();
    assert_eq!(
        error,
        "a message from 127.0.0.1 was longer than 64 KiB, and was cut"
    );
}

/// A measurement, not a test: `cargo test --release --test plugins flood -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn a_flood_of_datagrams() {
    const SENT: u64 = 500_000;
    let listening = Listening::new(json!({})).await;
    let socket = listening.udp();
    let sending = tokio::task::spawn_blocking(move || burst(socket, SENT, 50_000));
    sending.await.unwrap();
    let dropped = listening.accounts_for(SENT).await;
    println!("of {SENT} datagrams at 50,000 a second {dropped} were dropped");
}

/// A measurement, not a test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn idle_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Vec::new();
    for number in 0..10 {
        let path = folder.path().join(number.to_string());
        std::fs::write(&path, "one\n").unwrap();
        let [port] = free_ports();
        let listen = format!("127.0.0.1:{port}");
        for (plugin, settings) in [
            ("file", json!({"path": path})),
            ("syslog", json!({"listen": listen})),
        ] {
            let input = Input::new(plugin, settings);
            let started = input.start().await;
            running.push((input, started));
        }
    }
    let used = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .unwrap()
            .1
            .split_whitespace()
            .collect();
        let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    };
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = used();
    tokio::time::sleep(Duration::from_secs(20)).await;
    println!(
        "20 inputs, idle for 20 s: {:?} of CPU time",
        used() - before
    );
    for (_, running) in running {
        running.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_shut_others_out() {
    let listening = Listening::new(json!({})).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(listening.tcp().await);
    }
    let mut sender = listening.tcp().await;
    let line = b"<34>Oct 11 22:14:15 host su: hello\n";
    sender.write_all(line).await.unwrap();
    assert_eq!(listening.messages(1).await, ["hello"]);
    // and one that sends keeps its connection while others come
    for _ in 0..300 {
        idle.push(listening.tcp().await);
        sender.write_all(line).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(listening.messages(301).await.len(), 301);
}
