//! The person's commands, as processes, on a site of their own.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

mod doctor;
mod examples;
mod feed;
mod filter;
mod geoip;
mod identity;
mod keygen;
mod manual;
mod mark;
mod membership;
mod post;
mod quarantine;
mod query;
mod stix;
mod taxii;
mod token;
mod watch;

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use cybexp_testkit::{Daemon, Site, eventually, free_ports};
use serde_json::{Value, json};

const CYBEXP: &str = env!("CARGO_BIN_EXE_cybexp");

/// The exit status and output of a command.
struct CommandOutput {
    code: i32,
    out: String,
    err: String,
}

impl CommandOutput {
    /// Returns the standard output of a command that succeeded.
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Returns the standard error of a command that failed.
    fn bad(self) -> String {
        assert_eq!(self.code, 1, "{}{}", self.out, self.err);
        self.err
    }
}

/// Runs a command on the site.
fn cybexp(site: &Site, args: &[&str]) -> CommandOutput {
    fed(site, args, "")
}

/// Runs a command on the site with `stdin` as its standard input.
fn fed(site: &Site, args: &[&str], stdin: &str) -> CommandOutput {
    let mut command = Command::new(CYBEXP);
    command
        .env("CYBEXP_CONFIG", &site.config)
        .env_remove("CYBEXP_TOKEN");
    run(command.args(args), stdin)
}

fn run(command: &mut Command, stdin: &str) -> CommandOutput {
    command.env("NO_PROXY", "*");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // a command that reads no input may have ended
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    CommandOutput {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A site with its API running, and with other daemons as asked for.
struct SiteWithApi {
    site: Site,
    /// The file that holds a token of the site's user.
    token: String,
    /// The daemons, the API first.
    daemons: Vec<Daemon>,
}

impl SiteWithApi {
    async fn new(daemons: &[&str]) -> Self {
        let [api, health @ ..] = free_ports::<5>();
        let mut metrics = serde_json::Map::new();
        for (daemon, port) in ["api", "archive", "analytics", "report"].iter().zip(health) {
            metrics.insert((*daemon).to_owned(), json!(format!("127.0.0.1:{port}")));
        }
        let more = json!({
            "api": {
                "url": format!("http://127.0.0.1:{api}/"), "listen": format!("127.0.0.1:{api}"),
                "token": {"file": "token"}, "max_body_bytes": 1 << 20,
            },
            "identity": {"secret": "a secret of the tests, of 32 bytes or more"},
            "metrics": metrics,
        });
        let site = Site::new("cli", more).await;
        chmod(&site.folder.path().join("priv.pem"), 0o600);
        let start = |daemon: &&str| {
            let log = site.folder.path().join(format!("{daemon}.log"));
            Daemon::start_logged(CYBEXP, &["daemon", daemon], &site.config, &log)
        };
        let daemons: Vec<Daemon> = [&["api"], daemons].concat().iter().map(start).collect();
        let token = site.folder.path().join("token").display().to_string();
        std::fs::write(&token, cybexp(&site, &["token", "jdoe@example.com"]).good()).unwrap();
        let url = format!("http://127.0.0.1:{api}/ping");
        eventually("the API is there", async || {
            cybexp(&site, &["ready", &url]).code == 0
        })
        .await;
        Self {
            site,
            token,
            daemons,
        }
    }

    fn run(&self, args: &[&str]) -> CommandOutput {
        cybexp(&self.site, args)
    }

    /// Posts records, each with its typetag, and waits until so many observed events are made of them. `how` is an option
    /// of `post`.
    async fn have(&self, how: &str, records: [(&str, &str); 2], events: usize) {
        for (typetag, records) in records {
            let file = self.file(typetag, records);
            self.run(&["post", "-t", typetag, "-o", "unr", how, &file])
                .good();
        }
        eventually("the graph is made", async || {
            let rows = self.site.archive.census().await.unwrap();
            let observed = rows
                .iter()
                .filter(|row| row.itype == "event" && !row.derived);
            observed.count() == events
        })
        .await;
    }

    /// A file in the site's folder.
    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.site.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

fn chmod(file: &Path, mode: u32) {
    std::fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
}

impl Drop for SiteWithApi {
    /// Prints the daemons' logs if the test failed.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for daemon in ["api", "archive", "analytics", "report"] {
                let log = self.site.folder.path().join(format!("{daemon}.log"));
                eprintln!("{}", std::fs::read_to_string(log).unwrap_or_default());
            }
        }
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
