//! Choosing a mongod, with programs that only pretend to be one.
// clippy.toml allows it in tests, but not in their helpers
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mongo_local::{Error, Places, find_in};

fn program(folder: &Path, name: &str, script: &str) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_given_mongod_that_does_not_run_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "mongod", "echo db version v7.0.1");
    let places = Places {
        given: Some("/nowhere/mongod".into()),
        path: Some(folder.path().into()),
        cache: Some(folder.path().join("cache")),
    };
    let error = find_in(&places, &mut |_| panic!("nothing takes long")).unwrap_err();
    assert!(matches!(error, Error::Given { .. }));
    assert!(
        error
            .to_string()
            .starts_with("$CYBEXP_MONGOD is `/nowhere/mongod`, which cannot be used: "),
        "{error}"
    );
}

#[test]
fn a_given_mongod_comes_before_the_path() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "mongod", "echo db version v7.0.1");
    let mine = program(folder.path(), "mine", "echo db version v6.0.5");
    let places = Places {
        given: Some(mine.clone().into()),
        path: Some(folder.path().into()),
        cache: None,
    };
    assert_eq!(find_in(&places, &mut |_| ()).unwrap(), mine);
}

#[test]
fn what_does_not_run_is_passed_over_for_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    program(
        folder.path(),
        "mongod",
        "echo libcrypto.so.1.1 is missing >&2; exit 127",
    );
    let cached = program(
        &folder.path().join("cache/mongod-6.0.5"),
        "mongod",
        "echo db version v6.0.5",
    );
    let places = Places {
        given: None,
        path: Some(folder.path().into()),
        cache: Some(folder.path().join("cache")),
    };
    assert_eq!(
        find_in(&places, &mut |_| panic!("nothing takes long")).unwrap(),
        cached
    );
}

#[test]
fn the_error_lists_what_was_tried_and_what_to_install() {
    let folder = tempfile::tempdir().unwrap();
    program(folder.path(), "mongod", "echo db version v3.6.8");
    let places = Places {
        given: None,
        path: Some(folder.path().into()),
        cache: None,
    };
    let text = find_in(&places, &mut |_| ()).unwrap_err().to_string();
    for part in [
        "version 3.6.8 is older than 5.0",
        "neither HOME nor XDG_CACHE_HOME",
        "install MongoDB",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
