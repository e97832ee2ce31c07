//! `cybexp quarantine`: records that were set aside, and their way back.

use cybexp_testkit::{Daemon, Site};
use serde_json::{Value, json};

use crate::{CYBEXP, cybexp, json_of};

#[tokio::test(flavor = "multi_thread")]
async fn records_are_listed_shown_and_tried_again() {
    let site = Site::new("quarantine", json!({})).await;
    site.submit(
        "cowrie",
        [r#"{"eventid": "cowrie.login.failed", "session": "\u001b[2J"}"#],
    )
    .await;
    let mut broken = site.submission("email", "never read");
    broken.sealed.truncate(100);
    site.cache.submit(&[broken]).await.unwrap();
    process(&site);

    let listed = || json_of(&cybexp(&site, &["quarantine", "list", "--json"]).good());
    let all = listed();
    let ids: Vec<String> = ["entry", "raw"].map(|kind| id_of(&all, kind)).into();
    let table = cybexp(&site, &["quarantine", "list"]).good();
    for text in ["email", "cowrie@", "timestamp", &ids[0], &ids[1]] {
        assert!(table.contains(text), "{text}: {table}");
    }
    let table = cybexp(&site, &["quarantine", "list", "--limit", "1"]).good();
    assert!(!table.contains(" of 3"), "{table}");

    let entry = cybexp(&site, &["quarantine", "show", &ids[0]]).good();
    assert_eq!(json_of(&entry)["bad_data"], json!(true));
    let raw = cybexp(&site, &["quarantine", "show", &ids[1]]).good();
    assert_eq!(json_of(&raw)["data"]["session"], json!("\u{1b}[2J"));
    assert!(!raw.contains('\u{1b}'));
    let unknown = "0123456789abcdef01234567";
    assert!(
        cybexp(&site, &["quarantine", "show", unknown])
            .bad()
            .contains("quarantine list")
    );
    assert_eq!(cybexp(&site, &["quarantine", "show", "no id"]).code, 2);

    let retry = cybexp(&site, &["quarantine", "retry", &ids[0], unknown]).bad();
    assert!(
        retry.contains("1 to be tried again") && retry.contains(unknown),
        "{retry}"
    );
    assert_eq!(listed().as_array().unwrap().len(), 1);
    process(&site);
    assert_eq!(
        listed().as_array().unwrap().len(),
        2,
        "what is still wrong is set aside anew"
    );
    cybexp(
        &site,
        &["quarantine", "retry", "--all", "--typetag", "cowrie"],
    )
    .good();
    assert_eq!(listed().as_array().unwrap().len(), 1);
    cybexp(&site, &["quarantine", "retry", "--all"]).good();
    assert_eq!(listed(), json!([]));
    assert!(
        cybexp(&site, &["quarantine", "list"])
            .good()
            .contains("nothing is set aside")
    );
    assert_eq!(cybexp(&site, &["quarantine", "retry"]).code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_reasons_are_one_and_records_are_selected_and_deleted() {
    let site = Site::new("groups", json!({})).await;
    let login = r#"{"eventid": "cowrie.login.failed", "session": "1"}"#;
    let other = r#"{"eventid": "cowrie.login.failed", "session": "2"}"#;
    site.submit("cowrie", [login, other]).await;
    site.submit("cowrei", [login]).await;
    let mut broken = site.submission("email", "never read");
    broken.sealed.truncate(100);
    broken.entry.name = "mail.eml".to_owned();
    site.cache.submit(&[broken]).await.unwrap();
    process(&site);

    let run = |args: &[&str]| cybexp(&site, &[&["quarantine"], args].concat());
    let list = run(&["list"]);
    assert!(
        list.err.contains("no filter reads 1 of cowrei"),
        "{}",
        list.err
    );
    let list = list.good();
    for text in [
        "3 records",
        "2 × cowrie of unr",
        "1 × email of unr",
        " from mail.eml",
    ] {
        assert!(list.contains(text), "{text}: {list}");
    }
    assert!(
        list.lines().all(|line| line.chars().count() <= 100),
        "{list}"
    );
    let each = run(&["list", "--each"]).good();
    assert_eq!(each.matches(" cowrie of unr").count(), 2, "{each}");

    let count = |args: &[&str]| {
        let listed = run(&[&["list", "--json"], args].concat()).good();
        json_of(&listed).as_array().unwrap().len()
    };
    for (args, expected) in [
        (&[][..], 3),
        (&["--typetag", "email"], 1),
        (&["--org", "unr"], 3),
        (&["--org", "other"], 0),
        (&["--reason", "TIMESTAMP"], 2),
        (&["--since", "1970-01-01"], 3),
        (&["--since", "2100-01-01"], 0),
        (&["--typetag", "cowrie", "--reason", "seal"], 0),
    ] {
        assert_eq!(count(args), expected, "{args:?}");
    }
    assert!(
        run(&["list", "--since", "soon"])
            .bad()
            .contains("--since soon")
    );

    let listed = json_of(&run(&["list", "--json"]).good());
    let entry = id_of(&listed, "entry");
    let row = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == *entry);
    let row = row.unwrap();
    assert_eq!(
        (&row["name"], &row["org"]),
        (&json!("mail.eml"), &json!("unr"))
    );
    assert!(row["timestamp"].is_f64());
    // nobody can be asked
    assert_eq!(run(&["delete", &entry]).code, 2);
    assert_eq!(
        run(&["delete", &entry, "--typetag", "email", "--yes"]).code,
        2
    );
    assert_eq!(count(&[]), 3);
    run(&["delete", &entry, "--yes"]).good();
    assert!(
        run(&["delete", &entry, "--yes"])
            .bad()
            .contains("is not set aside")
    );
    let reason = ["--all", "--reason", "timestamp", "--yes"];
    let deleted = run(&[&["delete"], &reason[..]].concat());
    assert!(deleted.err.contains("2 deleted"), "{}", deleted.err);
    assert_eq!(count(&[]), 0);
}

fn process(site: &Site) {
    for daemon in ["archive", "analytics"] {
        assert!(
            Daemon::start(CYBEXP, &["daemon", daemon, "--once"], site)
                .wait()
                .success()
        );
    }
}

fn id_of(listed: &Value, kind: &str) -> String {
    let mut rows = listed.as_array().unwrap().iter();
    let row = rows
        .find(|row| row["kind"] == kind)
        .unwrap_or_else(|| panic!("{kind}: {listed}"));
    row["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_among_many_is_shown_retried_and_deleted_alone() {
    let site = Site::new("quarantine", json!({})).await;
    let records: [&[u8]; 4] = [b"{}", b"[NaN]", b"[1]", b"[Infinity]"];
    let many = site.submission_of_many("sighting", &records);
    site.cache.submit(&[many]).await.unwrap();
    process(&site);

    let listed = || json_of(&cybexp(&site, &["quarantine", "list", "--json"]).good());
    let ids = || -> Vec<String> {
        let all = listed();
        let entries = all.as_array().unwrap().iter();
        let entries = entries.filter(|one| one["kind"] == "entry");
        entries
            .map(|one| one["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let [second, fourth] = &ids()[..] else {
        panic!("{:?}", ids());
    };
    assert!(second.ends_with(":2") && fourth.ends_with(":4"));
    let shown = json_of(&cybexp(&site, &["quarantine", "show", second]).good());
    assert_eq!(shown["n"], 2);
    assert!(shown["reason"].as_str().unwrap().contains("NaN"), "{shown}");
    assert_eq!(shown["records"], 4);

    cybexp(&site, &["quarantine", "retry", second]).good();
    // those that wait are not set aside, and the other one is as it was
    let waits = cybexp(&site, &["quarantine", "retry", second]).bad();
    assert!(waits.contains("is not set aside"), "{waits}");
    process(&site);
    assert_eq!(ids(), [second.clone(), fourth.clone()]);
    cybexp(&site, &["quarantine", "delete", "--yes", second]).good();
    assert_eq!(ids(), [fourth.as_str()]);
    let all = [
        "quarantine",
        "delete",
        "--yes",
        "--all",
        "--reason",
        "infinity",
    ];
    let gone = cybexp(&site, &all).good();
    assert_eq!((ids().len(), gone.as_str()), (0, ""));
}
