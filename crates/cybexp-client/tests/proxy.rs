//! The proxy of the environment, which is not used for an API on the same machine.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cybexp_client::Client;

/// Serves one answer to every request. Returns the port and a count of the requests.
fn serve(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 8192]);
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}

/// Asks from a process of its own, for environment variables belong to the whole process.
fn ask(url: &str, proxy: u16) -> String {
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args(["--exact", "--ignored", "client", "--nocapture"])
        .env("http_proxy", format!("http://127.0.0.1:{proxy}"))
        .env("HTTP_PROXY", format!("http://127.0.0.1:{proxy}"))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env("CYBEXP_TEST_URL", url);
    String::from_utf8(test.output().unwrap().stdout).unwrap()
}

#[test]
fn an_api_on_this_machine_is_asked_itself() {
    let refusal = "HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 19\r\n\r\nproxy: cannot reach";
    let (proxy, by_proxy) = serve(refusal);
    let pong = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let (api, itself) = serve(pong);
    for host in ["127.0.0.1", "localhost"] {
        let said = ask(&format!("http://{host}:{api}/"), proxy);
        assert!(said.contains("it is there"), "{said}");
    }
    assert_eq!(itself.load(Ordering::SeqCst), 2);
    assert_eq!(by_proxy.load(Ordering::SeqCst), 0);
    // an API elsewhere is asked through the proxy, and the proxy's answer is not taken for the API's
    let said = ask("http://api.invalid/", proxy);
    let expected = "what answers is not the API, but a proxy or another server before it; it says \"proxy: cannot reach\" (502)";
    assert!(said.contains(expected), "{said}");
    assert_eq!(by_proxy.load(Ordering::SeqCst), 1);
}

#[tokio::test]
#[ignore = "started by an_api_on_this_machine_is_asked_itself"]
#[allow(clippy::print_stdout, reason = "the test that started it reads it")]
async fn client() {
    let url = std::env::var("CYBEXP_TEST_URL").unwrap();
    let client = Client::new(url.parse().unwrap(), None).unwrap();
    match client.ping().await {
        Ok(()) => println!("it is there"),
        Err(error) => println!("{error}"),
    }
}
