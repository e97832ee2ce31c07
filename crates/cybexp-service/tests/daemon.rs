//! A real process (`examples/sleeper.rs`): start, probes, signals, systemd, exit status.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

struct Sleeper {
    child: Child,
    lines: BufReader<ChildStderr>,
    _folder: TempDir,
}

fn command(config: &str) -> (TempDir, Command) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    // …/target/debug/deps/daemon-123 → …/target/debug/examples/sleeper
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/sleeper");
    assert!(
        program.exists(),
        "{}: `cargo test -p cybexp-service` builds it",
        program.display()
    );
    let mut command = Command::new(program);
    command.env("CYBEXP_CONFIG", folder.path().join("config.json"));
    command.env_remove("RUST_LOG").current_dir(folder.path());
    (folder, command)
}

impl Sleeper {
    fn start(args: &[&str]) -> Self {
        let (folder, mut command) = command(r#"{"metrics": {"archive": "127.0.0.1:0"}}"#);
        Self::spawn(folder, command.args(args))
    }

    fn spawn(folder: TempDir, command: &mut Command) -> Self {
        let mut child = command
            .args(["--log-format", "json"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            lines,
            _folder: folder,
        }
    }

    /// Reads log lines until the one that begins so.
    fn line(&mut self, message: &str) -> Value {
        loop {
            let mut text = String::new();
            assert!(
                self.lines.read_line(&mut text).unwrap() > 0,
                "the log ended before `{message}`"
            );
            let line: Value =
                serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
            if line["message"].as_str().unwrap().starts_with(message) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for the end of the process and returns its exit status and the rest of the log.
    fn end(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[tokio::test]
async fn starts_answers_probes_and_stops_on_sigterm() {
    let mut sleeper = Sleeper::start(&[]);
    let started = sleeper.line("started");
    assert_eq!(
        (&started["daemon"], &started["version"]),
        (&"archive".into(), &env!("CARGO_PKG_VERSION").into())
    );
    assert!(
        started["config"]
            .as_str()
            .unwrap()
            .ends_with("/config.json")
    );
    let address = started["metrics"].as_str().unwrap().to_owned();
    sleeper.line("work done");

    let get = async |path: &str| {
        reqwest::get(format!("http://{address}{path}"))
            .await
            .unwrap()
    };
    assert_eq!(get("/healthz").await.status(), 200);
    let late = Instant::now() + Duration::from_secs(60);
    while get("/readyz").await.status() != 200 {
        assert!(Instant::now() < late, "never ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let metrics = get("/metrics").await.text().await.unwrap();
    for part in [
        r#"cybexp_build_info{daemon="archive",version="#,
        r#"cybexp_archive_items_total{loop="sleeper"} 1"#,
        r#"cybexp_archive_steps_total{loop="sleeper"} 2"#,
        r#"cybexp_archive_step_seconds_bucket{loop="sleeper",le="0.001"}"#,
    ] {
        assert!(metrics.contains(part), "{part} is not in\n{metrics}");
    }

    sleeper.signal(Signal::SIGTERM);
    let (status, log) = sleeper.end();
    assert_eq!(status, Some(0), "{log}");
    assert_eq!(log.matches(r#""message":"stopped""#).count(), 1, "{log}");
}

#[test]
fn finishes_the_work_in_hand_on_sigint() {
    let mut sleeper = Sleeper::start(&["--work-s", "2"]);
    sleeper.line("work begins");
    sleeper.signal(Signal::SIGINT);
    let (status, log) = sleeper.end();
    assert_eq!(
        (status, log.contains("work done")),
        (Some(0), true),
        "{log}"
    );
}

#[test]
fn leaves_work_that_takes_too_long() {
    let mut sleeper = Sleeper::start(&["--work-s", "1000"]);
    sleeper.line("work begins");
    let asked = Instant::now();
    sleeper.signal(Signal::SIGTERM);
    let (status, log) = sleeper.end();
    assert_eq!(
        (status, log.contains("was not done within 10 s")),
        (Some(0), true),
        "{log}"
    );
    assert!((10..12).contains(&asked.elapsed().as_secs()));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut sleeper = Sleeper::start(&["--work-s", "1000"]);
    sleeper.line("work begins");
    sleeper.signal(Signal::SIGTERM);
    sleeper.line("SIGTERM");
    sleeper.signal(Signal::SIGTERM);
    assert_eq!(sleeper.end().0, Some(1));
}

#[test]
fn once_ends_by_itself() {
    let mut sleeper = Sleeper::start(&["--once"]);
    sleeper.line("work done");
    assert_eq!(sleeper.end().0, Some(0));
}

#[test]
fn wrong_usage_and_wrong_configuration_exit_with_2() {
    let stderr = |command: &mut Command| {
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let (_folder, mut unknown_option) = command("{}");
    assert!(stderr(unknown_option.arg("--bogus")).contains("--bogus"));
    let (folder, mut unknown_key) = command(r#"{"archive": {"key": 1}}"#);
    let text = stderr(&mut unknown_key);
    assert!(
        text.contains(&format!(
            "{}/config.json: archive.key: ",
            folder.path().display()
        )),
        "{text}"
    );
    let (_folder, mut wrong_level) = command("{}");
    assert!(stderr(wrong_level.args(["--log-level", "loud"])).contains("loud"));
    let (folder, mut no_file) = command("{}");
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    assert!(stderr(&mut no_file).contains("config.json: No such file"));
}

#[test]
fn the_option_goes_before_the_environment_and_that_before_the_usual_places() {
    let wrong = r#"{"wrong": 1}"#;
    let (folder, mut command) = command(wrong);
    std::fs::create_dir(folder.path().join("config")).unwrap();
    for file in ["option.json", "config/config.json"] {
        std::fs::write(folder.path().join(file), wrong).unwrap();
    }
    let blamed = |command: &mut Command| {
        let stderr = String::from_utf8(command.output().unwrap().stderr).unwrap();
        stderr.split(": ").nth(1).unwrap().to_owned()
    };
    let path = |file: &str| folder.path().join(file).display().to_string();
    assert_eq!(
        blamed(command.args(["--config", "option.json"])),
        "option.json"
    );
    let (_other, mut command) = self::command(wrong);
    command
        .current_dir(folder.path())
        .env("CYBEXP_CONFIG", path("config.json"));
    assert_eq!(blamed(&mut command), path("config.json"));
    assert_eq!(
        blamed(command.env_remove("CYBEXP_CONFIG")),
        "config/config.json"
    );
}

#[test]
fn an_address_in_use_exits_with_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (folder, mut command) = command(&format!(r#"{{"metrics": {{"archive": "{address}"}}}}"#));
    let (status, log) = Sleeper::spawn(folder, &mut command).end();
    assert_eq!(status, Some(1), "{log}");
    assert!(
        log.contains(&format!("metrics.archive: cannot listen on {address}")),
        "{log}"
    );
}

#[test]
fn systemd_is_told_of_readiness_life_and_stopping() {
    let (folder, mut command) = command("{}");
    let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    command
        .env("NOTIFY_SOCKET", folder.path().join("notify"))
        .env("WATCHDOG_USEC", "100000");
    let told = |what: &str| {
        let mut buffer = [0; 256];
        loop {
            let length = socket.recv(&mut buffer).unwrap();
            if String::from_utf8_lossy(&buffer[..length]).contains(what) {
                return;
            }
        }
    };
    let sleeper = Sleeper::spawn(folder, &mut command);
    told("READY=1");
    told("WATCHDOG=1");
    told("WATCHDOG=1");
    sleeper.signal(Signal::SIGTERM);
    told("STOPPING=1");
    assert_eq!(sleeper.end().0, Some(0));
}
