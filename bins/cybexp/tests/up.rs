//! `cybexp up`: one to a folder, found by commands, with ports of its own, a MongoDB that comes back, and inputs that it
//! tells of.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use cybexp_testkit::free_ports;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

/// A home folder with a configuration of `up` in its usual place, and another one in `work/config/config.json`.
struct Home {
    folder: TempDir,
    api: u16,
    metrics: u16,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [api, metrics, web] = free_ports();
        let home = Self {
            folder,
            api,
            metrics,
        };
        let up = home.up();
        fs::create_dir_all(&up).unwrap();
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/seal");
        let key = cybexp_seal::PrivateKey::from_pem(
            &fs::read_to_string(keys.join("2048_pkcs8.pem")).unwrap(),
            None,
        );
        let key = key.unwrap();
        fs::write(up.join("priv.pem"), key.to_pkcs8_pem().as_bytes()).unwrap();
        fs::write(up.join("pub.pem"), key.public_key().to_pem()).unwrap();
        let mongo = json!({"mongo_url": {"file": "mongo.url"}});
        let mut config = json!({
            "api": {
                "url": format!("http://127.0.0.1:{api}/"), "listen": format!("127.0.0.1:{api}"),
                "token": {"file": "api.token"},
            },
            "cache": mongo, "tahoe": mongo, "report": mongo, "identity": mongo,
            "web": {"listen": format!("127.0.0.1:{web}")},
            "metrics": {"archive": format!("127.0.0.1:{metrics}")},
            "input": {"inputs": [
                {"name": "london", "plugin": "file", "typetag": "cowrie", "orgid": "home", "settings": {"path": "log"}},
                {"name": "paris", "plugin": "file", "typetag": "cowrie", "orgid": "home", "enabled": false, "settings": {"path": "x"}},
            ]},
        });
        config["identity"]["secret"] = "a secret of the tests, of 32 bytes".into();
        fs::write(up.join("config.json"), config.to_string()).unwrap();
        fs::write(up.join("log"), "").unwrap();
        let work = home.folder.path().join("work/config");
        fs::create_dir_all(&work).unwrap();
        fs::write(
            work.join("config.json"),
            r#"{"api": {"url": "http://127.0.0.1:1/"}}"#,
        )
        .unwrap();
        home
    }

    /// The folder of `up`.
    fn up(&self) -> PathBuf {
        self.folder.path().join("data/cybexp")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cybexp"));
        let folder = self.folder.path();
        command
            .args(args)
            .current_dir(folder.join("work"))
            .env("XDG_DATA_HOME", folder.join("data"))
            .env("XDG_STATE_HOME", folder.join("state"))
            .env("NO_PROXY", "*")
            .env_remove("CYBEXP_CONFIG")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Starts `up`, waits until everything runs, and returns its output.
    fn start(&self, command: &mut Command) -> (Running, String) {
        let file = |name: &str| self.folder.path().join(name);
        let child = command
            .stdout(File::create(file("out")).unwrap())
            .stderr(File::create(file("err")).unwrap())
            .spawn()
            .unwrap();
        let running = Running {
            child,
            err: file("err"),
        };
        let out = wait_for(&file("out"), "until Ctrl-C", &running.err);
        (running, out)
    }
}

/// A running `up`.
struct Running {
    child: Child,
    err: PathBuf,
}

impl Running {
    fn says(&self, text: &str) -> String {
        wait_for(&self.err, text, &self.err)
    }

    fn stop(mut self) -> i32 {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until the file holds this text, and returns the whole file.
fn wait_for(file: &Path, text: &str, err: &Path) -> String {
    let since = Instant::now();
    loop {
        let all = fs::read_to_string(file).unwrap();
        if all.contains(text) {
            return all;
        }
        let err = || fs::read_to_string(err).unwrap();
        assert!(
            since.elapsed() < Duration::from_secs(120),
            "no `{text}`: {all} {}",
            err()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The MongoDB of the folder.
fn mongod(folder: &Path) -> u32 {
    let folder = folder.join("mongo").display().to_string();
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let mut found = pids.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let ours = line.contains(&format!("--dbpath {folder}")) && !line.starts_with("sh ");
        ours.then_some(pid)
    });
    found.next().unwrap()
}

#[test]
fn it_has_its_folder_alone_is_found_and_keeps_its_database_alive() {
    let home = Home::new();
    let dir = home.up().display().to_string();
    // the environment does not forbid --dir
    let mut command = home.command(&["up", "--dir", &dir]);
    let (up, out) = home.start(command.env("CYBEXP_CONFIG", "/nowhere/config.json"));
    for told in [
        &*format!("http://127.0.0.1:{}/", home.api),
        &format!("http://127.0.0.1:{}/metrics  archive", home.metrics),
        "1 run (1 disabled): london",
        "admin@localhost",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    let both = home.run(&["up", "--dir", &dir, "--config", "x.json"]);
    assert_eq!(both.status.code(), Some(2), "{}", text(&both.stderr));

    let second = home.run(&["up"]);
    let told = text(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{told}");
    assert!(
        told.contains(&format!("(process {})", up.child.id())),
        "{told}"
    );

    let users = || home.run(&["user", "list"]);
    let found = users();
    let told = text(&found.stderr);
    assert!(text(&found.stdout).contains("admin@localhost"), "{told}");
    assert!(told.contains("that of the running `cybexp up`"), "{told}");
    assert!(told.contains("config/config.json"), "{told}");
    // who names one is told nothing
    let config = home.up().join("config.json").display().to_string();
    let named = home.run(&["user", "list", "--config", &config]);
    assert_eq!(text(&named.stderr), "");

    let url = fs::read_to_string(home.up().join("mongo.url")).unwrap();
    kill(
        Pid::from_raw(mongod(&home.up()).cast_signed()),
        Signal::SIGKILL,
    )
    .unwrap();
    up.says("MongoDB was ended by signal 9; starting it again on its data");
    up.says("MongoDB is back on port ");
    assert_eq!(
        fs::read_to_string(home.up().join("mongo.url")).unwrap(),
        url
    );
    assert!(
        text(&users().stdout).contains("admin@localhost"),
        "the data is still there"
    );
    let err = up.says("is back");
    for line in err.lines() {
        assert!(!line.contains("Topology") && line.len() < 400, "{line}");
    }
    assert_eq!(up.stop(), 0);

    // without a running one, that of the current folder goes first
    let told = text(&users().stderr);
    assert!(
        told.contains("using config/config.json; there is also"),
        "{told}"
    );

    let _taken = TcpListener::bind(("127.0.0.1", home.api)).unwrap();
    let taken = home.run(&["up"]);
    let told = text(&taken.stderr);
    assert_eq!(taken.status.code(), Some(1), "{told}");
    let port = format!("port {} is taken: api.listen is 127.0.0.1:{0}", home.api);
    assert!(told.contains(&port), "{told}");
}

#[test]
fn inputs_run_only_where_they_are_wanted() {
    let home = Home::new();
    let (up, out) = home.start(&mut home.command(&["up", "--no-inputs"]));
    assert!(
        out.contains("none run: --no-inputs; 1 are enabled"),
        "{out}"
    );
    let status = home.up().join("run/runningconfig");
    assert!(!status.exists(), "no input daemon runs");
    assert_eq!(up.stop(), 0);
}
