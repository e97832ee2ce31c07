//! `cybexp doctor`: its checklist.

use cybexp_seal::PrivateKey;
use cybexp_testkit::{Site, eventually, free_ports};
use serde_json::json;

use crate::{SiteWithApi, chmod, cybexp, json_of};

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_and_what_is_not_is_told_with_what_to_do() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    let private = up.site.folder.path().join("priv.pem");
    cybexp(
        &up.site,
        &[
            "user",
            "add",
            "root@example.com",
            "--superuser",
            "--generate",
        ],
    )
    .good();
    eventually("all are ready", async || up.run(&["doctor"]).code == 0).await;
    let sheet = up.run(&["doctor"]).good();
    for text in [
        "✓ what the public key seals, the private key opens",
        "(cache, tahoe, report, identity)",
        "2 users, 1 of them superusers",
        "✓ the API takes api.token, which is one of jdoe@example.com",
        "✓ cybexp-analytics is ready",
        "✓ no raws wait",
        "✓ nothing is set aside",
    ] {
        assert!(sheet.contains(text), "{text}: {sheet}");
    }

    let mut broken = up.site.submission("email", "never read");
    broken.sealed.truncate(100);
    up.site.cache.submit(&[broken]).await.unwrap();
    eventually("it is set aside", async || {
        up.run(&["doctor"])
            .out
            .contains("! 1 records are set aside")
    })
    .await;

    // everybody may read the key, which is of another pair by now
    let other = PrivateKey::generate(2048).unwrap();
    std::fs::write(&private, other.to_pkcs8_pem().as_bytes()).unwrap();
    chmod(&private, 0o644);
    std::fs::write(&up.token, "bogus").unwrap();
    let wrong = up.run(&["doctor"]);
    assert_eq!(wrong.code, 1);
    for text in [
        "✗ everybody on this machine",
        "chmod 600",
        "of two pairs",
        "✗ api.token: ",
    ] {
        assert!(wrong.out.contains(text), "{text}: {}", wrong.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_where_nothing_is_gets_the_whole_list() {
    let up = SiteWithApi::new(&[]).await;
    let [mongo, api, metrics] = free_ports();
    let mongo = format!("mongodb://127.0.0.1:{mongo}/?serverSelectionTimeoutMS=300");
    let mut config = json_of(&std::fs::read_to_string(&up.site.config).unwrap());
    for section in ["cache", "tahoe", "report", "identity"] {
        config[section]["mongo_url"] = mongo.as_str().into();
    }
    config["api"]["url"] = format!("http://127.0.0.1:{api}/").into();
    config["api"]["listen"] = "0.0.0.0:5000".into();
    config["api"]["public_key"] = "nowhere.pem".into();
    config["identity"]["secret"] = "secret".into();
    config["metrics"] = serde_json::json!({"report": format!("0.0.0.0:{metrics}")});
    let file = up.file("other.json", config.to_string());
    let sheet = up.run(&["doctor", "--config", &file]);
    assert_eq!(sheet.code, 1);
    for text in [
        "✗ cannot read the key",
        "✗ no MongoDB at mongodb://127.0.0.1:",
        "identity.secret: is \"secret\", which everybody knows",
        "✗ no API at http://127.0.0.1:",
        "✗ cybexp-report is not ready",
        "! not asked whether they are ready: api, archive, analytics",
        "5 to be put right",
    ] {
        assert!(sheet.out.contains(text), "{text}: {}", sheet.out);
    }

    let file = up.file("broken.json", r#"{"api": {"urll": ""}}"#);
    let broken = up.run(&["doctor", "--config", &file]);
    assert!(
        broken.code == 1 && broken.out.contains("api.urll"),
        "{}",
        broken.out
    );
    let users = up.run(&["user", "list", "--config", &file]);
    assert!(
        users.code == 2 && users.err.contains("api.urll"),
        "{}",
        users.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn data_files_are_checked() {
    let more = json!({
        "analytics": {"geoip": ["good.csv", "bad.csv"]}, "report": {"known_good": ["good.json", "none.json"]},
    });
    let site = Site::new("data", more).await;
    let list = json!({"name": "a", "type": "cidr", "list": ["192.0.2.0/24"], "matching_attributes": ["ip-src"]});
    for (name, text) in [
        ("good.csv", "192.0.2.0,192.0.2.255,AT\n".to_owned()),
        ("bad.csv", "192.0.2.0,192.0.2.9,AT\nfoo,bar,AT\n".to_owned()),
        ("good.json", list.to_string()),
    ] {
        std::fs::write(site.folder.path().join(name), text).unwrap();
    }
    let sheet = cybexp(&site, &["doctor"]);
    assert_eq!(sheet.code, 1);
    // what is wrapped
    let out = sheet.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let folder = site.folder.path().display();
    for text in [
        format!("✓ networks: {folder}/good.csv ("),
        format!("✗ analytics.geoip: {folder}/bad.csv: line 2: foo is no address"),
        format!("✓ allow list: {folder}/good.json"),
        format!("✗ report.known_good: {folder}/none.json: "),
    ] {
        assert!(out.contains(&text), "{text}: {}", sheet.out);
    }
}
