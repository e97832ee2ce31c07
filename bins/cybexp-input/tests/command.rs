//! The command and the daemon, as a person has them: processes, exit statuses, what is printed.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// A folder with a configuration of some `file` inputs; its daemon is killed at the end.
struct Site {
    folder: TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(running) = self.running() {
            let pid = i32::try_from(running["pid"].as_i64().unwrap()).unwrap();
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

impl Site {
    fn new(names: &[&str]) -> Self {
        let site = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        for name in names {
            fs::write(site.log(name), format!("{{\"from\": \"{name}\"}}\n")).unwrap();
        }
        let inputs: Vec<Value> = names.iter().map(|name| site.input(name)).collect();
        site.configure(&inputs);
        site
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    fn input(&self, name: &str) -> Value {
        json!({
            "name": name, "plugin": "file", "typetag": "cowrie", "orgid": "unr",
            "settings": {"path": self.log(name)},
        })
    }

    /// Nobody listens where the API should be.
    fn configure(&self, inputs: &[Value]) {
        let [port] = cybexp_testkit::free_ports();
        let config = json!({
            "api": {"url": format!("http://127.0.0.1:{port}/"), "token": "x"},
            "input": {"inputs": inputs},
        });
        fs::write(self.folder.path().join("config.json"), config.to_string()).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cybexp-input"))
            .args(args)
            .arg("--config")
            .arg(self.folder.path().join("config.json"))
            .output()
            .unwrap()
    }

    /// Runs it and expects this exit status; gives what it printed.
    fn ran(&self, args: &[&str], status: i32) -> String {
        let output = self.run(args);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args:?}\n{out}{err}");
        out + &err
    }

    fn status(&self) -> Value {
        let output = self.run(&["status", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// One of the inputs of the status.
    fn input_status(&self, name: &str) -> Value {
        let status = self.status();
        let inputs = status["inputs"].as_array().unwrap();
        inputs
            .iter()
            .find(|input| input["name"] == name)
            .unwrap_or_else(|| panic!("{name} is not in {status}"))
            .clone()
    }

    fn running(&self) -> Option<Value> {
        let file = self.folder.path().join("run/runningconfig");
        serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
    }
}

#[test]
fn started_shown_and_stopped() {
    let site = Site::new(&["london", "oslo"]);
    assert!(
        site.ran(&["status"], 3)
            .contains("no cybexp-input runs here")
    );
    assert!(site.ran(&["stop"], 3).contains("no cybexp-input runs here"));

    let started = site.ran(&["start"], 0);
    assert!(
        started.contains("london") && started.contains("running"),
        "{started}"
    );
    let file = site.folder.path().join("run/runningconfig");
    let mode = fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let pid = site.running().unwrap()["pid"].clone();

    // once more: it is there already
    site.ran(&["start"], 0);
    assert_eq!(site.running().unwrap()["pid"], pid);
    let shown = site.ran(&["status"], 0);
    for text in ["oslo", "file", "running", "spool", "API"] {
        assert!(shown.contains(text), "{text} is not in\n{shown}");
    }
    assert_eq!(site.input_status("oslo")["taken"], 1);

    site.ran(&["stop", "--name", "oslo"], 0);
    assert_eq!(site.input_status("oslo")["state"], "stopped");
    assert!(
        site.ran(&["status"], 1).contains("stopped"),
        "one is not as it should be"
    );
    site.ran(&["status", "--name", "london"], 0);

    let stopped = site.ran(&["stop"], 0);
    assert!(stopped.contains("the daemon has ended"), "{stopped}");
    assert!(site.running().is_none());
    site.ran(&["status"], 3);
}

#[test]
fn only_what_is_named_is_started_and_wrong_names_are_wrong_usage() {
    let site = Site::new(&["london", "oslo"]);
    let wrong = site.ran(&["start", "--name", "paris"], 2);
    assert!(
        wrong.contains("no input `paris`; there are london, oslo"),
        "{wrong}"
    );
    assert!(site.running().is_none());
    site.ran(&["start", "-n", "london", "-p", "file"], 0);
    assert_eq!(site.input_status("oslo")["state"], "stopped");
    assert_eq!(site.input_status("london")["state"], "running");
    site.ran(&["start", "-p", "file"], 0);
    assert_eq!(site.input_status("oslo")["state"], "running");
    site.ran(&["start", "--plugin", "syslog"], 2);
    site.ran(&["frobnicate"], 2);
}

#[test]
fn a_second_daemon_is_refused_and_a_killed_one_is_replaced() {
    let site = Site::new(&["london"]);
    site.ran(&["start"], 0);
    let pid = site.running().unwrap()["pid"].as_i64().unwrap();
    let second = site.ran(&["run"], 1);
    assert!(second.contains(&format!("process {pid}")), "{second}");

    let process = Pid::from_raw(i32::try_from(pid).unwrap());
    kill(process, Signal::SIGKILL).unwrap();
    while kill(process, None).is_ok()
        && fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z"))
    {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(site.running().is_some(), "what it left is still there");
    site.ran(&["status"], 3);
    site.ran(&["start"], 0);
    assert_ne!(site.running().unwrap()["pid"], pid);
    assert_eq!(
        site.input_status("london")["taken"],
        1,
        "it knows what it has taken"
    );
}

#[test]
fn restart_takes_over_what_has_changed_and_leaves_the_rest_alone() {
    let site = Site::new(&["london", "oslo", "rome"]);
    site.ran(&["start"], 0);
    let before = site.input_status("london");

    let mut oslo = site.input("oslo");
    oslo["typetag"] = "sighting".into();
    fs::write(site.log("paris"), "{}\n").unwrap();
    site.configure(&[site.input("london"), oslo, site.input("paris")]);
    site.ran(&["restart"], 0);
    let status = site.status();
    let names: Vec<_> = status["inputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|input| &input["name"])
        .collect();
    // what rome has collected is not lost
    assert_eq!(names, ["london", "oslo", "paris", "rome"]);
    let rome = site.input_status("rome");
    assert_eq!(
        (&rome["state"], &rome["spooled"]),
        (&json!("gone"), &json!(1))
    );
    assert_eq!(
        site.input_status("london")["since"],
        before["since"],
        "it was not touched"
    );
    assert_eq!(
        site.input_status("oslo")["taken"],
        1,
        "it does not begin anew"
    );

    // a wrong configuration changes nothing
    let mut wrong = site.input("london");
    wrong["settings"] = json!({"pth": "x"});
    site.configure(&[wrong]);
    let said = site.ran(&["restart"], 1);
    assert!(said.contains("input.inputs[london].settings"), "{said}");
    assert_eq!(site.status()["inputs"].as_array().unwrap().len(), 4);
    assert_eq!(site.input_status("london")["since"], before["since"]);

    site.configure(&[site.input("london")]);
    site.ran(&["restart", "--name", "london"], 0);
    assert_ne!(
        site.input_status("london")["since"],
        before["since"],
        "it was named"
    );
}

#[test]
fn an_input_that_cannot_be_does_not_hold_up_the_others() {
    let site = Site::new(&["london", "oslo"]);
    fs::remove_file(site.log("oslo")).unwrap();
    let said = site.ran(&["start"], 1);
    assert!(said.contains("oslo.log"), "the reason is shown: {said}");
    assert_eq!(site.input_status("oslo")["state"], "failing");
    assert_eq!(site.input_status("london")["state"], "running");
    // it is looked for
    fs::write(site.log("oslo"), "{}\n").unwrap();
    let since = std::time::Instant::now();
    while site.input_status("oslo")["state"] != "running" {
        assert!(since.elapsed() < Duration::from_secs(60));
    }

    let mut unknown = site.input("rome");
    unknown["plugin"] = "telepathy".into();
    site.configure(&[site.input("london"), unknown]);
    let said = site.ran(&["restart"], 1);
    assert!(said.contains("no plugin `telepathy`"), "{said}");
}

#[test]
fn the_wrong_nonce_is_refused_and_silent_callers_keep_nobody_out() {
    let site = Site::new(&["london"]);
    site.ran(&["start"], 0);
    let running = site.running().unwrap();
    let port = running["port"].as_u64().unwrap();
    // they say nothing at all
    let silent: Vec<_> = (0..400)
        .map(|_| std::net::TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap())
        .collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let ask = |nonce: &str| {
        let mut request = format!("ws://127.0.0.1:{port}/")
            .into_client_request()
            .unwrap();
        let token = format!("Bearer {nonce}").parse().unwrap();
        request.headers_mut().insert("authorization", token);
        runtime.block_on(async {
            let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
            socket
                .send(Message::text("{\"command\": \"status\"}"))
                .await?;
            let answer = socket.next().await.unwrap()?;
            anyhow::Ok(answer.into_text()?.to_string())
        })
    };
    for wrong in ["", "0", &"0".repeat(32)] {
        let error = ask(wrong).unwrap_err().to_string();
        assert!(error.contains("401"), "{error}");
    }
    let nonce = running["nonce"].as_str().unwrap();
    assert_eq!(nonce.len(), 32);
    assert!(ask(nonce).unwrap().contains("london"));
    site.ran(&["status"], 0);
    drop(silent);
}

#[test]
fn check_and_test_take_nothing() {
    let site = Site::new(&["london"]);
    let checked = site.ran(&["check"], 1);
    assert!(checked.contains("cannot be reached"), "{checked}");
    assert!(
        checked.contains('✓'),
        "the source itself is well: {checked}"
    );
    let json: Value = serde_json::from_slice(&site.run(&["check", "--json"]).stdout).unwrap();
    assert_eq!(
        (&json[0]["ok"], &json[1]["ok"]),
        (&json!(false), &json!(true))
    );

    let output = site.run(&["test", "london", "--limit", "1"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "{\"from\": \"london\"}\n"
    );
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("1 records")
    );
    assert!(!site.folder.path().join("spool").exists());
    site.ran(&["test", "paris"], 2);
}

#[test]
fn every_plugin_is_listed_with_an_example_that_it_takes() {
    let site = Site::new(&[]);
    let listed = site.ran(&["list"], 0);
    let json: Value = serde_json::from_slice(&site.run(&["list", "--json"]).stdout).unwrap();
    let examples: Vec<Value> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| with_secrets(&plugin["example"]))
        .collect();
    assert_eq!(examples.len(), cybexp_input::plugin::PLUGINS.len());
    for plugin in cybexp_input::plugin::PLUGINS {
        assert!(listed.contains(plugin.name()) && listed.contains(plugin.about()));
    }
    let known = cybexp_input::typetag::known();
    for example in &examples {
        let typetag = example["typetag"].as_str().unwrap();
        assert!(known.contains(&typetag), "no filter reads {example}");
    }
    site.configure(&examples);
    let config =
        cybexp_service::Config::from_file(&site.folder.path().join("config.json")).unwrap();
    for input in &config.input.inputs {
        let given = cybexp_input::plugin::InputConfig {
            input,
            config: &config,
        };
        let plugin = cybexp_input::plugin::find_for(&given).unwrap();
        plugin
            .open(&given)
            .unwrap_or_else(|error| panic!("{error}"));
        let known: Vec<_> = plugin
            .settings()
            .iter()
            .map(|setting| setting.name)
            .collect();
        let used: Vec<_> = input.settings.0.keys().map(String::as_str).collect();
        assert!(
            used.iter().all(|name| known.contains(name)),
            "{}: {used:?}",
            plugin.name()
        );
        for required in plugin.settings().iter().filter(|setting| setting.required) {
            assert!(
                used.contains(&required.name),
                "{}: {}",
                plugin.name(),
                required.name
            );
        }
    }
}

#[test]
fn the_example_of_a_database_makes_one_event_of_a_row() {
    let site = Site::new(&[]);
    let listed = site.run(&["list", "database", "--json"]).stdout;
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let mut input = listed[0]["example"].clone();
    let rows = rusqlite::Connection::open(site.folder.path().join("rows.db")).unwrap();
    rows.execute_batch(
        "CREATE TABLE sightings (id INTEGER PRIMARY KEY, seen_at TEXT, ip TEXT);
         INSERT INTO sightings VALUES (7, '2026-11-21T10:00:00Z', '203.0.113.9')",
    )
    .unwrap();
    input["settings"]["url"] = "sqlite:rows.db".into();
    site.configure(&[input.clone()]);
    let output = site.run(&["test", "my-database"]);
    assert_eq!(output.status.code(), Some(0));
    let data: Value = serde_json::from_slice(&output.stdout).unwrap();
    let typetag = input["typetag"].as_str().unwrap();
    let filters = cybexp_filters::FILTERS.iter();
    let mut reads = filters.filter(|filter| filter.typetags().contains(&typetag));
    let raw = cybexp_filters::RawInput {
        data: &data,
        orgid: &tahoe_core::OrgId::new("unr").unwrap(),
        timezone: "UTC",
        timestamp: tahoe_core::Timestamp::new(0.0).unwrap(),
    };
    let made = reads.next().unwrap().run(&raw).unwrap();
    assert_eq!(made.events.len(), 1, "{made:?}");
    let event = format!("{:?}", made.events[0]);
    assert!(
        event.contains("ipv4") && event.contains("203.0.113.9"),
        "{event}"
    );
}

/// An example with the secrets that it would take from the environment.
fn with_secrets(example: &Value) -> Value {
    match example {
        Value::Object(object) if object.len() == 1 && object.contains_key("env") => json!("secret"),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), with_secrets(value)))
            .collect(),
        other => other.clone(),
    }
}

/// An API that answers `/raw` with this status, and takes or refuses all.
struct Api {
    url: String,
    status: std::sync::Arc<std::sync::atomic::AtomicU16>,
}

impl Api {
    fn new(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let status = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(status));
        let answer = std::sync::Arc::clone(&status);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let status = answer.load(std::sync::atomic::Ordering::Relaxed);
                std::thread::spawn(move || respond(stream, status));
            }
        });
        Self { url, status }
    }
}

fn respond(stream: std::net::TcpStream, status: u16) -> std::io::Result<()> {
    use std::io::{BufRead, BufReader, Read, Write};
    let mut request = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        request.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    request.read_exact(&mut vec![0; length])?;
    let org = tahoe_core::Org::hash_named("unr").to_string();
    let body = json!({"message": "as the test says", "result": [{"_hash": org}]}).to_string();
    let head =
        format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\nconnection: close");
    write!(
        &stream,
        "{head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Site {
    fn configure_with(&self, api: &str, inputs: &[Value]) {
        let config = json!({"api": {"url": api, "token": "x"}, "input": {"inputs": inputs}});
        fs::write(self.folder.path().join("config.json"), config.to_string()).unwrap();
    }

    fn until(&self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        let since = std::time::Instant::now();
        loop {
            let status = self.input_status(name);
            if is(&status) {
                return status;
            }
            assert!(since.elapsed() < Duration::from_secs(30), "{status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn an_input_of_which_the_api_takes_nothing_is_not_running() {
    for status in [401, 400] {
        let site = Site::new(&["london"]);
        let api = Api::new(status);
        site.configure_with(&api.url, &[site.input("london")]);
        site.run(&["start"]);
        let london = site.until("london", |status| status["state"] == "unused");
        assert!(
            london["refusal"]
                .as_str()
                .unwrap()
                .contains("as the test says"),
            "{london}"
        );
        let shown = site.ran(&["status"], 1);
        assert!(shown.contains("unused"), "{shown}");
        assert!(
            shown.contains("london: the API takes nothing of it: "),
            "{shown}"
        );

        api.status.store(201, std::sync::atomic::Ordering::Relaxed);
        site.run(&["restart"]);
        let london = site.until("london", |status| status["posted"] == 1);
        assert_eq!(
            (&london["state"], &london["refusal"]),
            (&json!("running"), &Value::Null)
        );
        site.ran(&["status"], 0);
    }
}

#[test]
fn a_typetag_that_no_filter_reads_is_told() {
    let site = Site::new(&["london"]);
    let api = Api::new(201);
    let mut london = site.input("london");
    london["typetag"] = "cowrei".into();
    site.configure_with(&api.url, &[london.clone()]);
    let json: Value = serde_json::from_slice(&site.run(&["check", "--json"]).stdout).unwrap();
    let found = json[1]["found"].as_str().unwrap();
    assert_eq!(json[1]["ok"], false);
    assert!(
        found.contains("the source is well") && found.contains("did you mean `cowrie`"),
        "{found}"
    );
    let tested = site.ran(&["test", "london", "--limit", "1"], 0);
    assert!(
        tested.contains("no filter reads the typetag `cowrei`"),
        "{tested}"
    );
    let started = site.ran(&["start"], 1);
    assert!(
        started.contains("unused") && started.contains("did you mean `cowrie`"),
        "{started}"
    );
    // it is posted all the same, and goes on when it is mended, or is meant
    site.until("london", |status| status["posted"] == 1);
    london["any_typetag"] = true.into();
    site.configure_with(&api.url, &[london]);
    site.ran(&["restart"], 0);
    let json: Value = serde_json::from_slice(&site.run(&["check", "--json"]).stdout).unwrap();
    assert_eq!(json[1]["ok"], true, "{json}");
}

#[test]
fn what_is_left_of_an_input_that_is_gone_is_shown_and_can_be_dropped() {
    let site = Site::new(&["london", "oslo", "rome"]);
    site.ran(&["start"], 0);
    site.configure(&[site.input("london")]);
    let shown = site.ran(&["restart"], 0);
    assert!(
        !shown.contains("rome"),
        "of the others nothing was asked: {shown}"
    );
    let shown = site.ran(&["status"], 0);
    assert!(
        shown.contains("gone") && shown.contains("oslo: the configuration has it no more"),
        "{shown}"
    );
    let wrong = site.ran(&["drop", "london"], 1);
    assert!(
        wrong.contains("`london` is an input of the configuration"),
        "{wrong}"
    );
    let wrong = site.ran(&["drop", "paris"], 1);
    assert!(
        wrong.contains("no `paris` in the spool; gone are oslo, rome"),
        "{wrong}"
    );
    assert_eq!(
        site.ran(&["drop", "oslo"], 0),
        "oslo: 1 records are dropped\n"
    );
    assert!(!site.ran(&["status"], 0).contains("oslo"));
    site.ran(&["status", "-n", "rome"], 0);
    site.ran(&["status", "-n", "oslo"], 1);
    // a daemon that is started again knows of it, and without one it can be dropped, too
    site.ran(&["stop"], 0);
    site.ran(&["start"], 0);
    assert_eq!(site.input_status("rome")["state"], "gone");
    site.ran(&["stop"], 0);
    assert_eq!(
        site.ran(&["drop", "rome"], 0),
        "rome: 1 records are dropped\n"
    );
    site.ran(&["start"], 0);
    assert!(!site.ran(&["status"], 0).contains("rome"));
}

#[test]
fn an_input_that_comes_back_has_what_was_left_of_it() {
    let site = Site::new(&["london", "oslo"]);
    let api = Api::new(401);
    site.configure_with(&api.url, &[site.input("london"), site.input("oslo")]);
    site.run(&["start"]);
    site.until("oslo", |status| status["state"] == "unused");
    site.configure_with(&api.url, &[site.input("london")]);
    site.run(&["restart"]);
    // it is not on its way out while the API takes nothing of it
    site.ran(&["status", "-n", "oslo"], 1);
    api.status.store(201, std::sync::atomic::Ordering::Relaxed);
    site.configure_with(&api.url, &[site.input("london"), site.input("oslo")]);
    site.run(&["restart"]);
    for name in ["oslo", "london"] {
        let status = site.until(name, |status| status["posted"] == 1);
        assert_eq!(
            (&status["state"], &status["spooled"]),
            (&json!("running"), &json!(0))
        );
    }
}

#[test]
fn a_test_takes_nothing_and_says_when_nothing_came() {
    let site = Site::new(&[]);
    let folder = site.folder.path().join("misp");
    fs::create_dir(&folder).unwrap();
    let event = "{\"Event\":{\"uuid\":\"1\",\"info\":\"x\"}}";
    fs::write(folder.join("1.json"), event).unwrap();
    fs::write(folder.join("2.json"), "[1]").unwrap();
    // it accepts, and never answers
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let input = |name: &str, plugin: &str, settings: Value| {
        json!({
            "name": name, "plugin": plugin, "typetag": "misp_event", "orgid": "unr", "settings": settings,
        })
    };
    site.configure(&[
        input("folder", "misp_file", json!({"path": folder})),
        input("slow", "http", json!({"url": url})),
    ]);
    for _ in 0..2 {
        let output = site.run(&["test", "folder"]);
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{event}\n")
        );
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["1.json", "2.json"]);
    }
    let said = site.ran(&["test", "slow", "--wait", "1"], 1);
    assert!(
        said.contains("nothing came within 1 s; see --wait"),
        "{said}"
    );
}

#[test]
fn the_sockets_of_the_daemon_do_not_confuse_check() {
    let site = Site::new(&[]);
    let [port, other] = cybexp_testkit::free_ports();
    let input = |listen: Value| {
        json!({
            "name": "router", "plugin": "syslog", "typetag": "cowrie", "orgid": "unr", "settings": {"listen": listen},
        })
    };
    let here = format!("127.0.0.1:{port}");
    site.configure(&[input(json!(here))]);
    let checked = || -> Value {
        let json: Value = serde_json::from_slice(&site.run(&["check", "--json"]).stdout).unwrap();
        json[1].clone()
    };
    assert_eq!(checked()["found"], "can listen on 1 UDP and 1 TCP");
    site.ran(&["start"], 0);
    let pid = &site.running().unwrap()["pid"];
    assert_eq!(
        checked()["found"],
        format!("the daemon (process {pid}) listens there")
    );
    assert_eq!(checked()["ok"], true);
    let said = site.ran(&["test", "router", "--wait", "1"], 1);
    assert!(
        said.contains(&format!(
            "the daemon (process {pid}) listens on udp://{here}"
        )),
        "{said}"
    );
    // of somebody else it is another matter
    let _taken = TcpListener::bind(("127.0.0.1", other)).unwrap();
    site.configure(&[input(json!([here, format!("127.0.0.1:{other}")]))]);
    let found = checked();
    assert_eq!(found["ok"], false);
    let why = found["found"].as_str().unwrap();
    assert!(
        why.contains(&format!("cannot listen on tcp://127.0.0.1:{other}")),
        "{why}"
    );
}

#[test]
fn whoever_hears_no_more_causes_no_panic() {
    let site = Site::new(&["london"]);
    site.ran(&["start"], 0);
    for args in [
        &["list"][..],
        &["list", "--json"],
        &["status"],
        &["status", "--json"],
        &["completions", "bash"],
    ] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cybexp-input"))
            .args(args)
            .arg("--config")
            .arg(site.folder.path().join("config.json"))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), said.as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}

#[test]
fn completions_know_plugins_and_typetags() {
    let site = Site::new(&[]);
    for shell in ["bash", "zsh", "fish"] {
        let script = site.ran(&["completions", shell], 0);
        for word in ["cowrie", "misp_event", "phishtank", "websocket", "drop"] {
            assert!(
                script.contains(word),
                "{word} is not in the completions of {shell}"
            );
        }
    }
    let help = site.ran(&["list", "--help"], 0);
    assert!(help.contains("possible values: cowrie, "), "{help}");
}
