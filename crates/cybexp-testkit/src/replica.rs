//! A replica set of three servers, whose members are killed, stopped and started again, and whose lines are bad. Each member
//! stands behind a proxy, through which clients and the other members reach it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bson::{Document, doc};
use mongodb::Client;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{Line, Proxy, eventually, free_ports};

const SET: &str = "three";
/// Runs the server, and kills it when the pipe of its owner closes: a test that is killed leaves none.
/// A disk that is full, which is a limit of the size of files here, is an error of a write, and no signal.
const WATCH: &str = r#"trap "" XFSZ; "$@" & child=$!
(read -r _ <&3; kill -9 $child 2>/dev/null) & watcher=$!
wait $child; kill $watcher 2>/dev/null"#;

/// Three servers on this machine.
pub struct Replicas {
    folder: TempDir,
    binary: PathBuf,
    ports: [u16; 3],
    members: [Option<Child>; 3],
    proxies: Vec<Proxy>,
}

impl Replicas {
    /// Starts the servers, and waits until one of them is the primary.
    pub async fn start() -> Self {
        let binary = tokio::task::spawn_blocking(|| mongo_local::find_mongod(&mut |_| {}));
        let binary = binary.await.expect("the search ends");
        let mut set = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            binary: binary.expect("a mongod"),
            ports: free_ports(),
            members: [None, None, None],
            proxies: Vec::new(),
        };
        for port in set.ports {
            set.proxies.push(Proxy::start(port).await);
        }
        (0..3).for_each(|member| set.start_member(member));
        let members = set.proxies.iter().enumerate();
        let members = members
            .map(|(n, proxy)| doc! {"_id": n as i32, "host": format!("127.0.0.1:{}", proxy.port())})
            .collect::<Vec<_>>();
        let settings = doc! {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500};
        let config = doc! {"_id": SET, "members": members, "settings": settings};
        let initiated = async || {
            let run = set.run(0, doc! {"replSetInitiate": config.clone()}).await;
            // it may have been, and the answer was lost
            run.is_ok() || set.primary().await.is_some()
        };
        eventually("the set begins", initiated).await;
        set.has_primary().await;
        set
    }

    /// Returns the connection string.
    pub fn url(&self) -> String {
        let proxies = self.proxies.iter();
        let hosts: Vec<String> = proxies
            .map(|proxy| format!("127.0.0.1:{}", proxy.port()))
            .collect();
        format!("mongodb://{}/?replicaSet={SET}", hosts.join(","))
    }

    /// Starts a member that was killed.
    pub fn start_member(&mut self, member: usize) {
        let data = self.folder.path().join(member.to_string());
        std::fs::create_dir_all(&data).expect("the folder takes folders");
        // that of the process before
        let _ = std::fs::remove_file(data.join("pid"));
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec 3<&0; {WATCH}"), "sh"])
            .arg(&self.binary);
        command.arg("--dbpath").arg(&data);
        command.arg("--pidfilepath").arg(data.join("pid"));
        command.args([
            format!("--port={}", self.ports[member]),
            format!("--replSet={SET}"),
        ]);
        command.args([
            "--bind_ip=127.0.0.1",
            "--nounixsocket",
            "--oplogSize=128",
            "--wiredTigerCacheSizeGB=0.25",
            "--quiet",
            "--setParameter=diagnosticDataCollectionEnabled=false",
        ]);
        let log = File::create(data.join("log")).expect("the folder takes files");
        let log_too = log.try_clone().expect("a file");
        let child = command
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(log_too)
            .spawn();
        self.members[member] = Some(child.expect("sh is there"));
    }

    /// Kills a member with SIGKILL.
    pub fn kill_member(&mut self, member: usize) {
        if let Some(pid) = pid(&self.folder.path().join(member.to_string()).join("pid")) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        if let Some(mut child) = self.members[member].take() {
            drop(child.stdin.take());
            let _ = child.wait();
        }
    }

    /// Changes the line to a member.
    pub fn line(&self, member: usize, line: Line) {
        self.proxies[member].set(line);
    }

    /// Returns the process id of a member that runs.
    pub fn pid(&mut self, member: usize) -> Option<i32> {
        let child = self.members[member].as_mut()?;
        match child.try_wait() {
            Ok(None) => pid(&self.folder.path().join(member.to_string()).join("pid")),
            _ => None,
        }
    }

    /// Returns the member that is the primary now.
    pub async fn primary(&self) -> Option<usize> {
        for member in 0..3 {
            let hello = self.run(member, doc! {"hello": 1}).await;
            if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false)) {
                return Some(member);
            }
        }
        None
    }

    /// Waits for a primary, and returns it.
    pub async fn has_primary(&self) -> usize {
        eventually("there is a primary", async || {
            self.primary().await.is_some()
        })
        .await;
        self.primary().await.unwrap_or_default()
    }

    /// Makes the primary step down, and returns whether it did.
    pub async fn step_down(&self) -> bool {
        let Some(primary) = self.primary().await else {
            return false;
        };
        let down = doc! {"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 2};
        self.run(primary, down).await.is_ok()
    }

    /// Runs a command on one member.
    async fn run(&self, member: usize, command: Document) -> mongodb::error::Result<Document> {
        let url = format!(
            "mongodb://127.0.0.1:{}/?directConnection=true&serverSelectionTimeoutMS=1000&connectTimeoutMS=1000",
            self.ports[member]
        );
        let client = Client::with_uri_str(url).await?;
        client.database("admin").run_command(command).await
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        (0..3).for_each(|member| self.kill_member(member));
    }
}

/// Reads the id of a process, for a second: a server that is starting writes it.
fn pid(file: &Path) -> Option<i32> {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(1) {
        let mut text = String::new();
        let read = File::open(file).and_then(|mut file| file.read_to_string(&mut text));
        if read.is_ok()
            && let Ok(pid) = text.trim().parse()
        {
            return Some(pid);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}
