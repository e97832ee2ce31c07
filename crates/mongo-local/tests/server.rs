//! Real servers: started, stopped, restarted, orphaned.
// clippy.toml allows it in tests, but not in their helpers
#![allow(clippy::unwrap_used)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bson::doc;
use mongo_local::{Error, Mongod, Options, start, start_temporary};

#[path = "../src/scram.rs"]
mod scram;
#[path = "../src/wire.rs"]
mod wire;

use wire::Connection;

/// Names, for the process that is going to be killed, the folder of its server.
const OWNED: &str = "MONGO_LOCAL_TEST_OWNED";
const TEMPORARY: &str = "temporary";

fn runs(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

/// A connection that is signed in.
fn open(mongod: &Mongod) -> Connection {
    let key = fs::read_to_string(mongod.data_dir().join("cybexp.key")).unwrap();
    let mut connection = Connection::open(mongod.port()).unwrap();
    scram::authenticate(&mut connection, &key).unwrap();
    connection
}

fn is_primary(mongod: &Mongod) -> bool {
    let hello = open(mongod).run(doc! { "hello": 1 }).unwrap();
    hello.get_bool("isWritablePrimary").unwrap()
}

#[test]
fn a_temporary_server_is_primary_and_leaves_nothing() {
    let mongod = start_temporary().unwrap();
    assert!(is_primary(&mongod));
    assert!(mongod.url().contains(&mongod.port().to_string()));
    let (pid, folder) = (mongod.pid(), mongod.data_dir().to_owned());
    assert!(folder.exists());
    mongod.stop().unwrap();
    assert!(!runs(pid) && !folder.exists());
}

#[test]
fn another_user_of_the_machine_reads_nothing() {
    let mongod = start_temporary().unwrap();
    let data = fs::metadata(mongod.data_dir()).unwrap();
    let key = fs::metadata(mongod.data_dir().join("cybexp.key")).unwrap();
    assert_eq!(data.permissions().mode() & 0o077, 0);
    assert_eq!(key.permissions().mode() & 0o077, 0);
    for command in [
        doc! { "listDatabases": 1 },
        doc! { "find": "instance" },
        doc! { "insert": "instance", "documents": [{ "_id": 1 }] },
        doc! { "createUser": "me", "pwd": "me", "roles": ["root"] },
        doc! { "shutdown": 1 },
    ] {
        let mut stranger = Connection::open(mongod.port()).unwrap();
        let refused = stranger.run(command.clone()).unwrap_err().to_string();
        assert!(refused.contains("(code 13)"), "{command}: {refused}");
    }
    let mut stranger = Connection::open(mongod.port()).unwrap();
    let refused = scram::authenticate(&mut stranger, &"0".repeat(64));
    assert!(refused.unwrap_err().to_string().contains("(code 18)"));
    mongod.stop().unwrap();
}

#[test]
fn a_dropped_server_leaves_nothing() {
    let mongod = start_temporary().unwrap();
    let (pid, folder) = (mongod.pid(), mongod.data_dir().to_owned());
    drop(mongod);
    assert!(!runs(pid) && !folder.exists());
}

#[test]
fn data_is_kept_and_served_on_another_port() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::new(folder.path().join("data"));
    let first = start(&options).unwrap();
    let first_port = first.port();
    let insert =
        doc! { "insert": "kept", "documents": [{ "_id": 7 }], "writeConcern": { "w": "majority" } };
    open(&first).run(insert).unwrap();
    first.stop().unwrap();

    let second = start(&options).unwrap();
    assert_ne!(second.port(), first_port);
    assert!(is_primary(&second));
    let find = doc! { "count": "kept", "query": { "_id": 7 } };
    let reply = open(&second).run(find).unwrap();
    assert_eq!(reply.get_i32("n").unwrap(), 1);
    second.stop().unwrap();

    let again = start(&Options {
        port: Some(first_port),
        ..options.clone()
    })
    .unwrap();
    assert_eq!(again.port(), first_port);
    again.stop().unwrap();
}

#[test]
fn a_killed_server_is_started_again_on_its_data_and_port() {
    let folder = tempfile::tempdir().unwrap();
    let mut mongod = start(&Options::new(folder.path().join("data"))).unwrap();
    let (url, port, pid) = (mongod.url().to_owned(), mongod.port(), mongod.pid());
    let insert =
        doc! { "insert": "kept", "documents": [{ "_id": 7 }], "writeConcern": { "w": "majority" } };
    open(&mongod).run(insert).unwrap();
    mongod.revive().unwrap();
    assert_eq!((mongod.exited(), mongod.pid()), (None, pid), "it runs");

    let kill = Command::new("kill")
        .args(["-KILL", &pid.to_string()])
        .status();
    assert!(kill.unwrap().success());
    eventually("its end is told", || mongod.exited() == Some(128 + 9));
    mongod.revive().unwrap();
    assert_eq!((mongod.url(), mongod.port()), (&*url, port));
    assert!(mongod.pid() != pid && is_primary(&mongod));
    let find = doc! { "count": "kept", "query": { "_id": 7 } };
    let reply = open(&mongod).run(find).unwrap();
    assert_eq!(reply.get_i32("n").unwrap(), 1);
    let pid = mongod.pid();
    mongod.stop().unwrap();
    assert!(!runs(pid));
}

#[test]
fn a_server_whose_watcher_is_killed_is_started_again_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut mongod = start(&Options::new(folder.path().join("data"))).unwrap();
    let pid = mongod.pid();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let watcher = fields.split(' ').nth(1).unwrap();
    let kill = Command::new("kill").args(["-KILL", watcher]).status();
    assert!(kill.unwrap().success());
    eventually("its end is told", || mongod.exited() == Some(128 + 9));
    // it may still be there as a zombie, until init asks how it ended
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
    mongod.revive().unwrap();
    assert!(is_primary(&mongod));
    mongod.stop().unwrap();
}

#[test]
fn a_taken_port_is_told_with_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // every connection is closed at once, as by a server of another kind
    thread::spawn(move || taken.incoming().for_each(drop));
    let data_dir = folder.path().join("data");
    let options = Options {
        port: Some(port),
        remove_data: true,
        ..Options::new(&data_dir)
    };
    let error = start(&options).err().unwrap();
    assert!(matches!(error, Error::Died { .. }), "{error}");
    assert!(
        error.to_string().contains("Address already in use"),
        "{error}"
    );
    assert!(!data_dir.exists());
}

#[test]
fn a_folder_that_holds_something_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.tex"), "").unwrap();
    let options = Options {
        remove_data: true,
        ..Options::new(folder.path())
    };
    assert!(matches!(start(&options), Err(Error::NotEmpty { .. })));
    assert!(folder.path().join("thesis.tex").exists());
}

/// Starts a process that owns a server, kills the process, and returns the server's pid and folder.
fn kill_owner(data_dir: &str) -> (u32, PathBuf) {
    let mut owner = Command::new(env::current_exe().unwrap())
        .args(["--exact", "owner", "--ignored", "--nocapture"])
        .env(OWNED, data_dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let said = lines
        .map_while(Result::ok)
        .find_map(|line| Some(line.split_once("owns ")?.1.to_owned()))
        .unwrap();
    let (pid, folder) = said.split_once(' ').unwrap();
    let (pid, folder) = (pid.parse().unwrap(), PathBuf::from(folder));
    assert!(runs(pid) && folder.exists());
    owner.kill().unwrap();
    owner.wait().unwrap();
    (pid, folder)
}

/// Runs as the process that [`kill_owner`] starts and kills; it is not a test.
#[test]
#[ignore = "is started by other tests"]
fn owner() {
    let mongod = match env::var(OWNED) {
        Err(_) => return,
        Ok(folder) if folder == TEMPORARY => start_temporary().unwrap(),
        Ok(folder) => start(&Options::new(folder)).unwrap(),
    };
    println!("owns {} {}", mongod.pid(), mongod.data_dir().display());
    thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_killed_owner_leaves_nothing() {
    let (pid, folder) = kill_owner(TEMPORARY);
    eventually("mongod is gone", || !runs(pid));
    eventually("its folder is gone", || !folder.exists());
}

#[test]
fn the_next_owner_waits_for_the_server_of_a_killed_one() {
    let folder = tempfile::tempdir().unwrap();
    let (pid, data_dir) = kill_owner(folder.path().to_str().unwrap());
    let next = start(&Options::new(data_dir)).unwrap();
    assert!(is_primary(&next) && !runs(pid));
    next.stop().unwrap();
}
