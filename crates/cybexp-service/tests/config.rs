//! The configuration file: what it takes, what it refuses and how it says so.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::fs;
use std::path::{Path, PathBuf};

use cybexp_service::config::{Config, ConfigError, LogFormat, LogLevel, Seal, Secret};
use secrecy::ExposeSecret;
use tempfile::TempDir;

fn written(json: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("suite.json");
    fs::write(&file, json).unwrap();
    (folder, file)
}

fn loaded(json: &str) -> Config {
    let (_folder, file) = written(json);
    Config::from_file(&file).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn what_is_missing_takes_its_default() {
    let (folder, file) = written("{}");
    let config = Config::from_file(&file).unwrap();

    let api = &config.api;
    assert_eq!(
        (api.url.as_str(), api.host.as_str()),
        ("http://localhost:5000/", "localhost")
    );
    assert_eq!(
        (api.listen.to_string(), api.seal),
        ("127.0.0.1:5000".to_owned(), Seal::Jwe)
    );
    assert_eq!((api.wait_s, api.max_body_bytes), (5, 67_108_864));
    assert_eq!(api.public_key, folder.path().join("pub.pem"));
    assert_eq!(config.api_token().unwrap().expose_secret(), "");

    let places = [
        config.cache_db(),
        config.tahoe_db(),
        config.archive_db(),
        config.analytics_db(),
        config.report_db(),
    ]
    .into_iter()
    .chain([config.identity_db()])
    .map(|db| db.unwrap())
    .inspect(|db| assert_eq!(db.url.expose(), "mongodb://localhost:27017/"))
    .map(|db| format!("{}.{}", db.db, db.coll))
    .collect::<Vec<_>>();
    assert_eq!(
        places,
        [
            "cache_db.file_entries",
            "tahoe_db.instance",
            "tahoe_db.instance",
            "tahoe_db.instance",
            "report_db.instance",
            "identity_db.instance",
        ]
    );

    assert_eq!(config.archive.private_key, folder.path().join("priv.pem"));
    assert_eq!(config.analytics.max_backoff_s, 3600);
    assert_eq!(config.report.private_key, folder.path().join("priv.pem"));
    assert_eq!(
        (config.report.lease_s, config.report.max_concurrent),
        (60, 64)
    );
    assert!(config.report.callback_hosts.is_empty());
    let missing = config.identity_secret().unwrap_err().to_string();
    assert!(missing.contains("identity.secret: is missing"), "{missing}");
    assert!(config.identity.consent);
    assert_eq!(config.input.run_dir, folder.path().join("run"));
    assert_eq!(config.input.spool_dir, folder.path().join("spool"));
    assert_eq!(config.input.spool_max_bytes, 1 << 30);
    assert!(config.input.inputs.is_empty());
    assert_eq!(
        (config.log.level, config.log.format),
        (LogLevel::Info, LogFormat::Text)
    );
    for daemon in ["api", "archive", "analytics", "report", "input", "web"] {
        assert_eq!(config.metrics.of(daemon), None);
    }
}

fn json_files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                json_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect()
}

#[test]
fn every_shipped_file_parses_and_holds_the_defaults() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let files = json_files(&folder);
    for name in ["config.json", "docker/config.json", "systemd/config.json"] {
        assert!(files.contains(&folder.join(name)), "{name}: {files:?}");
    }
    let example = folder.join("../examples/honeypots/config.json");
    for file in files.iter().chain([&example]) {
        Config::from_file(file).unwrap_or_else(|error| panic!("{error}"));
    }

    let (copy, file) = written(&fs::read_to_string(folder.join("config.json")).unwrap());
    let mut shipped = Config::from_file(&file).unwrap();
    fs::write(copy.path().join("empty.json"), "{}").unwrap();
    let default = Config::from_file(&copy.path().join("empty.json")).unwrap();
    // the one setting without a default
    assert!(
        matches!(&shipped.identity.secret, Secret::File(file) if file.ends_with("identity_secret"))
    );
    shipped.identity.secret = default.identity.secret.clone();
    let shown = |c: &Config| {
        format!(
            "{:?}",
            (
                &c.api,
                &c.cache,
                &c.tahoe,
                &c.archive,
                &c.analytics,
                &c.report,
                &c.identity,
                &c.web,
                &c.log
            )
        )
    };
    assert_eq!(shown(&shipped), shown(&default));
    assert_eq!(shipped.input.spool_max_bytes, default.input.spool_max_bytes);
    assert_eq!(
        shipped.input.inputs[0].settings.0["path"],
        "/var/log/cowrie/cowrie.json"
    );
}

#[test]
fn an_error_names_the_file_and_the_key() {
    let input = |more: &str| {
        format!(
            r#"{{"input": {{"inputs": [{{"name": "a", "plugin": "file", "typetag": "t", "orgid": "o"{more}}}]}}}}"#
        )
    };
    let twice = r#"{"name": "a", "plugin": "file", "typetag": "t", "orgid": "o"}"#;
    for (json, key) in [
        // unknown
        (r#"{"reports": {}}"#.to_owned(), "reports"),
        (r#"{"report": {"lease": 5}}"#.to_owned(), "report.lease"),
        (input(r#", "perod_s": 5"#), "input.inputs[0].perod_s"),
        // wrong type
        (
            r#"{"report": {"lease_s": "5"}}"#.to_owned(),
            "report.lease_s",
        ),
        (r#"{"api": {"wait_s": -1}}"#.to_owned(), "api.wait_s"),
        (r#"{"api": {"listen": "5000"}}"#.to_owned(), "api.listen"),
        (r#"{"api": {"url": "localhost"}}"#.to_owned(), "api.url"),
        (r#"{"api": {"seal": "pgp"}}"#.to_owned(), "api.seal"),
        (r#"{"log": {"level": "loud"}}"#.to_owned(), "log.level"),
        (r#"{"log": {"format": "xml"}}"#.to_owned(), "log.format"),
        (
            r#"{"metrics": {"archive": "nowhere"}}"#.to_owned(),
            "metrics.archive",
        ),
        (r#"{"log": ["info", "text"]}"#.to_owned(), "log"),
        (
            r#"{"cache": {"mongo_url": 5}}"#.to_owned(),
            "cache.mongo_url",
        ),
        (
            r#"{"identity": {"secret": {"path": "x"}}}"#.to_owned(),
            "identity.secret",
        ),
        (
            r#"{"input": {"inputs": [{"plugin": "file"}]}}"#.to_owned(),
            "input.inputs[0]",
        ),
        // senseless
        (
            r#"{"api": {"url": "ftp://localhost/"}}"#.to_owned(),
            "api.url",
        ),
        (r#"{"api": {"host": ""}}"#.to_owned(), "api.host"),
        (
            r#"{"api": {"max_body_bytes": 0}}"#.to_owned(),
            "api.max_body_bytes",
        ),
        (
            r#"{"api": {"max_body_bytes": 94371841}}"#.to_owned(),
            "api.max_body_bytes",
        ),
        (
            r#"{"analytics": {"max_backoff_s": 0}}"#.to_owned(),
            "analytics.max_backoff_s",
        ),
        (
            r#"{"analytics": {"max_backoff_s": 3601}}"#.to_owned(),
            "analytics.max_backoff_s",
        ),
        (
            r#"{"archive": {"mongo_url": "http://localhost/"}}"#.to_owned(),
            "archive.mongo_url",
        ),
        (r#"{"tahoe": {"db": "a.b"}}"#.to_owned(), "tahoe.db"),
        (r#"{"report": {"coll": ""}}"#.to_owned(), "report.coll"),
        (r#"{"report": {"lease_s": 0}}"#.to_owned(), "report.lease_s"),
        (
            r#"{"report": {"max_concurrent": 0}}"#.to_owned(),
            "report.max_concurrent",
        ),
        (
            r#"{"report": {"callback_hosts": [""]}}"#.to_owned(),
            "report.callback_hosts",
        ),
        (
            r#"{"input": {"spool_max_bytes": 0}}"#.to_owned(),
            "input.spool_max_bytes",
        ),
        (
            input(r#", "timezone": "Mars/Olympus""#),
            "input.inputs[0].timezone",
        ),
        (
            format!(r#"{{"input": {{"inputs": [{twice}, {twice}]}}}}"#),
            "input.inputs[1].name",
        ),
    ] {
        let (_folder, file) = written(&json);
        let error = Config::from_file(&file).expect_err(&json).to_string();
        let start = format!("{}: {key}: ", file.display());
        assert!(
            error.starts_with(&start),
            "{json}\n gives {error}\n not  {start}…"
        );
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for json in ["", "{", "[]", "{} {}", r#"{"log": {}, "log": {}}"#] {
        let (_folder, file) = written(json);
        let error = Config::from_file(&file).expect_err(json).to_string();
        assert!(error.starts_with(&file.display().to_string()), "{error}");
    }
}

#[test]
fn a_given_file_must_exist() {
    let missing = Path::new("/nowhere/cybexp.json");
    let error = Config::load(Some(missing)).unwrap_err();
    assert!(
        matches!(&error, ConfigError::Read { file, .. } if file == missing),
        "{error}"
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let (folder, file) = written(
        r#"{"archive": {"private_key": "keys/a.pem"}, "api": {"public_key": "/etc/pub.pem"}}"#,
    );
    let config = Config::from_file(&file).unwrap();
    assert_eq!(config.archive.private_key, folder.path().join("keys/a.pem"));
    assert_eq!(config.api.public_key, Path::new("/etc/pub.pem"));
    assert_eq!(config.file(), Some(file.as_path()));
}

#[test]
fn archive_and_analytics_take_from_tahoe_what_they_lack() {
    let config = loaded(
        r#"{"tahoe": {"mongo_url": "mongodb://tahoe/", "db": "t"},
            "archive": {"db": "raws"},
            "analytics": {"mongo_url": "mongodb://fast/", "coll": "graph"}}"#,
    );
    let archive = config.archive_db().unwrap();
    assert_eq!(
        (archive.url.expose(), &*archive.db, &*archive.coll),
        ("mongodb://tahoe/", "raws", "instance")
    );
    let analytics = config.analytics_db().unwrap();
    assert_eq!(
        (analytics.url.expose(), &*analytics.db, &*analytics.coll),
        ("mongodb://fast/", "t", "graph")
    );
}

#[test]
fn secrets_come_from_elsewhere_and_are_missed_only_when_used() {
    let (folder, file) = written(
        r#"{"api": {"token": {"file": "token"}},
            "identity": {"secret": {"env": "PATH"}},
            "cache": {"mongo_url": {"env": "CYBEXP_NO_SUCH_VARIABLE"}},
            "report": {"mongo_url": {"env": "PATH"}}}"#,
    );
    fs::write(folder.path().join("token"), "abc\n").unwrap();
    let config = Config::from_file(&file).unwrap();
    assert_eq!(config.api_token().unwrap().expose_secret(), "abc");
    assert_eq!(
        config.identity_secret().unwrap().expose_secret(),
        std::env::var("PATH").unwrap()
    );

    let missing = config.cache_db().unwrap_err().to_string();
    let start = format!("{}: cache.mongo_url: ", file.display());
    assert!(
        missing.starts_with(&start) && missing.contains("CYBEXP_NO_SUCH_VARIABLE"),
        "{missing}"
    );
    let no_url = config.report_db().unwrap_err().to_string();
    assert!(
        no_url.contains("report.mongo_url: must begin with mongodb://"),
        "{no_url}"
    );
}

#[test]
fn debug_shows_no_secret() {
    let config = loaded(
        r#"{"api": {"token": "hunter2"}, "identity": {"secret": "hunter2"},
            "tahoe": {"mongo_url": "mongodb://me:hunter2@host/"}, "archive": {"mongo_url": "mongodb://me:hunter2@host/"},
            "input": {"inputs": [{"name": "misp", "plugin": "misp_api", "typetag": "t", "orgid": "o",
                                  "settings": {"key": "hunter2"}}]}}"#,
    );
    let shown = format!(
        "{config:?} {:?} {}",
        config.tahoe_db().unwrap(),
        config.tahoe_db().unwrap().url
    );
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("mongodb://me:***@host/"), "{shown}");
}

#[test]
fn a_secret_that_could_be_guessed_is_refused() {
    let long = "x".repeat(32);
    for (secret, reason) in [
        ("", "is missing"),
        ("secret", "is \"secret\", which everybody knows"),
        (&long[1..], "has 31 bytes, and needs 32"),
    ] {
        let config = loaded(&format!(r#"{{"identity": {{"secret": "{secret}"}}}}"#));
        let refused = config.identity_secret().unwrap_err().to_string();
        assert!(
            refused.contains(&format!("identity.secret: {reason}")),
            "{refused}"
        );
    }
    let config = loaded(&format!(r#"{{"identity": {{"secret": "{long}"}}}}"#));
    assert_eq!(config.identity_secret().unwrap().expose_secret(), long);
}
