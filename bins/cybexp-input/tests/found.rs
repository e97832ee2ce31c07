//! The configuration that a person's commands use where none is named.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cybexp_service::site::{CONFIG, lock};
use serde_json::json;

/// Makes a folder of `cybexp up` with a configuration of one input, which has a record.
fn suite(folder: &Path, input: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let log = folder.join("log.json");
    fs::write(&log, "{\"a\": 1}\n").unwrap();
    let config = json!({"input": {"inputs": [{
        "name": input, "plugin": "file", "typetag": "cowrie", "orgid": "unr", "settings": {"path": log},
    }]}});
    let file = folder.join(CONFIG);
    fs::write(&file, config.to_string()).unwrap();
    file
}

#[test]
fn commands_find_the_configuration_of_up_and_the_daemon_does_not() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cybexp-input"))
            .args(args)
            .current_dir(home)
            .env_remove("CYBEXP_CONFIG")
            .env("XDG_DATA_HOME", home.join("data"))
            .env("XDG_STATE_HOME", home.join("state"))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    };
    let wait = ["--wait", "1"];
    let test = |name: &str| run(&[&["test", name][..], &wait].concat());

    let (code, told) = test("mine");
    assert_eq!(code, Some(2), "{told}");

    // the folder of `up`, which does not run
    suite(&home.join("data/cybexp"), "mine");
    let (code, told) = test("mine");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("{\"a\": 1}"), "{told}");

    // one that runs elsewhere goes first, and is named
    let elsewhere = home.join("elsewhere");
    let file = suite(&elsewhere, "theirs");
    let _lock = lock::take(&elsewhere).unwrap().unwrap();
    let registry = home.join("state/cybexp/up");
    fs::create_dir_all(&registry).unwrap();
    fs::write(registry.join("1"), file.as_os_str().as_encoded_bytes()).unwrap();
    let (code, told) = test("theirs");
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("that of the running `cybexp up`"), "{told}");
    assert_eq!(test("mine").0, Some(2));

    // the daemon takes what it is given, or the usual files: here are none, and no inputs with them
    let (code, told) = run(&["run", "--name", "theirs"]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("the configuration has no inputs"), "{told}");
}
